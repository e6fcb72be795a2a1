"""Exact neighbours among 64-bit hashes, by multi-index hashing in plain numpy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb

import numpy as np
import numpy.typing as npt

from curation.decide.columns import Ints

Hashes = npt.NDArray[np.uint64]
_Hit = tuple[Ints, Ints, Ints]

# Costs in ns on one 2020s core; they only choose the number of bands, never the answer.
_LOOK_NS, _CANDIDATE_NS, _SCAN_NS = 2.0, 15.0, 2.5
_CHUNK = 1 << 21


class HammingIndex:
    """All hashes within a radius of any of them.

    Pigeonhole: cut 64 bits into m bands with radii r_1..r_m where sum(r_i + 1) = R + 1; two
    hashes within R bits then agree within r_i bits in at least one band i (Norouzi, Punjani and
    Fleet 2012). Probing the keys within r_i of a query's key finds every neighbour; the full
    distance is checked afterwards, so answers are those of brute force.

    Attributes:
        hashes: (n,) uint64, all different.
        radius: largest distance of a neighbour, in bits.
    """

    def __init__(self, hashes: Hashes, radius: int) -> None:
        """Build the tables: tens of milliseconds for 240,000 hashes."""
        self.hashes = hashes
        self.radius = radius
        bands = _cheapest_bands(len(hashes), radius)
        self._bands = [] if bands is None else _build_bands(hashes, radius, bands)

    def neighbours(self, rows: Ints, limit: int | None = None) -> tuple[Ints, Ints] | None:
        """Return pairs (query, hash) within the radius; a pair may come twice, self excluded.

        Args:
            rows: (k,) positions in `hashes`.
            limit: stop and return None when more than this many pairs come up, so that the
                caller can ask for fewer rows at a time.

        Returns:
            positions in `rows`, and positions in `hashes`.
        """
        hits = [(band, hit) for band in self._bands for hit in band.hits(rows)]
        n_candidates = sum(int(count.sum()) for _, (_, _, count) in hits)
        scan_ns = len(rows) * len(self.hashes) * _SCAN_NS
        if not self._bands or n_candidates * _CANDIDATE_NS > scan_ns:
            chunks = self._scan(rows)
        else:
            chunks = self._probe(hits)
        found: list[tuple[Ints, Ints]] = []
        n_pairs = 0
        for query, other in chunks:
            differ = np.bitwise_count(self.hashes[rows[query]] ^ self.hashes[other])
            good = (differ <= self.radius) & (rows[query] != other)
            n_pairs += int(np.count_nonzero(good))
            if limit is not None and n_pairs > limit:
                return None
            found.append((query[good], other[good]))
        if not found:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        return np.concatenate([a for a, _ in found]), np.concatenate([b for _, b in found])

    def _probe(self, hits: Sequence[tuple[_Band, _Hit]]) -> Iterator[tuple[Ints, Ints]]:
        """Yield the members of the buckets that were hit, in chunks."""
        for band, (query, start, count) in hits:
            for part in _parts(count):
                counts = count[part]
                ends = np.cumsum(counts)
                position = np.arange(ends[-1]) - np.repeat(ends - counts, counts)
                other = band.order[np.repeat(start[part], counts) + position]
                yield np.repeat(query[part], counts), other

    def _scan(self, rows: Ints) -> Iterator[tuple[Ints, Ints]]:
        """Yield what a look at every hash finds."""
        for at, row in enumerate(rows.tolist()):
            near = np.bitwise_count(self.hashes ^ self.hashes[row]) <= self.radius
            other = np.flatnonzero(near)
            yield np.full(len(other), at, np.int64), other


@dataclass(frozen=True, slots=True)
class Subset:
    """An index over some of all different hashes.

    Attributes:
        group: number of the hash in each row of the index.
        row: row of each hash; -1 where it is not in the index.
    """

    hashes: HammingIndex
    group: Ints
    row: Ints


class _Band:
    """One band: hashes sorted by its bits, and the masks that reach its radius."""

    def __init__(self, keys: npt.NDArray[np.int32], width: int, radius: int) -> None:
        self.keys = keys
        self.order: Ints = np.argsort(keys, kind="stable")
        counts = np.bincount(keys, minlength=1 << width)
        self.starts = np.zeros(len(counts) + 1, np.int64)
        np.cumsum(counts, out=self.starts[1:])
        self.taken = counts > 0
        self.masks = _masks(width, radius)

    def hits(self, rows: Ints) -> Iterator[_Hit]:
        """Yield (query, start, count) of every bucket that is within reach and not empty."""
        step = max(1, _CHUNK // max(1, len(rows)))
        keys = self.keys[rows]
        for at in range(0, len(self.masks), step):
            probes = self.masks[at : at + step, None] ^ keys[None, :]
            hit = np.flatnonzero(self.taken[probes])
            key = probes.ravel()[hit]
            start = self.starts[key]
            yield hit % len(rows), start, self.starts[key + 1] - start


def _radii(radius: int, bands: int) -> list[int]:
    """Return per-band radii with sum(r + 1) = radius + 1; -1 means that a band is not needed."""
    each, more = divmod(radius + 1, bands)
    return [each - 1 + (band < more) for band in range(bands)]


def _widths(bands: int) -> list[int]:
    return [64 // bands + (band < 64 % bands) for band in range(bands)]


def _cheapest_bands(n: int, radius: int) -> int | None:
    """Return the number of bands with the least expected work, None where a scan is cheapest."""
    best, choice = n * _SCAN_NS, None
    for bands in (3, 4, 5, 6, 8):
        cost = 0.0
        for width, reach in zip(_widths(bands), _radii(radius, bands), strict=True):
            probes = sum(comb(width, flips) for flips in range(reach + 1))
            cost += probes * (_LOOK_NS + _CANDIDATE_NS * n / 2**width)
        # The tables have 2**width entries; for few hashes, building them is the work.
        cost += bands * 2 ** _widths(bands)[0] * _LOOK_NS / max(n, 1)
        if cost < best:
            best, choice = cost, bands
    return choice


def _build_bands(hashes: Hashes, radius: int, bands: int) -> list[_Band]:
    """Cut the bits into bands so that each gets its share of those that vary."""
    bits = np.unpackbits(hashes.view(np.uint8).reshape(-1, 8), axis=1)
    share = bits.mean(axis=0)
    by_spread = np.argsort(-share * (1 - share), kind="stable")
    built = []
    for band, (width, reach) in enumerate(zip(_widths(bands), _radii(radius, bands), strict=True)):
        if reach < 0:
            continue
        mine = by_spread[band::bands][:width]
        keys = np.zeros(len(hashes), np.int32)
        for bit in mine:
            keys = (keys << 1) | bits[:, bit]
        built.append(_Band(keys.astype(np.int32), width, reach))
    return built


def _masks(width: int, radius: int) -> npt.NDArray[np.int32]:
    """Return every pattern of at most radius flipped bits, fewest first."""
    masks = [
        sum(1 << bit for bit in flipped)
        for flips in range(radius + 1)
        for flipped in combinations(range(width), flips)
    ]
    return np.array(masks, np.int32)


def _parts(count: Ints) -> Iterator[slice]:
    """Yield slices whose counts sum to about one chunk."""
    if not len(count):
        return
    chunk = np.cumsum(count) // _CHUNK
    edges = [0, *(np.flatnonzero(np.diff(chunk)) + 1).tolist(), len(count)]
    for low, high in pairwise(edges):
        yield slice(low, high)
