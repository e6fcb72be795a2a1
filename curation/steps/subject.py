"""Who the frame is about, and how much of that person is in the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from curation.params import SubjectParams
from curation.records import Boxes, Measured, Value
from curation.steps.base import Item, RgbImage, Step
from curation.steps.focus_features import FACE_PX, LEAST_SIDE_PX, face_square, grey_crop, sharpness
from curation.steps.framing import HEAD, face_cut, foot_out, head_rise, head_torsos, torso_share
from curation.steps.geometry import Size, area_px, clip, grow, iou
from curation.steps.keypoints import (
    LEFT_HIP,
    LEFT_SHOULDER,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    keypoint_box,
    mean_visibility,
)
from curation.steps.pairing import Scene, Someone, everyone, main_one, others

SIDES = {
    "shoulder": (LEFT_SHOULDER, RIGHT_SHOULDER),
    "hip": (LEFT_HIP, RIGHT_HIP),
    "knee": (25, 26),
    "ankle": (27, 28),
}
BOTH = ("shoulder", "hip", "ankle")
CORNERS = ("x0", "y0", "x1", "y1")
ROOM_AROUND_KEYPOINTS = 0.1
FLAT_SHOULDERS_PER_TORSO = 0.6
"""Shoulder width seen square on, in torso lengths: what a flat pose is compared with."""

Points = npt.NDArray[np.float32]


class Subject(Step):
    """Merge faces, people and poses into the main subject's columns.

    Looks at pixels only to tell who is in focus where several faces are seen. Coordinates are
    pixels of the stored picture; `*_frac` are shares of it; None where the subject lacks the part.
    """

    name = "subject"
    version = "2"
    produces: ClassVar[Mapping[str, type]] = {
        "face_index": int,
        "face_x0": float,
        "face_y0": float,
        "face_x1": float,
        "face_y1": float,
        "face_score": float,
        "face_second": float,
        "face_height_frac": float,
        "face_area_frac": float,
        "person_x0": float,
        "person_y0": float,
        "person_x1": float,
        "person_y1": float,
        "person_score": float,
        "pose_index": int,
        "pose_score": float,
        "pose_agreement": float,
        "pose_x0": float,
        "pose_y0": float,
        "pose_x1": float,
        "pose_y1": float,
        "vis_head": float,
        "vis_shoulder": float,
        "vis_hip": float,
        "vis_knee": float,
        "vis_ankle": float,
        "vis_shoulder_both": float,
        "vis_hip_both": float,
        "vis_ankle_both": float,
        "below_shoulder_faces": float,
        "torso_share": float,
        "head_torsos": float,
        "head_rise": float,
        "shoulder_hip_ratio": float,
        "frontal": float,
        "other_height_ratio": float,
        "other_body_ratio": float,
        "cut_head": int,
        "cut_feet": int,
        "cut_side": int,
        "pose_shape": bytes,
    }
    needs = ("faces", "people", "pose")
    Params = SubjectParams
    params: SubjectParams

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Return the main subject's columns; all None in an empty picture."""
        return [Measured(self._columns(scene_of(item), item.rgb)) for item in items]

    def _columns(self, scene: Scene, rgb: RgbImage) -> Mapping[str, Value]:
        columns: dict[str, Value] = dict.fromkeys(self.produces)
        found = everyone(scene)
        main = main_one(scene, found)
        if main is None:
            return columns
        present = others(scene, found, main, partial(softer, rgb, scene.faces.xyxy_px))
        columns["other_height_ratio"] = present.faced
        columns["other_body_ratio"] = present.faceless
        if main.face is not None:
            columns.update(_face_columns(scene, main.face))
        if main.pose is not None:
            columns.update(self._pose_columns(scene, main, main.pose))
        columns.update(_person_columns(scene, main))
        columns.update(self._cut_columns(scene, main))
        return columns

    def _pose_columns(self, scene: Scene, main: Someone, pose: int) -> dict[str, Value]:
        points = scene.points(pose)
        inside = inside_margin(points, scene.size_wh, self.params.edge_margin)
        seen = np.where(inside, points[:, 2], 0.0)
        columns: dict[str, Value] = {
            "pose_index": pose,
            "pose_score": mean_visibility(points, scene.size_wh),
            "pose_agreement": agreement(scene, main, pose),
            "vis_head": float(seen[list(HEAD)].max()),
            "pose_shape": pose_shape(points),
            "frontal": frontal(points),
            "shoulder_hip_ratio": shoulder_hip_ratio(points),
            "head_torsos": head_torsos(points),
        }
        if main.person is not None:
            columns["head_rise"] = head_rise(points, scene.people.xyxy_px[main.person])
        for part, sides in SIDES.items():
            columns[f"vis_{part}"] = float(seen[list(sides)].max())
            if part in BOTH:
                columns[f"vis_{part}_both"] = float(seen[list(sides)].min())
        counted = inside & (points[:, 2] >= self.params.keypoint_visibility)
        if counted.any():
            xy = points[counted, :2]
            columns.update(_corners("pose", np.concatenate([xy.min(axis=0), xy.max(axis=0)])))
        tall: float | None = None
        if main.face is not None:
            face = scene.faces.xyxy_px[main.face]
            shoulder_y = float(points[[LEFT_SHOULDER, RIGHT_SHOULDER], 1].mean())
            tall = max(float(face[3] - face[1]), 1.0)
            columns["below_shoulder_faces"] = (scene.size_wh[1] - shoulder_y) / tall
        columns["torso_share"] = torso_share(points, tall, scene.size_wh)
        return columns

    def _cut_columns(self, scene: Scene, main: Someone) -> dict[str, Value]:
        """Return which sides of the picture cut the subject, as 0 or 1.

        The head is cut where its face is, or, with no face to be seen, where the person or a
        keypoint of the head touches the top. The feet are cut where the body reaches the bottom
        and no ankle is seen, or where the pose goes on outside the picture.
        """
        w, h = scene.size_wh
        margin_x, margin_y = w * self.params.edge_margin, h * self.params.edge_margin
        left, top, right, bottom = (float(v) for v in scene.extent(main))
        points = None if main.pose is None else scene.points(main.pose)
        ankles = out = False
        if points is not None:
            inside = inside_margin(points, scene.size_wh, self.params.edge_margin)
            seen = inside & (points[:, 2] >= self.params.keypoint_visibility)
            ankles = bool(seen[list(SIDES["ankle"])].any())
            out = foot_out(points, scene.size_wh)
        if main.face is not None:
            keypoints = scene.faces.keypoints
            of_face = None if keypoints is None else keypoints[main.face]
            head = face_cut(scene.faces.xyxy_px[main.face], of_face, scene.size_wh)
        else:
            head = top <= margin_y
            if points is not None:
                head |= float(points[list(HEAD), 1].min()) <= margin_y
        return {
            "cut_head": int(head),
            "cut_feet": int(out or (bottom >= h - margin_y and not ankles)),
            "cut_side": int(left <= margin_x or right >= w - margin_x),
        }


