"""Private folders of one machine for work that goes elsewhere when it is done."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curation.errors import InUse, StoreError
from curation.store.catalogue import Catalogue

STALE_S = 3 * 86400.0
"""A folder that nobody holds and nobody wrote to for so long will not be gone on with."""


def scratch_root(given: Path | None) -> Path:
    """Return the folder for scratch datastores: the one given, or one of this user's in TMPDIR.

    Raises:
        StoreError: it cannot be made, or another user made it first.
    """
    root = given or Path(tempfile.gettempdir()) / f"curation-work-{os.getuid()}"
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = root.lstat()
    except OSError as error:
        raise StoreError(
            f"{root} cannot be used: {error.strerror or error}", "--scratch FOLDER names another"
        ) from error
    if given is None and (not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid()):
        raise StoreError(f"{root} is not this user's folder", "--scratch FOLDER names another")
    _sweep(root)
    return root


@contextmanager
def private_datastore(root: Path, name: str) -> Iterator[Catalogue]:
    """Hold a datastore of its own; what a killed run left under this name is gone on with.

    It is removed when the block ends well. Where a twin holds it, another one is made.
    """
    folder = root / name
    with contextlib.ExitStack() as stack:
        catalogue = Catalogue(folder)
        stack.callback(catalogue.close)
        try:
            stack.enter_context(catalogue.writing("work"))
        except InUse:
            folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=root))
            catalogue = Catalogue(folder)
            stack.callback(catalogue.close)
            stack.enter_context(catalogue.writing("work"))
        yield catalogue
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove what killed runs left long ago."""
    for lock in root.glob("*/.lock"):
        with contextlib.suppress(OSError):
            if time.time() - lock.parent.stat().st_mtime < STALE_S:
                continue
            with lock.open("a+") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
