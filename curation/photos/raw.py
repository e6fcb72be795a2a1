"""RAW files as their camera shows them: the JPEG inside, else a quick development by LibRaw.

The JPEG that cameras put into a RAW file is what the photographer saw; it is read as the sensor
lay, and turned as the file says. Where there is none, or only a stamp of a few hundred pixels, the
mosaic is developed at half its size.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

from curation.errors import ImageUnreadable
from curation.photos import tiff_tags

TURN, WHOLE, TAGS = "curation_turn", "curation_whole_wh", "curation_tags"
"""Entries in the `info` of an image made from a RAW file: what the file says, not its preview."""

LEAST_PX = 1000
"""A preview whose longer side has fewer is a stamp, unless the picture itself is no larger."""

# LibRaw counts turns its own way (bit 1 mirrors, bit 2 turns over, bit 4 swaps the axes).
TURN_OF_FLIP = {0: 1, 1: 2, 3: 3, 2: 4, 4: 5, 6: 6, 7: 7, 5: 8}


@dataclass(frozen=True, slots=True)
class _Size:
    """The picture as the sensor lay, and how it must be turned (EXIF 1 to 8)."""

    width: int
    height: int
    turn: int


def opened(data: bytes, most_px: int) -> Any:
    """Return a RAW file as a Pillow image of known size; a JPEG inside is not decoded yet.

    Its `info` says how it must be turned, how large the whole picture is, and its EXIF tags.

    Raises:
        ImageUnreadable: for a camera that LibRaw does not know, a damaged file, too many pixels.
    """
    import rawpy

    try:
        raw = rawpy.imread(BytesIO(data))
    except rawpy.LibRawFileUnsupportedError as error:
        raise ImageUnreadable(
            "is a RAW file of a kind that LibRaw does not read; convert it to DNG"
        ) from error
    except Exception as error:  # LibRaw raises many kinds at damaged files
        raise ImageUnreadable(f"is a damaged RAW file: {_said(error)}") from error
    with raw:
        size = _size(raw)
        if size.width * size.height > most_px:
            raise ImageUnreadable(
                f"is {size.width} x {size.height} pixels; at most {most_px // 1_000_000} million"
                " are read"
            )
        image, turn = _preview(raw, size), size.turn
        if image is None:
            image, turn = _developed(raw), 1
        elif (image.width > image.height) != (size.width > size.height):
            turn = 1  # some programs that write DNG put an upright preview in
    whole = (size.width, size.height)
    image.info[TURN] = turn
    image.info[WHOLE] = whole if size.turn < 5 else whole[::-1]
    image.info[TAGS] = tiff_tags.tags(data)
    return image


def _size(raw: Any) -> _Size:
    sizes = raw.sizes
    return _Size(int(sizes.width), int(sizes.height), TURN_OF_FLIP.get(int(sizes.flip), 1))


def _preview(raw: Any, size: _Size) -> Any:
    """Return the picture inside as an unread Pillow image, None when there is no good one."""
    import rawpy
    from PIL import Image

    try:
        thumb = raw.extract_thumb()
        image: Any
        if thumb.format == rawpy.ThumbFormat.JPEG:
            image = Image.open(BytesIO(thumb.data), formats=("JPEG", "MPO"))
        else:
            image = Image.fromarray(thumb.data)
    except Exception:  # none, of a kind that is not known, or damaged: the mosaic is there still
        return None
    good = max(image.size) >= min(LEAST_PX, max(size.width, size.height) // 2)
    return image if good and image.width * image.height <= 4 * size.width * size.height else None


def _developed(raw: Any) -> Any:
    """Return the mosaic developed at half size, upright, with the camera's white balance."""
    from PIL import Image

    try:
        return Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True, output_bps=8))
    except Exception as error:  # as above
        raise ImageUnreadable(
            f"is a RAW file without a preview that cannot be developed: {_said(error)}"
        ) from error


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return " ".join(text.split())[:200] or type(error).__name__
