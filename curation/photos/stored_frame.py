"""Which way the pixels of a file are stored: editors count crops in that frame, not the upright."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curation.errors import ImageUnreadable
from curation.photos import decode, exif, formats

FLIPS = {0: 1, 3: 3, 5: 8, 6: 6}
"""LibRaw's turn -> EXIF orientation (LibRaw, libraw_image_sizes_t.flip)."""


def stored_orientation(path: Path) -> int:
    """Return how stored pixels are turned to stand upright, 1 to 8 as EXIF counts.

    HEIC says it outside of EXIF, and editors count from what its reader gives: 1.

    Raises:
        ImageUnreadable: naming the file.
    """
    try:
        if formats.promised(path.suffix) == formats.RAW:
            return _of_raw(path)
        kind, data = decode.read_bytes(path)
        image = decode.opened(kind, data)
    except ImageUnreadable as error:
        raise ImageUnreadable(f"{path}: {error.message}") from error
    if kind == formats.TIFF:
        return _of_tiff(image)
    return exif.orientation(image)


def _of_tiff(image: Any) -> int:
    try:
        said = int(image.tag_v2.get(exif.ORIENTATION, 1))
    except (AttributeError, TypeError, ValueError):
        return 1
    return said if 1 <= said <= 8 else 1


def _of_raw(path: Path) -> int:
    try:
        import rawpy
    except ImportError as error:
        raise ImageUnreadable("RAW needs the package rawpy") from error
    try:
        with rawpy.imread(str(path)) as raw:
            return FLIPS.get(int(raw.sizes.flip), 1)
    except Exception as error:  # LibRaw has many kinds of errors, none of them ours
        raise ImageUnreadable(f"is damaged: {error}") from error
