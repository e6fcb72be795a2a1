"""What a face mesh says: eyes, mouth, a small shape, a small picture, and where it lies."""

from __future__ import annotations

import zlib

import cv2
import numpy as np
import numpy.typing as npt

from curation.steps.base import RgbImage

Points = npt.NDArray[np.float64]

RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398)
RIGHT_IRIS = (468, 469, 470, 471, 472)
LEFT_IRIS = (473, 474, 475, 476, 477)
LIPS_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269,
              270, 409)
LIPS_INNER = (78, 88, 87, 317, 318, 191, 81, 13, 311, 415)
BROWS = (276, 283, 282, 295, 285, 300, 293, 334, 296, 336, 46, 53, 52, 65, 55, 70, 63, 105, 66,
         107)
OVAL = (10, 297, 284, 389, 454, 361, 397, 379, 400, 152, 176, 150, 172, 132, 234, 162, 54, 67)
NOSE_AND_CHEEKS = (1, 2, 4, 5, 6, 19, 94, 98, 97, 326, 327, 64, 294, 168, 197, 195, 48, 278, 50,
                   280, 101, 330, 205, 425)
SHAPE_POINTS = (*RIGHT_EYE, *LEFT_EYE, *RIGHT_IRIS, *LEFT_IRIS, *LIPS_OUTER, *LIPS_INNER,
                *BROWS, *OVAL, *NOSE_AND_CHEEKS)
"""Numbers in MediaPipe's mesh of the 134 points of `face_shape`, both eyes first."""

SKIN_POINTS = 468
"""Mesh points on the face; ten of the irises follow."""
RIGHT_LIDS = (33, 160, 158, 133, 153, 144)
LEFT_LIDS = (362, 385, 387, 263, 373, 380)
"""Outer corner, two points of the upper lid, inner corner, two of the lower."""
INNER_MOUTH = (13, 14, 78, 308)
"""Upper and lower lip, right and left corner."""

PATCH_PX = 40
PATCH_AT = np.array([[25, 26], [39, 26], [32, 35], [26.5, 43], [37.5, 43]], np.float64) / 64
"""Where the detector's eyes, nose and corners of the mouth lie in a patch.

Half of the patch is head and half what is around it: a face that moves against its surroundings
is no picture on a wall.
"""
PATCH_STEP = 4
"""Grey levels per stored level: grain hides what is finer."""
MOST_SHRINK = 16


def eye_aspect(points_px: Points) -> float:
    """Return the mean eye aspect ratio of both eyes: height over width.

    About .3 open and .1 shut, but wide open is .28 for one person and .44 for another.
    Source: Soukupova and Cech 2016, Real-Time Eye Blink Detection using Facial Landmarks.

    Args:
        points_px: (478, 2) mesh in pixels of the picture.
    """
    ratios = []
    for lids in (RIGHT_LIDS, LEFT_LIDS):
        outer, high, high2, inner, low2, low = points_px[list(lids)]
        tall = float(np.linalg.norm(high - low) + np.linalg.norm(high2 - low2))
        ratios.append(tall / max(2 * float(np.linalg.norm(outer - inner)), 1e-6))
    return float(np.mean(ratios))


def mouth_aspect(points_px: Points) -> float:
    """Return the opening of the inner lips over their width: 0 shut, about 1 a wide O."""
    upper, lower, right, left = points_px[list(INNER_MOUTH)]
    wide = float(np.linalg.norm(right - left))
    return float(np.linalg.norm(upper - lower)) / max(wide, 1e-6)


def inside_share(points_px: Points, size_wh: tuple[int, int]) -> float:
    """Return the share of the face's mesh that lies in the picture, 0..1."""
    skin = points_px[:SKIN_POINTS]
    return float(((skin >= 0) & (skin < np.array(size_wh))).all(axis=1).mean())


def face_shape(points_px: Points) -> bytes:
    """Return (134, 2) float16 little-endian: SHAPE_POINTS with the face's box as -1..1.

    The longer side of the mesh's box is 2, so proportions are kept; a step of float16 there is
    under 1/1600 of the distance of the eyes.
    """
    low, high = points_px.min(axis=0), points_px.max(axis=0)
    half = max(float((high - low).max()) / 2, 1e-6)
    shape = (points_px[list(SHAPE_POINTS)] - (low + high) / 2) / half
    return bytes(shape.astype("<f2").tobytes())


def face_patch(rgb: RgbImage, keypoints_px: Points) -> bytes:
    """Return a (40, 40) picture of the face and what is around it, upright and at one size.

    Deflated uint8 of grey levels 1 to 63, in row order; 0 is outside the picture. Shrinking
    averages, so that grain and stripes finer than a patch pixel are gone.

    Args:
        keypoints_px: (5, 2) eyes, nose and corners of the mouth of the face detector, which also
            finds faces that have no mesh.
    """
    turn = similarity(keypoints_px, PATCH_AT * PATCH_PX)
    scale = float(np.hypot(turn[0, 0], turn[1, 0]))
    finer = int(np.clip(np.ceil(1 / max(scale, 1e-6)), 1, MOST_SHRINK))
    turn = turn * finer
    turn[:, 2] += (finer - 1) / 2
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    side = PATCH_PX * finer

    def small(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        large = cv2.warpAffine(picture, turn, (side, side), flags=cv2.INTER_LINEAR)
        size = (PATCH_PX, PATCH_PX)
        return np.asarray(cv2.resize(large, size, interpolation=cv2.INTER_AREA), np.uint8)

    inside = small(np.full(grey.shape, 255, np.uint8)) > 250
    levels = np.where(inside, np.maximum(small(np.asarray(grey, np.uint8)) // PATCH_STEP, 1), 0)
    return zlib.compress(levels.astype(np.uint8).tobytes(), 6)


def similarity(one: Points, other: Points) -> Points:
    """Return the (2, 3) turn, scale and shift that takes points nearest to others.

    Least squares; Umeyama 1991 without reflection.
    """
    from_middle, to_middle = one.mean(axis=0), other.mean(axis=0)
    x, y = one - from_middle, other - to_middle
    size = max(float((x**2).sum()), 1e-12)
    along = float((x * y).sum()) / size
    across = float((x[:, 0] * y[:, 1] - x[:, 1] * y[:, 0]).sum()) / size
    turn = np.array([[along, -across], [across, along]])
    return np.column_stack([turn, to_middle - turn @ from_middle])
