"""Bursts by time, by names, and what must not become one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curation.decide.bursts import Moments, bursts, pairs_inside

NAN = float("nan")


def moments(
    taken_s: Sequence[float],
    camera: Sequence[int] | None = None,
    number: Sequence[int] | None = None,
    series: Sequence[int] | None = None,
) -> Moments:
    n = len(taken_s)
    return Moments(
        np.array(taken_s, np.float64),
        np.array(camera if camera is not None else [0] * n, np.int64),
        np.array(series if series is not None else [0] * n, np.int64),
        np.array(number if number is not None else [-1] * n, np.int64),
    )


def sets(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == k).tolist()) for k in set(labels[labels >= 0])}


def test_a_pause_ends_a_burst() -> None:
    labels = bursts(moments([10.0, 10.05, 11.9, 20.0, 22.0, 22.01, 40.0]), 2.0)
    assert sets(labels) == {frozenset({0, 1, 2}), frozenset({3, 4, 5})}
    assert labels[6] == -1


def test_another_camera_is_another_burst() -> None:
    labels = bursts(moments([10.0, 10.1, 10.2, 10.3], camera=[0, 1, 0, 1]), 2.0)
    assert sets(labels) == {frozenset({0, 2}), frozenset({1, 3})}


def test_without_a_time_the_numbers_of_the_names_tell() -> None:
    labels = bursts(
        moments([NAN] * 6, number=[12, 10, 11, 14, 13, -1], series=[0, 0, 0, 0, 1, 0]), 2.0
    )
    assert sets(labels) == {frozenset({0, 1, 2})}


def test_a_time_lapse_is_cut_in_the_middle_and_at_pauses_first() -> None:
    taken = [2.0 * k for k in range(64)]
    labels = bursts(moments(taken), 2.0, most_s=40, most=1000)
    sizes = sorted(len(part) for part in sets(labels))
    assert sizes == [16] * 4
    pause = [0.0, 1.0, 2.0, 4.0, 5.0, 6.0]  # the pause of two seconds is the place to cut
    assert sets(bursts(moments(pause), 2.0, most=4)) == {frozenset({0, 1, 2}), frozenset({3, 4, 5})}


def test_the_order_of_the_pictures_changes_nothing() -> None:
    rng = np.random.default_rng(5)
    taken = np.round(rng.uniform(0, 400, 300), 1)
    camera, number = rng.integers(0, 3, 300), np.arange(300)
    taken[rng.random(300) < 0.2] = NAN
    one = bursts(Moments(taken, camera, camera, number), 2.0, most_s=8, most=5)
    assert all(len(part) <= 5 for part in sets(one))
    for _ in range(5):
        p = rng.permutation(300)
        again = bursts(Moments(taken[p], camera[p], camera[p], number[p]), 2.0, most_s=8, most=5)
        assert {frozenset(p[list(part)].tolist()) for part in sets(again)} == sets(one)


def test_pairs_are_those_of_each_burst() -> None:
    found = {
        (int(a), int(b))
        for one, other in pairs_inside(np.array([0, -1, 0, 1, 1, 0]))
        for a, b in zip(one, other, strict=True)
    }
    assert found == {(0, 2), (0, 5), (2, 5), (3, 4)}
    assert not list(pairs_inside(np.array([-1, -1])))
