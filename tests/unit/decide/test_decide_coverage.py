"""Coverage counts what there is and what was picked, and says in words what is missing."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from curation.decide import Decisions, decide
from curation.decide.columns import Columns
from curation.decide.coverage import Coverage, coverage
from curation.params import RankParams
from tests.unit.decide.columns import EMPTY, FACE, FULL_BODY, frames, spread_out

NAMES = {1: "walk.mp4", 2: "party.mp4"}


def covered(*rows: dict[str, Any], **more: Any) -> tuple[Coverage, Decisions]:
    data = dict(frames(*rows)) | more
    made = decide(data, RankParams(), NAMES)
    return coverage(data, made, NAMES), made


def counts(found: Coverage, axis: str) -> dict[str, tuple[int, int]]:
    return {one.name: (one.available, one.picked)
            for each in found.axes if each.name == axis for one in each.bins}


def lacks(found: Coverage) -> dict[str, str]:
    return {lack.bin: lack.text for lack in found.lacking}


@pytest.mark.parametrize("yaw, name", [
    (-70, "left profile"), (-50, "left profile"), (-49, "left three-quarter"),
    (-20, "left three-quarter"), (-19, "front"), (19, "front"), (20, "right three-quarter"),
    (49, "right three-quarter"), (50, "right profile"),
])
def test_turns_of_the_head(yaw: float, name: str) -> None:
    found, _ = covered(FACE | {"yaw_deg": float(yaw)})
    assert {kind for kind, (have, _) in counts(found, "turn of the head").items() if have} == {name}


def test_what_is_missing_names_the_frame_that_came_closest() -> None:
    good = spread_out(FACE, 4)
    soft = {"focus_s": -1.0, "focus_blur_px": 3.0, "yaw_deg": -60.0, "time_s": 90.0, "pts": 90}
    dark = soft | {"luma_mean": 5.0, "time_s": 120.0, "pts": 120}
    found, made = covered(*good, FACE | dark, FACE | soft)
    assert made.reason[4:].tolist() == ["too_dark", "soft"]
    lack = next(lack for lack in found.lacking if lack.bin == "left profile")
    assert (lack.candidates, lack.best, lack.reason) == (2, 6, "soft")
    assert lack.text.startswith("no left profile among 4 picks; 2 candidates, best: frame 6 "
                                "(walk.mp4 at 90.00 s), rejected because soft: focus")
    assert lacks(found)["right profile"] == "no right profile among 4 picks, nor in the footage"


def test_bodies_from_behind_have_shoulders_turned_and_no_face() -> None:
    back = FULL_BODY | {"face_index": np.nan, "n_faces": 0.0, "frontal": 0.0,
                        "pose_agreement": 0.9, "person_score": 0.9}
    hidden = back | {"frontal": 0.9, "time_s": 50.0, "pts": 50}
    found, _ = covered(FACE, back, hidden)
    assert counts(found, "seen from behind")["full body from behind"][0] == 1
    assert "seen from behind" not in lacks(found).values()


def test_a_measure_that_is_missing_is_not_said_to_lack() -> None:
    found, _ = covered(*spread_out(FACE | {"yaw_deg": np.nan}, 3))
    texts = [lack.text for lack in found.lacking]
    assert "turn of the head: not measured on any usable frame" in texts
    assert "left profile" not in lacks(found)


def test_smiles_come_from_the_measure_or_from_blendshapes() -> None:
    shapes = np.zeros(52, "<f2")
    shapes[[44, 45]] = 0.8
    blobs = np.full(3, None, object)
    blobs[0] = shapes.tobytes()
    rows = spread_out(FACE | {"mouth_open": 0.5}, 3)
    found, _ = covered(*rows, expression=blobs, smile=np.array([np.nan, 0.9, 0.1]))
    assert counts(found, "expression")["smile"] == (2, 2)
    assert counts(found, "expression")["straight face"] == (1, 1)
    assert counts(found, "expression")["open mouth"] == (3, 3)
    assert "shut eyes" not in lacks(found)


def test_people_videos_and_shots_without_a_pick_are_told() -> None:
    rows = [*spread_out(FACE, 3), FACE | {"video": 2, "focus_s": -1.0, "focus_blur_px": 3.0}]
    data = frames(*rows)
    made = decide(data, RankParams(), NAMES)
    people = Decisions(made.pool, made.verdict, made.reason, made.detail, made.score, made.rank,
                       made.parts, made.keeper, np.array([0, 0, -1, 1]), made.rival)
    found = coverage(data, people, NAMES)
    assert counts(found, "person") == {"person 0": (2, 2), "person 1": (1, 0)}
    assert counts(found, "video") == {"walk.mp4": (3, 3), "party.mp4": (1, 0)}
    assert lacks(found)["party.mp4"].startswith("nothing of party.mp4 among 3 picks; 1 candidate,")
    assert lacks(found)["person 1"].startswith("nothing of person 1 among 3 picks; 1 candidate,")
    assert counts(found, "shots")["shots with a pick"] == (4, 3)
    asked = coverage(data, people, NAMES, "Person 0")
    assert (asked.picked, asked.available) == (3, 3)
    assert counts(asked, "person")["person 1"] == (0, 0) and "person 1" not in lacks(asked)
    assert asked.to_text()[0] == "3 picks of 3 usable frames"


def test_frames_that_show_nobody_are_not_available() -> None:
    found, made = covered(FACE, FACE | {"extract_reason": "black"}, EMPTY,
                          FACE | {"false_p": 0.99, "video": 2}, FACE | {"error": "faces: broken"})
    assert found.available == 1, made.reason.tolist()


def test_counts_add_up_and_travel_as_json(catalogue: dict[str, Any]) -> None:
    made = decide(catalogue, RankParams())
    found = coverage(Columns(catalogue), made)
    assert found.picked == (made.verdict == "picked").sum()
    for axis in found.axes:
        if axis.name in ("turn of the head", "tilt of the head", "light", "video"):
            assert sum(one.picked for one in axis.bins) == found.picked, axis.name
            assert sum(one.available for one in axis.bins) == axis.known == found.available
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["picked"] == found.picked
    assert found.to_text()[0] == f"{found.picked} picks of {found.available} usable frames"


def test_nothing_at_all() -> None:
    data = frames()
    found = coverage(data, decide(data, RankParams()))
    assert found.picked == found.available == 0
    assert found.to_text()


def test_five_hundred_videos_are_told_in_a_few_lines() -> None:
    """Everything is in the data; what people read counts what it leaves out."""
    rows = spread_out(FACE, 500)
    for at, row in enumerate(rows):
        row |= {"video": at + 1, "luma_mean": 7.0 if at % 2 else 120.0}
    data = frames(*rows)
    found = coverage(data, decide(data, RankParams(top=9)), {})
    axes = {axis.name: axis for axis in found.axes}
    assert len(axes["video"].bins) == 500
    lacking = [lack for lack in found.lacking if lack.axis == "video"]
    assert len(lacking) == 491
    text = found.to_text()
    assert len(text) < 80
    assert any("488 more videos" in line for line in text)
    assert sum("nothing of video" in line for line in text) == 5
    assert any(f"nothing of {491 - 5} more videos; " in line for line in text)
    brief = {axis.name: axis for axis in found.brief().axes}
    for name, axis in axes.items():
        for what in ("available", "picked"):
            full, short = (sum(getattr(one, what) for one in each.bins)
                           for each in (axis, brief[name]))
            assert full == short
    assert found.to_dict()["brief"]["lacking"][-1]["text"].startswith("nothing of 486 more")
