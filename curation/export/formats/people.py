"""Detections as data sets of people want them: a person with 17 joints, and faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curation.export.plan import Item
from curation.store.exported import Box

JOINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee",
    "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
"""COCO's (Lin et al. 2014), in its order."""
FROM_33 = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
"""Where they are among MediaPipe's 33."""
SKELETON = (
    (16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9),
    (8, 10), (9, 11), (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7),
)  # fmt: skip
FLIP = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
"""Where each joint is in a mirrored picture."""
SEEN, GUESSED = 0.5, 0.1
"""Visibility from which a joint is visible (2), and labelled though hidden (1)."""
SAME = 0.3
"""Overlap of a skeleton with a person's box from which they are one person."""

Corners = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Thing:
    """One detection in a picture that leaves.

    Attributes:
        label: person or face.
        xyxy_px: in its pixels.
        joints: (17, 3) x, y, and COCO's 0 unlabelled, 1 hidden, 2 visible; None where nobody
            looked for them, or for a face.
    """

    label: str
    xyxy_px: Corners
    score: float
    joints: npt.NDArray[np.float64] | None = None


def things(item: Item, boxes: Sequence[Box]) -> list[Thing]:
    """Return persons, then faces of an item, where they lie in the picture that leaves.

    A skeleton belongs to the person's box that it overlaps most; one without a box has its own.
    """
    people = [(box, box.xyxy_px) for box in boxes if box.step == "people"]
    poses = [box for box in boxes if box.step == "pose"]
    joints: dict[int, Box] = {}
    alone: list[Box] = []
    for pose in sorted(poses, key=lambda box: -box.score):
        over = [_overlap(pose.xyxy_px, corners) if at not in joints else 0.0
                for at, (_, corners) in enumerate(people)]  # fmt: skip
        best = int(np.argmax(over)) if over else -1
        if best >= 0 and over[best] >= SAME:
            joints[best] = pose
        else:
            alone.append(pose)
    found = []
    for at, (box, _) in enumerate(people):
        found.append(_thing(item, "person", box, joints.get(at)))
    found += [_thing(item, "person", pose, pose) for pose in alone]
    found += [_thing(item, "face", box, None) for box in boxes if box.step == "faces"]
    return [one for one in found if one is not None]


def _thing(item: Item, label: str, box: Box, pose: Box | None) -> Thing | None:
    corners = item.cut.box(box)
    if corners is None:
        return None
    joints = None
    if pose is not None and pose.keypoints is not None:
        points = item.cut.points(pose.keypoints)
        points = points[list(FROM_33)] if len(points) == 33 else points[: len(JOINTS)]
        seen = np.select([points[:, 2] >= SEEN, points[:, 2] >= GUESSED], [2.0, 1.0], 0.0)
        joints = np.column_stack([points[:, :2] * (seen > 0)[:, None], seen])
    return Thing(label, corners, box.score, joints)


def _overlap(one: Corners, other: Corners) -> float:
    """Return the intersection over union of two boxes."""
    wide = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    tall = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    both = wide * tall
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return both / (areas - both) if areas > both else 0.0
