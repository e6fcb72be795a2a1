"""Fingerprints of whole pictures: equal pixels, and pictures that look alike."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from curation.records import Measured, Value
from curation.steps.base import Item, RgbImage, Step
from curation.steps.lanczos import rows, stacked

FLAT_SPREAD = 2.0
SIZES_WH = (32, 32), (9, 8)
"""What pHash and dHash look at."""
STRIP = 64
STRETCH = 65_536
"""Words summed at once: as many as the processor's cache holds."""


class Hashes(Step):
    """Measure 64-bit pHash and dHash, bit for bit those of imagehash, and a hash of all pixels.

    Hashes are unsigned 64-bit numbers read as signed ones, as SQLite keeps them. A picture without
    structure (luma deviates by less than 2) has no pHash and no dHash: its bits would be noise.
    """

    name = "hashes"
    version = "2"
    produces = {"phash": int, "dhash": int, "pixels": int}

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Hash each picture."""
        return [Measured(_hashes(item.rgb)) for item in items]


def _hashes(rgb: RgbImage) -> dict[str, Value]:
    import cv2
    import imagehash
    from PIL import Image

    found: dict[str, Value] = {"phash": None, "dhash": None, "pixels": pixels(rgb)}
    of_luma, parts = np.zeros(2), []
    for low in range(0, len(rgb), STRIP):
        # Pillow's luma, a few rows at a time: what comes next finds them in the cache.
        grey = np.asarray(Image.fromarray(rgb[low : low + STRIP]).convert("L"))
        mean, spread = (float(one[0, 0]) for one in cv2.meanStdDev(grey))
        of_luma += np.array([mean, spread**2 + mean**2]) * grey.size
        parts.append(rows(grey, SIZES_WH))
    mean, square = of_luma / (rgb.shape[0] * rgb.shape[1])
    if np.sqrt(max(square - mean**2, 0.0)) >= FLAT_SPREAD:
        # imagehash's own reductions cost ten times the hashes; of these it takes copies.
        for_phash, for_dhash = stacked(np.concatenate(parts), SIZES_WH)
        found["phash"] = signed(imagehash.phash(Image.fromarray(for_phash)).hash)
        found["dhash"] = signed(imagehash.dhash(Image.fromarray(for_dhash)).hash)
    return found


def pixels(rgb: RgbImage) -> int:
    """Return a hash of all pixels and the shape: a signed 64-bit number, unequal for unequal ones.

    Each stretch of 512 KB becomes two sums of its 64-bit words, times random odd weights, one of
    the words as they are and one with their bytes the other way round, modulo 2^64 (Dietzfelbinger
    et al. 1997, multiply-shift). Two pictures share a sum with a chance of 2^-(64 - v), v being the
    lowest bit in which they differ; that v is high for one of the two sums makes it low for the
    other, so both agree once in 2^72. A BLAKE2b over the sums makes one number of them; over the
    pixels it takes ten times as long.
    """
    flat = np.ascontiguousarray(rgb).reshape(-1)
    whole = len(flat) // 8 * 8
    words, weights = flat[:whole].view("<u8"), _weights()
    digest = hashlib.blake2b(str(rgb.shape).encode(), digest_size=8)
    for low in range(0, len(words), STRETCH):
        part = words[low : low + STRETCH]
        for side in (part, part.byteswap()):
            digest.update(int(np.dot(side, weights[: len(part)])).to_bytes(8, "little"))
    digest.update(flat[whole:].tobytes())
    return int.from_bytes(digest.digest(), "big", signed=True)


@cache
def _weights() -> npt.NDArray[np.uint64]:
    # The raw stream of a bit generator is the same in every version of numpy.
    return np.random.PCG64(8).random_raw(STRETCH) | np.uint64(1)


def signed(bits: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> int:
    """Return 64 booleans, most significant first, as a signed 64-bit number."""
    return int.from_bytes(np.packbits(bits.ravel()).tobytes(), "big", signed=True)
