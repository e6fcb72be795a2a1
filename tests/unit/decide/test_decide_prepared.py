"""Prepared columns: the same decisions to the bit, whatever was asked about them before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.decide import Decisions, Prepared, decide, relation, within
from curation.decide.columns import Columns as View
from curation.decide.dedup import Repeats
from curation.decide.likeness import Likeness
from curation.decide.memo import KEPT, Memo
from curation.decide.relation import Relation
from curation.decide.stars import Pairs, keepers, kept
from curation.params import DedupParams, RankParams
from tests.unit.decide.columns import Columns, catalogue, take
from tests.unit.decide.test_decide_likeness import wandering

NAMES = {1: "a.mp4", 2: "b.mp4"}
MOVED: dict[str, st.SearchStrategy[Any]] = {
    "min_focus": st.floats(-1, 0.6), "pose_area": st.floats(0, 0.6),
    "second_person": st.floats(0, 1), "min_face_px": st.integers(16, 300),
    "false_face": st.floats(0, 1), "min_brightness": st.floats(0, 150),
    "near_hash": st.integers(0, 14), "burst_hash": st.integers(0, 14),
    "burst_s": st.sampled_from([0.0, 0.5, 3.0]), "near_head": st.floats(0, 20),
    "near_expression": st.floats(0, 0.3), "near_look": st.floats(0, 1),
    "same_inliers": st.integers(8, 60), "diversity": st.sampled_from([0.0, 0.1, 0.6]),
    "per_person": st.integers(0, 4), "top": st.integers(1, 80), "per_video": st.integers(1, 9),
    "budget": st.sampled_from([0.0, 1.0]), "weight_focus": st.floats(0, 1),
    "visibility": st.floats(0, 1), "face_close_up": st.floats(0.05, 0.6),
    "pose_area_of": st.sampled_from(["crop", "image"]), "crop_margin": st.floats(0, 0.5),
    "same_person": st.floats(0, 1), "track_gap_s": st.floats(0, 9),
    "poster_share": st.floats(0, 1), "max_yaw": st.floats(0, 90),
}
SETTINGS = st.fixed_dictionaries({}, optional=MOVED)


def rich(seed: int) -> tuple[Columns, Columns]:
    """Return columns with looks, poses, expressions and identities, and matched pairs."""
    rng = np.random.default_rng(seed)
    made = catalogue(3, 60, seed)
    n = len(made["frame_id"])
    drifting = wandering(rng, n)
    for name in ("appearance", "expression", "pose_shape"):
        made[name] = drifting.objects(name)
    for name in ("joints_seen", "yaw_deg"):
        made[name] = drifting.floats(name)
    looks = rng.normal(0, 1, (4, 96))[made["shot"] % 4] + rng.normal(0, 0.25, (n, 96))
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    for i in np.flatnonzero(rng.random(n) < 0.8):
        made["appearance"][i] = looks[i].astype("<f2").tobytes()
    made["identity"] = made["appearance"]
    ends = rng.choice(made["frame_id"], (n // 5, 2))
    ends = ends[ends[:, 0] != ends[:, 1]]
    return made, {
        "a": ends[:, 0], "b": ends[:, 1], "inliers": rng.uniform(0, 80, len(ends)),
        "cover": rng.uniform(0, 1, len(ends)),
    }


def same(one: Decisions, other: Decisions) -> None:
    """Check that two decisions are equal to the bit, words and all."""
    for name in ("pool", "verdict", "reason", "detail", "rank", "keeper", "person", "rival"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist(), name
    assert one.score.tobytes() == other.score.tobytes()
    assert list(one.parts) == list(other.parts)
    for name, part in one.parts.items():
        assert part.tobytes() == other.parts[name].tobytes(), name


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 999), asked=st.lists(SETTINGS, min_size=2, max_size=5))
def test_prepared_columns_are_decided_like_plain_ones(
    seed: int, asked: list[dict[str, Any]]
) -> None:
    columns, pairs = rich(seed)
    columns = take(columns, np.random.default_rng(seed).permutation(len(columns["frame_id"])))
    ready = Prepared(columns, pairs)
    for values in [*asked, *asked]:  # the second time around much is remembered
        params = RankParams(**values)
        same(decide(ready, params, NAMES), decide(columns, params, NAMES, pairs))


@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 999), values=SETTINGS)
def test_too_many_pairs_to_list_change_nothing(seed: int, values: dict[str, Any]) -> None:
    columns, pairs = rich(seed)
    params = RankParams(**values)
    usual = decide(columns, params, NAMES, pairs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relation, "MOST_PAIRS", 3)
        same(decide(columns, params, NAMES, pairs), usual)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.1, 1), wide=st.sampled_from([2, 4, 32]))
def test_pairs_of_all_frames_give_the_groups_of_some(seed: int, share: float, wide: int) -> None:
    """Long videos too, where nearness goes by the frames that are left."""
    rng = np.random.default_rng(seed)
    columns, params = wandering(rng, 120), DedupParams()
    rows = np.flatnonzero(rng.random(120) < share)
    order = rng.permutation(len(rows))
    none = np.zeros((0, 2), np.int64)
    by_time = np.lexsort((columns.floats("time_s"), columns.ints("video")))
    columns = columns.take(by_time)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(within, "CHUNK", 8)
        patch.setattr(within, "REACH", 2)
        patch.setattr(relation, "WIDE", wide)
        found = Relation(columns, params, none)
        among = found.among(rows) or found.anew(rows, none)
        least = Likeness(columns, params).least_look[rows]
        wanted = Repeats(columns.take(rows), params, none, None, least).cover(order)
        known = rows if among.pairs is None else np.arange(120)
        back = np.searchsorted(known, rows)
        groups = among.cover(back[order])
        assert known[groups.keeper[back]].tolist() == rows[wanted.keeper].tolist()
        assert groups.kind[back].tolist() == wanted.kind.tolist()
        assert among.kept(back[order])[back].tolist() == (wanted.kind == 0).tolist()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 60), density=st.floats(0, 0.3),
       chain=st.booleans())
def test_stars_are_those_of_taking_the_best_first(
    seed: int, n: int, density: float, chain: bool
) -> None:
    rng = np.random.default_rng(seed)
    alike = np.triu(rng.random((n, n)) < density, 1)
    if chain:
        alike |= np.eye(n, k=1, dtype=np.bool_)
    order = np.arange(n) if chain else rng.permutation(n)
    one, other = np.nonzero(alike)
    alike |= alike.T
    wanted = np.full(n, -1, np.int64)
    for row in order.tolist():
        if wanted[row] < 0:
            wanted[alike[row] & (wanted < 0)] = row
            wanted[row] = row
    pairs = Pairs(n, one.astype(np.int32), other.astype(np.int32))
    assert keepers(pairs, order).tolist() == wanted.tolist()
    assert kept(pairs, order).tolist() == (wanted == np.arange(n)).tolist()


def test_a_long_chain_of_falling_scores_is_settled_in_turn() -> None:
    n = 5000
    at = np.arange(n - 1, dtype=np.int32)
    assert kept(Pairs(n, at, at + 1), np.arange(n)).tolist() == [i % 2 == 0 for i in range(n)]


def test_a_result_is_kept_for_all_parameters_that_it_did_not_read() -> None:
    memo, made = Memo(), []

    def make(params: RankParams) -> int:
        made.append(params.top)
        return params.top

    assert [memo.get("top", RankParams(top=5, min_focus=f), make) for f in (0.0, 0.1)] == [5, 5]
    assert memo.get("outer", RankParams(top=5), lambda p: memo.get("top", p, make)) == 5
    assert made == [5]
    assert memo.get("outer", RankParams(top=6), lambda p: memo.get("top", p, make)) == 6
    assert memo.get("top", RankParams(top=5), make) == 5
    assert made == [5, 6]
    for top in range(7, 8 + KEPT):
        memo.get("top", RankParams(top=top), make)
    memo.get("top", RankParams(top=5), make)
    assert made[-1] == 5


def test_a_parameter_that_is_read_too_late_is_refused() -> None:
    late = Memo().get("late", RankParams(), lambda params: params)
    with pytest.raises(RuntimeError, match="top"):
        _ = late.top


def test_other_pairs_than_those_it_was_prepared_with_are_refused() -> None:
    columns, pairs = rich(0)
    ready = Prepared(columns, pairs)
    decide(ready, RankParams(), NAMES, pairs)
    with pytest.raises(ValueError, match="other pairs"):
        decide(ready, RankParams(), NAMES, dict(pairs))


def test_decisions_are_the_callers_own(catalogue: Columns) -> None:
    ready = Prepared(View(catalogue))
    first = decide(ready, RankParams())
    for part in first.parts.values():
        part[:] = 7.0
    first.pool[:] = first.person[:] = first.score[:] = 0
    same(decide(ready, RankParams()), decide(catalogue, RankParams()))


def test_details_are_written_when_they_are_read(catalogue: Columns) -> None:
    found = decide(catalogue, RankParams())
    texts = found.detail.tolist()
    assert len(found.detail) == len(texts) and found.detail.shape == (len(texts),)
    assert [found.detail[row] for row in range(len(texts))] == texts == list(found.detail)
    assert np.asarray(found.detail).tolist() == texts
    mask = found.reason == "picked"
    assert found.detail[mask].tolist() == [texts[row] for row in np.flatnonzero(mask)]
