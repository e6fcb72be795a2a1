"""Train the false-face head on the labelled sets and write curation/steps/heads/falseface.json.

python -m train.falseface_head [--sets ../shared/bench]

Every picture also goes in small, soft and badly compressed, real and false alike, so that low
quality is no cue. Scores that are reported come from folds in which no group is split.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from curation import weights
from curation.params import FaceParams
from curation.records import Boxes, Frame
from curation.steps.base import Item
from curation.steps.embedding import DIMENSIONS, Embedder
from curation.steps.faces import Faces
from curation.steps.falseface import HEAD, LARGEST_LOGIT, describe

SETS = Path(__file__).parents[2] / "shared" / "bench"
COPIES = 3
FOLDS = 5
STRENGTH = 1.0
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Face:
    """A labelled face: what the head sees of it, or None where the detector sees nothing."""

    name: str
    false: bool
    subtype: str
    group: str
    found: list[Floats]


def degrade(rgb: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Return a picture made smaller, softer, noisier, greyer or compressed, by chance."""
    scale = rng.uniform(0.35, 1.0)
    out = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.3, 1.6))
    if rng.random() < 0.4:
        out = np.clip(out + rng.normal(0, rng.uniform(2, 9), out.shape), 0, 255).astype(np.uint8)
    if rng.random() < 0.12:
        out = cv2.cvtColor(cv2.cvtColor(out, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    gain, lift = rng.uniform(0.7, 1.2), rng.uniform(-15, 15)
    out = np.clip(out.astype(np.float32) * gain + lift, 0, 255).astype(np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(30, 95))]
    _, data = cv2.imencode(".jpg", out[..., ::-1], quality)
    small = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
    return cv2.resize(small, rgb.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def detect(detector: Faces, rgb: npt.NDArray[np.uint8]) -> Boxes:
    """Return the faces that the studio would find."""
    frame = Frame(0, "", 0, 0, 0.0, Path(), rgb.shape[1], rgb.shape[0])
    boxes = detector([Item(frame, np.ascontiguousarray(rgb))])[0].boxes
    assert boxes is not None
    return boxes


def read(path: Path) -> npt.NDArray[np.uint8]:
    """Return a picture as RGB."""
    return np.ascontiguousarray(cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1])


def nearest(boxes: Boxes, rel_xywh: Sequence[float], wh: tuple[int, int]) -> int | None:
    """Return the detection whose centre is inside the labelled box, the best scored of them."""
    x, y, w, h = (v * wh[i % 2] for i, v in enumerate(rel_xywh))
    middle = (boxes.xyxy_px[:, :2] + boxes.xyxy_px[:, 2:]) / 2
    inside = np.all((middle >= [x, y]) & (middle <= [x + w, y + h]), axis=1)
    hits = np.flatnonzero(inside)
    return int(hits[np.argmax(boxes.score[hits])]) if len(hits) else None


def labelled(sets: Path) -> Iterator[tuple[str, Path, bool, str, str, list[float] | None]]:
    """Yield (name, picture, false, subtype, group, relative box or None) of every labelled face."""
    for folder in ("falseface", "falseface_art"):
        with (sets / folder / "LABELS.csv").open() as file:
            for row in csv.DictReader(file):
                group = row.get("group") or row["group(for grouped CV)"]
                frame = sets / folder / "frame" / row["file"]
                box: list[float] | None = [
                    float(v) for v in row["face_box_xywh_rel_to_source"].split()
                ]
                if not frame.is_file():
                    frame, box = sets / folder / "crop" / row["file"], [0.0, 0.0, 1.0, 1.0]
                yield (
                    f"{folder}/{row['file']}",
                    frame,
                    row["label"] == "false",
                    row["subtype"],
                    group,
                    box,
                )
    with (sets / "pose_pools" / "LABELS.csv").open() as file:
        for row in csv.DictReader(file):
            group = row["source_repo"].split("/")[1]
            yield (
                f"pose_pools/{row['file']}",
                sets / "pose_pools" / "img" / row["file"],
                False,
                "photo",
                group,
                None,
            )


def collect(sets: Path, copies: int = COPIES) -> list[Face]:
    """Describe every labelled face, as it is and degraded."""
    detector = Faces(FaceParams(face_score=0.6))
    detector.setup()
    embed = Embedder(weights.path_of("mobilenet_v2"))
    rng = np.random.default_rng(0)
    faces = []
    for name, path, false, subtype, group, box in labelled(sets):
        rgb = read(path)
        boxes = detect(detector, rgb)
        wanted: Sequence[int | None]
        if box is None:
            wanted = range(min(len(boxes), 2))
        else:
            wanted = [nearest(boxes, box, (rgb.shape[1], rgb.shape[0]))]
        for i in wanted:
            if i is None:
                faces.append(Face(name, false, subtype, group, []))
                continue
            second = float((boxes.extra or ({},))[i].get("second") or 0.0)
            xyxy = boxes.xyxy_px[i].astype(np.float64)
            views = [rgb, *(degrade(rgb, rng) for _ in range(copies))]
            found = [describe(view, xyxy, second, embed) for view in views]
            faces.append(Face(name, false, subtype, group, found))
    detector.close()
    return faces


def fit(faces: Sequence[Face]) -> dict[str, Any]:
    """Return a head: centre, scale and weight of each number, and the intercept."""
    from sklearn.linear_model import LogisticRegression

    x = np.array([found for face in faces for found in face.found])
    y = np.array([face.false for face in faces for _ in face.found])
    center, scale = x.mean(axis=0), x.std(axis=0)
    # Embeddings keep their proportions: one scale for each block of 1280.
    for at in (0, DIMENSIONS):
        scale[at : at + DIMENSIONS] = scale[at : at + DIMENSIONS].mean() * np.sqrt(DIMENSIONS) / 8
    scale = np.maximum(scale, 1e-9)
    model = LogisticRegression(C=STRENGTH, max_iter=2000, class_weight="balanced")
    model.fit((x - center) / scale, y)
    return {
        "center": center,
        "scale": scale,
        "weight": model.coef_[0],
        "intercept": float(model.intercept_[0]),
        "calibration": [1.0, 0.0],
    }


def logit(head: dict[str, Any], found: Floats) -> float:
    """Return the sum of clipped terms of one face, before calibration."""
    part = (found - head["center"]) / head["scale"] * head["weight"]
    blocks = [
        part[:DIMENSIONS].sum(),
        part[DIMENSIONS : 2 * DIMENSIONS].sum(),
        *part[2 * DIMENSIONS :],
    ]
    return float(np.clip(blocks, -LARGEST_LOGIT, LARGEST_LOGIT).sum() + head["intercept"])


def out_of_fold(faces: Sequence[Face]) -> Floats:
    """Return each face's logit by a head that saw nothing of its group; NaN when not detected."""
    from sklearn.model_selection import GroupKFold

    labels = [face.false for face in faces]
    groups = [face.group for face in faces]
    scores = np.full(len(faces), np.nan)
    for learn, test in GroupKFold(FOLDS).split(labels, labels, groups):
        head = fit([faces[i] for i in learn])
        for i in test:
            if faces[i].found:
                scores[i] = logit(head, faces[i].found[0])
    return scores


def calibrate(scores: Floats, false: npt.NDArray[np.bool_]) -> list[float]:
    """Return slope and offset that make logits into probabilities (Platt 1999)."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e6, class_weight="balanced").fit(scores[:, None], false)
    return [float(model.coef_[0, 0]), float(model.intercept_[0])]


def main() -> int:
    """Train, report the folds, write the head."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=Path, default=SETS, help="folder of the labelled sets")
    sets = parser.parse_args().sets
    if not sets.is_dir():
        print(f"needs the labelled sets in {sets}")
        return 1
    from sklearn.metrics import roc_auc_score

    faces = collect(sets)
    scores = out_of_fold(faces)
    false = np.array([face.false for face in faces])
    seen = np.isfinite(scores)
    print(
        f"{len(faces)} faces, {int(seen.sum())} detected, {int(false[seen].sum())} of them false;"
        f" AUC out of fold {roc_auc_score(false[seen], scores[seen]):.4f}"
    )
    head = fit(faces)
    head["calibration"] = calibrate(scores[seen], false[seen])
    about = {
        "what": "log-odds of a false face; see curation/steps/falseface.py",
        "trained_on": "labelled faces of falseface, falseface_art and pose_pools, with degraded "
        f"copies; {int(false[seen].sum())} false, {int((~false)[seen].sum())} real",
    }
    rounded = {k: np.round(head[k], 5).tolist() for k in ("center", "scale", "weight")}
    text = json.dumps(
        {
            **about,
            **rounded,
            "intercept": round(head["intercept"], 5),
            "calibration": [round(v, 5) for v in head["calibration"]],
        }
    )
    HEAD.write_text(text + "\n")
    print(f"{HEAD} {len(text) // 1024} KB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
