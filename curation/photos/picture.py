"""One picture read once: who it is, how large, when taken, its thumbnail and cheap measures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from curation.photos import exif, formats
from curation.photos.decode import opened, pixels, read_bytes, upright_size
from curation.video.picture import halved
from curation.video.still import jpeg, thumbnail

MEASURE_PX = 640
RENDITION_QUALITY = 92


@dataclass(frozen=True, slots=True)
class Photo:
    """What one reading of a picture file gave.

    Attributes:
        key: blake2b of what makes the picture: a rating written into a JPEG does not change it.
        width, height: upright, in pixels.
        taken_s: by the camera's clock, seconds since 1970; None when it does not say.
        thumb: a small upright JPEG in sRGB.
        rendition: the whole picture as JPEG, where browsers would not show the file as it should
            be; None where they do.
        sharpness: variance of the Laplacian at 640 to 1279 px, as of video frames.
    """

    key: str
    kind: str
    width: int
    height: int
    taken_s: float | None
    thumb: bytes
    rendition: bytes | None
    sharpness: float
    luma_mean: float
    luma_std: float


def read(path: Path, thumb_px: int = 320) -> Photo:
    """Read a picture file.

    Args:
        thumb_px: longer side of the thumbnail.

    Raises:
        ImageUnreadable: saying what is wrong with the file, without its path.
    """
    import cv2
    import numpy as np

    kind, data = read_bytes(path)
    image = opened(kind, data)
    turn = exif.orientation(image)
    width, height = upright_size(image)
    taken = exif.taken_s(image)
    shows = kind in formats.MEDIA_TYPES and (kind == formats.JPEG or turn == 1)
    rgb = pixels(image, max(MEASURE_PX, thumb_px) if shows else None)
    rendition = None if shows else jpeg(rgb, RENDITION_QUALITY, "420")
    luma = np.asarray(halved(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), MEASURE_PX), np.uint8)
    spread = float(cv2.meanStdDev(cv2.Laplacian(luma, cv2.CV_16S))[1][0, 0])
    return Photo(
        _key(kind, data, turn),
        kind,
        width,
        height,
        taken,
        thumbnail(rgb, thumb_px),
        rendition,
        spread * spread,
        float(luma.mean()),
        float(luma.std()),
    )


def _key(kind: str, data: bytes, turn: int) -> str:
    digest = hashlib.blake2b(bytes([turn]), digest_size=16)
    for part in exif.content_parts(data) if kind == formats.JPEG else (data,):
        digest.update(part)
    return digest.hexdigest()
