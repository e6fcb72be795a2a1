"""The search in plain numpy: slower than the kernels, and with the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.decide.near_bands import KEY_BITS, Ints, Plan, distances, masks

Chunk = tuple[Ints, Ints, npt.NDArray[Any]]


def numpy_chunks(plan: Plan, chunk: int) -> Iterator[Chunk]:
    """Yield (one, other, distance) of pairs of rows within the radius, each once, one < other."""
    dtype = np.uint8 if plan.words.shape[1] == 1 else np.uint16
    found = _banded(plan, chunk) if plan.reaches else _all(plan, chunk)
    for one, other, distance in found:
        if len(one):
            yield np.minimum(one, other), np.maximum(one, other), distance.astype(dtype)


def _all(plan: Plan, chunk: int) -> Iterator[Chunk]:
    """Compare every hash with all behind it."""
    rows = max(1, min(chunk, 1 << 20) // max(plan.n, 1))
    for at in range(0, plan.n - 1, rows):
        block = slice(at, at + rows)
        apart = np.zeros((min(rows, plan.n - at), plan.n - at), np.uint16)
        for word in plan.words.T:
            apart += np.bitwise_count(word[block, None] ^ word[None, at:])
        one, other = np.nonzero(apart <= plan.radius)
        good = other > one
        one, other = one[good], other[good]
        yield one + at, other + at, apart[one, other].astype(np.int64)


def _banded(plan: Plan, chunk: int) -> Iterator[Chunk]:
    """Compare, band by band, hashes whose keys are within the reach of the band."""
    for band, reach in enumerate(plan.reaches):
        keys = plan.keys(band)
        order = np.argsort(keys, kind="stable").astype(np.int64)
        in_order = keys[order].astype(np.int64)
        starts = np.searchsorted(in_order, np.arange((1 << KEY_BITS) + 1))
        place = np.arange(plan.n)
        for mask in masks(reach).tolist():
            there = in_order ^ mask
            # Each pair of buckets is met once, from its smaller key; inside one, from the left.
            low = np.where(there == in_order, place + 1, starts[there])
            count = np.where(there >= in_order, starts[there + 1] - low, 0)
            from_ = np.flatnonzero(count > 0)
            for part in _parts(count[from_], chunk):
                rows = from_[part]
                counts = count[rows]
                ends = np.cumsum(counts)
                step = np.arange(ends[-1]) - np.repeat(ends - counts, counts)
                one = order[np.repeat(rows, counts)]
                other = order[np.repeat(low[rows], counts) + step]
                yield _near(plan, band, one, other)


def _near(plan: Plan, band: int, one: Ints, other: Ints) -> Chunk:
    """Return those within the radius that no band before has given."""
    distance = distances(plan.words, one, other)
    good = np.flatnonzero(distance <= plan.radius)
    one, other, distance = one[good], other[good], distance[good]
    fresh = np.ones(len(one), np.bool_)
    for before in range(band):
        keys = plan.keys(before) if len(one) else np.zeros(0, np.uint16)
        if not len(one):
            break
        fresh &= np.bitwise_count(keys[one] ^ keys[other]) > plan.reaches[before]
    return one[fresh], other[fresh], distance[fresh]


def _parts(count: Ints, chunk: int) -> Iterator[slice]:
    """Yield slices whose counts sum to about one chunk."""
    if not len(count):
        return
    part = (np.cumsum(count) - count) // chunk
    edges = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(count)]
    for low, high in pairwise(edges):
        yield slice(low, high)
