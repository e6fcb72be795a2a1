"""How sharp the main subject is: its face, what kind of blur it has, the torso, the background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import numpy.typing as npt

from curation.records import Measured, Value
from curation.steps.base import Item, Step
from curation.steps.focus_around import background
from curation.steps.focus_body import SEEN, poses_of, torso_sharpness
from curation.steps.focus_features import (
    FEATURES,
    coherence,
    detail_crop,
    face_crop,
    features,
    sharpness,
    weak_axis_deg,
)
from curation.steps.focus_net import HEAD, BlurNet

LEAST_FACE_PX = 64
"""Short side of a face under which no kind of blur is named: sharp least of all."""
SHARP_PX = 0.75
MOTION_SHARE = 0.5
"""Blur across over blur along, under which it was motion: out of focus both are alike."""
DIGITS = 4

Box = npt.NDArray[np.float64]


class Focus(Step):
    """Measure focus raw; what is sharp enough is decided elsewhere.

    focus_s: S of the face at 128 px (`focus_features.sharpness`), sharp about 0.7, soft below 0.
    focus_px: shorter native side of the face box; under 64 nothing here should be believed.
    focus_blur_px: learned blur of the face along its strongest axis, sigma in pixels of a 128-px
    face, 0 is sharp.
    focus_across_px: the same along its weakest axis: as much out of focus, little in motion.
    focus_kind: "sharp", "defocus" or "motion"; None for a face too small to judge.
    focus_motion_deg: direction of the motion, 0 to 180, 0 sideways, 90 up and down; else None.
    focus_bg, focus_gap: detail of what surrounds the person, and how far it exceeds that of the
    face; None where the surroundings are too plain to tell.
    focus_coherence: 0..1, how much all edges of the face run one way.
    focus_body: S of the torso at 96 px between the shoulders, where there is a pose.

    Faces too small or too far outside to be measured, and pictures without one, give None.
    `curation.decide.focus.combine` makes one number of them.
    """

    name = "focus"
    version = "2"
    produces: ClassVar[Mapping[str, type]] = {
        "focus_s": float, "focus_px": float, "focus_blur_px": float, "focus_across_px": float,
        "focus_kind": str, "focus_motion_deg": float, "focus_bg": float, "focus_gap": float,
        "focus_coherence": float, "focus_body": float,
    }  # fmt: skip
    needs = ("faces", "people", "pose", "subject")
    files = (HEAD,)
    head: ClassVar[Path] = HEAD

    def setup(self) -> None:
        """Read the network."""
        cv2.setNumThreads(1)
        self._net = BlurNet.load(self.head, FEATURES)

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Return one set of focus signals a picture; the network runs once for the batch."""
        columns: list[dict[str, Value]] = []
        rows, faces = [], []
        for item in items:
            signals: dict[str, Value] = dict.fromkeys(self.produces)
            box = subject_face(item)
            crop = None if box is None else face_crop(item.rgb, box)
            if box is not None:
                signals["focus_px"] = _rounded(min(box[2] - box[0], box[3] - box[1]))
            if box is not None and crop is not None:
                signals["focus_s"] = _rounded(sharpness(crop))
                signals["focus_coherence"] = _rounded(coherence(crop))
                detail, gap = background(item.rgb, box, _bodies(item))
                signals["focus_bg"], signals["focus_gap"] = _rounded(detail), _rounded(gap)
                fine = detail_crop(item.rgb, box)
                rows.append(features(crop, crop if fine is None else fine))
                faces.append((signals, crop))
            index: Any = item.given["subject"].signals.get("pose_index")
            poses = poses_of(item.given["pose"].boxes)
            signals["focus_body"] = _rounded(torso_sharpness(item.rgb, poses, index))
            columns.append(signals)
        if rows:
            blur_px = self._net.predict(np.stack(rows))
            for (signals, crop), (along, across) in zip(faces, blur_px.tolist(), strict=True):
                signals["focus_blur_px"], signals["focus_across_px"] = map(
                    _rounded, (along, across)
                )
                size: Any = signals["focus_px"]
                if size >= LEAST_FACE_PX:
                    signals["focus_kind"] = blur_kind(along, across)
                if signals["focus_kind"] == "motion":
                    signals["focus_motion_deg"] = _rounded(weak_axis_deg(crop))
        return [Measured(signals) for signals in columns]


def blur_kind(along_px: float, across_px: float) -> str:
    """Return "sharp", "motion" or "defocus" for a blur on two axes, px of a 128-px face.

    A lens out of focus blurs both axes alike, motion during the exposure one. Motion of a face
    that is out of focus as well is called after the larger part.
    """
    if along_px < SHARP_PX:
        return "sharp"
    return "motion" if across_px < MOTION_SHARE * along_px else "defocus"


def subject_face(item: Item) -> Box | None:
    """Return the main subject's face box, x0 y0 x1 y1 in pixels, or None."""
    signals = item.given["subject"].signals
    corners = [signals.get(f"face_{corner}") for corner in ("x0", "y0", "x1", "y1")]
    if any(corner is None for corner in corners):
        return None
    return np.array(corners, np.float64)


def _bodies(item: Item) -> list[Box]:
    """Return boxes of everyone in the picture: people, poses and the other heads."""
    boxes: list[Box] = []
    subject = item.given["subject"].signals
    face = subject.get("face_index")
    for step, room in (("people", 0.0), ("faces", 0.5)):
        found = item.given[step].boxes
        for i, (x0, y0, x1, y1) in enumerate([] if found is None else found.xyxy_px.tolist()):
            if step == "faces" and i == face:
                continue
            wide, tall = room * (x1 - x0), room * (y1 - y0)
            boxes.append(np.array([x0 - wide, y0 - tall, x1 + wide, y1 + tall]))
    for points in poses_of(item.given["pose"].boxes):
        seen = points[points[:, 2] >= SEEN, :2]
        if len(seen) >= 2:
            boxes.append(np.concatenate([seen.min(axis=0), seen.max(axis=0)]))
    return boxes


def _rounded(value: float | None) -> float | None:
    """Return a number that reads the same on any machine, or None."""
    return None if value is None or not np.isfinite(value) else round(float(value), DIGITS)
