"""Light on the main face: it may be lost in the dark where the picture as a whole is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import cv2
import numpy as np
import numpy.typing as npt

from curation.records import Measured, Value
from curation.steps.base import Item, Step
from curation.steps.focus import subject_face
from curation.steps.focus_features import face_crop, face_mask, face_square
from curation.steps.quality import BLOWN, CRUSHED

LEVELS_A_BIN = 4
"""OFIQ compares 256 bins of a face of 616 px; at 128 px so many would differ by chance."""
EVEN_POWER = 0.3
LEAST_SIDE_SHARE = 0.1
DIGITS = 4

Luma = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class FaceLight(Step):
    """Measure luma (BT.601 weights, 0-255) inside the ellipse of the main face at 128 px.

    face_luma, face_contrast: mean and standard deviation.
    face_clip_low, face_clip_high: shares as good as black (at most 2) and white (from 253).
    face_evenness: 0..1, likeness of the left and the right half, 1 lit alike: the overlap of
    their histograms to the power of 0.3 (OFIQ's illumination uniformity, ISO/IEC 29794-5). The
    halves meet on the line through the middles of eyes and mouth; None where a turned face shows
    one half only.

    All None without a face, or where too little of it is in the picture.
    """

    name = "face_light"
    version = "1"
    produces: ClassVar[Mapping[str, type]] = {
        "face_luma": float,
        "face_contrast": float,
        "face_clip_low": float,
        "face_clip_high": float,
        "face_evenness": float,
    }
    needs = ("faces", "subject")

    def setup(self) -> None:
        """Keep OpenCV on one thread."""
        cv2.setNumThreads(1)

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Measure the face of each picture."""
        return [Measured(self._signals(item)) for item in items]

    def _signals(self, item: Item) -> dict[str, Value]:
        box = subject_face(item)
        crop = None if box is None else face_crop(item.rgb, box)
        if box is None or crop is None:
            return dict.fromkeys(self.produces)
        luma = np.clip(np.round(crop), 0, 255).astype(np.uint8)
        inside = face_mask(luma.shape) > 0
        values = luma[inside]
        return {
            "face_luma": round(float(values.mean()), DIGITS),
            "face_contrast": round(float(values.std()), DIGITS),
            "face_clip_low": round(float(np.mean(values <= CRUSHED)), DIGITS),
            "face_clip_high": round(float(np.mean(values >= BLOWN)), DIGITS),
            "face_evenness": evenness(luma, inside, _leaning(item)),
        }


def evenness(luma: Luma, inside: Mask, midline: Points | None) -> float | None:
    """Return how alike both halves of a face are lit, 0..1, or None where one is not seen.

    Args:
        luma: (h, w) of the face. inside: (h, w), what of it is face.
        midline: (2, 2) two points x, y of the line between the halves as shares of the crop;
            None for the upright line through the middle.
    """
    rows, cols = luma.shape
    (x0, y0), (x1, y1) = np.array([[0.5, 0], [0.5, 1]]) if midline is None else midline
    y, x = (np.mgrid[:rows, :cols] + 0.5) / np.array([rows, cols])[:, None, None]
    left = (x - x0) * (y1 - y0) - (y - y0) * (x1 - x0) < 0
    halves = luma[inside & left], luma[inside & ~left]
    if min(len(half) for half in halves) < LEAST_SIDE_SHARE * inside.sum():
        return None
    shares = [
        np.bincount(half // LEVELS_A_BIN, minlength=256 // LEVELS_A_BIN) / len(half)
        for half in halves
    ]
    return round(float(np.minimum(*shares).sum() ** EVEN_POWER), DIGITS)


def _leaning(item: Item) -> Points | None:
    """Return the middles of eyes and mouth as shares of the face's crop, or None."""
    box, index = subject_face(item), item.given["subject"].signals.get("face_index")
    found = item.given["faces"].boxes
    if box is None or found is None or found.keypoints is None or not isinstance(index, int):
        return None
    points = found.keypoints[index, :, :2].astype(np.float64)
    square = face_square(box)
    h, w = item.rgb.shape[:2]
    inside = np.clip(square, 0, [w, h, w, h])
    middles = np.stack([points[:2].mean(axis=0), points[3:5].mean(axis=0)])
    if np.linalg.norm(middles[1] - middles[0]) < 0.1 * (square[2] - square[0]):
        return None
    return np.asarray((middles - inside[:2]) / (inside[2:] - inside[:2]))
