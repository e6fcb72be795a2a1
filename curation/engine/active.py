"""Steps see the picture without its burnt-in bars; what is stored counts from the whole frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from curation.records import Frame, Measured, Value
from curation.steps.base import RgbImage

ACROSS, DOWN = ("_x0", "_x1"), ("_y0", "_y1")
"""Endings of the names of signals that are places in the picture."""


def cut(rgb: RgbImage, frame: Frame) -> RgbImage:
    """Return the part of a stored picture that counts: (h, w, 3), all of it where there are no
    bars or the picture is of another size than the catalogue says."""
    if frame.active_xyxy_px is None or rgb.shape[:2] != (frame.height, frame.width):
        return rgb
    left, top, right, bottom = frame.active_xyxy_px
    part = rgb[max(top, 0) : bottom, max(left, 0) : right]
    return np.ascontiguousarray(part) if part.size else rgb


def offset_px(frame: Frame, rgb: RgbImage) -> tuple[int, int]:
    """Return (x, y) of the upper left corner of what `cut` made of a picture of a frame."""
    if frame.active_xyxy_px is None or rgb.shape[:2] == (frame.height, frame.width):
        return 0, 0
    return max(frame.active_xyxy_px[0], 0), max(frame.active_xyxy_px[1], 0)


def moved(measured: Measured, by_xy: tuple[int, int]) -> Measured:
    """Return a measurement with all its places moved by (x, y) pixels."""
    if by_xy == (0, 0):
        return measured
    boxes = measured.boxes
    if boxes is not None:
        points = boxes.keypoints
        if points is not None:
            points = points.copy()
            points[..., :2] += np.array(by_xy, np.float32)
        boxes = replace(
            boxes, xyxy_px=boxes.xyxy_px + np.array(2 * by_xy, np.float32), keypoints=points
        )
    return Measured(_moved(measured.signals, by_xy), boxes)


def _moved(signals: Mapping[str, Value], by_xy: tuple[int, int]) -> dict[str, Value]:
    found = dict(signals)
    for name, value in signals.items():
        if isinstance(value, float) and name.endswith(ACROSS + DOWN):
            found[name] = value + by_xy[name.endswith(DOWN)]
    return found
