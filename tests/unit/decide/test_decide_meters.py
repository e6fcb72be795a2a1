"""What a page draws over a threshold is what the decision holds against it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from curation.decide import Decisions, decide
from curation.decide.columns import Columns as View
from curation.decide.columns import Floats
from curation.decide.face_condition import CONDITIONS
from curation.decide.gates import face_px
from curation.decide.limits import limits_of
from curation.decide.meters import METERS, Meter
from curation.decide.pools import PICK_POOLS
from curation.decide.reasons import ORDER, REASONS
from curation.params import FaceConditionParams, GateParams, RankParams, range_of
from tests.unit.decide.columns import catalogue

WITHOUT_SLIDER = {
    "crop_keep", "crop_height", "min_px", "crop_margin",  # one crop is chosen by all of them
    "pose_area_of",  # says what pose_area is of
    "false_face_review",  # comes after every other gate
    "min_body_focus",  # only asked where there is no face to judge
    "max_brightness", "max_face_luma",  # brightness has one slider, of its lower limit
}
UNTOLD = {"crop_margin", "pose_area_of"}
"""Held against nothing: they say how crop and pose area are measured, which the reason names."""


def lax() -> dict[str, Any]:
    """Return thresholds that let every measure pass."""
    found: dict[str, Any] = {"false_face_review": 1.0}
    for meter in METERS:
        low, high = range_of(RankParams.model_fields[meter.param])
        kind = type(RankParams.model_fields[meter.param].default)
        found[meter.param] = kind(low if meter.least else high)
    return found | {"max_brightness": 255, "max_face_luma": 255, "min_body_focus": -4,
                    "crop_keep": 0, "crop_height": 0, "min_px": 16, "second_person": 1.0}


def drawn(meter: Meter, made: Decisions, measured: dict[str, Any]) -> Floats:
    """Return (n,) the numbers that a page holds a threshold against."""
    name = meter.column(RankParams())
    values = np.asarray(made.parts.get(name, measured.get(name)), np.float64)
    return np.abs(values) if meter.magnitude else values


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    made = catalogue(4, 100, seed=5)
    rng = np.random.default_rng(1)
    for one in CONDITIONS:
        spread = 60 if one.magnitude else 200 if one.column == "face_luma" else 1
        made[one.column] = rng.uniform(-spread if one.magnitude else 0, spread, len(made["video"]))
    made["focus_gap"] += rng.normal(0.5, 0.5, len(made["video"]))
    return made


@pytest.mark.parametrize("meter", METERS, ids=lambda meter: meter.param)
def test_a_frame_fails_a_threshold_where_its_drawn_measure_does(
    meter: Meter, measured: dict[str, Any]
) -> None:
    columns = View.of(measured)
    codes = {code for code, reason in REASONS.items() if meter.param in reason.limits}
    first = decide(measured, RankParams(**lax()))
    values = drawn(meter, first, measured)
    held = np.isfinite(values) & np.isin(first.pool.astype(str), list(meter.pools or PICK_POOLS))
    if meter.sized:
        held &= face_px(columns) >= RankParams(**lax()).min_face_px
    info = RankParams.model_fields[meter.param]
    # A value that a frame has: whether that one fails is part of the question.
    asked = held & (first.pool == "face") if "face" in meter.pools else held
    limit = float(np.sort(values[asked])[asked.sum() // 2])
    if info.annotation is int:
        limit = round(limit)
    limit = min(max(limit, float(range_of(info)[0] or 0)), float(range_of(info)[1] or 0))
    made = decide(measured, RankParams(**{**lax(), meter.param: info.annotation(limit)}))  # type: ignore[misc]
    values = drawn(meter, made, measured)  # which crop is best moves with its limits
    fails = values < limit if meter.least else values > limit
    fails |= meter.strict & (values == limit)
    told = np.isin(made.reason.astype(str), list(codes))
    last = max(map(ORDER.index, codes))
    open_then = np.array([ORDER.index(code) >= last for code in made.reason.astype(str)])
    assert told.any() and (held & ~told).any()
    assert fails[told & held].all()
    # Bystanders behind a portrait are let pass, and a body with a small face has its torso.
    if meter.param not in ("second_person", "min_face_px"):
        assert not (fails & held & open_then & ~told).any()


@pytest.mark.parametrize("param", [*GateParams.model_fields, *FaceConditionParams.model_fields])
def test_every_gate_is_told_explained_and_drawn(param: str, measured: dict[str, Any]) -> None:
    params = RankParams(min_face_px=64, pose_area_of="crop")
    made = decide(measured, params)
    columns = View.of(measured)
    explained: set[str] = set()
    for row in np.flatnonzero(np.isin(made.pool.astype(str), list(PICK_POOLS)))[:200]:
        limits = limits_of(columns, int(row), str(made.pool[row]), params, 0.0)
        explained |= {limit.param for limit in limits}
    reasons = {name for reason in REASONS.values() for name in reason.limits}
    sliders = {meter.param for meter in METERS}
    assert (param in explained) == (param in reasons) == (param not in UNTOLD)
    assert (param in sliders) == (param not in WITHOUT_SLIDER)
