"""FiftyOne's own layout of pictures with detections: data/ and labels.json.

Format: FiftyOne user guide, "FiftyOneImageDetectionDataset": labels by file name without ending,
boxes as x, y, width, height in shares of the picture, further facts as attributes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from curation.export.formats.base import Format, Placed, Text, below, pretty
from curation.export.formats.people import things
from curation.export.plan import Item, Plan

CLASSES = ("person", "face")
DIGITS = 6


class FiftyOne(Format):
    """SPLIT/data/NAME.jpg and SPLIT/labels.json."""

    name: ClassVar[str] = "fiftyone"
    about: ClassVar[str] = "FiftyOneImageDetectionDataset: pictures and labels.json"
    reader: ClassVar[str] = "fiftyone.Dataset.from_dir(..., FiftyOneImageDetectionDataset)"

    def path(self, item: Item, plan: Plan) -> str:
        """Return SPLIT/data/NAME."""
        return below(item.split, "data", item.name)

    def texts(self, plan: Plan, done: Sequence[Placed]) -> Iterator[Text]:
        """Yield labels.json of each split."""
        for split in dict.fromkeys(one.item.split for one in done):
            side = [one.item for one in done if one.item.split == split]
            labels = {
                item.stem: [_label(item, thing) for thing in things(item, boxes)]
                for item, boxes in plan.boxes(side)
            }
            yield below(split, "labels.json"), pretty({"classes": list(CLASSES), "labels": labels})


def _label(item: Item, thing: Any) -> dict[str, Any]:
    wide, tall = item.cut.out_wh
    left, top, right, bottom = thing.xyxy_px
    box = (left / wide, top / tall, (right - left) / wide, (bottom - top) / tall)
    return {
        "label": CLASSES.index(thing.label),
        "bounding_box": [round(v, DIGITS) for v in box],
        "confidence": round(thing.score, 4),
        "attributes": {
            "pool": item.pool, "person": item.person if thing.label == "person" else "",
            "stars": item.mark.stars, "score": item.score, "frame": item.key,
            "caption": item.caption,
        },
    }  # fmt: skip
