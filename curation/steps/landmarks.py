"""What the main face does: eyes, mouth, expression, and where it looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
import numpy.typing as npt

from curation.records import Boxes, Measured, Value
from curation.steps.base import Item, RgbImage, Step
from curation.steps.geometry import grow, main_face, whole_pixels
from curation.steps.landmark_shapes import (
    Points,
    eye_aspect,
    face_patch,
    face_shape,
    inside_share,
    mouth_aspect,
)
from curation.steps.mptasks import Task

ROOM, TIGHT_ROOM = 0.5, 0.25
"""Space left around a face, in face sizes: 96.9 % of 357 faces are found, 97.5 % with both."""
LEAST_CROP_PX = 192
LEAST_LEAN_DEG = 15.0


class Landmarks(Step):
    """Measure the main face with FaceLandmarker on its crop.

    eye_open: 1 minus the mean of the two blink blendshapes: under 0.5 shut, from 0.7 open. The
    eye aspect ratio follows it (r .93 to .99 on seven clips), but wide open is .28 for one
    person and .44 for another, where this is .88 and 1.
    mouth_open: the jawOpen blendshape, 0 to 1.
    smile: the mean of the two mouthSmile blendshapes, 0 to 1.
    yaw_deg, pitch_deg, roll_deg: turn of the head against the camera; yaw is positive when the
    face looks to the right of the picture, pitch when it looks up, roll when it leans
    clockwise. A face that leans too far to be found is turned upright and tried again.
    eye_aspect, mouth_aspect: height over width of the eyes (their mean) and of the lips' opening.
    face_inside: share of the face mesh inside the picture; the mesh goes on past the edge.
    expression: (52,) float16, all blendshapes in the model's order.
    face_shape: (134, 2) float16, mesh points in the face's box as -1..1; see landmark_shapes.
    face_patch: (40, 40) grey, deflated: the face and what is around it, upright at one size; also
    of a face without a mesh. The last three tell over time whether a face lives or is a picture
    (decide/flatness.py).
    mesh: 1 where the landmark model found the face too; that it does not is evidence against
    the face.
    """

    name = "landmarks"
    version = "2"
    produces: ClassVar[Mapping[str, type]] = {
        "eye_open": float,
        "mouth_open": float,
        "smile": float,
        "yaw_deg": float,
        "pitch_deg": float,
        "roll_deg": float,
        "eye_aspect": float,
        "mouth_aspect": float,
        "face_inside": float,
        "expression": bytes,
        "face_shape": bytes,
        "face_patch": bytes,
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

    def place(
        self, rgb: RgbImage, box: npt.NDArray[np.float32], lean_deg: float = 0.0
    ) -> Points | None:
        """Return the (478, 2) mesh of the face in a box, in pixels; None where none is seen.

        Args:
            lean_deg: how far the line of the eyes leans, clockwise, where a detector tells.
        """
        found = self._mesh(rgb, box, lean_deg)
        return None if found is None else found.points_px

    def _measure(self, item: Item) -> Measured:
        faces = item.given["faces"].boxes or Boxes.empty(5, 2)
        index = main_face(faces, (item.rgb.shape[1], item.rgb.shape[0]))
        unknown: dict[str, Value] = dict.fromkeys(self.produces)
        if index is None:
            return Measured(unknown)
        patch = None if faces.keypoints is None else face_patch(
            item.rgb, faces.keypoints[index].astype(np.float64)
        )
        lean_deg = _lean_deg(faces, index)
        mesh = self._mesh(item.rgb, faces.xyxy_px[index], lean_deg)
        if mesh is None:
            return Measured({**unknown, "face_patch": patch, "mesh": 0})
        shapes = mesh.shapes
        yaw, pitch, roll = head_angles_deg(mesh.turn)
        expression = np.fromiter(shapes.values(), np.float64).astype("<f2")
        return Measured(
            {
                "eye_open": 1.0 - (shapes["eyeBlinkLeft"] + shapes["eyeBlinkRight"]) / 2,
                "mouth_open": shapes["jawOpen"],
                "smile": (shapes["mouthSmileLeft"] + shapes["mouthSmileRight"]) / 2,
                "yaw_deg": yaw,
                "pitch_deg": pitch,
                "roll_deg": (roll + mesh.turned_deg + 180.0) % 360.0 - 180.0,
                "eye_aspect": eye_aspect(mesh.points_px),
                "mouth_aspect": mouth_aspect(mesh.points_px),
                "face_inside": inside_share(mesh.points_px, (item.rgb.shape[1], item.rgb.shape[0])),
                "expression": bytes(expression.tobytes()),
                "face_shape": face_shape(mesh.points_px),
                "face_patch": patch,
                "mesh": 1,
            }
        )

    def _mesh(
        self, rgb: RgbImage, box: npt.NDArray[np.float32], lean_deg: float
    ) -> _Mesh | None:
        """Return the mesh of the face in a box: with room, closer, then turned upright."""
        for room in (ROOM, TIGHT_ROOM):
            found = self._look(_crop(rgb, box, room))
            if found is not None:
                return found
        if abs(lean_deg) < LEAST_LEAN_DEG:
            return None
        return self._look(_upright_crop(rgb, box, lean_deg))

    def _look(self, view: _View) -> _Mesh | None:
        """Return the mesh of a face in the middle of the view, or None."""
        answer = self._task.detect(view.rgb)
        if not answer.face_landmarks:
            return None
        points = np.array([(p.x, p.y) for p in answer.face_landmarks[0]], np.float64)
        # Or it is the mesh of a neighbour.
        middle = points.mean(axis=0)
        if (middle < 0.2).any() or (middle > 0.8).any():
            return None
        return _Mesh(
            points @ view.to_px[:, :2].T + view.to_px[:, 2],
            {shape.category_name: float(shape.score) for shape in answer.face_blendshapes[0]},
            np.asarray(answer.facial_transformation_matrixes[0], np.float64),
            view.turned_deg,
        )


@dataclass(frozen=True, slots=True)
class _View:
    """A crop, and the (2, 3) map from its 0..1 coordinates to pixels of the picture."""

    rgb: RgbImage
    to_px: Points
    turned_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class _Mesh:
    """A face mesh in pixels of the picture, its blendshapes by name, and the head's turn."""

    points_px: Points
    shapes: dict[str, float]
    turn: Points
    turned_deg: float


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