def scene_of(item: Item) -> Scene:
    """Return what the detectors found in a frame."""
    boxes = (item.given[name].boxes or Boxes.empty() for name in ("faces", "people", "pose"))
    return Scene((item.rgb.shape[1], item.rgb.shape[0]), *boxes)


def softer(rgb: RgbImage, faces_xyxy_px: Points, one: int, other: int) -> float:
    """Return how much softer a face is than another, in units of S; 0 where one is too small.

    Both are seen at the size of the smaller: a small face that was enlarged is soft without
    being out of focus.
    """
    squares = [face_square(faces_xyxy_px[face]) for face in (one, other)]
    sides = [float(square[2] - square[0]) for square in squares]
    side = min(*sides, FACE_PX)
    if side < LEAST_SIDE_PX:
        return 0.0
    mine, theirs = (
        grey_crop(rgb, square, (side + 0.5) / full)
        for square, full in zip(squares, sides, strict=True)
    )
    return 0.0 if mine is None or theirs is None else sharpness(theirs) - sharpness(mine)


def inside_margin(points: Points, size_wh: Size, margin: float) -> npt.NDArray[np.bool_]:
    """Return which keypoints are in the picture, further from its edge than the margin."""
    w, h = size_wh
    x, y = points[:, 0] / w, points[:, 1] / h
    return np.asarray((x > margin) & (x < 1 - margin) & (y > margin) & (y < 1 - margin))


