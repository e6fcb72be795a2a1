"""How a set of hashes is cut into bands for the search, and when a plain scan is cheaper."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]

KEY_BITS = 16
"""Bits of a band. At a million hashes a key then has 15 of them, which a core compares faster
than it finds the next key; 3 x 21 bits win from about 4 million on at small radii only."""
_ROWS = 1 << 16
_EVEN = 0.2
"""Variance of a bit, at most 0.25, from which all bits are as good as any."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What an engine needs, in ns on a 2020s core; they choose the way, never the answer.

    Attributes:
        scan: to compare two hashes one after the other in memory.
        candidate: to compare two hashes that a band brought together.
        key, row: to look for a bucket, by key of the band and by hash.
    """

    scan: float
    candidate: float
    key: float
    row: float


COMPILED = Costs(scan=0.1, candidate=0.2, key=4.0, row=0.0)
PLAIN = Costs(scan=2.0, candidate=20.0, key=0.0, row=10.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """A set of distinct hashes, ready for being searched.

    Attributes:
        words: (m, words) uint64: the bits of the hashes, sorted so that band b is bits
            16 b .. 16 b + 15 and the bits that vary are shared out among the bands. Distances
            are those of the hashes.
        radius: bits.
        reaches: radius of each band that is looked at; () for comparing all with all.
    """

    words: Hashes
    radius: int
    reaches: tuple[int, ...]

    @property
    def n(self) -> int:
        """Return the number of hashes."""
        return len(self.words)

    def keys(self, band: int) -> npt.NDArray[np.uint16]:
        """Return (m,) the bits of one band."""
        word, part = divmod(band, 4)
        return (self.words[:, word] >> np.uint64(KEY_BITS * part)).astype(np.uint16)


def plan_of(words: Hashes, radius: int, costs: Costs = COMPILED) -> Plan:
    """Return the cheapest way to search (m, words) distinct hashes."""
    bands = words.shape[1] * 64 // KEY_BITS
    n = len(words)
    every = Plan(words, radius, ())
    if radius >= bands * KEY_BITS:
        return every
    reaches = band_reaches(radius, bands)
    scan_ns = costs.scan * words.shape[1] * n * (n - 1) / 2
    flips = sum(sum(comb(KEY_BITS, k) for k in range(reach + 1)) for reach in reaches)
    ns = flips * (costs.key * min(n, 1 << KEY_BITS) + costs.row * n)
    ns += flips * costs.candidate * words.shape[1] * n * n / 2 ** (KEY_BITS + 1)
    ns += len(reaches) * ((1 << KEY_BITS) + 50.0 * n) + 50.0 * n * words.shape[1]
    if ns >= scan_ns:
        return every
    plan = Plan(_by_spread(words, bands), radius, reaches)
    # Skewed hashes crowd into few keys, and then the bands compare as much as a scan does.
    return every if costs.candidate * words.shape[1] * _comparisons(plan) > scan_ns else plan


def band_reaches(radius: int, bands: int) -> tuple[int, ...]:
    """Return radii of the bands with sum(reach + 1) = radius + 1, bands without use left out."""
    each, more = divmod(radius + 1, bands)
    reaches = [each - 1 + (band < more) for band in range(bands)]
    return tuple(reach for reach in reaches if reach >= 0)


def masks(reach: int) -> npt.NDArray[np.uint16]:
    """Return every pattern of at most `reach` flipped bits of a key, fewest first."""
    return np.array(
        [
            sum(1 << bit for bit in flipped)
            for flips in range(reach + 1)
            for flipped in combinations(range(KEY_BITS), flips)
        ],
        np.uint16,
    )


def collapsed(hashes: Hashes) -> tuple[Hashes, Ints, Ints, Ints]:
    """Return distinct hashes (m, words), and who has them.

    Returns:
        distinct (m, words), first (m,) position with each, members (n,) positions by hash and
        rising, starts (m + 1,) into members.
    """
    words = hashes[:, None] if hashes.ndim == 1 else hashes
    if not len(words):
        none = np.zeros(0, np.int64)
        return words, none, none, np.zeros(1, np.int64)
    order = np.lexsort(words.T) if words.shape[1] > 1 else np.argsort(words[:, 0], kind="stable")
    in_order = words[order]
    fresh = np.ones(len(words), np.bool_)
    fresh[1:] = (in_order[1:] != in_order[:-1]).any(axis=1)
    at = np.flatnonzero(fresh)
    starts = np.append(at, len(words)).astype(np.int64)
    members = order.astype(np.int64)
    return in_order[at], members[at], members, starts


def distances(words: Hashes, one: Ints, other: Ints) -> npt.NDArray[Any]:
    """Return (k,) int64 bits between pairs of rows of (n, words)."""
    found = np.zeros(len(one), np.int64)
    for word in words.T:
        found += np.bitwise_count(word[one] ^ word[other])
    return found


def _comparisons(plan: Plan) -> float:
    """Return how many pairs of hashes the bands would compare."""
    total = 0.0
    every = np.arange(1 << KEY_BITS, dtype=np.uint16)
    for band, reach in enumerate(plan.reaches):
        counts = np.bincount(plan.keys(band), minlength=1 << KEY_BITS).astype(np.float64)
        for mask in masks(min(reach, 1)).tolist():
            total += float(counts @ counts[every ^ np.uint16(mask)]) / 2
    return total


def _by_spread(words: Hashes, bands: int) -> Hashes:
    """Return the same hashes with their bits sorted into bands of equal spread.

    A bit that hardly varies says little; a band of such bits would be one large bucket.
    """
    sample = _bits(words[:: max(1, len(words) // _ROWS)])
    share = sample.mean(axis=0)
    spread = share * (1 - share)
    if spread.min() >= _EVEN:
        return words
    by_spread = np.argsort(-spread, kind="stable")
    order = np.concatenate([by_spread[band::bands] for band in range(bands)])
    moved = np.empty_like(words)
    for at in range(0, len(words), _ROWS):
        bits = _bits(words[at : at + _ROWS])[:, order]
        packed = np.packbits(np.ascontiguousarray(bits), axis=1, bitorder="little")
        moved[at : at + _ROWS] = np.ascontiguousarray(packed).view("<u8")
    return moved


def _bits(words: Hashes) -> npt.NDArray[np.uint8]:
    small = np.ascontiguousarray(words).astype("<u8").view(np.uint8)
    return np.unpackbits(small.reshape(len(words), -1), axis=1, bitorder="little")
