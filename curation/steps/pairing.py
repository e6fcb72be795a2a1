"""Which face, person box and pose belong to the same person; numpy only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from curation.records import Boxes
from curation.steps.geometry import (
    Size,
    body_below,
    clip,
    inside_share,
    main_face,
    prominence,
)
from curation.steps.keypoints import JOINTS, NOSE, fit, keypoint_box

NOSE_REACH = 0.6
"""How far the nose may be from the middle of its face, in face heights."""
LEAST_FIT = 0.2
FACELESS_LEAD = 2.0
"""How much more prominent someone without a face must be to outrank the main face's owner."""

SOFTER_COUNTS = 0.5
"""What each unit of S that a bystander's face is softer leaves of its height: out of focus is
background, whatever its size. People who pose together differ by 1.5 at most, and mostly by
less than 0.5; the audience behind a speaker by 0.8 to 3.3."""
CUT_COUNTS = 0.5
"""What a face that the picture's edge cuts counts: nobody frames a second subject like that."""

CREDIBLE_FACE = 0.85
STRONG_PERSON, FAIR_PERSON, CREDIBLE_FIT = 0.7, 0.4, 0.6
"""Scores and overlap from which a detection counts as somebody else in the picture."""


@dataclass(slots=True)
class Someone:
    """A person in the picture: indices of the detections that belong together."""

    face: int | None = None
    person: int | None = None
    pose: int | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """All detections of one picture of `size_wh` pixels."""

    size_wh: Size
    faces: Boxes = field(default_factory=Boxes.empty)
    people: Boxes = field(default_factory=Boxes.empty)
    poses: Boxes = field(default_factory=Boxes.empty)

    def points(self, pose: int) -> npt.NDArray[np.float32]:
        """Return the keypoints (33, 4) of one pose."""
        if self.poses.keypoints is None:
            return np.zeros((JOINTS, 4), np.float32)
        return np.asarray(self.poses.keypoints[pose], np.float32)

    def extent(self, one: Someone) -> npt.NDArray[np.float32]:
        """Return the box (4,) that a person takes up: detected, or implied by pose or face."""
        if one.person is not None:
            return np.asarray(self.people.xyxy_px[one.person], np.float32)
        if one.pose is not None:
            box = keypoint_box(self.points(one.pose), self.size_wh)
            return np.asarray(self.poses.xyxy_px[one.pose] if box is None else box, np.float32)
        below = body_below(self.faces.xyxy_px[one.face or 0])
        return np.asarray(clip(below, self.size_wh), np.float32)

    def score(self, one: Someone) -> float:
        """Return the best score of the detections that make up a person."""
        parts = ((self.faces, one.face), (self.people, one.person), (self.poses, one.pose))
        return max(float(boxes.score[i]) for boxes, i in parts if i is not None)


def everyone(scene: Scene) -> list[Someone]:
    """Return the people of a picture, each detection in exactly one of them."""
    found = [Someone(pose=i) for i in range(len(scene.poses))]
    for pose, face in _faces_of_poses(scene):
        found[pose].face = face
    for pose, person in _people_of_poses(scene):
        found[pose].person = person
    paired = {one.person for one in found}
    found += [Someone(person=i) for i in range(len(scene.people)) if i not in paired]
    for index, face in _faces_of_people(scene, found):
        found[index].face = face
    worn = {one.face for one in found}
    return found + [Someone(face=i) for i in range(len(scene.faces)) if i not in worn]


def main_one(scene: Scene, found: list[Someone]) -> Someone | None:
    """Return the main subject, or None in an empty picture.

    The owner of the main face, unless someone whose pose is known but whose face is not is far
    more prominent (area * centrality * score of what they take up): a back turned to the camera
    with a passer-by's face in the distance. A mere box does not outrank a face: detectors draw
    one around a table and the people at it.
    """
    if not found:
        return None
    extents = np.stack([scene.extent(one) for one in found])
    scores = np.array([scene.score(one) for one in found])
    weight = prominence(extents, scores, scene.size_wh)
    face = main_face(scene.faces, scene.size_wh)
    if face is None:
        return found[int(np.argmax(weight))]
    turned = [i for i, one in enumerate(found) if one.face is None and one.pose is not None]
    owner = next(i for i, one in enumerate(found) if one.face == face)
    rival = max(turned, key=lambda i: float(weight[i]), default=owner)
    return found[rival] if weight[rival] > FACELESS_LEAD * weight[owner] else found[owner]


@dataclass(frozen=True, slots=True)
class Others:
    """How present the most present other person is, as a share of the main one; 0 alone.

    Attributes:
        faced: among those whose face is seen: relative height, less where they are out of
            focus or cut by the picture's edge.
        faceless: among the rest: relative height of what they take up.
    """

    faced: float
    faceless: float


