"""Learn the appearance projection and write curation/steps/heads/appearance.json.

python -m train.appearance_projection [--sets ../shared/bench]

Learned whitening on the pictures of falseface and falseface_art, crops and whole pictures:
directions in which edits of one picture (compression, light, slight crops, blur, noise) move
its vector are made small, then the 96 directions in which pictures differ most are kept.
No labels are used, and none of the pictures that duplicates are measured on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from curation import weights
from curation.steps.appearance import INPUT_PX, PROJECTION
from curation.steps.embedding import Embedder
from curation.steps.projection import Projection, packed
from train.degrade import Image, blur, noisy

SETS = Path(__file__).parents[2] / "shared" / "bench"
FOLDERS = ("falseface/frame", "falseface/crop", "falseface_art/frame", "falseface_art/crop")
DIMENSIONS = 96
EDITS = 3
FLOOR = 0.1
"""Share of the mean within-picture variance added to every direction: few pictures know little
of the directions that edits hardly touch."""
Floats = npt.NDArray[np.float64]


def pictures(sets: Path) -> Iterator[tuple[str, Image]]:
    """Yield (name, RGB) of every permitted picture; a crop of a picture bears its name."""
    for folder in FOLDERS:
        for path in sorted((sets / folder).iterdir()):
            bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if bgr is not None:
                yield path.name, np.ascontiguousarray(bgr[..., ::-1])


def edited(rgb: Image, rng: np.random.Generator) -> Image:
    """Return a picture that a viewer would call the same: cropped, lit, blurred, compressed."""
    h, w = rgb.shape[:2]
    keep = rng.uniform(0.82, 1.0)
    top, left = (int(rng.uniform(0, (1 - keep) * side)) for side in (h, w))
    out: Image = rgb[top : top + max(8, int(keep * h)), left : left + max(8, int(keep * w))]
    gain, lift = rng.uniform(0.8, 1.2), rng.uniform(-25, 25)
    out = np.clip(out.astype(np.float32) * gain + lift, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        out = blur(out, "gauss", max(h, w) / 400 * rng.uniform(0.3, 1.2), rng)
    if rng.random() < 0.5:
        out = noisy(out, rng.uniform(2, 10), rng)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(35, 90))]
    _, data = cv2.imencode(".jpg", out[..., ::-1], quality)
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1])


def learn(vectors: Floats) -> tuple[Floats, Floats]:
    """Return mean (D,) and basis (D, d) from (pictures, versions, D) unit vectors."""
    mean = vectors.mean(axis=(0, 1))
    own = vectors.mean(axis=1, keepdims=True)
    within = (vectors - own).reshape(-1, vectors.shape[2])
    scatter = within.T @ within / len(within)
    scatter += FLOOR * np.trace(scatter) / len(scatter) * np.eye(len(scatter))
    value, vector = np.linalg.eigh(scatter)
    whiten = vector / np.sqrt(value)
    between = (own[:, 0] - mean) @ whiten
    strength, direction = np.linalg.eigh(between.T @ between / len(between))
    kept = np.argsort(-strength)[:DIMENSIONS]
    basis = whiten @ direction[:, kept]
    # The sign of an eigenvector is chance: make its largest entry positive.
    basis *= np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(DIMENSIONS)])
    return mean, basis / np.abs(basis).max()


def main() -> int:
    """Embed, learn, write, and say how well edits and strangers separate in the written file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sets", type=Path, default=SETS)
    parser.add_argument("--out", type=Path, default=PROJECTION)
    options = parser.parse_args()
    embed = Embedder(weights.path_of("mobilenet_v2"), INPUT_PX)
    rng = np.random.default_rng(0)
    names, found = [], []
    for name, rgb in pictures(options.sets):
        names.append(name)
        found.append(embed([rgb, *(edited(rgb, rng) for _ in range(EDITS))]))
    vectors = np.array(found, np.float64)
    mean, basis = learn(vectors)
    options.out.write_text(json.dumps({"mean": packed(mean), "basis": packed(basis)}) + "\n")

    project = Projection(options.out)
    short = project(vectors.reshape(-1, vectors.shape[2]).astype(np.float32))
    short = short.reshape(*vectors.shape[:2], -1)
    edits = np.einsum("nd,nkd->nk", short[:, 0], short[:, 1:]).ravel()
    alike = short[:, 0] @ short[:, 0].T
    strangers = alike[np.asarray(names)[:, None] < np.asarray(names)[None, :]]
    print(f"{len(names)} pictures, {options.out.stat().st_size} bytes")
    print("cosine of edits, 1 % and median:", np.percentile(edits, (1, 50)).round(3))
    print("cosine of strangers, median and 99.9 %:", np.percentile(strangers, (50, 99.9)).round(3))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
