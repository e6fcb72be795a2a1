"""What a picture says of itself: which way is up, when it was taken, which colours it means."""

from __future__ import annotations

from typing import Any

from curation.photos import capture, raw

ORIENTATION, EXIF_PART = 0x0112, 0x8769
TURNED_BY_READER = ("TIFF", "HEIF")
"""Pillow's readers of these hand out upright pixels and sizes."""

def orientation(image: Any) -> int:
    """Return how pixels must still be turned, 1 to 8 as EXIF counts; 1 when nothing is said."""
    if raw.TURN in image.info:
        return int(image.info[raw.TURN])
    if image.format in TURNED_BY_READER:
        return 1
    try:
        said = int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # damaged EXIF raises many kinds; the picture itself may be sound
        return 1
    return said if 1 <= said <= 8 else 1


def tags(image: Any) -> dict[int, Any]:
    """Return the tags of an opened picture's EXIF, those of its EXIF part too; none if damaged."""
    if raw.TAGS in image.info:
        return dict(image.info[raw.TAGS])
    try:
        found = dict(image.getexif())
        found.update(image.getexif().get_ifd(EXIF_PART))
    except Exception:  # damaged EXIF raises many kinds; the picture itself may be sound
        return {}
    return found


def taken_s(image: Any) -> float | None:
    """Return when a picture was taken, by the camera's clock, in seconds since 1970.

    Time zones are left out: pictures of one walk are in order when each is taken at its word, also
    where only some name a zone.
    """
    return capture.of_tags(tags(image)).clock_s


def content_parts(data: bytes) -> list[memoryview]:
    """Return the parts of a JPEG that make its picture: without EXIF, XMP, IPTC and comments.

    So a picture stays the same one when a program writes a rating or a caption into it. A file
    that does not follow the rules is returned whole.
    """
    view, at = memoryview(data), 2
    parts: list[memoryview] = []
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xDA:
            return [*parts, view[at:]]
        if marker == 0xFF:  # filling
            at += 1
            continue
        size = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker not in (0xE1, 0xED, 0xFE):
            parts.append(view[at : at + size])
        at += size
    return [view]
