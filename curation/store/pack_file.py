"""Append-only files of small pictures, whose offsets the catalogue knows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from curation.errors import NoSpace, StoreError, lacks_room


def cut(path: Path, known_bytes: int) -> None:
    """Cut off what a killed run appended to a pack but never recorded; make its folder."""
    path.parent.mkdir(exist_ok=True)
    if path.exists() and path.stat().st_size > known_bytes:
        with path.open("r+b") as pack:
            pack.truncate(known_bytes)


def append(path: Path, pictures: Iterable[bytes]) -> list[int]:
    """Append pictures to a pack and return the offset of each.

    Raises:
        NoSpace: the disk is full; what was appended is cut off by the next run.
        StoreError: it cannot be written.
    """
    offsets = []
    try:
        path.parent.mkdir(exist_ok=True)
        with path.open("ab") as pack:
            at = pack.seek(0, 2)
            for data in pictures:
                offsets.append(at)
                at += pack.write(data)
    except OSError as error:
        if lacks_room(error):
            raise NoSpace(
                f"{path}: no space left on the disk",
                "make room, then type the same command again: it goes on where it stopped",
            ) from error
        raise StoreError(f"{path}: cannot be written: {error.strerror or error}") from error
    return offsets
