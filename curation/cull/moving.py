"""Photos on their way to other folders or names: with all that belongs to them, onto nobody.

All photos of one folder that share a stem go in one action, so that a sidecar by stem (IMG_1.xmp)
is never torn from one of them. Where a name is taken, a free stem is found and every file of the
action gets it: IMG_1-2.JPG, IMG_1-2.CR2, IMG_1-2.JPG.xmp; with a dash, for darktable takes
IMG_1_02 for a version of IMG_1.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from curation.errors import InputError
from curation.photos.companions import Company, Shelf, folded, renamed
from curation.toolkit import sidecar as sc
from curation.toolkit.plan import Move, Plan
from curation.toolkit.renaming import identity

if TYPE_CHECKING:
    from curation.cull.library import Photo


@dataclass(frozen=True, slots=True)
class Going:
    """A photo and where it is to go.

    Attributes:
        folder: that it goes to; need not exist.
        stem: its new name before the ending; None keeps its own.
    """

    photo: Photo
    folder: Path
    reason: str = ""
    stem: str | None = None


@dataclass(slots=True)
class Mover:
    """Adds to a plan how photos go, and tells it of those that must stay.

    Attributes:
        files, bytes, photos: what the plan moves.
    """

    plan: Plan
    photos: int = 0
    files: int = 0
    bytes: int = 0
    _shelves: dict[Path, Shelf] = field(default_factory=dict)
    _taken: dict[Path, dict[str, str]] = field(default_factory=dict)
    _leaving: set[Path] = field(default_factory=set)

    def move(self, going: Sequence[Going]) -> None:
        """Plan moves, in order; a photo that cannot go is left, and told of."""
        ready: list[tuple[list[Going], dict[Path, str]]] = []
        for batch in _batches(going):
            try:
                ready.append((batch, self._looked_at(batch)))
            except InputError as error:
                for one in batch:
                    self.plan.fail(one.photo.path, error)
            except OSError as error:
                for one in batch:
                    why = f"{error.filename or one.photo.path}: {error.strerror or error}"
                    self.plan.fail(one.photo.path, why)
        self._leaving = {path for _, known in ready for path in known}
        for batch, known in ready:
            self._add(batch, known)

    def company(self, files: Iterable[Path]) -> tuple[list[Path], Company]:
        """Return (the files of photos of one stem that are there and what goes along, why)."""
        there = [path for path in files if os.path.lexists(path)]
        folder = there[0].parent
        company = self._shelf(folder).company([path.name for path in there])
        return [*there, *(folder / name for name in company.own)], company

    # -- inside -----------------------------------------------------------------------------------

    def _looked_at(self, batch: Sequence[Going]) -> dict[Path, str]:
        """Return what goes together, with the identity of each file.

        Raises:
            InputError: it cannot go.
        """
        for one in batch:
            if not os.path.lexists(one.photo.path):
                raise InputError(f"{one.photo.path} is gone")
            _unchanged(one.photo)
        files, company = self.company(file for one in batch for file in one.photo.files)
        if batch[0].stem is not None and company.shared:
            both = ", ".join(company.others)
            raise InputError(
                f"{company.shared[0]} belongs to {both} as well; it could not keep both names"
            )
        return {path: _plain(path) for path in files}

    def _add(self, batch: Sequence[Going], known: dict[Path, str]) -> None:
        first, files = batch[0], list(known)
        src, old = first.photo.path, first.photo.path.stem
        places = self._free(files, first.folder, old, first.stem)
        pairs = list(zip(files, places, strict=True))
        for place in places:
            self._names(place.parent)[folded(place.name)] = place.name
        if files == places:
            return
        # Its own JSON sidecar goes with every move as it is.
        alone = (src, sc.path_of(src))
        beside = [(path, to) for path, to in pairs if path not in alone]
        at = places[files.index(src)]
        self.plan.add(Move(src, at, first.reason, beside=beside, known=known))
        self.photos += len(batch)
        self.files += len(files)
        self.bytes += sum(int(what.split(":")[1]) for what in known.values())

    def _free(
        self, files: Sequence[Path], folder: Path, old: str, wanted: str | None
    ) -> list[Path]:
        """Return where files go: under the stem wanted, or the first with a number that is free.

        A stem that is new to them must belong to nobody: a picture of another ending that has it
        would seem to be one photo with them.
        """
        number = 1
        while True:
            stem = wanted or old
            new = stem if number == 1 else f"{stem}-{number}"
            places = [folder / renamed(path.name, old, new) for path in files]
            if places == list(files):
                return places  # in place, whatever else has its stem
            taken = any(self._is_taken(place, files) for place in places)
            if not taken and not ((wanted or number > 1) and self._is_stem(folder, new, files)):
                return places
            number += 1

    def _is_taken(self, path: Path, mine: Sequence[Path]) -> bool:
        there = self._names(path.parent).get(folded(path.name))
        return there is not None and path.parent / there not in mine

    def _is_stem(self, folder: Path, stem: str, mine: Sequence[Path]) -> bool:
        """Return whether something else in a folder belongs to a stem, or would seem to."""
        beginning = folded(stem) + "."
        return any(
            name.startswith(beginning) and folder / spelled not in mine
            for name, spelled in self._names(folder).items()
        )

    def _names(self, folder: Path) -> dict[str, str]:
        """Return the names of a folder by their folded form, less those on their way out."""
        if folder not in self._taken:
            here = list(folder.iterdir()) if folder.is_dir() else []
            self._taken[folder] = {
                folded(path.name): path.name for path in here if path not in self._leaving
            }
        return self._taken[folder]

    def _shelf(self, folder: Path) -> Shelf:
        if folder not in self._shelves:
            self._shelves[folder] = Shelf.of(folder)
        return self._shelves[folder]


def outermost(folders: Sequence[Path]) -> list[Path]:
    """Return folders without those that lie in another: paths in the outer one are whole."""
    inner = {f for f in folders for g in folders if f != g and f.is_relative_to(g)}
    return [folder for folder in folders if folder not in inner]


def safe(base: Path, folder: Path) -> Path:
    """Return a folder below a base.

    Raises:
        InputError: when a link leads out of the base, or a file is in the way.
    """
    if not folder.resolve().is_relative_to(base.resolve()):
        raise InputError(f"{folder} leads out of {base}; nothing is put there")
    blocking = next((f for f in (folder, *folder.parents) if os.path.lexists(f)), folder)
    if os.path.lexists(blocking) and not blocking.is_dir():
        raise InputError(f"{blocking} is a file, not a folder")
    return folder


def _batches(going: Sequence[Going]) -> Iterator[list[Going]]:
    """Yield photos that go together: all of one folder and stem that keep their names."""
    found: dict[object, list[Going]] = {}
    for one in going:
        path = one.photo.path
        key: object = (path.parent, folded(path.stem), one.folder)
        found.setdefault(path if one.stem is not None else key, []).append(one)
    yield from found.values()


def _plain(path: Path) -> str:
    """Return the identity of a file.

    Raises:
        InputError: when it is a link, or no file.
    """
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        raise InputError(f"{path} is a link; what it belongs to is left where it is")
    if not stat.S_ISREG(mode):
        raise InputError(f"{path} is no plain file; what it belongs to is left where it is")
    return identity(path)


def _unchanged(photo: Photo) -> None:
    found = photo.path.lstat()
    if not stat.S_ISLNK(found.st_mode) and (found.st_size, found.st_mtime_ns) != (
        photo.size_bytes, photo.mtime_ns,
    ):  # fmt: skip
        raise InputError(f"{photo.path} was changed while it was looked at; it stays")
