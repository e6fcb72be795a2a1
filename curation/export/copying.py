"""New files without a name until they are whole, and what is in them.

A digest is that of the very bytes that went by; of a still that nobody touched since it was written
it is the one that was taken then, and the system copies the file by itself: `sha256sum -c` in the
export tells where the disk gave other bytes than it was given.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from curation.errors import lacks_room
from curation.records import FileSum

PIECE_BYTES = 256 << 10
"""Read, hashed and written at a time: stays in the processor's cache between the three."""
_mine = threading.local()
_NAMELESS = os.O_WRONLY | os.O_CLOEXEC | getattr(os, "O_TMPFILE", os.O_CREAT | os.O_DIRECTORY)
"""Where there is no such file, opening one so is an error everywhere."""

Sum = tuple[str, int]
"""SHA-256 in hex, and bytes."""


def sum_of(source: Path | str, known: FileSum | None = None) -> Sum:
    """Return the sum of a file.

    Args:
        known: what it was when it was written; not read as long as it is that.

    Raises:
        OSError: it cannot be read.
    """
    if known is not None and known.is_of(os.stat(source)):  # noqa: PTH116 - see _new
        return known.sha256.hex(), known.n_bytes
    return _passed(source, None)


def can_be_nameless(folder: Path) -> bool:
    """Return whether files in a folder can be written before they have a name: not on every file
    system, nor on every system."""
    trial = str(folder / f".curation-{uuid.uuid4().hex}.part")
    try:
        out = os.open(folder, _NAMELESS, 0o600)
    except OSError:
        return False
    try:
        _name(out, trial)
        os.unlink(trial)  # noqa: PTH108 - as below
    except OSError:
        return False
    finally:
        os.close(out)
    return True


@contextmanager
def nameless(folder: str, target: str) -> Iterator[int]:
    """Open a new file that takes its name at the end, whole; after an error there is none.

    Raises:
        OSError: it cannot be written; FileExistsError where something has that name.
    """
    out = os.open(folder, _NAMELESS, 0o666)
    try:
        yield out
        _name(out, target)
    finally:
        os.close(out)


@contextmanager
def named(part: str) -> Iterator[int]:
    """Open a new file under another name; the caller renames it, or removes it after an error.

    Raises:
        OSError: it cannot be written.
    """
    out = _new(part)
    try:
        yield out
    finally:
        os.close(out)


def copy(source: Path | str, out: int, known: FileSum | None = None) -> Sum:
    """Copy a file into an open one, and return its sum.

    Args:
        known: what the source was when it was written; not read again as long as it is that.

    Raises:
        OSError: one cannot be read or the other not written.
    """
    if known is None:
        return _passed(source, out)
    file = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if known.is_of(os.fstat(file)) and _by_system(file, out, known.n_bytes):
            return known.sha256.hex(), known.n_bytes
    finally:
        os.close(file)
    return _passed(source, out)


def write(data: bytes, out: int) -> Sum:
    """Write bytes into an open file, and return their sum.

    Raises:
        OSError: it cannot be written.
    """
    write_all(out, memoryview(data))
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


def _name(out: int, target: str) -> None:
    """Give a nameless file its name; never in the place of something that is there."""
    # Only with a descriptor given does Python have the link of /proc followed.
    os.link(f"/proc/self/fd/{out}", target, src_dir_fd=out, follow_symlinks=True)


def _by_system(file: int, out: int, size: int) -> bool:
    """Have the system copy so many bytes, which may share them; return whether it can between
    these two. Nothing is written where it cannot."""
    done = 0
    while done < size:
        try:
            made = os.copy_file_range(file, out, size - done)
        except (OSError, AttributeError) as error:
            if done or (isinstance(error, OSError) and lacks_room(error)):
                raise
            return False
        if not made:
            raise OSError(errno.EIO, "it became shorter while it was copied")
        done += made
    return True


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
