"""Renaming that never takes another file's place, and copies to another disk that are checked."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from curation.errors import CurationError, InputError, NoSpace, lacks_room
from curation.photos.content import content_id_of
from curation.store.file_journal import Stat

NOREPLACE = 1
"""RENAME_NOREPLACE of renameat2(2)."""
AT_FDCWD = -100
HANDLES = Path("/proc/self/fd")
"""Where Linux shows open folders under names that nobody else can change."""
OCTAL = re.compile(r"\\([0-7]{3})")
"""A blank or a backslash in a line of mountinfo."""
UNSUPPORTED = frozenset((errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP))
"""What file systems and kernels say that cannot refuse to replace by themselves."""


@cache
def _renameat2() -> Callable[..., int] | None:
    try:
        found: Any = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return None  # no Linux, or a C library before 2018
    found.argtypes = (
        ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint,
    )  # fmt: skip
    return found  # type: ignore[no-any-return]


@contextmanager
def pinned(path: Path, root: Path | None = None) -> Iterator[Path]:
    """Yield a path that means this name in the folder which its parent is now.

    Somebody who may write beside it can put a link in the place of the folder between a look and
    what follows it: then another folder's file of that name would be changed.

    Args:
        root: real path that the folder must lie in.

    Raises:
        InputError: the folder lies elsewhere.
        OSError: of what is done inside, naming `path` as it was given.
    """
    if not HANDLES.is_dir():
        yield path
        return
    try:
        handle = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        yield HANDLES / "none" / path.name  # there is nothing, also when there is something now
        return
    try:
        folder = HANDLES / str(handle)
        if root is not None and not folder.readlink().is_relative_to(root):
            raise InputError(f"{path.parent} leads out of {root}; nothing is put there")
        yield folder / path.name
    except OSError as error:
        if str(error.filename).startswith(f"{HANDLES}/"):
            error.filename = str(path)
        raise
    finally:
        os.close(handle)


def rename_new(src: Path, dst: Path) -> None:
    """Rename a file to a name that nothing has.

    Where the system can, looking and renaming are one step: a file that appears in between is
    refused, not replaced.

    Raises:
        FileExistsError: something has the name; src stays.
        OSError: it cannot be renamed, e.g. to another disk.
    """
    renameat2 = _renameat2()
    if renameat2 is not None:
        names = os.fsencode(src), os.fsencode(dst)
        if renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], NOREPLACE) == 0:
            return
        code = ctypes.get_errno()
        if code not in UNSUPPORTED:
            raise OSError(code, os.strerror(code), str(dst if code == errno.EEXIST else src))
    if os.path.lexists(dst):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(dst))
    src.rename(dst)


def stat_of(path: Path) -> Stat:
    """Return what of a file is put back with its content."""
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_mode & 0o7777


def identity(path: Path) -> str:
    """Return what stays when a file is renamed."""
    stat = path.lstat()
    return f"{stat.st_ino}:{stat.st_size}:{stat.st_mtime_ns}"


def holds(path: Path, *contents: str | None) -> bool:
    """Return whether a path is a file of one of these contents."""
    return path.is_file() and not path.is_symlink() and content_id_of(path) in contents


def place_of(path: Path) -> tuple[int, str]:
    """Return what two paths share between which a file can be renamed: the disk and the mount.

    The disk is not enough: two folders of one disk that are mounted apart, as volumes of a
    container are, are strangers to rename(2). Of a path that is not there, its nearest folder's.
    """
    while not path.exists():
        path = path.parent
    return path.stat().st_dev, _mount(os.path.realpath(path))


def _mount(real: str) -> str:
    """Return the mount point that a real path lies below; "" where that cannot be told."""
    try:
        lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:
        return ""
    points = [os.fsdecode(line.split(b" ")[4]) for line in lines]
    plain = [OCTAL.sub(lambda found: chr(int(found[1], 8)), point) for point in points]
    above = (point for point in plain if f"{real}/".startswith(f"{point.rstrip('/')}/"))
    return max(above, key=len, default="")


def copy_checked(src: Path, dst: Path, content: str | None) -> None:
    """Copy a file, its time and permissions, to the disk itself; what arrived is read and compared.

    Args:
        content: blake2b (16 bytes, hex) that it must have; None skips the comparison.

    Raises:
        OSError: it cannot be copied, or what was written is not what was read. dst is taken away.
    """
    try:
        shutil.copy2(src, dst)
        with dst.open("rb") as file:
            os.fsync(file.fileno())
            written = content_id_of(file)
        if content is not None and written != content:
            raise OSError(errno.EIO, "what was written is not what was read", str(dst))
    except OSError:
        dst.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last through a power cut, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def told(error: OSError, path: Path) -> CurationError:
    """Return an operating system's error as one of ours."""
    if lacks_room(error):
        return NoSpace(f"the disk is full at {path}", "make room, then type the command again")
    return InputError(f"{error.filename or path}: {error.strerror or error}")
