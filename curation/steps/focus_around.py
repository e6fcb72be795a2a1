"""Whether what surrounds a person is sharper than the person's face."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from curation.steps.base import RgbImage
from curation.steps.focus_features import FACE_PX, Grey, blurred, face_square, grey_crop

BLOCK_PX = 8
TEXTURE = 4.0
LEAST_BLOCKS = 24
WINDOW_FACES = 2.5
BODY_ROOM = 15 / 128

Box = npt.NDArray[np.float64]


def background(
    rgb: RgbImage, face_xyxy_px: Box, bodies: Sequence[Box]
) -> tuple[float | None, float | None]:
    """Return the detail of the surroundings, and by how much it exceeds the face's.

    Detail is the 80th percentile, over textured blocks, of the log ratio of fine to coarse
    difference-of-Gaussian energy, both taken at the scale of a 128-px face, within 2.5 faces.

    Args:
        bodies: boxes that are person, not surroundings; the face's own is added here.
    """
    square = face_square(face_xyxy_px)
    side = square[2] - square[0]
    scale = min(FACE_PX / side, 1.0)
    window = _window(square, rgb.shape[1], rgb.shape[0])
    grey = grey_crop(rgb, window, scale)
    if grey is None:
        return None, None
    detail, textured = _blocks(grey)
    to_blocks = scale / BLOCK_PX
    origin = np.tile(np.maximum(np.round(window[:2]), 0), 2)
    face = _ellipse((square - origin) * to_blocks, detail.shape)
    plain = np.ones(detail.shape, bool)
    for box in _not_around(face_xyxy_px, bodies, rgb.shape[0]):
        x0, y0, x1, y1 = (box - origin + BODY_ROOM * side * np.array([-1, -1, 1, 1])) * to_blocks
        rows = slice(max(int(np.floor(y0)), 0), max(int(np.ceil(y1)), 0))
        plain[rows, max(int(np.floor(x0)), 0) : max(int(np.ceil(x1)), 0)] = False
    around = plain & textured & ~face
    face &= textured
    if around.sum() < LEAST_BLOCKS:
        return None, None
    s_around = float(np.quantile(detail[around], 0.8))
    if face.sum() < LEAST_BLOCKS // 4:
        return s_around, None
    return s_around, max(0.0, s_around - float(np.quantile(detail[face], 0.8)))


def _window(square: Box, width: int, height: int) -> Box:
    side = square[2] - square[0]
    away = (WINDOW_FACES - 0.5) * side
    limits = np.array([width, height, width, height], np.float64)
    return np.asarray(np.clip(square + away * np.array([-1, -1, 1, 1]), 0, limits))


def _blocks(grey: Grey) -> tuple[Grey, npt.NDArray[np.bool_]]:
    """Return the detail of each 8 x 8 block, and where there is texture to tell it from."""
    rows, cols = (max(n // BLOCK_PX, 1) for n in grey.shape)
    grey = grey[: rows * BLOCK_PX, : cols * BLOCK_PX]
    smooth = blurred(grey, 1.6)
    # Blurred by 1.6 px, every second pixel holds all there is: the coarse band costs a quarter.
    half = smooth[::2, ::2]
    pair = blurred(grey, 0.8) - smooth, half - blurred(half, np.sqrt(3.2**2 - 1.6**2) / 2)
    fine, coarse = (
        cv2.resize(band * band, (cols, rows), interpolation=cv2.INTER_AREA) for band in pair
    )
    return np.asarray(np.log(fine + 0.05) - np.log(coarse + 1.0), np.float32), coarse > TEXTURE


def _ellipse(xyxy: Box, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    middle, half = (xyxy[:2] + xyxy[2:]) / 2, np.maximum((xyxy[2:] - xyxy[:2]) / 2, 1e-6)
    return np.asarray(((x - middle[0]) / half[0]) ** 2 + ((y - middle[1]) / half[1]) ** 2 <= 1.0)


def _not_around(face: Box, bodies: Sequence[Box], height: int) -> list[Box]:
    """Return the boxes that are no surroundings: others, the own head, the own body under it.

    A body's box that holds the face is kept from the chin down: beside the head it shows what is
    behind the person. Where no body was found, a column under the face stands for it.
    """
    x0, y0, x1, y1 = face
    wide, tall = x1 - x0, y1 - y0
    middle = (x0 + x1) / 2, (y0 + y1) / 2
    boxes = [np.array([x0 - wide / 2, y0 - tall / 2, x1 + wide / 2, y1 + tall / 2])]
    own = [b[0] <= middle[0] <= b[2] and b[1] <= middle[1] <= b[3] for b in bodies]
    for box, holds_face in zip(bodies, own, strict=True):
        boxes.append(np.array([box[0], max(box[1], y1), box[2], box[3]]) if holds_face else box)
    if not any(own):
        boxes.append(np.array([x0 - wide, y1, x1 + wide, float(height)]))
    return boxes
