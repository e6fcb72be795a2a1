"""Is the larger of two like pictures only the smaller one, enlarged?

A picture that was taken large shows what its reduced copy cannot; an enlarged one shows what the
smaller one says should be there. So the smaller one is enlarged in the ways that programs use, and
what the nearest of them leaves unexplained of the larger picture is set against what the same game
leaves of the smaller one, a picture that holds detail at its own size. What an AI upscaler invents
passes for detail: such pictures are known by the `upscale` of their sidecar.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curation.errors import CurationError

Grey = npt.NDArray[np.float32]

VERSION = "1"
LEAST_FACTOR = 1.5
"""Enlarged less than this, interpolation and detail cannot be told apart."""
ASPECT_ROOM = 0.02
LEAST_LIKENESS = 0.95
LEAST_DETAIL = 0.55
"""Unexplained rest (RMS) times factor, over that of the smaller picture, under which the larger one
is enlarged. On frames of two clips, factors 1.5 to 4: originals have 0.98 to 2.2, soft and noisy
ones 0.56 and more, enlarged copies saved as JPEG of quality 95 0.08 to 0.55, of quality 80 up to
1.0: the rule errs towards the larger picture."""
ROUNDING = 1 / 6
"""Mean square of what two passes of a resize lose by storing whole numbers."""
BORDER_PX = 4


def is_upscale(large: Grey, small: Grey) -> bool:
    """Return whether `large` shows nothing that `small` does not; False where it cannot be told.

    Args:
        large, small: luma, (h, w) float32 of 0-255; the sizes decide nothing if they are close.
    """
    import cv2

    (h, w), (tall, wide) = large.shape, small.shape
    factor = float(np.sqrt(h * w / (tall * wide)))
    if factor < LEAST_FACTOR or not alike(w / h, wide / tall):
        return False
    reduced = cv2.resize(large, (wide, tall), interpolation=cv2.INTER_AREA)
    if np.corrcoef(reduced.ravel(), small.ravel())[0, 1] < LEAST_LIKENESS:
        return False
    smaller = _reduced(small, max(2, round(wide / factor)), max(2, round(tall / factor)))
    return _unexplained(large, small) * factor < LEAST_DETAIL * _unexplained(small, smaller)


def alike(aspect: float, other: float) -> bool:
    """Return whether two pictures of these width / height may be one, enlarged."""
    return abs(aspect / other - 1) <= ASPECT_ROOM


def _unexplained(large: Grey, small: Grey) -> float:
    """Return the RMS of what no way of enlarging the smaller picture gives."""
    edge = BORDER_PX if min(large.shape) > 8 * BORDER_PX else 0
    inside = slice(edge, -edge or None)
    least = min(
        float(np.mean(np.square((large - made)[inside, inside])))
        for made in _enlarged(small, large.shape[1], large.shape[0])
    )
    return math.sqrt(max(0.0, least - ROUNDING))


def _reduced(grey: Grey, wide: int, tall: int) -> Grey:
    from PIL import Image

    made = Image.fromarray(grey).resize((wide, tall), Image.Resampling.LANCZOS)
    return np.asarray(made, np.float32)


def _enlarged(grey: Grey, wide: int, tall: int) -> Iterator[Grey]:
    """Yield a picture enlarged in each way; Pillow's and OpenCV's bicubic are not the same."""
    import cv2
    from PIL import Image

    image = Image.fromarray(grey)
    ways = Image.Resampling
    for way in (ways.BICUBIC, ways.LANCZOS, ways.BILINEAR, ways.NEAREST):
        yield np.asarray(image.resize((wide, tall), way), np.float32)
    yield np.asarray(cv2.resize(grey, (wide, tall), interpolation=cv2.INTER_CUBIC), np.float32)


def luma_of(path: Path) -> Grey:
    """Return the luma of a picture file.

    Raises:
        ImageUnreadable: saying what is wrong with it.
    """
    from curation.photos.decode import read_bytes
    from curation.toolkit.views import Views

    return Views(*read_bytes(path)).grey.astype(np.float32)


def asked(task: tuple[Path, Path]) -> bool:
    """Return `is_upscale` of two files, larger first; False for one that cannot be read."""
    try:
        return is_upscale(luma_of(task[0]), luma_of(task[1]))
    except CurationError:
        return False
