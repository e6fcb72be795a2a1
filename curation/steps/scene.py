"""What a crop must know of a picture, in one look: faces, bodies, animals, and where the eye goes.

The look's answer is JSON, read back by decide.crop_scene.scene_of. It is no Step of the catalogue:
it is asked of photos, by content, like the toolkit's detectors; see toolkit.finding. Raise
crop_scene.LOOK when the same picture would get another answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from curation.decide.crop_scene import pack_heat
from curation.params import FaceParams, PeopleParams, PoseParams
from curation.records import Boxes, Frame, Measured
from curation.steps.base import Item, RgbImage
from curation.steps.faces import Faces
from curation.steps.keypoints import fit
from curation.steps.objects import CocoDetector
from curation.steps.people import People
from curation.steps.pose import Pose

FACE_SEARCH_PX = 1024
BODY_PX = 1024
HEAT_PX, HEAT_FINE_PX, HEAT_KEPT_PX = 256, 1024, 64
LEAST_FACE, LEAST_PERSON, LEAST_THING = 0.6, 0.3, 0.35
SAME_BODY = 0.4
"""Overlap of a pose with a person box from which it is that person's."""
SUBJECTS = (
    "bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe",
    "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
)  # fmt: skip
"""Things that pictures are taken of."""

Grey = npt.NDArray[np.float32]


class SceneLooker:
    """Looks at pictures for crops; a `Looker` of toolkit.finding.

    Raises:
        WeightsMissing, StepUnavailable: saying what to fetch or install.
    """

    def __init__(self) -> None:
        """Open the models."""
        self._faces = Faces(
            FaceParams(face_size=FACE_SEARCH_PX, face_score=LEAST_FACE), light=True
        )
        self._people = People(PeopleParams(person_score=LEAST_PERSON))
        self._pose = Pose(PoseParams())
        for step in (self._faces, self._people, self._pose):
            step.setup()
        self._things = CocoDetector()

    def look(
        self, rgb: RgbImage, scale_xy: tuple[float, float], names: Sequence[str]
    ) -> Mapping[str, Any]:
        """Return faces, bodies, things and heat for each name, in pixels of the whole picture."""
        small, shrink = _shrunk(rgb, BODY_PX)
        to_full = np.array(scale_xy) / shrink
        item = Item(Frame(0, "", 0, 0, 0.0, Path(), small.shape[1], small.shape[0]), small)
        faces = self._faces([item])[0]
        people = self._people([item])[0]
        item.given.update(faces=faces, people=people)
        poses = self._pose([item])[0]
        found = {
            "faces": _faces(faces, to_full),
            "bodies": _bodies(people.boxes, poses.boxes, small.shape[:2], to_full),
            "things": self._seen(small, to_full),
            "heat": pack_heat(heat(rgb)),
        }
        return dict.fromkeys(names, found)

    def _seen(self, rgb: RgbImage, to_full: npt.NDArray[np.float64]) -> list[dict[str, Any]]:
        found = self._things.find(rgb, SUBJECTS)
        return [
            {"name": name, "score": round(score, 4), "xyxy": _px(box, to_full)}
            for name, rows in found.items()
            for score, *box in rows
            if score >= LEAST_THING
        ]

    def close(self) -> None:
        """Let go of the models."""
        for step in (self._faces, self._people, self._pose):
            step.close()
        self._things.close()


def open_looker() -> SceneLooker:
    """Return a looker, in a worker."""
    return SceneLooker()


def heat(rgb: RgbImage) -> Grey:
    """Return where the eye goes in a picture, (h, w) float32 from 0, at 64 px of longer side.

    Colour and light that stand out from their surroundings at three sizes (Itti, Koch and Niebur
    1998, centre and surround; in CIELAB as Achanta et al. 2009), and fine detail, which is where
    the lens was focused. Each counts by how few places it marks; what is common is no heat.
    """
    small = _shrunk(rgb, HEAT_PX)[0]
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    side = max(small.shape[:2])
    stands_out = np.zeros(small.shape[:2], np.float32)
    for around in (side / 4, side / 8, side / 16):
        near = cv2.GaussianBlur(lab, (0, 0), max(around / 8, 0.8), borderType=cv2.BORDER_REFLECT)
        far = cv2.GaussianBlur(lab, (0, 0), around, borderType=cv2.BORDER_REFLECT)
        stands_out += np.linalg.norm(near - far, axis=2).astype(np.float32)
    detail = cv2.resize(
        _detail(rgb), (small.shape[1], small.shape[0]), interpolation=cv2.INTER_AREA
    )
    both = np.asarray(_rare(stands_out) + 0.8 * _rare(detail), np.float32)
    smooth = cv2.GaussianBlur(both, (0, 0), side / 48, borderType=cv2.BORDER_REFLECT)
    smooth = np.maximum(smooth - np.percentile(smooth, 30), 0) + 1e-3
    return np.asarray(_shrunk(smooth, HEAT_KEPT_PX)[0], np.float32)


