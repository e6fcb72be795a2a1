"""Why a candidate was not taken by its video: what each of those that are left lost to."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

import numpy as np
import numpy.typing as npt

from curation.decide.columns import Bools, Floats, Ints
from curation.decide.quota_rounds import Members, Spreads

GAP, SHOT, PERSON, VIDEO, DIVERSITY = range(1, 6)
"""Positions in quota.CODES."""

_PAIRS_AT_ONCE = 1_000_000


@dataclass(frozen=True, slots=True)
class Lost:
    """What is said of n members; positions are places among them, -1 for nobody.

    Attributes: as in quota.Quota, the limit of VIDEO left to be filled in.
    """

    picked: Bools
    kind: npt.NDArray[np.int8]
    rival: Ints
    value: Floats
    limit: Floats
    nearest_s: Floats
    in_shot: Ints


@dataclass(frozen=True, slots=True)
class Taken:
    """The picks of one video and pool: times and shots, and the room they had."""

    time_s: Floats
    shot: Ints
    room: int
    cap: int

    def text(self) -> str:
        """Return e.g. "6 of 6 of this video taken, at least 41 s apart, one per shot"."""
        text = f"{len(self.time_s)} of {self.room} of this video taken"
        if self.room < self.cap:
            text += ", its share of the pool"
        if len(self.time_s) > 1:
            least = float(np.diff(np.sort(self.time_s)).min())
            # Rounded down: "at least" must stay true.
            shown = f"{floor(least)}" if least >= 10 else f"{floor(least * 100) / 100:.2f}"
            text += f", at least {shown} s apart"
        known = self.shot[self.shot >= 0]
        if len(known) > 1:
            most = int(np.unique(known, return_counts=True)[1].max())
            text += ", one per shot" if most == 1 else f", up to {most} per shot"
        return text


def explained(members: Members, spreads: Spreads) -> Lost:
    """Name what each frame that is not taken lost to: of the picks in its way, the nearest better
    one."""
    n = len(members.order)
    picked = np.zeros(n, np.bool_)
    picked[spreads.picks[spreads.picks >= 0]] = True
    losers = np.flatnonzero(~picked)
    lost = Lost(
        picked, np.where(picked, 0, VIDEO).astype(np.int8), np.full(n, -1, np.int64),
        np.full(n, np.nan), np.full(n, np.nan), np.where(picked, 0.0, np.inf),
        np.zeros(n, np.int64),
    )
    group = members.group
    taken = (spreads.picks >= 0).sum(axis=1)
    losers = losers[taken[group[losers]] > 0]
    # Videos with as many picks together: most have few, and need no wide rows.
    width_of = taken[group[losers]]
    for width in np.unique(taken[taken > 0]).tolist():
        rows = losers[width_of == width]
        step = max(1, _PAIRS_AT_ONCE // width)
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            _explain(lost, members, spreads, group[part], part, width)
    return lost


def _explain(
    lost: Lost, members: Members, spreads: Spreads, group: Ints, at: Ints, width: int
) -> None:
    picks = spreads.picks[group, :width]
    apart = np.abs(members.time_s[at][:, None] - members.time_s[picks])
    gap_s, per_shot = spreads.gap_s[group], spreads.per_shot[group]
    close = np.asarray(apart < gap_s[:, None])
    shot = members.shot[at][:, None]
    same_shot = (shot == members.shot[picks]) & (shot >= 0)
    better = picks < at[:, None]
    place = np.arange(len(at))

    def nearest_of(allowed: Bools) -> Ints:
        both = allowed & better
        wanted = np.where(np.asarray(both.any(axis=1))[:, None], both, allowed)
        return np.asarray(np.where(wanted, apart, np.inf).argmin(axis=1))

    def close_case(where: Bools, kind: int, rival: Ints, value: Floats, limit: Floats) -> None:
        here = at[where]
        lost.kind[here], lost.rival[here] = kind, rival[where]
        lost.value[here], lost.limit[here] = value[where], limit[where]

    in_shot = same_shot.sum(axis=1)
    lost.nearest_s[at], lost.in_shot[at] = apart.min(axis=1), in_shot
    # From the weakest claim to the strongest; the last one stays.
    lost.rival[at] = picks.max(axis=1)
    crowded = np.asarray((in_shot > 0) & (in_shot >= per_shot))
    if crowded.any():
        close_case(crowded, SHOT, picks[place, nearest_of(same_shot)],
                   in_shot.astype(np.float64), per_shot.astype(np.float64))
    near = np.asarray(close.any(axis=1))
    if near.any():
        nearest = nearest_of(close)
        close_case(near, GAP, picks[place, nearest], apart[place, nearest], gap_s)
    passed = spreads.passed[at]
    close_case(np.asarray(passed >= 0), DIVERSITY, passed, spreads.passed_alike[at],
               np.full(len(at), np.nan))
