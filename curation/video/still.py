"""A still: what is measured while its pixels are hot, its JPEG and its thumbnail."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg

from curation.errors import NoSpace, StoreError, lacks_room
from curation.params import ExtractParams
from curation.records import FileSum
from curation.video.picture import halved
from curation.video.readers.base import Decoded

Gray = npt.NDArray[np.uint8]

CELLS = 64
THUMB_QUALITY = 80
PROXY_PX, PROXY_QUALITY = 640, 85
"""The small picture of a frame that is not kept at full size."""


@dataclass(frozen=True)
class Measures:
    """What is known of a picture from its small luma.

    Attributes:
        small: that luma as decoded.
        sharpness: variance of its Laplacian (Pech-Pacheco et al. 2000), full-range levels.
    """

    small: Gray
    full_range: bool
    sharpness: float

    @cached_property
    def luma(self) -> tuple[float, float]:
        """Mean and spread of luma on 0..255."""
        mean, std = (float(value[0, 0]) for value in cv2.meanStdDev(self.small))
        return (mean, std) if self.full_range else ((mean - 16) * 255 / 219, std * 255 / 219)

    @property
    def luma_mean(self) -> float:
        """Mean luma on 0..255."""
        return self.luma[0]

    @property
    def luma_std(self) -> float:
        """Spread of luma on 0..255."""
        return self.luma[1]

    @cached_property
    def signature(self) -> Gray:
        """(64, 64) uint8 mean luma of as many cells."""
        small = halved(self.small, 4 * CELLS)
        cells = cv2.resize(small, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
        if self.full_range:
            return np.asarray(cells, np.uint8)
        return np.asarray(cv2.convertScaleAbs(cells, alpha=255 / 219, beta=-16 * 255 / 219))


def measure(decoded: Decoded) -> Measures:
    """Measure a decoded picture: cheap enough for every picture of a video."""
    small = decoded.small_luma()
    edges = cv2.Laplacian(small, cv2.CV_16S)
    spread = float(cv2.meanStdDev(edges)[1][0, 0])
    gain = 1.0 if decoded.full_range else 255 / 219
    return Measures(small, decoded.full_range, (spread * gain) ** 2)


def flaw(measures: Measures, last: Gray | None, params: ExtractParams) -> str | None:
    """Return "black", "blank", "frozen" or None.

    Args:
        last: signature of the last stored still.
    """
    if measures.luma_std < params.blank_spread:
        return "black" if measures.luma_mean < params.black_level else "blank"
    if last is not None:
        change = np.abs(measures.signature.astype(np.int16) - last).max()
        if change <= params.frozen_change:
            return "frozen"
    return None


def jpeg(rgb: npt.NDArray[np.uint8], quality: int, chroma: str) -> bytes:
    """Return a JPEG of a picture."""
    return bytes(
        simplejpeg.encode_jpeg(
            np.ascontiguousarray(rgb), quality, "RGB", colorsubsampling=chroma, fastdct=False
        )
    )


def chroma_of(pixel_format: str) -> str:
    """Return the JPEG chroma sampling for a video's pixel format.

    Video that carries one colour sample for four pixels gains nothing from 4:4:4: its samples are
    repeated when it becomes R'G'B', and 4:2:0 averages the same four back, at a quarter fewer
    bytes. Video with finer colour keeps it.
    """
    return "420" if any(name in pixel_format for name in ("420", "nv12", "p010", "410")) else "444"


def thumbnail(
    rgb: npt.NDArray[np.uint8], longer_px: int, quality: int = THUMB_QUALITY
) -> bytes:
    """Return a small JPEG of a picture; never larger than the picture."""
    height, width = rgb.shape[:2]
    scale = min(1.0, longer_px / max(height, width))
    size_wh = (max(round(width * scale), 1), max(round(height * scale), 1))
    # Halving first is several times as fast as shrinking at once, and the mean of means is a mean.
    small = cv2.resize(halved(rgb, longer_px), size_wh, interpolation=cv2.INTER_AREA)
    return jpeg(np.asarray(small, np.uint8), quality, "420")


def save(data: bytes, path: Path) -> FileSum:
    """Write a file so that it is there whole or not at all, and return what it is.

    Raises:
        NoSpace: when the disk is full.
        StoreError: when the folder cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            mtime_ns = os.fstat(file.fileno()).st_mtime_ns
        part.replace(path)
    except OSError as error:
        if lacks_room(error):
            raise NoSpace(f"{path}: no space left on the disk", "free some, run again") from error
        raise StoreError(f"{path}: cannot be written: {error.strerror or error}") from error
    return FileSum(hashlib.sha256(data).digest(), len(data), mtime_ns)
