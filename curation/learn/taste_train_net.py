"""From rated frames to a scorer with a network, and the network's word on every frame."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from curation.errors import CurationError
from curation.learn import taste_evaluate as judge
from curation.learn import taste_scorer
from curation.learn.taste import card_of, next_name, rated
from curation.learn.taste_features import NET, TERMS, Basis
from curation.learn.taste_fit import Taste, learn, said
from curation.learn.taste_metrics import spearman
from curation.learn.taste_model import LEVEL, Head
from curation.learn.taste_pool import Pool
from curation.learn.taste_read import rating_of, stars_of
from curation.learn.taste_scorer import Scorer
from curation.learn.taste_tune import Lesson, Tuned, tune
from curation.records import Frame, Progress, Result, ended
from curation.store.catalogue import Catalogue
from curation.store.ratings import Ratings
from curation.store.signals import SignalTable
from curation.store.videos import VideoTable
from curation.tune_params import FineTuneParams

Floats = npt.NDArray[np.float64]

FROM = 200
HELD_OUT = 4
"""One of so many ratings is left out, by whole videos, to say when to stop and how good it is."""
CHUNK = 64


def train_net(
    catalogue: Catalogue, name: str, params: FineTuneParams, least: int = FROM
) -> Generator[Progress, None, None]:
    """Fine-tune, judge on left-out videos, write scorer and network, score all frames.

    Args:
        least: ratings that it needs.

    Raises:
        CurationError: too few ratings, weights are missing, or the name is taken.
    """
    from curation.learn.taste_backbone import backbone_file, read_backbone

    name = name or next_name(catalogue)
    path = taste_scorer.path_of(catalogue.root, name)
    if path.exists():
        raise CurationError(f"there is a scorer {name} already", "give another --name")
    pool, ratings = rated(catalogue)
    if len(ratings) < least:
        raise CurationError(
            f"{len(ratings)} frames are rated, a network needs {least}",
            "train without --fine-tune, or rate more frames",
        )
    weights = backbone_file(params)
    yield Progress("train", note="reading rated pictures")
    pictures, ratings, failed = _pictures(catalogue, ratings, params.tune_px)
    if len(ratings) < least:
        raise CurationError(
            f"only {len(ratings)} of the rated pictures can be read", "python -m curation remake"
        )
    task = judge.Task.of(pool, ratings)
    held = task.folds(HELD_OUT) == 0
    if held.all() or not held.any():
        raise CurationError("ratings of one shot cannot judge a network", "rate other videos too")
    made: Tuned | None = None
    lessons = [_lesson(pictures, task, rows) for rows in (~held, held)]
    for note, found in tune(
        lessons[0], lessons[1], params, lambda body: read_backbone(body, weights)
    ):
        made = found
        yield Progress("train", note=note)
    assert made is not None
    scorer = _write(catalogue, name, params, pool, ratings, task, held, made)
    yield from score_frames(catalogue, scorer)
    yield ended("train", {"scorer": name, "digest": scorer.digest, **scorer.card}, failed)


def score_frames(catalogue: Catalogue, scorer: Scorer) -> Iterator[Progress]:
    """Ask a scorer's network about every frame that it has not answered for; resumable.

    Raises:
        CurationError: its weights are not here, or are others.
    """
    from curation.engine.batch import load_frame, run_batch
    from curation.engine.meter import Meter
    from curation.steps.base import Item, fingerprint
    from curation.steps.taste_net import step_of

    assert scorer.net is not None
    step = step_of(taste_scorer.net_path(catalogue.root, scorer), scorer.net["architecture"],
                   scorer.net["input_px"])
    table = SignalTable(catalogue)
    runs = {step.name: table.register(step, fingerprint(step, {}, {}))}
    open_ = [frame_id for frame_id, _ in table.pending(runs)]
    if not open_:
        return
    meter = Meter("score", len(open_))
    step.setup()
    try:
        for low in range(0, len(open_), CHUNK):
            results: list[Result] = []
            items: list[Item] = []
            for frame in VideoTable(catalogue).frames(open_[low : low + CHUNK]):
                try:
                    items.append(Item(frame, load_frame(frame)))
                except CurationError as error:
                    results.append(Result(frame.id, step.name, None, error.message))
            results += run_batch([step], items)
            table.put(results, runs, [step])
            yield meter.beat(len(results))
    finally:
        step.close()


def _pictures(
    catalogue: Catalogue, ratings: Ratings, side_px: int
) -> tuple[npt.NDArray[np.uint8], Ratings, dict[str, str]]:
    """Return the pictures of ratings, the ratings that have one, and what could not be read."""
    from curation.engine.batch import load_frame
    from curation.steps.taste_net import square

    found: dict[int, npt.NDArray[np.uint8]] = {}
    failed: dict[str, str] = {}
    for frame in VideoTable(catalogue).frames(ratings.frame_id.tolist()):
        try:
            found[frame.id] = square(load_frame(frame), side_px)
        except CurationError as error:
            failed[_shown(frame)] = error.message
    here = np.isin(ratings.frame_id, np.array(list(found), np.int64))
    ratings = ratings.take(here)
    if not len(ratings):
        return np.zeros((0, side_px, side_px, 3), np.uint8), ratings, failed
    return np.stack([found[i] for i in ratings.frame_id.tolist()]), ratings, failed


def _lesson(
    pictures: npt.NDArray[np.uint8], task: judge.Task, rows: npt.NDArray[np.bool_]
) -> Lesson:
    levels = np.rint(stars_of(task.told.y[rows])).astype(np.int64)
    return Lesson(pictures[rows], levels, task.told.trust[rows])


def _write(
    catalogue: Catalogue, name: str, params: FineTuneParams, pool: Pool, ratings: Ratings,
    task: judge.Task, held: npt.NDArray[np.bool_], made: Tuned,
) -> Scorer:
    """Write network and scorer: ridge and network together, weighed on the left-out videos."""
    from safetensors.torch import save_file

    from curation.assets import sha256_of

    ours = learn(task.x[~held], task.told.take(~held), task.prior, task.groups[~held])
    alone, _ = ours.head.predict(task.x[held])
    said_net = rating_of(made.stars)
    y, groups = task.told.y[held], task.groups[held]
    both = _stacked_out(alone, said_net, y, groups)
    better, error = judge.gain(task.take(held), both, alone)
    share = _shares(alone, said_net, y)
    whole = learn(task.x, said(ratings), task.prior, task.groups)
    basis, head = _together(pool.basis, whole, said_net, share)
    path = taste_scorer.path_of(catalogue.root, name).with_suffix(".safetensors")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        save_file(made.state, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    card = {
        **card_of(catalogue, pool, ratings), "kind": "network",
        "validation": {
            "old": "ratings alone", "ratings": int(held.sum()), "groups": len(np.unique(groups)),
            "network": round(spearman(said_net, y), 4), "alone": round(spearman(alone, y), 4),
            "together": round(spearman(both, y), 4),
            "gain": round(better, 4), "gain_se": round(error, 4) if np.isfinite(error) else 1e9,
            "beats": bool(better > error),
        },
        "rounds": made.history, "losses": made.losses, "best_round": made.best,
        "tuned": params.model_dump(mode="json", exclude={"backbone_weights"}),
    }
    net = {"architecture": params.backbone, "input_px": params.tune_px, "sha256": sha256_of(path)}
    taste = Taste(head, whole.calibration)
    return taste_scorer.write(catalogue.root, Scorer(name, basis, taste, card, net))


def _shares(alone: Floats, net: Floats, y: Floats) -> Floats:
    """Return how much of each counts: least squares, neither below 0, a little towards halves."""
    x = np.column_stack([alone, net - net.mean()])
    mean = y.mean()
    ridge = 0.05 * len(y) * np.eye(2)
    found = np.linalg.solve(x.T @ x + ridge, x.T @ (y - mean) + ridge @ np.array([0.5, 0.5]))
    return np.asarray(np.maximum(found, 0.0))


def _stacked_out(alone: Floats, net: Floats, y: Floats, groups: npt.NDArray[np.int64]) -> Floats:
    """Return (n,) both together, each group weighed by what the others say."""
    found = np.zeros(len(y))
    names = np.unique(groups)
    blocks = [groups == name for name in names] if len(names) > 1 else [
        np.arange(len(y)) % 5 == k for k in range(5)
    ]
    for inside in blocks:
        if not inside.any():
            continue
        share = _shares(alone[~inside], net[~inside], y[~inside])
        found[inside] = share[0] * alone[inside] + share[1] * (net[inside] - net[~inside].mean())
    return found


def _together(basis: Basis, whole: Taste, net: Floats, share: Floats) -> tuple[Basis, Head]:
    """Return the features with the network's word among them, and what they are worth."""
    at = len(basis.names) - len(TERMS)  # behind the plain numbers
    stars = stars_of(net)
    spread = max(float(stars.std()), 1e-3)
    wide = replace(
        basis, names=(*basis.names[:at], NET, *basis.names[at:]),
        centre=np.insert(basis.centre, at, stars.mean()),
        spread=np.insert(basis.spread, at, spread),
    )
    assert wide.kinds[at] == LEVEL
    mean = np.insert(share[0] * whole.head.mean, at,
                     share[1] * float(rating_of(3.0 + spread)))
    p = len(mean)
    covariance = np.zeros((p, p))
    others = np.delete(np.arange(p), at)
    covariance[np.ix_(others, others)] = share[0] ** 2 * whole.head.covariance
    covariance[at, at] = 0.02
    return wide, Head(mean, covariance, whole.head.noise)


def _shown(frame: Frame) -> str:
    return f"{frame.path.name} ({frame.key})"


def refresh(catalogue: Catalogue) -> Iterator[Progress]:
    """Ask the promoted scorer's network, where it has one, about frames that are new."""
    from curation.learn.taste_live import promoted

    scorer = promoted(catalogue)
    if scorer is not None and scorer.net is not None:
        yield from score_frames(catalogue, scorer)

