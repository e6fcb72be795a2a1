"""Ratings at work: from marks to the columns `taste` and `taste_sd`, without any verb.

Ten ratings and more are learned from at once. A promoted scorer is where learning begins; what it
has not seen yet is added to it. With the setting `taste.live` off, it stands as it was promoted.
"""

from __future__ import annotations

import uuid
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.errors import CurationError
from curation.learn import taste_scorer
from curation.learn.taste_fit import Taste, learn, said
from curation.learn.taste_pool import Pool, pool_of
from curation.learn.taste_scorer import Scorer
from curation.store.catalogue import Catalogue
from curation.store.ratings import FROM, LIVE, SCORER, STORE, Ratings, RatingTable

Columns = MutableMapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Learned:
    """What is known of a person's taste now.

    Attributes:
        pool: all frames as features.
        taste: what the features are worth.
        scorer: the promoted one that learning began with, or None.
        ratings: those that it was learned from here.
    """

    pool: Pool
    taste: Taste
    scorer: Scorer | None
    ratings: Ratings

    def columns(self) -> dict[str, npt.NDArray[np.float64]]:
        """Return taste, 0..1, and taste_sd of each frame; NaN where nothing was measured."""
        p, sd = self.taste.read(self.pool.x)
        unknown = ~self.pool.known
        p[unknown] = sd[unknown] = np.nan
        return {"taste": p, "taste_sd": sd}


def lay(catalogue: Catalogue, columns: Columns) -> None:
    """Add the columns taste and taste_sd, where anything is known of a person's taste."""
    if "n_faces" not in columns:
        return
    found = learned(catalogue, columns)
    if found is not None:
        columns.update(found.columns())


def learned(catalogue: Catalogue, columns: Columns) -> Learned | None:
    """Return what is known of a person's taste; None while that is nothing.

    A promoted scorer whose file is gone or damaged counts as none: ranking must go on.
    """
    scorer = promoted(catalogue)
    live = bool(catalogue.recall(LIVE, True))
    ratings = RatingTable(catalogue).all()
    if not live:
        ratings = ratings.take(np.zeros(len(ratings), np.bool_))
    pool = pool_of(catalogue, columns, None if scorer is None else scorer.basis)
    if scorer is not None:
        ratings = unseen(catalogue, ratings, scorer)
    rows = pool.rows_of(ratings.frame_id)
    here = (rows >= 0) & pool.known[np.maximum(rows, 0)] if len(rows) else rows >= 0
    ratings, rows = ratings.take(here), rows[here]
    # By video and time, not by number: another datastore of the same videos learns the same sums.
    order = np.argsort(rows, kind="stable")
    ratings, rows = ratings.take(order), rows[order]
    if scorer is None:
        if len(ratings) < FROM:
            return None
        return Learned(pool, fitted(pool, ratings, rows), None, ratings)
    taste = scorer.taste
    if len(ratings):
        taste = fitted(pool, ratings, rows, scorer)
    return Learned(pool, taste, scorer, ratings)


def fitted(
    pool: Pool, ratings: Ratings, rows: npt.NDArray[np.int64], scorer: Scorer | None = None
) -> Taste:
    """Return what ratings of some rows of a pool teach, alone or on top of a scorer."""
    x = np.asarray(pool.x[rows], np.float64)
    start = None if scorer is None else scorer.taste.head
    taste = learn(x, said(ratings), pool.basis.prior, pool.groups()[rows], start)
    if scorer is None or taste.calibration.share >= scorer.taste.calibration.share:
        return taste
    return Taste(taste.head, scorer.taste.calibration)


def unseen(catalogue: Catalogue, ratings: Ratings, scorer: Scorer) -> Ratings:
    """Return the ratings that a scorer was not learned from."""
    if scorer.card.get("store") != store_id(catalogue):
        return ratings
    return ratings.take(ratings.revision > int(scorer.card.get("revision", 0)))


def promoted(catalogue: Catalogue) -> Scorer | None:
    """Return the scorer in use; None where none is, or its file cannot be used."""
    name = catalogue.recall(SCORER)
    if not name:
        return None
    try:
        return taste_scorer.read(taste_scorer.path_of(catalogue.root, str(name)))
    except CurationError:
        return None


def store_id(catalogue: Catalogue) -> str:
    """Return who this datastore is, so that a scorer knows its own ratings again."""
    known = catalogue.recall(STORE)
    if not known:
        known = uuid.uuid4().hex
        catalogue.remember(STORE, known)
    return str(known)
