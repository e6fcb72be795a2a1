"""What is wrong with a sidecar: what editors would misread, and what keeps it from being changed.

Each kind was seen with darktable 4.2.1, or stands in Exiv2's source (isXmpType reads 80 bytes).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curation.photos.xmp_form import DESCRIPTION, NAMESPACES, RDF, Place, descriptions, properties
from curation.photos.xmp_scan import BOM, RDF_NS, XMPMETA, Attribute, Name, Scan

RATING: Name = (NAMESPACES["xmp"], "Rating")
LABELS = ("Red", "Yellow", "Green", "Blue", "Purple")
HEAD_BYTES = 80
"""Exiv2 looks for the packet's beginning in so many bytes."""
_NUMBER = re.compile(r"^\s*([+-]?\d{1,3})(\.0*)?\s*$", re.ASCII)
_PLAIN = re.compile(rb"^[\s\d.+-]*$")
_MICROSOFT = {0: 0, 1: 1, 25: 2, 50: 3, 75: 4, 99: 5}

FAULTS = {
    "empty": "nothing is in the file",
    "big": "it is larger than any sidecar",
    "encoding": "it is not UTF-8: editors ignore the whole file",
    "malformed": "it is no well-formed XML: editors ignore the whole file",
    "doctype": "it has a DOCTYPE",
    "head": "its packet does not begin where editors look: they ignore the whole file",
    "before": "something stands before x:xmpmeta: editors ignore the whole file",
    "root": "its root is not x:xmpmeta: editors ignore the whole file",
    "rdf": "it has not exactly one rdf:RDF with rdf:Description in it",
    "about": "its Descriptions are about different things",
    "twice": "a property stands twice: editors ignore the whole file",
    "rating-twice": "the rating stands twice: editors ignore the whole file",
    "rating-shape": "the rating is not a plain number",
    "rating-value": "the rating is empty",
    "rating-range": "the rating is not from -1 to 5",
    "rating-differs": "another program's rating in it says something else",
    "label": "its colour label is none that editors share",
    "legacy": "darktable would take it for an old edit",
}
"""Code -> what it means."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a sidecar.

    Attributes:
        code: key of FAULTS.
        said: in words, of this file.
        blocks: the file is not changed as long as it is there.
    """

    code: str
    said: str
    blocks: bool


def number(text: str) -> int | None:
    """Return a rating's number ("4", "4.0"), None for anything else."""
    found = _NUMBER.match(text)
    return int(found[1]) if found else None


def rating_of(held: Mapping[Name, Sequence[Place]]) -> tuple[str | None, int | None]:
    """Return a packet's rating as it stands, and as a number from -1 to 5 if it is one."""
    places = held.get(RATING)
    if not places:
        return None, None
    text = places[0].value if isinstance(places[0], Attribute) else places[0].text
    value = number(text)
    if value is None or not -1 <= value <= 5 or len({_said(p) for p in places}) > 1:
        return text, None
    return text, value


def _said(place: Place) -> int | str:
    text = place.value if isinstance(place, Attribute) else place.text
    value = number(text)
    return text if value is None else value


def faults_of(scan: Scan) -> tuple[Fault, ...]:
    """Return what is wrong with a packet, worst first."""
    found = [*_head(scan), *_tree(scan)]
    if any(fault.blocks for fault in found):
        return tuple(found)
    held = properties(scan.root)
    return (*_doubles(held), *_rating(scan, held), *_values(held))


def _head(scan: Scan) -> list[Fault]:
    found: list[Fault] = []
    head = scan.data[:HEAD_BYTES].removeprefix(BOM)
    if head.startswith(b"<?xml"):
        at = head.find(b"<", 5)
        head = head[at:] if at > 0 else head
    if scan.root.name != XMPMETA or scan.root.qname != "x:xmpmeta":
        said = f"its root is <{scan.root.qname}>, not <x:xmpmeta>: editors ignore the whole file"
        found.append(Fault("root", said, True))
    if scan.before:
        said = f"a {scan.before[0]} stands before <x:xmpmeta: editors ignore the whole file"
        found.append(Fault("before", said, True))
    elif not head.startswith((b"<?xpacket", b"<x:xmpmeta")) and not found:
        said = f"its packet does not begin within {HEAD_BYTES} bytes: editors ignore the whole file"
        found.append(Fault("head", said, True))
    return found


