"""Training, judging, promoting and asking: what the verbs of taste do."""

from __future__ import annotations

import hashlib
import platform
from collections import Counter
from typing import Any

import numpy as np

from curation.errors import CurationError
from curation.learn import taste_evaluate as judge
from curation.learn import taste_metrics as metrics
from curation.learn import taste_scorer
from curation.learn.taste_choose import choose
from curation.learn.taste_live import fitted, learned, promoted, store_id, unseen
from curation.learn.taste_pool import Pool, pool_of
from curation.learn.taste_read import Calibration, assumed, stars_of
from curation.learn.taste_scorer import Scorer
from curation.store.catalogue import Catalogue
from curation.store.columns import load
from curation.store.ratings import FROM, LIVE, SCORER, Ratings, RatingTable

MOST_ASKED = 200
LEAST_NEW = 30
"""Ratings that a network in use has not seen, which it is compared on."""
HOW = "rate frames with stars in Review, or: python -m curation rate FRAME... --stars 4"


def train(catalogue: Catalogue, name: str = "") -> Scorer:
    """Learn a scorer from all ratings of a datastore, judge it on left-out videos, write it.

    Args:
        name: of its file; none takes the next of taste-1, taste-2 ...

    Raises:
        CurationError: too few ratings, nothing measured, or another scorer has this name.
    """
    name = name or next_name(catalogue)
    path = taste_scorer.path_of(catalogue.root, name)
    if path.exists():
        raise CurationError(f"there is a scorer {name} already", "give another --name")
    pool, ratings = rated(catalogue)
    rows = pool.rows_of(ratings.frame_id)
    task = judge.Task.of(pool, ratings)
    taste = fitted(pool, ratings, rows)
    card = card_of(catalogue, pool, ratings) | {"kind": "ridge", **judged(task)}
    return taste_scorer.write(catalogue.root, Scorer(name, pool.basis, taste, card))


def judged(task: judge.Task) -> dict[str, Any]:
    """Return the metrics of learning from ratings, beside those of the declared weights."""
    new, p = judge.left_out(task, judge.from_ratings(task))
    old, p_old = judge.left_out(task, judge.declared(task))
    better, error = judge.gain(task, new, old)
    return {
        "groups": len(np.unique(task.groups)),
        "metrics": judge.measured(task, new, p),
        "declared": judge.measured(task, old, p_old),
        "gain": round(better, 4), "gain_se": _finite(error),
        "curve": judge.curve(task),
        "reliability": metrics.reliability(p, task.told.kept, task.told.trust),
    }


def evaluate(catalogue: Catalogue, name: str = "") -> dict[str, Any]:
    """Return how a scorer does on the ratings of this datastore, against the one in use.

    Args:
        name: of a scorer; none judges learning from the ratings as they are now.

    Raises:
        CurationError: too few ratings, or no such scorer.
    """
    scorer = _named(catalogue, name) if name else None
    basis = None if scorer is None else scorer.basis
    pool, ratings = rated(catalogue, scorer)
    task = judge.Task.of(pool, ratings)
    found: dict[str, Any] = {"scorer": name or None, **_of(ratings)}
    asked = judge.by_chance(ratings, RatingTable(catalogue).proposals())
    if basis is None:
        return found | judged(task) | {"asked_by_chance": asked}
    assert scorer is not None
    found["asked_by_chance"] = asked
    if scorer.net is not None:  # it has seen most of these ratings
        return found | {"validation": scorer.card["validation"]}
    expected, p = judge.left_out(task, judge.fitter_of(catalogue, task, scorer))
    found["metrics"] = judge.measured(task, expected, p)
    return found | {"against": compare(catalogue, scorer)}


def compare(catalogue: Catalogue, scorer: Scorer) -> dict[str, Any]:
    """Return whether a scorer beats the one in use (or the declared weights) by more than 1 SE.

    A fine-tuned network is judged by its own validation videos: it has seen the others.
    """
    old = promoted(catalogue)
    whom = "declared weights" if old is None else old.name
    if scorer.net is not None:
        held = scorer.card["validation"]
        better, error = float(held["gain"]), float(held["gain_se"])
        return {"old": held["old"], "gain": better, "gain_se": error, "beats": better > error}
    task, mine = _left_out(catalogue, scorer)
    if old is None:
        theirs = judge.left_out(task, judge.declared(task))[0]
    else:
        theirs = _left_out(catalogue, old)[1]
    if old is not None and old.net is not None and old.card.get("store") == store_id(catalogue):
        new = task.revision > int(old.card.get("revision", 0))
        if new.sum() < LEAST_NEW:
            return {"old": whom, "gain": 0.0, "gain_se": 1e9, "beats": False}
        task, mine, theirs = task.take(new), mine[new], theirs[new]
    better, error = judge.gain(task, mine, theirs)
    return {"old": whom, "gain": round(better, 4), "gain_se": _finite(error),
            "beats": bool(better > error)}


def promote(catalogue: Catalogue, scorer: Scorer) -> None:
    """Let a scorer be the one in use."""
    catalogue.remember(SCORER, scorer.name)


