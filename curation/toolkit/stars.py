"""Groups of near-equal hashes without chains: each member is near the keeper itself.

Single linkage would put A, B and C together when A is like B and B like C, though A and C are two
pictures. Here the best picture left becomes a keeper and takes all that are within reach of it,
until none is left.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from curation.decide.hamming import HammingIndex

Ints = npt.NDArray[np.int64]

BLOCK, MOST_PAIRS = 2048, 4_000_000


def stars(
    hashes: npt.NDArray[np.uint64], radius: int, *, block: int = BLOCK, most: int = MOST_PAIRS
) -> Ints:
    """Return for each picture the position of its keeper, its own when it is one: (n,).

    The answer is that of looking at every pair; time and memory are not.

    Args:
        hashes: (n,) best picture first.
        radius: bits within which two are one, 0 to 64.
        block, most: how many are looked up at once, and pairs held at once.
    """
    keeper = np.full(len(hashes), -1, np.int64)
    if not len(hashes):
        return keeper
    # Of equal hashes the first stands for all: what takes one takes the others.
    unique, first, which = np.unique(hashes, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    index = HammingIndex(unique[order], radius)
    taken = np.full(len(unique), -1, np.int64)  # by the row of `order` that keeps it
    at = 0
    while at < len(unique):
        rows = at + np.flatnonzero(taken[at : at + block * 8] < 0)[:block]
        if not len(rows):
            at += block * 8
            continue
        found = index.neighbours(rows, most)
        while found is None and len(rows) > 1:
            rows = rows[: max(1, len(rows) // 8)]
            found = index.neighbours(rows, most)
        query, other = found if found is not None else _scan(unique[order], rows, radius)
        by_query = np.argsort(query, kind="stable")
        query, other = query[by_query], other[by_query]
        edges = np.searchsorted(query, np.arange(len(rows) + 1))
        for i, row in enumerate(rows.tolist()):
            if taken[row] >= 0:
                continue
            taken[row] = row
            near = other[edges[i] : edges[i + 1]]
            taken[near[taken[near] < 0]] = row
        at = int(rows[-1]) + 1
    keeper[:] = first[order][taken[np.argsort(order)[which]]]
    return keeper


def pairs_near(hashes: npt.NDArray[np.uint64], radius: int) -> set[tuple[int, int]]:
    """Return all pairs (i, j), i < j, within a radius; for comparing and for small sets."""
    unique, which = np.unique(hashes, return_inverse=True)
    members = [np.flatnonzero(which == i) for i in range(len(unique))]
    index = HammingIndex(unique, radius)
    found = index.neighbours(np.arange(len(unique)))
    assert found is not None
    pairs = {
        (int(min(a, b)), int(max(a, b)))
        for i, j in zip(*(part.tolist() for part in found), strict=True)
        for a in members[i]
        for b in members[j]
    }
    for same in members:
        pairs |= {(int(a), int(b)) for k, a in enumerate(same) for b in same[k + 1 :]}
    return pairs


def _scan(
    hashes: npt.NDArray[np.uint64], rows: Ints, radius: int
) -> tuple[Ints, Ints]:
    near = np.bitwise_count(hashes ^ hashes[rows[0]]) <= radius
    near[rows[0]] = False
    other = np.flatnonzero(near)
    return np.zeros(len(other), np.int64), other
