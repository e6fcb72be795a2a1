"""Renaming that never takes another file's place, and copies to another disk that are checked."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from curation.photos.content import content_id_of

NOREPLACE = 1
"""RENAME_NOREPLACE of renameat2(2)."""
AT_FDCWD = -100
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
