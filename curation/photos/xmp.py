"""XMP sidecars: what they say, and the same bytes with one value changed.

Sidecars hold years of a person's work, so a change is a splice: every byte that is not the value
stays. What is not exactly of the shape that editors read is left alone, with the reason. Before a
result is handed out, it is parsed again and everything but the values is compared, canonically.

The shapes were tried out with darktable 4.2 (Exiv2), see docs/culling.md; RDF in XMP: ISO 16684-1.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.errors import CurationError, SidecarError
from curation.photos.xmp_edit import Markup as Markup
from curation.photos.xmp_edit import changed, fresh
from curation.photos.xmp_faults import Fault, faults_of, rating_of
from curation.photos.xmp_form import NAMESPACES, properties, value_of
from curation.photos.xmp_scan import MAX_BYTES, NotScanned, scan

RATING, LABEL, KEYWORDS = "xmp:Rating", "xmp:Label", "dc:subject"
REJECTED, MOST = -1, 5
Value = str | Sequence[str] | Markup
"""A simple value, the items of a bag (added to those that are there), or a whole element."""


@dataclass(frozen=True, slots=True)
class Packet:
    """What a sidecar says.

    Attributes:
        rating: -1 (rejected) to 5; None when there is none, or none that can be read. It may stand
            in a file that editors ignore: see `faults`.
        rating_text: as it stands; None when there is none.
        values: "prefix:name" -> text or items of the top-level properties, where the namespace is
            one of xmp_form.NAMESPACES.
        edited: an editor's work is in it: darktable's history, Camera Raw settings.
        faults: what is wrong; one that blocks keeps it from being changed here.
    """

    rating: int | None
    rating_text: str | None
    values: Mapping[str, str | tuple[str, ...]]
    edited: bool
    faults: tuple[Fault, ...]

    @property
    def blocked(self) -> str:
        """Why it is left alone, in words; empty when it may be changed."""
        return "; ".join(fault.said for fault in self.faults if fault.blocks)

    @property
    def keywords(self) -> tuple[str, ...]:
        """Its keywords, in order."""
        found = self.values.get(KEYWORDS, ())
        return (found,) if isinstance(found, str) else tuple(found)


def data_of(path: Path) -> bytes | None:
    """Return a sidecar's bytes, None when it is not there; of one that is too large, its start,
    which is refused like it.

    Raises:
        SidecarError: when it is a link, no file, or cannot be read.
    """
    try:
        if path.is_symlink():
            raise SidecarError(f"{path} is a link; it is left alone")
        if not path.exists():
            return None
        if not path.is_file():
            raise SidecarError(f"{path} is not a file; it is left alone")
        return start_of(path)
    except OSError as error:
        raise SidecarError(f"{path} cannot be read: {error.strerror or error}") from error


def start_of(path: Path) -> bytes:
    """Return a file's bytes, as far as the largest sidecar goes and one more.

    Raises:
        OSError: it cannot be read, or is a pipe or a device, where a reader could wait for ever.
    """
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "is not a file", str(path))
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def read(source: bytes | Path) -> Packet:
    """Return what a sidecar says; what is wrong with it is in `faults`, not raised.

    Raises:
        SidecarError: for a path that is not there or cannot be read.
    """
    if isinstance(source, Path):
        data = data_of(source)
        if data is None:
            raise SidecarError(f"{source} is not there")
        source = data
    try:
        found = scan(source)
    except NotScanned as error:
        return Packet(None, None, {}, False, (Fault(error.code, str(error), True),))
    faults = faults_of(found)
    held = properties(found.root)
    text, rating = rating_of(held)
    names = {uri: prefix for prefix, uri in NAMESPACES.items()}
    values: dict[str, str | tuple[str, ...]] = {}
    for (uri, local), places in held.items():
        value = value_of(places[0])
        if uri in names and value is not None:
            values.setdefault(f"{names[uri]}:{local}", value)
    edited = any(
        (uri == NAMESPACES["darktable"] and local == "history" and value_of(places[0]) != ())
        or (uri == NAMESPACES["crs"] and local != "RawFileName")
        for (uri, local), places in held.items()
    )
    return Packet(rating, text, values, edited, faults)


def with_values(
    data: bytes | None, values: Mapping[str, Value], *, replace: bool = False
) -> bytes:
    """Return a sidecar with values set: the very same bytes when it says all of that already.

    Args:
        data: the sidecar now; None makes a new, minimal one that editors take as no edit.
        values: "prefix:name" (prefixes of xmp_form.NAMESPACES) -> text, which is set; items,
            which are added to a bag; or a whole element, which is put where none of that name is.
        replace: an element (Markup) may take the place of another one.

    Raises:
        SidecarError: the sidecar is not of a shape that is changed here; leave it alone.
    """
    if data is None:
        return fresh(values)
    packet = read(data)
    if packet.blocked:
        raise SidecarError(f"it is left alone: {packet.blocked}")
    return changed(data, values, replace)


def with_rating(data: bytes | None, rating: int) -> bytes:
    """Return a sidecar with a rating, -1 (rejected) to 5; nothing else changes.

    Surplus copies of the rating, which make editors refuse the file, are taken out. 0 is written
    out: without a rating darktable gives a picture one star.

    Raises:
        SidecarError: the sidecar is not of a shape that is changed here; leave it alone.
        CurationError: for a rating out of range; darktable would take a 6.
    """
    if isinstance(rating, bool) or not REJECTED <= rating <= MOST:
        raise CurationError(f"a rating of {rating} is not from -1 to 5")
    return with_values(data, {RATING: str(int(rating))})
