"""What a crop must know of a picture: faces, bodies, things and where the eye goes; numpy only.

All places are pixels of the upright picture at full size, boxes are left, top, right, bottom.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Box = tuple[float, float, float, float]

QUESTION, LOOK = "crop.scene", "scene:1"
"""Under which a look at a picture is kept, and which looker it was: see steps.scene."""
MAIN_FACE = 0.45
"""A face this high, as a share of the largest one, is one that the picture is about."""
VOUCHED = 0.5
"""A second detector's score from which a face counts as one that the picture is about."""
SURE_FACE = 0.85
"""YuNet's own score from which it needs nobody to vouch for it."""
LIKELY_FACE = 0.75
"""YuNet's own score from which what it sees alone is not cut either."""
HAIR = 0.42
"""Hair above a face box, in heights of the box, which YuNet begins at the middle of a forehead."""
SIDES = 0.14
"""Ears and hair beside a face box, in widths of the box."""
CHIN = 0.06
TORSO_FACES = 2.4
"""Shoulders to hips in heights of a face; see steps.framing."""
MAIN_BODY = 0.35
"""A body this high, as a share of the highest one, is one that the picture is about."""
SEEN = 0.5
"""Visibility from which a joint is taken to be where the pose says."""
GREAT_TURN = 0.32
"""How far a nose is from the middle of the eyes, in distances between them, at a half profile."""

