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
NOBODY = {"n_people": 0.0, "person_score": np.nan}
UNSECONDED = {"face_second": np.nan}
BEHIND = {"head_rise": 0.9, "head_torsos": 0.4, "frontal": 0.0}
BOX = EMPTY | {"n_people": 1.0, "person_score": 0.9, "other_height_ratio": 0.0}
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
    ("only a face, large, of a dog", FACE | NO_POSE | NOBODY | {"face_second": 0.7}, {},
     "no_person"),
    ("only a face, large, no box, but both are sure", FACE | NO_POSE | NOBODY, {}, "face"),
    ("a face and a pose of a dog", FACE | NOBODY | UNSECONDED, {}, "no_person"),
    ("a face that only a fair box vouches for", FACE | UNSECONDED | {"person_score": 0.6}, {},
     "face"),
    ("a face of a jar", FACE | UNSECONDED | {"person_score": 0.2}, {}, "no_person"),
    ("only a face, small, but a person", FACE | NO_POSE | {"face_height_frac": 0.1,
     "face_area_frac": 0.01}, {}, "none"),
    ("only a face, small, nothing else", FACE | NO_POSE | NOBODY | {"face_height_frac": 0.1,
     "face_area_frac": 0.01, "face_second": np.nan}, {}, "no_person"),
    ("nobody", EMPTY, {}, "no_person"),
    ("from behind", FULL_BODY | NO_FACE | BEHIND, {}, "full_body"),
    ("a pose on an arm, head low in it", FULL_BODY | NO_FACE | BEHIND | {"head_rise": 0.2}, {},
     "no_person"),
    ("a pose on knees, no neck", FULL_BODY | NO_FACE | BEHIND | {"head_torsos": 0.1}, {},
     "no_person"),
    ("a pose on a hand, joints unsure", FULL_BODY | NO_FACE | BEHIND | {"pose_score": 0.5}, {},
     "no_person"),
    ("an odd pose with a face", FULL_BODY | BEHIND | {"head_rise": 0.2, "pose_score": 0.6}, {},
     "full_body"),
    ("a strong box and nothing else", BOX, {}, "none"),
    ("a strong box, its head cut", BOX | {"cut_head": 1.0}, {}, "cut_off"),
    ("a faint box and nothing else", BOX | {"person_score": 0.4}, {}, "no_person"),
    ("a foot outside the picture", FULL_BODY | {"cut_feet": 1.0}, {}, "upper_body"),
    ("two thirds of the torso", FACE | {"torso_share": 0.7}, {}, "upper_body"),
    ("a third of the torso", FACE | {"torso_share": 0.35, "below_shoulder_faces": 2.0}, {}, "face"),
    ("two thirds are still a face", FACE | {"torso_share": 0.7}, {"chest_share": 0.8}, "face"),
    ("a ship", EMPTY | FULL_BODY | NO_FACE | {"pose_agreement": 0.05}, {}, "no_person"),
    ("a face, and a pose elsewhere", FACE | {"vis_hip": 1.0, "pose_agreement": 0.1}, {}, "face"),
    ("two people", UPPER_BODY | {"other_height_ratio": 0.3, "n_faces": 2.0}, {},
     "review_multi_person"),
    ("a passer-by", UPPER_BODY | {"other_height_ratio": 0.2}, {}, "upper_body"),
    ("portrait, backs behind it", FACE | {"other_body_ratio": 0.8}, {}, "face"),
    ("body, a back beside it", UPPER_BODY | {"other_body_ratio": 0.8}, {}, "review_multi_person"),
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


def test_backs_and_seats_are_flagged() -> None:
    def shape(knee_drop: float) -> bytes:
        points = np.zeros((33, 2), "<f2")
        points[[25, 26], 1] = knee_drop
        return points.tobytes()

    back = FULL_BODY | NO_FACE | BEHIND
    rows = (
        FULL_BODY | {"pose_shape": shape(0.8)},
        FULL_BODY | {"pose_shape": shape(0.2)},
        UPPER_BODY | {"pose_shape": shape(0.2)},
        back,
    )
    found = rule.assign(frames(*rows), PoolParams())
    assert found.seated.tolist() == [False, True, False, False]
    assert found.behind.tolist() == [False, False, False, True]


@pytest.mark.parametrize("limit", ["head_rise", "head_torsos", "pose_score", "person_score"])
def test_an_invented_pose_is_told_with_its_number(limit: str) -> None:
    found = rule.assign(frames(FULL_BODY | NO_FACE | BEHIND | {limit: 0.1}), PoolParams())
    assert found.reason.tolist() == ["pose_invented"]
    assert f"{limit} 0.10 <" in found.detail[0]


@pytest.mark.parametrize("name", ["torso_share", "below_shoulder_faces"])
def test_more_torso_never_goes_back_to_a_face(name: str) -> None:
    rows = [FACE | {name: v} for v in np.linspace(0, 4, 41)]
    pools = rule.assign(frames(*rows), PoolParams()).pool.tolist()
    assert pools == sorted(pools)
    assert set(pools) == {"face", "upper_body"}


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
