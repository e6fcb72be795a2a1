"""Why a frame stands where it stands, what it would have needed, and which frame beat it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from curation.decide import whatif
from curation.decide.columns import AnyArray, Columns, Ints
from curation.decide.limits import Limit, limits_of, shown
from curation.decide.pools import PICK_POOLS
from curation.decide.reasons import REASONS
from curation.decide.summands import Part, parts_of

if TYPE_CHECKING:
    from curation.decide.pipeline import Decisions
    from curation.decide.prepared import Prepared
    from curation.params import RankParams


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another frame that says something about this one.

    Attributes:
        role: "took its place", "would still beat it" (after the changes that are named first),
            "just above" or "just below".
        where: video and time.
        rank: 0 when it is not picked itself.
        why: the part of the score that makes the difference, and by how much.
    """

    role: str
    frame_id: int
    where: str
    pool: str
    rank: int
    score: float | None
    why: str

    @property
    def text(self) -> str:
        """Such as "frame 12 (a.mp4 at 3.20 s), rank 3, score 0.81; focus makes it: +0.12"."""
        text = f"frame {self.frame_id} ({self.where})"
        text += f", rank {self.rank} of {self.pool}" if self.rank else ", not picked"
        text += "" if self.score is None else f", score {self.score:.3f}"
        return f"{text}; {self.why}" if self.why else text


@dataclass(frozen=True, slots=True)
class Explanation:
    """All there is to say about the decision on one frame.

    Attributes:
        score: None outside the pools that picks come from.
        rank, picks: place among the picks of its pool and their number; rank 0 when not picked.
        place, scored: place by score among all frames of its pool that have one.
        person: who it is, None where nobody knows.
        parts: they sum to the score exactly.
        limits: every limit that applies to it.
        needed: (name, text) of all that would have to change for it to be picked; "then" is what
            follows from the changes before, up to being picked where settings can do that.
        rivals: which frame took its place, and its neighbours by score.
        person_name: "" where nobody gave one.
    """

    frame_id: int
    where: str
    pool: str
    verdict: str
    reason: str
    detail: str
    score: float | None
    rank: int
    picks: int
    place: int
    scored: int
    person: int | None
    parts: tuple[Part, ...]
    limits: tuple[Limit, ...]
    needed: tuple[tuple[str, str], ...]
    rivals: tuple[Neighbour, ...]
    person_name: str = ""

    @property
    def headline(self) -> str:
        """One line: verdict, reason and place."""
        if self.verdict == "picked":
            return f"Picked: rank {self.rank} of {self.picks} in {self.pool}"
        head = "Waits for review" if self.verdict == "review" else "Rejected"
        return f"{head} ({self.reason}): {self.detail}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; lists have entries with `name` and `text`, `lines` is all of it."""
        values = asdict(self)
        del values["limits"]
        return values | {
            "headline": self.headline,
            "lines": self.to_text(),
            "parts": [asdict(part) | {"text": part.text} for part in self.parts],
            "gates": [
                asdict(limit) | {
                    "passed": limit.passed, "margin": limit.margin, "text": limit.text
                }
                for limit in self.limits
            ],
            "needed": [{"name": name, "text": text} for name, text in self.needed],
            "rivals": [
                asdict(rival) | {"name": rival.role, "text": rival.text} for rival in self.rivals
            ],
        }

    def to_text(self) -> list[str]:
        """Return lines for a terminal."""
        lines = [f"frame {self.frame_id}, {self.where}", self.headline]
        if self.person_name:
            lines.append(f"shows {self.person_name}")
        if self.score is not None:
            lines.append(f"score {self.score:.4f}, place {self.place} of {self.scored} in "
                         f"{self.pool}, a sum of:")
            lines += [f"  {part.name:<12} {part.text}" for part in self.parts]
        picked = self.verdict == "picked"
        needs = "closest to going:" if picked else "what it would have needed:"
        for title, rows in (
            (needs, self.needed),
            ("beside it:", tuple((rival.role, rival.text) for rival in self.rivals)),
        ):
            lines += [title, *(f"  {name}: {text}" for name, text in rows)] if rows else []
        if self.limits:
            lines.append("limits:")
            lines += [
                f"  {'ok  ' if limit.passed else 'FAIL'} {limit.name}: {limit.text} "
                f"({limit.param})"
                for limit in self.limits
            ]
        return lines


