"""What the false-face head looks at: the face and its surroundings, each by its own network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from curation import weights
from curation.steps.base import RgbImage
from curation.steps.efficientnet import LITE_TEXTURES, LiteEmbedder
from curation.steps.embedding import DIMENSIONS, INPUT_PX, TEXTURES, Embedder, halved

CROP, CONTEXT = 1.8, 3.0
"""Sides of the looked-at squares, in longer sides of the face box."""
PARTS = {
    "face": DIMENSIONS,
    "skin": LITE_TEXTURES,
    "surroundings": DIMENSIONS,
    "texture": TEXTURES,
}
"""What `describe` puts one after the other, and how many numbers each part has."""
Floats = npt.NDArray[np.float64]


class Looker:
    """Describe faces by both networks.

    Raises:
        WeightsMissing: a network is not here.
    """

    names = ("mobilenet_v2", "efficientnet_lite0")

    def __init__(self) -> None:
        """Read the networks."""
        self._context = Embedder(weights.path_of("mobilenet_v2"))
        self._face = LiteEmbedder(weights.path_of("efficientnet_lite0"))

    def __call__(self, faces: Sequence[RgbImage], contexts: Sequence[RgbImage]) -> Floats:
        """Return (n, sum of PARTS) numbers for n faces and their surroundings, RGB squares."""
        face, skin = self._face.describe([halved(one, INPUT_PX) for one in faces])
        surroundings, texture = self._context.describe([halved(one, INPUT_PX) for one in contexts])
        return np.concatenate([face, skin, surroundings, texture], axis=1, dtype=np.float64)


def parts(found: npt.NDArray[np.float64]) -> dict[str, Floats]:
    """Return the named parts of (..., sum of PARTS) numbers."""
    ends = np.cumsum(list(PARTS.values()))[:-1]
    return dict(zip(PARTS, np.split(found, ends, axis=-1), strict=True))


def square(rgb: RgbImage, xyxy_px: Floats, side: float) -> RgbImage:
    """Return the square around a box, `side` times its longer side, cut at the picture's edge."""
    height, width = rgb.shape[:2]
    middle = (xyxy_px[:2] + xyxy_px[2:]) / 2
    half = side * max(float((xyxy_px[2:] - xyxy_px[:2]).max()), 2.0) / 2
    left, top = np.maximum(np.floor(middle - half), 0).astype(int)
    right, bottom = np.ceil(middle + half).astype(int)
    return rgb[min(top, height - 2) : bottom, min(left, width - 2) : right]
