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
    if np.asarray(grey).std() >= FLAT_SPREAD:
        found["phash"] = signed(imagehash.phash(grey).hash)
        found["dhash"] = signed(imagehash.dhash(grey).hash)
    return found


def signed(bits: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> int:
    """Return 64 booleans, most significant first, as a signed 64-bit number."""
    return int.from_bytes(np.packbits(bits.ravel()).tobytes(), "big", signed=True)
