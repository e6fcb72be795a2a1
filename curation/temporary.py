"""Private folders in TMPDIR that a kill does not leave behind for good."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MADE = "[a-z0-9_]{8}"
"""What tempfile.mkdtemp puts behind a prefix."""


@contextmanager
def folder(kind: str, base: Path | None = None) -> Iterator[tuple[Path, int]]:
    """Hold an empty folder of this user alone; it is removed at the end, with all that is in it.

    What processes that were killed left of the same kind is removed first. Whether one lives is
    told by a lock that the system gives back when its holder dies, however that happens.

    Args:
        kind: a word; the folder is called curation-<kind>-<random>.
        base: where it is made; None means TMPDIR.

    Yields:
        The folder, and the descriptor that locks it: a child process that it is passed to
        (pass_fds) holds the folder too.
    """
    base = base or Path(tempfile.gettempdir())
    sweep(kind, base)
    path, lock = _made(kind, base)
    try:
        yield path, lock
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def sweep(kind: str, base: Path) -> None:
    """Remove the folders of a kind that no living process holds; other users' stay."""
    name = re.compile(f"curation-{re.escape(kind)}-{MADE}")
    for path in base.glob(f"curation-{kind}-*"):
        if not name.fullmatch(path.name):
            continue
        with suppress(OSError):
            lock = _opened(path)
            try:
                found = os.fstat(lock)
                is_ours = found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) == 0o700
                if is_ours and _is_locked(path, lock):
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)


def _made(kind: str, base: Path) -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=f"curation-{kind}-", dir=base))
        with suppress(FileNotFoundError):  # swept before it was locked
            lock = _opened(path)
            if _is_locked(path, lock):
                return path, lock
            os.close(lock)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _is_locked(path: Path, lock: int) -> bool:
    """Lock a folder; return whether that worked, and it still stands under its name."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        there, held = path.lstat(), os.fstat(lock)
    except (BlockingIOError, FileNotFoundError):
        return False
    return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)
