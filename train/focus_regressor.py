"""Train curation/steps/heads/focus_blur.json: `python -m train.focus_regressor`.

Sharp real faces are blurred by a known amount and then made noisy, small, flat or compressed;
boosted trees learn the amount back. No face of a repository that the `focus` benchmark draws
from is used, so bench/bench_focus.py judges the shipped file on sources it never saw.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.steps.focus import HEAD
from curation.steps.focus_features import (
    FACE_PX,
    FEATURES,
    detail_crop,
    face_crop,
    features,
    sharpness,
)
from train import degrade
from train.faces import Face, bench_folder, real_faces, rows

LEAST_PX = 80
LEAST_S = 0.1
MARGIN = 0.4
SHAPE = {
    "max_iter": 200, "max_leaf_nodes": 15, "learning_rate": 0.08, "l2_regularization": 1.0,
    "min_samples_leaf": 30, "early_stopping": False, "random_state": 0,
}

Floats = npt.NDArray[np.float64]


def cut_out(face: Face) -> Face:
    """Return the face with some room around it, as a picture of its own."""
    x0, y0, x1, y1 = face.xyxy_px
    room = MARGIN * max(x1 - x0, y1 - y0)
    left, top = max(int(x0 - room), 0), max(int(y0 - room), 0)
    bgr = face.bgr[top : int(y1 + room), left : int(x1 + room)]
    return Face(face.path, bgr, face.xyxy_px - np.array([left, top, left, top]), face.source)


def variant(face: Face, rng: degrade.Rng) -> tuple[Face, float]:
    """Return the face degraded at random, and its blur in pixels of a 128-px face."""
    box = face.xyxy_px
    side = float(np.sqrt((box[2] - box[0]) * (box[3] - box[1])))
    ranges = ((0.0, 0.0), (0.0, 1.0), (0.5, 2.0), (1.0, 5.0))
    level = float(rng.uniform(*ranges[int(rng.choice(4, p=(0.2, 0.26, 0.27, 0.27)))]))
    kind = str(rng.choice(degrade.KINDS, p=(0.28, 0.28, 0.28, 0.16)))
    bgr = degrade.blur(face.bgr, kind, level * side / FACE_PX, rng)
    if rng.random() < 0.4:
        scale = float(np.exp(rng.uniform(np.log(min(max(48, 0.3 * side) / side, 1.0)), 0)))
        bgr, box = degrade.shrunk(bgr, scale), box * scale
    if rng.random() < 0.3:
        bgr = degrade.contrast(bgr, rng.uniform(0.35, 1), rng.uniform(90, 150))
    if rng.random() < 0.4:
        bgr = degrade.noisy(bgr, rng.uniform(1, 12), rng)
    if rng.random() < 0.45:
        bgr = degrade.jpeg(bgr, int(rng.uniform(30, 95)))
    return Face(face.path, bgr, box, face.source), level


def _as_shot_s(face: Face) -> float:
    crop = face_crop(np.ascontiguousarray(face.bgr[..., ::-1]), face.xyxy_px)
    return -np.inf if crop is None else sharpness(crop)


def _features(face: Face) -> npt.NDArray[np.float32] | None:
    rgb = np.ascontiguousarray(face.bgr[..., ::-1])
    crop, detail = face_crop(rgb, face.xyxy_px), detail_crop(rgb, face.xyxy_px)
    return None if crop is None or detail is None else features(crop, detail)


def samples(per_face: int, without: frozenset[str]) -> tuple[Floats, Floats, list[str]]:
    """Return features (n, f), blur (n,) and sources n of degraded sharp faces."""
    made, blur_px, sources = [], [], []
    for index, whole in enumerate(real_faces(LEAST_PX, without)):
        face = cut_out(whole)
        if _as_shot_s(face) < LEAST_S:
            continue
        for turn in range(per_face):
            worse, level = variant(face, np.random.default_rng([index, turn]))
            row = _features(worse)
            if row is not None:
                made.append(row)
                blur_px.append(level)
                sources.append(face.source)
    return np.array(made, np.float64), np.array(blur_px), sources


def fit(rows_in: Floats, blur_px: Floats) -> Any:
    """Return a fitted scikit-learn model of the square root of blur."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(**SHAPE).fit(rows_in, np.sqrt(blur_px))


def cross_validated(rows_in: Floats, blur_px: Floats, sources: list[str]) -> tuple[float, float]:
    """Return Spearman and AUC (sigma <= .5 against >= 1.5) of folds that share no source."""
    from scipy.stats import spearmanr
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold

    out = np.zeros(len(blur_px))
    folds = GroupKFold(min(5, len(set(sources))))
    for seen, unseen in folds.split(rows_in, blur_px, sources):
        out[unseen] = fit(rows_in[seen], blur_px[seen]).predict(rows_in[unseen])
    clear = (blur_px <= 0.5) | (blur_px >= 1.5)
    auc = roc_auc_score(blur_px[clear] >= 1.5, out[clear])
    return float(spearmanr(out, blur_px)[0]), float(auc)


def tables(model: Any) -> dict[str, Any]:
    """Return a fitted model as the plain lists that curation.steps.boosted reads."""
    trees, deepest = [], 0
    for (predictor,) in model._predictors:
        nodes = predictor.nodes
        order, ask, number, left = [0], [], [], []
        # Breadth first, both children side by side: the right one needs no pointer.
        for place, node in enumerate(order):
            leaf = bool(nodes["is_leaf"][node])
            ask.append(-1 if leaf else int(nodes["feature_idx"][node]))
            value = nodes["value"][node] if leaf else nodes["num_threshold"][node]
            number.append(float(f"{value:.6g}"))
            left.append(place if leaf else len(order))
            if not leaf:
                order += [int(nodes["left"][node]), int(nodes["right"][node])]
        trees.append([ask, number, left])
        deepest = max(deepest, int(nodes["depth"].max()))
    start = float(np.ravel(model._baseline_prediction)[0])
    return {"start": round(start, 8), "depth": deepest, "trees": trees}


def main() -> None:
    """Make the samples, cross-validate, fit on all of them, write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--per-face", type=int, default=120, help="degraded versions of each face")
    per_face = parser.parse_args().per_face
    held_out = frozenset(row["source_repo"] for row in rows(bench_folder() / "focus"))
    made, blur_px, sources = samples(per_face, held_out)
    rho, auc = cross_validated(made, blur_px, sources)
    print(f"{len(made)} samples, folds by source: Spearman {rho:.4f}, AUC {auc:.4f}")
    about = {
        "what": "square root of blur (sigma, px of a 128-px face) from focus_features.features",
        "made_by": "python -m train.focus_regressor",
        "trained_on": dict(sorted(Counter(sources).items())),
        "left_out": sorted(held_out),
        "cross_validation_by_source": {"spearman": round(rho, 4), "auc": round(auc, 4)},
        "features": list(FEATURES),
    }
    text = json.dumps({**about, **tables(fit(made, blur_px))}, separators=(",", ":"))
    HEAD.write_text(text + "\n")
    print(f"{HEAD} {len(text) // 1024} KB")


if __name__ == "__main__":
    main()
