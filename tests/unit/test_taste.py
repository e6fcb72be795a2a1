"""The head that learns from ratings: exact, calm without them, quick to learn, honest in doubt."""

from __future__ import annotations

import numpy as np
import pytest

from curation.learn import taste_metrics as metrics
from curation.learn import taste_model as model
from curation.learn.taste_choose import RANDOM, choose
from curation.learn.taste_evaluate import Task, gain
from curation.learn.taste_fit import Said, learn
from curation.learn.taste_read import Calibration, assumed, rating_of, stars_of

KINDS = (model.DECLARED, *[model.MEASURE] * 6, *[model.LOOK] * 12, model.LEVEL)
PRIOR = model.Prior(KINDS, (1.0,) * len(KINDS))


def world(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, noisy 5-level stars, and true worth."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, len(KINDS)))
    x[:, -1] = 1
    worth = x[:, 1:-1] @ rng.normal(size=len(KINDS) - 2)
    worth = (worth - worth.mean()) / worth.std()
    noisy = worth + rng.normal(0, 0.35, n)
    return x, 1.0 + np.digitize(noisy, np.quantile(noisy, (0.2, 0.4, 0.6, 0.8))), worth


def told(stars: np.ndarray) -> Said:
    n = len(stars)
    return Said(rating_of(stars), np.ones(n), (stars > 3.5).astype(float),
                np.zeros(n, np.int64), stars)


def test_what_spreads_most_in_a_picture_is_believed_to_count_most_where_ratings_say_so() -> None:
    """Of 12 looks the first spread most; one person judges by these, another by the last."""
    own = 2.0 ** -np.arange(12)
    knows = model.Prior(KINDS, (*[1.0] * 7, *(own / own.mean()), 1.0))
    looks = slice(7, 19)
    gains = {"first": [], "last": []}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(400, len(KINDS)))
        for who, weights in (("first", own), ("last", own[::-1])):
            worth = x[:, looks] @ (np.sqrt(weights) * rng.normal(size=12))
            y = worth / worth.std() + rng.normal(0, 0.35, 400)
            by = {
                name: metrics.spearman(
                    model.fit(x[:20], y[:20], np.ones(20), prior).predict(x[20:])[0], worth[20:])
                for name, prior in (("own", knows), ("alike", PRIOR))
            }
            gains[who].append(by["own"] - by["alike"])
    assert np.mean(gains["first"]) > 0.03
    assert np.mean(gains["last"]) > -0.05


def test_without_ratings_the_declared_score_is_the_order() -> None:
    x, _, _ = world(50)
    expected, doubt = model.fit(x[:0], np.zeros(0), np.zeros(0), PRIOR).predict(x)
    assert np.array_equal(np.argsort(expected), np.argsort(x[:, 0]))
    assert (doubt > 0.3).all()


def test_ratings_are_learned_and_doubt_falls() -> None:
    x, stars, worth = world(400)
    found, doubts = [], []
    for count in (15, 60, 200):
        head = model.fit(x[:count], rating_of(stars[:count]), np.ones(count), PRIOR)
        expected, doubt = head.predict(x[200:])
        found.append(metrics.spearman(expected, worth[200:]))
        doubts.append(float(doubt.mean()))
    assert found == sorted(found) and found[-1] > 0.93
    assert doubts == sorted(doubts, reverse=True)


def test_doubt_is_honest() -> None:
    inside = []
    for seed in range(12):
        x, stars, worth = world(260, seed)
        head = model.fit(x[:40], rating_of(stars[:40]), np.ones(40), PRIOR)
        expected, doubt = head.predict(x[60:])
        scale = rating_of(stars).std()
        inside.append(float((np.abs(expected - worth[60:] * scale) < 2 * doubt).mean()))
    assert 0.85 < np.mean(inside) <= 1.0


def test_updating_is_the_same_as_learning_at_once() -> None:
    x, stars, _ = world(80)
    y, trust = rating_of(stars), np.linspace(0.2, 1, 80)
    start = PRIOR.head()
    both = model.update(start, x, y, trust)
    first = model.update(start, x[:30], y[:30], trust[:30])
    twice = model.update(first, x[30:], y[30:], trust[30:])
    assert np.allclose(both.mean, twice.mean, atol=1e-9)
    assert np.allclose(both.covariance, twice.covariance, atol=1e-9)


def test_the_order_of_ratings_does_not_matter() -> None:
    x, stars, _ = world(60)
    one = model.fit(x, rating_of(stars), np.ones(60), PRIOR)
    other = model.fit(x[::-1], rating_of(stars[::-1]), np.ones(60), PRIOR)
    assert np.allclose(one.mean, other.mean, atol=1e-9)


