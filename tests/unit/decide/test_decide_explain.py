"""Explanations are true: parts sum to the score, limits agree with the verdict, changes work."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from curation.decide import Decisions, decide
from curation.decide.columns import Columns as View
from curation.decide.explain import Explanation, explain
from curation.decide.limits import Limit, limits_of, shown
from curation.decide.pools import PICK_POOLS
from curation.decide.summands import parts_of
from curation.params import RankParams
from tests.unit.decide.columns import FACE, FULL_BODY, Columns, frames, spread_out

LOOSE = RankParams(near_hash=2, burst_hash=2, per_video=3, per_video_face=4, top=12)
NAMES = {1: "walk.mp4"}


def told(row: int, *rows: dict[str, Any], **params: Any) -> tuple[Explanation, Decisions]:
    data = frames(*rows)
    made = decide(data, RankParams(**params), NAMES)
    return explain(data, made, RankParams(**params), row + 1, NAMES), made


def test_the_parts_of_every_score_sum_to_it_exactly(catalogue: Columns) -> None:
    made = decide(catalogue, LOOSE)
    scored = np.flatnonzero(np.isfinite(made.score))
    assert len(scored) > 100
    for row in scored.tolist():
        parts = parts_of(made, LOOSE, row)
        assert math.fsum(part.contribution for part in parts) == made.score[row]
        assert "rest" not in {part.name for part in parts}
    nowhere = int(np.flatnonzero(~np.isfinite(made.score))[0])
    assert parts_of(made, LOOSE, nowhere) == ()


def test_a_score_that_was_corrected_shows_the_correction(catalogue: Columns) -> None:
    made = decide(catalogue, LOOSE)
    row = int(np.flatnonzero(made.rank > 0)[0])
    made.score[row] += 0.125
    rest = next(part for part in parts_of(made, LOOSE, row) if part.name == "rest")
    assert rest.contribution == pytest.approx(0.125)


def test_limits_agree_with_every_verdict(catalogue: Columns) -> None:
    made = decide(catalogue, LOOSE)
    gates = 0
    for row in np.flatnonzero(np.isin(made.pool.astype(str), PICK_POOLS)).tolist():
        if made.reason[row] in ("frozen", "measure_failed"):
            continue
        false_p = float(made.parts["false_p"][row])
        limits = limits_of(View(catalogue), row, str(made.pool[row]), LOOSE, false_p)
        failed = {limit.code for limit in limits if not limit.passed}
        known = {limit.code for limit in limits}
        if made.reason[row] in known:
            assert made.reason[row] in failed
            gates += 1
        else:
            assert not failed, (made.reason[row], failed)
    assert gates > 10


@pytest.mark.parametrize("bent, code, param", [
    ({"focus_s": -1.0, "focus_blur_px": 3.0}, "soft", "min_focus"),
    ({"luma_mean": 7.0}, "too_dark", "min_brightness"),
    ({"luma_mean": 250.0}, "too_bright", "max_brightness"),
    ({"false_p": 0.95}, "false_face", "false_face"),
    ({"false_p": 0.5}, "false_face_unsure", "false_face_review"),
    ({"focus_gap": 2.0}, "background_sharper", "max_focus_gap"),
    ({"other_height_ratio": 0.7, "n_faces": 2.0}, "multi_person", "second_person"),
    ({"eye_open": 0.1}, "eyes_shut", "min_eye_open"),
    ({"focus_px": 40.0}, "face_too_small", "min_face_px"),
])
def test_the_change_that_is_named_would_do(bent: dict[str, Any], code: str, param: str) -> None:
    rows = [*spread_out(FACE, 3), FACE | {"time_s": 100.0, "pts": 100, "shot": 9} | bent]
    found, made = told(3, *rows)
    assert made.reason[3] == code
    needed = dict(found.needed)
    assert param in needed and "instead of" in needed[param]
    assert "it is picked: rank" in needed["then"], needed
    assert found.headline.startswith(("Rejected (", "Waits for review ("))
    changed = needed["then"].removeprefix("with ").split(" it is ")[0]
    values = {name: float(value) for name, value in (each.split() for each in changed.split(", "))}
    again = decide(frames(*rows), RankParams(**values))
    assert again.verdict[3] == "picked"


def test_two_failed_limits_are_both_named() -> None:
    rows = [*spread_out(FACE, 2), FACE | {"time_s": 100.0, "pts": 100, "shot": 9,
                                          "luma_mean": 7.0, "focus_gap": 3.0}]
    found, _ = told(2, *rows)
    assert [name for name, _ in found.needed] == ["min_brightness", "max_focus_gap", "then"]
    assert "it is picked" in found.needed[-1][1]


def test_what_follows_is_said_when_a_change_is_not_enough() -> None:
    dark = spread_out(FACE, 3, step_s=0.1, per_shot=3)
    dark[2] |= {"luma_mean": 7.0}
    found, _ = told(2, *dark)
    texts = [text for name, text in found.needed if name == "then"]
    assert "rejected as duplicate_burst" in texts[0]
    # What stands behind the first reason is said too, and who would beat it then.
    assert "burst_s" in dict(found.needed) and "it is picked" in texts[-1]
    assert (found.rivals[0].role, found.rivals[0].frame_id) == ("would still beat it", 1)


def test_everything_that_has_to_change_is_said_at_once() -> None:
    """Too dark, a repeat, and no place left: the settings that are named get it picked together."""
    rows = spread_out(FULL_BODY, 6, step_s=0.1, per_shot=6)
    rows[2] |= {"luma_mean": 7.0}
    found, made = told(2, *rows, per_video=2)
    assert made.reason[2] == "too_dark"
    steps = [text for name, text in found.needed if name == "then"]
    assert ["duplicate_burst" in steps[0], "quota_" in steps[1], "it is picked" in steps[2]] == [
        True, True, True]
    settings = steps[2].removeprefix("with ").split(" it is ")[0]
    values = {name: float(value) for name, value in (one.split() for one in settings.split(", "))}
    assert set(values) == {"min_brightness", "burst_s", "per_video"}
    assert decide(frames(*rows), RankParams(**values)).verdict[2] == "picked"
    assert [one.frame_id for one in found.rivals if one.role == "would still beat it"] == [1, 2]


def test_below_the_top_the_last_pick_and_the_least_top_are_named() -> None:
    found, made = told(4, *spread_out(FACE, 6), top=3, budget=0)
    assert made.reason[4] == "below_top"
    needed = dict(found.needed)
    assert needed["top"] == "top 5 instead of 3"
    rival = next(rival for rival in found.rivals if rival.role == "took its place")
    assert rival.rank == 3 and rival.score is not None and found.score is not None
    assert rival.score > found.score and "frame 3 (walk.mp4 at 20.00 s)" in rival.text
    assert needed["score"].startswith("more than")


def test_the_part_that_would_do_does() -> None:
    """Raised by what is said, the frame overtakes the one that beat it."""
    found, made = told(4, *spread_out(FACE, 6), top=3, budget=0)
    name, text = found.needed[1]
    part = next(part for part in found.parts if part.name == name)
    wanted = float(text.split()[2])
    gained = (wanted + 0.01 - part.value) * part.weight / sum(p.weight for p in found.parts)
    assert found.score is not None and found.score + gained > made.score[2]


def test_quotas_name_the_frame_in_the_way_and_the_count_that_has_room() -> None:
    found, made = told(5, *spread_out(FULL_BODY, 8), per_video=3)
    assert made.reason[5].startswith("quota_")
    assert any(rival.role == "took its place" and rival.rank for rival in found.rivals)
    needed = dict(found.needed)
    count = int(needed["per_video"].split()[1])
    data = frames(*spread_out(FULL_BODY, 8))
    assert decide(data, RankParams(per_video=count)).verdict[5] == "picked"
    assert decide(data, RankParams(per_video=count - 1)).verdict[5] != "picked"


def test_a_duplicate_names_its_keeper() -> None:
    rows = spread_out(FACE, 3)
    rows[2] |= {name: rows[0].get(name) for name in ("phash", "dhash")} | {"time_s": 70.0}
    found, made = told(2, *rows)
    assert made.reason[2].startswith("duplicate")
    assert found.rivals[0].frame_id == made.keeper[2] == 1
    assert found.rivals[0].role == "took its place"


def test_neighbours_stand_just_above_and_just_below_with_the_part_that_matters() -> None:
    found, _ = told(2, *spread_out(FACE, 5))
    assert (found.rank, found.picks, found.place, found.scored) == (3, 5, 3, 5)
    roles = {rival.role: rival for rival in found.rivals}
    assert roles["just above"].rank == 2 and roles["just below"].rank == 4
    assert "focus makes the difference" in roles["just above"].why
    assert found.headline == "Picked: rank 3 of 5 in face"
    first, _ = told(0, *spread_out(FACE, 5))
    assert [rival.role for rival in first.rivals] == ["just below"]


def test_decisions_without_people_or_rivals_are_explained_too(catalogue: Columns) -> None:
    made = decide(catalogue, LOOSE)
    old = Decisions(made.pool, made.verdict, made.reason, made.detail, made.score, made.rank,
                    made.parts, made.keeper)
    for reason in dict.fromkeys(made.reason.tolist()):
        row = int(np.flatnonzero(made.reason == reason)[0])
        found = explain(catalogue, old, LOOSE, int(catalogue["frame_id"][row]))
        assert found.reason == reason and found.needed
        if reason in ("quota_gap", "quota_video", "below_top"):
            assert found.rivals[0].role == "took its place" and found.rivals[0].rank


def test_it_travels_as_json_in_rows_of_name_and_text(catalogue: Columns) -> None:
    made = decide(catalogue, LOOSE)
    for row in range(0, len(made.pool), 29):
        values = explain(catalogue, made, LOOSE, int(catalogue["frame_id"][row])).to_dict()
        assert json.loads(json.dumps(values, allow_nan=False)) == values
        assert values["headline"]
        for name in ("parts", "gates", "needed", "rivals"):
            assert all(entry["name"] and entry["text"] for entry in values[name])


def test_every_line_is_for_people(catalogue: Columns) -> None:
    made = decide(catalogue, LOOSE)
    picked = int(catalogue["frame_id"][np.flatnonzero(made.rank == 1)[0]])
    lines = explain(catalogue, made, LOOSE, picked, {1: "walk.mp4"}).to_text()
    assert lines[1].startswith("Picked: rank 1 of ")
    assert any(line.startswith("  focus ") and " gives " in line for line in lines)
    assert not any("nan" in line.lower().split() for line in lines)


def test_a_frame_that_there_is_not(catalogue: Columns) -> None:
    with pytest.raises(KeyError, match="999999"):
        explain(catalogue, decide(catalogue, LOOSE), LOOSE, 999999)


@pytest.mark.parametrize("values, texts", [
    ((0.5, 0.25), ("0.50", "0.25")), ((0.301, 0.302), ("0.301", "0.302")),
    ((127.2, 20.0), ("127", "20")), ((0.3, 0.3), ("0.30", "0.30")),
])
def test_numbers_show_that_they_differ(
    values: tuple[float, float], texts: tuple[str, str]
) -> None:
    assert shown(*values) == texts


@pytest.mark.parametrize("value, limit, least, strict, passed, relaxed", [
    (0.5, 0.6, True, False, False, 0.5), (0.6, 0.6, True, False, True, 0.6),
    (-0.2345, -0.19, True, False, False, -0.235), (0.9, 0.9, False, True, False, 0.901),
    (0.9, 0.9, False, False, True, 0.9), (2.0001, 1.5, False, False, False, 2.001),
])
def test_a_relaxed_limit_is_the_nearest_that_passes(
    value: float, limit: float, least: bool, strict: bool, passed: bool, relaxed: float
) -> None:
    one = Limit("soft", "focus", value, limit, least, "min_focus", strict)
    assert one.passed is passed
    assert one.relaxed(whole=False) == pytest.approx(relaxed)
    wider = Limit("soft", "focus", value, one.relaxed(whole=False), least, "min_focus", strict)
    assert wider.passed
