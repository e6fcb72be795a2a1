"""How sharp the main face of a photo is: for comparing the shots of one scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from curation.params import FaceParams
from curation.records import Frame
from curation.steps.base import Item, RgbImage
from curation.steps.faces import Faces

REVISION = "1"
"""Raise it when the same picture would get another answer."""
NAME = "cull.face"
"""The question."""
FACE_PX, NOISE_PX = 192, 0.8
"""Longer side that a face is brought to, so that a step nearer is not a step sharper, and standard
deviation of the smoothing that keeps sensor noise from passing for detail, at that size."""
LEAST_FACE_PX = 24
"""A face that shows fewer pixels than this says nothing."""
LEAST_SCORE = 0.7


class FaceLooker:
    """Finds the main face and measures it; a `Looker` of toolkit.finding.

    Raises:
        WeightsMissing, StepUnavailable: saying what to fetch or install.
    """

    def __init__(self) -> None:
        """Open the detector."""
        self._faces = Faces(FaceParams(face_score=LEAST_SCORE, second_opinion=False), light=True)
        self._faces.setup()

    def look(
        self, rgb: RgbImage, scale_xy: tuple[float, float], names: Sequence[str]
    ) -> Mapping[str, Any]:
        """Return {NAME: {"xyxy": box in pixels of the whole picture, "sharp": levels} or None}."""
        frame = Frame(0, "", 0, 0, 0.0, Path(), rgb.shape[1], rgb.shape[0])
        boxes = self._faces([Item(frame, rgb)])[0].boxes
        found: dict[str, Any] | None = None
        if boxes is not None and len(boxes.xyxy_px):
            size = (boxes.xyxy_px[:, 2:] - boxes.xyxy_px[:, :2]).clip(min=0)
            box = boxes.xyxy_px[int(size.prod(axis=1).argmax())]
            sharp = sharpness(rgb, box)
            if sharp is not None:
                whole = np.round(box * np.array([*scale_xy, *scale_xy]), 1).tolist()
                found = {"xyxy": whole, "sharp": round(sharp, 4)}
        return dict.fromkeys(names, found)

    def close(self) -> None:
        """Let go of the detector."""
        self._faces.close()


def open_looker() -> FaceLooker:
    """Return a looker, in a worker."""
    return FaceLooker()


def sharpness(rgb: RgbImage, box: Any) -> float | None:
    """Return the root mean square of the Laplacian of a face at 192 px, in levels of luma.

    Args:
        rgb: (h, w, 3) uint8.
        box: x0, y0, x1, y1 in its pixels.

    Returns:
        None for a face that shows less than 24 px.
    """
    x0, y0 = (max(0, int(value)) for value in box[:2])
    x1, y1 = int(np.ceil(box[2])), int(np.ceil(box[3]))
    face = rgb[y0:y1, x0:x1]
    if min(face.shape[:2]) < LEAST_FACE_PX:
        return None
    grey = cv2.cvtColor(np.ascontiguousarray(face), cv2.COLOR_RGB2GRAY)
    scale = FACE_PX / max(grey.shape)
    size_wh = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    smooth = cv2.GaussianBlur(cv2.resize(grey, size_wh, interpolation=way), (5, 5), NOISE_PX)
    edges = cv2.Laplacian(smooth, cv2.CV_32F)
    return float(np.sqrt(np.mean(edges * edges)))
