"""Files read, hashed and written in one pass: a digest is that of the very bytes that went by."""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import suppress
from pathlib import Path

PIECE_BYTES = 256 << 10
"""Read, hashed and written at a time: stays in the processor's cache between the three."""
_mine = threading.local()

Sum = tuple[str, int]
"""SHA-256 in hex, and bytes."""


def sum_of(source: Path | str) -> Sum:
    """Return the sum of a file.

    Raises:
        OSError: it cannot be read.
    """
    return _passed(source, None)


def copy(source: Path | str, target: str) -> Sum:
    """Copy a file to a new one, and return the sum of what was written.

    Raises:
        OSError: one cannot be read or the other not written.
    """
    out = _new(target)
    try:
        return _passed(source, out)
    finally:
        os.close(out)


def write(data: bytes, target: str) -> Sum:
    """Write a new file, and return its sum.

    Raises:
        OSError: it cannot be written.
    """
    out = _new(target)
    try:
        write_all(out, memoryview(data))
    finally:
        os.close(out)
    return hashlib.sha256(data).hexdigest(), len(data)


def write_all(out: int, data: memoryview) -> None:
    """Write all of some bytes to an open file; a disk that fills up takes them in parts."""
    while data:
        data = data[os.write(out, data) :]


def _new(target: str) -> int:
    """Open a file that is not there yet. One that a killed run left may be a hard link to the
    datastore's picture, or a stranger's link: it goes, and is never written into."""
    how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with suppress(FileExistsError):
        return os.open(target, how, 0o666)
    os.unlink(target)  # noqa: PTH108 - a Path of each file would be a third of its Python time
    return os.open(target, how, 0o666)


def _passed(source: Path | str, out: int | None) -> Sum:
    piece = getattr(_mine, "piece", None)
    if piece is None:
        piece = _mine.piece = memoryview(bytearray(PIECE_BYTES))
    made, size = hashlib.sha256(), 0
    file = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while n := os.readv(file, [piece]):
            made.update(piece[:n])
            if out is not None:
                write_all(out, piece[:n])
            size += n
    finally:
        os.close(file)
    return made.hexdigest(), size
