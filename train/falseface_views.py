"""The labelled faces as the false-face head sees them: the face, and the face in its surroundings.

Faces are judged by their labelled boxes, so that nothing depends on a detector. The face comes
from the crop that ships with a set, because it has more pixels than the stored whole picture;
the surroundings from the whole picture where there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from curation.params import FaceParams
from curation.records import Boxes, Frame
from curation.steps.base import Item
from curation.steps.faces import Faces
from curation.steps.falseface_cues import CONTEXT, CROP, square
from train.faces import rows

SETS = Path(__file__).parents[2] / "shared" / "bench"
CROP_SIDES = 1.8
"""Side of the crops that ship with the sets, in longer sides of the face box."""
DETECTED_A_PICTURE = 2
JITTER = 0.22
"""How far a copy's square is larger, smaller or beside: boxes of detectors differ that much."""
Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Face:
    """One labelled face.

    Attributes:
        name: set and file.
        false: whether it is no real person's.
        subtype: what it is, such as painting or photo.
        group: its source; no group may be on both sides of a fold.
        near: picture that holds the face with most pixels, and the face's box in it.
        far: picture with surroundings, and the same face's box in that.
        extra: whether it only helps to learn, and is never tested on.
    """

    name: str
    false: bool
    subtype: str
    group: str
    near: tuple[Image, Floats]
    far: tuple[Image, Floats]
    extra: bool = False

    def views(self, rng: np.random.Generator | None = None) -> tuple[Image, Image]:
        """Return the squares of the face and of its surroundings; moved about by chance."""
        grow, shift = 1.0, np.zeros(2)
        if rng is not None:
            grow = float(np.exp(rng.uniform(-JITTER, JITTER)))
            shift = rng.uniform(-JITTER / 2, JITTER / 2, 2)
        found = []
        for (rgb, box), side in ((self.near, CROP), (self.far, CONTEXT)):
            away = np.tile(shift * (box[2:] - box[:2]), 2)
            found.append(np.ascontiguousarray(square(rgb, box + away, side * grow)))
        return found[0], found[1]


def read(path: Path) -> Image:
    """Return a picture as RGB.

    Raises:
        SystemExit: it cannot be read.
    """
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise SystemExit(f"cannot read {path}")
    return np.ascontiguousarray(bgr[..., ::-1], np.uint8)


def labelled(sets: Path) -> list[Face]:
    """Return every face of falseface and falseface_art, in the order of their lists."""
    faces = []
    for folder in ("falseface", "falseface_art"):
        for row in rows(sets / folder):
            size = np.array([float(row["src_w"]), float(row["src_h"])])
            x, y, w, h = (float(v) for v in row["face_box_xywh_rel_to_source"].split())
            relative = np.array([x, y, x + w, y + h])
            crop = read(sets / folder / "crop" / row["file"])
            near = (crop, box_in_crop(relative * np.tile(size, 2), size, crop.shape))
            path = sets / folder / "frame" / row["file"]
            far = near
            if path.is_file():
                frame = read(path)
                far = (frame, relative * np.tile(frame.shape[1::-1], 2))
            faces.append(
                Face(
                    f"{folder}/{row['file']}",
                    row["label"] == "false",
                    row["subtype"],
                    row["group"],
                    near,
                    far,
                )
            )
    return faces


def box_in_crop(xyxy_px: Floats, size_wh: Floats, shape: tuple[int, ...]) -> Floats:
    """Return where the face lies in its crop: a square around the box, cut at the edges."""
    middle = (xyxy_px[:2] + xyxy_px[2:]) / 2
    half = CROP_SIDES * float((xyxy_px[2:] - xyxy_px[:2]).max()) / 2
    low, high = np.maximum(middle - half, 0), np.minimum(middle + half, size_wh)
    scale = np.array(shape[1::-1]) / (high - low)
    return np.asarray((xyxy_px - np.tile(low, 2)) * np.tile(scale, 2), np.float64)


def detect(detector: Faces, rgb: Image) -> Boxes:
    """Return the faces that the studio would find."""
    frame = Frame(0, "", 0, 0, 0.0, Path(), rgb.shape[1], rgb.shape[0])
    boxes = detector([Item(frame, rgb)])[0].boxes
    assert boxes is not None
    return boxes


def finder() -> Faces:
    """Return the studio's detector, ready; close() it."""
    detector = Faces(FaceParams(face_score=0.6, second_opinion=False))
    detector.setup()
    return detector


def people(sets: Path) -> Iterator[Face]:
    """Yield the real people of pose_pools, as the studio's detector finds them."""
    detector = finder()
    for row in rows(sets / "pose_pools"):
        rgb = read(sets / "pose_pools" / "img" / row["file"])
        boxes = detect(detector, rgb)
        for i in range(min(len(boxes), DETECTED_A_PICTURE)):
            seen = (rgb, boxes.xyxy_px[i].astype(np.float64))
            group = row["source_repo"].split("/")[1]
            name = f"pose_pools/{row['file']}/{i}"
            yield Face(name, False, "photo", group, seen, seen, extra=True)
    detector.close()


def nearest(boxes: Boxes, xyxy_px: Floats) -> int | None:
    """Return the best detection whose centre is inside a labelled box."""
    middle = (boxes.xyxy_px[:, :2] + boxes.xyxy_px[:, 2:]) / 2
    inside = np.all((middle >= xyxy_px[:2]) & (middle <= xyxy_px[2:]), axis=1)
    hits = np.flatnonzero(inside)
    return int(hits[np.argmax(boxes.score[hits])]) if len(hits) else None
