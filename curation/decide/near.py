"""All pairs of hashes within a radius, exactly: one search for every group, stack and query.

Multi-index hashing (Norouzi, Punjani and Fleet 2012): cut the bits into m bands with radii r_i
where sum(r_i + 1) = R + 1. Two hashes within R bits agree within r_i bits in at least one band i,
so only hashes whose keys in that band are r_i bits apart need to be compared. Each pair is given
by the first band that brings it together, so that it comes once without being remembered.

Two engines give the same arrays: numba (compiled, the `near_kernels`), and plain numpy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.decide.near_bands import collapsed
from curation.decide.near_cover import covered
from curation.decide.near_engine import Engine, chunks
from curation.decide.near_index import HashIndex
from curation.decide.near_stars import Stars, star_groups

__all__ = [
    "Engine", "HashIndex", "Near", "Stars", "TooManyPairs", "joined", "pairs_within",
    "star_groups", "stars_within", "stream_pairs", "turned_pairs",
]  # fmt: skip

Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]

CHUNK = 1 << 20
"""Pairs that a stream gives at once, about."""
MOST_HELD = 20_000_000
"""Pairs that are held at once to be grouped: 340 MB."""


@dataclass(frozen=True, slots=True)
class Near:
    """Pairs of pictures, each once.

    Attributes:
        one, other: (k,) int64 positions, one < other; in the order of (one, other) unless said.
        distance: (k,) bits: uint8 for hashes of 64 bits, uint16 for 256.
    """

    one: Ints
    other: Ints
    distance: npt.NDArray[Any]

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.one)

    def where(self, good: npt.NDArray[Any]) -> Near:
        """Return some of the pairs, by (k,) bool or by positions."""
        return Near(self.one[good], self.other[good], self.distance[good])


class TooManyPairs(Exception):
    """More pairs than were asked for at most: the set is dense, stream it instead."""


def pairs_within(
    hashes: Hashes, radius: int, *, engine: Engine = "auto", most: int | None = None
) -> Near:
    """Return every pair of hashes at most `radius` bits apart, equal ones too.

    Args:
        hashes: (n,) uint64, or (n, 4) uint64 for 256 bits.
        radius: bits, 0 and more.
        engine: "numba" where it must be compiled code, "numpy" where it must not; the answer is
            the same.
        most: refuse to hold more pairs than this.

    Raises:
        ValueError: hashes of another shape or type, a negative radius.
        TooManyPairs: when there are more than `most`.
        ModuleNotFoundError: engine "numba" without numba.
    """
    parts: list[Near] = []
    count = 0
    for part in stream_pairs(hashes, radius, engine=engine):
        count += len(part)
        if most is not None and count > most:
            raise TooManyPairs(f"more than {most:,} pairs within {radius} bits")
        parts.append(part)
    return joined(parts, len(hashes), _distance_type(hashes))


def stream_pairs(
    hashes: Hashes, radius: int, *, engine: Engine = "auto", chunk: int = CHUNK
) -> Iterator[Near]:
    """Yield the pairs of `pairs_within` in parts of about `chunk`, in no order.

    Equal hashes are searched for once: a thousand copies of one picture cost one look, though
    their half a million pairs are given. Memory does not grow with the number of pairs.

    Args and errors: as in `pairs_within`.
    """
    hashes = checked(hashes, radius)
    distinct, first, members, starts = collapsed(hashes)
    yield from _equal_pairs(members, starts, chunk, _distance_type(hashes))
    if len(distinct) < 2 or radius < 1:
        return
    several = np.diff(starts) > 1
    for one, other, distance in chunks(distinct, radius, engine, chunk):
        yield from _spread(one, other, distance, members, starts, several, first, chunk)


def stars_within(
    hashes: Hashes, radius: int, best_first: npt.ArrayLike | None = None,
    protected: npt.ArrayLike | None = None, *, engine: Engine = "auto", most: int = MOST_HELD,
) -> tuple[Ints, Ints]:
    """Return (n,) the keeper of each picture and (n,) how far it is: those of `star_groups`.

    Args:
        hashes, radius, engine: as in `pairs_within`.
        best_first: (n,) positions; None where they are in that order.
        protected: as in `star_groups`.
        most: pairs that are held; where there are more, pictures are covered without them.
    """
    n = len(hashes)
    best = np.arange(n) if best_first is None else best_first
    try:
        near = pairs_within(hashes, radius, engine=engine, most=most)
    except TooManyPairs:
        return covered(hashes, radius, best, protected, engine=engine)
    stars = star_groups(n, near, best, protected)
    return stars.keeper, stars.distance.astype(np.int64)


def turned_pairs(turned: Hashes, radius: int, *, engine: Engine = "auto") -> Near:
    """Return pairs that are near when one is turned or mirrored, with the least distance.

    Args:
        turned: (n, 8) uint64: the hash of each picture in its eight positions, [:, 0] as it
            stands. One of two pictures is turned against the other as it stands, and the other
            way round, as hashes of turned pixels may differ in a bit.
        radius: bits.
    """
    n = len(turned)
    if not n:
        return joined([], 0, np.dtype(np.uint8))
    flat = np.ascontiguousarray(turned.T).reshape(-1)
    parts = []
    for part in stream_pairs(flat, radius, engine=engine):
        # One of the two must be as it stands; position t * n + i is picture i in turn t.
        good = (part.one < n) & (part.one % n != part.other % n)
        one, other = part.one[good] % n, part.other[good] % n
        parts.append(Near(np.minimum(one, other), np.maximum(one, other), part.distance[good]))
    found = joined(parts, n, np.dtype(np.uint8))
    # Sorted by pair, then by distance: the first of each pair is its least.
    key = found.one * n + found.other
    by = np.lexsort((found.distance, key))
    return found.where(by[np.flatnonzero(np.diff(key[by], prepend=-1))])


def joined(parts: Iterable[Near], n: int, dtype: npt.DTypeLike = np.uint8) -> Near:
    """Return parts of a stream as one, sorted by (one, other)."""
    held = list(parts)
    none = np.zeros(0, np.int64)
    one = np.concatenate([none, *(p.one for p in held)])
    other = np.concatenate([none, *(p.other for p in held)])
    distance = np.concatenate([np.zeros(0, dtype), *(p.distance for p in held)])
    order = np.argsort(one * n + other, kind="stable")
    return Near(one[order], other[order], distance[order])


def checked(hashes: Hashes, radius: int) -> Hashes:
    """Return hashes of a shape and type that can be searched.

    Raises:
        ValueError: otherwise.
    """
    hashes = np.asarray(hashes)
    if hashes.dtype != np.uint64 or hashes.ndim not in (1, 2) or 0 in hashes.shape[1:]:
        raise ValueError(
            f"hashes must be (n,) or (n, words) uint64, not {hashes.shape} {hashes.dtype}"
        )
    if radius < 0:
        raise ValueError(f"a radius of {radius} bits reaches nothing")
    return hashes


def _distance_type(hashes: Hashes) -> np.dtype[Any]:
    return np.dtype(np.uint8 if np.ndim(hashes) == 1 else np.uint16)


def _equal_pairs(
    members: Ints, starts: Ints, chunk: int, dtype: np.dtype[Any]
) -> Iterator[Near]:
    """Yield the pairs of equal hashes, at distance 0."""
    place = np.arange(len(members))
    left = np.repeat(starts[1:], np.diff(starts)) - place - 1
    rows = place[left > 0]
    for low, high in _runs(left[rows], chunk):
        some = rows[low:high]
        many = left[some]
        one = np.repeat(some, many)
        other = one + 1 + np.arange(len(one)) - np.repeat(np.cumsum(many) - many, many)
        yield Near(members[one], members[other], np.zeros(len(one), dtype))


def _spread(
    one: Ints, other: Ints, distance: npt.NDArray[Any], members: Ints, starts: Ints,
    several: npt.NDArray[np.bool_], first: Ints, chunk: int,
) -> Iterator[Near]:
    """Yield pairs of positions for pairs of distinct hashes."""
    many = several[one] | several[other]
    a, b = first[one[~many]], first[other[~many]]
    if len(a):
        yield Near(np.minimum(a, b), np.maximum(a, b), distance[~many])
    one, other, distance = one[many], other[many], distance[many]
    n_one = starts[one + 1] - starts[one]
    n_other = starts[other + 1] - starts[other]
    for low, high in _runs(n_one * n_other, chunk):
        here = slice(low, high)
        product = n_one[here] * n_other[here]
        which = np.repeat(np.arange(low, high), product)
        at = np.arange(len(which)) - np.repeat(np.cumsum(product) - product, product)
        # A product larger than a chunk comes whole only where memory allows; cut it otherwise.
        for cut in range(0, len(which), max(chunk, 1)):
            w, k = which[cut : cut + chunk], at[cut : cut + chunk]
            a = members[starts[one[w]] + k // n_other[w]]
            b = members[starts[other[w]] + k % n_other[w]]
            yield Near(np.minimum(a, b), np.maximum(a, b), distance[w])


def _runs(counts: Ints, chunk: int) -> Iterator[tuple[int, int]]:
    """Yield [low, high) runs whose counts sum to about one chunk."""
    if not len(counts):
        return
    part = (np.cumsum(counts) - counts) // chunk
    edges = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(counts)]
    yield from pairwise(edges)
