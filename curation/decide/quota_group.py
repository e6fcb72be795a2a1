"""The picks of one video and pool, taken one by one: spread over time, shots and looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from curation.decide.columns import Bools, Floats, Ints

FIRST_GAP = 0.4
"""The first gap in shares of span / cap. Larger gaps cost quality, smaller ones bring frames of
one moment together: .3 gives 98.6 % and 43 s, .4 98.3 % and 51 s, .5 98.0 % and 60 s (900
synthetic videos of 600 s, 6 picks)."""

HALVINGS = 6


class Likeness(Protocol):
    """Who can say how alike candidates look (see diversity.Looks)."""

    def alike(self, rows: Ints, others: Ints) -> Floats:
        """Return (rows, others) likeness in 0..1."""


@dataclass(frozen=True, slots=True)
class Taste:
    """What makes one candidate preferable to another beyond the order they come in.

    Attributes:
        score: (n,) 0..1, falling.
        looks: answers for the same n candidates.
        weight: 0..1; 0 is score alone, 1 is variety alone.
    """

    score: Floats
    looks: Likeness
    weight: float

    def of(self, rows: Ints) -> Tasting:
        """Return a memory of what was taken of these candidates."""
        return Tasting(self, rows)


class Tasting:
    """Maximal marginal relevance (Carbonell & Goldstein 1998) within one group."""

    def __init__(self, taste: Taste, rows: Ints) -> None:
        self.taste, self.rows = taste, rows
        self.base: Floats = (1 - taste.weight) * taste.score[rows]
        self.value: Floats = self.base.copy()
        self.most: Floats = np.zeros(len(rows))
        self.most_at: Ints = np.full(len(rows), -1, np.int64)

    def took(self, at: int) -> None:
        """Lower the value of whoever is like a candidate that was taken."""
        alike = self.taste.looks.alike(self.rows, self.rows[[at]])[:, 0]
        closer = alike > self.most
        self.most[closer], self.most_at[closer] = alike[closer], at
        self.value = self.base - self.taste.weight * self.most


@dataclass(frozen=True, slots=True)
class Spread:
    """The picks of one video and pool.

    Attributes:
        picked: positions in the order they were taken.
        gap_s: the least gap that a pick was taken at: every two are at least this far apart.
        per_shot: the most picks that one shot was allowed when it gave one.
    """

    picked: Ints
    gap_s: float
    per_shot: int


def spread(time_s: Floats, shot: Ints, cap: int, gap_share: float = 1.0) -> Spread:
    """Take at most cap frames, best first, spread over time and shots.

    Relaxing temporal non-maximum suppression (science, section C): a frame is taken when it is
    at least a gap from all taken ones. The gap starts at FIRST_GAP of the eligible span / cap
    and is halved until cap are found. Every shot gives one frame before any gives a second; when
    shots have run out, the gap starts again and shots may give two, three, ...

    Args:
        time_s: (n,) times, best frame first.
        shot: (n,) shot numbers; -1 where shots are unknown, which then bind nothing.
        cap: most frames to take.
        gap_share: factor on the first gap (0.5 for faces).
    """
    group = Group(time_s, shot, cap, gap_share)
    while (best := group.proposal()) is not None:
        group.accept(best)
    return group.outcome()


class Group:
    """The candidates of one video and pool, and what is taken of them so far."""

    def __init__(
        self, time_s: Floats, shot: Ints, cap: int, gap_share: float, taste: Tasting | None = None
    ) -> None:
        n = len(time_s)
        self.time_s = time_s
        self.cap = min(cap, n)
        if self.cap > 1:
            # A frame of an unknown shot is a shot of its own.
            own = np.where(shot < 0, -1 - np.arange(n), shot)
            shots, self.shot = np.unique(own, return_inverse=True)
        else:  # which shot it is of binds nobody before a first pick
            shots, self.shot = np.zeros(1, np.int64), np.zeros(n, np.int64)
        self.used: Ints = np.zeros(len(shots), np.int64)
        self.nearest: Floats = np.full(n, np.inf)
        self.picked: list[int] = []
        self.barred: Bools = np.zeros(n, np.bool_)
        self.taste = taste
        # Who was passed over for a worse frame, and what it resembled then.
        self.passed: Ints = np.full(n, -1, np.int64)
        self.passed_alike: Floats = np.full(n, np.nan)
        span = float(time_s.max() - time_s.min()) if n else 0.0
        first = FIRST_GAP * gap_share * span / cap if cap > 0 else 0.0
        self.bound_gap, self.bound_shot = first, 1
        self._levels = self._schedule(first)
        self._level = next(self._levels) if self.cap else None
        self._free: Bools = np.zeros(n, np.bool_)
        self._best: int | None = None

    def proposal(self) -> int | None:
        """Return the next frame to take, relaxing as far as it needs; None when there is none."""
        while self._best is None and self._level is not None and len(self.picked) < self.cap:
            per_shot, gap = self._level
            self._free = (self.nearest >= gap) & (self.used[self.shot] < per_shot) & ~self.barred
            if self.taste is None:
                best = int(self._free.argmax())
            else:
                best = int(np.where(self._free, self.taste.value, -np.inf).argmax())
            if self._free[best]:
                self._best = best
            else:
                self._level = next(self._levels, None)
        return self._best

    def bar(self, rows: Ints) -> None:
        """Take some candidates out."""
        self.barred[rows] = True
        self._best = None

    def accept(self, best: int) -> None:
        """Take what was proposed."""
        if self._level is None:
            raise ValueError("nothing was proposed")
        per_shot, gap = self._level
        self.bound_gap, self.bound_shot = min(self.bound_gap, gap), max(self.bound_shot, per_shot)
        if self.taste is not None:
            over = np.flatnonzero(self._free[:best])
            over = over[self.passed[over] < 0]
            self.passed[over] = self.taste.most_at[over]
            self.passed_alike[over] = self.taste.most[over]
        self.picked.append(best)
        self._best = None
        if len(self.picked) == self.cap:
            return  # nobody will ask who is left
        if self.taste is not None:
            self.taste.took(best)
        self.used[self.shot[best]] += 1
        np.minimum(self.nearest, np.abs(self.time_s - self.time_s[best]), out=self.nearest)
        self.nearest[best] = -1.0

    def outcome(self) -> Spread:
        """Return what was taken."""
        return Spread(np.array(self.picked, np.int64), self.bound_gap, self.bound_shot)

    def _schedule(self, first: float) -> Iterator[tuple[int, float]]:
        """Yield (picks per shot, gap) from strict to lax."""
        gaps = [first / 2**halving for halving in range(HALVINGS)] + [0.0]
        for gap in gaps:
            if (self.used == 0).any():
                yield 1, gap
        for gap in gaps:
            for per_shot in range(2, self.cap + 1):
                yield per_shot, gap
