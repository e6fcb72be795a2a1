"""EXIF tags out of RAW files: most are TIFF inside, with a first word of their own.

Pillow reads TIFF proper only, and LibRaw hands out few tags, without offset and sub-seconds. Only
what `photos.capture` asks for is read; whatever is damaged is left out. (TIFF 6.0, Adobe 1992;
Exif 2.32, CIPA DC-008.)
"""

from __future__ import annotations

import mmap
import struct

from curation.photos.capture import WANTED

EXIF_PART = 0x8769
ASCII = 2
NUMBERS = {3: "H", 4: "I", 5: "II", 9: "i", 10: "ii"}
"""Kinds that hold one number: whole ones as `struct` calls them, fractions as two."""
MOST_ENTRIES = 512
MOST_TEXT = 256
HEAD_BYTES = 1 << 20
"""Where a structure inside another format begins; what it points to may lie anywhere."""


Data = bytes | mmap.mmap


def tags(data: Data) -> dict[int, object]:
    """Return the tags of a RAW file by number, text as str; empty where nothing is found.

    Numbers are int or float.

    Args:
        data: the whole file; little of it is touched.
    """
    found: dict[int, object] = {}
    for at in _places(data):
        order = _order(data, at)
        if order:
            _read(data, at, order, _number(data, at + 4, order + "I"), found, True)
    return found


def _places(data: Data) -> list[int]:
    """Return where TIFF structures begin."""
    if data[4:8] == b"ftyp":  # CR3: one box for each part
        marks = [data.find(mark, 0, HEAD_BYTES) for mark in (b"CMT1", b"CMT2")]
        return [at + 4 for at in marks if at >= 0]
    if _order(data, 0):
        return [0]
    at = data.find(b"\0TTW", 0, HEAD_BYTES)  # MRW
    if data[:4] == b"\0MRM" and at >= 0:
        return [at + 8]
    at = data.find(b"Exif\0\0", 0, HEAD_BYTES)  # RAF and others keep a JPEG, which has it
    return [at + 6] if at >= 0 else []


def _order(data: Data, at: int) -> str:
    """Return the byte order of a TIFF structure for `struct`, nothing where there is none."""
    return {b"II": "<", b"MM": ">"}.get(bytes(data[at : at + 2]), "")


def _number(data: Data, at: int, form: str) -> int:
    try:
        return int(struct.unpack_from(form, data, at)[0])
    except struct.error:
        return 0


def _read(
    data: Data, base: int, order: str, offset: int, found: dict[int, object], top: bool
) -> None:
    at = base + offset
    count = _number(data, at, order + "H")
    if not offset or count > MOST_ENTRIES:
        return
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind = _number(data, entry, order + "H"), _number(data, entry + 2, order + "H")
        if tag == EXIF_PART and top:
            part = _number(data, entry + 8, order + "I")
            _read(data, base, order, part, found, False)
        elif tag in WANTED and kind == ASCII:
            size = _number(data, entry + 4, order + "I")
            start = entry + 8 if size <= 4 else base + _number(data, entry + 8, order + "I")
            text = bytes(data[start : start + min(size, MOST_TEXT)])
            found.setdefault(tag, text.split(b"\0")[0].decode("utf-8", "replace"))
        elif tag in WANTED and kind in NUMBERS:
            _take(data, base, order, entry, NUMBERS[kind], tag, found)


def _take(
    data: Data, base: int, order: str, entry: int, form: str, tag: int, found: dict[int, object]
) -> None:
    size = struct.calcsize("=" + form)
    at = entry + 8 if size <= 4 else base + _number(data, entry + 8, order + "I")
    try:
        whole, *below = struct.unpack_from(order + form, data, at)
    except struct.error:
        return
    if not below:
        found.setdefault(tag, whole)
    elif below[0]:
        found.setdefault(tag, whole / below[0])
