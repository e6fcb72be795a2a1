"""Train the false-face head on the labelled sets and write curation/steps/heads/falseface.json.

python -m train.falseface_head [--sets ../shared/bench]

What it learns from is in falseface_samples. Scores that are reported, and the calibration that is
stored, come from folds in which no source is on both sides.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.steps.falseface import HEAD, LARGEST_LOGIT
from curation.steps.falseface_cues import Floats, parts
from curation.steps.projection import packed
from train.falseface_samples import Samples, collect
from train.falseface_views import SETS

FOLDS = 5
STRENGTH = 1.0
"""Inverse of the ridge on numbers brought to a length of 8, as LogisticRegression counts it."""
SHARE = {"face": 0.5, "skin": 0.25, "surroundings": 0.5, "texture": 0.25}
"""What each term counts for before it is clipped. The four say much the same, so that each alone
may say half of what it knows; textures follow the camera as much as the subject, so half again."""
CODE_SIZE = 64
FLOOR = 0.1
"""Share of the mean within-face variance added to every direction of the code."""
KINDS = {
    "painted": ("painting",),
    "drawn or printed": ("drawing", "print", "engraving"),
    "like a cartoon": ("anime", "cartoon"),
    "rendered or airbrushed": ("digital_art", "cgi_3d", "digital"),
    "carved or moulded": ("statue", "doll"),
    "like an animal or a thing": ("animal", "object"),
}
"""What a false face can look like, and the subtypes and redrawings that show it."""
KIND_STRENGTH = 3.0


@dataclass(frozen=True)
class Terms:
    """Weight and bias of every term, by name."""

    weight: dict[str, Floats]
    bias: dict[str, float]

    def logits(self, found: Floats) -> Floats:
        """Return the (n,) sum of the clipped terms of (n, sum of PARTS) numbers."""
        named = parts(found)
        each = [named[name] @ self.weight[name] + self.bias[name] for name in SHARE]
        return np.asarray(np.clip(each, -LARGEST_LOGIT, LARGEST_LOGIT).sum(axis=0))


def fit(samples: Samples, rows: npt.NDArray[np.bool_]) -> Terms:
    """Learn the terms from some samples; real and false weigh the same in all."""
    from sklearn.linear_model import LogisticRegression

    false, weight = samples.sample_false[rows], samples.sample_weight[rows]
    real = ~false
    faces = int((samples.kind[rows] == "plain").sum())
    weight = faces / 2 * np.where(false, weight / weight[false].sum(), weight / weight[real].sum())
    weights, biases = {}, {}
    for name, x in parts(samples.found[rows]).items():
        center, scale = x.mean(axis=0), x.std(axis=0)
        if name in ("face", "surroundings"):
            # The numbers of an embedding keep their proportions.
            scale = np.full_like(scale, scale.mean())
        scale = np.maximum(scale, 1e-6) * np.sqrt(x.shape[1]) / 8
        model = LogisticRegression(C=STRENGTH, max_iter=3000)
        model.fit((x - center) / scale, false, sample_weight=weight)
        weights[name] = SHARE[name] * model.coef_[0] / scale
        biases[name] = float(SHARE[name] * model.intercept_[0] - center @ weights[name])
    return Terms(weights, biases)


def folds(samples: Samples) -> npt.NDArray[np.int64]:
    """Return the fold of each face; -1 for those that are never tested on."""
    from sklearn.model_selection import GroupKFold

    fold = np.full(len(samples.false), -1)
    tested = np.flatnonzero(~samples.extra)
    labels, groups = samples.false[tested], samples.group[tested]
    for number, (_, test) in enumerate(GroupKFold(FOLDS).split(labels, labels, groups)):
        fold[tested[test]] = number
    return fold


def learns(samples: Samples, fold: npt.NDArray[np.int64], number: int) -> npt.NDArray[np.bool_]:
    """Return which samples may teach the head of a fold: nothing of its groups."""
    held = np.unique(samples.group[fold == number])
    return np.asarray(~np.isin(samples.group, held)[samples.face])


def out_of_fold(samples: Samples) -> tuple[Floats, npt.NDArray[np.int64], list[Terms]]:
    """Return each face's sum of terms by a head that saw nothing of its group, folds and heads.

    Faces that are never tested on get NaN.
    """
    fold = folds(samples)
    scores = np.full(len(fold), np.nan)
    heads = []
    for number in range(FOLDS):
        head = fit(samples, learns(samples, fold, number))
        mine = fold == number
        scores[mine] = head.logits(samples.found[samples.plain[mine]])
        heads.append(head)
    return scores, fold, heads


def calibrate(scores: Floats, false: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return slope and offset that make sums into log-odds at even odds (Platt 1999)."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e6, class_weight="balanced").fit(scores[:, None], false)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def coding(samples: Samples) -> tuple[Floats, Floats]:
    """Return mean (1280,) and basis (1280, 64) of the face code.

    Learned whitening, as in steps/projection.py: directions in which copies of one face differ
    become small, then those in which faces differ most are kept. Uses no labels.
    """
    kept = np.isin(samples.kind, ("plain", "copy"))
    x, face = parts(samples.found[kept])["face"], samples.face[kept]
    count = np.bincount(face)
    middles = np.stack([np.bincount(face, column) for column in x.T], axis=1) / count[:, None]
    within = np.cov((x - middles[face]).T)
    within += FLOOR * np.trace(within) / len(within) * np.eye(len(within))
    values, vectors = np.linalg.eigh(within)
    whiten = vectors / np.sqrt(values)
    mean = middles.mean(axis=0)
    spread, directions = np.linalg.eigh(np.cov(((middles - mean) @ whiten).T))
    top = np.argsort(-spread)[:CODE_SIZE]
    return mean, whiten @ (directions[:, top] / np.sqrt(spread[top]))


def encode(samples: Samples, mean: Floats, basis: Floats) -> Floats:
    """Return the (n, 64) face codes of all samples."""
    moved = (parts(samples.found)["face"] - mean) @ basis
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True))


def kind_of(samples: Samples) -> npt.NDArray[np.int64]:
    """Return the row in KINDS of each sample; -1 where it is none, as for real faces."""
    shown = np.where(
        np.isin(samples.kind, ("plain", "copy")), samples.subtype[samples.face], samples.kind
    )
    row = {name: i for i, names in enumerate(KINDS.values()) for name in names}
    return np.array([row.get(str(name), -1) for name in shown])


def fit_kinds(codes: Floats, kind: npt.NDArray[np.int64], weight: Floats) -> tuple[Floats, Floats]:
    """Return weights (kinds, 64) and biases (kinds,) that name what a false face looks like."""
    from sklearn.linear_model import LogisticRegression

    known = kind >= 0
    model = LogisticRegression(C=KIND_STRENGTH, max_iter=2000)
    model.fit(codes[known], kind[known], sample_weight=weight[known])
    bias = np.full(len(KINDS), -np.inf)
    weights = np.zeros((len(KINDS), codes.shape[1]))
    weights[model.classes_], bias[model.classes_] = model.coef_, model.intercept_
    return weights, bias


def head_text(samples: Samples, scores: Floats) -> str:
    """Return the head of all samples as JSON, calibrated on out-of-fold scores."""
    tested = ~samples.extra
    head = fit(samples, np.ones(len(samples.face), np.bool_))
    mean, basis = coding(samples)
    codes = encode(samples, mean, basis)
    kind_weight, kind_bias = fit_kinds(codes, kind_of(samples), samples.sample_weight)
    slope, offset = calibrate(scores[tested], samples.false[tested])
    learned: dict[str, Any] = {
        "what": "log-odds of a false face; see curation/steps/falseface.py",
        "trained_on": "labelled faces of falseface, falseface_art and pose_pools, with degraded "
        f"and redrawn copies; {int(samples.false.sum())} false, {int((~samples.false).sum())} real",
        "terms": {
            name: {"weight": packed(head.weight[name]), "bias": round(head.bias[name], 5)}
            for name in SHARE
        },
        "calibration": [round(slope, 5), round(offset, 5)],
        "kinds": {
            "names": list(KINDS),
            "weight": packed(kind_weight),
            "bias": packed(kind_bias),
        },
        "mean": packed(mean),
        "basis": packed(basis),
    }
    return json.dumps(learned) + "\n"


def main() -> int:
    """Train, report the folds, write the head."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=Path, default=SETS, help="folder of the labelled sets")
    sets = parser.parse_args().sets
    if not sets.is_dir():
        print(f"needs the labelled sets in {sets}")
        return 1
    from sklearn.metrics import roc_auc_score

    samples = collect(sets)
    scores, _, _ = out_of_fold(samples)
    tested = ~samples.extra
    auc = roc_auc_score(samples.false[tested], scores[tested])
    print(f"{int(tested.sum())} labelled faces, AUC out of fold {auc:.4f}")
    text = head_text(samples, scores)
    HEAD.write_text(text)
    print(f"{HEAD} {len(text) // 1024} KB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
