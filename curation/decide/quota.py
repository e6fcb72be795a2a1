"""How many are picked of a video, a person and a pool, and how they spread over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor
from typing import Protocol

import numpy as np

from curation.decide.columns import Bools, Floats, Ints, Objects
from curation.decide.shares import usable_seconds, water_fill

FIRST_GAP = 0.4
"""The first gap in shares of span / cap. Larger gaps cost quality, smaller ones bring frames of
one moment together: .3 gives 98.6 % and 43 s, .4 98.3 % and 51 s, .5 98.0 % and 60 s (900
synthetic videos of 600 s, 6 picks)."""

_HALVINGS = 6
_PAIRS_AT_ONCE = 1_000_000


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

    def of(self, rows: Ints) -> _Tasting:
        """Return a memory of what was taken of these candidates."""
        return _Tasting(self, rows)


class _Tasting:
    """Maximal marginal relevance (Carbonell & Goldstein 1998) within one group."""

    def __init__(self, taste: Taste, rows: Ints) -> None:
        self.taste, self.rows = taste, rows
        self.base: Floats = (1 - taste.weight) * taste.score[rows]
        self.value: Floats = self.base.copy()
        self.most: Floats = np.zeros(len(rows))
        self.most_at: Ints = np.full(len(rows), -1, np.int64)

    def took(self, at: int) -> None:
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
    group = _Group(time_s, shot, cap, gap_share)
    while (best := group.proposal()) is not None:
        group.accept(best)
    return group.outcome()


class _Group:
    """The candidates of one video and pool, and what is taken of them so far."""

    def __init__(
        self, time_s: Floats, shot: Ints, cap: int, gap_share: float, taste: _Tasting | None = None
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
        gaps = [first / 2**halving for halving in range(_HALVINGS)] + [0.0]
        for gap in gaps:
            if (self.used == 0).any():
                yield 1, gap
        for gap in gaps:
            for per_shot in range(2, self.cap + 1):
                yield per_shot, gap


@dataclass(frozen=True, slots=True)
class Rules:
    """What binds beside the caps of each video.

    Attributes:
        per_person: most picks of one person in one pool; 0 binds nothing.
        budget: most picks of all videos of one pool together, shared by `water_fill`; 0 for none.
    """

    per_person: int = 0
    budget: int = 0


@dataclass(frozen=True, slots=True)
class Quota:
    """The outcome of all videos and pools; -1 where a position is of nobody.

    Attributes:
        picked: (n,) bool.
        code: (n,) object: quota_gap, quota_shot, quota_person, quota_video or diversity for who
            is not picked, else "".
        rival: (n,) position of the pick that took the frame's place.
        value, limit: (n,) what bound: seconds and least gap, picks and their limit, or likeness.
        taken: (n,) object: what was taken there, for people.
        nearest_s: (n,) seconds to the nearest pick of the same video and pool.
        gap_s: (n,) the gap that bound there.
        in_shot: (n,) picks that the frame's own shot gave (0 where shots are unknown).
        per_shot: (n,) most picks per shot that were allowed there.
        room: (n,) places that the video had in the pool.
    """

    picked: Bools
    code: Objects
    rival: Ints
    value: Floats
    limit: Floats
    taken: Objects
    nearest_s: Floats
    gap_s: Floats
    in_shot: Ints
    per_shot: Ints
    room: Ints


def allot(
    group: Ints,
    time_s: Floats,
    shot: Ints,
    cap: Ints,
    gap_share: Floats,
    pool: Ints | None = None,
    person: Ints | None = None,
    rules: Rules | None = None,
    taste: Taste | None = None,
) -> Quota:
    """Spread the picks of every group.

    Where persons bind, videos take in turns, so that one person's picks come from many videos.

    Args:
        group: (n,) number of the video and pool of each frame; rows are best first.
        time_s, shot: (n,) as in `spread`.
        cap, gap_share: (n,) the same value for all frames of a group.
        pool: (n,) number of the pool; without it all frames are of one.
        person: (n,) who it is; -1 or None where nobody knows, which then binds nothing.
        rules: what binds beside the caps.
        taste: variety within a video; without it the best is taken first.
    """
    rules = rules or Rules()
    n = len(group)
    pool = np.zeros(n, np.int64) if pool is None else pool
    person = np.full(n, -1, np.int64) if person is None else person
    quota = Quota(
        np.zeros(n, np.bool_), np.full(n, "", object), np.full(n, -1, np.int64),
        np.full(n, np.nan), np.full(n, np.nan), np.full(n, "", object), np.full(n, np.inf),
        np.zeros(n), np.zeros(n, np.int64), np.ones(n, np.int64), np.zeros(n, np.int64),
    )
    order = np.argsort(group, kind="stable")
    edges = np.flatnonzero(np.diff(group[order])) + 1
    members = np.split(order, edges) if n else []
    for number in np.unique(pool):
        mine = [rows for rows in members if pool[rows[0]] == number]
        room = np.array([int(cap[rows[0]]) for rows in mine], np.int64)
        if rules.budget and int(room.sum()) > rules.budget:
            seconds = np.array([usable_seconds(time_s[rows]) for rows in mine])
            room = water_fill(seconds, room, rules.budget)
        groups = [
            _Group(time_s[rows], shot[rows], int(places), float(gap_share[rows[0]]),
                   None if taste is None else taste.of(rows))
            for rows, places in zip(mine, room, strict=True)
        ]
        _take_in_turns(mine, groups, person, rules.per_person)
        for rows, one, places in zip(mine, groups, room.tolist(), strict=True):
            _record(quota, rows, one, time_s[rows], shot[rows], places, int(cap[rows[0]]))
    if rules.per_person:
        _record_persons(quota, pool, person, rules.per_person)
    return quota


def _take_in_turns(
    members: list[Ints], groups: list[_Group], person: Ints, per_person: int
) -> None:
    """Let every group take a frame in turn, the group with the best frame first."""
    owner: dict[int, list[tuple[int, Ints]]] = {}
    for number, rows in enumerate(members if per_person else []):
        for who in np.unique(person[rows[person[rows] >= 0]]).tolist():
            owner.setdefault(who, []).append((number, np.flatnonzero(person[rows] == who)))
    taken: dict[int, int] = {}
    active = list(range(len(groups)))
    while active:
        proposed = [(groups[number].proposal(), number) for number in active]
        turn = [(int(members[number][at]), number) for at, number in proposed if at is not None]
        for _, number in sorted(turn):
            at = groups[number].proposal()
            if at is None:
                continue
            groups[number].accept(at)
            who = int(person[members[number][at]])
            if per_person and who >= 0:
                taken[who] = taken.get(who, 0) + 1
                if taken[who] >= per_person:
                    for other, theirs in owner[who]:
                        groups[other].bar(theirs)
        active = [number for _, number in sorted(turn, key=lambda pair: pair[1])]


def _record(
    quota: Quota, rows: Ints, group: _Group, time_s: Floats, shot: Ints, room: int, cap: int
) -> None:
    """Write down what one group took, and why the others were not."""
    found = group.outcome()
    picked = found.picked
    quota.picked[rows[picked]] = True
    quota.gap_s[rows], quota.per_shot[rows], quota.room[rows] = found.gap_s, found.per_shot, room
    quota.taken[rows] = _taken_text(time_s[picked], shot[picked], room, cap)
    quota.nearest_s[rows[picked]] = 0.0
    lost = np.ones(len(rows), np.bool_)
    lost[picked] = False
    losers = np.flatnonzero(lost)
    quota.code[rows[losers]], quota.limit[rows[losers]] = "quota_video", room
    if not len(picked):
        return
    step = max(1, _PAIRS_AT_ONCE // len(picked))
    for start in range(0, len(losers), step):
        _explain_lost(quota, rows, group, found, time_s, shot, losers[start : start + step])


def _explain_lost(
    quota: Quota, rows: Ints, group: _Group, found: Spread, time_s: Floats, shot: Ints, at: Ints
) -> None:
    """Name what each of these frames lost to: of the picks in its way, the nearest better one."""
    picked, here = found.picked, rows[at]
    apart = np.abs(time_s[at][:, None] - time_s[picked][None, :])
    close = np.asarray(apart < found.gap_s)
    same_shot = (shot[at][:, None] == shot[picked][None, :]) & (shot[at] >= 0)[:, None]
    better = picked[None, :] < at[:, None]

    def nearest_of(allowed: Bools) -> Ints:
        both = allowed & better
        wanted = np.where(np.asarray(both.any(axis=1))[:, None], both, allowed)
        return np.asarray(np.where(wanted, apart, np.inf).argmin(axis=1))

    def close_case(where: Bools, code: str, rival: Ints, value: Floats, limit: float) -> None:
        quota.code[here[where]], quota.rival[here[where]] = code, rows[rival[where]]
        quota.value[here[where]], quota.limit[here[where]] = value[where], limit

    in_shot = same_shot.sum(axis=1)
    quota.nearest_s[here], quota.in_shot[here] = apart.min(axis=1), in_shot
    # From the weakest claim to the strongest; the last one stays.
    worst = np.full(len(at), picked.max())
    quota.rival[here] = rows[worst]
    crowded = np.asarray((in_shot > 0) & (in_shot >= found.per_shot))
    close_case(crowded, "quota_shot", picked[nearest_of(same_shot)], in_shot.astype(float),
               found.per_shot)
    nearest = nearest_of(close)
    distance = apart[np.arange(len(at)), nearest]
    close_case(np.asarray(close.any(axis=1)), "quota_gap", picked[nearest], distance, found.gap_s)
    passed = group.passed[at]
    close_case(np.asarray(passed >= 0), "diversity", passed, group.passed_alike[at], np.nan)


def _record_persons(quota: Quota, pool: Ints, person: Ints, per_person: int) -> None:
    """Say of frames that only their person's quota kept out that it did."""
    known = np.flatnonzero((person >= 0) & quota.picked)
    picks: dict[tuple[int, int], list[int]] = {}
    for row in known.tolist():
        picks.setdefault((int(pool[row]), int(person[row])), []).append(row)
    free = (quota.code == "quota_video") | (quota.code == "")
    for (number, who), rows in picks.items():
        if len(rows) < per_person:
            continue
        mine = free & ~quota.picked & (pool == number) & (person == who)
        quota.code[mine], quota.rival[mine] = "quota_person", max(rows)
        quota.value[mine], quota.limit[mine] = len(rows), per_person


def _taken_text(times: Floats, shot: Ints, room: int, cap: int) -> str:
    """Return e.g. "6 of 6 of this video taken, at least 41 s apart, one per shot"."""
    text = f"{len(times)} of {room} of this video taken"
    if room < cap:
        text += ", its share of the pool"
    if len(times) > 1:
        least = float(np.diff(np.sort(times)).min())
        # Rounded down: "at least" must stay true.
        shown = f"{floor(least)}" if least >= 10 else f"{floor(least * 100) / 100:.2f}"
        text += f", at least {shown} s apart"
    known = shot[shot >= 0]
    if len(known) > 1:
        most = int(np.unique(known, return_counts=True)[1].max())
        text += ", one per shot" if most == 1 else f", up to {most} per shot"
    return text
