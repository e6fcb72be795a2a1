"""The quota is hard, spreads in time, and takes every shot once before any twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.decide.quota import allot, spread


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1), n=st.integers(0, 120), cap=st.integers(1, 15),
    n_shots=st.integers(1, 20), share=st.sampled_from([0.5, 1.0]), whole=st.booleans(),
)
def test_what_holds_for_every_video(
    seed: int, n: int, cap: int, n_shots: int, share: float, whole: bool
) -> None:
    rng = np.random.default_rng(seed)
    time_s = rng.uniform(0, 100, n)
    time_s = np.round(time_s) if whole else time_s
    shot = rng.integers(0, n_shots, n)
    found = spread(time_s, shot, cap, share)
    picked = found.picked
    assert len(picked) == len(set(picked.tolist())) == min(cap, n)
    if n:
        assert picked[0] == 0, "the best frame is always taken"
        assert len(np.unique(shot[picked])) == min(cap, len(np.unique(shot))), "shots run out first"
        assert np.bincount(shot[picked]).max() <= found.per_shot
    if len(picked) > 1:
        assert np.diff(np.sort(time_s[picked])).min() >= found.gap_s - 1e-9


def test_picks_of_a_long_take_lie_apart() -> None:
    rng = np.random.default_rng(0)
    time_s = rng.permutation(np.arange(0, 600, 0.2))
    found = spread(time_s, np.zeros(len(time_s), np.int64), 6)
    assert np.diff(np.sort(time_s[found.picked])).min() >= 600 / 12 - 1


def test_the_five_best_of_one_second_do_not_take_the_video() -> None:
    time_s = np.array([10.0, 10.2, 10.4, 10.6, 10.8, 50.0, 90.0, 130.0])
    found = spread(time_s, np.arange(8), 4)
    assert sorted(time_s[found.picked]) == [10.0, 50.0, 90.0, 130.0]


def test_shots_unknown_bind_nothing() -> None:
    found = spread(np.arange(0.0, 60.0, 10.0), np.full(6, -1), 3)
    assert len(found.picked) == 3 and found.per_shot == 1


def test_few_candidates_are_all_taken_however_close() -> None:
    found = spread(np.array([1.0, 1.0, 1.1]), np.zeros(3, np.int64), 6)
    assert sorted(found.picked.tolist()) == [0, 1, 2]
    assert found.per_shot == 3


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_and_one(n: int) -> None:
    assert spread(np.zeros(n), np.zeros(n, np.int64), 6).picked.tolist() == list(range(n))


def test_every_video_and_pool_has_its_own_cap() -> None:
    group = np.array([0, 0, 0, 1, 1, 5])
    quota = allot(group, np.array([0.0, 10, 20, 0, 10, 0]), np.arange(6),
                  np.array([2, 2, 2, 1, 1, 3]), np.ones(6))
    assert quota.picked.tolist() == [True, True, False, True, False, True]
    assert quota.taken[0].startswith("2 of 2 of this video taken, at least")
    assert quota.nearest_s[4] == 10


def test_the_text_never_promises_a_larger_gap_than_there_is() -> None:
    quota = allot(np.zeros(4, np.int64), np.array([0.0, 41.97, 100.0, 10.0]), np.arange(4),
                  np.full(4, 3), np.ones(4))
    assert "at least 41 s apart, one per shot" in quota.taken[0]
