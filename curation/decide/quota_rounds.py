"""The picks of all videos and pools at once: every group takes its next frame in one round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from curation.decide.columns import Bools, Floats, Ints
from curation.decide.quota_group import FIRST_GAP, HALVINGS, Spread, Taste, Tasting


@dataclass(frozen=True, slots=True)
class Members:
    """The candidates of g groups (a video and a pool each), group by group, each best first.

    Attributes:
        order: (n,) number of each candidate.
        starts: (g + 1,) where each group begins, and the end.
        time_s, shot: (n,) as in `quota_group.spread`.
    """

    order: Ints
    starts: Ints
    time_s: Floats
    shot: Ints

    @property
    def group(self) -> Ints:
        """(n,) number of the group."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


@dataclass(frozen=True, slots=True)
class Spreads:
    """What g groups took; positions are places among the members, -1 for none.

    Attributes:
        picks: (g, most picks) in the order they were taken.
        gap_s, per_shot: (g,) as in `quota_group.Spread`.
        passed: (n,) the pick that a frame resembled when it was passed over for a worse one.
        passed_alike: (n,) how much it did.
    """

    picks: Ints
    gap_s: Floats
    per_shot: Ints
    passed: Ints
    passed_alike: Floats

    @staticmethod
    def none(members: Members, room: Ints) -> Spreads:
        """Return nothing taken, with room for this many picks of each group."""
        sizes = np.diff(members.starts)
        most = int(np.minimum(room, sizes).max(initial=0))
        groups, n = len(room), len(members.order)
        return Spreads(
            np.full((groups, most), -1, np.int64), np.zeros(groups), np.ones(groups, np.int64),
            np.full(n, -1, np.int64), np.full(n, np.nan),
        )

    def enter(
        self, group: int, found: Spread, passed: Ints, passed_alike: Floats, start: int
    ) -> None:
        """Take over what one group took by itself; its positions count from `start`."""
        self.picks[group, : len(found.picked)] = start + found.picked
        self.gap_s[group], self.per_shot[group] = found.gap_s, found.per_shot
        mine = slice(start, start + len(passed))
        self.passed[mine] = np.where(passed >= 0, start + passed, -1)
        self.passed_alike[mine] = passed_alike

    def lists(self) -> Iterator[Ints]:
        """Yield the picks of each group in the order they were taken."""
        for picks in self.picks:
            yield picks[picks >= 0]


def in_rounds(
    members: Members, room: Ints, gap_share: Floats, taste: Taste | None
) -> Spreads:
    """Return what `quota_group.Group` would take of each group by itself, all groups together.

    Args:
        room: (g,) most picks of each group.
        gap_share: (g,) factor on the first gap of each group.
        taste: variety within a group; without it the best is taken first.
    """
    found = Spreads.none(members, room)
    if len(members.order):
        rounds = _Rounds(members, room, gap_share, taste, found)
        while rounds.turn():
            pass
    return found


