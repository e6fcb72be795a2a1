"""How far all rows are from an example, and which are nearest: exact, over all rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from curation.search.vectors import Vectors

Distances = npt.NDArray[np.float32]
LEAST_JOINTS = 6


def apart(vectors: Vectors, example: npt.NDArray[np.float32], by: str) -> Distances:
    """Return (n,) how far each row is from an example; NaN where either is not known.

    By pose it is how far joints moved after the best shift and zoom, in sizes of the figure; else
    1 minus the cosine. 0 is equal.

    Args:
        vectors: (n, d) of unit length, or joints; see search.vectors.vectors_of.
        example: (d,) of the same kind.
    """
    if by == "pose":
        return moved(vectors, example)
    return np.asarray(1 - vectors @ example, np.float32)


def nearest(apart: Distances, count: int) -> npt.NDArray[np.int64]:
    """Return up to count rows with a known distance, nearest first; of two equal, the earlier."""
    known = np.flatnonzero(np.isfinite(apart))
    count = min(count, len(known))
    if not count:
        return np.zeros(0, np.int64)
    first = known[np.argpartition(apart[known], count - 1)[:count]]
    # What is as far as the last one may stand before it in the rows.
    edge = apart[first].max()
    first = np.concatenate([first[apart[first] < edge], known[apart[known] == edge]])
    return np.asarray(first[np.lexsort((first, apart[first]))][:count], np.int64)


def moved(points: Vectors, mine: npt.NDArray[np.float32]) -> Distances:
    """Return (n,) how far the joints of one figure are from those of all rows.

    With weights for joints seen in both, the best shift takes the means away and the best zoom
    leaves |q|^2 - (q.p)^2 / |p|^2 of the figure q: all from a few sums over joints.

    Args:
        points: (n, 2k) x and y of each joint, NaN where it is not in sight.
        mine: (2k,) the figure.
    """
    both = np.asarray(points).reshape(len(points), -1, 2)
    mine = np.asarray(mine, np.float32).reshape(-1, 2)
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
