"""Frames like this one: by look, by face, by pose; exact, over all rows; runs in the helper.

Vectors are read from the catalogue once a revision and kept as a file that is mapped, so that the
next process has them at once and memory is the system's to give and take.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from curation.errors import CurationError
from curation.store import review_table
from curation.web.helper import Near
from curation.web.review_pack import ReviewPack, remove_older

Vectors = npt.NDArray[np.float32]

SOURCES = {"appearance": "appearance", "face": "identity", "pose": "pose_shape"}
SAID = {"appearance": "how frames look", "face": "faces", "pose": "poses"}
MOST = 2000
JOINTS = (0, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
"""Nose, ears, shoulders, elbows, wrists, hips, knees, ankles: as for duplicates."""
LEAST_JOINTS = 6
LAYOUT = 33


def vectors_of(pack: ReviewPack, by: str) -> Vectors:
    """Return (n, d) float32 of each row, NaN where it has none; mapped from a file.

    Raises:
        CurationError: by is not one of SOURCES, or nothing of it is measured.
    """
    if by not in SOURCES:
        raise CurationError(f"frames are alike by {', '.join(SOURCES)}, not by {by!r}")
    path = pack.folder / f"vectors-{by}-{pack.revision}.npy"
    if not path.is_file():
        found = review_table.vectors(pack.catalogue, SOURCES[by], pack.frame_id)
        if found is None or not np.isfinite(found[:, :1]).any():
            raise CurationError(f"{SAID[by]} were not measured yet", "run 02_sort.py")
        if by == "pose":
            found = _joints(pack, found)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, found)
        part.replace(path)
        remove_older(path.parent, f"vectors-{by}-", 1)
    mapped: Vectors = np.load(path, mmap_mode="r")
    return mapped


def near(pack: ReviewPack, asked: Near) -> dict[str, list[Any]]:
    """Return the frames like one, nearest first, without itself.

    Returns:
        frames: ids; distance: 0 is equal. By appearance and face 1 minus the cosine; by pose how
        far joints moved after the best shift and zoom, in sizes of the figure.

    Raises:
        CurationError: the frame is no row, or was not measured.
    """
    with review_table.one_look(pack.catalogue):
        pack.refresh()
        vectors = vectors_of(pack, asked.by)
    row = int(review_table.rows_of(pack.frame_id, np.array([asked.frame_id]))[0])
    if row < 0:
        raise CurationError(f"frame {asked.frame_id} has no picture here")
    apart = _moved(vectors, row) if asked.by == "pose" else 1 - vectors @ vectors[row]
    if np.isnan(apart[row]):
        raise CurationError(f"{SAID[asked.by]}: nothing is known of this frame")
    apart[row] = np.nan
    known = np.flatnonzero(np.isfinite(apart))
    count = min(asked.count, MOST, len(known))
    if not count:
        return {"frames": [], "distance": []}
    first = known[np.argpartition(apart[known], count - 1)[:count]]
    first = first[np.lexsort((first, apart[first]))]
    return {
        "frames": pack.frame_id[first].tolist(),
        "distance": [round(max(float(v), 0.0), 5) for v in apart[first]],
    }


def _joints(pack: ReviewPack, shape: Vectors) -> Vectors:
    """Return (n, 30): the joints that count, NaN where one is not surely in sight."""
    names = review_table.measure_names(pack.catalogue)
    points = shape.reshape(len(shape), LAYOUT, 2)[:, JOINTS].copy()
    if "joints_seen" in names:
        bits = review_table.measure(
            pack.catalogue, "joints_seen", names["joints_seen"], pack.frame_id, np.float64
        )
        known = np.isfinite(bits)
        seen = np.where(known, bits, 0).astype(np.int64)[:, None] >> np.array(JOINTS) & 1
        points[seen == 0] = np.nan
    return points.reshape(len(points), -1)


def _moved(points: Vectors, row: int) -> npt.NDArray[np.float32]:
    """Return (n,) how far the joints of a row are from those of all rows.

    With weights for joints seen in both, the best shift takes the means away and the best zoom
    leaves |q|^2 - (q.p)^2 / |p|^2 of the figure q: all from a few sums over joints.
    """
    both = np.asarray(points).reshape(len(points), -1, 2)
    mine = both[row]
    seen = np.isfinite(both[:, :, 0]) & np.isfinite(mine[:, 0])
    weight = seen.astype(np.float32)
    theirs = np.where(seen[:, :, None], both, np.float32(0))
    own = np.nan_to_num(mine)
    count = weight.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        sum_q, sum_p = weight @ own, theirs.sum(axis=1)
        q_q = weight @ np.square(own).sum(axis=1) - np.square(sum_q).sum(axis=1) / count
        p_p = np.einsum("njk,njk->n", theirs, theirs) - np.square(sum_p).sum(axis=1) / count
        q_p = np.einsum("njk,jk->n", theirs, own) - (sum_q * sum_p).sum(axis=1) / count
        # A figure turned over is another pose: no zoom below nothing.
        left = q_q - np.square(np.maximum(q_p, 0)) / p_p
        apart = np.sqrt(np.maximum(left, 0) / q_q)
    apart[count < LEAST_JOINTS] = np.nan
    return np.asarray(apart, np.float32)
