"""Where the parts of an XMP packet stand, in bytes, so that one value can be changed in place.

Expat says where elements begin; attributes are found again in the raw tags. Nothing is forgiven:
what is not well-formed UTF-8 without a DOCTYPE raises `NotScanned`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

MAX_BYTES = 16 << 20
"""Largest packet that is looked at; real sidecars with long histories have a few hundred KiB."""
MAX_DEPTH = 200
MAX_PARTS = 300_000
"""Elements, attributes and names in scope that are kept of one packet: a small one can ask for any
number. A long history of a darktable picture with drawn masks has some tens of thousands."""
MAX_ATTRIBUTES = 4000
"""Of one element; Camera Raw writes some hundreds. Other parsers compare each with each."""
LONGEST_DECLARATION = 1024

XMPMETA = ("adobe:ns:meta/", "xmpmeta")
RDF_NS = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XML_NS = "http://www.w3.org/XML/1998/namespace"
BOM = b"\xef\xbb\xbf"
Name = tuple[str, str]
"""Namespace URI and local name."""

_TAG = re.compile(rb"<([^\s/>]+)")
_ATTRIBUTE = re.compile(rb"(\s+)([^\s=/>]+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_END = re.compile(rb"\s*(/?)>")
_DECLARED = re.compile(rb"<\?xml\s[^>]*?encoding\s*=\s*[\"']([^\"']*)[\"'][^>]*\?>")


class NotScanned(ValueError):
    """A packet that is not looked into further.

    Attributes:
        code: short word for what is wrong (see xmp_faults.FAULTS).
    """

    def __init__(self, code: str, said: str) -> None:
        super().__init__(said)
        self.code = code


@dataclass(slots=True)
class Attribute:
    """One attribute: from the space before it to its closing quote, and its value between."""

    name: Name
    prefix: str
    value: str
    start: int
    end: int
    value_start: int
    value_end: int


@dataclass(slots=True)
class Node:
    """One element.

    Attributes:
        start, end: bytes of the whole element.
        tag_end: after the `>` of its start tag.
        inner_end, gap: where the last attribute ends, and the space that stands before it.
        close: where its end tag begins; tag_end when the tag closes itself.
        attributes: without the declarations of namespaces.
        scope: prefix -> URI, as it holds inside.
        text: character data directly in it.
        alien: a comment, processing instruction or CDATA stands directly in it.
    """

    name: Name
    qname: str
    start: int
    inner_end: int
    gap: bytes
    tag_end: int
    selfclosed: bool
    attributes: list[Attribute]
    scope: Mapping[str, str]
    close: int = 0
    end: int = 0
    text: str = ""
    alien: bool = False
    children: list[Node] = field(default_factory=list)

    def attribute(self, name: Name) -> Attribute | None:
        """Return an attribute by name."""
        return next((a for a in self.attributes if a.name == name), None)

    def walk(self) -> Iterator[Node]:
        """Yield this element and all below it, in order."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += reversed(node.children)


@dataclass(slots=True)
class Scan:
    """A packet taken apart.

    Attributes:
        before: (what, first word) of comments and instructions before the root, without xpacket.
    """

    data: bytes
    root: Node
    before: list[str]


def scan(data: bytes) -> Scan:
    """Return where the parts of a packet stand.

    Raises:
        NotScanned: with a code; the packet is to be left alone.
    """
    _refuse_encoding(data)
    return _Scanner(data).scanned()


def _refuse_encoding(data: bytes) -> None:
    if not data.strip(b"\0 \t\r\n"):
        raise NotScanned("empty", "there is nothing in it")
    if len(data) > MAX_BYTES:
        raise NotScanned("big", f"it has over {MAX_BYTES >> 20} MiB, more than any sidecar")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data:
        raise NotScanned("encoding", "it is not UTF-8 (UTF-16, UTF-32 or binary)")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotScanned("encoding", f"byte {error.start} is not UTF-8") from None
    # Not further: a search for what never comes would take the square of the file's length.
    said = _DECLARED.match(data.removeprefix(BOM)[:LONGEST_DECLARATION])
    if said and said[1].lower() not in (b"utf-8", b"utf8"):
        raise NotScanned("encoding", f"it says that it is {said[1].decode('ascii', 'replace')}")