@pytest.mark.parametrize("wrong", ["shape", "nan", "trust"])
def test_broken_numbers_are_refused(wrong: str) -> None:
    x, stars, _ = world(20)
    y, trust = rating_of(stars), np.ones(20)
    if wrong == "shape":
        y = y[:-1]
    elif wrong == "nan":
        x[3, 3] = np.nan
    else:
        trust[0] = 0
    with pytest.raises(ValueError):
        model.fit(x, y, trust, PRIOR)


def test_a_mood_of_one_sitting_is_not_taken_for_taste() -> None:
    x, stars, worth = world(300, 3)
    said = told(stars)
    session = np.arange(120) % 2
    grumpy = Said(said.y[:120] - 1.2 * session, said.trust[:120], said.kept[:120], session,
                  said.stars[:120])
    groups = np.arange(120) % 10
    calm = learn(x[:120], said.take(np.arange(120)), PRIOR, groups).head.predict(x[120:])[0]
    aware = learn(x[:120], grumpy, PRIOR, groups).head.predict(x[120:])[0]
    blind = model.fit(x[:120], grumpy.y, grumpy.trust, PRIOR).predict(x[120:])[0]
    scores = [metrics.spearman(values, worth[120:]) for values in (calm, aware, blind)]
    assert scores[1] > scores[2] and scores[1] > scores[0] - 0.03


def test_two_of_three_are_chosen_by_doubt_and_are_diverse() -> None:
    rng = np.random.default_rng(0)
    x, stars, _ = world(300)
    x[100:200] = x[100]  # a hundred copies of one frame
    head = model.fit(x[:12], rating_of(stars[:12]), np.ones(12), PRIOR)
    chosen = choose(head, x, np.arange(12, 300), 12, rng)
    assert [kind == RANDOM for _, kind in chosen] == [i % 3 == 2 for i in range(12)]
    assert len({row for row, _ in chosen}) == 12
    assert sum(100 <= row < 200 for row, kind in chosen if kind != RANDOM) <= 1
    again = choose(head, x, np.arange(12, 300), 12, np.random.default_rng(0))
    assert again == chosen


def test_choosing_beats_chance() -> None:
    gains = []
    for seed in range(8):
        x, stars, worth = world(400, seed)
        for active in (True, False):
            rng = np.random.default_rng(seed)
            rated: list[int] = []
            head = PRIOR.head()
            while len(rated) < 24:
                free = np.setdiff1d(np.arange(200), rated)
                rated += ([r for r, _ in choose(head, x, free, 6, rng, len(rated))] if active
                          else rng.choice(free, 6, replace=False).tolist())
                head = model.fit(x[rated], rating_of(stars[rated]), np.ones(len(rated)), PRIOR)
            found = metrics.spearman(head.predict(x[200:])[0], worth[200:])
            gains.append(found if active else -found)
    assert sum(gains) > 0


def test_calibration_brings_probabilities_to_what_happened() -> None:
    rng = np.random.default_rng(1)
    p = rng.random(2000)
    kept = (rng.random(2000) < p**2).astype(float)
    made = Calibration.learn(p[:1000], kept[:1000], np.ones(1000))
    before = metrics.calibration_error(p[1000:], kept[1000:], np.ones(1000))
    after = metrics.calibration_error(made(p[1000:]), kept[1000:], np.ones(1000))
    assert before > 0.1 > 0.06 > after
    rising = made(np.linspace(0, 1, 100))
    assert (np.diff(rising) > 0).all() and 0 <= rising[0] <= rising[-1] <= 1
    assert Calibration.learn(p[:5], kept[:5], np.ones(5)).share == 0


def test_probabilities_follow_doubt() -> None:
    sure, unsure = assumed(np.array([2.0, 2.0]), np.array([0.1, 2.0]), 0.1)
    assert sure > 0.99 and 0.5 < unsure < 0.9
    assert stars_of(rating_of([1, 3, 5])).tolist() == [1, 3, 5]


def test_metrics_know_perfect_and_reversed() -> None:
    stars = np.array([1.0, 2, 3, 4, 5, 5, 1, 3])
    good = rating_of(stars)
    assert metrics.spearman(good, stars) == pytest.approx(1)
    assert metrics.pairwise(good, stars) == 1 and metrics.pairwise(-good, stars) == 0
    assert metrics.kappa(good, stars) == pytest.approx(1)
    assert metrics.ndcg(good, stars) == pytest.approx(1)
    assert metrics.ndcg(-good, stars) < 0.8
    assert np.isnan(metrics.spearman(np.ones(3), np.arange(3.0)))


@pytest.mark.parametrize("said", [3.0, 1.0])
def test_ratings_that_are_all_the_same_prove_nothing(said: float) -> None:
    x, _, _ = world(40)
    task = Task(x, told(np.full(40, said)), PRIOR, np.arange(40) // 4, np.arange(40))
    better, error = gain(task, x[:, 1], x[:, 2])
    assert better == 0.0 and error > 0  # no NaN, which no card can hold
