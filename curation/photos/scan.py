"""Which files below a folder are pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.errors import CurationError, InputError
from curation.photos.formats import promised
from curation.photos.head import clock_s
from curation.photos.twins import one_photo
from curation.sources import is_text, natural, shown

LEFT_OUT = ("_review_dupes", "_review")
"""Folders of culling: what was moved away, and reports."""
NAMELESS = "its name, or its folder's, is no text: rename it"


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

    Hidden files and folders are left out, what culling moved away, and files that another one
    stands for: a RAW beside its JPEG (see photos.twins). Links to folders are not followed.

    Args:
        without: the datastore, which may lie below the folder.

    Raises:
        CurationError: when there is no such folder, or it cannot be read.
    """
    if not folder.is_dir():
        raise CurationError(f"{folder} is not a folder", "name a folder that holds pictures")
    top = folder.resolve()
    yield from _below(folder, top, without)


def named(
    found: Iterable[tuple[Path, list[PictureFile]]],
) -> tuple[list[tuple[Path, list[PictureFile]]], list[str]]:
    """Return folders with the pictures whose paths are text, and the other paths as they print."""
    kept: list[tuple[Path, list[PictureFile]]] = []
    nameless: list[str] = []
    for folder, files in found:
        nameless += [shown(file.path) for file in files if not is_text(file.path)]
        good = [file for file in files if is_text(file.path)]
        if good:
            kept.append((folder, good))
    return kept, nameless


def files_below(
    folder: Path, left_out: Sequence[str] = LEFT_OUT, also: Sequence[str] = ()
) -> Iterator[PictureFile]:
    """Yield every picture below a folder, RAW files too, folder after folder in natural order.

    Args:
        left_out: names of folders that are not looked into; hidden ones are not either.
        also: endings of other files that are wanted, in lower case: ".mov".

    Raises:
        InputError: when there is no such folder, or it cannot be read.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder", "name a folder of photos")
    yield from _all_below(folder, folder.resolve(), tuple(left_out), tuple(also))


def _all_below(
    folder: Path, top: Path, left_out: tuple[str, ...], also: tuple[str, ...]
) -> Iterator[PictureFile]:
    entries = _listed(folder, top)
    for entry in entries:
        suffix = Path(entry.name).suffix.lower()
        file = _file(entry, top) if promised(suffix) or suffix in also else None
        if file is not None:
            yield file
    for entry in entries:
        if entry.is_dir(follow_symlinks=False) and entry.name not in left_out:
            yield from _all_below(Path(entry.path), top, left_out, also)


def _listed(folder: Path, top: Path) -> list[os.DirEntry[str]]:
    """Return what is in a folder in natural order, without what is hidden.

    Of a folder below that cannot be read there is nothing.

    Raises:
        InputError: when the top folder cannot be read.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: natural(Path(entry.name)))
    except OSError as error:
        if folder.resolve() == top:
            raise InputError(f"{folder} cannot be read: {error.strerror}") from error
        return []
    return [entry for entry in entries if not entry.name.startswith(".")]


def _below(folder: Path, top: Path, without: Path) -> Iterator[tuple[Path, list[PictureFile]]]:
    entries = _listed(folder, top)
    looked = [_file(entry, top) for entry in entries if promised(Path(entry.name).suffix)]
    files = _one_of_pairs([file for file in looked if file is not None])
    if files:
        yield folder, files
    for entry in entries:
        hidden = Path(entry.path) == without or entry.name in LEFT_OUT
        if entry.is_dir(follow_symlinks=False) and not hidden:
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
    """Leave out files that another of the same photo stands for."""
    stands = {photo[0] for photo in one_photo([f.path for f in files if not f.error], [], clock_s)}
    return [file for file in files if file.error or file.path in stands]
