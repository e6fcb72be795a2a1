"""Eyes, mouth, smile, turn, light and edge of a face: each limit, and what it says."""

from __future__ import annotations

from typing import Any

import pytest

from curation.decide import decide
from curation.decide.face_condition import CONDITIONS
from curation.decide.reasons import REASONS
from curation.params import RankParams
from tests.unit.decide.columns import FACE, FULL_BODY, frames


def reason_of(row: dict[str, Any], **limits: float) -> tuple[str, str]:
    made = decide(frames(row), RankParams(**limits))
    return str(made.reason[0]), str(made.detail[0])


@pytest.mark.parametrize(
    ("bent", "limits", "code", "detail"),
    [
        ({"eye_open": 0.1}, {}, "eyes_shut", "eyes open 0.10 < 0.30"),
        ({"mouth_open": 0.6}, {"max_mouth_open": 0.5}, "mouth_open", "mouth open 0.60 > 0.50"),
        ({"smile": 0.1}, {"min_smile": 0.4}, "no_smile", "smile 0.10 < 0.40"),
        ({"yaw_deg": -70.0}, {"max_yaw": 45}, "turned_away", "head turned by 70 degrees > 45"),
        ({"pitch_deg": 50.0}, {"max_pitch": 30}, "head_up_or_down", "by 50 degrees > 30"),
        ({"roll_deg": -100.0}, {"max_roll": 60}, "head_tilted", "tilted by 100 degrees > 60"),
        ({"face_luma": 9.0}, {}, "face_dark", "brightness of the face 9 < 20"),
        ({"face_luma": 252.0}, {}, "face_bright", "brightness of the face 252 > 245"),
        ({"face_clip_high": 0.7}, {}, "face_blown", "0.70 of the face is blown out > 0.50"),
        ({"face_evenness": 0.2}, {"min_face_evenness": 0.5}, "face_uneven", "alike 0.20 < 0.50"),
        ({"face_inside": 0.6}, {}, "face_cut", "0.60 of the face is in the picture < 0.85"),
    ],
)
def test_a_face_over_its_limit_is_rejected_with_the_number(
    bent: dict[str, Any], limits: dict[str, float], code: str, detail: str
) -> None:
    got, said = reason_of(FACE | bent, **limits)
    assert got == code
    assert detail in said


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.code)
def test_every_condition_has_its_slider_and_passes_what_is_unknown(condition: Any) -> None:
    assert condition.param in RankParams.model_fields
    assert REASONS[condition.code].limits == (condition.param,)
    assert reason_of(FACE | {condition.column: float("nan")})[0] == "picked"


def test_a_face_too_small_to_judge_is_not_held_against_its_eyes() -> None:
    small = FULL_BODY | {"focus_px": 30.0, "focus_s": float("nan"), "eye_open": 0.0}
    assert reason_of(small)[0] == "picked"
    assert reason_of(FULL_BODY | {"eye_open": 0.0})[0] == "eyes_shut"
