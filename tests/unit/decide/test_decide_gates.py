"""The pose-area gate against the export crop, and the focus ladder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from curation.decide import decide
from curation.decide.gates import ASPECTS, best_crop, image_share
from curation.params import GateParams, RankParams
from tests.unit.decide.columns import FACE, FULL_BODY, UPPER_BODY, frames

BLURRED = {"focus_s": -1.2, "focus_blur_px": 2.0}
SIZES = [(1920, 1080), (1440, 1080), (1080, 1080), (1080, 1440), (1080, 1920)]


def standing(width: int, height: int, share: float) -> dict[str, Any]:
    """Return a standing person as tall as a share of the picture, in its middle."""
    tall = height * share
    wide = 0.36 * tall
    left, top = (width - wide) / 2, (height - tall) / 2
    box = {"x0": left, "y0": top, "x1": left + wide, "y1": top + tall}
    return FULL_BODY | {"width": float(width), "height": float(height)} | {
        f"{part}_{side}": value for part in ("person", "pose") for side, value in box.items()
    }


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_standing_person_passes_in_every_shape_of_picture(width: int, height: int) -> None:
    tall = min(0.95, 0.95 * width / height * 1.5)
    decisions = decide(frames(standing(width, height, tall)), RankParams())
    assert decisions.reason.tolist() == ["picked"], decisions.detail
    assert decisions.parts["pose_area_crop"][0] >= 0.3


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_tiny_person_fails_in_every_shape_of_picture(width: int, height: int) -> None:
    decisions = decide(frames(standing(width, height, 0.3)), RankParams())
    assert decisions.reason[0] in ("pose_area", "crop_height")


def test_the_literal_rule_fails_standing_people_on_wide_pictures() -> None:
    row = frames(standing(1920, 1080, 0.95))
    decisions = decide(row, RankParams(pose_area_of="image"))
    assert decisions.reason.tolist() == ["pose_area"]
    assert image_share(row)[0] == pytest.approx(0.36 * 0.95**2 * 1080 / 1920)
    assert decisions.parts["pose_area_crop"][0] > 0.3 > decisions.parts["pose_area_image"][0]


def test_on_a_square_picture_both_rules_measure_the_same_person() -> None:
    row = frames(standing(1024, 1024, 0.9))
    crop = best_crop(row, GateParams(min_px=1000))
    assert ASPECTS[crop.aspect[0]][0] == "1:1 crop"
    assert crop.area[0] == pytest.approx(image_share(row)[0])


def test_the_crop_follows_a_person_at_the_edge() -> None:
    row = standing(1920, 1080, 0.9)
    wide = row["person_x1"] - row["person_x0"]
    moved = row | {"person_x0": 0.0, "person_x1": wide}
    centre, edge = best_crop(frames(row, moved), GateParams()).area
    assert edge == pytest.approx(centre)


def test_a_crop_that_passes_beats_one_that_is_filled_more() -> None:
    # The 2:3 crop of a 600 px tall picture is 400 px wide, the square one 600 px.
    row = frames(standing(1000, 600, 0.95))
    crop = best_crop(row, GateParams(min_px=500))
    assert ASPECTS[crop.aspect[0]][0] == "1:1 crop" and crop.margin[0] >= 1
    assert ASPECTS[best_crop(row, GateParams(min_px=300)).aspect[0]][0] == "2:3 crop"


def test_without_a_person_box_the_keypoints_stand_for_it() -> None:
    lost = {f"person_{side}": np.nan for side in ("x0", "y0", "x1", "y1")}
    with_box, without = best_crop(frames(FULL_BODY, FULL_BODY | lost), GateParams()).area
    assert 0 < without < with_box


def test_limits_of_zero_let_everything_through() -> None:
    params = RankParams(pose_area=0, crop_height=0, crop_keep=0, min_px=16)
    decisions = decide(frames(standing(1920, 1080, 0.1)), params)
    assert decisions.reason.tolist() == ["picked"]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (UPPER_BODY | BLURRED | {"focus_body": 1.0}, "soft"),
        (FACE | {"focus_s": -0.6, "focus_blur_px": 0.3}, "picked"),  # smooth skin
        (FACE | {"focus_s": 0.0, "focus_blur_px": 2.5}, "soft"),  # motion along one axis
        (FACE | {"focus_s": -2.5, "focus_blur_px": 0.1}, "soft"),  # S is a guard
        (UPPER_BODY | BLURRED | {"focus_px": 40.0, "focus_body": 0.0}, "picked"),
        (UPPER_BODY | {"focus_px": 40.0, "focus_s": 1.0, "focus_body": -1.5}, "body_soft"),
        (UPPER_BODY | {"focus_px": np.nan, "focus_s": np.nan, "focus_body": 0.0}, "picked"),
        (FACE | {"focus_px": 40.0, "focus_s": 1.0, "focus_body": 1.0}, "face_too_small"),
        (FACE | {"focus_px": 64.0}, "picked"),
        (FACE | {"focus_gap": np.nan}, "picked"),
        (FACE | {"luma_mean": np.nan}, "picked"),
        (FACE | {"false_p": np.nan}, "picked"),
        (FACE | {"false_p": 0.35}, "false_face_unsure"),
        (FACE | {"false_p": 0.90}, "false_face"),
        (FACE | BLURRED | {"false_p": 0.5}, "soft"),
    ],
)
def test_focus_is_judged_where_it_can_be(frame: dict[str, Any], reason: str) -> None:
    assert decide(frames(frame), RankParams()).reason.tolist() == [reason]


GATES = [
    ("pose_area", 0.0, 1.0), ("crop_height", 0.0, 1.0), ("min_px", 16, 2000),
    ("min_focus", -2.0, 1.5), ("min_body_focus", -2.0, 1.5), ("min_face_px", 16, 600),
    ("min_brightness", 0, 255), ("crop_keep", 0.0, 1.0),
]


@pytest.mark.parametrize(("name", "low", "high"), GATES)
def test_raising_a_threshold_never_lets_another_frame_through(
    name: str, low: float, high: float, catalogue: dict[str, Any]
) -> None:
    after = ("duplicate_exact", "duplicate_burst", "duplicate_near", "quota_gap", "quota_shot",
             "quota_video", "below_top", "picked", "false_face_unsure")
    previous = None
    for limit in np.linspace(low, high, 9):
        value = int(limit) if name.endswith("_px") else float(limit)
        reason = decide(catalogue, RankParams(**{name: value})).reason
        passed = np.isin(reason.astype(str), after)
        # Faces turn into torsos to judge when min_face_px rises: another gate, not this one.
        if previous is not None and name != "min_face_px":
            assert not (passed & ~previous).any(), (name, value)
        previous = passed
