"""YuNet's rows for a picture, by OpenCV's runner or by torch's: the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from curation.steps.base import RgbImage
from curation.steps.onnx_file import Graph

OVERLAP_IOU = 0.3
MOST_FACES = 500
LEAST_PX = 64
"""OpenCV answers with random boxes for pictures that are one 32-pixel cell wide or high."""
CELL_PX = 32
STRIDES = (8, 16, 32)
PARTS = ("cls", "obj", "bbox", "kps")

Rows = npt.NDArray[np.float64]


class YuNet(Protocol):
    """Wu et al. 2023, YuNet: A Tiny Millisecond-level Face Detector."""

    def rows(self, rgb: RgbImage) -> Rows:
        """Return (n, 15): x, y, w, h, five points x, y, score; in pixels, best score first."""


class ByOpenCv:
    """For processes that have no other use for torch, which takes a second and 200 MB to load."""

    def __init__(self, path: Path, least_score: float) -> None:
        """Read the network."""
        cv2.setNumThreads(1)
        self._net = cv2.FaceDetectorYN.create(
            str(path), "", (320, 320), least_score, OVERLAP_IOU, MOST_FACES
        )

    def rows(self, rgb: RgbImage) -> Rows:
        """Return the faces of one picture."""
        bgr = _padded(rgb, 1)
        self._net.setInputSize((bgr.shape[1], bgr.shape[0]))
        found = self._net.detect(bgr)[1]
        return np.zeros((0, 15)) if found is None else np.asarray(found, np.float64)


class ByTorch:
    """A third faster on a CPU, and on a GPU where there is one."""

    def __init__(self, path: Path, least_score: float) -> None:
        """Read the network."""
        from curation.steps.onnx_net import OnnxNet

        self._net, self._least = OnnxNet(path, _maps, 4 * CELL_PX), least_score

    def rows(self, rgb: RgbImage) -> Rows:
        """Return the faces of one picture."""
        maps = self._net(_padded(rgb, CELL_PX)[None])
        by_stride = [
            _decoded([maps[PARTS.index(part) * len(STRIDES) + i][0] for part in PARTS], stride,
                     self._least)
            for i, stride in enumerate(STRIDES)
        ]  # fmt: skip
        return _one_each(np.concatenate(by_stride), self._least)


def _padded(rgb: RgbImage, cell_px: int) -> RgbImage:
    """Return a picture as BGR, black below and to the right up to what the network takes."""
    h, w = rgb.shape[:2]
    tall, wide = (-(-max(side, LEAST_PX) // cell_px) * cell_px for side in (h, w))
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    return np.asarray(
        cv2.copyMakeBorder(bgr, 0, tall - h, 0, wide - w, cv2.BORDER_CONSTANT), np.uint8
    )


def _maps(graph: Graph) -> list[str]:
    """Return the names of the maps by part and stride, before they are laid out as lists."""
    return [graph.source(f"{part}_{stride}") for part in PARTS for stride in STRIDES]


def _decoded(maps: list[npt.NDArray[np.float32]], stride: int, least: float) -> Rows:
    """Return the rows of one stride as OpenCV's FaceDetectorYN makes them (face_detect.cpp)."""
    cls, obj, bbox, kps = maps
    score = np.sqrt(_sigmoid(cls[0]) * _sigmoid(obj[0]))
    r, c = np.nonzero(score >= least)
    at = np.stack([c, r], axis=1).astype(np.float32)
    box = bbox[:, r, c].T
    middle, size = (at + box[:, :2]) * stride, np.exp(box[:, 2:]) * stride
    points = (kps[:, r, c].T.reshape(-1, 5, 2) + at[:, None]) * stride
    low = middle - size / 2
    return np.concatenate(
        [low, size, points.reshape(-1, 10), score[r, c, None]], axis=1, dtype=np.float64
    )


def _sigmoid(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-x)), np.float32)


def _one_each(rows: Rows, least: float) -> Rows:
    """Return the rows without repeats, best first."""
    if len(rows) < 2:
        return rows
    boxes = np.trunc(rows[:, :4]).astype(int).tolist()
    kept = cv2.dnn.NMSBoxes(
        boxes, rows[:, 14].astype(np.float32).tolist(), least, OVERLAP_IOU, 1.0, MOST_FACES
    )
    return np.asarray(rows[np.asarray(kept, int).ravel()])
