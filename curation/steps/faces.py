"""Where the faces are: YuNet, with CenterFace as second opinion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from curation import weights
from curation.params import FaceParams
from curation.records import Boxes, Measured
from curation.steps.base import Item, RgbImage, Step
from curation.steps.centerface import CenterFace
from curation.steps.focus_features import face_square, grey_crop, sharpness
from curation.steps.geometry import Floats, area_px, clip
from curation.steps.yunet import ByOpenCv, ByTorch, YuNet

MOST_UPSCALE = 2.0
SHARP_PX = 64
LEAST_SEARCH_PX = 16
DIGITS = 4
"""Of a second opinion: those after it depend on the company in which it was asked for."""


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

    def __init__(self, params: FaceParams | None = None, light: bool = False) -> None:
        """Keep the parameters.

        Args:
            light: run the networks by OpenCV, for processes that do not load torch anyway.
        """
        super().__init__(params)
        self._light = light

    def weight_names(self) -> tuple[str, ...]:
        """Return the detectors in use."""
        return self.weights if self.params.second_opinion else self.weights[:1]

    def setup(self) -> None:
        """Read the networks."""
        cv2.setNumThreads(1)
        runner = ByOpenCv if self._light else ByTorch
        self._yunet: YuNet = runner(weights.path_of("yunet"), self.params.face_score)
        self._second = (
            CenterFace(weights.path_of("centerface"), self._light)
            if self.params.second_opinion
            else None
        )

    def close(self) -> None:
        """Let go of the networks."""
        del self._yunet, self._second

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Return faces, largest first; the second opinion is asked once for the batch."""
        found = [self._found(item) for item in items]
        seen = [
            (one.searched, box * one.scale) for one in found for box in one.xyxy_px
        ]
        second = iter(
            [None] * len(seen) if self._second is None else self._second.scores(seen)
        )
        return [_measured(item.rgb, one, second) for item, one in zip(items, found, strict=True)]

    def _found(self, item: Item) -> _Found:
        searched, scale = _searched(item, self.params.face_size)
        rows = self._yunet.rows(searched) / np.array([*[scale] * 14, 1.0])
        xywh = rows[:, :4]
        size_wh = (item.rgb.shape[1], item.rgb.shape[0])
        xyxy = clip(np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1), size_wh)
        order = np.argsort(-area_px(xyxy), kind="stable")
        order = order[area_px(xyxy)[order] >= 1]
        return _Found(searched, scale, rows[order], xyxy[order])


@dataclass(frozen=True, slots=True)
class _Found:
    """YuNet's rows (n, 15) and boxes (n, 4) in pixels of the picture, largest first."""

    searched: RgbImage
    scale: float
    rows: Floats
    xyxy_px: Floats


def _measured(rgb: RgbImage, found: _Found, second: Iterator[float | None]) -> Measured:
    n = len(found.xyxy_px)
    if not n:
        return Measured({"n_faces": 0}, Boxes.empty(5, 2))
    boxes = Boxes(
        found.xyxy_px.astype(np.float32),
        np.clip(found.rows[:, 14], 0, 1).astype(np.float32),
        ("face",) * n,
        found.rows[:, 4:14].reshape(-1, 5, 2).astype(np.float32),
        tuple({"second": _rounded(next(second))} | _sharp(rgb, b, n) for b in found.xyxy_px),
    )
    return Measured({"n_faces": n}, boxes)


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, DIGITS)


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


def _searched(item: Item, longer_px: int) -> tuple[RgbImage, float]:
    """Return the picture at the size that is searched, and its scale."""
    h, w = item.rgb.shape[:2]
    scale = min(longer_px / max(h, w), MOST_UPSCALE)
    if scale < 1:
        return item.small(longer_px, LEAST_SEARCH_PX), scale
    size_wh = max(LEAST_SEARCH_PX, round(w * scale)), max(LEAST_SEARCH_PX, round(h * scale))
    large = cv2.resize(item.rgb, size_wh, interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.uint8), scale
