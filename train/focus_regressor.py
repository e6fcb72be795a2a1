"""Train curation/steps/heads/focus_blur.json: `python -m train.focus_regressor`.

Sharp real faces are blurred by a known kernel and then made noisy, small, flat or compressed;
small networks learn the kernel's spread back, along its strongest and its weakest axis. The
shipped file learns from all sources. For every group of FOLDS a file that never saw its sources
is written as well, to bench/heads: every reported number is taken with those.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.steps.focus_features import (
    FACE_PX,
    FEATURES,
    detail_crop,
    face_crop,
    features,
    sharpness,
)
from curation.steps.focus_net import CLIP, HEAD
from train import degrade
from train.faces import Face, real_faces

FOLDS: dict[str, frozenset[str]] = {
    "a": frozenset({"serengil/deepface"}),
    "b": frozenset({
        "ageitgey/face_recognition", "vladmandic/human", "timesler/facenet-pytorch",
        "cmusatyalab/openface",
    }),
    "c": frozenset({
        "KwaiVGI/LivePortrait", "OpenTalker/SadTalker", "open-mmlab/mmaction2",
        "codeprimate/personfromvid", "yoyo-nb/Thin-Plate-Spline-Motion-Model", "keplerlab/katna",
    }),
}  # fmt: skip
"""Sources by fold: a and b are those of the portraits, b and c those of the clips."""

FOLD_HEADS = Path(__file__).parents[1] / "bench" / "heads"

LEAST_PX, LEAST_S, MARGIN = 80, 0.1, 0.4
JITTER = 0.02
HIDDEN, NETS, EPOCHS, BATCH = (48, 24), 3, 60, 512
LEARN, DECAY, INPUT_NOISE, KNEE = 2e-3, 1e-3, 0.15, 0.15

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Samples:
    """Features (n, f), blur (n, 2) and n sources of degraded faces."""

    rows: Floats
    blur_px: Floats
    sources: npt.NDArray[np.str_]


def cut_out(face: Face) -> Face:
    """Return the face with some room around it, as a picture of its own."""
    x0, y0, x1, y1 = face.xyxy_px
    room = MARGIN * max(x1 - x0, y1 - y0)
    left, top = max(int(x0 - room), 0), max(int(y0 - room), 0)
    bgr = face.bgr[top : int(y1 + room), left : int(x1 + room)]
    return Face(face.path, bgr, face.xyxy_px - np.array([left, top, left, top]), face.source)


def variant(face: Face, rng: degrade.Rng) -> tuple[Face, tuple[float, float]]:
    """Return the face degraded at random, and its blur on both axes in px of a 128-px face."""
    bgr, box = face.bgr, face.xyxy_px
    side = float(np.sqrt((box[2] - box[0]) * (box[3] - box[1])))
    if side > 1.5 * FACE_PX and rng.random() < 0.4:
        # Reduced first, a face that was a little soft as shot is a sharp one.
        scale = rng.uniform(FACE_PX / side, 1)
        bgr, box, side = degrade.shrunk(bgr, scale), box * scale, side * scale
    kind = str(rng.choice(degrade.KINDS, p=(0.25, 0.30, 0.25, 0.12, 0.08)))
    if rng.random() < (0.6 if kind == "ghost" else 0.2):
        # A camera's or codec's own traces are under the blur where frames were averaged later.
        bgr = degrade.noisy(bgr, rng.uniform(0, 6), rng)
        bgr = degrade.jpeg(bgr, int(rng.uniform(40, 95)))
    ranges = ((0.0, 0.0), (0.0, 1.0), (0.5, 2.0), (1.0, 5.0))
    level = float(rng.uniform(*ranges[int(rng.choice(4, p=(0.18, 0.30, 0.27, 0.25)))]))
    unit = side / FACE_PX
    blur_px = (0.0, 0.0)
    if level * unit >= 0.05:
        bgr, blur_px = _blurred(bgr, kind, level, unit, rng)
    if rng.random() < 0.4:
        scale = float(np.exp(rng.uniform(np.log(min(max(48, 0.3 * side) / side, 1.0)), 0)))
        bgr, box = degrade.shrunk(bgr, scale), box * scale
    if rng.random() < 0.3:
        bgr = degrade.contrast(bgr, rng.uniform(0.35, 1), rng.uniform(90, 150))
    if rng.random() < 0.4:
        bgr = degrade.noisy(bgr, rng.uniform(1, 12), rng)
    if rng.random() < 0.45:
        bgr = degrade.jpeg(bgr, int(rng.uniform(30, 95)))
    box = box + rng.normal(0, JITTER, 4) * (box[2] - box[0])  # detectors disagree by as much
    return Face(face.path, bgr, box, face.source), blur_px


def _blurred(
    bgr: degrade.Image, kind: str, level: float, unit: float, rng: degrade.Rng
) -> tuple[degrade.Image, tuple[float, float]]:
    """Return the picture after one blur, sometimes of a moving lens out of focus as well."""
    weight = degrade.kernel(kind, level * unit, rng)
    bgr = degrade.smear(bgr, weight)
    if kind in ("gauss", "disc"):
        return bgr, (level, level)
    # The kernel of a thin line is a pixel wide; what it was drawn for is the truth.
    across = degrade.spread_px(weight)[1] / unit if kind == "curve" else 0.0
    if rng.random() < 0.15:
        more = float(rng.uniform(0.1, 1)) * level
        bgr = degrade.smear(bgr, degrade.kernel("gauss", max(more * unit, 0.05), rng))
        return bgr, (float(np.hypot(level, more)), float(np.hypot(across, more)))
    return bgr, (level, across)


def _crops(face: Face) -> tuple[Any, Any]:
    rgb = np.ascontiguousarray(face.bgr[..., ::-1])
    return face_crop(rgb, face.xyxy_px), detail_crop(rgb, face.xyxy_px)


def samples(per_face: int) -> Samples:
    """Return degraded versions of every sharp real face that heads may be trained on."""
    made, blur_px, sources = [], [], []
    for index, whole in enumerate(real_faces(LEAST_PX)):
        face = cut_out(whole)
        as_shot = _crops(face)[0]
        if as_shot is None or sharpness(as_shot) < LEAST_S:
            continue
        for turn in range(per_face):
            worse, truth = variant(face, np.random.default_rng([index, turn]))
            crop, detail = _crops(worse)
            if crop is None or detail is None:
                continue
            made.append(features(crop, detail))
            blur_px.append(truth)
            sources.append(face.source)
    return Samples(np.array(made, np.float64), np.array(blur_px), np.array(sources))


def fit(rows: Floats, blur_px: Floats) -> dict[str, Any]:
    """Return the networks as the plain lists that curation.steps.focus_net reads."""
    import torch

    torch.set_num_threads(1)
    centre, spread = np.median(rows, axis=0), np.maximum(rows.std(axis=0), 1e-3)
    centre, spread = _short(centre), _short(spread)
    given = torch.tensor(np.clip((rows - centre) / spread, -CLIP, CLIP), dtype=torch.float32)
    truth = torch.tensor(np.sqrt(blur_px), dtype=torch.float32)
    nets = [_net(torch, given, truth, seed) for seed in range(NETS)]
    return {"centre": centre.tolist(), "spread": spread.tolist(), "nets": nets}


def _net(torch: Any, given: Any, truth: Any, seed: int) -> list[list[Any]]:
    torch.manual_seed(seed)
    sizes = (given.shape[1], *HIDDEN)
    layers: list[Any] = []
    for wide, narrow in pairwise(sizes):
        layers += [torch.nn.Linear(wide, narrow), torch.nn.SiLU()]
    net = torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-1], 2))
    steps = len(given) // BATCH
    work = torch.optim.AdamW(net.parameters(), lr=LEARN, weight_decay=DECAY)
    pace = torch.optim.lr_scheduler.OneCycleLR(
        work, 2 * LEARN, total_steps=EPOCHS * steps, pct_start=0.1
    )
    for _ in range(EPOCHS):
        order = torch.randperm(len(given))
        for step in range(steps):
            chosen = order[step * BATCH : (step + 1) * BATCH]
            noise = INPUT_NOISE * torch.randn(len(chosen), given.shape[1])
            found = net(given[chosen] + noise)
            loss = torch.nn.functional.smooth_l1_loss(
                found, truth[chosen], beta=KNEE, reduction="none"
            )
            (loss[:, 0].mean() + 0.5 * loss[:, 1].mean()).backward()
            work.step()
            work.zero_grad()
            pace.step()
    linear = [layer for layer in net if hasattr(layer, "weight")]
    return [[_short(layer.weight.detach().numpy().T).tolist(),
             _short(layer.bias.detach().numpy()).tolist()] for layer in linear]


def _short(values: npt.NDArray[Any]) -> Floats:
    """Return values of four digits, for small files."""
    return np.array([float(f"{v:.4g}") for v in np.ravel(values)]).reshape(np.shape(values))


def write(path: Path, data: Samples, without: frozenset[str]) -> None:
    """Fit on the sources that are not left out, write the file."""
    seen = ~np.isin(data.sources, list(without))
    about = {
        "what": "square roots of blur (sigma on its strongest and weakest axis, px of a 128-px"
        " face) from focus_features.features",
        "made_by": "python -m train.focus_regressor",
        "trained_on": dict(sorted(Counter(data.sources[seen].tolist()).items())),
        "left_out": sorted(without),
        "features": list(FEATURES),
    }
    text = json.dumps({**about, **fit(data.rows[seen], data.blur_px[seen])}, separators=(",", ":"))
    path.parent.mkdir(exist_ok=True)
    path.write_text(text + "\n")
    print(f"{path} {seen.sum()} samples, {len(text) // 1024} KB")


def main() -> None:
    """Make the samples once, fit without each fold and on all of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--per-face", type=int, default=120, help="degraded versions of each face")
    parser.add_argument("--cache", type=Path, help="file that keeps the samples between runs")
    options = parser.parse_args()
    if options.cache is not None and options.cache.is_file():
        with np.load(options.cache) as kept:
            data = Samples(kept["rows"], kept["blur_px"], kept["sources"])
    else:
        data = samples(options.per_face)
        if options.cache is not None:
            np.savez(options.cache, rows=data.rows, blur_px=data.blur_px, sources=data.sources)
    for name, sources in FOLDS.items():
        write(FOLD_HEADS / f"focus_{name}.json", data, sources)
    write(HEAD, data, frozenset())


if __name__ == "__main__":
    main()
