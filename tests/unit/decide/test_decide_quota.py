"""The quota is hard, spreads in time, and takes every shot once before any twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.decide.quota import FIRST_GAP, Rules, allot, spread
from curation.decide.shares import usable_seconds, water_fill


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
    assert np.diff(np.sort(time_s[found.picked])).min() >= FIRST_GAP * 600 / 6 - 1


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


def test_every_loser_names_a_pick_that_stood_in_its_way() -> None:
    rng = np.random.default_rng(5)
    n = 300
    group = rng.integers(0, 6, n)
    time_s, shot = rng.uniform(0, 100, n), rng.integers(-1, 12, n)
    quota = allot(group, time_s, shot, np.full(n, 5), np.ones(n))
    lost = np.flatnonzero(~quota.picked)
    rival = quota.rival[lost]
    assert quota.picked[rival].all() and (group[rival] == group[lost]).all()
    assert set(quota.code[lost]) <= {"quota_gap", "quota_shot", "quota_video"}
    assert (quota.code[quota.picked] == "").all() and (quota.rival[quota.picked] == -1).all()
    gap = lost[quota.code[lost] == "quota_gap"]
    assert len(gap) and (quota.value[gap] < quota.limit[gap]).all()
    apart = np.abs(time_s[gap] - time_s[quota.rival[gap]])
    assert apart.tolist() == quota.value[gap].tolist()
    crowded = lost[quota.code[lost] == "quota_shot"]
    assert (shot[crowded] == shot[quota.rival[crowded]]).all()


def test_a_gap_is_lost_to_a_better_frame_wherever_there_is_one() -> None:
    """The third best lies between two picks; it names the near one that is better."""
    quota = allot(np.zeros(4, np.int64), np.array([0.0, 100, 1, 50]), np.arange(4), np.full(4, 3),
                  np.ones(4))
    assert quota.picked.tolist() == [True, True, False, True]
    assert quota.code[2] == "quota_gap" and quota.rival[2] == 0


def test_a_person_has_no_more_picks_than_allowed_and_they_come_from_many_videos() -> None:
    rng = np.random.default_rng(2)
    n = 400
    video, person = rng.integers(0, 8, n), rng.integers(-1, 4, n)
    args = (video, rng.uniform(0, 100, n), np.full(n, -1), np.full(n, 6), np.ones(n))
    free = allot(*args, person=person)
    bound = allot(*args, person=person, rules=Rules(per_person=5))
    for who in range(4):
        theirs = bound.picked & (person == who)
        assert theirs.sum() == 5 < (free.picked & (person == who)).sum()
        assert len(np.unique(video[theirs])) >= 4
    assert (bound.picked & (person < 0)).sum() >= (free.picked & (person < 0)).sum()
    lost = np.flatnonzero(bound.code == "quota_person")
    assert len(lost) and bound.picked[bound.rival[lost]].all()
    assert (person[bound.rival[lost]] == person[lost]).all()
    assert (bound.value[lost] == 5).all() and (bound.limit[lost] == 5).all()


def test_people_are_counted_within_their_pool() -> None:
    pool = np.array([0, 0, 1, 1])
    quota = allot(pool, np.array([0.0, 50, 0, 50]), np.full(4, -1), np.full(4, 6), np.ones(4),
                  pool, np.zeros(4, np.int64), Rules(per_person=1))
    assert quota.picked.tolist() == [True, False, True, False]


@pytest.mark.parametrize("usable_s, cap, total, places", [
    ([100.0, 100.0], [6, 6], 60, [6, 6]),  # room for everybody
    ([3600.0, 100.0, 100.0], [999, 999, 999], 16, [12, 2, 2]),  # 60 : 10 : 10
    ([3600.0, 100.0, 100.0], [5, 999, 999], 16, [5, 6, 5]),  # what the full one leaves
    ([10.0] * 4, [6] * 4, 2, [1, 1, 1, 1]),  # nobody is left out
    ([10.0, 0.0], [6, 6], 3, [3, 0]),  # nothing usable, no place
    ([], [], 3, []),
])
def test_water_fills_by_the_root_of_usable_seconds(
    usable_s: list[float], cap: list[int], total: int, places: list[int]
) -> None:
    found = water_fill(np.array(usable_s), np.array(cap, np.int64), total)
    assert found.tolist() == places


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 30), total=st.integers(1, 200))
def test_places_add_up_and_follow_the_seconds(seed: int, n: int, total: int) -> None:
    rng = np.random.default_rng(seed)
    usable_s, cap = rng.uniform(1, 5000, n), rng.integers(1, 40, n)
    found = water_fill(usable_s, cap, total)
    assert (found <= cap).all() and (found >= 1).all()
    assert found.sum() == max(n, min(total, cap.sum()))
    longer, shorter = int(usable_s.argmax()), int(usable_s.argmin())
    assert found[longer] >= min(found[shorter], cap[longer])


def test_close_frames_stand_for_their_seconds_once() -> None:
    assert usable_seconds(np.array([0.0, 0.5, 1.0, 60.0])) == 1 + 0.5 + 0.5 + 1
    assert usable_seconds(np.zeros(0)) == 0


def test_one_long_video_does_not_take_the_pool() -> None:
    """An hour against five minutes-long clips: by root, not by length; the text says so."""
    lengths = [3600, 60, 60, 60, 60, 60]
    video = np.repeat(np.arange(6), lengths)
    time_s = np.concatenate([np.arange(length, dtype=float) for length in lengths])
    order = np.random.default_rng(0).permutation(len(video))
    args = (video[order], time_s[order], np.full(len(order), -1), np.full(len(order), 10_000),
            np.ones(len(order)))
    quota = allot(*args, rules=Rules(budget=60))
    share = np.bincount(args[0][quota.picked], minlength=6)
    assert share.sum() == 60 and share[0] <= 37 and share[1:].min() >= 4
    assert "its share of the pool" in quota.taken[0]
