"""Splices: the bytes of a sidecar with values changed, all else as it was, and the check of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curation.errors import SidecarError
from curation.photos.xmp_faults import RATING, faults_of, number
from curation.photos.xmp_form import (
    NAMESPACES,
    RDF,
    Place,
    array_of,
    descriptions,
    name_of,
    properties,
    value_of,
)
from curation.photos.xmp_scan import (
    XMPMETA,
    Attribute,
    Name,
    Node,
    NotScanned,
    Scan,
    scan,
)

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPACE_BEFORE = re.compile(rb"\s*$")


@dataclass(frozen=True, slots=True)
class Markup:
    """A whole property element as XML; it declares every namespace that it uses."""

    xml: str


Value = str | Sequence[str] | Markup


def escaped(text: str, quote: str = '"') -> bytes:
    """Return text as it stands between quotes, or in an element.

    Raises:
        SidecarError: for a character that XML cannot hold.
    """
    if bad := _ILLEGAL.search(text):
        raise SidecarError(f"XML cannot hold the character {bad[0]!r}")
    for plain, code in (
        ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"),
        ("\t", "&#9;"), ("\n", "&#10;"), ("\r", "&#13;"),
    ):  # fmt: skip
        text = text.replace(plain, code)
    return (text.replace("'", "&apos;") if quote == "'" else text).encode()


def fresh(values: Mapping[str, Value]) -> bytes:
    """Return a new packet: what darktable takes for no edit of its own, so that presets apply.

    Neither darktable's namespace nor its xmp_version is in it.

    Raises:
        SidecarError: a value cannot be written.
    """
    return _checked(_fresh(values), values)


def _fresh(values: Mapping[str, Value]) -> bytes:
    empty = (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        b' <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        b'  <rdf:Description rdf:about=""/>\n'
        b" </rdf:RDF>\n"
        b"</x:xmpmeta>\n"
    )
    return _Edit(scan(empty)).spliced(values, False)


def changed(data: bytes, values: Mapping[str, Value], replace: bool) -> bytes:
    """Return a packet without blocking faults, with values set; see xmp.with_values.

    Raises:
        SidecarError: a value stands in a shape that is not changed here, or the check failed.
    """
    try:
        found = scan(data)
        made = _Edit(found).spliced(values, replace)
    except NotScanned as error:
        raise SidecarError(f"it is left alone: {error}") from None
    # Also of what is given back as it was: a second parser must agree that it can be read.
    names = [name_of(key) for key in values]
    if _rest(data, names) != _rest(made, names) or made[: found.root.start] != (
        data[: found.root.start]
    ):
        raise SidecarError("it is left alone: the change would have touched something else")
    return made if made == data else _checked(made, values)


@dataclass(slots=True)
class _Into:
    """What goes into one Description."""

    attributes: list[bytes] = field(default_factory=list)
    children: list[bytes] = field(default_factory=list)
    declared: set[str] = field(default_factory=set)


class _Edit:
    def __init__(self, found: Scan) -> None:
        self.scan = found
        self.held = properties(found.root)
        self.into = _Into()
        self.splices: list[tuple[int, int, bytes]] = []

    def spliced(self, values: Mapping[str, Value], replace: bool) -> bytes:
        for key, value in values.items():
            places = self.held.get(name_of(key), [])
            if isinstance(value, str):
                self._text(key, places, value)
            elif isinstance(value, Markup):
                self._markup(key, places, value, replace)
            else:
                self._items(key, places, value)
        self._flush()
        made, at = [], 0
        for start, end, new in sorted(self.splices, key=lambda one: one[:2]):
            if start < at:
                raise SidecarError("it is left alone: two changes meet at one place")
            made += [self.scan.data[at:start], new]
            at = end
        return b"".join([*made, self.scan.data[at:]])

    def _text(self, key: str, places: Sequence[Place], value: str) -> None:
        if not places:
            self.into.attributes.append(self._named(key) + b'="' + escaped(value) + b'"')
            return
        for i, place in enumerate(places):
            if i:
                self._remove(place)
            elif not _same(place.name, value_of(place), value):
                self._set(place, value)

    def _set(self, place: Place, value: str) -> None:
        data = self.scan.data
        if isinstance(place, Attribute):
            quote = data[place.value_end : place.value_end + 1].decode()
            self.splices.append((place.value_start, place.value_end, escaped(value, quote)))
            return
        if place.children or place.attributes or place.alien or place.selfclosed:
            raise SidecarError(f"it is left alone: {place.qname} is no plain value")
        self.splices.append((place.tag_end, place.close, escaped(value)))

    def _remove(self, place: Place) -> None:
        start = place.start
        if isinstance(place, Node):
            start -= len(self._space_before(start))
        self.splices.append((start, place.end, b""))

    def _items(self, key: str, places: Sequence[Place], items: Sequence[str]) -> None:
        rdf = self._prefix(descriptions(self.scan.root)[0].qname)
        if not places:
            inner = b"".join(_element(rdf + b"li", escaped(one)) for one in dict.fromkeys(items))
            name = self._named(key)
            self.into.children.append(_element(name, _element(rdf + b"Bag", inner)))
            return
        place = places[0]
        held = value_of(place)
        array = array_of(place) if isinstance(place, Node) else None
        if array is None or not isinstance(held, tuple):
            raise SidecarError(f"it is left alone: {key} is no plain bag")
        new = [one for one in dict.fromkeys(items) if one not in held]
        if not new:
            return
        rdf = self._prefix(array.qname)
        if array.selfclosed:
            inner = b"".join(_element(rdf + b"li", escaped(one)) for one in new)
            closing = b">" + inner + b"</" + array.qname.encode() + b">"
            self.splices.append((array.inner_end, array.tag_end, closing))
            return
        last = array.children[-1] if array.children else None
        gap = self._space_before(last.start) if last else b""
        made = b"".join(gap + _element(rdf + b"li", escaped(one)) for one in new)
        at = last.end if last else array.tag_end
        self.splices.append((at, at, made))

    def _markup(self, key: str, places: Sequence[Place], value: Markup, replace: bool) -> None:
        new = value.xml.strip().encode()
        if not places:
            self.into.children.append(new)
            return
        place = places[0]
        if self.scan.data[place.start : place.end] == new:
            return
        if not replace or not isinstance(place, Node):
            raise SidecarError(f"it is left alone: it has another {key} already")
        self.splices.append((place.start, place.end, new))

    # -- the Description that is added to --------------------------------------------------------

    def _flush(self) -> None:
        first = descriptions(self.scan.root)[0]
        into = self.into
        if into.attributes:
            made = b"".join(first.gap + one for one in into.attributes)
            self.splices.append((first.inner_end, first.inner_end, made))
        if not into.children:
            return
        if first.selfclosed:
            inner = b"".join(into.children)
            closing = b">" + inner + b"</" + first.qname.encode() + b">"
            self.splices.append((first.inner_end, first.tag_end, closing))
            return
        last = first.children[-1] if first.children else None
        gap = self._space_before(last.start) if last else b""
        at = last.end if last else first.tag_end
        self.splices.append((at, at, b"".join(gap + one for one in into.children)))

    def _named(self, key: str) -> bytes:
        """Return a property's name for the first Description, its namespace declared there."""
        wanted, _, local = key.partition(":")
        uri = NAMESPACES[wanted]
        scope = descriptions(self.scan.root)[0].scope
        known = sorted(prefix for prefix, bound in scope.items() if prefix and bound == uri)
        if known and wanted not in known:
            return f"{known[0]}:{local}".encode()
        if not known:
            if wanted in scope:
                raise SidecarError(f"it is left alone: its prefix {wanted} means {scope[wanted]}")
            if wanted not in self.into.declared:
                self.into.declared.add(wanted)
                self.into.attributes.append(f'xmlns:{wanted}="{uri}"'.encode())
        return key.encode()

    def _prefix(self, qname: str) -> bytes:
        prefix = qname.rpartition(":")[0]
        return f"{prefix}:".encode() if prefix else b""

    def _space_before(self, at: int) -> bytes:
        found = _SPACE_BEFORE.search(self.scan.data[max(0, at - 200) : at])
        return found[0] if found else b""


