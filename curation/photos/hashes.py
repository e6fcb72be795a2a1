"""Perceptual hashes of a grey picture, with 64 and with 256 bits, as imagehash defines them.

At equal grey pixels every bit is that of imagehash 4.3 (`phash`, `dhash`, `average_hash`, `whash`
with hash_size 8 and 16); tests hold it to that. A hash is packed with its first bit highest, so
that its number in hexadecimal is imagehash's text.

* pHash: C. Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010: the
  lowest DCT-II terms of 4n x 4n pixels, above their median.
* dHash: n+1 x n pixels, brighter than the one to the left.
* aHash: n x n pixels above their mean.
* wHash: the low band of a Haar wavelet without its mean, above the median; the band is the means
  of blocks. Where two means are equal, imagehash's rounding decides, here none is above the other.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]

NAMES = ("phash", "dhash", "ahash", "whash")
FLAT_SPREAD = 2.0
"""Luma that deviates by less (of 255) is flat: what bits it gives is noise."""


def is_flat(grey: Grey) -> bool:
    """Return whether a picture is so even that its hashes mean nothing."""
    return float(grey.std()) < FLAT_SPREAD


def hashes(grey: Grey, side: int) -> Words:
    """Return the four hashes of side x side bits, in the order of NAMES: (4, side^2 / 64) uint64.

    Args:
        grey: (h, w) uint8 luma, upright.
        side: 8 or 16.
    """
    return _four(grey, side, _low_terms(grey, side), _square(grey))


def all_of(grey: Grey) -> tuple[Words, Words, Words]:
    """Return ((4, 1) with 64 bits, (4, 4) with 256 bits, (8,) from `turned`); work is shared."""
    low, square = _low_terms(grey, 8), _square(grey)
    wide = _four(grey, 16, _low_terms(grey, 16), square)
    return _four(grey, 8, low, square), wide, _turned(low)


def one(grey: Grey, name: str) -> int:
    """Return one 64-bit hash of a picture.

    Args:
        name: among NAMES.
    """
    bits = {
        "phash": lambda: _above_median(_low_terms(grey, 8)),
        "dhash": lambda: _steps(_resized(grey, 9, 8)),
        "ahash": lambda: _above_mean(_resized(grey, 8, 8)),
        "whash": lambda: _above_median(_block_means(grey, _square(grey), 8)),
    }[name]()
    return int(np.packbits(bits.ravel()).view(">u8")[0])


def turned(grey: Grey) -> Words:
    """Return the 64-bit pHash of a picture in the eight ways to turn and mirror it: (8,) uint64.

    Entry i is that of the picture turned as EXIF orientation i + 1 asks for; [0] as it stands. A
    mirrored picture has the same DCT terms with the signs of odd ones changed, one across its
    diagonal has them transposed, so one transform is enough.
    """
    return _turned(_low_terms(grey, 8))


def _four(
    grey: Grey, side: int, low: npt.NDArray[np.float64], square: npt.NDArray[np.float64]
) -> Words:
    found = (
        _above_median(low),
        _steps(_resized(grey, side + 1, side)),
        _above_mean(_resized(grey, side, side)),
        _above_median(_block_means(grey, square, side)),
    )
    return np.packbits(np.stack([bits.ravel() for bits in found]), axis=1).view(">u8").astype(
        np.uint64
    )


def _turned(low: npt.NDArray[np.float64]) -> Words:
    sign = np.where(np.arange(8) % 2, -1.0, 1.0)
    across, down = low * sign[None, :], low * sign[:, None]
    both = across * sign[:, None]
    ways = np.stack((low, across, both, down, low.T, down.T, both.T, across.T)).reshape(8, 64)
    bits = ways > np.median(ways, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(">u8")[:, 0].astype(np.uint64)


@cache
def _dct_rows(side: int) -> npt.NDArray[np.float64]:
    """Return the first rows of the DCT-II of 4 side values, unscaled: (side, 4 side)."""
    k, n = np.arange(side)[:, None], np.arange(4 * side)[None, :]
    return np.asarray(2 * np.cos(np.pi * k * (2 * n + 1) / (8 * side)))


def _low_terms(grey: Grey, side: int) -> npt.NDArray[np.float64]:
    rows = _dct_rows(side)
    return np.asarray(rows @ _resized(grey, 4 * side, 4 * side) @ rows.T)


def _square(grey: Grey) -> npt.NDArray[np.float64]:
    """Return a picture with sides of a power of two: what a Haar wavelet takes apart."""
    side = 1 << (min(grey.shape).bit_length() - 1)
    return _resized(grey, side, side)


def _block_means(
    grey: Grey, square: npt.NDArray[np.float64], side: int
) -> npt.NDArray[np.float64]:
    if len(square) < side:
        square = _resized(grey, side, side)
    block = len(square) // side
    return np.asarray(square.reshape(side, block, side, block).mean(axis=(1, 3)))


def _resized(grey: Grey, wide: int, tall: int) -> npt.NDArray[np.float64]:
    from PIL import Image

    made = Image.fromarray(grey).resize((wide, tall), Image.Resampling.LANCZOS)
    return np.asarray(made, np.float64)


def _above_median(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    return np.asarray(values > np.median(values))


def _above_mean(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    return np.asarray(values > values.mean())


def _steps(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    return np.asarray(values[:, 1:] > values[:, :-1])
