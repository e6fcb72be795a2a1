"""Fit the models of curation/decide/flatness.py and print them as constants.

python -m train.flatness [--sets FOLDER]

Fakes are the shared ones and others made by the same camera moves over permitted stills; real
faces are windows of real clips and whole clips; all as the studio stores them, two sharpest frames
a second. Each face counts the same, however many windows it has, and false ones as much as real.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from bench.quality.track_clips import Piece, collect, pieces
from bench.sets import SETS
from curation.decide.flatness import FLOOR, Head, first_known, limited

MODELS = {
    "all": ("eyes", "expression", "plane", "pixels"),
    "landmarks": ("eyes", "expression", "plane"),
    "flat": ("plane", "pixels"),
    "plane": ("plane",),
    "pixels": ("pixels",),
    "still": ("eyes", "expression"),
}
FOLDS = 8
Floats = npt.NDArray[np.float64]


def table(found: Sequence[Piece], names: Sequence[str]) -> Floats:
    """Return (n, names) logarithms of cues; NaN where one is missing."""
    return np.array([[np.log(piece.cues[name] + FLOOR[name]) for name in names] for piece in found])


def fit(found: Sequence[Piece], names: Sequence[str]) -> Head:
    """Return a model of the pieces that have all cues."""
    x = table(found, names)
    rows = np.flatnonzero(np.isfinite(x).all(axis=1)).tolist()
    x, false = x[rows], np.array([found[row].false for row in rows])
    groups = np.array([found[row].group for row in rows])
    _, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
    weight = 1.0 / counts[inverse]
    for side in (False, True):
        weight[false == side] *= len(rows) / 2 / weight[false == side].sum()
    center, scale = x.mean(axis=0), x.std(axis=0)
    model = LogisticRegression(C=1.0).fit((x - center) / scale, false, sample_weight=weight)
    return Head(
        tuple(names), _rounded(center), _rounded(scale), _rounded(model.coef_[0]),
        _rounded(model.intercept_)[0],
    )


def fit_all(found: Sequence[Piece]) -> dict[str, Head]:
    """Return all models."""
    return {name: fit(found, names) for name, names in MODELS.items()}


def logits(heads: dict[str, Head], found: Sequence[Piece]) -> Floats:
    """Return (n,) log-odds as evidence() takes them; NaN where time has no vote."""
    cues = {name: np.array([piece.cues[name] for piece in found]) for name in MODELS["all"]}
    seconds = np.array([piece.seconds for piece in found])
    return limited(first_known(cues, ("all", "landmarks", "pixels"), heads), seconds)


def out_of_fold(found: Sequence[Piece]) -> Floats:
    """Return (n,) log-odds by models that never saw the face of the piece."""
    false = np.array([piece.false for piece in found])
    groups = np.array([piece.group for piece in found])
    said = np.full(len(found), np.nan)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    for seen, unseen in folds.split(false, false, groups):
        heads = fit_all([found[row] for row in seen.tolist()])
        said[unseen] = logits(heads, [found[row] for row in unseen.tolist()])
    return said


def _rounded(values: Floats) -> tuple[float, ...]:
    return tuple(round(float(value), 3) for value in np.atleast_1d(values))


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sets", type=Path, default=SETS)
    sets = parser.parse_args().sets
    for name, head in fit_all(pieces(collect(sets), sets)).items():
        print(f"    {name!r}: {head},")


if __name__ == "__main__":
    main()