def _element(name: bytes, inner: bytes) -> bytes:
    return b"<" + name + b">" + inner + b"</" + name + b">"


def _same(name: Name, held: object, value: str) -> bool:
    if held == value:
        return True
    # "4.0" says 4 to every editor; nothing is gained by touching it.
    return name == RATING and isinstance(held, str) and number(held) == number(value)


# -- the check -----------------------------------------------------------------------------------


def _checked(made: bytes, values: Mapping[str, Value]) -> bytes:
    """Return bytes that, read anew, have no fault that blocks and say what was wanted."""
    try:
        found = scan(made)
    except NotScanned as error:
        raise SidecarError(f"it is left alone: changed, {error}") from None
    held = properties(found.root)
    blocking = [fault.said for fault in faults_of(found) if fault.blocks]
    for key, value in values.items():
        places = held.get(name_of(key), [])
        now = value_of(places[0]) if len(places) == 1 else None
        if isinstance(value, str):
            good = _same(name_of(key), now, value)
        elif isinstance(value, Markup):
            good = len(places) == 1
        else:
            good = isinstance(now, tuple) and set(value) <= set(now)
        if not good:
            blocking.append(f"{key} would not be what was wanted")
    if blocking:
        raise SidecarError(f"it is left alone: {'; '.join(blocking)}")
    return made


def _rest(data: bytes, names: Sequence[Name]) -> bytes:
    """Return everything but some properties, in canonical form (exclusive C14N, with comments).

    Raises:
        SidecarError: the second parser cannot read it.
    """
    from lxml import etree  # type: ignore[import-untyped]

    reader = etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False, recover=False
    )
    try:
        tree: Any = etree.fromstring(data, reader).getroottree()
        if tree.docinfo.doctype or tree.docinfo.internalDTD is not None:
            raise SidecarError("it is left alone: it has a DOCTYPE")
        _take_out(tree.getroot(), names)
        return bytes(etree.tostring(tree, method="c14n", exclusive=True, with_comments=True))
    except (etree.LxmlError, ValueError) as error:  # also a namespace that C14N cannot hold
        raise SidecarError(f"it is left alone: {' '.join(str(error).split())}") from None


def _take_out(root: Any, names: Sequence[Name]) -> None:
    tags = {f"{{{uri}}}{local}" for uri, local in names}
    if root.tag != "{%s}%s" % XMPMETA:  # noqa: UP031
        raise SidecarError("it is left alone: its root is not x:xmpmeta")
    for part in root.iterfind("{{{}}}{}/*".format(*RDF)):
        for tag in tags:
            part.attrib.pop(tag, None)
        for child in [c for c in part if c.tag in tags]:
            part.remove(child)
        # Blank space between properties says nothing; it goes with an element that is taken out.
        if not (part.text or "").strip():
            part.text = None
        for child in part:
            if not (child.tail or "").strip():
                child.tail = None
