"""How open the eyes of the main face are, beside how sharp it is: for the shots of one scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curation import weights
from curation.records import Boxes, Frame, Measured
from curation.steps import face_sharpness
from curation.steps.base import Item, RgbImage
from curation.steps.landmarks import Landmarks

REVISION = "1"
"""Raise it when the same picture would get another answer."""
LEAST_FACE_PX = 64
"""A face that shows fewer pixels than this does not tell whether its eyes are shut."""
MOST_YAW_DEG = 40.0
"""Of a head that is turned farther one eye is hidden, and the model guesses."""


def fingerprint() -> str:
    """Return what answers hang on besides the picture."""
    models = (weights.digest_of(name)[:16] for name in ("yunet", *Landmarks.weights))
    return ":".join((*models, face_sharpness.REVISION, REVISION))


class EyesLooker:
    """Asks face_sharpness for the main face, then looks at its eyes; a `Looker` of finding.

    Raises:
        WeightsMissing, StepUnavailable: saying what to fetch or install.
    """

    def __init__(self) -> None:
        """Open both models."""
        self._faces = face_sharpness.FaceLooker()
        self._landmarks = Landmarks()
        self._landmarks.setup()

    def look(
        self, rgb: RgbImage, scale_xy: tuple[float, float], names: Sequence[str]
    ) -> Mapping[str, Any]:
        """Return what face_sharpness finds, with "eyes": 0..1 or None, for each name."""
        found = self._faces.look(rgb, scale_xy, (face_sharpness.NAME,))[face_sharpness.NAME]
        if found is not None:
            box = np.array(found["xyxy"]) / np.array([*scale_xy, *scale_xy])
            found = {**found, "eyes": self._open(rgb, box.astype(np.float32))}
        return dict.fromkeys(names, found)

    def close(self) -> None:
        """Let go of both models."""
        self._faces.close()
        self._landmarks.close()

    def _open(self, rgb: RgbImage, box: Any) -> float | None:
        """Return how open the eyes of the face in a box are; None where that cannot be told."""
        if float((box[2:] - box[:2]).min()) < LEAST_FACE_PX:
            return None
        frame = Frame(0, "", 0, 0, 0.0, Path(), rgb.shape[1], rgb.shape[0])
        boxes = Boxes(box[None], np.ones(1, np.float32), ("face",))
        item = Item(frame, rgb, {"faces": Measured(boxes=boxes)})
        told = self._landmarks([item])[0].signals
        opened, yaw = told["eye_open"], told["yaw_deg"]
        if not isinstance(opened, float) or not isinstance(yaw, float) or abs(yaw) > MOST_YAW_DEG:
            return None
        return round(opened, 4)


def open_looker() -> EyesLooker:
    """Return a looker, in a worker."""
    return EyesLooker()
