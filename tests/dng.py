"""RAW files made at test time: small DNGs that LibRaw opens, with and without a preview."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

BYTE, ASCII, SHORT, LONG, RATIONAL, SRATIONAL = 1, 2, 3, 4, 5, 10
XYZ_TO_SRGB = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)
Entry = tuple[int, int, object]


def dng(
    path: Path,
    rgb: npt.NDArray[np.uint8],
    *,
    preview_px: int | None = 1600,
    orientation: int = 1,
    taken: str | None = None,
    subsec: str = "",
    offset: str = "",
    serial: str = "",
) -> Path:
    """Write a picture as the mosaic of a camera, RGGB, 16 bits.

    Args:
        rgb: as the sensor lies, before `orientation` is applied; even sides.
        preview_px: longer side of the JPEG inside; None leaves it out.
    """
    linear = ((rgb / 255.0) ** 2.2 * 60000).astype("<u2")
    mosaic = linear[:, :, 1].copy()
    mosaic[0::2, 0::2] = linear[0::2, 0::2, 0]
    mosaic[1::2, 1::2] = linear[1::2, 1::2, 2]
    height, width = mosaic.shape
    raw: list[Entry] = [
        (0x00FE, LONG, (0,)),
        (0x0100, LONG, (width,)),
        (0x0101, LONG, (height,)),
        (0x0102, SHORT, (16,)),
        (0x0103, SHORT, (1,)),
        (0x0106, SHORT, (32803,)),
        (0x0111, LONG, mosaic.tobytes()),
        (0x0115, SHORT, (1,)),
        (0x0116, LONG, (height,)),
        (0x0117, LONG, (mosaic.nbytes,)),
        (0x828D, SHORT, (2, 2)),
        (0x828E, BYTE, b"\x00\x01\x01\x02"),
        (0xC61D, LONG, (60000,)),
    ]
    camera: list[Entry] = [
        (0x010F, ASCII, "Testcam"),
        (0x0110, ASCII, "T-1"),
        (0x0112, SHORT, (orientation,)),
        (0xC612, BYTE, b"\x01\x04\x00\x00"),
        (0xC613, BYTE, b"\x01\x01\x00\x00"),
        (0xC614, ASCII, "Testcam T-1"),
        (0xC621, SRATIONAL, XYZ_TO_SRGB),
        (0xC628, RATIONAL, (1.0, 1.0, 1.0)),
        (0xC65A, SHORT, (21,)),
    ]
    said: list[Entry] = []
    if taken:
        said.append((0x9003, ASCII, taken))
        said += [(0x9291, ASCII, subsec)] if subsec else []
        said += [(0x9011, ASCII, offset)] if offset else []
        said += [(0xA431, ASCII, serial)] if serial else []
        camera.append((0x8769, LONG, said))
    if preview_px is None:
        first = [*raw, *camera]
    else:
        small = Image.fromarray(rgb)
        small.thumbnail((preview_px, preview_px))
        made = BytesIO()
        small.save(made, "JPEG", quality=90)
        jpeg = made.getvalue()
        first = [
            (0x00FE, LONG, (1,)),
            (0x0100, LONG, (small.width,)),
            (0x0101, LONG, (small.height,)),
            (0x0102, SHORT, (8, 8, 8)),
            (0x0103, SHORT, (7,)),
            (0x0106, SHORT, (6,)),
            (0x0111, LONG, jpeg),
            (0x0115, SHORT, (3,)),
            (0x0116, LONG, (small.height,)),
            (0x0117, LONG, (len(jpeg),)),
            (0x014A, LONG, raw),
            *camera,
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_file(first))
    return path


def _file(entries: list[Entry]) -> bytes:
    out = bytearray(b"II*\0\x08\0\0\0")
    _ifd(out, entries)
    return bytes(out)


def _ifd(out: bytearray, entries: list[Entry]) -> int:
    """Append a directory, then what does not fit in it, and return where it begins."""
    at = len(out)
    entries = sorted(entries, key=lambda entry: entry[0])
    out += struct.pack("<H", len(entries)) + bytes(12 * len(entries) + 4)
    for i, (tag, kind, value) in enumerate(entries):
        count, packed = _packed(out, tag, kind, value)
        if len(packed) > 4:
            out += bytes(len(out) % 2)
            where = len(out)
            out += packed
            packed = struct.pack("<I", where)
        entry = struct.pack("<HHI", tag, kind, count) + packed.ljust(4, b"\0")
        out[at + 2 + 12 * i : at + 14 + 12 * i] = entry
    return at


def _packed(out: bytearray, tag: int, kind: int, value: object) -> tuple[int, bytes]:
    if isinstance(value, list):  # a directory of its own
        out += bytes(len(out) % 2)
        return 1, struct.pack("<I", _ifd(out, value))
    if tag == 0x0111 and isinstance(value, bytes):  # the pixels
        out += bytes(len(out) % 2)
        at = len(out)
        out += value
        return 1, struct.pack("<I", at)
    if isinstance(value, bytes):
        return len(value), value
    if isinstance(value, str):
        text = value.encode() + b"\0"
        return len(text), text
    assert isinstance(value, tuple)
    if kind in (RATIONAL, SRATIONAL):
        sign = "I" if kind == RATIONAL else "i"
        parts = [struct.pack(f"<{sign}I", round(part * 10000), 10000) for part in value]
        return len(value), b"".join(parts)
    return len(value), struct.pack(f"<{len(value)}{'H' if kind == SHORT else 'I'}", *value)
