"""Folders of pictures as people have them, made at test time."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

from PIL import Image

from tests.unit.pictures import scenery


def exif(taken: str | None = None, orientation: int = 1, fraction: str = "") -> Any:
    """Return EXIF with a time as cameras write it."""
    made = Image.Exif()
    made[0x0112] = orientation
    if taken:
        part = made.get_ifd(0x8769)
        part[0x9003] = taken
        if fraction:
            part[0x9291] = fraction
    return made


def photo(path: Path, seed: int = 1, size_wh: tuple[int, int] = (800, 600), **kind: Any) -> Path:
    """Write a picture; `kind` goes to `exif` or, as save=..., to Pillow."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save = kind.pop("save", {})
    Image.fromarray(scenery(seed, size_wh)).save(path, exif=exif(**kind), **save)
    return path


def bomb(path: Path, side: int = 30_000) -> Path:
    """Write a PNG of a few bytes that says it has 900 million pixels."""
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(
            ">I", zlib.crc32(name + data)
        )

    rows = chunk(b"IDAT", zlib.compress(bytes(1000)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + rows + chunk(b"IEND", b""))
    return path


def shoot(folder: Path) -> Path:
    """Fill a folder with good pictures of every kind and one bad one of every kind."""
    photo(folder / "a.jpg", 1, taken="2024:05:01 10:00:02")
    photo(folder / "b.jpg", 2, taken="2024:05:01 10:00:01", orientation=6)
    photo(folder / "c.png", 3)
    photo(folder / "d.webp", 4)
    photo(folder / "e.tif", 5)
    photo(folder / "later" / "f10.jpg", 6)
    photo(folder / "later" / "f2.jpg", 7)
    (folder / "notes.txt").write_text("no picture, and not called one")
    (folder / "cut.jpg").write_bytes((folder / "a.jpg").read_bytes()[:9000])
    (folder / "really.jpg").write_bytes((folder / "c.png").read_bytes())
    (folder / "text.jpg").write_text("hello")
    (folder / "empty.png").write_bytes(b"")
    bomb(folder / "bomb.png")
    return folder


BAD = {
    "cut.jpg": "ends in the middle",
    "really.jpg": "holds PNG, not JPEG",
    "text.jpg": "is no picture",
    "empty.png": "is empty",
    "bomb.png": "million",
}
