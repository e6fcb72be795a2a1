"""Who the main face is: a vector that is near for the same person and far for another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import cv2
import numpy as np
import numpy.typing as npt

from curation import weights
from curation.records import Boxes, Measured
from curation.steps.base import Item, Step
from curation.steps.geometry import main_face
from curation.steps.landmark_shapes import similarity
from curation.steps.onnx_net import OnnxNet

DIMENSIONS = 128
LEAST_FACE_PX = 32
"""Short side of a face under which strangers look alike: no vector, not a guess."""
ALIGNED_PX = 112
TEMPLATE = np.array(
    [[38.29, 51.70], [73.53, 51.50], [56.03, 71.74], [41.55, 92.37], [70.73, 92.20]], np.float64
)
"""Where SFace wants eyes, nose and corners of the mouth in its 112-px square."""


class Identity(Step):
    """Describe the main face by SFace, aligned by the detector's five points.

    identity: (128,) float16 little-endian of unit length. Measured on 421 frames of 20 clips of
    different people: cosines of one person .83 in the middle and 1 % under .29 (turned heads), of
    two people .05 in the middle, 99.9 % under .34 and the largest .43.
    identity_px: side of the square in the picture that the aligned face was taken from; under
    112 the face was enlarged. Both are None without a face, or for one under 32 pixels.
    Source: Zhong et al. 2021, SFace: Sigmoid-Constrained Hypersphere Loss.
    """

    name = "identity"
    version = "1"
    produces: ClassVar[Mapping[str, type]] = {"identity": bytes, "identity_px": float}
    needs = ("faces",)
    weights = ("sface",)

    def setup(self) -> None:
        """Read the network."""
        cv2.setNumThreads(1)
        self._net = OnnxNet(weights.path_of("sface"), ("fc1",), ALIGNED_PX)

    def close(self) -> None:
        """Let go of the network."""
        del self._net

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Return the main face's vector; None where there is none to trust."""
        turns = [_turn(item) for item in items]
        aligned = [
            # As OpenCV's FaceRecognizerSF.alignCrop does.
            np.asarray(cv2.warpAffine(item.rgb, turn, (ALIGNED_PX, ALIGNED_PX)), np.uint8)
            for item, turn in zip(items, turns, strict=True)
            if turn is not None
        ]
        vectors = iter(self._net.in_parts(aligned)[0] if aligned else ())
        return [
            _measured(turn, None if turn is None else _unit(next(vectors))) for turn in turns
        ]


def _turn(item: Item) -> npt.NDArray[np.float64] | None:
    """Return the (2, 3) map from the picture to the aligned face, None for none to trust."""
    faces = item.given["faces"].boxes or Boxes.empty(5, 2)
    index = main_face(faces, (item.rgb.shape[1], item.rgb.shape[0]))
    if index is None or faces.keypoints is None:
        return None
    box, points = faces.xyxy_px[index], faces.keypoints[index].astype(np.float64)
    if float((box[2:] - box[:2]).min()) < LEAST_FACE_PX:
        return None
    turn = similarity(points, TEMPLATE)
    # Points that fall together give no direction.
    return turn if float(np.hypot(turn[0, 0], turn[1, 0])) > 0 else None


def _unit(raw: npt.NDArray[np.float32]) -> npt.NDArray[np.float16] | None:
    """Return (128,) of unit length, None where the network gives nothing finite."""
    length = float(np.linalg.norm(raw.astype(np.float64)))
    if not np.isfinite(length) or length <= 0:
        return None
    return (raw.astype(np.float64) / length).astype("<f2")


def _measured(
    turn: npt.NDArray[np.float64] | None, vector: npt.NDArray[np.float16] | None
) -> Measured:
    # A face of one colour has no vector.
    if turn is None or vector is None:
        return Measured({"identity": None, "identity_px": None})
    scale = float(np.hypot(turn[0, 0], turn[1, 0]))
    return Measured({"identity": bytes(vector.tobytes()), "identity_px": ALIGNED_PX / scale})
