"""Rating, keywords and place that a picture file holds itself; read only, never written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.photos import formats, xmp

HEAD_BYTES, MOST_BYTES = 1 << 17, 1 << 20
"""XMP is looked for here, as a packet (XMP part 3, packet scanning), whatever the container; the
larger number where a packet begins in the smaller one, and for RAW files."""
EXIF_RATING, GPS_PART = 0x4746, 0x8825
_BEGIN, _END = b"<x:xmpmeta", b"</x:xmpmeta>"
GPS = ("exif:GPSLatitude", "exif:GPSLongitude")


@dataclass(frozen=True, slots=True)
class Embedded:
    """What a file says of itself.

    Attributes:
        rating: -1 to 5; None when there is none. 0 is what some cameras write always.
        place: exif:GPSLatitude and exif:GPSLongitude as XMP writes them ("43,28.8N").
    """

    rating: int | None = None
    keywords: tuple[str, ...] = ()
    place: tuple[str, str] | None = None


def embedded(path: Path) -> Embedded:
    """Return what a picture file holds; nothing when it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            cut = _BEGIN in head and _END not in head
            if cut or formats.promised(path.suffix) == formats.RAW:
                head += file.read(MOST_BYTES - HEAD_BYTES)
    except OSError:
        return Embedded()
    rating: int | None = None
    keywords: tuple[str, ...] = ()
    place: tuple[str, str] | None = None
    begin = head.find(_BEGIN)
    end = head.find(_END, begin)
    if 0 <= begin < end:
        found = xmp.read(head[begin : end + len(_END)])
        rating, keywords, place = found.rating, found.keywords, place_of(found.values)
    kind = formats.promised(path.suffix)
    if (rating is None or place is None) and kind and kind != formats.RAW:
        stars, where = _exif(kind, head)
        rating = stars if rating is None else rating
        place = where if place is None else place
    return Embedded(rating, keywords, place)


def place_of(values: Mapping[str, object]) -> tuple[str, str] | None:
    """Return the place among a sidecar's values, None unless both parts are there."""
    lat, lon = (values.get(key) for key in GPS)
    return (lat, lon) if isinstance(lat, str) and isinstance(lon, str) else None


def _exif(kind: str, head: bytes) -> tuple[int | None, tuple[str, str] | None]:
    from curation.photos.decode import opened

    if formats.found(head[:32]) != kind:
        return None, None
    try:
        tags: Any = opened(kind, head).getexif()
        said = tags.get(EXIF_RATING)
        where = dict(tags.get_ifd(GPS_PART))
    except Exception:  # damaged EXIF raises many kinds; it says nothing then
        return None, None
    rating = said if isinstance(said, int) and 0 <= said <= 5 else None
    lat = _degrees(where.get(2), where.get(1), "NS")
    lon = _degrees(where.get(4), where.get(3), "EW")
    return rating, (lat, lon) if lat and lon else None


def _degrees(parts: Any, side: Any, sides: str) -> str:
    """Return degrees, minutes, seconds of EXIF as XMP writes them: "DDD,MM.mmmmmmK"."""
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
        mark = str(side).strip("\0 ").upper()
        total = degrees * 60 + minutes + seconds / 60
    except (TypeError, ValueError, ZeroDivisionError):
        return ""
    if not math.isfinite(total) or mark not in tuple(sides) or not 0 <= total <= 180 * 60:
        return ""
    whole = int(total // 60)
    return f"{whole},{round(total - whole * 60, 6):.6f}".rstrip("0").rstrip(".") + mark