def _tree(scan: Scan) -> list[Fault]:
    if scan.root.name != XMPMETA:
        return []
    rdf = scan.root.children
    if len(rdf) != 1 or rdf[0].name != RDF:
        return [Fault("rdf", "<x:xmpmeta> does not hold exactly one rdf:RDF", True)]
    parts = descriptions(scan.root)
    if not parts or any(part.name != DESCRIPTION for part in parts):
        return [Fault("rdf", "rdf:RDF holds other things than rdf:Description", True)]
    if any(node.text.strip() for node in (scan.root, rdf[0], *parts)):
        return [Fault("rdf", "text stands where only properties may stand", True)]
    attributes = [attribute for part in parts for attribute in part.attributes]
    odd = [a.name[1] for a in attributes if a.name[0] == RDF_NS and a.name[1] != "about"]
    if odd:
        return [Fault("rdf", f"an rdf:Description has an rdf:{odd[0]}", True)]
    about = {a.value for a in attributes if a.name in ((RDF_NS, "about"), ("", "about"))}
    if len(about - {""}) > 1:
        return [Fault("about", "its rdf:Descriptions are about different things", True)]
    return []


def _doubles(held: Mapping[Name, Sequence[Place]]) -> list[Fault]:
    found: list[Fault] = []
    for (uri, local), places in sorted(held.items()):
        if len(places) > 1 and (uri, local) != RATING:
            said = f"{local} stands {len(places)} times: editors ignore the whole file"
            found.append(Fault("twice", said, True))
    return found


def _rating(scan: Scan, held: Mapping[Name, Sequence[Place]]) -> list[Fault]:
    found: list[Fault] = []
    places = held.get(RATING, ())
    if len(places) > 1:
        said = f"the rating stands {len(places)} times: editors ignore the whole file"
        found.append(Fault("rating-twice", said, False))
    for place in places:
        if not isinstance(place, Attribute):
            raw = scan.data[place.tag_end : place.close]
            odd = place.children or place.attributes or place.alien or place.selfclosed
            if odd or not _PLAIN.match(raw):
                found.append(Fault("rating-shape", "the rating is not a plain number", True))
                continue
        text = place.value if isinstance(place, Attribute) else place.text
        value = number(text)
        if not text.strip():
            found.append(Fault("rating-value", "the rating is empty", False))
        elif value is None:
            said = f"the rating {text[:20]!r} is no whole number"
            found.append(Fault("rating-shape", said, True))
        elif not -1 <= value <= 5:
            found.append(Fault("rating-range", f"the rating {value} is not from -1 to 5", False))
    return found


def _values(held: Mapping[Name, Sequence[Place]]) -> list[Fault]:
    found: list[Fault] = []

    def text(prefix: str, local: str) -> str | None:
        places = held.get((NAMESPACES[prefix], local))
        if not places:
            return None
        return places[0].value if isinstance(places[0], Attribute) else places[0].text

    stars = rating_of(held)[1]
    other = number(text("MicrosoftPhoto", "Rating") or "")
    if stars is not None and stars >= 0 and other is not None and _MICROSOFT.get(other) != stars:
        said = f"MicrosoftPhoto:Rating {other} says something else than the rating {stars}"
        found.append(Fault("rating-differs", said, False))
    label = text("xmp", "Label")
    if label and label not in LABELS:
        said = f"the label {label[:20]!r} is none of {', '.join(LABELS)}"
        found.append(Fault("label", said, False))
    if text("darktable", "xmp_version") and text("darktable", "auto_presets_applied") is None:
        said = "it names a darktable:xmp_version without auto_presets_applied, like an old edit"
        found.append(Fault("legacy", said, False))
    return found