class _Rounds:
    """How far all groups are."""

    def __init__(
        self, members: Members, room: Ints, gap_share: Floats, taste: Taste | None,
        found: Spreads,
    ) -> None:
        self.members, self.found = members, found
        self.group = members.group
        sizes, heads = np.diff(members.starts), members.starts[:-1]
        self.places = np.minimum(room, sizes)
        span = np.maximum.reduceat(members.time_s, heads) - np.minimum.reduceat(
            members.time_s, heads)
        self.first = np.zeros(len(room))
        np.divide(FIRST_GAP * gap_share * span, room, out=self.first, where=room > 0)
        found.gap_s[:] = self.first
        self._number_shots()
        self.nearest: Floats = np.full(len(self.group), np.inf)
        self.level: Ints = np.zeros(len(room), np.int64)
        self.count: Ints = np.zeros(len(room), np.int64)
        self.active: Bools = np.asarray(self.places > 0)
        self.here = np.flatnonzero(self.active[self.group])
        self.tasting: dict[int, Tasting] = {}
        self.taste = taste
        if taste is not None:
            self.value: Floats = (1 - taste.weight) * taste.score[members.order]
            self.most: Floats = np.zeros(len(self.group))
            self.most_at: Ints = np.full(len(self.group), -1, np.int64)

    def _number_shots(self) -> None:
        """Give every shot of every group a number; a frame of an unknown shot is its own."""
        n, groups, shot = len(self.group), len(self.places), self.members.shot
        unknown = np.flatnonzero(shot < 0)
        width = int(shot.max(initial=-1)) + 1
        known = groups * width
        if known > 16 * n + 1000:  # numbers with wide gaps: closer ones instead
            found, shot = np.unique(shot, return_inverse=True)
            width = len(found)
            known = groups * width
        self.shot: Ints = self.group * width + shot
        self.shot[unknown] = known + np.arange(len(unknown))
        self.used: Ints = np.zeros(known + len(unknown), np.int64)
        there = np.zeros(known + len(unknown), np.bool_)
        there[self.shot] = True
        self.unused: Ints = there[:known].reshape(groups, width).sum(axis=1) if width else (
            np.zeros(groups, np.int64))
        self.unused += np.bincount(self.group[unknown], minlength=groups)

    def turn(self) -> bool:
        """Let every group that is not done take a frame or relax; return whether any is left."""
        if not len(self.here):
            return False
        per_shot, gap = self._limits()
        group = self.group[self.here]
        free = self.nearest[self.here] >= gap[group]
        free &= self.used[self.shot[self.here]] < per_shot[group]
        open_ = self.here[free]
        best = self._best(open_)
        took = np.zeros(len(self.places), np.bool_)
        took[self.group[best]] = True
        self._relax(np.flatnonzero(self.active & ~took))
        self._accept(best, open_, per_shot, gap)
        self.here = self.here[self.active[group]]
        return True

    def _limits(self) -> tuple[Ints, Floats]:
        """Return (g,) picks per shot and gap of each group's level; see Group._schedule."""
        steps = np.maximum(self.places - 1, 1)
        lax = self.level - (HALVINGS + 1)
        halving = np.where(lax < 0, self.level, lax // steps)
        gap = np.where(halving < HALVINGS, self.first / 2.0**np.minimum(halving, HALVINGS), 0.0)
        return np.where(lax < 0, 1, 2 + lax % steps), gap

    def _best(self, open_: Ints) -> Ints:
        """Return the frame that each group takes of those it may take."""
        group = self.group[open_]
        heads = np.flatnonzero(np.diff(group, prepend=-1))
        if self.taste is None or not len(open_):
            return open_[heads]
        value = self.value[open_]
        most = np.repeat(
            np.maximum.reduceat(value, heads), np.diff(heads, append=len(open_))
        )
        good = open_[value == most]
        return np.asarray(good[np.flatnonzero(np.diff(self.group[good], prepend=-1))])

    def _relax(self, groups: Ints) -> None:
        level = self.level[groups] + 1
        strict = (level <= HALVINGS) & (self.unused[groups] == 0)
        self.level[groups] = np.where(strict, HALVINGS + 1, level)

    def _accept(self, best: Ints, open_: Ints, per_shot: Ints, gap: Floats) -> None:
        groups, found = self.group[best], self.found
        found.gap_s[groups] = np.minimum(found.gap_s[groups], gap[groups])
        found.per_shot[groups] = np.maximum(found.per_shot[groups], per_shot[groups])
        if self.tasting:
            self._pass_over(best, open_)
        found.picks[groups, self.count[groups]] = best
        self.count[groups] += 1
        done = self.count[groups] == self.places[groups]
        self.active[groups[done]] = False
        more = best[~done]
        if not len(more):
            return
        going = self.group[more]
        self.unused[going] -= self.used[self.shot[more]] == 0
        self.used[self.shot[more]] += 1
        last = np.full(len(self.places), -1, np.int64)
        last[going] = more
        rows = self.here[last[self.group[self.here]] >= 0]
        time_s = self.members.time_s
        far = np.abs(time_s[rows] - time_s[last[self.group[rows]]])
        self.nearest[rows] = np.minimum(self.nearest[rows], far)
        self.nearest[more] = -1.0
        if self.taste is not None:
            self._savour(self.taste, more)

    def _savour(self, taste: Taste, more: Ints) -> None:
        """Lower the value of what is like the frames that were just taken."""
        for one, group in zip(more.tolist(), self.group[more].tolist(), strict=True):
            start, end = self.members.starts[group : group + 2].tolist()
            if group not in self.tasting:
                self.tasting[group] = taste.of(self.members.order[start:end])
            tasting = self.tasting[group]
            tasting.took(one - start)
            self.value[start:end], self.most[start:end] = tasting.value, tasting.most
            self.most_at[start:end] = np.where(tasting.most_at >= 0, start + tasting.most_at, -1)

    def _pass_over(self, best: Ints, open_: Ints) -> None:
        """Remember whom better frames resembled that were passed over for these."""
        ahead = np.full(len(self.places), -1, np.int64)
        ahead[self.group[best]] = best
        over = open_[open_ < ahead[self.group[open_]]]
        over = over[(self.found.passed[over] < 0) & (self.most_at[over] >= 0)]
        self.found.passed[over] = self.most_at[over]
        self.found.passed_alike[over] = self.most[over]
