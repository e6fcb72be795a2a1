"""What a frame would have needed: the least change of thresholds or of its score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from curation.decide.limits import Limit, shown
from curation.decide.reasons import REASONS

if TYPE_CHECKING:
    from curation.decide.pipeline import Decisions
    from curation.decide.summands import Part
    from curation.params import RankParams

Redecide = Callable[["RankParams"], "Decisions"]

TRIES = 8
DEPTH = 6
"""Reasons behind each other that are followed."""
LARGEST = 10_000
"""Frames up to which a count is found by deciding again and again; beyond, advice has to do."""

Need = tuple[str, str]
"""Name and text."""

Settings = dict[str, float | int]
"""Changed tunables by name."""


class Trial:
    """Other thresholds for one frame."""

    def __init__(self, row: int, params: RankParams, redecide: Redecide) -> None:
        self.row, self.params, self.redecide = row, params, redecide

    def changed(self, **values: Any) -> RankParams | None:
        """Return the parameters with these values; None where they leave their range."""
        try:
            return type(self.params)(**{**self.params.model_dump(), **values})
        except ValueError:
            return None

    def outcome(self, **values: Any) -> Decisions | None:
        """Return what other values decide about all frames; None out of range."""
        params = self.changed(**values)
        return None if params is None else self.redecide(params)

    def picks(self, **values: Any) -> bool:
        """Tell whether the frame is picked with other values."""
        made = self.outcome(**values)
        return made is not None and bool(made.verdict[self.row] == "picked")

    def escapes(self, reason: str, **values: Any) -> bool:
        """Tell whether a reason no longer applies to the frame with other values."""
        made = self.outcome(**values)
        return made is not None and bool(made.reason[self.row] != reason)


def of_limits(failed: Sequence[Limit], trial: Trial) -> tuple[list[Need], Settings]:
    """Return the limits to move so that none fails, and the settings that do it.

    There are no settings where one of them would leave its range.
    """
    values: Settings = {}
    needs: list[Need] = []
    for limit in failed:
        now = getattr(trial.params, limit.param)
        whole = isinstance(now, int) and not isinstance(now, bool)
        wanted = limit.relaxed(whole)
        values[limit.param] = int(wanted) if whole else wanted
        better, worse = ("at least", "lower") if limit.least else (
            "under" if limit.strict else "at most", "raise")
        value, held = shown(limit.value, limit.limit)
        text = f"{limit.name} {better} {held} instead of {value}"
        if trial.changed(**{limit.param: values[limit.param]}) is None:
            needs.append((limit.param, f"{text}; no setting of {limit.param} lets it pass"))
        else:
            needs.append((limit.param, f"{text}, or {worse} {limit.param} to "
                                       f"{values[limit.param]:g}"))
    if trial.changed(**values) is None:
        return [*needs, ("then", "it cannot pass all limits")], {}
    return needs, values


def then(made: Decisions, row: int, values: Settings) -> Need:
    """Return what changed settings decide about a frame, with all of them."""
    settings = ", ".join(f"{name} {value:g}" for name, value in values.items())
    if made.verdict[row] == "picked":
        return "then", f"with {settings} it is picked: rank {made.rank[row]} of {made.pool[row]}"
    return "then", (f"with {settings} it is {made.verdict[row]} as {made.reason[row]}: "
                    f"{made.detail[row]}")


def of_reason(
    reason: str, pool: str, trial: Trial, place: int
) -> tuple[list[Need], Settings]:
    """Return the least change of each tunable that decides about a reason, by deciding again.

    Where no tunable alone gets the frame picked, those are named that take the reason away:
    something else stands behind it. The first that is named is returned as the setting.

    Args:
        place: of the frame among all that reached the top of its pool.
    """
    about = REASONS[reason]
    if reason in ("picked", "not_ranked"):
        return [], {}
    names = [name for name in about.limits
             if name not in ("per_video", "per_video_face") or name == pool_cap(pool)]
    up = about.advice.startswith("raise")

    def text(name: str, found: float) -> str:
        return f"{name} {found:g} instead of {getattr(trial.params, name):g}"

    for does in (trial.picks, partial(trial.escapes, reason)):
        tried = [(name, _search(name, up, trial, place, does)) for name in names]
        found = [(name, value) for name, value in tried if value is not None]
        if found:
            return [
                (name, f"{'or ' if at else ''}{name} {value:g} instead of "
                       f"{getattr(trial.params, name):g}")
                for at, (name, value) in enumerate(found)
            ], dict(found[:1])
    return [("advice", about.advice)], {}


def pool_cap(pool: str) -> str:
    """Return the tunable that caps a video's picks of a pool."""
    return "per_video_face" if pool == "face" else "per_video"


def _search(
    name: str, up: bool, trial: Trial, place: int, does: Callable[..., bool]
) -> float | None:
    """Return the value nearest to the present one that does it, such as get the frame picked."""
    now = getattr(trial.params, name)
    whole = isinstance(now, int)
    if name == "top":
        return place if place and does(top=place) else None
    near, far = float(now), 0.0
    if up:
        far = max(1.0, near)
        for _ in range(4):
            far *= 2
            if does(**{name: int(far) if whole else far}):
                break
            near = far
        else:
            return None
    elif not does(**{name: 0 if whole else 0.0}):
        return None
    for _ in range(TRIES):
        if abs(far - near) <= (1 if whole else 0.01):
            break
        middle = (near + far) / 2
        tried = round(middle) if whole else round(middle, 3)
        if does(**{name: tried}):
            far = tried
        else:
            near = tried
    return far


def of_score(parts: Sequence[Part], score: float, other: float, whom: str) -> list[Need]:
    """Return what the score, and which part of it, would have to be to stand before another.

    Args:
        parts: of the frame's score.
        score, other: the frame's and the other's.
        whom: what to call the other.
    """
    if not np.isfinite(score) or not np.isfinite(other):
        return []
    short = other - score
    if short < 0:
        return []
    mine, theirs = shown(score, other)
    needs: list[Need] = [("score", f"more than {theirs} of {whom}, instead of {mine}")]
    weights = sum(part.weight for part in parts)
    best: tuple[float, Part] | None = None
    for part in parts:
        if part.weight <= 0:
            continue
        more = short * weights / part.weight
        if part.value + more < 1 and (best is None or more < best[0]):
            best = (more, part)
    if best is not None:
        more, part = best
        now, then = shown(part.value, part.value + more)
        needs.append((part.name, f"more than {then} instead of {now} would do"))
    elif short > 0:
        needs.append(("parts", f"no single part can make up {short:.2f}"))
    return needs
