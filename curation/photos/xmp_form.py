"""The RDF in an XMP packet: its top-level properties, and where each of them stands."""

from __future__ import annotations

from curation.photos.xmp_scan import RDF_NS, Attribute, Name, Node

NAMESPACES = {
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "crs": "http://ns.adobe.com/camera-raw-settings/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "MicrosoftPhoto": "http://ns.microsoft.com/photo/1.0/",
    "darktable": "http://darktable.sf.net/",
}
"""Prefixes that properties are named with here; a packet may use others for the same URI."""

DESCRIPTION, RDF = (RDF_NS, "Description"), (RDF_NS, "RDF")
ITEM = (RDF_NS, "li")
ARRAYS = ((RDF_NS, "Bag"), (RDF_NS, "Seq"), (RDF_NS, "Alt"))
Place = Attribute | Node
"""Where a property stands: an attribute of a Description, or an element in it."""


def name_of(key: str) -> Name:
    """Return namespace and local name of "prefix:name".

    Raises:
        KeyError: for a prefix that is not in NAMESPACES.
    """
    prefix, _, local = key.partition(":")
    return NAMESPACES[prefix], local


def descriptions(root: Node) -> list[Node]:
    """Return the top-level Descriptions of a packet."""
    return [d for rdf in root.children if rdf.name == RDF for d in rdf.children]


def properties(root: Node) -> dict[Name, list[Place]]:
    """Return every top-level property with all the places it stands at, in order."""
    found: dict[Name, list[Place]] = {}
    for description in descriptions(root):
        places: list[Place] = [*description.attributes, *description.children]
        for place in places:
            uri = place.name[0]
            # Without a namespace it is no property: the `about` of old files.
            if uri and not uri.startswith((RDF_NS, "http://www.w3.org/XML/")):
                found.setdefault(place.name, []).append(place)
    return found


def array_of(node: Node) -> Node | None:
    """Return the bag (or list) that a property is, None when it is something else."""
    if node.attributes or node.alien or len(node.children) != 1 or node.text.strip():
        return None
    array = node.children[0]
    if array.name not in ARRAYS or array.attributes or array.text.strip():
        return None
    return array if all(child.name == ITEM for child in array.children) else None


def value_of(place: Place) -> str | tuple[str, ...] | None:
    """Return a property's text or items; None for what is neither (a structure, qualifiers)."""
    if isinstance(place, Attribute):
        return place.value
    if not place.children and not place.attributes:
        return place.text.strip() if "\n" in place.text else place.text
    array = array_of(place)
    if array is None:
        return None
    plain = all(not i.children and not i.attributes for i in array.children)
    return tuple(i.text for i in array.children) if plain else None
