"""What the main face does: eyes, mouth, and where it looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import cv2
import numpy as np
import numpy.typing as npt

from curation.records import Boxes, Measured, Value
from curation.steps.base import Item, RgbImage, Step
from curation.steps.geometry import grow, main_face, whole_pixels
from curation.steps.mptasks import Task

ROOM, TIGHT_ROOM = 0.5, 0.25
"""Space left around a face, in face sizes: 96.9 % of 357 faces are found, 97.5 % with both."""
LEAST_CROP_PX = 192
LEAST_LEAN_DEG = 15.0
UNKNOWN: dict[str, Value] = {
    "eye_open": None,
    "mouth_open": None,
    "yaw_deg": None,
    "pitch_deg": None,
    "roll_deg": None,
}


class Landmarks(Step):
    """Measure the main face with FaceLandmarker on its crop.

    eye_open: 1 minus the mean of the two blink blendshapes: under 0.5 shut, from 0.7 open. The
    eye aspect ratio follows it (r .93 to .99 on seven clips), but wide open is .28 for one
    person and .44 for another, where this is .88 and 1.
    mouth_open: the jawOpen blendshape, 0 to 1.
    yaw_deg, pitch_deg, roll_deg: turn of the head against the camera; yaw is positive when the
    face looks to the right of the picture, pitch when it looks up, roll when it leans
    clockwise. A face that leans too far to be found is turned upright and tried again.
    mesh: 1 where the landmark model found the face too; that it does not is evidence against
    the face.
    """

    name = "landmarks"
    version = "1"
    produces: ClassVar[Mapping[str, type]] = {
        "eye_open": float,
        "mouth_open": float,
        "yaw_deg": float,
        "pitch_deg": float,
        "roll_deg": float,
        "mesh": int,
    }
    needs = ("faces",)
    weights = ("face_landmarker",)

    def setup(self) -> None:
        """Open the model."""
        self._task = Task(
            "face_landmarker",
            "FaceLandmarker",
            num_faces=1,
            min_face_detection_confidence=0.3,
            min_face_presence_confidence=0.3,
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
        )

    def close(self) -> None:
        """Let go of the model."""
        self._task.close()

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Return the main face's values; all None where there is no face."""
        return [self._measure(item) for item in items]

    def _measure(self, item: Item) -> Measured:
        faces = item.given["faces"].boxes or Boxes.empty(5, 2)
        index = main_face(faces, (item.rgb.shape[1], item.rgb.shape[0]))
        if index is None:
            return Measured({**UNKNOWN, "mesh": None})
        box, lean_deg = faces.xyxy_px[index], _lean_deg(faces, index)
        answer = self._mesh(_crop(item.rgb, box, ROOM)) or self._mesh(
            _crop(item.rgb, box, TIGHT_ROOM)
        )
        if answer is not None:
            lean_deg = 0.0
        elif abs(lean_deg) >= LEAST_LEAN_DEG:
            answer = self._mesh(_upright_crop(item.rgb, box, lean_deg))
        if answer is None:
            return Measured({**UNKNOWN, "mesh": 0})
        shapes = {shape.category_name: float(shape.score) for shape in answer.face_blendshapes[0]}
        blink = (shapes["eyeBlinkLeft"] + shapes["eyeBlinkRight"]) / 2
        yaw, pitch, roll = head_angles_deg(answer.facial_transformation_matrixes[0])
        return Measured(
            {
                "eye_open": 1.0 - blink,
                "mouth_open": shapes["jawOpen"],
                "yaw_deg": yaw,
                "pitch_deg": pitch,
                "roll_deg": (roll + lean_deg + 180.0) % 360.0 - 180.0,
                "mesh": 1,
            }
        )

    def _mesh(self, crop: RgbImage) -> Any:
        """Return the model's answer for a face in the middle of the crop, or None."""
        answer = self._task.detect(crop)
        found = answer.face_landmarks and _is_the_face(answer.face_landmarks[0])
        return answer if found else None


def _lean_deg(faces: Boxes, index: int) -> float:
    """Return how far the line of the eyes leans, clockwise; 0 where it cannot be told."""
    if faces.keypoints is None:
        return 0.0
    (x0, y0), (x1, y1) = (faces.keypoints[index, eye] for eye in (0, 1))
    wide = float(faces.xyxy_px[index, 2] - faces.xyxy_px[index, 0])
    # In profile the eyes fall together and their line says nothing.
    if float(np.hypot(x1 - x0, y1 - y0)) < 0.2 * wide:
        return 0.0
    return float(np.degrees(np.arctan2(y1 - y0, x1 - x0)))


def _upright_crop(rgb: RgbImage, box: npt.NDArray[np.float32], lean_deg: float) -> RgbImage:
    """Return the square around a face, turned so that the eyes are level."""
    x, y = (float(v) for v in (box[:2] + box[2:]) / 2)
    side = float((box[2:] - box[:2]).max()) * (1 + 2 * ROOM)
    wide = round(max(side, LEAST_CROP_PX))
    turn = cv2.getRotationMatrix2D((x, y), lean_deg, wide / side)
    turn[:, 2] += (wide / 2 - x, wide / 2 - y)
    return np.asarray(cv2.warpAffine(rgb, turn, (wide, wide)), np.uint8)


def _crop(rgb: RgbImage, box: npt.NDArray[np.float32], room: float) -> RgbImage:
    """Return the square around a face with room on all sides, at least 192 pixels wide."""
    middle, half = (box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).max()) / 2
    square = grow(np.concatenate([middle - half, middle + half]), room)
    x0, y0, x1, y1 = whole_pixels(square, (rgb.shape[1], rgb.shape[0]))
    crop = rgb[y0:y1, x0:x1]
    scale = LEAST_CROP_PX / max(crop.shape[:2])
    if scale <= 1:
        return crop
    wide, tall = (max(1, round(v * scale)) for v in (x1 - x0, y1 - y0))
    return np.asarray(cv2.resize(crop, (wide, tall), interpolation=cv2.INTER_CUBIC), np.uint8)


def _is_the_face(points: Sequence[Any]) -> bool:
    """Tell whether the mesh sits in the middle of the crop and not on a neighbour."""
    x = float(np.mean([p.x for p in points]))
    y = float(np.mean([p.y for p in points]))
    return 0.2 <= x <= 0.8 and 0.2 <= y <= 0.8


def head_angles_deg(matrix: npt.NDArray[np.floating]) -> tuple[float, float, float]:
    """Return yaw, pitch and roll from a 4 x 4 face-to-camera matrix (x right, y up, z back).

    The rotation is taken apart as roll after pitch after yaw, Rz @ Rx @ Ry; pitch and roll
    change sign, because a picture counts downwards.
    """
    turn = np.asarray(matrix, np.float64)[:3, :3]
    turn = turn / np.linalg.norm(turn, axis=0, keepdims=True)
    pitch = -np.arcsin(np.clip(turn[2, 1], -1, 1))
    yaw = np.arctan2(-turn[2, 0], turn[2, 2])
    roll = np.arctan2(turn[0, 1], turn[1, 1])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))
