"""Every reason of the closed set happens, with its number and limit, and only one at a time."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from curation.decide import decide
from curation.decide.face_condition import CONDITIONS
from curation.decide.ledger import Ledger
from curation.decide.reasons import ORDER, REASONS
from curation.params import RankParams
from tests.unit.decide.columns import EMPTY, FACE, FULL_BODY, UPPER_BODY, frames, spread_out

SMALL_FACE = {"face_x0": 620.0, "face_x1": 660.0, "face_y0": 40.0, "face_y1": 90.0,
              "focus_px": 40.0}
UNSEEN = dict.fromkeys(("n_faces", "n_people", "n_poses"), np.nan)
INVENTED = EMPTY | {"pose_index": 0.0, "n_poses": 1.0, "pose_agreement": 0.12}
FAR_BODY = {"person_x0": 600.0, "person_x1": 700.0, "person_y0": 300.0, "person_y1": 600.0,
            "pose_x0": 610.0, "pose_x1": 690.0, "pose_y0": 310.0, "pose_y1": 590.0}

ONE_FRAME: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("black", EMPTY | {"extract_reason": "black"}, {}, "black frame"),
    ("blank", EMPTY | {"extract_reason": "blank"}, {}, "one flat colour"),
    ("frozen", FACE | {"extract_reason": "frozen"}, {}, "repeats the frame before"),
    ("not_sampled", EMPTY | {"extract_reason": "not_sampled"}, {}, "sampling"),
    ("blurred", UNSEEN | {"triage": "blurred", "triage_value": 0.2, "triage_limit": 0.5}, {},
     r"sharpness 0\.2 < 0\.5"),
    ("near_copy", FACE | {"triage": "near_copy", "triage_value": 3.0, "triage_limit": 6.0,
                          "triage_at_s": 1.5}, {}, r"at 1\.50 s \(change 3\.0 <= 6\.0\)"),
    ("measure_failed", FACE | {"error": "faces: cannot decode"}, {}, "faces: cannot decode"),
    ("not_measured", EMPTY | UNSEEN, {}, "no measurement yet"),
    ("false_face", FACE | {"false_p": 0.95, "false_cue": "painted look"}, {},
     r"false_p 0\.95 >= 0\.90, painted look"),
    ("no_person", EMPTY, {}, "no face and no pose"),
    ("pose_invented", INVENTED, {}, r"pose_agreement 0\.12 < 0\.30"),
    ("multi_person", FACE | {"other_height_ratio": 0.8, "n_faces": 2.0}, {},
     r"another person counts 0\.80 >= 0\.25"),
    ("cut_off", FULL_BODY | {"cut_head": 1.0}, {}, "cuts the head"),
    ("cut_off", UPPER_BODY | {"cut_side": 1.0, "vis_hip_both": 0.0, "vis_shoulder_both": 0.0}, {},
     "half of the body"),
    ("pool_unclear", FACE | {"pose_index": np.nan, "face_height_frac": 0.1,
                             "face_area_frac": 0.01}, {}, r"a face of 0\.10 .* without a pose"),
    ("too_dark", FACE | {"luma_mean": 12.0}, {}, r"brightness 12\.0 < 20\.0"),
    ("too_bright", FACE | {"luma_mean": 250.0}, {}, r"brightness 250\.0 > 240\.0"),
    ("crop_fit", UPPER_BODY | {"person_x0": 0.0, "person_x1": 1280.0}, {},
     r"0\.56 of the person fits the best crop < 0\.80"),
    ("crop_px", FULL_BODY, {"min_px": 1000}, r"export crop 720 px < 1000 px \(1:1 crop\)"),
    ("pose_area", FULL_BODY | FAR_BODY, {"crop_height": 0.3},
     r"pose_area 0\.09 < 0\.30 of the 2:3 crop"),
    ("pose_area", FULL_BODY, {"pose_area_of": "image"}, r"pose_area 0\.14 < 0\.30 of the image"),
    ("crop_height", UPPER_BODY | {"person_y0": 420.0, "person_y1": 720.0, "person_x0": 300.0,
                                  "person_x1": 900.0}, {"pose_area": 0.1},
     r"person height 0\.42 < 0\.45"),
    ("face_too_small", FACE | SMALL_FACE, {}, r"face 40 px < 64 px"),
    ("face_too_small", FULL_BODY | SMALL_FACE | {"focus_body": np.nan}, {}, r"face 40 px < 64 px"),
    ("focus_unknown", FACE | {"focus_s": np.nan}, {}, "neither face nor torso"),
    ("soft", FACE | {"focus_s": -0.5, "focus_blur_px": np.nan}, {}, r"focus -0\.50 < -0\.19"),
    ("soft", FACE | {"focus_s": -1.2, "focus_blur_px": 2.0}, {}, r"focus -1\.20 < -0\.19"),
    ("background_sharper", FACE | {"focus_gap": 2.0}, {}, r"sharper by 2\.00 > 1\.50"),
    ("body_soft", FULL_BODY | SMALL_FACE | {"focus_body": -1.2}, {},
     r"torso focus -1\.20 < -0\.80 \(face 40 px\)"),
    ("false_face_unsure", FACE | {"false_p": 0.5}, {}, r"false_p 0\.50 >= 0\.35"),
    ("picked", FACE, {}, r"rank 1 of face: focus 0\.\d\d, pose .*, face .*, exposure"),
]


@pytest.mark.parametrize(("code", "frame", "changed", "detail"), ONE_FRAME)
def test_a_frame_ends_with_its_reason(
    code: str, frame: dict[str, Any], changed: dict[str, Any], detail: str
) -> None:
    decisions = decide(frames(frame), RankParams(**changed))
    assert decisions.reason.tolist() == [code]
    assert re.search(detail, decisions.detail[0]), decisions.detail[0]
    assert decisions.verdict.tolist() == [REASONS[code].verdict]


REPEATED = FACE | {"phash": 7, "pixels": 7, "focus_s": 0.3, "focus_blur_px": 0.8}
KEEPER = FACE | {"phash": 7, "pixels": 7, "focus_s": 0.9, "focus_blur_px": 0.0}
NAMES = {1: "holiday.mp4", 2: "copy.mp4"}

SEVERAL: list[tuple[str, list[dict[str, Any]], dict[str, Any], str]] = [
    ("duplicate_exact", [REPEATED | {"video": 2, "time_s": 9.0}, KEEPER | {"time_s": 12.4}], {},
     r"same pixels as holiday\.mp4 at 12\.40 s"),
    ("duplicate_burst", [REPEATED | {"time_s": 0.2, "phash": 99, "pixels": 9}, KEEPER], {},
     r"same burst as holiday\.mp4 at 0\.00 s \(0\.20 s, \d bits apart\)"),
    ("duplicate_near", [REPEATED | {"video": 2, "phash": 7 ^ 0b1111, "pixels": 9}, KEEPER], {},
     r"same picture as holiday\.mp4 at 0\.00 s \(4 bits <= 8\)"),
    ("quota_gap", [*spread_out(FACE, 3, step_s=1.0)[::2], FACE | {"time_s": 100.0, "shot": 9},
                   FACE | {"time_s": 0.5, "shot": 1, "focus_s": 0.1, "focus_blur_px": 1.0}],
     {"per_video_face": 3}, r"0\.50 s from a better pick < \d+\.\d\d s \(3 of 3 of this video"),
    ("quota_shot", [*spread_out(FACE, 2, step_s=50.0), FACE | {
        "time_s": 25.0, "shot": 0, "focus_s": 0.2, "focus_blur_px": 1.0}], {"per_video_face": 2},
     r"shot already has 1 of 1 \(2 of 2 of this video taken, at least 50 s apart, one per shot\)"),
    ("quota_video", spread_out(FACE, 3, step_s=50.0), {"per_video_face": 2}, "2 of 2 of this vid"),
    ("below_top", spread_out(FACE, 3), {"top": 2, "budget": 0}, "rank 3 of face > top 2"),
]


@pytest.mark.parametrize(("code", "rows", "changed", "detail"), SEVERAL)
def test_a_frame_loses_against_others_for_a_reason(
    code: str, rows: list[dict[str, Any]], changed: dict[str, Any], detail: str
) -> None:
    decisions = decide(frames(*rows), RankParams(**changed), NAMES)
    assert decisions.reason.tolist().count(code) == 1, decisions.reason
    text = decisions.detail[decisions.reason.tolist().index(code)]
    assert re.search(detail, text), text


def test_the_tables_above_know_every_reason() -> None:
    shown = {row[0] for row in ONE_FRAME} | {row[0] for row in SEVERAL}
    shown |= {condition.code for condition in CONDITIONS}  # test_decide_face_condition.py
    shown |= {"quota_person", "diversity"}  # test_decide_diversity.py
    shown |= {"other_person"}  # test_decide_who.py
    shown |= {"duplicate_subject", "duplicate_crop"}  # test_decide_likeness.py
    shown |= {"picked_by_hand", "rejected_by_hand"}  # test_journal.py
    shown |= {code for code in ORDER if code.startswith("cull_")}  # test_cull_decisions.py
    assert shown | {"not_ranked"} == set(ORDER)


@pytest.mark.parametrize("reason", REASONS.values(), ids=lambda reason: reason.code)
def test_a_reason_says_what_to_do_and_which_tunable_decides(reason: Any) -> None:
    assert reason.advice and reason.template and "\n" not in reason.template
    assert set(reason.limits) <= set(RankParams.model_fields)


def test_a_duplicate_names_the_frame_that_stands_for_it() -> None:
    decisions = decide(frames(REPEATED | {"video": 2}, KEEPER), RankParams())
    assert decisions.keeper.tolist() == [2, 0]
    assert decisions.verdict.tolist() == ["rejected", "picked"]
    assert "video 1 at" in decisions.detail[0]


def test_the_first_reason_in_order_wins() -> None:
    bad = FACE | {"luma_mean": 5.0, "focus_s": -2.0, "focus_blur_px": 3.0, "false_p": 0.5}
    everything = bad | {"extract_reason": "black", "error": "x", "other_height_ratio": 1.0}
    codes = [decide(frames(row), RankParams()).reason[0] for row in (everything, bad)]
    assert codes == ["black", "too_dark"]


def test_a_number_that_reads_like_its_limit_gets_more_digits() -> None:
    row = FACE | {"focus_s": -0.1904, "focus_blur_px": np.nan}
    decisions = decide(frames(row), RankParams())
    assert decisions.detail[0] == "focus -0.1904 < -0.19"


def test_a_closed_frame_stays_closed() -> None:
    ledger = Ledger(2)
    ledger.close(np.array([True, False]), "black")
    ledger.close(np.array([True, True]), "blank")
    assert ledger.code.tolist() == ["black", "blank"]
    with pytest.raises(KeyError):
        ledger.close(np.array([True, True]), "because")


def test_an_unknown_word_from_extraction_is_refused() -> None:
    with pytest.raises(ValueError, match="melted"):
        decide(frames(FACE | {"extract_reason": "melted"}), RankParams())