class _Scanner:
    """One run of expat; positions are those of the packet with its byte order mark."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.shift = len(BOM) if data.startswith(BOM) else 0
        self.open: list[Node] = []
        self.root: Node | None = None
        self.before: list[str] = []
        self.parts_left = MAX_PARTS
        made = expat.ParserCreate("utf-8")
        made.ordered_attributes = True
        made.buffer_text = True
        made.StartElementHandler = self._start
        made.EndElementHandler = self._end
        made.CharacterDataHandler = self._text
        made.CommentHandler = lambda text: self._alien("comment")
        made.ProcessingInstructionHandler = lambda target, text: self._alien(target)
        made.StartCdataSectionHandler = lambda: self._alien("CDATA")
        made.StartDoctypeDeclHandler = self._doctype
        made.XmlDeclHandler = self._declared
        self.parser = made

    def scanned(self) -> Scan:
        try:
            self.parser.Parse(self.data[self.shift :], True)
        except expat.ExpatError as error:
            raise NotScanned("malformed", f"it is no well-formed XML: {error}") from None
        if self.root is None:
            raise NotScanned("malformed", "it has no element")
        return Scan(self.data, self.root, self.before)

    def _count(self, parts: int) -> None:
        self.parts_left -= parts
        if self.parts_left < 0:
            raise NotScanned("big", f"it has over {MAX_PARTS:,} parts, more than any sidecar")

    def _doctype(self, *_: object) -> None:
        raise NotScanned("doctype", "it has a DOCTYPE, which no sidecar has")

    def _declared(self, version: str, encoding: str | None, standalone: int) -> None:
        if version != "1.0":
            raise NotScanned("malformed", f"it is XML {version}, not 1.0")

    def _alien(self, what: str) -> None:
        if self.open:
            self.open[-1].alien = True
        elif self.root is None and what != "xpacket":
            self.before.append(what)

    def _text(self, text: str) -> None:
        if self.open:
            self.open[-1].text += text

    def _start(self, qname: str, given: list[str]) -> None:
        if len(self.open) >= MAX_DEPTH:
            raise NotScanned("malformed", f"it is nested more than {MAX_DEPTH} deep")
        at = self.parser.CurrentByteIndex + self.shift
        scope = self.open[-1].scope if self.open else {"xml": XML_NS}
        pairs = list(zip(given[::2], given[1::2], strict=True))
        declared = {n: v for n, v in pairs if n == "xmlns" or n.startswith("xmlns:")}
        if declared:  # else the one of the parent serves
            scope = {**scope, **{n.partition(":")[2]: v for n, v in declared.items()}}
        if len(pairs) > MAX_ATTRIBUTES:
            raise NotScanned("big", f"an element has over {MAX_ATTRIBUTES:,} attributes")
        self._count(1 + len(pairs) + (len(scope) if declared else 0))
        raw, inner_end, gap, tag_end, closed = self._tag(at, qname)
        attributes = [
            Attribute(self._name(n, scope, True), n.rpartition(":")[0], v, *raw[n])
            for n, v in pairs
            if n not in declared
        ]
        if len({a.name for a in attributes}) < len(attributes):
            raise NotScanned("malformed", f"an attribute stands twice in <{qname}>")
        name = self._name(qname, scope, False)
        node = Node(
            name, qname, at, inner_end, gap, tag_end, closed, attributes, scope
        )
        if self.open:
            self.open[-1].children.append(node)
        else:
            self.root = node
        self.open.append(node)

    def _end(self, _: str) -> None:
        node = self.open.pop()
        if node.selfclosed:
            node.close = node.end = node.tag_end
            return
        node.close = self.parser.CurrentByteIndex + self.shift
        node.end = self.data.index(b">", node.close) + 1
        if self.data[node.close : node.close + 2] != b"</":
            raise NotScanned("malformed", f"the end of <{node.qname}> is not found")

    def _tag(
        self, at: int, qname: str
    ) -> tuple[dict[str, tuple[int, int, int, int]], int, bytes, int, bool]:
        """Return the attributes of a start tag, their end, last gap, its end, whether it closes."""
        found = _TAG.match(self.data, at)
        if found is None or found[1] != qname.encode():
            raise NotScanned("malformed", f"the tag of <{qname}> is not found")
        spans: dict[str, tuple[int, int, int, int]] = {}
        at, gap = found.end(), b" "
        while one := _ATTRIBUTE.match(self.data, at):
            spans[one[2].decode()] = (one.start(), one.end(), one.start(3) + 1, one.end(3) - 1)
            at, gap = one.end(), one[1]
        end = _END.match(self.data, at)
        if end is None:
            raise NotScanned("malformed", f"the end of the tag <{qname}> is not found")
        return spans, at, gap, end.end(), bool(end[1])

    def _name(self, qname: str, scope: Mapping[str, str], attribute: bool) -> Name:
        prefix, _, local = qname.rpartition(":")
        if not prefix:
            return ("" if attribute else scope.get("", ""), local)
        if prefix not in scope:
            raise NotScanned("malformed", f"the prefix {prefix!r} of {qname} is not declared")
        return scope[prefix], local