def _upright_crop(rgb: RgbImage, box: npt.NDArray[np.float32], lean_deg: float) -> _View:
    """Return the square around a face, turned so that the eyes are level."""
    x, y = (float(v) for v in (box[:2] + box[2:]) / 2)
    side = float((box[2:] - box[:2]).max()) * (1 + 2 * ROOM)
    wide = round(max(side, LEAST_CROP_PX))
    turn = cv2.getRotationMatrix2D((x, y), lean_deg, wide / side)
    turn[:, 2] += (wide / 2 - x, wide / 2 - y)
    back = np.asarray(cv2.invertAffineTransform(turn), np.float64) * (wide, wide, 1)
    return _View(np.asarray(cv2.warpAffine(rgb, turn, (wide, wide)), np.uint8), back, lean_deg)


def _crop(rgb: RgbImage, box: npt.NDArray[np.float32], room: float) -> _View:
    """Return the square around a face with room on all sides, at least 192 pixels wide."""
    middle, half = (box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).max()) / 2
    square = grow(np.concatenate([middle - half, middle + half]), room)
    x0, y0, x1, y1 = whole_pixels(square, (rgb.shape[1], rgb.shape[0]))
    to_px = np.array([[x1 - x0, 0, x0], [0, y1 - y0, y0]], np.float64)
    crop = rgb[y0:y1, x0:x1]
    scale = LEAST_CROP_PX / max(crop.shape[:2])
    if scale <= 1:
        return _View(crop, to_px)
    wide, tall = (max(1, round(v * scale)) for v in (x1 - x0, y1 - y0))
    large = cv2.resize(crop, (wide, tall), interpolation=cv2.INTER_CUBIC)
    return _View(np.asarray(large, np.uint8), to_px)


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
