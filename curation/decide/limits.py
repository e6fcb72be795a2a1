"""Every limit that one frame is held against, with its value and how far it is from it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curation.decide import face_condition, gates
from curation.decide.columns import Columns, Floats
from curation.decide.meters import NAMES
from curation.decide.reasons import REASONS

if TYPE_CHECKING:
    from curation.params import RankParams


@dataclass(frozen=True, slots=True)
class Limit:
    """One measure of a frame against one tunable.

    Attributes:
        code: the reason that a frame ends with which fails; see reasons.REASONS.
        name: of the measure, for people.
        value: of the frame.
        limit: what it is held against.
        least: whether values under the limit fail; else values over it.
        strict: whether the limit itself fails.
        param: name of the tunable.
    """

    code: str
    name: str
    value: float
    limit: float
    least: bool
    param: str
    strict: bool = False

    @property
    def margin(self) -> float:
        """How far the value is on the good side of its limit, in its unit; negative: it fails."""
        return self.value - self.limit if self.least else self.limit - self.value

    @property
    def passed(self) -> bool:
        """Whether the frame passes."""
        return self.margin > 0 or (self.margin == 0 and not self.strict)

    @property
    def text(self) -> str:
        """Such as "0.31 >= -0.19" or "0.95 > 0.90"."""
        value, limit = shown(self.value, self.limit)
        if self.least:
            return f"{value} {'>=' if self.passed else '<'} {limit}"
        return f"{value} {'<' if self.strict else '<='} {limit}" if self.passed else (
            f"{value} {'>=' if self.strict else '>'} {limit}"
        )

    def relaxed(self, whole: bool) -> float:
        """Return the limit nearest to the present one that the value passes.

        Args:
            whole: whether the tunable counts in whole numbers; else it gets three digits.
        """
        scale = 1 if whole else 1000
        scaled = self.value * scale
        if self.least:
            return math.floor(scaled) / scale
        return (math.floor(scaled) + 1 if self.strict else math.ceil(scaled)) / scale


def limits_of(columns: Columns, row: int, pool: str, params: RankParams,
              false_p: float) -> tuple[Limit, ...]:
    """Return the limits that apply to a frame of a pool that picks come from, in gate order.

    Args:
        columns: of all frames.
        row: which of them.
        pool: its pool.
        params: the thresholds.
        false_p: probability that its face is false, as it was judged; NaN without a face.
    """
    one = columns.take(np.array([row], np.int64))
    pools = np.array([pool], object)
    found = [
        *_people(one, pool, params, false_p),
        *_bodies(one, pools, params),
        *_faces(one, params),
        *_focus(one, pools, params),
    ]
    return tuple(limit for limit in found if math.isfinite(limit.value))


def shown(*values: float) -> tuple[str, ...]:
    """Return numbers with as many digits as it takes to tell them apart."""
    for digits in (2, 3, 4, 6):
        texts = tuple(f"{value:.{digits}f}" for value in values)
        if len(set(texts)) == len(set(values)):
            break
    whole = all(abs(value) >= 10 for value in values) and len({round(v) for v in values}) == len(
        set(values)
    )
    return tuple(f"{value:.0f}" for value in values) if whole else texts


def _people(one: Columns, pool: str, params: RankParams, false_p: float) -> Iterator[Limit]:
    yield Limit("false_face", NAMES["false_face"], false_p, params.false_face,
                least=False, param="false_face", strict=True)
    yield Limit("false_face_unsure", f"{NAMES['false_face']}, for review", false_p,
                gates.review_limit(params), least=False, param="false_face_review", strict=True)
    other = float(one.floats("other_height_ratio")[0])
    # Bystanders behind a portrait are let pass whatever their height.
    if other > 0 and (pool == "review_multi_person" or other < params.second_person):
        yield Limit("multi_person", NAMES["second_person"], other, params.second_person,
                    least=False, param="second_person", strict=True)
    luma = float(one.floats("luma_mean")[0])
    name = NAMES["min_brightness"]
    yield Limit("too_dark", name, luma, params.min_brightness, True, "min_brightness")
    yield Limit("too_bright", name, luma, params.max_brightness, False, "max_brightness")


def _bodies(one: Columns, pool: np.ndarray[tuple[int], np.dtype[np.object_]],
            params: RankParams) -> Iterator[Limit]:
    if not gates.is_body(pool)[0]:
        return
    if params.pose_area_of == "image":
        share = _first(np.nan_to_num(gates.image_share(one)))
        yield Limit("pose_area", f"{NAMES['pose_area']} of the image", share, params.pose_area,
                    True, "pose_area")
        return
    crop = gates.best_crop(one, params)
    shape = gates.ASPECTS[int(crop.aspect[0])][0]
    names = ("share of the person in the crop", f"short side of the {shape}",
             f"{NAMES['pose_area']} of the {shape}", f"height in the {shape}")
    held = zip(gates.BINDING, names, crop.measured, gates.crop_limits(params), strict=True)
    for code, name, value, limit in held:
        (param,) = REASONS[code].limits
        yield Limit(code, name, _first(np.nan_to_num(value)), limit, True, param)


def _faces(one: Columns, params: RankParams) -> Iterator[Limit]:
    if not face_condition.judged(one, params)[0]:
        return
    for condition in face_condition.CONDITIONS:
        value = _first(face_condition.measured(one, condition))
        limit = float(getattr(params, condition.param))
        yield Limit(condition.code, condition.name, value, limit, condition.least, condition.param)


def _focus(one: Columns, pool: np.ndarray[tuple[int], np.dtype[np.object_]],
           params: RankParams) -> Iterator[Limit]:
    body, by_face = gates.is_body(pool)[0], gates.judged_by_face(one, params)[0]
    if not body or not (by_face or np.isfinite(one.floats("focus_body")[0])):
        yield Limit("face_too_small", NAMES["min_face_px"], _first(gates.face_px(one)),
                    params.min_face_px, True, "min_face_px")
    if by_face:
        yield Limit("soft", NAMES["min_focus"], _first(gates.face_focus(one)), params.min_focus,
                    True, "min_focus")
        yield Limit("background_sharper", NAMES["max_focus_gap"], _first(one.floats("focus_gap")),
                    params.max_focus_gap, False, "max_focus_gap")
    elif body:
        yield Limit("body_soft", "focus of the torso", _first(one.floats("focus_body")),
                    params.min_body_focus, True, "min_body_focus")


def _first(values: Floats) -> float:
    return float(values[0])
