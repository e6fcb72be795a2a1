"""Is this the face of a real person, or a drawing, a statue, a doll, a rendering?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from curation.errors import WeightsMissing
from curation.records import Measured, Value
from curation.steps.base import Item, Step
from curation.steps.falseface_cues import CONTEXT, CROP, Floats, Looker, parts, square
from curation.steps.projection import Projection, unpacked

HEAD = Path(__file__).with_name("heads") / "falseface.json"
LEAST_FACE_PX = 32
"""Short side of a face under which there is too little to tell: no verdict, not a guess."""
LARGEST_LOGIT = 4.0
"""What one term may add to the log-odds at most, so that none decides alone."""
WORDS = {
    "face": "face looks",
    "skin": "skin looks",
    "surroundings": "surroundings look",
    "texture": "texture around looks",
}
"""How a cue begins, by the term that speaks loudest against the face."""


@dataclass(frozen=True)
class Head:
    """What train/falseface_head.py learned.

    Attributes:
        weight, bias: of each term, by its name in WORDS; a term's log-odds are of balanced odds.
        calibration: slope and offset from the sum of the clipped terms to log-odds of "false".
        kinds: what a false face can look like, in words.
        kind_weight, kind_bias: (number of kinds, d) and (number of kinds,) on the face code.
    """

    weight: Mapping[str, Floats]
    bias: Mapping[str, float]
    calibration: tuple[float, float]
    kinds: tuple[str, ...]
    kind_weight: Floats
    kind_bias: Floats


class FalseFace(Step):
    """Estimate how likely the main face is not a real person's.

    Four logistic terms: what EfficientNet-Lite0 makes of the face, as a thing and as texture,
    and what MobileNetV2 makes of the face in its surroundings, likewise. Each is clipped to
    +-4 logits; their sum is calibrated on folds of unseen sources, for even odds.

    false_logit, false_p: log-odds and probability of "not a real person".
    false_cue: the loudest term for "false" and what the face looks most like, if it is false.
    face_code: 64 float16 of unit length; unlike faces are nearly at right angles. What a user's
    own marks are learned on, see curation/learn/faces.py.
    """

    name = "falseface"
    version = "4"
    produces: ClassVar[Mapping[str, type]] = {
        "false_logit": float,
        "false_p": float,
        "false_cue": str,
        "face_code": bytes,
    }
    needs = ("faces", "subject")
    weights = Looker.names
    files = (HEAD,)

    def setup(self) -> None:
        """Read the networks and the head."""
        self._look = Looker()
        self._head = read_head(HEAD)
        self._project = Projection(HEAD)

    def close(self) -> None:
        """Let go of the networks."""
        del self._look

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Judge each frame's main face; None without one, or where it is too small."""
        boxes = [_box(item) for item in items]
        shown = [
            (square(item.rgb, box, CROP), square(item.rgb, box, CONTEXT))
            for item, box in zip(items, boxes, strict=True)
            if box is not None
        ]
        found = self._look([near for near, _ in shown], [far for _, far in shown])
        judged = iter(found)
        return [
            Measured(dict.fromkeys(self.produces) if box is None else self._verdict(next(judged)))
            for box in boxes
        ]

    def _verdict(self, found: Floats) -> dict[str, Value]:
        code = self._project(parts(found)["face"][None].astype(np.float32))[0]
        logit, cue = judge(self._head, found, code.astype(np.float64))
        return {
            "false_logit": logit,
            "false_p": float(1 / (1 + np.exp(-logit))),
            "false_cue": cue,
            "face_code": bytes(code.astype("<f2").tobytes()),
        }


def _box(item: Item) -> Floats | None:
    """Return the main face's box, None without one that is large enough to judge."""
    signals = item.given["subject"].signals
    sides = [signals[f"face_{side}"] for side in ("x0", "y0", "x1", "y1")]
    if any(side is None for side in sides):
        return None
    xyxy_px = np.array(sides, np.float64)
    return xyxy_px if (xyxy_px[2:] - xyxy_px[:2]).min() >= LEAST_FACE_PX else None


@cache
def read_head(path: Path) -> Head:
    """Return a head as arrays.

    Raises:
        WeightsMissing: the file is absent or holds no such head.
    """
    try:
        data = json.loads(path.read_text())
        terms = {name: data["terms"][name] for name in WORDS}
        slope, offset = map(float, data["calibration"])
        return Head(
            {name: unpacked(term["weight"]).astype(np.float64) for name, term in terms.items()},
            {name: float(term["bias"]) for name, term in terms.items()},
            (slope, offset),
            tuple(data["kinds"]["names"]),
            unpacked(data["kinds"]["weight"]).astype(np.float64),
            unpacked(data["kinds"]["bias"]).astype(np.float64),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsMissing(
            f"{path} holds no false-face head: {error}",
            "install the program again, or run python -m train.falseface_head",
        ) from error


def terms(head: Head, found: Floats) -> dict[str, Floats]:
    """Return each term's log-odds for "false", clipped; (...,) for (..., sum of PARTS)."""
    named = parts(found)
    return {
        name: np.clip(named[name] @ weight + head.bias[name], -LARGEST_LOGIT, LARGEST_LOGIT)
        for name, weight in head.weight.items()
    }


def judge(head: Head, found: Floats, code: Floats) -> tuple[float, str]:
    """Return the calibrated log-odds of a false face, and the strongest cue for it."""
    named = {name: float(value) for name, value in terms(head, found).items()}
    slope, offset = head.calibration
    loudest = max(named, key=lambda name: named[name])
    kind = head.kinds[int(np.argmax(head.kind_weight @ code + head.kind_bias))]
    return slope * sum(named.values()) + offset, f"{WORDS[loudest]} {kind}"
