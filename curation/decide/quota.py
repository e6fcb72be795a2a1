"""How many are picked of a video, a person and a pool, and how they spread over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curation.decide.columns import AnyArray, Bools, Floats, Ints, Objects
from curation.decide.quota_group import FIRST_GAP, Group, Likeness, Spread, Taste, spread
from curation.decide.quota_lost import PERSON, VIDEO, Taken, explained
from curation.decide.quota_rounds import Members, Spreads, in_rounds
from curation.decide.shares import usable_seconds_of, water_fill

__all__ = [
    "FIRST_GAP", "Likeness", "Quota", "Rules", "Spread", "Taste", "allot", "spread",
]  # fmt: skip

@dataclass(frozen=True, slots=True)
class Rules:
    """What binds beside the caps of each video.

    Attributes:
        per_person: most picks of one person in one pool; 0 binds nothing.
        budget: most picks of all videos of one pool together, shared by `water_fill`; 0 for none.
    """

    per_person: int = 0
    budget: int = 0


CODES: Objects = np.array(
    ["", "quota_gap", "quota_shot", "quota_person", "quota_video", "diversity"], object
)


@dataclass(frozen=True, slots=True)
class Quota:
    """The outcome of all videos and pools; -1 where a position is of nobody.

    Attributes:
        picked: (n,) bool.
        kind: (n,) position in CODES of the reason of who is not picked.
        rival: (n,) position of the pick that took the frame's place.
        value, limit: (n,) what bound: seconds and least gap, picks and their limit, or likeness.
        nearest_s: (n,) seconds to the nearest pick of the same video and pool.
        gap_s: (n,) the gap that bound there.
        in_shot: (n,) picks that the frame's own shot gave (0 where shots are unknown).
        per_shot: (n,) most picks per shot that were allowed there.
        room: (n,) places that the video had in the pool.
    """

    picked: Bools
    kind: npt.NDArray[np.int8]
    rival: Ints
    value: Floats
    limit: Floats
    nearest_s: Floats
    gap_s: Floats
    in_shot: Ints
    per_shot: Ints
    room: Ints
    _took: list[Taken]
    _of: Ints

    @property
    def code(self) -> Objects:
        """(n,) object: quota_gap, quota_shot, quota_person, quota_video or diversity for who is
        not picked, else ""."""
        return np.asarray(CODES[self.kind])

    @property
    def taken(self) -> Objects:
        """(n,) object: what was taken there, for people."""
        found: Objects = np.full(len(self.kind), "", object)
        found[:] = self.taken_of(np.arange(len(self.kind)))
        return found

    def taken_of(self, rows: Ints) -> list[str]:
        """Return what was taken where these candidates are, for people."""
        texts: dict[int, str] = {}
        of = self._of[rows].tolist()
        for number in set(of):
            texts[number] = self._took[number].text() if number >= 0 else ""
        return [texts[number] for number in of]


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
    narrow = np.int16 if n and int(group.max()) < 1 << 15 and int(group.min()) >= 0 else np.int64
    order = np.argsort(group.astype(narrow), kind="stable")  # of 16 bits in one look at each
    edges = np.flatnonzero(np.diff(group[order])) + 1
    starts = np.concatenate([[0], edges, [n]]).astype(np.int64) if n else np.zeros(1, np.int64)
    members = Members(order, starts, time_s[order], shot[order])
    first = order[starts[:-1]]
    room = cap[first].astype(np.int64)
    seconds = np.zeros(len(first))
    if rules.budget:
        seconds = usable_seconds_of(members.group, members.time_s, len(first))
    for number in np.unique(pool[first]):
        mine = np.flatnonzero(pool[first] == number)
        if rules.budget and int(room[mine].sum()) > rules.budget:
            room[mine] = water_fill(seconds[mine], room[mine], rules.budget)
    if rules.per_person:
        spreads = _in_turns(members, room, gap_share, pool, person, rules.per_person, taste)
    else:
        spreads = in_rounds(members, room, gap_share[first].astype(np.float64), taste)
    quota = _recorded(members, spreads, room, cap[first])
    if rules.per_person:
        _record_persons(quota, pool, person, rules.per_person)
    return quota


def _in_turns(
    members: Members, room: Ints, gap_share: Floats, pool: Ints, person: Ints, per_person: int,
    taste: Taste | None,
) -> Spreads:
    """Return the picks of all groups where those of one say who may be picked of another."""
    found = Spreads.none(members, room)
    bounds = members.starts
    for number in np.unique(pool):
        at = [
            one for one in range(len(room)) if pool[members.order[bounds[one]]] == number
        ]
        rows = [members.order[bounds[one] : bounds[one + 1]] for one in at]
        groups = [
            Group(members.time_s[bounds[one] : bounds[one + 1]],
                  members.shot[bounds[one] : bounds[one + 1]], int(room[one]),
                  float(gap_share[mine[0]]), None if taste is None else taste.of(mine))
            for one, mine in zip(at, rows, strict=True)
        ]
        _take_in_turns(rows, groups, person, per_person)
        for one, group in zip(at, groups, strict=True):
            found.enter(one, group.outcome(), group.passed, group.passed_alike, bounds[one])
    return found


def _take_in_turns(
    members: list[Ints], groups: list[Group], person: Ints, per_person: int
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


def _recorded(members: Members, spreads: Spreads, room: Ints, cap: Ints) -> Quota:
    """Write down what was taken, and why the others were not."""
    lost = explained(members, spreads)
    n, order, group = len(members.order), members.order, members.group

    def given(values: AnyArray) -> AnyArray:
        """Return values by place among the members in the order of the candidates."""
        found = np.empty_like(values)
        found[order] = values
        return found

    rival = np.full(n, -1, np.int64)
    rival[lost.rival >= 0] = order[lost.rival[lost.rival >= 0]]
    limit = np.where(lost.kind == VIDEO, room[group], lost.limit)
    took = [
        Taken(members.time_s[picks], members.shot[picks], int(places), int(most))
        for picks, places, most in zip(spreads.lists(), room, cap, strict=True)
    ]
    return Quota(
        given(lost.picked), given(lost.kind), given(rival), given(lost.value), given(limit),
        given(lost.nearest_s), given(spreads.gap_s[group]), given(lost.in_shot),
        given(spreads.per_shot[group]), given(room[group]), took, given(group),
    )


def _record_persons(quota: Quota, pool: Ints, person: Ints, per_person: int) -> None:
    """Say of frames that only their person's quota kept out that it did."""
    known = np.flatnonzero((person >= 0) & quota.picked)
    picks: dict[tuple[int, int], list[int]] = {}
    for row in known.tolist():
        picks.setdefault((int(pool[row]), int(person[row])), []).append(row)
    free = (quota.kind == VIDEO) | (quota.kind == 0)
    for (number, who), rows in picks.items():
        if len(rows) < per_person:
            continue
        mine = free & ~quota.picked & (pool == number) & (person == who)
        quota.kind[mine], quota.rival[mine] = PERSON, max(rows)
        quota.value[mine], quota.limit[mine] = len(rows), per_person
