"""Which frames of different shots look alike enough to be compared point by point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from curation.params import VerifyParams

Column = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
ROWS, COLUMNS = 512, 16384
HASH_BITS = 8
"""pHash bits within which two frames are known for one picture without a closer look."""


def candidates(columns: Mapping[str, Column], params: VerifyParams) -> Ints:
    """Return (m, 2) positions of frames worth comparing, likest first; smaller position first.

    Each frame with its likest neighbours by `scene`, above verify_look. Frames of one shot are
    left out (they are judged by pose and time), and so are frames whose hashes already agree.

    Args:
        columns: n frames with video, shot, phash, has_phash, scene, extract_reason.
        params: how alike, how many neighbours.
    """
    rows, vectors = _scenes(columns)
    if len(rows) < 2:
        return np.zeros((0, 2), np.int64)
    segment = _segments(columns["video"][rows], columns["shot"][rows])
    phash = np.asarray(columns["phash"], np.int64)[rows].view(np.uint64)
    hashed = np.asarray(columns["has_phash"], np.bool_)[rows]
    found: list[tuple[Ints, Ints, Floats]] = []
    for low in range(0, len(rows), ROWS):
        mine = np.arange(low, min(len(rows), low + ROWS))
        parts = []
        for left in range(0, len(rows), COLUMNS):
            alike = vectors[mine] @ vectors[left : left + COLUMNS].T
            row, column = np.nonzero(alike >= params.verify_look)
            likeness = alike[row, column]
            one, other = mine[row], left + column
            same = hashed[one] & hashed[other]
            same &= np.bitwise_count(phash[one] ^ phash[other]) <= HASH_BITS
            good = (segment[one] != segment[other]) & ~same
            parts.append((one[good], other[good], likeness[good]))
        found.append(_likest(parts, params.verify_neighbours))
    one, other, likeness = (np.concatenate([part[i] for part in found]) for i in range(3))
    pairs = np.sort(np.stack([rows[one], rows[other]], axis=1), axis=1)
    pairs, first = np.unique(pairs, axis=0, return_index=True)
    return np.asarray(pairs[np.argsort(-likeness[first], kind="stable")], np.int64)


def _scenes(columns: Mapping[str, Column]) -> tuple[Ints, Floats]:
    """Return positions of frames with a whole-picture vector, and the vectors (k, d)."""
    blobs = columns.get("scene")
    if blobs is None:
        return np.zeros(0, np.int64), np.zeros((0, 0), np.float32)
    sizes = np.array([len(blob) if isinstance(blob, bytes) else 0 for blob in blobs], np.int64)
    refused = np.array([reason is not None for reason in columns["extract_reason"]], np.bool_)
    size = int(np.bincount(sizes[sizes > 0]).argmax()) if sizes.any() else 0
    rows = np.flatnonzero((sizes == size) & (sizes > 0) & ~refused)
    raw = b"".join(blobs[row] for row in rows.tolist())
    return rows, np.frombuffer(raw, "<f2").reshape(len(rows), size // 2).astype(np.float32)


def _segments(video: Column, shot: Column) -> Ints:
    """Number the shots of all videos."""
    both = np.stack([video, shot], axis=1)
    return np.asarray(np.unique(both, axis=0, return_inverse=True)[1].ravel(), np.int64)


def _likest(
    parts: list[tuple[Ints, Ints, Floats]], neighbours: int
) -> tuple[Ints, Ints, Floats]:
    """Return of each frame's pairs the likest few."""
    one, other, likeness = (np.concatenate([part[i] for part in parts]) for i in range(3))
    order = np.lexsort((other, -likeness, one))
    one, other, likeness = one[order], other[order], likeness[order]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(one) != 0])) if len(one) else one
    place = np.arange(len(one)) - np.repeat(starts, np.diff(np.append(starts, len(one))))
    kept = place < neighbours
    return one[kept], other[kept], likeness[kept]
