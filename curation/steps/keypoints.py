"""The layout of body keypoints, and what follows from where they are; numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curation.records import Boxes
from curation.steps.geometry import Size, clip, grow, iou

JOINTS = 33
NOSE = 0
LEFT_SHOULDER, RIGHT_SHOULDER = 11, 12
LEFT_HIP, RIGHT_HIP = 23, 24
CORE = (NOSE, LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP)
SAME_POSE = 0.30
SEEN = 0.5
FACE_ROOM = 0.25

Keypoints = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Found:
    """One pose and where it was looked for.

    Attributes:
        keypoints: (33, 4) float32: x_px, y_px, visibility 0..1, z_px (depth about the hips,
            towards the camera negative; all 0 where the engine has none).
        seed: "person", "face" or "picture".
        fit: overlap of the pose with its seed, 0..1.
    """

    keypoints: Keypoints
    seed: str
    fit: float


def keypoint_box(keypoints: Keypoints, size_wh: Size, seen: float = SEEN) -> Keypoints | None:
    """Return the box (4,) of the keypoints seen inside the picture, or None where no two are."""
    w, h = size_wh
    x, y, visible = keypoints[:, 0], keypoints[:, 1], keypoints[:, 2]
    use = (visible >= seen) & (x >= 0) & (y >= 0) & (x < w) & (y < h)
    if use.sum() < 2:
        return None
    points = keypoints[use, :2]
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def mean_visibility(keypoints: Keypoints, size_wh: Size) -> float:
    """Return the mean visibility of the keypoints inside the picture, 0 where none is.

    Visibility of exactly 0 marks joints that the engine does not know; they do not count.
    """
    w, h = size_wh
    x, y, visible = keypoints[:, 0], keypoints[:, 1], keypoints[:, 2]
    use = (visible > 0) & (x >= 0) & (y >= 0) & (x < w) & (y < h)
    return float(np.clip(visible[use].mean(), 0, 1)) if use.any() else 0.0


def same_person(one: Keypoints, other: Keypoints) -> bool:
    """Tell whether two poses are one person: nose, shoulders and hips nearly coincide."""
    core = list(CORE)
    apart = float(np.linalg.norm(one[core, :2] - other[core, :2], axis=1).mean())
    head_apart = float(np.linalg.norm(one[NOSE, :2] - other[NOSE, :2]))
    reach = min(torso_px(one), torso_px(other))
    return apart < SAME_POSE * reach or head_apart < 0.15 * reach


def torso_px(keypoints: Keypoints) -> float:
    """Return how long a torso is, nose to hips, in pixels."""
    hips = keypoints[[LEFT_HIP, RIGHT_HIP], :2].mean(axis=0)
    return float(np.linalg.norm(keypoints[NOSE, :2] - hips))


def wears(keypoints: Keypoints, face_xyxy_px: npt.NDArray[np.float32]) -> bool:
    """Tell whether the nose of a pose lies in or near the box (4,) of a face."""
    (x, y), room = keypoints[NOSE, :2], grow(face_xyxy_px, FACE_ROOM)
    return bool(room[0] <= x <= room[2] and room[1] <= y <= room[3])


def wearers(people: Boxes, face_xyxy_px: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
    """Return the indices of person boxes with this face (4,) in their upper half."""
    x, y = (face_xyxy_px[:2] + face_xyxy_px[2:]) / 2
    left, top, right, bottom = people.xyxy_px.T
    inside = (left <= x) & (x <= right) & (top <= y) & (y <= (top + bottom) / 2)
    return np.flatnonzero(inside)


def fit(keypoints: Keypoints, box: Keypoints, size_wh: Size) -> float:
    """Return how well a pose fills the box it was looked for in: their overlap, 0..1.

    All joints count, seen or not, cut to the picture: a person box covers hidden legs too.
    """
    points = clip(np.tile(keypoints[:, :2], 2), size_wh)
    pose = np.concatenate([points[:, :2].min(axis=0), points[:, 2:].max(axis=0)])
    return float(iou(clip(grow(pose, 0.05), size_wh)[None], box[None])[0, 0])
