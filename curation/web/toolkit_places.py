"""Which folders the Toolkit tab may work in: those below the input folders, chosen by name.

The browser sends back names of these lists; where a folder must be new it sends one plain name.
No path is ever taken from it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.errors import InputError
from curation.sources import SUFFIXES as VIDEO_SUFFIXES
from curation.store.catalogue import FILE_NAME
from curation.toolkit.workdir import is_picture_name
from curation.words import count

MOST_PLACES, MOST_FOLDERS, MOST_FILES = 300, 500, 200
DEEPEST = 6
KEPT_S = 3.0
NEVER_IN_A_NAME = frozenset('/\\\0,*?:"<>|')


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of a work dir.

    Attributes:
        name: relative to the work dir, with slashes; "." for itself.
    """

    name: str
    pictures: int
    videos: int

    @property
    def shown(self) -> str:
        """Return the name with what is in it."""
        parts = [count(self.pictures, 'picture')] if self.pictures else []
        parts += [count(self.videos, 'video')] if self.videos else []
        name = "the work folder itself" if self.name == "." else self.name
        return f"{name} ({', '.join(parts) or 'empty'})"


class Places:
    """The work dirs that a server offers.

    Args:
        tops: folders that the server was started with.
        own: the server's datastore, in which nobody works.
    """

    def __init__(self, tops: Sequence[Path], own: Path) -> None:
        self._tops = tuple(dict.fromkeys(top.resolve() for top in tops))
        self._own = own.resolve()
        self._places: tuple[float, dict[str, Path]] = (-KEPT_S, {})
        self._folders: dict[Path, tuple[float, list[Folder]]] = {}

    def offered(self) -> dict[str, Path]:
        """Return name -> work dir: each input folder and the folders below it, media or not."""
        if time.monotonic() - self._places[0] > KEPT_S:
            found: dict[str, Path] = {}
            for top in self._tops:
                for path in self._below(top, DEEPEST):
                    inside = path.relative_to(top)
                    name = "/".join((top.name or top.as_posix(), *inside.parts))
                    n = 2
                    while found.get(name, path) != path:
                        name = f"{name.rpartition(' (')[0] if n > 2 else name} ({n})"
                        n += 1
                    found[name] = path
                    if len(found) >= MOST_PLACES:
                        break
            self._places = (time.monotonic(), found)
        return self._places[1]

    def find(self, name: str | None) -> Path:
        """Return an offered work dir.

        Raises:
            InputError: when none of this name is offered.
        """
        found = self.offered().get(name or "")
        if found is None:
            raise InputError("Choose a work folder first.")
        return found

    def holds(self, path: Path) -> bool:
        """Return whether a folder is one that may be worked in, by this server's input folders."""
        real = path.resolve()
        return any(real.is_relative_to(top) for top in self._tops) and self._fine(real)

    def folders(self, place: Path, again: bool = False) -> list[Folder]:
        """Return the folders of a work dir that hold pictures or videos."""
        at, found = self._folders.get(place, (-KEPT_S, []))
        if again or time.monotonic() - at > KEPT_S:
            found = []
            for path in self._below(place, DEEPEST):
                folder = _looked_at(place, path)
                if folder is not None:
                    found.append(folder)
                if len(found) >= MOST_FOLDERS:
                    break
            self._folders = {place: (time.monotonic(), found)}
        return found

    def files(self, place: Path, suffixes: Sequence[str]) -> list[str]:
        """Return the files of some kinds in a work dir and its folders, by name."""
        found: list[str] = []
        for folder in self._below(place, 2):
            try:
                paths = sorted(folder.iterdir())
            except OSError:
                continue
            for path in paths:
                # A link could lead to any file of the machine.
                plain = path.is_file() and not path.is_symlink() and _is_listed(path.name)
                if plain and path.suffix.lower() in suffixes:
                    found.append(path.relative_to(place).as_posix())
        return found[:MOST_FILES]

    def sources(self, place: Path, names: Sequence[str], recursive: bool = False) -> str:
        """Return what --from is given for folders that were chosen.

        Raises:
            InputError: when none is chosen, one is not on the list, or the studio's own datastore
                would be among the sub-folders.
        """
        if not names:
            raise InputError("Choose the folders to take from.")
        known = {folder.name for folder in self.folders(place, again=True)}
        if strange := [name for name in names if name not in known]:
            raise InputError(f"{strange[0]} is no folder of this work folder.")
        if recursive and any(self._own.is_relative_to(place / name) for name in names):
            raise InputError("The studio's datastore lies below; sub-folders cannot count there.")
        joined = ",".join(names)
        if len(names) > 1 and (place / joined).is_dir():
            raise InputError(f"There is a folder called {joined}: take its parts one by one.")
        return joined

    def target(self, place: Path, name: str | None) -> str:
        """Return what --to is given: a folder of the work dir, or one plain name for a new one.

        Raises:
            InputError: for anything else.
        """
        word = (name or "").strip()
        if not word:
            raise InputError("Say where the results go.")
        parts = word.split("/")
        inside = (place / word).resolve().is_relative_to(place.resolve())
        if not (len(parts) <= DEEPEST and all(_is_plain(part) for part in parts) and inside):
            raise InputError(
                f"{word!r} cannot be the name of a folder.",
                "Letters, digits, spaces, dots, - and _; it is made in the work folder.",
            )
        return word

    def file(self, place: Path, name: str, suffixes: Sequence[str]) -> Path:
        """Return a file of the list.

        Raises:
            InputError: when it is not on it.
        """
        if name not in self.files(place, suffixes):
            raise InputError(f"{name or 'That'} is no file of this work folder.")
        return place / name

    def _below(self, top: Path, deepest: int) -> Iterator[Path]:
        for path, inner, _ in os.walk(top):
            folder = Path(path)
            deep = len(folder.relative_to(top).parts)
            inner[:] = sorted(name for name in inner if _is_listed(name)) if deep < deepest else []
            if self._fine(folder):
                yield folder
            else:
                inner.clear()

    def _fine(self, folder: Path) -> bool:
        return not (folder.is_relative_to(self._own) or (folder / FILE_NAME).is_file())


def _is_listed(name: str) -> bool:
    """Return whether a name can stand between the commas of --from, and is not hidden."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return name.strip() == name and not name.startswith(".") and "," not in name


def _is_plain(name: str) -> bool:
    """Return whether a name is a good one for a new folder."""
    strange = NEVER_IN_A_NAME & set(name) or not name.isprintable() or name.startswith("-")
    return bool(name) and _is_listed(name) and not strange


def _looked_at(place: Path, path: Path) -> Folder | None:
    pictures = videos = 0
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if is_picture_name(entry.name):
                    pictures += 1
                elif Path(entry.name).suffix.lower() in VIDEO_SUFFIXES:
                    videos += 1
    except OSError:
        return None
    inside = path.relative_to(place).as_posix()
    return Folder(inside, pictures, videos) if pictures or videos else None
