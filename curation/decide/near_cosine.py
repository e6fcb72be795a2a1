"""Pairs of unit vectors within a cosine, exactly, in blocks: for some hundred thousand of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from curation.decide.near import Near, TooManyPairs, joined

Vectors = npt.NDArray[np.float32]
BLOCK = 4096
"""Vectors a side of a block: 64 MiB of cosines."""


def pairs_alike(vectors: Vectors, least: float, *, most: int | None = None) -> Near:
    """Return every pair whose cosine is at least `least`; the distance is 1 - cosine.

    Args:
        vectors: (n, d) float32 of unit length.
        least: cosine.
        most: refuse to hold more pairs than this.

    Raises:
        TooManyPairs: when there are more than `most`.
    """
    parts: list[Near] = []
    count = 0
    for low in range(0, len(vectors), BLOCK):
        mine = vectors[low : low + BLOCK]
        for left in range(low, len(vectors), BLOCK):
            alike = mine @ vectors[left : left + BLOCK].T
            row, column = np.nonzero(alike >= least)
            good = low + row < left + column
            row, column = row[good], column[good]
            apart = np.clip(1.0 - alike[row, column], 0.0, 2.0).astype(np.float32)
            parts.append(Near(low + row, left + column, apart))
            count += len(row)
            if most is not None and count > most:
                raise TooManyPairs(f"more than {most:,} pairs with a cosine of {least} or more")
    return joined(parts, len(vectors), np.float32)


def likest(near: Near, n: int, neighbours: int) -> Near:
    """Return the pairs in which either picture has the other among its nearest few."""
    both = np.concatenate([near.one, near.other])
    rank = np.empty(len(both), np.int64)
    partner = np.concatenate([near.other, near.one])
    order = np.lexsort((partner, np.tile(near.distance, 2), both))
    starts = np.searchsorted(both[order], np.arange(n))
    rank[order] = np.arange(len(both)) - starts[both[order]]
    first, second = rank[: len(near)], rank[len(near) :]
    return near.where(np.minimum(first, second) < neighbours)
