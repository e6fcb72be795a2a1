"""Which edit of a photo editor lies beside a photo; copies of one edit are known by its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from curation.cull.grounds import UNREAD
from curation.photos import xmp
from curation.photos.companions import Shelf
from curation.photos.xmp_form import NAMESPACES, properties
from curation.photos.xmp_scan import MAX_BYTES, Attribute, scan

if TYPE_CHECKING:
    from curation.cull.library import Library
    from curation.cull.ranking import Said

EDITORS = {
    ".aae": b"adjustmentData", ".arp": b"[Version]", ".pp3": b"[Version]", ".vrd": b"CANON",
}  # fmt: skip
"""Sidecars that Photos, ART, RawTherapee and Canon's DPP write when somebody edits, and what is in
each. Those of DxO, ON1, Capture One and NX Studio come with looking, too: they tell nothing."""
SIGNS = (b"darktable.sf.net", b"camera-raw-settings")
"""One of these is in XMP with an edit, also where it is damaged."""
DARKTABLE = ("history", "masks_history", "history_end")
NOT_AN_EDIT = "RawFileName"


@dataclass
class Edits:
    """Reads what editors wrote beside photos; the names of a folder are read once."""

    _shelves: dict[Path, Shelf] = field(default_factory=dict)

    def of(self, files: Sequence[Path]) -> str:
        """Return which edit a photo has: "" for none, else a name that copies of it share.

        It begins with `UNREAD` when a sidecar cannot be read and an edit may be in it.

        Args:
            files: of one photo.
        """
        found: set[str] = set()
        for folder in {path.parent for path in files}:
            try:
                if folder not in self._shelves:
                    self._shelves[folder] = Shelf.of(folder)
            except OSError:
                continue  # it is gone: there is nothing beside it any more
            names = {path.name for path in files if path.parent == folder}
            for name in self._shelves[folder].company(names).own:
                found.add(_edit(folder / name))
        return " ".join(sorted(found - {""}))


def add_edits(library: Library, at: Sequence[int], found: Said) -> None:
    """Note which of some photos are edited, by what lies beside them.

    Args:
        at: places in the library; what is beside the others is not opened.
    """
    edits = Edits()
    for i in at:
        edit = edits.of(library.photos[i].files)
        if edit:
            found.edits[i] = edit


def _edit(path: Path) -> str:
    ending = path.suffix.lower()
    if ending != ".xmp" and ending not in EDITORS:
        return ""
    try:
        held = xmp.start_of(path)  # through a link, too: it is only looked at
    except OSError as error:
        return UNREAD + _digest([str(error).encode("utf-8", "replace")])
    if ending in EDITORS:
        return _digest([held]) if EDITORS[ending] in held else ""
    return of_xmp(held)


def of_xmp(data: bytes) -> str:
    """Return which edit a sidecar holds, "" for none.

    What darktable applied by itself is none: it then notes the hash of the history as that of the
    automatic one.
    """
    packet = xmp.read(data)
    if packet.blocked:
        told = any(sign in data for sign in SIGNS) or len(data) > MAX_BYTES
        return UNREAD + _digest([data]) if told else ""
    if not packet.edited:
        return ""
    now, *untouched = (
        packet.values.get(f"darktable:history_{kind}_hash") for kind in ("current", "auto", "basic")
    )
    by_itself = now is not None and now in untouched
    root = properties(scan(data).root)
    parts = [
        f"{local}={place.value}".encode() if isinstance(place, Attribute)
        else data[place.start : place.end]
        for (uri, local), places in root.items()
        for place in places
        if (uri == NAMESPACES["darktable"] and local in DARKTABLE and not by_itself)
        or (uri == NAMESPACES["crs"] and local != NOT_AN_EDIT)
    ]  # fmt: skip
    return _digest(sorted(parts)) if parts else ""


def _digest(parts: Sequence[bytes]) -> str:
    return hashlib.blake2b(b"\0".join(parts), digest_size=16).hexdigest()
