"""The whole decision: every frame once, the same whatever the order of rows, and no surprises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from curation.decide import Decisions, decide
from curation.decide.pools import PICK_POOLS, POOLS
from curation.decide.reasons import REASONS
from curation.params import RankParams
from tests.unit.decide.columns import FACE, Columns, frames, spread_out, take

LOOSE = RankParams(near_hash=2, burst_hash=2, per_video=3, per_video_face=4, top=12)


def same(one: Decisions, other: Decisions) -> None:
    """Check that two decisions are equal to the bit."""
    for name in ("pool", "verdict", "reason", "detail", "rank", "keeper"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist(), name
    assert one.score.tobytes() == other.score.tobytes()
    assert set(one.parts) == set(other.parts)
    for name, part in one.parts.items():
        assert part.tobytes() == other.parts[name].tobytes(), name


def rows_of(found: Decisions, rows: Any) -> Decisions:
    """Return the decisions of some rows."""
    return Decisions(
        found.pool[rows], found.verdict[rows], found.reason[rows], found.detail[rows],
        found.score[rows], found.rank[rows], {k: v[rows] for k, v in found.parts.items()},
        found.keeper[rows],
    )


@pytest.mark.parametrize("params", [RankParams(), LOOSE, RankParams(pose_area_of="image", top=1)])
def test_every_frame_is_picked_or_has_exactly_one_reason(
    catalogue: Columns, params: RankParams
) -> None:
    found = decide(catalogue, params)
    n = len(catalogue["frame_id"])
    for name in ("pool", "verdict", "reason", "detail", "score", "rank", "keeper"):
        assert getattr(found, name).shape == (n,)
    assert set(found.pool) <= set(POOLS)
    assert all(found.detail)
    for reason, verdict in zip(found.reason, found.verdict, strict=True):
        assert REASONS[reason].verdict == verdict
    assert ((found.rank > 0) == (found.verdict == "picked")).all()
    assert set(found.pool[found.rank > 0]) <= set(PICK_POOLS)
    duplicate = np.char.startswith(found.reason.astype(str), "duplicate")
    assert ((found.keeper > 0) == duplicate).all()


@pytest.mark.parametrize("params", [RankParams(), LOOSE])
def test_caps_hold_and_ranks_fall_with_the_score(catalogue: Columns, params: RankParams) -> None:
    found = decide(catalogue, params)
    for pool in PICK_POOLS:
        mine = np.flatnonzero((found.pool == pool) & (found.rank > 0))
        order = mine[np.argsort(found.rank[mine])]
        assert found.rank[order].tolist() == list(range(1, len(order) + 1))
        assert (np.diff(found.score[order]) <= 0).all()
        assert len(order) <= params.top
        cap = params.per_video_face if pool == "face" else params.per_video
        assert np.bincount(catalogue["video"][mine]).max(initial=0) <= cap


def test_a_keeper_is_no_duplicate_itself_and_scores_no_less(catalogue: Columns) -> None:
    found = decide(catalogue, RankParams())
    row = {frame_id: i for i, frame_id in enumerate(catalogue["frame_id"].tolist())}
    losers = np.flatnonzero(found.keeper > 0)
    assert len(losers) > 10
    for loser in losers:
        keeper = row[int(found.keeper[loser])]
        assert found.keeper[keeper] == 0
        assert found.score[keeper] >= found.score[loser]


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_rows_changes_nothing(catalogue: Columns, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(catalogue["frame_id"]))
    for params in (RankParams(), LOOSE):
        same(decide(take(catalogue, order), params), rows_of(decide(catalogue, params), order))


def test_deciding_twice_gives_the_same_and_leaves_the_columns_alone(catalogue: Columns) -> None:
    before = {name: values.copy() for name, values in catalogue.items()}
    same(decide(catalogue, RankParams()), decide(catalogue, RankParams()))
    for name, values in catalogue.items():
        np.testing.assert_array_equal(values, before[name])


def test_a_worse_copy_of_any_frame_changes_no_pick(catalogue: Columns) -> None:
    """An added duplicate moves no percentile, so everybody else's decision stays to the bit."""
    usual = decide(catalogue, LOOSE)
    alive = np.flatnonzero((usual.rank > 0) | (usual.keeper > 0))
    n = len(catalogue["frame_id"])
    for row in alive[:: max(1, len(alive) // 12)]:
        more = take(catalogue, [*range(n), row])
        more["frame_id"][n], more["pts"][n] = 10**6, more["pts"][n] + 1
        more["focus_s"][n] -= 0.02
        more["focus_blur_px"][n] += 0.02
        found = decide(more, LOOSE)
        # What is known of a track as a whole does move: a copy is one more witness.
        for made in (found, usual):
            made.parts.pop("false_p", None)
        same(rows_of(found, slice(0, n)), usual)
        assert found.rank[n] == 0


def test_fewer_picks_are_a_part_of_more(catalogue: Columns) -> None:
    few, many = (decide(catalogue, RankParams(top=top)) for top in (2, 30))
    assert set(np.flatnonzero(few.rank)) <= set(np.flatnonzero(many.rank))


@pytest.mark.parametrize("n", [0, 1])
def test_no_frames_and_one_frame(n: int) -> None:
    found = decide(frames(*[FACE] * n), RankParams())
    assert found.reason.tolist() == ["picked"] * n
    assert found.rank.tolist() == [1] * n


def test_columns_of_nothing_but_names_are_not_measured() -> None:
    columns = {"frame_id": np.arange(3), "video": np.zeros(3, int), "pts": np.arange(3)}
    assert decide(columns, RankParams()).reason.tolist() == ["not_measured"] * 3


def test_columns_of_nothing_but_nan_are_not_measured() -> None:
    columns = frames(*[FACE] * 4)
    for values in columns.values():
        if values.dtype == np.float64:
            values[:] = np.nan
    columns["has_phash"][:] = False
    found = decide(columns, RankParams())
    assert found.reason.tolist() == ["not_measured"] * 4
    assert np.isnan(found.score).all()


@pytest.mark.parametrize("missing", [
    "false_p", "focus_blur_px", "focus_gap", "luma_mean", "eye_open", "phash", "has_phash", "shot",
    "pixels", "person_x0", "frontal", "focus_body", "time_s",
])
def test_a_run_without_an_optional_column_still_decides(catalogue: Columns, missing: str) -> None:
    columns = {name: values for name, values in catalogue.items() if name != missing}
    found = decide(columns, RankParams())
    assert all(reason in REASONS for reason in found.reason)


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="time_s"):
        decide(frames(FACE) | {"time_s": np.zeros(2)}, RankParams())
    with pytest.raises(ValueError, match="frame_id"):
        decide({"time_s": np.zeros(2)}, RankParams())


def test_ties_go_to_the_earlier_frame() -> None:
    alike = [row | {"focus_s": 0.5, "focus_blur_px": 0.2} for row in spread_out(FACE, 4)]
    found = decide(frames(*reversed(alike)), RankParams())
    assert found.rank.tolist() == [4, 3, 2, 1]
