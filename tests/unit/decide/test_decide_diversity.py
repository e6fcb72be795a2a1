"""Variety: alike looks count against each other, nothing unknown does, and zero is pure score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.decide import picking, rank
from curation.decide.columns import Columns
from curation.decide.diversity import Looks, choose
from curation.decide.ledger import Ledger
from curation.decide.pools import PICK_POOLS
from curation.decide.quota import Taste, allot
from curation.params import RankParams
from tests.unit.decide.columns import FACE, FULL_BODY, frames, spread_out

UNKNOWN = {"yaw_deg": np.nan, "pitch_deg": np.nan, "roll_deg": np.nan}


def unit(*values: float) -> bytes:
    vector = np.array(values, np.float64)
    return bytes((vector / np.linalg.norm(vector)).astype("<f2").tobytes())


BLOBS = ("appearance", "expression", "pose_shape")


def columns_of(rows: list[dict[str, Any]]) -> Columns:
    plain = [{name: row[name] for name in row if name not in BLOBS} for row in rows]
    data: dict[str, Any] = dict(frames(*plain))
    for name in BLOBS:
        made = np.full(len(rows), None, object)
        made[:] = [row.get(name) for row in rows]
        data[name] = made
    return Columns(data)


def looks_of(rows: list[dict[str, Any]], pool: str = "face") -> Looks:
    return Looks(columns_of(rows), np.full(len(rows), pool, object), np.arange(len(rows)))


class Table:
    """Likeness from a matrix."""

    def __init__(self, matrix: np.ndarray[Any, Any]) -> None:
        self.matrix = matrix

    def alike(self, rows: Any, others: Any) -> Any:
        return self.matrix[np.ix_(rows, others)]


def test_what_is_unknown_of_either_makes_nothing_alike() -> None:
    known = FACE | {"appearance": unit(1, 0), "expression": unit(*np.ones(52))}
    looks = looks_of([known, FACE | UNKNOWN | {"appearance": None}, FACE | UNKNOWN])
    rows = np.arange(3)
    alike = looks.alike(rows, rows)
    assert alike[0, 0] == pytest.approx(1.0, abs=1e-3)
    assert (alike[1:, :] == 0).all() and (alike[:, 1:] == 0).all()


def test_likeness_falls_with_the_turn_of_the_head() -> None:
    looks = looks_of([FACE | {"yaw_deg": yaw} for yaw in (0.0, 10.0, 40.0, -40.0)])
    alike = looks.alike(np.array([0]), np.arange(4))[0]
    assert alike[0] > alike[1] > alike[2] == pytest.approx(alike[3])


def test_what_all_candidates_share_tells_nothing_apart() -> None:
    """Every vector leans the same way; only what exceeds the mean cosine counts."""
    rng = np.random.default_rng(0)
    vectors = [unit(*(5 * np.eye(32)[0] + rng.normal(0, 1, 32))) for _ in range(40)]
    looks = looks_of([FACE | UNKNOWN | {"appearance": vector} for vector in vectors])
    assert looks.floor > 0.4
    rows = np.arange(40)
    traits = looks.traits(rows, rows)[0]
    assert np.median(traits[~np.eye(40, dtype=bool)]) < 0.15
    assert traits.diagonal() == pytest.approx(1.0, abs=0.01)


def test_bodies_differ_by_their_pose_and_faces_do_not() -> None:
    still, moved = np.zeros((33, 2)), np.zeros((33, 2))
    moved[[13, 14, 15, 16]] = 0.9
    rows = [FULL_BODY | UNKNOWN | {"pose_shape": pose.astype("<f2").tobytes()}
            for pose in (still, still, moved)]
    body = looks_of(rows, "full_body").alike(np.array([0]), np.arange(3))[0]
    assert body[1] == pytest.approx(0.5) and body[2] < 0.1
    assert not looks_of(rows, "face").useful


def test_vectors_of_another_length_are_of_another_model() -> None:
    rows = [FACE | UNKNOWN | {"appearance": unit(1, 0)}] * 2
    looks = looks_of([*rows, FACE | UNKNOWN | {"appearance": unit(1, 0, 0)}])
    assert looks.known[:, 0].tolist() == [True, True, False]


def dense(score: Any, matrix: Any, places: int, weight: float) -> list[int]:
    """Return what the definition of maximal marginal relevance picks."""
    picks: list[int] = []
    for _ in range(places):
        most = matrix[:, picks].max(axis=1) if picks else np.zeros(len(score))
        value = (1 - weight) * score - weight * most
        value[picks] = -np.inf
        picks.append(int(value.argmax()))
    return picks


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 400), places=st.integers(1, 40),
       weight=st.sampled_from([0.1, 0.5, 1.0]))
def test_the_lazy_search_finds_what_the_definition_says(
    seed: int, n: int, places: int, weight: float
) -> None:
    rng = np.random.default_rng(seed)
    score = np.sort(rng.random(n))[::-1].copy()
    at = rng.random(n)
    matrix = np.exp(-np.abs(at[:, None] - at[None, :]) * 5)
    found = choose(score, Table(matrix), places, weight)  # type: ignore[arg-type]
    wanted = dense(score, matrix, min(places, n), weight)
    assert np.flatnonzero(found.picked).tolist() == sorted(wanted)
    lost = ~found.picked
    assert (found.rival[lost] >= 0).all() and found.picked[found.rival[lost]].all()
    assert (found.rival[~lost] == -1).all()
    if lost.any():
        worst = max(wanted)
        assert found.passed[lost].tolist() == (np.flatnonzero(lost) < worst).tolist()


@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_nothing_to_choose_is_chosen_by_score(weight: float) -> None:
    table: Any = Table(np.ones((5, 5)))
    score = np.linspace(1, 0, 5)
    assert choose(score, table, 9, weight).picked.all()
    assert choose(score, table, 2, 0.0).picked.tolist() == [True, True, False, False, False]
    assert choose(score, None, 2, weight).picked.tolist() == [True, True, False, False, False]
    assert not choose(score, table, 0, weight).picked.any()


def test_a_twin_of_a_pick_gives_way_to_someone_else_in_its_video() -> None:
    """Three moments of one shot length: the second best looks like the best, the third does not."""
    matrix = np.array([[1, 0.95, 0.1], [0.95, 1, 0.1], [0.1, 0.1, 1]])
    score = np.array([0.9, 0.85, 0.8])
    time_s, shot = np.array([0.0, 50.0, 100.0]), np.array([0, 1, 2])
    args = (np.zeros(3, np.int64), time_s, shot, np.full(3, 2), np.ones(3))
    plain = allot(*args)
    assert plain.picked.tolist() == [True, True, False]
    found = allot(*args, taste=Taste(score, Table(matrix), 0.2))
    assert found.picked.tolist() == [True, False, True]
    assert found.code.tolist() == ["", "diversity", ""]
    assert found.rival[1] == 0 and found.value[1] == pytest.approx(0.95)
    weak = allot(*args, taste=Taste(score, Table(matrix), 0.01))
    assert weak.picked.tolist() == plain.picked.tolist()


def test_ten_thousand_candidates_are_chosen_from_lazily() -> None:
    """Most candidates are never compared with most picks."""
    rng = np.random.default_rng(1)
    compared = 0

    class Counting(Table):
        def alike(self, rows: Any, others: Any) -> Any:
            nonlocal compared
            compared += len(rows) * len(others)
            return np.exp(-np.abs(self.matrix[rows][:, None] - self.matrix[others][None]) * 50)

    score = np.sort(rng.random(10_000))[::-1].copy()
    found = choose(score, Counting(rng.random(10_000)), 60, 0.2)  # type: ignore[arg-type]
    assert found.picked.sum() == 60
    assert compared < 10_000 * 60 / 4


def close_all(rows: list[dict[str, Any]], params: RankParams) -> tuple[Ledger, Any, Any]:
    columns = columns_of(rows)
    pool = np.full(len(rows), "face", object)
    total = np.linspace(0.9, 0.5, len(rows))
    ledger = Ledger(len(rows))
    person = np.zeros(len(rows), np.int64)
    first = picking.close_quota(columns, pool, person, total, params, ledger, {1: "a.mp4"})
    parts = {name: total for name in rank.PARTS}
    ranks, second = picking.close_top(
        columns, pool, rank.Score(total, parts), params, ledger, {1: "a.mp4"}
    )
    assert not ledger.open.any()
    return ledger, ranks, np.where(first >= 0, first, second)


def alike_pairs(n: int) -> list[dict[str, Any]]:
    """Frames far apart in time, each two of one look, best first."""
    rows = spread_out(FACE | UNKNOWN, n, step_s=60)
    return [row | {"appearance": unit(*np.eye(n)[i // 2], 0.1)} for i, row in enumerate(rows)]


def test_the_detail_names_the_similar_pick_and_how_alike_it_is() -> None:
    ledger, ranks, rival = close_all(alike_pairs(8), RankParams(per_video_face=4, diversity=0.6))
    lost = np.flatnonzero(ledger.code == "diversity")
    assert lost.tolist() == [1, 3, 5]
    assert rival[lost].tolist() == [0, 2, 4] and (ranks[rival[lost]] > 0).all()
    assert "a.mp4 at 0.00 s" in ledger.detail[1] and "appearance 1.00" in ledger.detail[1]


def test_the_top_of_a_pool_is_varied_and_ranked_by_score() -> None:
    params = RankParams(top=4, per_video_face=12, budget=0, diversity=0.6)
    ledger, ranks, rival = close_all(alike_pairs(8), params)
    assert np.flatnonzero(ranks).tolist() == [0, 2, 4, 6]
    assert ranks[[0, 2, 4, 6]].tolist() == [1, 2, 3, 4]
    assert ledger.code[[1, 3, 5]].tolist() == ["diversity"] * 3
    assert ledger.code[7] == "below_top" and rival[7] == 6
    plain, ranks, _ = close_all(alike_pairs(8), params.model_copy(update={"diversity": 0.0}))
    assert np.flatnonzero(ranks).tolist() == [0, 1, 2, 3]
    assert set(plain.code) == {"picked", "below_top"}


def test_one_person_fills_no_pool() -> None:
    rows = alike_pairs(8)
    ledger, ranks, rival = close_all(rows, RankParams(per_person=3, diversity=0))
    assert (ranks > 0).sum() == 3
    lost = np.flatnonzero(ledger.code == "quota_person")
    assert len(lost) and (ranks[rival[lost]] > 0).all()
    assert "3 of 3" in ledger.detail[lost[0]]


def test_pools_that_picks_come_from_all_have_weights() -> None:
    looks = [looks_of([FACE], pool) for pool in PICK_POOLS]
    assert all(each.weight.sum() == pytest.approx(1) for each in looks)
