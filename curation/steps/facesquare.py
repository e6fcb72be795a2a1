"""Aligned face pictures as in the FFHQ and CelebA-HQ data sets, from published formulas.

Karras et al. 2018, Progressive Growing of GANs, appendix C: with the eyes e0, e1 and the corners of
the mouth m0, m1, the square has its centre a tenth of the way from the eyes' middle to the mouth's,
is level with eyes and mouth together, and its side is the larger of 4 eye distances and 3.6 eye to
mouth distances. What the picture lacks is mirrored at its edge and blurred (same appendix).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from curation.steps.base import RgbImage

Points = npt.NDArray[np.float64]

EYE_SIDES, MOUTH_SIDES, TOWARDS_MOUTH = 4.0, 3.6, 0.1
BLUR_SHARE = 0.02
"""Sigma of the blur outside of the picture, as a share of the square."""
FADE_SHARE = 0.08
"""Distance from the edge, as a share of the square, from which all is blurred."""
ROOM_PX = 3


@dataclass(frozen=True, slots=True)
class Square:
    """A turned square in pixels of a picture.

    Attributes:
        centre: (2,) x, y; 0, 0 is the outer corner of the first pixel.
        right: (2,) unit vector that becomes "to the right" in the crop.
        side_px: length of a side.
    """

    centre: Points
    right: Points
    side_px: float

    @property
    def down(self) -> Points:
        """Return the unit vector that becomes "down"."""
        return np.array([-self.right[1], self.right[0]])

    def corners(self) -> Points:
        """Return (4, 2): top left, top right, bottom right, bottom left of the crop."""
        x, y = self.right * self.side_px / 2, self.down * self.side_px / 2
        return np.asarray(self.centre + np.array([-x - y, x - y, x + y, -x + y]))

    def outside_px(self, size_wh: tuple[int, int]) -> float:
        """Return how far the square leaves a picture, 0 when it does not."""
        at = self.corners()
        return float(max(0.0, -at.min(), (at - np.array(size_wh)).max()))

    def to_crop(self, points_px: Points, out_px: int) -> Points:
        """Return points (n, 2) of the picture in pixels of a crop of this square."""
        away = (np.asarray(points_px, np.float64) - self.centre) / self.side_px
        turned = np.stack([away @ self.right, away @ self.down], axis=1)
        return np.asarray((turned + 0.5) * out_px)


def face_square(points_px: Points) -> Square | None:
    """Return the square around a face; None when its points lie on one spot.

    Args:
        points_px: (4, 2) right eye, left eye, right and left corner of the mouth: the person's
            own right, which is left in the picture of a face that is upright.
    """
    e0, e1, m0, m1 = np.asarray(points_px, np.float64)
    across, eyes = e1 - e0, (e0 + e1) / 2
    to_mouth = (m0 + m1) / 2 - eyes
    level = across + np.array([to_mouth[1], -to_mouth[0]])
    side = max(EYE_SIDES * float(np.hypot(*across)), MOUTH_SIDES * float(np.hypot(*to_mouth)))
    length = float(np.hypot(*level))
    if side < 1 or length < 1e-6:
        return None
    return Square(eyes + TOWARDS_MOUTH * to_mouth, level / length, side)


def render(rgb: RgbImage, square: Square, out_px: int, pad: bool = True) -> RgbImage:
    """Return (out_px, out_px, 3) uint8 of a square.

    Args:
        out_px: not above the side of the square: it is reduced by area averaging, never enlarged.
        pad: mirror and blur what lies outside of the picture; else it is black.
    """
    h, w = rgb.shape[:2]
    at = square.corners()
    low = np.floor(at.min(axis=0)).astype(int) - ROOM_PX
    high = np.ceil(at.max(axis=0)).astype(int) + ROOM_PX
    lack = int(max(0, *(-low), *(high - (w, h))))
    # Beyond the edge as much again is taken in, so that there is enough to mirror.
    x0, y0 = (max(0, int(v) - lack) for v in low)
    x1, y1 = min(w, int(high[0]) + lack), min(h, int(high[1]) + lack)
    part = rgb[y0:y1, x0:x1]
    if lack:
        how = cv2.BORDER_REFLECT_101 if pad else cv2.BORDER_CONSTANT
        part = cv2.copyMakeBorder(part, lack, lack, lack, lack, how)
    origin = np.array([x0 - lack, y0 - lack], np.float64)
    tall, wide = part.shape[:2]
    share = min(1.0, out_px / square.side_px)
    if share < 1:
        size = (max(1, round(wide * share)), max(1, round(tall * share)))
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    scale = np.array([part.shape[1] / wide, part.shape[0] / tall])
    if lack and pad:
        edges = np.array([[0, 0], [w, h]], np.float64)
        part = _blurred_outside(part, (edges - origin) * scale, out_px)
    step = np.stack([square.right, square.down], axis=1) * (square.side_px / out_px)
    first = square.centre + step @ np.full(2, 0.5 - out_px / 2)
    back = np.empty((2, 3))
    back[:, :2] = step * scale[:, None]
    back[:, 2] = (first - origin) * scale - 0.5  # pixel centres lie at .5
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    made = cv2.warpAffine(
        np.ascontiguousarray(part), back, (out_px, out_px), flags=flags,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(made, np.uint8)


def _blurred_outside(part: RgbImage, inside: Points, out_px: int) -> RgbImage:
    """Blur what was mirrored, the more the further it is from the picture.

    Args:
        inside: (2, 2) left top, right bottom of the picture in `part`.
    """
    tall, wide = part.shape[:2]
    across, along = np.arange(wide) + 0.5, np.arange(tall) + 0.5
    dx = np.maximum(inside[0, 0] - across, across - inside[1, 0])
    dy = np.maximum(inside[0, 1] - along, along - inside[1, 1])
    away = np.maximum(np.maximum(dx[None, :], dy[:, None]), 0.0)
    share = np.clip(away / max(1.0, FADE_SHARE * out_px), 0, 1).astype(np.float32)[..., None]
    soft = cv2.GaussianBlur(part, (0, 0), max(0.5, BLUR_SHARE * out_px))
    return np.asarray(np.rint(part + (soft.astype(np.float32) - part) * share), np.uint8)
