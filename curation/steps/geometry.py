"""Boxes and distances in pixels that several steps share; numpy only."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from curation.records import Boxes

Floats = npt.NDArray[np.floating[Any]]
Size = tuple[int, int]
SAME_FOCUS = 1.5
UNSECONDED_COUNTS = 0.25


def area_px(xyxy_px: Floats) -> Floats:
    """Return the area of each box, square pixels; (..., 4) -> (...)."""
    wide = np.maximum(xyxy_px[..., 2] - xyxy_px[..., 0], 0.0)
    tall = np.maximum(xyxy_px[..., 3] - xyxy_px[..., 1], 0.0)
    return np.asarray(wide * tall)


def shared_px(one: Floats, other: Floats) -> Floats:
    """Return the common area of each pair of boxes; (n, 4), (m, 4) -> (n, m)."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    return np.asarray(np.prod(np.maximum(high - low, 0.0), axis=2))


def iou(one: Floats, other: Floats) -> Floats:
    """Return intersection over union of each pair of boxes; (n, 4), (m, 4) -> (n, m)."""
    common = shared_px(one, other)
    union = area_px(one)[:, None] + area_px(other)[None, :] - common
    return np.asarray(common / np.maximum(union, 1e-9))


def inside_share(one: Floats, other: Floats) -> Floats:
    """Return which share of each box of `one` lies in each box of `other`; -> (n, m)."""
    return np.asarray(shared_px(one, other) / np.maximum(area_px(one)[:, None], 1e-9))


def clip(xyxy_px: Floats, size_wh: Size) -> Floats:
    """Return the boxes cut to the picture; (..., 4) -> (..., 4)."""
    w, h = size_wh
    return np.clip(xyxy_px, 0.0, np.array([w, h, w, h], xyxy_px.dtype))


def grow(xyxy_px: Floats, share: float) -> Floats:
    """Return the boxes with each side moved out by a share of the box; (..., 4) -> (..., 4)."""
    wide = (xyxy_px[..., 2] - xyxy_px[..., 0]) * share
    tall = (xyxy_px[..., 3] - xyxy_px[..., 1]) * share
    return np.asarray(xyxy_px + np.stack([-wide, -tall, wide, tall], axis=-1))


def whole_pixels(xyxy_px: Floats, size_wh: Size) -> tuple[int, int, int, int]:
    """Return the smallest whole-pixel box around one box, inside the picture."""
    w, h = size_wh
    left, top = int(np.floor(xyxy_px[0])), int(np.floor(xyxy_px[1]))
    right, bottom = int(np.ceil(xyxy_px[2])), int(np.ceil(xyxy_px[3]))
    return max(left, 0), max(top, 0), min(right, w), min(bottom, h)


def body_below(face_xyxy_px: Floats) -> Floats:
    """Return where the body of a face can be: 3 face widths each side, 7 face heights down.

    An adult stands 7 to 8 heads tall, so the box holds a person seen from any side.
    """
    x0, y0, x1, y1 = (float(v) for v in face_xyxy_px)
    w, h = x1 - x0, y1 - y0
    middle = (x0 + x1) / 2
    return np.array([middle - 3 * w, y0 - h, middle + 3 * w, y1 + 7 * h], np.float32)


def centrality(xyxy_px: Floats, size_wh: Size) -> Floats:
    """Return 1 for a box centred in the picture down to 0.5 in a corner; (n, 4) -> (n,)."""
    half = np.array(size_wh, np.float64) / 2
    middle = (xyxy_px[..., :2] + xyxy_px[..., 2:]) / 2
    away = np.linalg.norm((middle - half) / half, axis=-1) / np.sqrt(2.0)
    return np.asarray(1.0 - 0.5 * np.clip(away, 0.0, 1.0))


def prominence(xyxy_px: Floats, score: Floats, size_wh: Size) -> Floats:
    """Return area * centrality * score: what makes a box the main one; (n,)."""
    return np.asarray(area_px(xyxy_px) * centrality(xyxy_px, size_wh) * score)


def main_face(faces: Boxes, size_wh: Size) -> int | None:
    """Return the index of the main face, or None where there is no face.

    It is the most prominent one, area * centrality * score, where the score is both detectors':
    folds of cloth convince one. One that the second alone does not see ("second" in `extra`)
    counts a quarter; 660 of 661 main faces of people are seen by both. One that is clearly softer
    than the sharpest ("sharp", S at 64 px) is halved by each unit beyond the first one and a
    half, which skin, beards and glasses alone make between two people in focus.

    Every step that speaks of "the face" of a frame asks here, so that landmarks, focus and
    subject look at the same one.
    """
    if not len(faces):
        return None
    weight = prominence(faces.xyxy_px, faces.score, size_wh)
    extra = faces.extra or ({},) * len(faces)
    second = np.array([one.get("second") for one in extra], float)
    if np.isfinite(second).any():
        weight = weight * np.where(np.isfinite(second), second, UNSECONDED_COUNTS)
    sharp = np.array([one.get("sharp") for one in extra], float)
    if np.isfinite(sharp).any():
        softer = np.nan_to_num(np.nanmax(sharp) - sharp)
        weight = weight * 0.5 ** np.maximum(softer - SAME_FOCUS, 0.0)
    return int(np.argmax(weight))
