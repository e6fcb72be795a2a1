"""Light: how bright a frame is, how much of it is lost in black or white."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curation.records import Measured
from curation.steps.base import Item, RgbImage, Step

LONG_SIDE_PX = 640
CRUSHED, BLOWN = 2, 253


class Exposure(Step):
    """Measure luma (BT.601 weights, 0-255) on a picture of at most 640 px."""

    name = "exposure"
    version = "1"
    produces = {
        "luma_mean": float,
        "luma_std": float,
        "clip_low": float,
        "clip_high": float,
        "entropy": float,
    }

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Measure each picture by its luma histogram."""
        return [Measured(_exposure(item.small(LONG_SIDE_PX))) for item in items]


def _exposure(rgb: RgbImage) -> dict[str, float]:
    import cv2

    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    share = cv2.calcHist([luma], [0], None, [256], [0, 256])[:, 0].astype(np.float64) / luma.size
    levels = np.arange(256)
    mean = float(share @ levels)
    present = share[share > 0]
    return {
        "luma_mean": mean,
        "luma_std": float(np.sqrt(share @ (levels - mean) ** 2)),
        "clip_low": float(share[: CRUSHED + 1].sum()),
        "clip_high": float(share[BLOWN:].sum()),
        "entropy": float(-(present * np.log2(present)).sum()),
    }
