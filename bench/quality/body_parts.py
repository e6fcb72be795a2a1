"""Crops of labelled people: body parts without a head, and bodies cut at a known height.

Where a person stands whole in a picture, it is known what a crop of it shows. That gives truth
for what the labelled set lacks: close-ups of arms, onto which poses are invented, and pictures
that end at any height of the torso.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from curation.decide.pools import PICK_POOLS, POOLS
from curation.records import Measured
from curation.steps.base import RgbImage

LONGEST_PX, LEAST_PX = 1024, 96
SURE = 0.9
PARTS = {
    "left arm": ((13, 15, 19), 0.5), "right arm": ((14, 16, 20), 0.5),
    "left hand": ((15, 17, 19, 21), 0.6), "right hand": ((16, 18, 20, 22), 0.6),
    "legs": ((23, 24, 25, 26, 27, 28), 0.4), "knees": ((25, 26, 27, 28), 0.6),
    "feet": ((27, 28, 29, 30, 31, 32), 0.5), "torso": ((11, 12, 23, 24), 0.3),
}  # fmt: skip
"""Joints, and room around them in face heights."""
CUTS = {0.20: {"face"}, 0.40: {"face"}, 0.85: {"upper_body"}, 1.25: {"upper_body"}}
"""Share of the torso that is left, and the right pools; between half and 3/4 both are fair."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Labelled:
    """One picture with the pools that count as right; made pictures have pixels, not a file."""

    name: str
    accepted: frozenset[str]
    people: int
    flags: str
    source: str
    path: Path | None = None
    rgb: RgbImage | None = None


class _Whole(NamedTuple):
    """One person whose face and pose are known."""

    picture: Labelled
    rgb: RgbImage
    face: Floats
    joints: Floats


def parts(people: Sequence[Labelled], found: Sequence[Mapping[str, Measured]]) -> list[Labelled]:
    """Return close-ups of body parts without the head; nothing may be picked from them."""
    none = frozenset(POOLS) - frozenset(PICK_POOLS)
    made: list[Labelled] = []
    for one in _wholes(people, found):
        tall, wide = one.rgb.shape[:2]
        face_px = one.face[3] - one.face[1]
        for name, (joints, room) in PARTS.items():
            xy = one.joints[list(joints), :2]
            inside = (xy >= 0).all() and (xy <= (wide, tall)).all()
            if not inside or (one.joints[list(joints), 2] <= 0.7).any():
                continue
            low, high = xy.min(axis=0) - room * face_px, xy.max(axis=0) + room * face_px
            aside = low[0] > one.face[2] + 0.3 * face_px or high[0] < one.face[0] - 0.3 * face_px
            if not aside:
                low[1] = max(low[1], one.face[3] + 0.25 * face_px)
            made += _crop(one, (*low, *high), f"{name} of {one.picture.name}", none, "part")
    return made


def cuts(people: Sequence[Labelled], found: Sequence[Mapping[str, Measured]]) -> list[Labelled]:
    """Return people cut at known shares of the torso, and under the knee."""
    made: list[Labelled] = []
    for one in _wholes(people, found):
        shoulder, hip, knee, ankle = (
            one.joints[[left, left + 1], 1].mean() for left in (11, 23, 25, 27)
        )
        x0, top, x1, bottom = one.face
        face_px, middle = bottom - top, (x0 + x1) / 4 + one.joints[[11, 12], 0].mean() / 2
        seen = one.joints[:, 2]
        head = max(0.0, top - 0.5 * face_px)
        if max(seen[23:25]) > SURE and hip - shoulder > 1.2 * face_px:
            for share, pools in CUTS.items():
                end = shoulder + share * (hip - shoulder)
                half = max(0.75 * (end - head), 3.2 * face_px) / 2
                if end <= one.rgb.shape[0]:
                    made += _crop(one, (middle - half, head, middle + half, end),
                                  f"{share:.0%} of the torso of {one.picture.name}",
                                  frozenset(pools), "cut")  # fmt: skip
        if max(seen[27:29]) > SURE and ankle - knee > 0.3 * (knee - hip) and face_px > 25:
            low, high = one.joints[:, 0].min(), one.joints[:, 0].max()
            room = 0.15 * (high - low) + face_px
            made += _crop(one, (low - room, head, high + room, 0.6 * knee + 0.4 * ankle),
                          f"to the shins of {one.picture.name}",
                          frozenset({"upper_body"}), "knee")  # fmt: skip
    return made


def _wholes(
    people: Sequence[Labelled], found: Sequence[Mapping[str, Measured]]
) -> Iterator[_Whole]:
    """Yield the single people with a face and a pose."""
    import simplejpeg

    for picture, measured in zip(people, found, strict=True):
        subject = measured["subject"].signals
        face, pose = subject["face_index"], subject["pose_index"]
        faces, poses = measured["faces"].boxes, measured["pose"].boxes
        if picture.people != 1 or face is None or pose is None or picture.path is None:
            continue
        if faces is None or poses is None or poses.keypoints is None:
            continue
        rgb = np.asarray(simplejpeg.decode_jpeg(picture.path.read_bytes(), colorspace="RGB"))
        joints = poses.keypoints[int(str(pose))].astype(np.float64)
        yield _Whole(picture, rgb, faces.xyxy_px[int(str(face))].astype(np.float64), joints)


def _crop(
    one: _Whole, xyxy_px: tuple[float, ...], name: str, accepted: frozenset[str], kind: str
) -> Iterator[Labelled]:
    """Yield the crop where it is large enough."""
    tall, wide = one.rgb.shape[:2]
    x0, y0, x1, y1 = (round(float(v)) for v in xyxy_px)
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, wide), min(y1, tall)
    if min(x1 - x0, y1 - y0) < LEAST_PX:
        return
    rgb = one.rgb[y0:y1, x0:x1]
    scale = min(1.0, LONGEST_PX / max(rgb.shape[:2]))
    if scale < 1:
        rgb = np.asarray(
            cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
    yield Labelled(name, accepted, 1, kind, one.picture.source, rgb=np.ascontiguousarray(rgb))
