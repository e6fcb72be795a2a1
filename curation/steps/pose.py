"""How the people stand: 33 keypoints each, in pixels of the whole picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

import numpy as np

from curation.params import PoseParams
from curation.records import Boxes, Measured
from curation.steps.base import Item, RgbImage, Step
from curation.steps.geometry import Size, area_px
from curation.steps.keypoints import JOINTS, Found, keypoint_box, mean_visibility, same_person


class Engine(Protocol):
    """Something that finds poses in one picture."""

    def find(self, rgb: RgbImage, people: Boxes, faces: Boxes) -> list[Found]:
        """Return every pose that was found, in any order, repeats included."""

    def close(self) -> None:
        """Let go of models."""


class Pose(Step):
    """Find the body keypoints of several people.

    Layout (n, 33, 4) is BlazePose's: 0 nose, 1-6 eyes, 7-8 ears, 9-10 mouth, 11-12 shoulders,
    13-22 arms and hands, 23-24 hips, 25-26 knees, 27-28 ankles, 29-32 feet; left is the
    person's left and comes first. Values are x_px, y_px, visibility, z_px. Points outside the
    picture are the model's guess; their visibility is kept as the model said it.
    """

    name = "pose"
    version = "2"
    produces: ClassVar[Mapping[str, type]] = {"n_poses": int}
    detects = True
    needs = ("people", "faces")
    weights = ("pose_landmarker", "yolo11n_pose")
    Params = PoseParams
    params: PoseParams

    def weight_names(self) -> tuple[str, ...]:
        """Return the weights of the chosen engine."""
        return self.weights[:1] if self.params.pose_engine == "mediapipe" else self.weights[1:]

    def setup(self) -> None:
        """Open the chosen engine."""
        self._engine = _engine(self.params)

    def close(self) -> None:
        """Let go of the engine."""
        self._engine.close()

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Return poses, largest first."""
        measured = []
        for item in items:
            people, faces = item.given["people"].boxes, item.given["faces"].boxes
            found = self._engine.find(item.rgb, people or Boxes.empty(), faces or Boxes.empty())
            size_wh = (item.rgb.shape[1], item.rgb.shape[0])
            boxes = _boxes(_distinct(found), size_wh, self.params.pose_people)
            measured.append(Measured({"n_poses": len(boxes)}, boxes))
        return measured


def _engine(params: PoseParams) -> Engine:
    if params.pose_engine == "ultralytics":
        from curation.steps.pose_ultralytics import UltralyticsEngine

        return UltralyticsEngine(params)
    from curation.steps.pose_mediapipe import MediaPipeEngine

    return MediaPipeEngine(params)


def _distinct(found: list[Found]) -> list[Found]:
    """Return the poses without repeats; of two on one person the better fitting stays."""
    kept: list[Found] = []
    for pose in sorted(found, key=lambda pose: -pose.fit):
        if not any(same_person(pose.keypoints, other.keypoints) for other in kept):
            kept.append(pose)
    return kept


def _boxes(found: list[Found], size_wh: Size, most: int) -> Boxes:
    rows = []
    for pose in found:
        box = keypoint_box(pose.keypoints, size_wh)
        if box is not None:
            rows.append((box, pose))
    rows.sort(key=lambda row: -float(area_px(row[0])))
    rows = rows[:most]
    if not rows:
        return Boxes.empty(JOINTS, 4)
    keypoints = np.stack([pose.keypoints for _, pose in rows]).astype(np.float32)
    return Boxes(
        np.stack([box for box, _ in rows]).astype(np.float32),
        np.array([mean_visibility(k, size_wh) for k in keypoints], np.float32),
        ("pose",) * len(rows),
        keypoints,
        tuple({"seed": pose.seed, "fit": round(pose.fit, 4)} for _, pose in rows),
    )
