"""YOLO: images/ and labels/ side by side, data.yaml; boxes, or boxes with 17 keypoints.

Format: ultralytics, "Object detection / Pose estimation datasets": class x y w h as shares of the
picture, then x y visibility of each joint.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from curation.export.formats.base import Format, Placed, Text, below, sides
from curation.export.formats.people import FLIP, JOINTS, Thing, things
from curation.export.plan import Item, Plan

DIGITS = 6


class Yolo(Format):
    """images/SPLIT/NAME.jpg, labels/SPLIT/NAME.txt: persons and faces."""

    name: ClassVar[str] = "yolo"
    about: ClassVar[str] = "YOLO detection: boxes of persons and faces"
    reader: ClassVar[str] = "ultralytics"
    labels: ClassVar[tuple[str, ...]] = ("person", "face")
    with_joints: ClassVar[bool] = False

    def path(self, item: Item, plan: Plan) -> str:
        """Return images/SPLIT/NAME."""
        return below("images", item.split or "train", item.name)

    def texts(self, plan: Plan, done: Sequence[Placed]) -> Iterator[Text]:
        """Yield a label file for each picture, an empty one where nobody is, and data.yaml."""
        for one, (item, boxes) in zip(
            done, plan.boxes([one.item for one in done]), strict=True
        ):
            rows = [self._row(item, thing) for thing in things(item, boxes)
                    if thing.label in self.labels]  # fmt: skip
            place = f"labels/{one.file.removeprefix('images/')[: -len(item.suffix)]}.txt"
            yield place, "".join(f"{row}\n" for row in rows).encode()
        yield "data.yaml", self._yaml(plan).encode()

    def _row(self, item: Item, thing: Thing) -> str:
        wide, tall = item.cut.out_wh
        left, top, right, bottom = thing.xyxy_px
        box = ((left + right) / 2 / wide, (top + bottom) / 2 / tall,
               (right - left) / wide, (bottom - top) / tall)  # fmt: skip
        words = [str(self.labels.index(thing.label)), *(_share(v) for v in box)]
        if self.with_joints:
            for at in range(len(JOINTS)):
                x, y, seen = (0, 0, 0) if thing.joints is None else thing.joints[at].tolist()
                words += [_share(x / wide), _share(y / tall), str(int(seen))]
        return " ".join(words)

    def _yaml(self, plan: Plan) -> str:
        there = [side or "train" for side in sides(plan)]
        # Its readers want train and val whatever there is.
        train = "train" if "train" in there else there[0]
        val = "val" if "val" in there else train
        lines = [f"train: images/{train}", f"val: images/{val}"]
        lines += ["test: images/test"] if "test" in there else []
        if self.with_joints:
            lines += [f"kpt_shape: [{len(JOINTS)}, 3]", f"flip_idx: {list(FLIP)}"]
        lines += ["names:", *(f"  {n}: {label}" for n, label in enumerate(self.labels))]
        return "\n".join(lines) + "\n"


class YoloPose(Yolo):
    """The same with joints: persons only."""

    name: ClassVar[str] = "yolo-pose"
    about: ClassVar[str] = "YOLO pose: persons with 17 keypoints"
    labels: ClassVar[tuple[str, ...]] = ("person",)
    with_joints: ClassVar[bool] = True


def _share(value: float) -> str:
    """Return a share of the picture, 0 to 1, without needless digits."""
    return f"{min(max(value, 0.0), 1.0):.{DIGITS}f}".rstrip("0").rstrip(".") or "0"