def others(
    scene: Scene,
    found: list[Someone],
    main: Someone,
    softer: Callable[[int, int], float],
) -> Others:
    """Return how present the other people are.

    Like is compared with like: face with face, else box with box, else pose with pose; faces
    first because boxes of people whom the picture cuts say little about their size. A box
    inside the main one's with no face or pose of its own is the main one again, and a faint
    box or a face that the second opinion denies is nobody.

    Args:
        softer: how many units of S the face with the first index is softer than that with the
            second, where both are seen at one size; 0 where neither can be judged.
    """
    faced = faceless = 0.0
    credible = [
        (_ratio(scene, other, main), other)
        for other in found
        if other is not main and _credible(scene, other) and not _same_again(scene, other, main)
    ]
    # Tallest first: nobody counts more than their height, so most faces need no look at pixels.
    for ratio, other in sorted(credible, key=lambda pair: -pair[0]):
        if other.face is None:
            faceless = max(faceless, ratio)
        elif ratio > faced:
            counts = ratio
            if _at_edge(scene.faces.xyxy_px[other.face], scene.size_wh):
                counts *= CUT_COUNTS
            if main.face is not None:
                counts *= SOFTER_COUNTS ** max(0.0, softer(other.face, main.face))
            faced = max(faced, counts)
    return Others(faced, faceless)


def _at_edge(box: npt.NDArray[np.float32], size_wh: Size) -> bool:
    """Tell whether a box that was cut to the picture ends at its edge."""
    low, high = box[:2], np.array(size_wh) - box[2:]
    return bool(min(*low, *high) < 1.0)


def _credible(scene: Scene, one: Someone) -> bool:
    """Tell whether someone is more than the noise of one detector.

    A face that the second opinion shares, or a strong one; a strong person box, or a fair one
    that a pose fills: parked motorcycles make fair boxes, and poses that fit them badly.
    """
    if one.face is not None:
        extra = None if scene.faces.extra is None else scene.faces.extra[one.face]
        seconded = extra is not None and extra.get("second") is not None
        if seconded or scene.faces.score[one.face] >= CREDIBLE_FACE:
            return True
    if one.person is None:
        return False
    score, box = scene.people.score[one.person], scene.people.xyxy_px[one.person]
    if one.pose is not None and fit(scene.points(one.pose), box, scene.size_wh) >= CREDIBLE_FIT:
        return bool(score >= FAIR_PERSON)
    return bool(score >= STRONG_PERSON)


def _ratio(scene: Scene, other: Someone, main: Someone) -> float:
    pairs = (
        (scene.faces, other.face, main.face),
        (scene.people, other.person, main.person),
        (scene.poses, other.pose, main.pose),
    )
    for boxes, i, j in pairs:
        if i is not None and j is not None:
            return _tall(boxes.xyxy_px[i]) / max(_tall(boxes.xyxy_px[j]), 1e-6)
    return _tall(scene.extent(other)) / max(_tall(scene.extent(main)), 1e-6)


def _tall(box: npt.NDArray[np.float32]) -> float:
    return float(box[3] - box[1])


def _same_again(scene: Scene, other: Someone, main: Someone) -> bool:
    if other.face is not None or other.pose is not None:
        return False
    one, whole = scene.extent(other)[None], scene.extent(main)[None]
    return bool(inside_share(one, whole)[0, 0] > 0.8)


def _faces_of_poses(scene: Scene) -> Iterator[tuple[int, int]]:
    """Pair each pose with the face whose middle is nearest to its nose."""
    cost = np.full((len(scene.poses), len(scene.faces)), np.inf)
    for i in range(len(scene.poses)):
        nose = scene.points(i)[NOSE, :2]
        for j, box in enumerate(scene.faces.xyxy_px):
            away = np.linalg.norm((box[:2] + box[2:]) / 2 - nose) / max(_tall(box), 1e-6)
            if away <= NOSE_REACH:
                cost[i, j] = away
    return _cheapest(cost)


def _people_of_poses(scene: Scene) -> Iterator[tuple[int, int]]:
    """Pair each pose with the person box that it fills best."""
    cost = np.full((len(scene.poses), len(scene.people)), np.inf)
    for i in range(len(scene.poses)):
        for j, box in enumerate(scene.people.xyxy_px):
            fills = fit(scene.points(i), box, scene.size_wh)
            if fills >= LEAST_FIT:
                cost[i, j] = -fills
    return _cheapest(cost)


def _faces_of_people(scene: Scene, found: list[Someone]) -> Iterator[tuple[int, int]]:
    """Pair people who have no face yet with faces in the upper half of their box."""
    worn = {one.face for one in found}
    cost = np.full((len(found), len(scene.faces)), np.inf)
    for i, one in enumerate(found):
        if one.face is not None or one.person is None or _sees_nose(scene, one):
            continue
        x0, y0, x1, y1 = scene.people.xyxy_px[one.person]
        for j, box in enumerate(scene.faces.xyxy_px):
            x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            if j not in worn and x0 <= x <= x1 and y0 <= y <= (y0 + y1) / 2:
                aside = abs(x - (x0 + x1) / 2) / (x1 - x0)
                cost[i, j] = aside + (y - y0) / (y1 - y0)
    return _cheapest(cost)


def _sees_nose(scene: Scene, one: Someone) -> bool:
    """Tell whether a pose knows where its face is, so that another face is not its own."""
    return one.pose is not None and bool(scene.points(one.pose)[NOSE, 2] >= 0.5)


def _cheapest(cost: npt.NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """Yield pairs (row, column) greedily from the cheapest, each row and column once."""
    cost = cost.copy()
    while cost.size and np.isfinite(cost).any():
        i, j = (int(v) for v in np.unravel_index(np.argmin(cost), cost.shape))
        yield i, j
        cost[i, :] = np.inf
        cost[:, j] = np.inf