def _detail(rgb: RgbImage) -> Grey:
    grey = cv2.cvtColor(_shrunk(rgb, HEAT_FINE_PX)[0], cv2.COLOR_RGB2GRAY)
    grey = cv2.GaussianBlur(grey, (0, 0), 0.8).astype(np.float32)
    edges = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
    # A root, so that one hard edge is not all there is.
    return np.sqrt(np.asarray(cv2.boxFilter(edges, -1, (9, 9)), np.float32))


def _rare(values: Grey) -> Grey:
    """Return values at 0..1 of their 99th percentile, weighed up where few are high.

    (1 - mean)^2 as in Itti, Koch and Niebur's map normalisation.
    """
    low, high = (float(v) for v in np.percentile(values, (5, 99)))
    if high - low < 1e-6:
        return np.zeros_like(values)
    scaled = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(scaled * (1 - float(scaled.mean())) ** 2, np.float32)


def _shrunk(image: npt.NDArray[Any], longer_px: int) -> tuple[npt.NDArray[Any], float]:
    tall, wide = image.shape[:2]
    scale = longer_px / max(tall, wide)
    if scale >= 1:
        return image, 1.0
    size = (max(1, round(wide * scale)), max(1, round(tall * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA)), scale


def _faces(found: Measured, to_full: npt.NDArray[np.float64]) -> list[dict[str, Any]]:
    boxes = found.boxes
    if boxes is None or not len(boxes):
        return []
    extra = boxes.extra or ({},) * len(boxes)
    points = boxes.keypoints if boxes.keypoints is not None else [None] * len(boxes)
    return [
        {
            "xyxy": _px(box, to_full),
            "score": round(float(score), 4),
            # CenterFace was asked: what it does not see it denies.
            "second": round(float(more.get("second") or 0.0), 4),
            "points": None if five is None else np.round(five * to_full, 1).tolist(),
        }
        for box, score, more, five in zip(boxes.xyxy_px, boxes.score, extra, points, strict=True)
    ]


def _bodies(
    people: Boxes | None,
    poses: Boxes | None,
    size_hw: tuple[int, ...],
    to_full: npt.NDArray[np.float64],
) -> list[dict[str, Any]]:
    """Return people; a pose belongs to the person box that holds most of its joints."""
    boxes = Boxes.empty() if people is None else people
    joints: list[npt.NDArray[np.float32] | None] = [None] * len(boxes)
    size_wh = (size_hw[1], size_hw[0])
    for pose in [] if poses is None or poses.keypoints is None else poses.keypoints:
        fits = [fit(pose, box, size_wh) for box in boxes.xyxy_px]
        best = int(np.argmax(fits)) if fits else -1
        if best >= 0 and fits[best] >= SAME_BODY and joints[best] is None:
            joints[best] = pose
    return [
        {
            "xyxy": _px(box, to_full),
            "score": round(float(score), 4),
            "joints": _joints(pose, to_full),
        }
        for box, score, pose in zip(boxes.xyxy_px, boxes.score, joints, strict=True)
    ]


def _joints(
    pose: npt.NDArray[np.float32] | None, to_full: npt.NDArray[np.float64]
) -> list[list[float]] | None:
    if pose is None:
        return None
    xy, seen = pose[:, :2] * to_full, pose[:, 2]
    return [[round(float(x), 1), round(float(y), 1), round(float(s), 3)]
            for (x, y), s in zip(xy, seen, strict=True)]


def _px(box: Any, to_full: npt.NDArray[np.float64]) -> list[float]:
    return [round(float(v), 1) for v in np.asarray(box, np.float64) * np.tile(to_full, 2)]