LIMBS: tuple[tuple[int, int, float, float], ...] = (
    (11, 13, 0.45, 0.35), (12, 14, 0.45, 0.35),  # upper arms
    (13, 15, 0.6, 0.6), (14, 16, 0.6, 0.6),  # forearms
    (15, 19, 0.8, 0.9), (16, 20, 0.8, 0.9),  # hands
    (23, 25, 0.8, 0.12), (24, 26, 0.8, 0.12),  # thighs: their middle is the best place to cut
    (25, 27, 1.0, 0.6), (26, 28, 1.0, 0.6),  # shins
    (27, 31, 1.0, 1.0), (28, 32, 1.0, 1.0),  # feet
    (11, 23, 0.5, 0.1), (12, 24, 0.5, 0.1),  # sides of the torso: the waist is a good place
)  # fmt: skip
"""Joints of BlazePose that hang together, then how bad a cut is at an end and in the middle."""


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face.

    Attributes:
        box: as the detector gives it, forehead to chin.
        score, second: of the two detectors; second is None where only one was asked.
        points: (5, 2) right eye, left eye, nose, corners of the mouth; None where unknown.
        looks: which way it looks, where there are no points to tell.
    """

    box: Box
    score: float
    second: float | None = None
    points: Floats | None = None
    looks: float = 0.0

    @property
    def height(self) -> float:
        """Return the height of its box."""
        return self.box[3] - self.box[1]

    @property
    def head(self) -> Box:
        """Return the box with hair, ears and chin."""
        left, top, right, bottom = self.box
        wide, tall = right - left, bottom - top
        return (
            left - SIDES * wide, top - HAIR * tall, right + SIDES * wide, bottom + CHIN * tall,
        )  # fmt: skip

    @property
    def counts(self) -> bool:
        """Return whether both detectors, or one that is very sure, say that it is a face."""
        if self.second is None:
            return self.score >= SURE_FACE
        return self.second >= VOUCHED or (self.score >= SURE_FACE and self.second >= VOUCHED / 2)

    @property
    def is_likely(self) -> bool:
        """Return whether it may not be cut: all but what one detector half sees, alone."""
        return self.score >= LIKELY_FACE or self.second is None or self.second >= VOUCHED / 2

    @property
    def look(self) -> float:
        """Return which way it looks: -1 to the left of the picture, 0 at us, 1 to the right.

        By the nose's place between the eyes, along the line through them.
        """
        if self.points is None:
            return self.looks
        eyes, nose = self.points[:2], self.points[2]
        across = eyes[1] - eyes[0]
        apart = float(np.linalg.norm(across))
        # In profile the eyes lie on each other; then the box tells how large the face is.
        reach = max(apart, 0.25 * (self.box[2] - self.box[0]))
        if reach <= 0:
            return 0.0
        along = across / apart if apart > 0 else np.array([1.0, 0.0])
        off = float((nose - eyes.mean(axis=0)) @ along) / reach
        return float(np.clip(off / GREAT_TURN, -1, 1)) if abs(off) > 0.08 else 0.0

    @property
    def eyes_y(self) -> float:
        """Return the height of the eyes."""
        if self.points is None:
            return self.box[1] + 0.36 * self.height
        return float(self.points[:2, 1].mean())


@dataclass(frozen=True, slots=True)
class Body:
    """A person from head to foot, as far as the picture shows.

    Attributes:
        joints: (33, 3) x, y, visibility as of BlazePose; None where no pose was found.
    """

    box: Box
    score: float
    joints: Floats | None = None


    @property
    def has_head(self) -> Face | None:
        """Return about where its head is, as a face that nothing is known of; None if unknown."""
        left, top, right, bottom = self.box
        joints = self.joints
        if joints is None or joints[[0, 7, 8], 2].min() < SEEN:
            # Standing people are seven to eight heads high, sitting ones five.
            tall = (bottom - top) / 9
            middle = (left + right) / 2
            box = (middle - 0.4 * tall, top + HAIR * tall, middle + 0.4 * tall, top + 1.4 * tall)
            return Face(box, self.score) if bottom - top > 1.5 * (right - left) else None
        ears, nose = joints[[7, 8], :2].mean(axis=0), joints[0, :2]
        torso = float(np.linalg.norm(joints[[11, 12], :2].mean(axis=0)
                                     - joints[[23, 24], :2].mean(axis=0)))  # fmt: skip
        x, y = (float(v) for v in (ears + nose) / 2)
        tall = max(torso / TORSO_FACES, 1.0)
        box = (x - 0.4 * tall, y - 0.5 * tall, x + 0.4 * tall, y + 0.5 * tall)
        off = float(np.clip((nose[0] - ears[0]) / (0.4 * tall), -1, 1))
        return Face(box, self.score, looks=off if abs(off) > 0.3 else 0.0)


@dataclass(frozen=True, slots=True)
class Thing:
    """An animal or another thing that a picture can be about."""

    box: Box
    score: float
    name: str


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture as crops see it.

    Attributes:
        size_wh: upright, full size.
        heat: (h, w) float64, where the eye goes; its sum is 1, its size is any.
    """

    size_wh: tuple[int, int]
    heat: Floats
    faces: tuple[Face, ...] = ()
    bodies: tuple[Body, ...] = ()
    things: tuple[Thing, ...] = ()
    _main: tuple[Face, ...] = field(init=False, repr=False)
    _heads: tuple[Face, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Find out whom the picture is about."""
        main = _main_faces(self.faces, self.bodies)
        object.__setattr__(self, "_main", main)
        # Seen from behind, or too small for a face: where a body's head must be.
        bare = [b for b in self.main_bodies if not any(_wears(b, f) for f in self.faces)]
        found = (body.has_head for body in bare)
        object.__setattr__(self, "_heads", main or tuple(head for head in found if head))

    @property
    def main_faces(self) -> tuple[Face, ...]:
        """Return the faces that the picture is about, largest first."""
        return self._main

    @property
    def heads(self) -> tuple[Face, ...]:
        """Return the main faces, or where the heads of main bodies are when no face is seen."""
        return self._heads

    @property
    def main_bodies(self) -> tuple[Body, ...]:
        """Return the people that the picture is about, highest first."""
        tall = sorted(self.bodies, key=lambda body: (-_tall(body.box), body.box))
        return tuple(body for body in tall if _tall(body.box) >= MAIN_BODY * _tall(tall[0].box))


def _tall(box: Box) -> float:
    return box[3] - box[1]


def _wears(body: Body, face: Face) -> bool:
    """Return whether a face is where a body has its head: within the upper two fifths."""
    x, y = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
    left, top, right, bottom = body.box
    return left <= x <= right and top <= y <= top + 0.4 * (bottom - top)


def _main_faces(faces: Sequence[Face], bodies: Sequence[Body]) -> tuple[Face, ...]:
    """Return faces that detectors agree on, or that a body vouches for, largest first."""
    counted = [face for face in faces if face.counts or any(_wears(b, face) for b in bodies)]
    largest = sorted(counted, key=lambda face: (-face.height, face.box))
    return tuple(f for f in largest if f.height >= MAIN_FACE * largest[0].height)


def flat_heat() -> Floats:
    """Return the heat of a picture in which nothing stands out."""
    return np.full((8, 8), 1 / 64)


def pack_heat(heat: npt.NDArray[np.floating[Any]]) -> dict[str, Any]:
    """Return heat (h, w) as JSON: its size, and 8 bits for each place."""
    top = float(heat.max(initial=0.0))
    levels = np.rint(heat * (255 / top)) if top > 0 else np.full(heat.shape, 1.0)
    text = base64.b64encode(levels.astype(np.uint8).tobytes()).decode()
    return {"wh": [heat.shape[1], heat.shape[0]], "of255": text}


def unpack_heat(told: Mapping[str, Any]) -> Floats:
    """Return heat as `Scene` has it."""
    wide, tall = told["wh"]
    levels = np.frombuffer(base64.b64decode(told["of255"]), np.uint8).astype(np.float64)
    total = levels.sum()
    return (levels / total if total > 0 else levels + 1 / levels.size).reshape(tall, wide)


def scene_of(size_wh: Sequence[int], told: Mapping[str, Any]) -> Scene:
    """Return the scene of what a look at a picture told; see steps.scene.

    Args:
        told: {"faces": [{"xyxy", "score", "second", "points"}], "bodies": [{"xyxy", "score",
            "joints"}], "things": [{"xyxy", "score", "name"}], "heat": packed}, all in full-size
            pixels.
    """
    faces = [
        Face(_box(f["xyxy"]), f["score"], f.get("second"), _points(f.get("points")))
        for f in told.get("faces", ())
    ]
    bodies = [
        Body(_box(b["xyxy"]), b["score"], _points(b.get("joints"))) for b in told.get("bodies", ())
    ]
    things = [Thing(_box(t["xyxy"]), t["score"], t["name"]) for t in told.get("things", ())]
    heat = unpack_heat(told["heat"]) if told.get("heat") else flat_heat()
    size = (int(size_wh[0]), int(size_wh[1]))
    return Scene(size, heat, tuple(faces), tuple(bodies), tuple(things))


def _box(values: Sequence[float]) -> Box:
    left, top, right, bottom = (float(v) for v in values)
    return left, top, right, bottom


def _points(rows: Sequence[Sequence[float]] | None) -> Floats | None:
    return None if rows is None else np.array(rows, np.float64)
