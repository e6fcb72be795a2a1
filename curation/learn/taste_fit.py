"""From ratings and features to a head that says how likely a person keeps a frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curation.learn import taste_model as model
from curation.learn.taste_read import KEEP, Calibration, assumed, rating_of
from curation.store.ratings import Ratings

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]

FLAG_RATING = 0.9
FLAG_TRUST = 0.4
"""A pick says "good", a reject "bad", each less exactly than stars do."""
CROWD = 40
"""Ratings that an op on more frames counts as, all together: who rejects a thousand frames at a
stroke did not look at each."""


@dataclass(frozen=True, slots=True)
class Said:
    """Ratings as a head takes them.

    Attributes:
        y: (n,) ratings in the head's unit.
        trust: (n,) how much of a whole rating each counts.
        kept: (n,) 1 for frames to keep, 0 for others, 0.5 for flags that say neither.
        session: (n,) see store.ratings.
        stars: (n,) 1..5; NaN where there is only a flag.
    """

    y: Floats
    trust: Floats
    kept: Floats
    session: Groups
    stars: Floats

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Said:
        """Return some of them."""
        return Said(self.y[rows], self.trust[rows], self.kept[rows], self.session[rows],
                    self.stars[rows])


def said(ratings: Ratings) -> Said:
    """Return what ratings mean."""
    starred = ratings.stars > 0
    y = np.where(starred, rating_of(np.maximum(ratings.stars, 1)), FLAG_RATING * ratings.flag)
    trust = np.where(starred, 1.0, FLAG_TRUST) * np.minimum(1, CROWD / ratings.together)
    kept = np.where(starred, ratings.stars > KEEP, ratings.flag > 0).astype(np.float64)
    stars = np.where(starred, ratings.stars, np.nan)
    return Said(y, trust, kept, ratings.session, stars)


@dataclass(frozen=True, slots=True)
class Taste:
    """A head and how its numbers are to be read."""

    head: model.Head
    calibration: Calibration

    def read(self, x: npt.NDArray[np.floating]) -> tuple[Floats, Floats]:
        """Return (n,) the probability that a frame is kept, and (n,) its standard deviation."""
        expected, doubt = self.head.predict(x)
        noise = self.head.noise

        def kept(at: Floats) -> Floats:
            return self.calibration(assumed(at, doubt, noise))

        spread = (kept(expected + doubt) - kept(expected - doubt)) / 2
        return kept(expected), spread


def learn(
    x: Floats, told: Said, prior: model.Prior, groups: Groups, start: model.Head | None = None
) -> Taste:
    """Learn a taste from ratings; a mood of each rating session is learned and left out.

    Args:
        x: (n, p) features of the rated frames.
        told: their n ratings.
        prior: of the features.
        groups: (n,) numbers of what belongs together (videos): calibration looks at each group as
            if it was not rated.
        start: what is known already; None for the declared weights.
    """
    x = np.asarray(x, np.float64)
    p = x.shape[1]
    mood = _moods(told.session)
    wide = np.concatenate([x, mood], 1)
    if start is None:
        head = model.fit(wide, told.y, told.trust, prior.beside(mood.shape[1]))
    else:
        head = model.update(_widened(start, mood.shape[1]), wide, told.y, told.trust)
    p_out = _left_out(head, wide, told, groups)
    calibration = Calibration.learn(p_out, told.kept, told.trust)
    return Taste(model.Head(head.mean[:p], head.covariance[:p, :p], head.noise), calibration)


def _moods(session: Groups) -> Floats:
    """Return (n, k) one-hot sessions; none where all ratings are of one."""
    different = np.unique(session)
    if len(different) < 2:
        return np.zeros((len(session), 0))
    return np.asarray(session[:, None] == different[None, :], np.float64)


def _widened(head: model.Head, more: int) -> model.Head:
    """Return the head with a mood for each session, about which nothing is known."""
    p = len(head.mean)
    covariance = np.zeros((p + more, p + more))
    covariance[:p, :p] = head.covariance
    covariance[range(p, p + more), range(p, p + more)] = model.VARIANCES[model.SESSION]
    return model.Head(np.append(head.mean, np.zeros(more)), covariance, head.noise)


def _left_out(head: model.Head, x: Floats, told: Said, groups: Groups) -> Floats:
    """Return (n,) what would be assumed of each rated frame without the ratings of its group.

    In closed form: of a linear smoother y^ = H y, the error on a group that is left out is
    (I - H_gg)^-1 times the error on it (Cook and Weisberg 1982, "Residuals and Influence").
    """
    error = told.y - x @ head.mean
    found = np.zeros(len(error))
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        if len(rows) > LARGEST_GROUP:  # of very many ratings one group hardly matters
            found[rows] = error[rows]
            continue
        reach = x[rows] @ head.covariance @ x[rows].T * (told.trust[rows] / head.noise)
        found[rows] = np.linalg.lstsq(np.eye(len(rows)) - reach, error[rows], rcond=1e-6)[0]
    reach = x @ head.covariance
    doubt = np.sqrt(np.maximum(np.einsum("ij,ij->i", reach, x), 0))
    return assumed(told.y - found, doubt, head.noise)


LARGEST_GROUP = 600
