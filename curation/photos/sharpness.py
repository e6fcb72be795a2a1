"""Sharpness for comparing pictures of one scene: of tiles, at one size, lightly denoised.

The energy of the Laplacian depends on scale, noise and content, so these numbers rank pictures of
one group against each other and are no threshold for pictures at large (Pech-Pacheco et al. 2000;
Pertuz et al. 2013). Every picture is brought to the same size first, smoothed a little, so that
sensor noise does not pass for detail, and looked at in 8 x 8 tiles: the sharp tenth counts, so that
a blurred background does not make a portrait lose.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

SIDE_PX = 1280
"""Longer side at which sharpness is taken: pictures that are larger or smaller are resized."""
TILES = 8
SHARPEST = 90
"""Percentile of the tiles that stands for the picture."""
SMOOTH = np.outer((1, 2, 1), (1, 2, 1))
"""Binomial smoothing, standard deviation 0.7 px at SIDE_PX."""
GAIN = 16
"""Sum of SMOOTH."""
EDGES = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32)


def tiles(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the sharpness of each tile, row by row: (64,) float32, in levels of luma.

    It is the root mean square of the Laplacian of the smoothed picture.

    Args:
        grey: (h, w) uint8 luma, upright, of any size.
    """
    import cv2

    height, width = grey.shape
    scale = SIDE_PX / max(height, width)
    if scale != 1:
        size_wh = max(1, round(width * scale)), max(1, round(height * scale))
        # What is no more than twice as large loses nothing to the faster way.
        way = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR
        grey = np.asarray(cv2.resize(grey, size_wh, interpolation=way), np.uint8)
    # Smoothing and Laplacian in one kernel of whole numbers: rounding in between would outweigh
    # what is soft.
    edges = cv2.filter2D(grey, cv2.CV_16S, _kernel())
    rows, columns = _cuts(edges.shape[0]), _cuts(edges.shape[1])
    found = [
        cv2.norm(edges[top:bottom, left:right]) / np.sqrt((bottom - top) * (right - left))
        for top, bottom in rows
        for left, right in columns
    ]
    return np.asarray(np.array(found) / GAIN, np.float32)


def _cuts(length: int) -> list[tuple[int, int]]:
    """Return where tiles begin and end along a side; none is empty."""
    starts = [min(i * length // TILES, length - 1) for i in range(TILES)]
    return [(at, max(at + 1, (i + 1) * length // TILES)) for i, at in enumerate(starts)]


@cache
def _kernel() -> npt.NDArray[np.float32]:
    """Return EDGES of SMOOTH, (5, 5)."""
    made = np.zeros((5, 5), np.float32)
    for (y, x), weight in np.ndenumerate(EDGES):
        made[y : y + 3, x : x + 3] += weight * SMOOTH
    return made


def whole(tile: npt.NDArray[np.float32]) -> float:
    """Return the sharpness of a picture from its tiles."""
    return float(np.percentile(tile, SHARPEST))
