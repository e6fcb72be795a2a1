"""Names of XMP sidecars, as darktable, digiKam, Adobe and others use them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from curation.photos import formats

Style = Literal["darktable", "adobe"]
ENDING = ".xmp"
NUMBERED = re.compile(r"^(?P<stem>.+)_(?P<version>[0-9]{2,})$")
"""A name that darktable takes for a further version of the picture `stem`: `_01`, `_000123`."""


def sidecar_of(photo: Path, style: Style = "darktable") -> Path:
    """Return the sidecar's path: IMG.CR2.xmp (darktable, digiKam) or IMG.xmp (Adobe and others).

    Whether it is there is another question.
    """
    if style == "adobe":
        return photo.with_name(photo.stem + ENDING)
    return photo.with_name(photo.name + ENDING)


def takes_for_version(photo: Path, names: Iterable[str] = ()) -> str | None:
    """Return the name of the picture that darktable takes this one's sidecar to be a version of.

    `C_01.JPG.xmp` is the sidecar of C_01.JPG, and to darktable that of version 1 of C.JPG too,
    when there is one: an underscore and two or more digits, the same ending.

    Args:
        names: file names of the folder; read from the disk when empty.

    Returns:
        None when there is no such picture.
    """
    found = NUMBERED.match(photo.stem)
    if not found:
        return None
    base = found["stem"] + photo.suffix
    known = set(names)
    there = base in known if known else os.path.lexists(photo.with_name(base))
    return base if there else None


@dataclass(frozen=True, slots=True)
class Sidecars:
    """The sidecars of one photo, as they are on the disk.

    Attributes:
        full: IMG.CR2.xmp, None when it is not there.
        stem: IMG.xmp (or IMG.XMP), which every picture of that stem shares.
        unread: forms that editors on this machine do not read: IMG.CR2.XMP.
        shared: other pictures of the same stem (IMG.RAF beside IMG.JPG).
        version_of: see `takes_for_version`.
    """

    full: Path | None
    stem: Path | None
    unread: tuple[Path, ...]
    shared: tuple[str, ...]
    version_of: str | None


class Folder:
    """The names of one folder, read once.

    Raises:
        OSError: when the folder cannot be read.
    """

    def __init__(self, path: Path, names: Iterable[str] | None = None) -> None:
        self.path = path
        self.names = frozenset(os.listdir(path) if names is None else names)  # noqa: PTH208
        self._stems: dict[str, list[str]] = {}
        self._sidecars: dict[str, list[str]] = {}
        for name in sorted(self.names):
            stem, ending = os.path.splitext(name)  # noqa: PTH122  # names, not paths
            if ending.lower() == ENDING:
                self._sidecars.setdefault(stem.casefold(), []).append(name)
            elif formats.promised(ending):
                self._stems.setdefault(stem.casefold(), []).append(name)

    def of(self, photo: Path) -> Sidecars:
        """Return the sidecars of a photo of this folder."""
        full = photo.name + ENDING
        stem = [n for n in (photo.stem + ENDING, photo.stem + ".XMP") if n in self.names]
        odd = [n for n in self._sidecars.get(photo.name.casefold(), ()) if n != full]
        return Sidecars(
            self.path / full if full in self.names else None,
            self.path / stem[0] if stem else None,
            tuple(self.path / name for name in odd),
            tuple(n for n in self._stems.get(photo.stem.casefold(), ()) if n != photo.name),
            takes_for_version(photo, self.names),
        )
