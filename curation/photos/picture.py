"""One picture read once: who it is, when taken, its print, thumbnail and cheap measures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curation.photos import capture, exif, formats, prints
from curation.photos.content import content_id
from curation.photos.decode import opened, pixels, read_bytes, upright_size
from curation.video.picture import halved
from curation.video.still import jpeg, thumbnail

MEASURE_PX = 640
RENDITION_QUALITY = 92
SCALED = ("JPEG", "MPO")
"""Decoders that can leave out what is finer; the picture inside a RAW file is a JPEG, too."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one reading of a picture file tells of its content.

    Attributes:
        content: blake2b of the file's bytes, 16 bytes in hex.
        key: blake2b of what makes the picture: a rating written into a JPEG does not change it.
        width, height: upright, in pixels, of the whole picture.
        capture: as its EXIF says; nothing of the file's name and time.
        print: see photos.prints.
    """

    content: str
    key: str
    kind: str
    width: int
    height: int
    capture: capture.Capture
    print: bytes


@dataclass(frozen=True, slots=True)
class Photo:
    """What one reading of a picture file gave.

    Attributes:
        taken_s: by the camera's clock, seconds since 1970; None when it does not say.
        thumb: a small upright JPEG in sRGB.
        rendition: the whole picture as JPEG, where browsers would not show the file as it should
            be; None where they do.
        sharpness: variance of the Laplacian at 640 to 1279 px, as of video frames.
    """

    look: Look
    taken_s: float | None
    thumb: bytes
    rendition: bytes | None
    sharpness: float
    luma_mean: float
    luma_std: float

    @property
    def key(self) -> str:
        """Return the picture's identity: see Look."""
        return self.look.key

    @property
    def kind(self) -> str:
        """Return its format."""
        return self.look.kind

    @property
    def width(self) -> int:
        """Return its width in pixels, upright."""
        return self.look.width

    @property
    def height(self) -> int:
        """Return its height in pixels, upright."""
        return self.look.height


def look(kind: str, data: bytes) -> Look:
    """Return what a picture's content tells, with its print.

    Args:
        kind, data: from photos.decode.read_bytes.

    Raises:
        ImageUnreadable: saying what is wrong with it, without its path.
    """
    return _looked(kind, data)[0]


def read(path: Path, thumb_px: int = 320) -> Photo:
    """Read a picture file: one decode gives its print, its thumbnail and its measures.

    Args:
        thumb_px: longer side of the thumbnail.

    Raises:
        ImageUnreadable: saying what is wrong with the file, without its path.
    """
    import cv2

    kind, data = read_bytes(path)
    seen, rgb, luma = _looked(kind, data)
    small = np.asarray(halved(luma, MEASURE_PX), np.uint8)
    spread = float(cv2.meanStdDev(cv2.Laplacian(small, cv2.CV_16S))[1][0, 0])
    return Photo(
        seen,
        seen.capture.clock_s,
        thumbnail(np.asarray(halved(rgb, 2 * thumb_px), np.uint8), thumb_px),
        _rendition(kind, data, rgb),
        spread * spread,
        float(small.mean()),
        float(small.std()),
    )


def _looked(
    kind: str, data: bytes
) -> tuple[Look, npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return (what is told, sRGB as decoded, its luma)."""
    image = opened(kind, data)
    turn = exif.orientation(image)
    width, height = upright_size(image)
    taken = capture.of_image(image)
    scaled = image.format in SCALED or _shown(kind, turn)
    rgb = pixels(image, prints.DECODE_PX if scaled else None)
    luma = prints.luma_of(rgb)
    content = content_id(data)
    made = prints.make(luma, prints.chroma_of(rgb))
    seen = Look(content, _key(kind, data, turn), kind, width, height, taken, made)
    return seen, rgb, luma


def _shown(kind: str, turn: int) -> bool:
    """Return whether browsers show such a file as it should be."""
    return kind in formats.MEDIA_TYPES and (kind == formats.JPEG or turn == 1)


def _rendition(kind: str, data: bytes, rgb: npt.NDArray[np.uint8]) -> bytes | None:
    if kind == formats.JPEG:
        return None
    image = opened(kind, data)
    if _shown(kind, exif.orientation(image)):
        return None
    # Of a RAW file only the scaled preview was decoded.
    return jpeg(pixels(image) if image.format in SCALED else rgb, RENDITION_QUALITY, "420")


def _key(kind: str, data: bytes, turn: int) -> str:
    digest = hashlib.blake2b(bytes([turn]), digest_size=16)
    for part in exif.content_parts(data) if kind == formats.JPEG else (data,):
        digest.update(part)
    return digest.hexdigest()
