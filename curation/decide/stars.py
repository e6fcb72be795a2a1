"""Star groups over sparse pairs of frames that repeat each other: best first, all at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curation.decide.columns import Bools, Ints

MOST_ROUNDS = 40
"""Rounds after which what is left is settled frame by frame: a chain of falling scores takes a
round for every second frame."""

Rows = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of n frames that repeat each other, each once.

    Attributes:
        n: frames.
        one, other: (k,) positions, one < other.
    """

    n: int
    one: Rows
    other: Rows

    def inside(self, alive: Bools) -> Bools:
        """Return (k,) bool: the pairs of which both are among some frames, (n,) bool."""
        return np.asarray(alive[self.one] & alive[self.other])

    def where(self, good: Bools) -> Pairs:
        """Return some of the pairs, by (k,) bool."""
        at = np.flatnonzero(good)
        return Pairs(self.n, self.one[at], self.other[at])

    def and_(self, one: Rows, other: Rows) -> Pairs:
        """Return these pairs and others that are not among them."""
        return Pairs(self.n, np.concatenate([self.one, one]), np.concatenate([self.other, other]))


def kept(pairs: Pairs, best_first: Ints) -> Bools:
    """Return (n,) bool: frames that no better kept frame repeats; False for those not asked about.

    Args:
        pairs: of the frames that are asked about.
        best_first: (m,) their positions, best first.
    """
    stands, _, _ = _settled(pairs, best_first)
    found = np.zeros(pairs.n, np.bool_)
    found[best_first[stands]] = True
    return found


def keepers(pairs: Pairs, best_first: Ints) -> Ints:
    """Return (n,) position of the best kept frame that each repeats; its own where it stands.

    Args: as in `kept`.
    """
    stands, better, worse = _settled(pairs, best_first)
    m = len(best_first)
    place = np.arange(m, dtype=np.int32)
    to_keeper = np.flatnonzero(stands[better])
    # Pairs of one frame may come in any order: the least place is the best keeper. Of one type
    # all three: otherwise `at` takes ten times as long.
    best = np.full(m, m, np.int32)
    np.minimum.at(best, worse[to_keeper], better[to_keeper])
    place = np.where(best < m, best, place)
    found = np.arange(pairs.n)
    found[best_first] = best_first[place]
    return found


def _settled(pairs: Pairs, best_first: Ints) -> tuple[Bools, Rows, Rows]:
    """Return (m,) who is kept by place, and the pairs as places: the better, the worse.

    A frame stands as soon as all better frames that it repeats have fallen, and falls as soon as
    one of them stands. Every round settles all frames of which that can be said.
    """
    m = len(best_first)
    place = np.zeros(pairs.n, np.int32)
    place[best_first] = np.arange(m, dtype=np.int32)
    one, other = place[pairs.one], place[pairs.other]
    better, worse = np.minimum(one, other), np.maximum(one, other)
    open_ = np.ones(m, np.bool_)
    stands = np.zeros(m, np.bool_)
    high, low = better, worse
    for _ in range(MOST_ROUNDS):
        if not len(high):
            break
        free = open_.copy()
        free[low] = False
        stands |= free
        open_ &= ~free
        open_[low[stands[high]]] = False
        # Of a pair in which one has fallen, nothing follows for the other any more.
        left = np.flatnonzero(open_[high] & open_[low])
        high, low = high[left], low[left]
    if len(high):
        _settle_in_turn(open_, stands, high, low)
    return stands | open_, better, worse


def _settle_in_turn(open_: Bools, stands: Bools, better: Rows, worse: Rows) -> None:
    """Settle the frames of these pairs one after the other, best first."""
    order = np.argsort(better, kind="stable")
    better, worse = better[order], worse[order]
    heads, starts = np.unique(better, return_index=True)
    ends = np.append(starts[1:], len(better))
    for head, start, end in zip(heads.tolist(), starts.tolist(), ends.tolist(), strict=True):
        if open_[head]:
            open_[head], stands[head] = False, True
            open_[worse[start:end]] = False
