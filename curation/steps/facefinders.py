"""Faces with the four points that align them, by one of several engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from curation import weights
from curation.errors import StepUnavailable, WeightsMissing
from curation.params import FaceParams
from curation.records import Boxes, Frame
from curation.steps.base import Item, RgbImage
from curation.steps.centerface import WholePicture
from curation.steps.faces import Faces
from curation.steps.landmark_shapes import LEFT_EYE, RIGHT_EYE
from curation.steps.landmarks import Landmarks

EngineName = Literal["mediapipe", "yunet", "centerface", "dlib"]
Points = npt.NDArray[np.float64]

LEAST_SCORE: dict[str, float] = {"mediapipe": 0.6, "yunet": 0.6, "centerface": 0.5, "dlib": 0.5}
"""What an engine answers at all; see FaceFinder."""
WEIGHTS: dict[str, tuple[str, ...]] = {
    "mediapipe": ("yunet", "face_landmarker"),
    "yunet": ("yunet",),
    "centerface": ("centerface",),
    "dlib": ("face_landmarker",),
}
MOUTH_CORNERS = (61, 291)
DLIB_POINTS = 68
DLIB_RIGHT_EYE, DLIB_LEFT_EYE = slice(36, 42), slice(42, 48)
DLIB_MOUTH = (48, 54)
DLIB_SMALL_PX = 1000
"""Longer side under which dlib looks at a picture twice as large: it finds faces from 80 px."""


@dataclass(frozen=True, slots=True)
class Face:
    """A face in pixels of the picture.

    Attributes:
        box: left, top, right, bottom.
        points: (4, 2) right eye, left eye, right and left corner of the mouth, the person's own.
    """

    score: float
    box: tuple[float, float, float, float]
    points: Points


class FaceFinder(Protocol):
    """An engine. Scores are its own: YuNet's and CenterFace's in 0..1, of dlib 1 / (1 + e^-s)."""

    def find(self, rgb: RgbImage) -> list[Face]:
        """Return all faces in a picture (h, w, 3) uint8, in any order."""

    def close(self) -> None:
        """Let go of the models."""


class YuNet:
    """Faces and points by YuNet (Wu et al. 2023).

    Args:
        search_px: longer side that is searched.
    """

    def __init__(self, search_px: int) -> None:
        """Read the network."""
        score = LEAST_SCORE["yunet"]
        params = FaceParams(face_size=search_px, face_score=score, second_opinion=False)
        self._step = Faces(params, light=True)
        self._step.setup()

    def boxes(self, rgb: RgbImage) -> Boxes:
        """Return faces with five keypoints; see steps.faces."""
        h, w = rgb.shape[:2]
        frame = Frame(0, "", 0, 0, 0.0, Path(), w, h)
        return self._step([Item(frame, rgb)])[0].boxes or Boxes.empty(5, 2)

    def find(self, rgb: RgbImage) -> list[Face]:
        """Return all faces."""
        found = self.boxes(rgb)
        if found.keypoints is None:
            return []
        points = found.keypoints[:, [0, 1, 3, 4]].astype(np.float64)
        return [
            _face(score, box, four)
            for score, box, four in zip(found.score, found.xyxy_px, points, strict=True)
        ]

    def close(self) -> None:
        """Let go of the network."""
        self._step.close()


class MediaPipe:
    """Faces that YuNet finds and FaceLandmarker confirms; points from its mesh of 478.

    FaceLandmarker's own search is for selfies: it misses faces under a tenth of the picture.
    """

    def __init__(self, search_px: int) -> None:
        """Open both models."""
        self._finder, self._mesh = YuNet(search_px), _Mesh()

    def find(self, rgb: RgbImage) -> list[Face]:
        """Return all faces that have a mesh."""
        found = []
        for face in self._finder.find(rgb):
            points = self._mesh.points(rgb, face.box, face.points[1] - face.points[0])
            if points is not None:
                found.append(Face(face.score, face.box, points))
        return found

    def close(self) -> None:
        """Let go of both."""
        self._finder.close()
        self._mesh.close()


class CenterFace:
    """Faces and points by CenterFace (Xu et al. 2019)."""

    def __init__(self) -> None:
        """Read the network."""
        cv2.setNumThreads(1)
        self._net = WholePicture(weights.path_of("centerface"))

    def find(self, rgb: RgbImage) -> list[Face]:
        """Return all faces."""
        boxes, scores, points = self._net.find(rgb, LEAST_SCORE["centerface"])
        order = (0, 1, 3, 4)
        return [_face(s, b, p[[*order]]) for s, b, p in zip(scores, boxes, points, strict=True)]

    def close(self) -> None:
        """Let go of the network."""
        del self._net


class Dlib:
    """Faces by dlib's HOG detector (King 2009, Dlib-ml), which comes with its package.

    Args:
        points_file: a shape predictor of 68 points; without it the points are FaceLandmarker's.

    Raises:
        StepUnavailable: dlib is not installed.
        WeightsMissing: the file is no such predictor.
    """

    def __init__(self, points_file: Path | None = None) -> None:
        """Open the detector."""
        try:
            import dlib
        except ImportError as error:
            raise StepUnavailable(
                f"dlib cannot be loaded: {error}", 'pip install ".[dlib]" in the clone'
            ) from error
        self._dlib: Any = dlib
        self._detector = dlib.get_frontal_face_detector()
        self._shape: Any = None
        self._mesh: _Mesh | None = None
        if points_file is None:
            self._mesh = _Mesh()
            return
        try:
            self._shape = dlib.shape_predictor(str(points_file))
        except RuntimeError as error:
            raise WeightsMissing(f"{points_file} is no shape predictor of dlib") from error

    def find(self, rgb: RgbImage) -> list[Face]:
        """Return all faces that have points."""
        twice = int(max(rgb.shape[:2]) < DLIB_SMALL_PX)
        boxes, scores, _ = self._detector.run(np.ascontiguousarray(rgb), twice, 0.0)
        found = []
        for at, score in zip(boxes, scores, strict=True):
            box = np.array([at.left(), at.top(), at.right() + 1, at.bottom() + 1], np.float64)
            points = self._points(rgb, at, box)
            if points is not None:
                found.append(_face(1 / (1 + np.exp(-score)), box, points))
        return found

    def _points(self, rgb: RgbImage, at: Any, box: Points) -> Points | None:
        if self._mesh is not None:
            return self._mesh.points(rgb, box, None)
        shape = self._shape(rgb, at)
        if shape.num_parts != DLIB_POINTS:
            raise WeightsMissing(
                f"the shape predictor places {shape.num_parts} points; {DLIB_POINTS} are needed",
                "give the one of 68 points, or leave it out",
            )
        all_points = np.array([(p.x, p.y) for p in shape.parts()], np.float64)
        eyes = [all_points[eye].mean(axis=0) for eye in (DLIB_RIGHT_EYE, DLIB_LEFT_EYE)]
        return np.array([*eyes, *all_points[[*DLIB_MOUTH]]])

    def close(self) -> None:
        """Let go of the models."""
        if self._mesh is not None:
            self._mesh.close()


class _Mesh:
    """FaceLandmarker's mesh as the four points."""

    def __init__(self) -> None:
        self._step = Landmarks()
        self._step.setup()

    def points(
        self, rgb: RgbImage, box: Sequence[float] | Points, across: Points | None
    ) -> Points | None:
        """Return (4, 2) points of the face in a box; None when there is no mesh.

        Args:
            across: from the right eye to the left one, where a detector told.
        """
        lean = 0.0 if across is None else float(np.degrees(np.arctan2(across[1], across[0])))
        mesh = self._step.place(rgb, np.asarray(box, np.float32), lean)
        if mesh is None:
            return None
        eyes = [mesh[[*eye]].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE)]
        return np.array([*eyes, *mesh[[*MOUTH_CORNERS]]])

    def close(self) -> None:
        self._step.close()


def _face(score: float, box: Any, points: Points) -> Face:
    left, top, right, bottom = (float(v) for v in box)
    return Face(float(score), (left, top, right, bottom), np.asarray(points, np.float64))


def open_finder(
    engine: EngineName, search_px: int = 640, points_file: Path | None = None
) -> FaceFinder:
    """Return an engine with its models loaded.

    Raises:
        StepUnavailable, WeightsMissing: saying what to install or fetch.
    """
    if engine == "dlib":
        return Dlib(points_file)
    if engine == "centerface":
        return CenterFace()
    return MediaPipe(search_px) if engine == "mediapipe" else YuNet(search_px)
