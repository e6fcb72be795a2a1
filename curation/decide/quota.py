"""How many of a video are picked, and how they spread over its time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor

import numpy as np

from curation.decide.columns import Bools, Floats, Ints, Objects

_HALVINGS = 6


@dataclass(frozen=True, slots=True)
class Spread:
    """The picks of one video and pool.

    Attributes:
        picked: positions in the order they were taken, best first.
        gap_s: the least gap that a pick was taken at: every two are at least this far apart.
        per_shot: the most picks that one shot was allowed when it gave one.
    """

    picked: Ints
    gap_s: float
    per_shot: int


def spread(time_s: Floats, shot: Ints, cap: int, gap_share: float = 1.0) -> Spread:
    """Take at most cap frames, best first, spread over time and shots.

    Relaxing temporal non-maximum suppression (science, section C): a frame is taken when it is
    at least a gap from all taken ones. The gap starts at the eligible span / (2 cap) and is
    halved until cap are found. Every shot gives one frame before any gives a second; when shots
    have run out, the gap starts again and shots may give two, three, ...

    Args:
        time_s: (n,) times, best frame first.
        shot: (n,) shot numbers; -1 where shots are unknown, which then bind nothing.
        cap: most frames to take.
        gap_share: factor on the first gap (0.5 for faces).
    """
    n = len(time_s)
    if n == 0 or cap <= 0:
        return Spread(np.zeros(0, np.int64), 0.0, 1)
    span = float(time_s.max() - time_s.min())
    first = gap_share * span / (2 * cap)
    state = _State(time_s, shot, min(cap, n))
    bound_gap, bound_shot = first, 1
    for per_shot, gap in _schedule(first, state):
        if state.take(gap, per_shot):
            bound_gap, bound_shot = min(bound_gap, gap), max(bound_shot, per_shot)
        if state.full:
            break
    return Spread(np.array(state.picked, np.int64), bound_gap, bound_shot)


class _State:
    """What is taken so far."""

    def __init__(self, time_s: Floats, shot: Ints, cap: int) -> None:
        # A frame of an unknown shot is a shot of its own.
        own = np.where(shot < 0, -1 - np.arange(len(shot)), shot)
        self.shots, self.shot = np.unique(own, return_inverse=True)
        self.used: Ints = np.zeros(len(self.shots), np.int64)
        self.time_s = time_s
        self.cap = cap
        self.nearest: Floats = np.full(len(time_s), np.inf)
        self.picked: list[int] = []

    @property
    def full(self) -> bool:
        return len(self.picked) >= self.cap

    @property
    def shots_left(self) -> bool:
        """Whether some shot has given nothing yet."""
        return bool((self.used == 0).any())

    def take(self, gap: float, per_shot: int) -> bool:
        """Take what is far enough from all taken frames, best first; tell whether any was."""
        before = len(self.picked)
        while not self.full:
            free = (self.nearest >= gap) & (self.used[self.shot] < per_shot)
            best = int(free.argmax())
            if not free[best]:
                break
            self.picked.append(best)
            self.used[self.shot[best]] += 1
            np.minimum(self.nearest, np.abs(self.time_s - self.time_s[best]), out=self.nearest)
            self.nearest[best] = -1.0
        return len(self.picked) > before


def _schedule(first: float, state: _State) -> Iterator[tuple[int, float]]:
    """Yield (picks per shot, gap) from strict to lax; stops only when the taker does."""
    gaps = [first / 2**halving for halving in range(_HALVINGS)] + [0.0]
    for gap in gaps:
        if state.shots_left:
            yield 1, gap
    for gap in gaps:
        for per_shot in range(2, state.cap + 1):
            yield per_shot, gap


@dataclass(frozen=True, slots=True)
class Quota:
    """The outcome of all videos and pools.

    Attributes:
        picked: (n,) bool.
        nearest_s: (n,) seconds to the nearest pick of the same video and pool.
        gap_s: (n,) the gap that bound there.
        in_shot: (n,) picks that the frame's own shot gave (0 where shots are unknown).
        per_shot: (n,) most picks per shot that were allowed there.
        taken: (n,) object: what was taken there, for people.
    """

    picked: Bools
    nearest_s: Floats
    gap_s: Floats
    in_shot: Ints
    per_shot: Ints
    taken: Objects


def allot(
    group: Ints, time_s: Floats, shot: Ints, cap: Ints, gap_share: Floats
) -> Quota:
    """Spread the picks of every group.

    Args:
        group: (n,) number of the video and pool of each frame; rows are best first.
        time_s, shot: (n,) as in `spread`.
        cap, gap_share: (n,) the same value for all frames of a group.
    """
    n = len(group)
    quota = Quota(
        np.zeros(n, np.bool_), np.full(n, np.inf), np.zeros(n), np.zeros(n, np.int64),
        np.ones(n, np.int64), np.full(n, "", object),
    )
    order = np.argsort(group, kind="stable")
    edges = np.flatnonzero(np.diff(group[order])) + 1
    for rows in np.split(order, edges) if n else []:
        _allot_one(quota, rows, time_s[rows], shot[rows], cap[rows[0]], gap_share[rows[0]])
    return quota


def _allot_one(
    quota: Quota, rows: Ints, time_s: Floats, shot: Ints, cap: int, gap_share: float
) -> None:
    found = spread(time_s, shot, int(cap), float(gap_share))
    quota.picked[rows[found.picked]] = True
    times = np.sort(time_s[found.picked])
    quota.taken[rows] = _taken_text(times, shot[found.picked], int(cap))
    quota.gap_s[rows] = found.gap_s
    quota.per_shot[rows] = found.per_shot
    if len(times) == 0:
        return
    after = np.searchsorted(times, time_s).clip(0, len(times) - 1)
    before = (after - 1).clip(0)
    quota.nearest_s[rows] = np.minimum(
        np.abs(time_s - times[after]), np.abs(time_s - times[before])
    )
    shots, used = np.unique(shot[found.picked], return_counts=True)
    at = np.searchsorted(shots, shot).clip(0, len(shots) - 1)
    quota.in_shot[rows] = np.where((shots[at] == shot) & (shot >= 0), used[at], 0)


def _taken_text(times: Floats, shot: Ints, cap: int) -> str:
    """Return e.g. "6 of 6 of this video taken, at least 41 s apart, one per shot"."""
    text = f"{len(times)} of {cap} of this video taken"
    if len(times) > 1:
        least = float(np.diff(times).min())
        # Rounded down: "at least" must stay true.
        shown = f"{floor(least)}" if least >= 10 else f"{floor(least * 100) / 100:.2f}"
        text += f", at least {shown} s apart"
    known = shot[shot >= 0]
    if len(known) > 1:
        most = int(np.unique(known, return_counts=True)[1].max())
        text += ", one per shot" if most == 1 else f", up to {most} per shot"
    return text
