"""Scores: declared weights, percentiles within the pool, sensible for one frame and for many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from curation.decide import decide
from curation.decide.rank import PARTS, Part, score
from curation.params import RankParams, ScoreParams
from tests.unit.decide.columns import FACE, FULL_BODY, frames, spread_out

NO_FACE = {name: np.nan for name in FACE if name.startswith("face_")} | {"n_faces": 0.0}
ONLY = {name: {f"weight_{part}": float(part == name) for part in PARTS} for name in PARTS}

WORSE: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("focus", FACE, {"focus_s": 0.0, "focus_blur_px": 0.8}),
    ("focus", FACE, {"focus_gap": 1.0}),
    ("focus", FULL_BODY | {"focus_px": 40.0}, {"focus_body": -0.5}),
    ("pose", FULL_BODY, {"vis_ankle": 0.6}),
    ("pose", FACE, {"frontal": 0.2}),
    ("pose", FULL_BODY, {"person_y0": 60.0, "person_x0": 530.0, "person_x1": 755.0}),
    ("face", FACE, {"eye_open": 0.4}),
    ("face", FACE, {"yaw_deg": -45.0}),
    ("face", FACE, {"face_score": 0.7}),
    ("face", FACE, {"false_p": 0.3}),
    ("face", FACE, {"focus_px": 80.0}),
    ("face", FULL_BODY | {"focus_body": 0.5}, NO_FACE | {"focus_s": np.nan, "focus_px": np.nan}),
    ("exposure", FACE, {"luma_mean": 40.0}),
    ("exposure", FACE, {"luma_mean": 220.0}),
    ("exposure", FACE, {"clip_high": 0.2}),
]


@pytest.mark.parametrize(("part", "frame", "worse"), WORSE)
@pytest.mark.parametrize("n", [1, 30])
def test_a_worse_frame_scores_less_in_its_part_and_in_all(
    part: str, frame: dict[str, Any], worse: dict[str, Any], n: int
) -> None:
    rows = [frame | {"video": 1 + i, "pts": i} for i in range(n)]
    rows += [frame | worse | {"video": 100 + i, "pts": i} for i in range(n)]
    found = decide(frames(*rows), RankParams())
    assert (found.reason == "picked").all()
    assert found.parts[part][:n].min() > found.parts[part][n:].max()
    assert found.score[:n].min() > found.score[n:].max()


@pytest.mark.parametrize("part", PARTS)
def test_a_single_weight_makes_the_score_that_part(part: str) -> None:
    found = decide(frames(*spread_out(FACE, 5)), RankParams(**ONLY[part]))
    assert found.score == pytest.approx(found.parts[part])


def test_all_weights_zero_leave_the_order_of_time() -> None:
    weights = {f"weight_{part}": 0.0 for part in PARTS}
    found = decide(frames(*spread_out(FACE, 5)), RankParams(**weights))
    assert found.score.tolist() == [0.0] * 5
    assert found.rank.tolist() == [1, 2, 3, 4, 5]


def test_a_part_that_was_not_measured_leaves_its_weight_to_the_others() -> None:
    blind = {"luma_mean": np.nan, "clip_low": np.nan, "clip_high": np.nan}
    found = decide(frames(FACE | blind), RankParams())
    assert np.isnan(found.parts["exposure"][0]) and 0 < found.score[0] < 1
    assert found.detail[0].endswith("(no exposure measure)")


def test_small_pools_keep_absolute_scores() -> None:
    alone = decide(frames(FACE | {"focus_s": 0.0, "focus_blur_px": 0.7}), RankParams()).score[0]
    best = decide(frames(FACE), RankParams()).score[0]
    assert best - alone > 0.05
    two = decide(frames(FACE, FACE | {"video": 2}), RankParams()).score
    assert two[0] == two[1] == pytest.approx(best, abs=0.05)


def test_one_extreme_frame_moves_nobody() -> None:
    rows = spread_out(FACE, 30)
    usual = decide(frames(*rows), RankParams()).score
    noisy = decide(frames(*rows, FACE | {"video": 9, "focus_s": 50.0}), RankParams()).score
    assert noisy[:30] == pytest.approx(usual, abs=0.03)
    assert (np.argsort(-noisy[:30], kind="stable") == np.argsort(-usual, kind="stable")).all()


def test_percentiles_stay_within_a_pool_and_average_ties() -> None:
    pool = np.array(["face"] * 4 + ["full_body"] * 2 + ["none"], object)
    values = np.array([0.2, 0.4, 0.4, 0.9, 0.1, 0.3, 0.5])
    parts = {name: Part.of(values, pool) for name in PARTS}
    found = score(parts, np.ones(7, bool), ScoreParams())
    assert np.isnan(found.total[6]) and found.total[1] == found.total[2]
    percentile = (found.parts["focus"][:4] - 10 / 14 * values[:4]) * 14 / 4
    assert percentile == pytest.approx([0.125, 0.5, 0.5, 0.875])
