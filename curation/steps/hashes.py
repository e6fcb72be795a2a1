"""Fingerprints of whole pictures: equal pixels, and pictures that look alike."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from curation.records import Measured, Value
from curation.steps.base import Item, RgbImage, Step

FLAT_SPREAD = 2.0


class Hashes(Step):
    """Measure 64-bit pHash and dHash, bit for bit those of imagehash, and a hash of all pixels.

    Hashes are unsigned 64-bit numbers read as signed ones, as SQLite keeps them. A picture without
    structure (luma deviates by less than 2) has no pHash and no dHash: its bits would be noise.
    """

    name = "hashes"
    version = "1"
    produces = {"phash": int, "dhash": int, "pixels": int}

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Hash each picture."""
        return [Measured(_hashes(item.rgb)) for item in items]


def _hashes(rgb: RgbImage) -> dict[str, Value]:
    import imagehash
    from PIL import Image

    digest = hashlib.blake2b(np.ascontiguousarray(rgb).data, digest_size=8)
    digest.update(str(rgb.shape).encode())
    found: dict[str, Value] = {"phash": None, "dhash": None}
    found["pixels"] = int.from_bytes(digest.digest(), "big", signed=True)
    grey = Image.fromarray(rgb).convert("L")
    if _spread(grey.histogram()) >= FLAT_SPREAD:
        found["phash"] = signed(imagehash.phash(grey).hash)
        found["dhash"] = signed(imagehash.dhash(grey).hash)
    return found


def _spread(histogram: Sequence[int]) -> float:
    """Return the standard deviation of a picture with this many pixels of each level."""
    share = np.asarray(histogram, np.float64) / sum(histogram)
    levels = np.arange(len(share))
    return float(np.sqrt(share @ (levels - share @ levels) ** 2))


def signed(bits: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> int:
    """Return 64 booleans, most significant first, as a signed 64-bit number."""
    return int.from_bytes(np.packbits(bits.ravel()).tobytes(), "big", signed=True)
