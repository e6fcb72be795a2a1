"""Which sidecars a photo's metadata go to, what is in them, and the writes that change them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from curation.errors import SidecarError
from curation.photos import embedded, formats, xmp
from curation.photos.content import content_id
from curation.photos.sidecar_names import Folder, Sidecars, Style, sidecar_of
from curation.toolkit.plan import Write


@dataclass(frozen=True, slots=True)
class Place:
    """One sidecar of a photo, there or not yet.

    Attributes:
        data: its bytes when it was read; None when it is to be made.
        packet: what it says.
        picture: the file that it is of.
    """

    path: Path
    picture: Path
    data: bytes | None
    packet: xmp.Packet | None

    def write(self, change: Callable[[bytes | None], bytes], reason: str) -> Write | None:
        """Return the write of a changed sidecar, None when nothing changes.

        Raises:
            SidecarError: naming the file, which is left alone.
        """
        try:
            made = change(self.data)
        except SidecarError as error:
            raise SidecarError(f"{self.path.name}: {error.message}") from None
        if made == self.data:
            return None
        expect = "" if self.data is None else content_id(self.data)
        return Write(self.path, made, reason, source=self.picture, expect=expect)


@dataclass
class Desk:
    """Finds the sidecars of photos; folders are read once.

    Args:
        style: how new sidecars are named; one that is there already is used where it is.
        collisions: what to do about a name that darktable takes for a version of another picture.
    """

    style: Style = "darktable"
    collisions: Literal["leave", "write"] = "leave"
    warned: dict[Path, str] = field(default_factory=dict)
    _folders: dict[Path, Folder] = field(default_factory=dict)

    def of(self, picture: Path) -> Sidecars:
        """Return the sidecars beside a picture file.

        Raises:
            SidecarError: when its folder cannot be read.
        """
        if picture.parent not in self._folders:
            try:
                self._folders[picture.parent] = Folder(picture.parent)
            except OSError as error:
                raise SidecarError(f"{picture.parent} cannot be read: {error.strerror}") from error
        return self._folders[picture.parent].of(picture)

    def has_any(self, files: Sequence[Path]) -> bool:
        """Return whether any file of a photo has a sidecar, in whatever form."""
        found = [self.of(picture) for picture in pictures(files)]
        return any(one.full or one.stem or one.unread for one in found)

    def places(self, files: Sequence[Path]) -> list[Place]:
        """Return the sidecars of one photo: of its JPEG, and of its RAW and HEIC twins.

        Raises:
            SidecarError: when one of them must be left alone: then none of them is changed.
        """
        own = pictures(files)
        found: dict[Path, Place] = {}
        for picture in own:
            path = self._path(picture, {file.name for file in own})
            if path not in found:
                data = xmp.data_of(path)
                packet = None if data is None else xmp.read(data)
                place = Place(path, picture, data, packet)
                self._refuse(place)
                found[path] = place
        return list(found.values())

    def readable(self, files: Sequence[Path]) -> list[Place]:
        """Return the sidecars that a photo has, to be read only; one that others share is none.

        Raises:
            SidecarError: one cannot be read, or is of a shape that editors do not read.
        """
        own = pictures(files)
        names = {file.name for file in own}
        found: dict[Path, Place] = {}
        for picture in own:
            beside = self.of(picture)
            stem = None if set(beside.shared) - names else beside.stem
            path = beside.full or stem
            data = None if path is None else xmp.data_of(path)
            if path is None or data is None:
                continue
            packet = xmp.read(data)
            if packet.blocked:
                raise SidecarError(f"{path.name} is left alone: {packet.blocked}")
            found[path] = Place(path, picture, data, packet)
        return list(found.values())

    def _path(self, picture: Path, own: set[str]) -> Path:
        beside = self.of(picture)
        if beside.unread:
            raise SidecarError(
                f"{beside.unread[0].name} is there, in letters that editors do not read; rename it"
                f" to {picture.name}.xmp, or take it away"
            )
        others = [name for name in beside.shared if name not in own]
        if self.style == "adobe" or (beside.stem and not beside.full):
            path = beside.stem or sidecar_of(picture, "adobe")
            if others:
                raise SidecarError(
                    f"{path.name} would be that of {others[0]} too; it is left alone"
                )
            return path
        if beside.version_of:
            said = (
                f"darktable takes {picture.name}.xmp for a version of {beside.version_of} as well"
            )
            if not beside.full and self.collisions == "leave":
                raise SidecarError(
                    f"{said}; rename the picture (an _ and digits at the end), or type"
                    " --collisions write"
                )
            self.warned[picture] = said
        return beside.full or sidecar_of(picture)

    def _refuse(self, place: Place) -> None:
        if place.data is None or place.packet is None:
            return
        name = place.path.name
        if place.packet.blocked:
            raise SidecarError(f"{name} is left alone: {place.packet.blocked}")
        stat = place.path.stat()
        if not stat.st_mode & 0o222 or not os.access(place.path, os.W_OK):
            raise SidecarError(f"{name} is left alone: it may not be written to")
        origin = place.packet.values.get("xmpMM:DerivedFrom")
        base = self.of(place.picture).version_of
        if base and origin == base:
            raise SidecarError(f"{name} is left alone: it is that of a version of {base}")


def pictures(files: Sequence[Path]) -> list[Path]:
    """Return the picture files of a photo: not the moving part of a Live Photo."""
    return [path for path in files if formats.promised(path.suffix)]


def rated(places: Sequence[Place], files: Sequence[Path]) -> list[str]:
    """Return the ratings a photo has, as they stand: of its sidecars, else of its files.

    A 0 in a picture file is none: many cameras write it always.
    """
    texts = [p.packet.rating_text for p in places if p.packet and p.packet.rating_text]
    if texts:
        return texts
    inside = [embedded.embedded(path).rating for path in pictures(files)]
    return [str(stars) for stars in inside if stars]
