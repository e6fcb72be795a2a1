"""Pools: what is visible decides, evidence guards, and only frames of people get in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from curation.decide import assign
from curation.decide import pools as rule
from curation.params import PoolParams
from tests.unit.decide.columns import EMPTY, FACE, FULL_BODY, UPPER_BODY, frames

POSE = tuple(name for name in FACE if name.startswith(("pose_", "vis_")) and name != "pose_shape")
NO_POSE = dict.fromkeys(POSE, np.nan)
NO_FACE = {name: np.nan for name in FACE if name.startswith("face_")} | {"n_faces": 0.0}
LEGS = {"vis_head": 0.0, "vis_shoulder": 0.0}

CASES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("close-up", FACE, {}, "face"),
    ("hips in the picture", UPPER_BODY, {}, "upper_body"),
    ("ankles in the picture", FULL_BODY, {}, "full_body"),
    ("one ankle hidden", FULL_BODY | {"vis_ankle_both": 0.0}, {}, "full_body"),
    ("cut at the knee", FULL_BODY | {"vis_ankle": 0.0}, {}, "upper_body"),
    ("hips hidden by a table", FULL_BODY | {"vis_hip": 0.1, "vis_ankle": 0.0}, {}, "upper_body"),
    ("ankles barely seen", FULL_BODY | {"vis_ankle": 0.4}, {}, "upper_body"),
    ("ankles guessed, hips guessed", FULL_BODY | {"vis_ankle": 0.5, "vis_hip": 0.5,
     "vis_shoulder": 0.5, "vis_knee": 0.5}, {}, "upper_body"),
    ("small head and shoulders", FACE | {"face_height_frac": 0.15}, {}, "upper_body"),
    ("head and chest", FACE | {"below_shoulder_faces": 1.8}, {}, "upper_body"),
    ("shoulders from behind", FACE | NO_FACE, {}, "upper_body"),
    ("only a face, large", FACE | NO_POSE, {}, "face"),
    ("only a face, small, but a person", FACE | NO_POSE | {"face_height_frac": 0.1,
     "face_area_frac": 0.01}, {}, "none"),
    ("only a face, small, nothing else", FACE | NO_POSE | {"face_height_frac": 0.1, "n_people": 0.0,
     "face_area_frac": 0.01, "face_second": np.nan}, {}, "no_person"),
    ("nobody", EMPTY, {}, "no_person"),
    ("a ship", EMPTY | FULL_BODY | NO_FACE | {"pose_agreement": 0.05}, {}, "no_person"),
    ("a face, and a pose elsewhere", FACE | {"vis_hip": 1.0, "pose_agreement": 0.1}, {}, "face"),
    ("two people", UPPER_BODY | {"other_height_ratio": 0.3, "n_faces": 2.0}, {},
     "review_multi_person"),
    ("a passer-by", UPPER_BODY | {"other_height_ratio": 0.2}, {}, "upper_body"),
    ("portrait, backs behind it", FACE | {"other_height_ratio": 0.8}, {}, "face"),
    ("portrait, another face", FACE | {"other_height_ratio": 0.8, "n_faces": 2.0}, {},
     "review_multi_person"),
    ("head cut", UPPER_BODY | {"cut_head": 1.0}, {}, "cut_off"),
    ("legs only", FULL_BODY | NO_FACE | LEGS, {}, "cut_off"),
    ("an arm cut", UPPER_BODY | {"cut_side": 1.0}, {}, "upper_body"),
    ("half cut", UPPER_BODY | {"cut_side": 1.0, "vis_shoulder_both": 0.0, "vis_hip_both": 0.0}, {},
     "cut_off"),
    ("stricter visibility", FULL_BODY | {"vis_ankle": 0.8}, {"visibility": 0.9}, "upper_body"),
    ("everyone counts", UPPER_BODY | {"other_height_ratio": 0.1}, {"second_person": 0.05},
     "review_multi_person"),
    ("alone, everyone counts", UPPER_BODY, {"second_person": 0.0}, "upper_body"),
]


@pytest.mark.parametrize(("name", "frame", "changed", "pool"), CASES, ids=[c[0] for c in CASES])
def test_a_frame_lands_in_its_pool(
    name: str, frame: dict[str, Any], changed: dict[str, Any], pool: str
) -> None:
    found = rule.assign(frames(frame), PoolParams(**changed))
    assert found.pool.tolist() == [pool]
    assert (found.reason[0] == "") == (pool in rule.PICK_POOLS)


def test_a_three_quarter_body_is_flagged() -> None:
    found = rule.assign(frames(FULL_BODY, FULL_BODY | {"vis_ankle": 0.0}, UPPER_BODY), PoolParams())
    assert found.three_quarter.tolist() == [False, True, False]


def test_sorting_alone_gives_every_frame_a_pool_and_a_reason() -> None:
    rows = (FACE, EMPTY, FACE | {"extract_reason": "black"}, FACE | {"error": "pose: broken"})
    found = assign(frames(*rows), PoolParams())
    assert found.pool.tolist() == ["face", "no_person", "none", "face"]
    assert found.reason.tolist() == ["not_ranked", "no_person", "black", "measure_failed"]
    assert found.verdict.tolist() == ["review", "rejected", "rejected", "rejected"]
    assert all(found.detail)


@pytest.mark.parametrize("joint", ["ankle", "hip", "knee"])
def test_seeing_more_never_makes_the_pool_smaller(joint: str) -> None:
    size = {name: i for i, name in enumerate(("none", "face", "upper_body", "full_body"))}
    for base in (FACE, UPPER_BODY, FULL_BODY):
        rows = [base | {f"vis_{joint}": v} for v in np.linspace(0, 1, 21)]
        sizes = [size[pool] for pool in rule.assign(frames(*rows), PoolParams()).pool.tolist()]
        assert sizes == sorted(sizes)
