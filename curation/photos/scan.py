"""Which files below a folder are pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from curation.errors import CurationError
from curation.photos.formats import JPEG, RAW, promised
from curation.sources import natural


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A file whose name says that it is a picture.

    Attributes:
        error: why it is not looked into, "" when it is.
    """

    path: Path
    size_bytes: int
    mtime_ns: int
    error: str = ""


def pictures_below(folder: Path, without: Path) -> Iterator[tuple[Path, list[PictureFile]]]:
    """Yield every folder that holds pictures with its pictures, both in order of name.

    Hidden files and folders are left out, and a RAW file beside a JPEG of its name: the JPEG
    stands for both. Links to folders are not followed.

    Args:
        without: the datastore, which may lie below the folder.

    Raises:
        CurationError: when there is no such folder, or it cannot be read.
    """
    if not folder.is_dir():
        raise CurationError(f"{folder} is not a folder", "name a folder that holds pictures")
    top = folder.resolve()
    yield from _below(folder, top, without)


def _below(folder: Path, top: Path, without: Path) -> Iterator[tuple[Path, list[PictureFile]]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: natural(Path(entry.name)))
    except OSError as error:
        if folder.resolve() == top:
            raise CurationError(f"{folder} cannot be read: {error.strerror}") from error
        return
    entries = [entry for entry in entries if not entry.name.startswith(".")]
    looked = [_file(entry, top) for entry in entries if promised(Path(entry.name).suffix)]
    files = _one_of_pairs([file for file in looked if file is not None])
    if files:
        yield folder, files
    for entry in entries:
        if entry.is_dir(follow_symlinks=False) and Path(entry.path) != without:
            yield from _below(Path(entry.path), top, without)


def _file(entry: os.DirEntry[str], top: Path) -> PictureFile | None:
    path = Path(entry.path)
    try:
        if not entry.is_file():
            return None
        stat = entry.stat()
    except OSError as error:
        return PictureFile(path, 0, 0, f"cannot be read: {error.strerror}")
    if entry.is_symlink() and not path.resolve().is_relative_to(top):
        # What a link shows would be served to the browser: it must not leave the chosen folder.
        return PictureFile(path, stat.st_size, stat.st_mtime_ns, "links to a file elsewhere")
    return PictureFile(path, stat.st_size, stat.st_mtime_ns)


def _one_of_pairs(files: list[PictureFile]) -> list[PictureFile]:
    """Leave out RAW files that a JPEG of the same name stands for."""
    shown = {f.path.stem.casefold() for f in files if promised(f.path.suffix) == JPEG}
    return [
        f
        for f in files
        if promised(f.path.suffix) != RAW or f.path.stem.casefold() not in shown
    ]
