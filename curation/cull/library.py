"""The photos of folders, each read once ever: files become photos, photos have prints.

A file is read when its size, time or inode differ from what the index of the work dir knows, and
measured when its content is new. The index and the prints are those that the review keeps of the
same folder: what it has read is not read again.

    shelf = yield from library(ctx, folders)
    shelf.photos[i].path, shelf.prints.phash[i], shelf.failed[path]
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from curation.cull.home import DUPES, REPORTS
from curation.cull.prints import Prints
from curation.cull.reading import Readings
from curation.cull.shelf import HashShelf
from curation.photos import capture, formats, twins
from curation.photos.capture import Capture
from curation.photos.head import clock_s
from curation.photos.scan import PictureFile, files_below
from curation.records import Progress
from curation.store.prints import PrintRow
from curation.toolkit.verbs import Context


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo: a picture file and what belongs to it.

    Attributes:
        path: the file that stands for it: the JPEG before the HEIC before the RAW.
        folder: the folder it was found in, as it was named.
        files: `path`, then its HEIC and RAW, then the moving part of a Live Photo.
        content: blake2b of the bytes of `path`.
        key: blake2b of what makes the picture; a rating written into the file leaves it.
        size_bytes, mtime_ns: of `path`.
        width, height: upright, in pixels.
        reference: it is in a reference folder: read, compared with, never touched.
    """

    path: Path
    folder: Path
    files: tuple[Path, ...]
    content: str
    key: str
    kind: str
    size_bytes: int
    mtime_ns: int
    width: int
    height: int
    capture: Capture
    reference: bool = False

    @property
    def has_raw(self) -> bool:
        """Return whether a RAW file is among its files that is surely of the same shot.

        One beside a JPEG that does not say when it was taken may only share its name.
        """
        if formats.promised(self.path.suffix) == formats.RAW:
            return True
        raw = any(formats.promised(path.suffix) == formats.RAW for path in self.files)
        return raw and self.capture.source == "exif"


@dataclass
class Library:
    """The photos of some folders.

    Attributes:
        photos: in natural order of their paths, whatever the order of the folders.
        prints: of the photos, at the same places.
        failed: why a file is no photo here, by path; each was tried, the rest went on.
    """

    photos: list[Photo] = field(default_factory=list)
    prints: Prints = field(default_factory=lambda: Prints.of([]))
    failed: dict[Path, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Shot:
    """The files of a photo before they are read."""

    file: PictureFile
    files: tuple[Path, ...]
    folder: Path
    reference: bool


def library(
    ctx: Context,
    folders: Sequence[Path],
    reference: Sequence[Path] = (),
    *,
    force: bool = False,
) -> Generator[Progress, None, Library]:
    """Return the photos of folders and all folders below them, reading only what is new.

    Hidden files and folders, `_review_dupes` and `_review` are left out, and links that lead out
    of their folder. A photo in a folder and in a reference folder counts as reference.

    Args:
        force: measure every picture again.

    Raises:
        InputError: for a folder that cannot be read.
        NoSpace: when the disk is full.
    """
    found = Library()
    shots = _shots([*((f, True) for f in reference), *((f, False) for f in folders)], found.failed)
    readings = Readings(ctx.workdir, ctx.catalogue)
    contents = yield from readings.look(
        ctx.verb, [shot.file for shot in shots], found.failed, ctx.workers, force=force
    )
    rows = {row.content: row for row in readings.prints.rows(contents.values())}
    kept: list[bytes] = []
    for shot in shots:
        row = rows.get(contents.get(shot.file.path, ""))
        if row is None:
            found.failed.setdefault(shot.file.path, "was not read; run this again")
        elif row.print is None:
            found.failed[shot.file.path] = row.error or "cannot be read"
        else:
            found.photos.append(_photo(shot, row))
            kept.append(row.print)
    found.prints = Prints.of(kept)
    with suppress(OSError):  # a full disk: `query --known` will not see what is new
        HashShelf(ctx.catalogue.root).keep(found)
    return found


def _shots(folders: Sequence[tuple[Path, bool]], failed: dict[Path, str]) -> list[_Shot]:
    """Return photos in natural order; what is wrong with a file by its name goes to `failed`."""
    seen: dict[Path, tuple[PictureFile, Path, bool]] = {}
    # One file may be reached in two ways, through links of folders; it is one photo, and what
    # lies in a reference folder is reference however it was reached.
    real: dict[Path, tuple[Path, bool]] = {}
    kept = [folder.resolve() for folder, reference in folders if reference]
    known: set[Path] = set()
    for folder, _ in folders:
        for file in files_below(folder, (DUPES, REPORTS), also=twins.MOVING):
            parent = file.path.parent
            if parent not in real:
                at = parent.resolve()
                real[parent] = at, any(at.is_relative_to(top) for top in kept)
            at, reference = real[parent]
            if at / file.path.name not in known:
                known.add(at / file.path.name)
                seen[file.path] = file, folder, reference
    for path, (file, _, _) in list(seen.items()):
        if file.error:
            failed[path] = file.error
            del seen[path]
    pictures = [path for path in seen if formats.promised(path.suffix)]
    moving = [
        path
        for path, (file, _, _) in seen.items()
        if twins.moving_part(path, file.size_bytes)
    ]
    return list(_made(twins.one_photo(pictures, moving, clock_s), seen))


def _made(
    photos: Sequence[tuple[Path, ...]], seen: dict[Path, tuple[PictureFile, Path, bool]]
) -> Iterator[_Shot]:
    for files in photos:
        file, folder, reference = seen[files[0]]
        yield _Shot(file, files, folder, reference)


def _photo(shot: _Shot, row: PrintRow) -> Photo:
    file = shot.file
    told = capture.stored(json.loads(row.capture)).at(file.path, file.mtime_ns)
    return Photo(
        file.path,
        shot.folder,
        shot.files,
        row.content,
        row.key,
        row.kind,
        file.size_bytes,
        file.mtime_ns,
        row.width,
        row.height,
        told,
        shot.reference,
    )