def explain(
    data: Mapping[str, AnyArray] | Columns,
    decisions: Decisions,
    params: RankParams,
    frame_id: int,
    video_names: Mapping[int, str] | None = None,
    pairs: Mapping[str, AnyArray] | None = None,
) -> Explanation:
    """Explain the decision about one frame.

    Args:
        data: the columns that were decided about, n rows.
        decisions: what was decided, in their order.
        params: what it was decided with.
        frame_id: which frame.
        video_names: names by video number, for the texts.
        pairs: what else was given to `decide`; other thresholds are tried with the same.

    Raises:
        KeyError: no frame has this id.
    """
    columns = Columns.of(data)
    rows = np.flatnonzero(columns.ints("frame_id") == frame_id)
    if not len(rows):
        raise KeyError(f"no frame {frame_id}")
    story = _Story(columns, decisions, params, int(rows[0]), video_names or {}, pairs)
    return story.told()


class _Story:
    """One frame among the others."""

    def __init__(
        self, columns: Columns, decisions: Decisions, params: RankParams, row: int,
        names: Mapping[int, str], pairs: Mapping[str, AnyArray] | None,
    ) -> None:
        self.columns, self.decisions, self.params = columns, decisions, params
        self.row, self.names, self.pairs = row, names, pairs
        self.ready: Prepared | None = None
        self.depth = 1
        self.pool = str(decisions.pool[row])
        self.score = float(decisions.score[row])
        self.parts = parts_of(decisions, params, row)
        of_pool = np.asarray(decisions.pool == self.pool, np.bool_)
        self.scored = np.flatnonzero(of_pool & np.isfinite(decisions.score))
        picks = np.flatnonzero(of_pool & (decisions.rank > 0))
        self.picks = picks[np.argsort(decisions.rank[picks], kind="stable")]

    def told(self) -> Explanation:
        """Return the whole explanation."""
        made, row = self.decisions, self.row
        limits = self._limits()
        above = int((made.score[self.scored] > self.score).sum())
        person = int(made.person[row]) if len(made.person) == self.columns.n else -1
        rival = self._rival()
        needed, later = self._all_needed(limits, rival, {})
        return Explanation(
            int(self.columns.ints("frame_id")[row]), self._where(row), self.pool,
            str(made.verdict[row]), str(made.reason[row]), str(made.detail[row]),
            self.score if math.isfinite(self.score) else None,
            int(made.rank[row]), len(self.picks), above + 1 if self.parts else 0,
            len(self.scored), person if person >= 0 else None, self.parts, limits,
            tuple(needed), tuple(self._rivals(rival, later)),
            made.names.get(person, ""),
        )

    def _false_p(self) -> float:
        judged = self.decisions.parts.get("false_p")
        return float((self.columns.floats("false_p") if judged is None else judged)[self.row])

    def _where(self, row: int) -> str:
        video = int(self.columns.ints("video")[row])
        name = self.names.get(video, f"video {video}")
        return f"{name} at {self.columns.floats('time_s')[row]:.2f} s"

    def _rival(self) -> int | None:
        """Return the row of the frame that took this one's place."""
        made, row = self.decisions, self.row
        ids = self.columns.ints("frame_id")
        for column in (made.keeper, made.rival):
            if len(column) == len(ids) and column[row] > 0:
                return int(np.flatnonzero(ids == column[row])[0])
        reason = str(made.reason[row])
        if not len(self.picks) or not reason.startswith(("quota_", "below_top")):
            return None
        if reason == "below_top":
            return int(self.picks[-1])
        video = self.columns.ints("video")
        same: Ints = self.picks[video[self.picks] == video[row]]
        if not len(same):
            return None
        apart = np.abs(self.columns.floats("time_s")[same] - self.columns.floats("time_s")[row])
        return int(same[apart.argmin()]) if reason == "quota_gap" else int(same[-1])

    def _limits(self) -> tuple[Limit, ...]:
        if self.pool in PICK_POOLS or self.decisions.reason[self.row] in (
            "false_face", "multi_person"
        ):
            return limits_of(self.columns, self.row, self.pool, self.params, self._false_p())
        return ()

    def _all_needed(
        self, limits: tuple[Limit, ...], rival: int | None, before: whatif.Settings
    ) -> tuple[list[whatif.Need], list[Neighbour]]:
        """Return what it needs for this reason and for those that stand behind it, and who would
        beat it then.

        Args:
            before: what was changed already.
        """
        trial = whatif.Trial(self.row, self.params, self._redecide)
        needs, values = self._needed(limits, rival, trial)
        if not values:
            return needs, []
        changed, values = trial.changed(**values), before | values
        assert changed is not None  # it was tried
        made = self._redecide(changed)
        needs.append(whatif.then(made, self.row, values))
        if made.verdict[self.row] == "picked" or self.depth == whatif.DEPTH:
            return needs, []
        after = _Story(self.columns, made, changed, self.row, self.names, self.pairs)
        after.ready, after.depth = self.ready, self.depth + 1
        rival = after._rival()
        further, later = after._all_needed(after._limits(), rival, values)
        if rival is not None:
            later.insert(0, after._neighbour("would still beat it", rival))
        return needs + further, later

    def _needed(
        self, limits: tuple[Limit, ...], rival: int | None, trial: whatif.Trial
    ) -> tuple[list[whatif.Need], whatif.Settings]:
        made, reason = self.decisions, str(self.decisions.reason[self.row])
        if reason == "picked":
            closest = min(
                (limit for limit in limits if limit.limit),
                key=lambda limit: limit.margin / abs(limit.limit), default=None,
            )
            return ([] if closest is None else [
                ("nearest limit", f"{closest.name} {closest.text}")
            ]), {}
        failed = [limit for limit in limits if not limit.passed]
        if failed and reason in {limit.code for limit in failed}:
            return whatif.of_limits(failed, trial)
        needs: list[tuple[str, str]] = []
        if rival is not None:
            needs = whatif.of_score(
                self.parts, self.score, float(made.score[rival]), f"frame {self._id(rival)}"
            )
        if REASONS[reason].limits and self.columns.n <= whatif.LARGEST:
            reached = np.isin(made.reason[self.scored].astype(str), ["picked", "below_top"])
            place = int((made.score[self.scored[reached]] > self.score).sum()) + 1
            more, values = whatif.of_reason(reason, self.pool, trial, place)
            return needs + more, values
        return [*needs, ("advice", REASONS[reason].advice)], {}

    def _redecide(self, params: RankParams) -> Decisions:
        from curation.decide.pipeline import decide
        from curation.decide.prepared import Prepared

        if self.ready is None:
            self.ready = Prepared(self.columns, self.pairs)
        return decide(self.ready, params, self.names)

    def _rivals(self, rival: int | None, later: list[Neighbour]) -> list[Neighbour]:
        found = [] if rival is None else [self._neighbour("took its place", rival)]
        found += later
        if not self.parts:
            return found
        made, row = self.decisions, self.row
        others = self.picks[self.picks != row]
        if made.rank[row]:
            before = made.rank[others] < made.rank[row]
        else:
            before = made.score[others] >= self.score
        if before.any():
            found.append(self._neighbour("just above", int(others[before][-1])))
        if (~before).any():
            found.append(self._neighbour("just below", int(others[~before][0])))
        return found

    def _neighbour(self, role: str, other: int) -> Neighbour:
        made = self.decisions
        score = float(made.score[other])
        return Neighbour(
            role, self._id(other), self._where(other), str(made.pool[other]),
            int(made.rank[other]), score if math.isfinite(score) else None, self._why(other),
        )

    def _why(self, other: int) -> str:
        """Return the part that most favours whichever of two frames has the better score."""
        theirs = {part.name: part for part in parts_of(self.decisions, self.params, other)}
        mine = {part.name: part for part in self.parts}
        if not theirs or not mine:
            return ""
        sign = 1.0 if self.decisions.score[other] >= self.score else -1.0

        def favours(name: str) -> float:
            gains = [found[name].contribution if name in found else 0.0 for found in (theirs, mine)]
            return sign * (gains[0] - gains[1])

        name = max(sorted(theirs.keys() | mine.keys()), key=favours)
        if favours(name) <= 0:
            return "equal in every part"
        values = [found[name].value if name in found else 0.0 for found in (theirs, mine)]
        one, two = shown(*values)
        return f"{name} makes the difference: {one} against {two} here"

    def _id(self, row: int) -> int:
        return int(self.columns.ints("frame_id")[row])
