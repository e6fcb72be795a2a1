"""What a picture file says of itself, from its first bytes alone: nothing is decoded."""

from __future__ import annotations

import mmap
from pathlib import Path

from curation.errors import ImageUnreadable
from curation.photos import capture, formats, tiff_tags
from curation.photos.capture import Capture

HEAD_BYTES = 1 << 18


def captured(path: Path) -> Capture:
    """Return what a file's EXIF says, without what its name and time would add.

    A file that cannot be read says nothing.
    """
    from curation.photos.decode import opened, read_bytes

    kind = formats.promised(path.suffix)
    if kind is None or formats.missing_library(kind):
        return Capture()
    try:
        with path.open("rb") as file:
            if kind == formats.RAW:
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
                    return capture.of_tags(tiff_tags.tags(whole))
            head = file.read(HEAD_BYTES)
        if formats.found(head[:32]) != kind:
            return Capture()
        try:
            return capture.of_image(opened(kind, head))
        except ImageUnreadable:  # what comes before the pixels is longer than most
            return capture.of_image(opened(*read_bytes(path)))
    except (ImageUnreadable, OSError, ValueError):  # the last of an empty file
        return Capture()


def clock_s(path: Path) -> float | None:
    """Return when a picture was taken, by the camera's clock, seconds since 1970; None: unsaid."""
    return captured(path).clock_s
