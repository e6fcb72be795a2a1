"""Libraries made of numbers: photos that were never files, with the prints they should have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from curation.cull.library import Library, Photo
from curation.cull.prints import Prints
from curation.photos.capture import Capture
from curation.photos.hashes import NAMES
from curation.photos.prints import PRINT

ROOT = Path("/photos")


@dataclass(frozen=True)
class Shot:
    """What is to be known of one photo; the rest is as of any other."""

    name: str
    phash: int = 0
    sharp: float = 20.0
    size_wh: tuple[int, int] = (6000, 4000)
    size_bytes: int = 5_000_000
    taken_s: float | None = None
    subsec: bool = True
    camera: str = "X100"
    key: str = ""
    content: str = ""
    clipped: float = 0.0
    flat: bool = False
    raw: bool = False
    reference: bool = False
    tiles: Sequence[float] = field(default=())
    luma: float = 120.0
    chroma: float = 40.0
    exposure_s: float | None = None
    bias_ev: float | None = None
    bracket: bool = False


def library(shots: Sequence[Shot]) -> Library:
    """Return a library of shots, in their order."""
    rows = np.zeros(len(shots), PRINT)
    photos = []
    for at, shot in enumerate(shots):
        rows[at]["hashes"] = [shot.phash] * len(NAMES)
        rows[at]["turned"] = [shot.phash] * 8
        rows[at]["sharp"], rows[at]["tiles"] = shot.sharp, shot.tiles or shot.sharp
        rows[at]["luma_mean"], rows[at]["chroma"] = shot.luma, shot.chroma
        rows[at]["clipped_frac"], rows[at]["flat"] = shot.clipped, shot.flat
        path = ROOT / shot.name
        told = Capture(
            taken_s=shot.taken_s, subsec=shot.subsec, model=shot.camera,
            exposure_s=shot.exposure_s, bias_ev=shot.bias_ev, bracket=shot.bracket,
        )  # fmt: skip
        files = (path, path.with_suffix(".CR2")) if shot.raw else (path,)
        photos.append(
            Photo(path, ROOT, files, shot.content or f"c-{shot.name}",
                  shot.key or f"k-{shot.name}", "JPEG", shot.size_bytes, 1_700_000_000_000_000_000,
                  *shot.size_wh, told.at(path, 1_700_000_000_000_000_000), shot.reference)
        )  # fmt: skip
    return Library(photos, Prints.of([row.tobytes() for row in rows]))
