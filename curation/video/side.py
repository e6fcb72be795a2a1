"""What a decoded picture carries beside its pixels: how to turn it, how bright it may be."""

from __future__ import annotations

import struct
from math import atan2, degrees, isfinite
from typing import Any

LIGHT = (1.0, 10000.0)
"""Believable peaks in cd/m2: PQ knows none above."""


def _bytes(frame: Any, kind: str) -> bytes | None:
    """Return one block of side data, None when there is none."""
    block = frame.side_data.get(kind)
    return None if block is None else bytes(block)


def turn_of(frame: Any) -> tuple[int, bool]:
    """Return (clockwise turn in degrees, whether to mirror after it) that a picture asks for.

    The matrix maps (x, y) to (a x + c y, b x + d y). A negative determinant is a mirror: it is
    taken as one from left to right that comes last, which every mirrored quarter turn is.
    Turns between the quarters are rounded.
    """
    data = _bytes(frame, "DISPLAYMATRIX")
    if data is None or len(data) < 36:
        return 0, False
    a, b, _, c, d = struct.unpack("=9i", data[:36])[:5]
    mirrored = a * d - b * c < 0
    if mirrored:
        a = -a
    return round(degrees(atan2(b, a)) / 90) * 90 % 360, mirrored


def peak_nits(frame: Any) -> float | None:
    """Return the brightest light of the content in cd/m2, None where nothing believable is told.

    It is MaxCLL (CTA-861.3), which is of the content itself, but no more than the peak of the
    display that it was graded on (SMPTE ST 2086); that peak where there is no MaxCLL.
    """
    told = [light for light in (_content_light(frame), _mastering_light(frame)) if light]
    return min(told) if told else None


def _content_light(frame: Any) -> float | None:
    data = _bytes(frame, "CONTENT_LIGHT_LEVEL")
    if data is None or len(data) < 4:
        return None
    return _believed(float(struct.unpack_from("=I", data)[0]))


def _mastering_light(frame: Any) -> float | None:
    # AVMasteringDisplayMetadata: ten fractions of two ints each, the last one the most light.
    data = _bytes(frame, "MASTERING_DISPLAY_METADATA")
    if data is None or len(data) < 88:
        return None
    part, whole = struct.unpack_from("=2i", data, 72)
    known = struct.unpack_from("=i", data, 84)[0]
    return _believed(part / whole) if known and whole else None


def _believed(light: float) -> float | None:
    return light if isfinite(light) and LIGHT[0] <= light <= LIGHT[1] else None
