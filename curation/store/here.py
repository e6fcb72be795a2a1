"""Whether this machine wrote what a catalogue asks for: a folder may come from a stranger.

A catalogue lies in the folder that it is about, so it travels with a folder that is copied,
unpacked or plugged in. It is read wherever it comes from; what it asks to be done - jobs that
wait, files outside of its folder to be put back - is done only for rows that were written here.
That is told by a seal: the identity of the machine, hashed with the number of the catalogue's own
file, which nobody elsewhere can know. A copy of a folder has no right seal either.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from curation.store.catalogue import FILE_NAME, Catalogue

JOBS, RUNS = "here.jobs", "here.runs"
MACHINE = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


def first_own(catalogue: Catalogue, what: str) -> int | None:
    """Return the number of the first row that was written here; None when none was.

    Args:
        what: JOBS or RUNS.
    """
    found = catalogue.recall(what)
    if not isinstance(found, dict) or found.get("seal") != _seal(catalogue, what):
        return None
    first = found.get("first")
    return first if isinstance(first, int) else None


def begin(catalogue: Catalogue, what: str, first: int) -> None:
    """Say that rows from a number on are written here, unless that was said of earlier ones."""
    if first_own(catalogue, what) is None:
        catalogue.remember(what, {"seal": _seal(catalogue, what), "first": first})


def trust(catalogue: Catalogue, what: str) -> None:
    """Take all rows that are here now for ones that were written here: a person says so."""
    catalogue.remember(what, {"seal": _seal(catalogue, what), "first": 0})


def _seal(catalogue: Catalogue, what: str) -> str:
    machine = b""
    for path in MACHINE:
        try:
            machine = path.read_bytes().strip()
            break
        except OSError:
            continue
    number = (catalogue.root / FILE_NAME).stat().st_ino
    made = hashlib.blake2b(f"{what} {number}".encode(), digest_size=16, key=machine[:64])
    return made.hexdigest()
