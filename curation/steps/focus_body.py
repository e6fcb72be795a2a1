"""How sharp the torso is: it speaks for bodies whose face is small or turned away."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from curation.records import Boxes
from curation.steps.base import RgbImage
from curation.steps.focus_features import grey_crop, sharpness

SHOULDERS_PX = 96
LEAST_SHOULDERS_PX = 24
WIDE_OF_LONG = 0.6
"""Width between the shoulders by the length of the torso."""
SHOULDER, HIP = (11, 12), (23, 24)
SEEN = 0.5

Box = npt.NDArray[np.float64]


def poses_of(found: Boxes | None) -> npt.NDArray[np.float64]:
    """Return the keypoints of all poses, (n, 33, 4)."""
    if found is None or found.keypoints is None:
        return np.zeros((0, 33, 4))
    return found.keypoints.astype(np.float64)


def torso_box(points: npt.NDArray[np.float64]) -> tuple[Box, float] | None:
    """Return the box of a torso and the width between its shoulders, in pixels.

    The ladder: both shoulders say how large it is; the length from shoulders to hips says so
    where the body is seen from the side, one shoulder and one hip being enough. None below.

    Args:
        points: (33, 4) x, y in pixels, visibility, presence.
    """
    shoulders, hips = (points[[i for i in pair if points[i, 2] >= SEEN], :2]
                       for pair in (SHOULDER, HIP))  # fmt: skip
    if not len(shoulders) or len(shoulders) + len(hips) < 2:
        return None
    wide = float(np.linalg.norm(shoulders[0] - shoulders[-1]))
    if len(hips):
        # Seen from the side the shoulders nearly coincide; the torso keeps its length.
        long = float(np.linalg.norm(shoulders.mean(axis=0) - hips.mean(axis=0)))
        wide = max(wide, WIDE_OF_LONG * long)
    if wide < LEAST_SHOULDERS_PX:
        return None
    corners = np.concatenate([shoulders, hips])
    x0, y0 = corners.min(axis=0)
    x1, y1 = corners.max(axis=0)
    middle, half = (x0 + x1) / 2, max(x1 - x0, wide) / 2
    return np.array([middle - half, y0, middle + half, max(y1, y0 + wide)]), wide


def torso_sharpness(
    rgb: RgbImage, poses: npt.NDArray[np.float64], index: int | None
) -> float | None:
    """Return S of a pose's torso with 96 px between the shoulders; None without such a torso."""
    if index is None or not 0 <= index < len(poses):
        return None
    found = torso_box(poses[index])
    if found is None:
        return None
    torso, wide = found
    crop = grey_crop(rgb, torso, SHOULDERS_PX / wide)
    return None if crop is None else sharpness(crop)
