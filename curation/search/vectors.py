"""The stored vectors of all frames that can be shown, as files that are mapped.

They are read from the catalogue once and kept in cache/vectors/, so that the next process has
them at once and memory is the system's to give and take. A file's name holds the clocks of what
it was made from (store/clock.py): deciding anew makes none of them anew.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curation.errors import CurationError
from curation.store import review_table
from curation.store.catalogue import Catalogue
from curation.store.clock import FRAME_TABLES, clocks, signal_tables

Vectors = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]

FOLDER = Path("cache") / "vectors"
SOURCES = {"appearance": "appearance", "face": "identity", "pose": "pose_shape", "scene": "scene"}
"""What frames can be alike by, and the column that says so."""
SAID = {
    "appearance": "looks", "face": "faces", "pose": "poses", "scene": "places",
}
JOINTS = (0, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
"""Nose, ears, shoulders, elbows, wrists, hips, knees, ankles: as for duplicates."""
LAYOUT = 33


def check_kind(by: str) -> None:
    """Raise CurationError when frames cannot be alike by this."""
    if by not in SOURCES:
        raise CurationError(f"frames are alike by {', '.join(SOURCES)}, not by {by!r}")


def state_of(catalogue: Catalogue) -> str:
    """Return a text, fit for a file name, that changes when frames or measures do."""
    now = clocks(catalogue)
    if now is None:
        return review_table.table_revision(catalogue)
    tables = [*FRAME_TABLES, *signal_tables(catalogue).values()]
    return hashlib.sha256(repr([now[table] for table in tables]).encode()).hexdigest()[:16]


def vectors_of(catalogue: Catalogue, frame_id: Ids, by: str) -> Vectors:
    """Return (n, d) float32 of each row, NaN where it has none; mapped from a file.

    By pose d is 30: x and y of JOINTS, NaN where a joint is not surely in sight.

    Args:
        frame_id: (n,) the frames of store.review_table.row_ids, as they are in the same look.

    Raises:
        CurationError: by is not one of SOURCES, or nothing of it is measured.
    """
    check_kind(by)
    path = catalogue.root / FOLDER / f"{by}-{state_of(catalogue)}-{len(frame_id)}.npy"
    if not path.is_file():
        found = review_table.vectors(catalogue, SOURCES[by], frame_id)
        if found is None or not np.isfinite(found[:, :1]).any():
            raise CurationError(f"{SAID[by]} were not measured yet", "run 02_sort.py")
        if by == "pose":
            found = _joints(catalogue, frame_id, found)
        save(path, found)
        drop_others(path, by)
    mapped: Vectors = np.load(path, mmap_mode="r")
    return mapped


def save(path: Path, values: npt.NDArray[np.generic]) -> None:
    """Write an array so that the file is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        np.save(file, values)
    part.replace(path)


def drop_others(path: Path, family: str) -> None:
    """Remove the files of a family that a newer one stands in for."""
    for old in path.parent.glob(f"{family}-*.npy"):
        if old != path:
            old.unlink(missing_ok=True)


def joints_of(
    shape: Vectors, seen_bits: npt.NDArray[np.float64] | None
) -> Vectors:
    """Return (n, 30): the joints that count, NaN where one is not surely in sight.

    Args:
        shape: (n, 66) `pose_shape` of the subject step.
        seen_bits: (n,) `joints_seen` of the appearance step, NaN where unknown.
    """
    points = shape.reshape(len(shape), LAYOUT, 2)[:, JOINTS].copy()
    if seen_bits is not None:
        known = np.isfinite(seen_bits)
        seen = np.where(known, seen_bits, 0).astype(np.int64)[:, None] >> np.array(JOINTS) & 1
        points[seen == 0] = np.nan
    return points.reshape(len(points), -1)


def _joints(catalogue: Catalogue, frame_id: Ids, shape: Vectors) -> Vectors:
    names = review_table.measure_names(catalogue)
    bits = None
    if "joints_seen" in names:
        bits = review_table.measure(
            catalogue, "joints_seen", names["joints_seen"], frame_id, np.float64
        )
    return joints_of(shape, bits)