def agreement(scene: Scene, main: Someone, pose: int) -> float:
    """Return how well other detectors support a pose, 0..1.

    The better of the overlap with the best person box and the score of the face it wears:
    BlazePose alone draws bodies on ships and bridges, where neither detector answers.
    """
    support = [0.0]
    box = keypoint_box(scene.points(pose), scene.size_wh)
    if box is not None and len(scene.people):
        grown = clip(grow(box, ROOM_AROUND_KEYPOINTS), scene.size_wh)
        support.append(float(iou(grown[None], scene.people.xyxy_px).max()))
    if main.face is not None:
        support.append(float(scene.faces.score[main.face]))
    return max(support)


def frontal(points: Points) -> float | None:
    """Return how squarely the shoulders face the camera: 1 square, 0 in profile or from behind.

    The left shoulder of someone who faces the camera is on the right of the picture. With
    depth it is the cosine of the turn; without, the shoulder width in torso lengths.
    """
    apart = points[LEFT_SHOULDER] - points[RIGHT_SHOULDER]
    across, depth = float(apart[0]), float(apart[3])
    if across <= 0:
        return 0.0
    if np.any(points[:, 3] != 0):
        return across / float(np.hypot(across, depth))
    ratio = shoulder_hip_ratio(points)
    return None if ratio is None else min(1.0, ratio / FLAT_SHOULDERS_PER_TORSO)


def shoulder_hip_ratio(points: Points) -> float | None:
    """Return shoulder width over torso height, or None where the torso has no height."""
    shoulders, hips = points[[LEFT_SHOULDER, RIGHT_SHOULDER], :2], points[[LEFT_HIP, RIGHT_HIP], :2]
    torso = float(np.linalg.norm(shoulders.mean(axis=0) - hips.mean(axis=0)))
    wide = float(np.linalg.norm(shoulders[0] - shoulders[1]))
    return wide / torso if torso >= 1.0 else None


def pose_shape(points: Points) -> bytes | None:
    """Return 33 x 2 float16: keypoints about the middle of the torso, in torso lengths."""
    shoulders = points[[LEFT_SHOULDER, RIGHT_SHOULDER], :2].mean(axis=0)
    hips = points[[LEFT_HIP, RIGHT_HIP], :2].mean(axis=0)
    torso = float(np.linalg.norm(shoulders - hips))
    if torso < 1.0:
        return None
    shape = (points[:, :2] - (shoulders + hips) / 2) / torso
    return bytes(np.clip(shape, -100, 100).astype("<f2").tobytes())


def _face_columns(scene: Scene, face: int) -> dict[str, Value]:
    w, h = scene.size_wh
    box = scene.faces.xyxy_px[face]
    extra = {} if scene.faces.extra is None else scene.faces.extra[face]
    return {
        "face_index": face,
        **_corners("face", box),
        "face_score": float(scene.faces.score[face]),
        "face_second": extra.get("second"),
        "face_height_frac": float(box[3] - box[1]) / h,
        "face_area_frac": float(area_px(box)) / (w * h),
    }


def _person_columns(scene: Scene, main: Someone) -> dict[str, Value]:
    if main.person is not None:
        return {
            **_corners("person", scene.people.xyxy_px[main.person]),
            "person_score": float(scene.people.score[main.person]),
        }
    if main.pose is None:
        return {}
    grown = grow(scene.extent(main), ROOM_AROUND_KEYPOINTS)
    if main.face is not None:
        face = scene.faces.xyxy_px[main.face]
        grown = np.concatenate([np.minimum(grown[:2], face[:2]), np.maximum(grown[2:], face[2:])])
    return _corners("person", clip(grown, scene.size_wh))


def _corners(name: str, box: npt.NDArray[np.floating]) -> dict[str, Value]:
    return {f"{name}_{c}": float(v) for c, v in zip(CORNERS, box, strict=True)}
