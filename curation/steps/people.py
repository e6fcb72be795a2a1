"""Where the people are: EfficientDet-Lite0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from curation.params import PeopleParams
from curation.records import Boxes, Measured
from curation.steps.base import Item, RgbImage, Step
from curation.steps.geometry import area_px, clip, inside_share, iou
from curation.steps.mptasks import Task

MOST_PEOPLE = 20


class People(Step):
    """Find people as boxes, best score first."""

    name = "people"
    version = "1"
    produces: ClassVar[Mapping[str, type]] = {"n_people": int}
    detects = True
    weights = ("object_detector",)
    Params = PeopleParams
    params: PeopleParams

    def setup(self) -> None:
        """Open the detector."""
        self._task = Task(
            "object_detector",
            "ObjectDetector",
            score_threshold=self.params.person_score,
            max_results=2 * MOST_PEOPLE,
            category_allowlist=["person"],
        )

    def close(self) -> None:
        """Let go of the detector."""
        self._task.close()

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Return one box a person."""
        found = [self._boxes(item.rgb) for item in items]
        return [Measured({"n_people": len(boxes)}, boxes) for boxes in found]

    def _boxes(self, rgb: RgbImage) -> Boxes:
        rows = [
            (b.origin_x, b.origin_y, b.origin_x + b.width, b.origin_y + b.height, c[0].score)
            for b, c in ((d.bounding_box, d.categories) for d in self._task.detect(rgb).detections)
        ]
        if not rows:
            return Boxes.empty()
        table = np.array(rows, np.float64)
        table = table[np.argsort(-table[:, 4], kind="stable")]
        table[:, :4] = clip(table[:, :4], (rgb.shape[1], rgb.shape[0]))
        table = table[area_px(table[:, :4]) >= 1]
        table = table[_one_each(table[:, :4])][:MOST_PEOPLE]
        return Boxes(
            table[:, :4].astype(np.float32),
            np.clip(table[:, 4], 0, 1).astype(np.float32),
            ("person",) * len(table),
        )


def _one_each(xyxy_px: npt.NDArray[np.float64]) -> list[int]:
    """Return indices of boxes, best first, without second boxes on one person.

    A second box is one that overlaps much, or one nested in the other that shares its head:
    the detector likes to answer "head and chest" and "whole body" of the same person.
    """
    kept: list[int] = []
    for index, box in enumerate(xyxy_px):
        if not any(_same_person(box, xyxy_px[other]) for other in kept):
            kept.append(index)
    return kept


def _same_person(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    if iou(one[None], other[None])[0, 0] > 0.55:
        return True
    small, large = sorted((one, other), key=lambda box: float(area_px(box)))
    if inside_share(small[None], large[None])[0, 0] < 0.85:
        return False
    wide, tall = large[2] - large[0], large[3] - large[1]
    off_x = abs(small[0] + small[2] - large[0] - large[2]) / 2
    return bool(abs(small[1] - large[1]) < 0.12 * tall and off_x < 0.25 * wide)
