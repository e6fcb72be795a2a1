"""The print of a picture: hashes, sharpness and exposure from its one scaled decode, in 497 bytes.

Every reader of pictures makes it the same way, so that a print is the same whether the review or
the culling read the file first: a JPEG is decoded at the smallest scale that leaves DECODE_PX on
its longer side, other formats whole; the luma of its sRGB is halved as long as that is left.
Hashes see that luma shrunk to 256 px on its shorter side. Bits may differ by one or two from those
of a full decode, which is why `FP` names the way.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from curation.photos import hashes, sharpness

Grey = npt.NDArray[np.uint8]

FP = "2"
"""Raised whenever a print, or what is kept of the capture beside it, would come out differently."""
DECODE_PX = 1280
HASH_PX = 256
BLACK, WHITE = 2, 253
"""Luma up to and from which detail is lost."""

PRINT = np.dtype(
    [
        ("hashes", "<u8", 4),
        ("wide", "<u8", (4, 4)),
        ("turned", "<u8", 8),
        ("tiles", "<f4", sharpness.TILES**2),
        ("sharp", "<f4"),
        ("luma_mean", "<f4"),
        ("clipped_frac", "<f4"),
        ("chroma", "<f4"),
        ("flat", "u1"),
    ]
)
"""One print as it is stored; hashes in the order of `hashes.NAMES`."""


def luma_of(rgb: npt.NDArray[np.uint8]) -> Grey:
    """Return the luma that prints are made of, from (h, w, 3) uint8 sRGB, upright."""
    import cv2

    from curation.video.picture import halved

    return np.asarray(halved(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), DECODE_PX), np.uint8)


def chroma_of(rgb: npt.NDArray[np.uint8]) -> float:
    """Return how much colour a picture has, 0 (grey) to 255: the mean of largest less smallest.

    Every fourth pixel of every fourth row tells enough of (h, w, 3) uint8 sRGB.
    """
    some = rgb[::4, ::4]
    return float((some.max(axis=2) - some.min(axis=2)).mean())


def make(luma: Grey, chroma: float = 0.0) -> bytes:
    """Return the print of a picture: PRINT.itemsize bytes.

    Args:
        luma: from `luma_of`.
        chroma: from `chroma_of`.
    """
    made = np.zeros((), PRINT)
    small = _hash_view(luma)
    short, made["wide"], made["turned"] = hashes.all_of(small)
    made["hashes"] = short[:, 0]
    made["flat"] = hashes.is_flat(small)
    made["tiles"] = sharpness.tiles(luma)
    made["sharp"] = sharpness.whole(made["tiles"])
    share = np.bincount(small.ravel(), minlength=256) / small.size
    made["luma_mean"] = share @ np.arange(256)
    made["clipped_frac"] = share[: BLACK + 1].sum() + share[WHITE:].sum()
    made["chroma"] = chroma
    return made.tobytes()


def _hash_view(luma: Grey) -> Grey:
    import cv2

    scale = HASH_PX / min(luma.shape)
    if scale >= 1:
        return luma
    size_wh = max(1, round(luma.shape[1] * scale)), max(1, round(luma.shape[0] * scale))
    return np.asarray(cv2.resize(luma, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
