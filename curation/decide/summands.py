"""The parts of a score: what each of them adds, so that they sum to it exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curation.decide import rank

if TYPE_CHECKING:
    from curation.decide.pipeline import Decisions
    from curation.params import RankParams


@dataclass(frozen=True, slots=True)
class Part:
    """One summand of a score.

    Attributes:
        value: 0..1.
        weight: as declared; parts that are not known leave theirs to the others.
        contribution: weight * value / (sum of the weights of known parts).
        said: what else there is to say of it, in words.
    """

    name: str
    value: float
    weight: float
    contribution: float
    said: str = ""

    @property
    def text(self) -> str:
        """Such as "0.91 x 0.40 gives 0.364"."""
        text = f"{self.value:.2f} x {self.weight:.2f} gives {self.contribution:.4f}"
        return f"{text}; {self.said}" if self.said else text


def parts_of(decisions: Decisions, params: RankParams, row: int) -> tuple[Part, ...]:
    """Return the parts of a score; their contributions sum to it exactly (math.fsum).

    What the weighted parts leave unexplained, because the score was corrected by something that
    is no part, is a part of its own, named "rest".
    """
    score = float(decisions.score[row])
    if not math.isfinite(score):
        return ()
    known = [
        (name, float(decisions.parts[name][row]), float(getattr(params, f"weight_{name}")))
        for name in rank.EVERY
        if name in decisions.parts and math.isfinite(decisions.parts[name][row])
    ]
    weights = sum(weight for _, _, weight in known)
    parts = [
        Part(name, value, weight, weight * value / weights if weights else 0.0,
             _taste_text(decisions, row) if name == rank.TASTE else "")
        for name, value, weight in known
    ]
    rest = score - math.fsum(part.contribution for part in parts)
    if not parts or abs(rest) > 1e-9:
        return (*parts, Part("rest", rest, 0.0, rest))
    # The rounding of the last bits goes to the last part.
    *head, last = parts
    share = last.contribution
    while (total := math.fsum([*(part.contribution for part in head), share])) != score:
        share = math.nextafter(share, math.inf if total < score else -math.inf)
    return (*head, Part(last.name, last.value, last.weight, share, last.said))


def _taste_text(decisions: Decisions, row: int) -> str:
    """Return e.g. "you would keep it with 83 % (give or take 9), by your ratings"."""
    found = [100 * float(decisions.parts[name][row]) for name in ("taste_p", "taste_sd")
             if name in decisions.parts]
    if len(found) < 2 or not all(math.isfinite(value) for value in found):
        return ""
    return f"you would keep it with {found[0]:.0f} % (give or take {found[1]:.0f}), by your ratings"
