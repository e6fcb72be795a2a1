"""What the main subject and the whole picture look like, as short vectors; and which joints show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from curation import weights
from curation.params import SubjectParams
from curation.records import Measured, Value
from curation.steps.base import Item, RgbImage, Step
from curation.steps.embedding import Embedder
from curation.steps.geometry import grow, whole_pixels
from curation.steps.projection import Projection
from curation.steps.subject import CORNERS, inside_margin

Pixels = tuple[int, int, int, int]

PROJECTION = Path(__file__).with_name("heads") / "appearance.json"
INPUT_PX = 112
"""Side of the square the network sees: a quarter of the work of 224, and what is told apart here
is one person's frames, not breeds of dogs."""
PERSON_ROOM, FACE_ROOM = 0.06, 1.0
"""Space left on each side of a person box, and of a face without one, in sizes of the box."""
WHOLE_SHARE = 0.85
"""Share of the picture from which a subject's crop is the picture: one look is enough."""
SMALL_PX = 640
"""Longer side of the picture that `scene` is taken from; all steps share it. A subject's crop is
taken from the whole picture: half a pixel beside it at this size swaps some near copies."""
SURE = 0.9
"""Visibility from which a joint's place can be trusted: between two encodings of one frame, joints
of less visibility wander by half a torso, those above it by a twentieth."""


class Appearance(Step):
    """Describe the main subject, the whole picture, and which joints are in sight.

    appearance: 96 float16, unit length, of the main person with a little room; of the face and
    its surroundings where no person box is known; of the whole picture where there is nobody.
    scene: the same of the whole picture. The dot product of two is 1 for equal pictures, about
    0 for pictures that have nothing in common.
    joints_seen: bit j is set where joint j of the main pose is surely visible inside the picture;
    None without a pose. `pose_shape` of the subject step holds where those joints are.
    """

    name = "appearance"
    version = "1"
    produces: ClassVar[Mapping[str, type]] = {
        "appearance": bytes,
        "scene": bytes,
        "joints_seen": int,
    }
    needs = ("pose", "subject")
    weights = ("mobilenet_v2",)
    files = (PROJECTION,)
    Params = SubjectParams
    params: SubjectParams

    def setup(self) -> None:
        """Read the network and the projection."""
        self._embed = Embedder(weights.path_of("mobilenet_v2"), INPUT_PX)
        self._project = Projection(PROJECTION)

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Describe each picture."""
        crops: list[RgbImage] = []
        places: list[tuple[int, int]] = []
        for item in items:
            x0, y0, x1, y1 = subject_px(item.rgb, item.given["subject"].signals)
            h, w = item.rgb.shape[:2]
            whole = (x1 - x0) * (y1 - y0) >= WHOLE_SHARE * h * w
            scene = item.small(SMALL_PX)
            places.append((len(crops), len(crops) + (not whole)))
            crops += [scene] if whole else [item.rgb[y0:y1, x0:x1], scene]
        if not crops:
            return []
        vectors = self._project(self._embed(crops)).astype("<f2")
        return [
            Measured({
                "appearance": bytes(vectors[subject].tobytes()),
                "scene": bytes(vectors[scene].tobytes()),
                "joints_seen": self._joints(item),
            })
            for item, (subject, scene) in zip(items, places, strict=True)
        ]

    def _joints(self, item: Item) -> int | None:
        index = item.given["subject"].signals["pose_index"]
        boxes = item.given["pose"].boxes
        if index is None or boxes is None or boxes.keypoints is None:
            return None
        points = boxes.keypoints[int(index)]
        size_wh = (item.rgb.shape[1], item.rgb.shape[0])
        seen = inside_margin(points, size_wh, self.params.edge_margin)
        seen &= points[:, 2] >= max(SURE, self.params.keypoint_visibility)
        return sum(1 << int(joint) for joint in np.flatnonzero(seen))


def subject_px(rgb: RgbImage, subject: Mapping[str, Value]) -> Pixels:
    """Return the part of the picture that shows the main subject; all of it without one.

    Args:
        rgb: (h, w, 3) uint8.
        subject: signals of the subject step.
    """
    size_wh = (rgb.shape[1], rgb.shape[0])
    for name, room in (("person", PERSON_ROOM), ("face", FACE_ROOM)):
        box = _box(subject, name)
        if box is None:
            continue
        x0, y0, x1, y1 = whole_pixels(grow(box, room), size_wh)
        if x1 - x0 >= 8 and y1 - y0 >= 8:
            return x0, y0, x1, y1
    return 0, 0, *size_wh


def _box(subject: Mapping[str, Value], name: str) -> npt.NDArray[np.float64] | None:
    corners = [subject.get(f"{name}_{corner}") for corner in CORNERS]
    if any(corner is None for corner in corners):
        return None
    return np.array(corners, np.float64)
