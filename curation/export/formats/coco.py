"""COCO: pictures and one JSON for each split, persons with 17 keypoints and faces.

Format: cocodataset.org, "Data format"; boxes are x, y, width, height in pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

import curation
from curation.export.formats.base import Format, Placed, Text, below, facts, pretty
from curation.export.formats.people import JOINTS, SKELETON, Thing, things
from curation.export.plan import Item, Plan

PERSON, FACE = 1, 2
DIGITS = 2


class Coco(Format):
    """images/SPLIT/NAME.jpg, annotations/SPLIT.json."""

    name: ClassVar[str] = "coco"
    about: ClassVar[str] = "COCO JSON: boxes of persons and faces, 17 keypoints"
    reader: ClassVar[str] = "pycocotools.coco.COCO"

    def path(self, item: Item, plan: Plan) -> str:
        """Return images/SPLIT/NAME."""
        return below("images", item.split or "train", item.name)

    def texts(self, plan: Plan, done: Sequence[Placed]) -> Iterator[Text]:
        """Yield one JSON for each split."""
        for split in dict.fromkeys(one.item.split for one in done):
            side = [one for one in done if one.item.split == split]
            yield f"annotations/{split or 'train'}.json", pretty(self._json(plan, side))

    def _json(self, plan: Plan, done: Sequence[Placed]) -> dict[str, Any]:
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        held = plan.boxes([one.item for one in done])
        for n, (item, boxes) in enumerate(held, 1):
            wide, tall = item.cut.out_wh
            told = {k: v for k, v in facts(item).items() if k not in ("width", "height")}
            images.append({"id": n, "file_name": item.name, "width": wide, "height": tall, **told})
            for thing in things(item, boxes):
                annotations.append({"id": len(annotations) + 1, "image_id": n, **_told(thing)})
        return {
            "info": {
                "description": "frames with their detections",
                "version": "1.0",
                "contributor": f"Frame Curation Studio {curation.__version__}",
            },
            "licenses": [],
            "images": images,
            "annotations": annotations,
            "categories": [
                {
                    "id": PERSON, "name": "person", "supercategory": "person",
                    "keypoints": list(JOINTS), "skeleton": [list(pair) for pair in SKELETON],
                },
                {"id": FACE, "name": "face", "supercategory": "person"},
            ],
        }  # fmt: skip


def _told(thing: Thing) -> dict[str, Any]:
    left, top, right, bottom = thing.xyxy_px
    box = [round(v, DIGITS) for v in (left, top, right - left, bottom - top)]
    told: dict[str, Any] = {
        "category_id": PERSON if thing.label == "person" else FACE,
        "bbox": box,
        "area": round(box[2] * box[3], DIGITS),
        "iscrowd": 0,
        "segmentation": [],
        "score": round(thing.score, 4),
    }
    if thing.label == "person":
        joints = np.zeros((len(JOINTS), 3)) if thing.joints is None else thing.joints
        flat: list[float] = []
        for x, y, seen in joints.tolist():
            flat += [round(x, DIGITS), round(y, DIGITS), int(seen)]
        told |= {"keypoints": flat, "num_keypoints": int((joints[:, 2] > 0).sum())}
    return told
