"""Is a scorer any good, and is it better than another? On videos that it has not seen.

Ratings of one video never stand on both sides: frames of one shot are nearly one frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.learn import taste_metrics as metrics
from curation.learn.taste_fit import Said, Taste, learn, said
from curation.learn.taste_live import store_id
from curation.learn.taste_model import Prior
from curation.learn.taste_pool import Pool
from curation.learn.taste_read import Calibration, assumed
from curation.learn.taste_scorer import Scorer
from curation.store.catalogue import Catalogue
from curation.store.ratings import Ratings

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

FOLDS = 5
CURVE = (15, 30, 50, 100, 200)
CURVE_ROUNDS = 4
ROUNDS = 400
BY_CHANCE = 8
"""Answers to proposals drawn by chance from which they are reported."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a scorer is judged on: n ratings with their features.

    Attributes:
        x: (n, p).
        told: what was said.
        prior: of the features.
        groups: (n,) videos, or shots where there is one video.
        revision: (n,) of each rating.
    """

    x: Floats
    told: Said
    prior: Prior
    groups: Rows
    revision: Rows

    @staticmethod
    def of(pool: Pool, ratings: Ratings) -> Task:
        """Return the task of a pool; ratings of frames that were not measured are left out."""
        rows = pool.rows_of(ratings.frame_id)
        here = np.array([row >= 0 and bool(pool.known[row]) for row in rows.tolist()], np.bool_)
        rows, ratings = rows[here], ratings.take(here)
        return Task(np.asarray(pool.x[rows], np.float64), said(ratings), pool.basis.prior,
                    pool.groups()[rows], ratings.revision)

    def take(self, rows: npt.NDArray[np.bool_]) -> Task:
        """Return some of the ratings."""
        return Task(self.x[rows], self.told.take(rows), self.prior, self.groups[rows],
                    self.revision[rows])

    def folds(self, count: int = FOLDS) -> Rows:
        """Return (n,) the fold of each rating: whole groups, folds about equally large."""
        fold = np.zeros(len(self.groups), np.int64)
        names, sizes = np.unique(self.groups, return_counts=True)
        filled = np.zeros(min(count, max(len(names), 1)))
        for at in np.argsort(-sizes, kind="stable").tolist():
            mine = int(np.argmin(filled))
            fold[self.groups == names[at]] = mine
            filled[mine] += sizes[at]
        return fold


Fitter = Callable[[Rows], Taste]
"""Makes a taste from the ratings at some positions of a task."""


def from_ratings(task: Task, until: int | None = None) -> Fitter:
    """Return what learns from ratings alone, those up to a revision."""
    def fit(rows: Rows) -> Taste:
        mine = rows if until is None else rows[task.revision[rows] <= until]
        return learn(task.x[mine], task.told.take(mine), task.prior, task.groups[mine])
    return fit


def declared(task: Task) -> Fitter:
    """Return the declared weights, whatever was rated."""
    return lambda _: Taste(task.prior.head(), Calibration.none())


def left_out(task: Task, fit: Fitter) -> tuple[Floats, Floats]:
    """Return (n,) expected ratings and (n,) probabilities, each made without its group's fold."""
    expected, p = np.zeros(len(task.groups)), np.zeros(len(task.groups))
    fold = task.folds()
    for one in np.unique(fold):
        inside = np.flatnonzero(fold == one)
        taste = fit(np.flatnonzero(fold != one))
        expected[inside], doubt = taste.head.predict(task.x[inside])
        p[inside] = taste.calibration(assumed(expected[inside], doubt, taste.head.noise))
    return expected, p


def measured(task: Task, expected: Floats, p: Floats) -> dict[str, float]:
    """Return all metrics of left-out predictions, rounded."""
    told = task.told
    starred = np.isfinite(told.stars)
    stars, e = told.stars[starred], expected[starred]
    found = {
        "spearman": metrics.spearman(expected, told.y),
        "kappa": metrics.kappa(e, stars),
        "pairwise": metrics.pairwise(expected, told.y),
        "ndcg_60": metrics.ndcg(e, stars),
        "ece": metrics.calibration_error(p, told.kept, told.trust),
    }
    return {name: round(value, 4) for name, value in found.items() if np.isfinite(value)}


def curve(task: Task, seed: int = 0) -> dict[str, float]:
    """Return the rank correlation on left-out videos after so many ratings, drawn by chance."""
    fold, found = task.folds(), {}
    for count in CURVE:
        seen = []
        for one in np.unique(fold):
            train, test = np.flatnonzero(fold != one), np.flatnonzero(fold == one)
            if len(train) < count or len(test) < 2:
                continue
            rng = np.random.default_rng((seed, count, int(one)))
            for _ in range(CURVE_ROUNDS):
                taste = from_ratings(task)(np.sort(rng.choice(train, count, replace=False)))
                seen.append(metrics.spearman(taste.head.predict(task.x[test])[0],
                                             task.told.y[test]))
        seen = [value for value in seen if np.isfinite(value)]
        if seen:
            found[str(count)] = round(float(np.mean(seen)), 4)
    return found


def gain(task: Task, new: Floats, old: Floats, seed: int = 0) -> tuple[float, float]:
    """Return by how much the rank correlation of new is better, and its standard error.

    The error is that of a bootstrap over groups: frames of one video agree with each other.
    """
    y = task.told.y
    members = [np.flatnonzero(task.groups == name) for name in np.unique(task.groups)]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(ROUNDS):
        rows = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        drawn.append(metrics.spearman(new[rows], y[rows]) - metrics.spearman(old[rows], y[rows]))
    known = np.array([value for value in drawn if np.isfinite(value)])
    # Ratings that are all the same have no order that anything could find.
    better = _or_nought(metrics.spearman(new, y)) - _or_nought(metrics.spearman(old, y))
    return float(better), float(known.std()) if len(known) > 1 else float("inf")


def fitter_of(catalogue: Catalogue, task: Task, scorer: Scorer | None) -> Fitter:
    """Return how a scorer would have answered without the ratings of a fold.

    One that was learned here is learned again without them; one from elsewhere never saw any.
    """
    if scorer is None:
        return declared(task)
    if scorer.card.get("store") == store_id(catalogue):
        return from_ratings(task, int(scorer.card.get("revision", 0)))
    return lambda _: scorer.taste


def by_chance(
    ratings: Ratings, asked: dict[int, tuple[str, float]]
) -> dict[str, Any] | None:
    """Return how well ratings were foreseen when they were asked for, on those drawn by chance."""
    told = said(ratings)
    rows = [i for i, frame_id in enumerate(ratings.frame_id.tolist())
            if asked.get(frame_id, ("", None))[0] == "random" and asked[frame_id][1] is not None]
    if len(rows) < BY_CHANCE:
        return None
    expected = np.array([asked[int(ratings.frame_id[i])][1] for i in rows])
    y = told.y[rows]
    found = {"spearman": metrics.spearman(expected, y), "pairwise": metrics.pairwise(expected, y)}
    if not all(map(np.isfinite, found.values())):  # ratings that are all the same
        return None
    return {"answers": len(rows)} | {name: round(value, 4) for name, value in found.items()}


def _or_nought(value: float) -> float:
    return value if np.isfinite(value) else 0.0
