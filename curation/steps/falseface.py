"""Is this the face of a real person, or a drawing, a statue, a doll, a rendering?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curation import weights
from curation.records import Measured
from curation.steps.base import Item, RgbImage, Step
from curation.steps.embedding import DIMENSIONS, Embedder

HEAD = Path(__file__).with_name("heads") / "falseface.json"
CROP, CONTEXT = 1.3, 3.0
"""Sides of the looked-at squares, in longer sides of the face box."""
CUE_PX = 128
LEAST_FACE_PX = 32
"""Short side of a face under which there is too little to tell: no verdict, not a guess."""
CUES = ("flat_share", "colours", "top_colours", "saturation", "skin", "kurtosis", "noise", "second")
LARGEST_LOGIT = 4.0
WORDS = {
    "crop": "looks drawn or made",
    "context": "surroundings look drawn or made",
    "flat_share": "flat areas",
    "colours": "few colours",
    "top_colours": "few colours",
    "saturation": "unlike skin in colour",
    "skin": "unlike skin in colour",
    "kurtosis": "outlines unlike a photograph",
    "noise": "no grain of a camera",
    "second": "second detector sees no face",
}
"""What each term is called when it speaks loudest against a face."""


class FalseFace(Step):
    """Estimate the probability that the main face is not a real person's.

    A logistic head on the MobileNetV2 embeddings of the face and of its surroundings, eight cheap
    cues of drawing, and the second detector's score. Each term is clipped to +-4 logits, so that
    none decides alone. Trained by train/falseface_head.py; false_cue names the term that speaks
    loudest for "false", whatever the sum says.
    """

    name = "falseface"
    version = "2"
    produces = {"false_p": float, "false_cue": str}
    needs = ("faces", "subject")
    weights = ("mobilenet_v2",)
    files = (HEAD,)

    def setup(self) -> None:
        """Read the network and the head."""
        self._embed = Embedder(weights.path_of("mobilenet_v2"))
        self._head = read_head(HEAD)

    def close(self) -> None:
        """Let go of the network."""
        del self._embed

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Return false_p and false_cue of each frame's main face, None without one."""
        return [self._measure(item) for item in items]

    def _measure(self, item: Item) -> Measured:
        signals = item.given["subject"].signals
        box = [signals[f"face_{side}"] for side in ("x0", "y0", "x1", "y1")]
        if any(value is None for value in box):
            return Measured({"false_p": None, "false_cue": None})
        second = signals["face_second"]
        xyxy_px = np.array(box, np.float64)
        if (xyxy_px[2:] - xyxy_px[:2]).min() < LEAST_FACE_PX:
            return Measured({"false_p": None, "false_cue": None})
        found = describe(item.rgb, xyxy_px, float(second or 0.0), self._embed)
        probability, cue = judge(self._head, found)
        return Measured({"false_p": probability, "false_cue": cue})


def describe(
    rgb: RgbImage, xyxy_px: npt.NDArray[np.float64], second: float, embed: Embedder
) -> npt.NDArray[np.float64]:
    """Return the (2 x 1280 + 8,) numbers that the head judges a face by."""
    face = square(rgb, xyxy_px, CROP)
    vectors = embed([face, square(rgb, xyxy_px, CONTEXT)])
    return np.concatenate([vectors.ravel().astype(np.float64), cues(face), [second]])


def square(rgb: RgbImage, xyxy_px: npt.NDArray[np.float64], side: float) -> RgbImage:
    """Return the square around a box, `side` times its longer side, cut at the picture's edge."""
    height, width = rgb.shape[:2]
    middle = (xyxy_px[:2] + xyxy_px[2:]) / 2
    half = side * max(float((xyxy_px[2:] - xyxy_px[:2]).max()), 2.0) / 2
    left, top = np.maximum(np.floor(middle - half), 0).astype(int)
    right, bottom = np.ceil(middle + half).astype(int)
    return rgb[min(top, height - 2) : bottom, min(left, width - 2) : right]


def cues(face: RgbImage) -> npt.NDArray[np.float64]:
    """Return seven cheap measures of a drawn face, on 128 x 128 pixels; see CUES."""
    import cv2

    shrinks = min(face.shape[:2]) > CUE_PX
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    small = cv2.resize(face, (CUE_PX, CUE_PX), interpolation=how)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float64)
    laplacian = np.abs(cv2.Laplacian(grey, cv2.CV_64F))
    palette = (small >> 3).astype(np.int64) @ np.array([1024, 32, 1])
    counts = np.sort(np.unique(palette, return_counts=True)[1])[::-1]
    ycc = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb).astype(np.int64)
    skin = (ycc[..., 1] >= 133) & (ycc[..., 1] <= 173) & (ycc[..., 2] >= 77) & (ycc[..., 2] <= 127)
    chroma = (small.max(axis=2).astype(np.float64) - small.min(axis=2)).mean()
    edges = np.hypot(cv2.Sobel(grey, cv2.CV_64F, 1, 0), cv2.Sobel(grey, cv2.CV_64F, 0, 1))
    peaked = ((edges - edges.mean()) ** 4).mean() / max(float(edges.var()), 1e-6) ** 2
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float64)
    grain = np.abs(cv2.filter2D(grey, cv2.CV_64F, kernel)).mean() * np.sqrt(np.pi / 2) / 6
    return np.array(
        [
            (laplacian < 1).mean(),
            np.log(len(counts)),
            counts[:10].sum() / palette.size,
            chroma / 255,
            skin.mean(),
            np.log(max(float(peaked), 1e-3)),
            np.log1p(grain),
        ]
    )


@cache
def read_head(path: Path) -> Mapping[str, Any]:
    """Return a head as arrays; see train/falseface_head.py for what is in it."""
    head = json.loads(path.read_text())
    arrays = ("center", "scale", "weight")
    return {**head, **{name: np.array(head[name], np.float64) for name in arrays}}


def terms(head: Mapping[str, Any], found: npt.NDArray[np.float64]) -> dict[str, float]:
    """Return each term's share of the log-odds for "false", clipped."""
    part = (found - head["center"]) / head["scale"] * head["weight"]
    named = {
        "crop": float(part[:DIMENSIONS].sum()),
        "context": float(part[DIMENSIONS : 2 * DIMENSIONS].sum()),
    }
    named |= dict(zip(CUES, map(float, part[2 * DIMENSIONS :]), strict=True))
    return {k: min(max(v, -LARGEST_LOGIT), LARGEST_LOGIT) for k, v in named.items()}


def judge(head: Mapping[str, Any], found: npt.NDArray[np.float64]) -> tuple[float, str]:
    """Return the calibrated probability of a false face, and the strongest cue for it."""
    named = terms(head, found)
    slope, offset = head["calibration"]
    logit = slope * (sum(named.values()) + head["intercept"]) + offset
    strongest = max(named, key=lambda name: named[name])
    return float(1 / (1 + np.exp(-logit))), WORDS[strongest]
