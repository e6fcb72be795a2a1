"""Shapes of crops in whole pixels, and the same crop in the frame that a file is stored in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import gcd

SDXL = (
    (1024, 1024), (1152, 896), (896, 1152), (1216, 832), (832, 1216), (1344, 768), (768, 1344),
    (1536, 640), (640, 1536),
)  # fmt: skip
"""Sizes in pixels near one megapixel that SDXL was tuned at: the nine that its trainers list, of
the forty in Podell et al. 2023, SDXL, appendix I."""
BUCKET = "bucket"
"""The one of SDXL that loses least of a picture."""
LONGEST = 20
"""The longest shape, as long side / short side."""

Px = tuple[int, int, int, int]
"""x, y, width, height in whole pixels."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What shape a crop has.

    Attributes:
        name: as typed and stored: "4:5", "1216x832".
        w, h: the shape in smallest whole numbers; a crop is (k * w, k * h) pixels.
        pixels_wh: size that a copy is made no larger than; None for shapes without one.
    """

    name: str
    w: int
    h: int
    pixels_wh: tuple[int, int] | None = None

    @property
    def aspect(self) -> float:
        """Return width / height."""
        return self.w / self.h

    def most(self, size_wh: tuple[int, int]) -> int:
        """Return the largest k that fits a picture; 0 where not even the smallest does."""
        return min(size_wh[0] // self.w, size_wh[1] // self.h)


def shape(word: str) -> Shape:
    """Return the shape that a word names: W:H, or WxH pixels.

    Raises:
        ValueError: when it is neither, or longer than 20 to 1.
    """
    found = re.fullmatch(r"\s*(\d{1,5})\s*([:xX/])\s*(\d{1,5})\s*", word)
    if found is None:
        raise ValueError(f"{word!r} is no ratio; type 4:5, 16:9, 1216x832 or bucket")
    w, mark, h = int(found[1]), found[2], int(found[3])
    if min(w, h) == 0 or max(w, h) > LONGEST * min(w, h):
        raise ValueError(f"{word!r} is no shape of a picture; {LONGEST}:1 is the longest")
    common = gcd(w, h)
    if mark in "xX":
        return Shape(f"{w}x{h}", w // common, h // common, (w, h))
    return Shape(f"{w}:{h}", w // common, h // common)


def shapes(words: tuple[str, ...], size_wh: tuple[int, int]) -> list[Shape]:
    """Return the shapes for one picture, in order, none twice; `bucket` is chosen for it.

    Raises:
        ValueError: see `shape`.
    """
    made = [bucket(size_wh) if word.strip() == BUCKET else shape(word) for word in words]
    return list({one.name: one for one in made}.values())


def bucket(size_wh: tuple[int, int]) -> Shape:
    """Return the trainer's shape that keeps the largest part of a picture."""
    aspect = size_wh[0] / size_wh[1]
    best = min(SDXL, key=lambda wh: (-_kept(wh[0] / wh[1], aspect), wh))
    return shape(f"{best[0]}x{best[1]}")


def _kept(one: float, other: float) -> float:
    return min(one, other) / max(one, other)


def stored_box(crop: Px, size_wh: tuple[int, int], orientation: int) -> Px:
    """Return a crop in the pixels of the file, before its EXIF orientation is applied.

    Args:
        crop: in the upright picture.
        size_wh: of the upright picture.
        orientation: 1 to 8 as EXIF counts (TIFF 6.0, tag 274).
    """
    x, y, w, h = crop
    wide, tall = size_wh
    right, below = wide - x - w, tall - y - h
    return {
        1: (x, y, w, h),
        2: (right, y, w, h),
        3: (right, below, w, h),
        4: (x, below, w, h),
        5: (y, x, h, w),
        6: (y, right, h, w),
        7: (below, right, h, w),
        8: (below, x, h, w),
    }.get(orientation, (x, y, w, h))


def shares(crop: Px, size_wh: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom of a crop as shares of its picture, 0 to 1."""
    x, y, w, h = crop
    return x / size_wh[0], y / size_wh[1], (x + w) / size_wh[0], (y + h) / size_wh[1]


def fitted(
    box: tuple[float, float, float, float], one: Shape, size_wh: tuple[int, int]
) -> Px | None:
    """Return the crop of a shape nearest to a box that a hand drew: same middle, nearest size.

    Args:
        box: left, top, right, bottom in upright pixels; may reach outside.

    Returns:
        None when the picture is too small for the shape.
    """
    most = one.most(size_wh)
    if most < 1:
        return None
    left, top, right, bottom = box
    # The mean of both sides: a handle that is drawn along one of them counts half.
    k = round((max(right - left, 0) / one.w + max(bottom - top, 0) / one.h) / 2)
    k = min(max(k, 1), most)
    w, h = k * one.w, k * one.h
    x = min(max(round((left + right - w) / 2), 0), size_wh[0] - w)
    y = min(max(round((top + bottom - h) / 2), 0), size_wh[1] - h)
    return x, y, w, h
