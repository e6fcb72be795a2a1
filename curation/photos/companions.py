"""What belongs to a photo by its name, and travels with it: sidecars, sounds, thumbnails.

Names that begin with the photo's whole name (IMG_1.CR2.xmp, .pp3, .dop, .json, ...) are its own,
and so is darktable's duplicate IMG_1_01.CR2.xmp while no IMG_1_01.CR2 is there. Names that share
only what is before the ending (IMG_1.xmp, .wav, .THM, .AAE, ...) belong to all other files of that
stem, of whatever kind (a clip, IMG_1.psd): they travel only when none of those stays.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from curation.photos import formats
from curation.photos.sidecar_names import NUMBERED
from curation.sources import SUFFIXES as CLIPS

BY_STEM = frozenset(
    ".aae .arp .cos .dop .dr4 .json .lrv .mp3 .nksc .on1 .pp3 .thm .txt .vrd .wav .xmp".split()
)
"""Endings of files that are known to belong to the picture or clip of their stem."""


NO_MASTER = frozenset(".bak .csv .htm .html .ini .log .md .pdf .tmp".split())
"""Endings of files that nobody writes a sidecar for."""


def folded(name: str) -> str:
    """Return what two names share that one file system or another takes for one."""
    return unicodedata.normalize("NFC", name).casefold()


@dataclass(frozen=True, slots=True)
class Company:
    """What lies beside a photo and belongs to it.

    Attributes:
        own: travels with it, in order of name.
        shared: belongs to other photos or clips of its stem as well, which stay.
        others: names of those.
    """

    own: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(slots=True)
class Shelf:
    """The names of one folder, read once; links count, folders do not.

    Attributes:
        names: as they are spelled.
    """

    folder: Path
    names: tuple[str, ...] = ()
    _by_stem: dict[str, list[str]] = field(default_factory=dict)
    _pictures: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, names: Iterable[str] | None = None) -> Shelf:
        """Read a folder.

        Raises:
            OSError: when it cannot be read.
        """
        if names is None:
            with os.scandir(folder) as listing:
                names = [e.name for e in listing if not e.is_dir(follow_symlinks=False)]
        shelf = cls(folder, tuple(sorted(names)))
        for name in shelf.names:
            for stem in _beginnings(name):
                shelf._by_stem.setdefault(folded(stem), []).append(name)
            if is_photo(name):
                shelf._pictures.setdefault(folded(name), []).append(name)
        return shelf

    def company(self, files: Collection[str]) -> Company:
        """Return what belongs to the files of a photo (or of some that share a stem).

        Args:
            files: their names, as spelled here.
        """
        mine = frozenset(files)
        own: set[str] = set()
        for name in mine:
            own.update(n for n in self._by_stem.get(folded(name), ()) if self._owner(n) == name)
            own.update(self._versions(name))
        shared: set[str] = set()
        others: set[str] = set()
        for stem in {_stem(name) for name in mine}:
            alike = self._by_stem.get(folded(stem), ())
            loose = {n for n in alike if self._is_loose(n, stem) and self._owner(n) is None}
            rest = {n for n in alike if _is_master(n) and _same_stem(n, stem)} - mine - own
            (shared if rest else own).update(loose)
            others |= rest if loose else set()
        own -= mine
        return Company(tuple(sorted(own)), tuple(sorted(shared - own)), tuple(sorted(others)))

    def _owner(self, name: str) -> str | None:
        """Return the picture whose whole name a name begins with; the longest such."""
        if is_photo(name):
            return None
        for beginning in reversed(_beginnings(name)):
            alike = self._pictures.get(folded(beginning), [])
            found = [n for n in alike if n == beginning] or alike
            if len(found) == 1:
                return found[0]
            if found:
                return None  # IMG.JPG and img.jpg: whose IMG.Jpg.xmp is cannot be told
        return None

    def _versions(self, name: str) -> list[str]:
        """Return the sidecars of darktable's duplicates of a picture: X_01.ext.xmp."""
        stem, ending = os.path.splitext(name)  # noqa: PTH122  # names, not paths
        found = []
        for other in self._by_stem.get("\0" + folded(stem), ()):
            picture, last = os.path.splitext(other)  # noqa: PTH122
            its_stem, its_ending = os.path.splitext(picture)  # noqa: PTH122
            number = NUMBERED.match(its_stem)
            if (
                last.lower() == ".xmp"
                and its_ending == ending
                and number is not None
                and number["stem"] == stem
                and folded(picture) not in self._pictures
            ):
                found.append(other)
        return found

    def _is_loose(self, name: str, stem: str) -> bool:
        last = os.path.splitext(name)[1].lower()  # noqa: PTH122
        return last in BY_STEM and not _is_master(name) and _same_stem(name, stem)


def is_photo(name: str) -> bool:
    """Return whether a name promises a picture."""
    return formats.promised(os.path.splitext(name)[1]) is not None  # noqa: PTH122


def _is_master(name: str) -> bool:
    """Return whether sidecars may belong to a file of this name: to any but sidecars and texts."""
    last = os.path.splitext(name)[1].lower()  # noqa: PTH122
    return is_photo(name) or last in CLIPS or last not in BY_STEM | NO_MASTER


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]  # noqa: PTH122


def _same_stem(name: str, stem: str) -> bool:
    return folded(_stem(name)) == folded(stem)


def _beginnings(name: str) -> list[str]:
    """Return what is before each dot of a name; and of X_01.ext.xmp, "\\0X" too."""
    found = [name[:at] for at, sign in enumerate(name) if sign == "." and at]
    if len(found) > 1 and (number := NUMBERED.match(found[-2])):
        found.insert(0, "\0" + number["stem"])
    return found


def renamed(name: str, stem: str, new: str) -> str:
    """Return a name with the stem that it begins with, in whatever case, exchanged."""
    for end in range(len(name) + 1):
        if folded(name[:end]) == folded(stem):
            return new + name[end:]
    raise ValueError(f"{name} does not begin with {stem}")
