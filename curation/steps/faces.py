"""Where the faces are: YuNet, with CenterFace as second opinion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import cv2
import numpy as np
import numpy.typing as npt

from curation import weights
from curation.params import FaceParams
from curation.records import Boxes, Measured
from curation.steps.base import Item, RgbImage, Step
from curation.steps.centerface import CenterFace
from curation.steps.focus_features import face_square, grey_crop, sharpness
from curation.steps.geometry import Floats, area_px, clip

MOST_UPSCALE = 2.0
OVERLAP_IOU = 0.3
SHARP_PX = 64
LEAST_SEARCH_PX = 64
"""OpenCV answers with random boxes for pictures that are one 32-pixel cell wide or high."""


class Faces(Step):
    """Find faces with five keypoints.

    The picture is searched at `face_size` pixels of longer side. Small pictures are enlarged,
    but never more than twofold: on two clips of 176 and 320 pixels that finds 41 faces against
    37 as they are, and enlarging further finds no more at twice the time.
    Keypoints (n, 5, 2): right eye, left eye, nose, right and left corner of the mouth. `extra`
    holds the second opinion, and where there are several faces how sharp each one is.
    """

    name = "faces"
    version = "2"
    produces: ClassVar[Mapping[str, type]] = {"n_faces": int}
    detects = True
    weights = ("yunet", "centerface")
    Params = FaceParams
    params: FaceParams

    def weight_names(self) -> tuple[str, ...]:
        """Return the detectors in use."""
        return self.weights if self.params.second_opinion else self.weights[:1]

    def setup(self) -> None:
        """Read the networks."""
        cv2.setNumThreads(1)
        self._yunet = cv2.FaceDetectorYN.create(
            str(weights.path_of("yunet")), "", (320, 320), self.params.face_score, OVERLAP_IOU, 500
        )
        self._second = (
            CenterFace(weights.path_of("centerface")) if self.params.second_opinion else None
        )

    def close(self) -> None:
        """Let go of the networks."""
        del self._yunet, self._second

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Return faces, largest first."""
        return [self._measure(item.rgb) for item in items]

    def _measure(self, rgb: RgbImage) -> Measured:
        small, scale = _searched(rgb, self.params.face_size)
        rows = self._rows(small) / np.array([*[scale] * 14, 1.0])
        if not len(rows):
            return Measured({"n_faces": 0}, Boxes.empty(5, 2))
        xywh = rows[:, :4]
        size_wh = (rgb.shape[1], rgb.shape[0])
        xyxy = clip(np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1), size_wh)
        order = np.argsort(-area_px(xyxy), kind="stable")
        order = order[area_px(xyxy)[order] >= 1]
        boxes = Boxes(
            xyxy[order].astype(np.float32),
            np.clip(rows[order, 14], 0, 1).astype(np.float32),
            ("face",) * len(order),
            rows[order, 4:14].reshape(-1, 5, 2).astype(np.float32),
            tuple(
                {"second": score} | _sharp(rgb, box, len(order))
                for score, box in zip(
                    self._opinions(small, xyxy[order] * scale), xyxy[order], strict=True
                )
            ),
        )
        return Measured({"n_faces": len(boxes)}, boxes)

    def _rows(self, rgb: RgbImage) -> npt.NDArray[np.float64]:
        """Return YuNet's rows: x, y, w, h, five points, score; (n, 15)."""
        h, w = rgb.shape[:2]
        right, below = max(0, LEAST_SEARCH_PX - w), max(0, LEAST_SEARCH_PX - h)
        bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
        bgr = cv2.copyMakeBorder(bgr, 0, below, 0, right, cv2.BORDER_CONSTANT)
        self._yunet.setInputSize((w + right, h + below))
        found = self._yunet.detect(bgr)[1]
        return np.zeros((0, 15)) if found is None else np.asarray(found, np.float64)

    def _opinions(self, rgb: RgbImage, xyxy_px: Floats) -> list[float | None]:
        """Return CenterFace's score for each face, None where it sees none."""
        second = self._second
        if second is None:
            return [None] * len(xyxy_px)
        return [second.score(rgb, box) for box in xyxy_px]


def _sharp(rgb: RgbImage, box: Floats, n_faces: int) -> dict[str, float]:
    """Return S of a face at 64 px, for choosing among several; nothing for a lone one.

    At that size the face of a bystander is hardly enlarged, so that S tells its focus, not
    its distance.
    """
    if n_faces < 2:
        return {}
    square = face_square(box)
    grey = grey_crop(rgb, square, SHARP_PX / float(square[2] - square[0]))
    return {} if grey is None else {"sharp": round(sharpness(grey), 3)}


def _searched(rgb: RgbImage, longer_px: int) -> tuple[RgbImage, float]:
    """Return the picture at the size that is searched, and its scale."""
    h, w = rgb.shape[:2]
    scale = min(longer_px / max(h, w), MOST_UPSCALE)
    wide, tall = max(16, round(w * scale)), max(16, round(h * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, (wide, tall), interpolation=how), np.uint8), scale