def proposals(catalogue: Catalogue, count: int, seed: int | None = None) -> list[dict[str, Any]]:
    """Return which frames to rate next; two of three by doubt, one of three by chance.

    Returns:
        frame_id, kind (uncertain or random), why, expected stars, and the probability of keeping.

    Raises:
        CurationError: nothing is measured yet.
    """
    table = RatingTable(catalogue)
    columns = _columns(catalogue)
    now = learned(catalogue, columns)
    pool = now.pool if now is not None else pool_of(catalogue, columns)
    head = now.taste.head if now is not None else pool.basis.prior.head()
    calibration = now.taste.calibration if now is not None else Calibration.none()
    free = pool.rows_of(table.rateable())
    inside = np.flatnonzero(pool.picked_from)
    free = np.intersect1d(free[free >= 0], inside)
    asked = table.proposals()
    draw = np.random.default_rng(len(asked) + table.count() if seed is None else seed)
    at = choose(head, pool.x[inside], np.searchsorted(inside, free), min(count, MOST_ASKED), draw,
                len(asked))
    rows = inside[[row for row, _ in at]] if at else np.zeros(0, np.int64)
    expected, doubt = head.predict(np.asarray(pool.x[rows], np.float64))
    p = calibration(assumed(expected, doubt, head.noise))
    ids = pool.frame_id[rows].tolist()
    kinds = [kind for _, kind in at]
    table.propose(zip(ids, kinds, expected.tolist(), strict=True))
    why = {"uncertain": "tells most about your taste",
           "random": "drawn by chance: measures how well it is foreseen"}
    return [
        {"frame_id": frame_id, "kind": kind, "why": why[kind],
         "stars": round(float(stars_of(one)), 2), "keep": round(float(chance), 3)}
        for frame_id, kind, one, chance in zip(ids, kinds, expected, p.tolist(), strict=True)
    ]


def state(catalogue: Catalogue) -> dict[str, Any]:
    """Return what a page shows of taste: ratings, the scorer in use, all scorers and their cards.
    """
    table = RatingTable(catalogue)
    scorers = []
    for name in taste_scorer.names(catalogue.root):
        try:
            one = taste_scorer.read(taste_scorer.path_of(catalogue.root, name))
            scorers.append({"name": name, "digest": one.digest, "card": dict(one.card),
                            "network": one.net is not None, "error": None})
        except CurationError as error:
            scorers.append({"name": name, "digest": None, "card": {}, "network": False,
                            "error": error.message})
    count, used = table.count(), promoted(catalogue)
    return {
        "ratings": count, "from": FROM, "needed": max(0, FROM - count),
        "live": bool(catalogue.recall(LIVE, True)),
        "scorer": None if used is None else used.name,
        "unseen": len(unseen(catalogue, table.all(), used)) if used is not None else count,
        "asked": len(table.proposals()), "active": table.speak(), "scorers": scorers,
    }


def _left_out(catalogue: Catalogue, scorer: Scorer) -> tuple[judge.Task, Any]:
    pool, ratings = rated(catalogue, scorer)
    task = judge.Task.of(pool, ratings)
    return task, judge.left_out(task, judge.fitter_of(catalogue, task, scorer))[0]


def rated(catalogue: Catalogue, scorer: Scorer | None = None) -> tuple[Pool, Ratings]:
    """Return all frames and the ratings of those that are measured.

    Raises:
        CurationError: there are too few.
    """
    columns = _columns(catalogue)
    pool = pool_of(catalogue, columns, None if scorer is None else scorer.basis)
    ratings = RatingTable(catalogue).all()
    rows = pool.rows_of(ratings.frame_id)
    ratings = ratings.take(np.array([r >= 0 and bool(pool.known[r]) for r in rows], np.bool_))
    if len(ratings) < FROM:
        raise CurationError(
            f"{len(ratings)} measured frames are rated in {catalogue.root}, {FROM} are needed",
            f"{HOW}; python -m curation train --propose 12 says which",
        )
    return pool, ratings


def _columns(catalogue: Catalogue) -> Any:
    columns = load(catalogue)
    if not len(columns["frame_id"]) or "n_faces" not in columns:
        raise CurationError(
            f"no frame of {catalogue.root} is measured yet",
            catalogue.command("python 02_sort.py"),
        )
    return columns


def _named(catalogue: Catalogue, name: str) -> Scorer:
    return taste_scorer.read(taste_scorer.path_of(catalogue.root, name))


def next_name(catalogue: Catalogue) -> str:
    """Return the first of taste-1, taste-2 ... that is free."""
    taken = set(taste_scorer.names(catalogue.root))
    return next(name for name in (f"taste-{i}" for i in range(1, 100_000)) if name not in taken)


def _of(ratings: Ratings) -> dict[str, Any]:
    stars = Counter(ratings.stars[ratings.stars > 0].tolist())
    flags = Counter(ratings.flag[ratings.stars == 0].tolist())
    return {
        "ratings": len(ratings),
        "stars": {str(level): stars.get(level, 0) for level in range(1, 6)},
        "picks": flags.get(1, 0), "rejects": flags.get(-1, 0),
        "sessions": len(np.unique(ratings.session)),
    }


def card_of(catalogue: Catalogue, pool: Pool, ratings: Ratings) -> dict[str, Any]:
    """Return what a card says of what a scorer was learned from."""
    from curation import __version__

    keys = RatingTable(catalogue).frame_keys(ratings.frame_id)
    lines = sorted(f"{key} {stars} {flag}" for key, stars, flag in zip(
        keys, ratings.stars.tolist(), ratings.flag.tolist(), strict=True))
    rows = pool.rows_of(ratings.frame_id)
    return {
        "data": _of(ratings) | {
            "videos": len(np.unique(pool.video[rows])),
            "digest": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        },
        "store": store_id(catalogue), "revision": int(ratings.revision.max(initial=0)),
        "versions": {"studio": __version__, "numpy": np.__version__,
                     "python": platform.python_version()},
        "features": len(pool.basis.kinds),
    }


def _finite(value: float) -> float:
    return round(value, 4) if np.isfinite(value) else 1e9
