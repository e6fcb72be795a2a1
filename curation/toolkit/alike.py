"""A file that takes another's place looks like it: owner, permissions, extended attributes."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def alike(made: Path, old: Path) -> None:
    """Give a file what another has but content and time, as far as allowed; then flush it.

    Flushed, so that a power cut after it took the other's name does not leave an empty file.
    """
    was, now = old.stat(), made.stat()
    if (was.st_uid, was.st_gid) != (now.st_uid, now.st_gid):
        with suppress(OSError):  # only root may give files away
            os.chown(made, was.st_uid, was.st_gid)
    if hasattr(os, "listxattr"):  # Linux; elsewhere they are not kept
        with suppress(OSError):
            for name in os.listxattr(old):
                with suppress(OSError):
                    os.setxattr(made, name, os.getxattr(old, name))
    made.chmod(was.st_mode & 0o7777)
    with suppress(OSError):
        handle = os.open(made, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
