"""Sidecars: seventeen shapes, hostile ones, and random ones; nothing but the value changes."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from curation.errors import CurationError, SidecarError
from curation.photos import xmp
from tests.unit.cull.xmp_shapes import DECLARED, EDITED, SHAPES, XMP, described, packet

RATING = f"{{{XMP}}}Rating"


def without_rating(data: bytes) -> str:
    """Return canonical XML without any rating, by another library than the one under test."""
    return ElementTree.canonicalize(
        data.decode("utf-8-sig"),
        with_comments=True,
        strip_text=True,
        exclude_attrs=[RATING],
        exclude_tags=[RATING],
    )


def same(one: bytes, other: bytes) -> int:
    """Return how many bytes are the same from the beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def differing(old: bytes, new: bytes) -> tuple[bytes, bytes]:
    """Return what of each is not the same from the beginning or the end."""
    head = same(old, new)
    tail = same(old[head:][::-1], new[head:][::-1])
    return old[head : len(old) - tail], new[head : len(new) - tail]


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_read_as_the_editor_reads_it(name: str) -> None:
    shape = SHAPES[name]
    found = xmp.read(shape.data)
    if shape.read:
        assert found.rating == shape.rating
    assert [fault.code for fault in found.faults] == ([shape.fault] if shape.fault else [])
    assert bool(found.blocked) == (not shape.read and not shape.mended)


@pytest.mark.parametrize("name", [n for n, shape in SHAPES.items() if shape.read])
@pytest.mark.parametrize("rating", [-1, 0, 4, 5])
def test_an_accepted_shape_is_changed_in_its_value_only(name: str, rating: int) -> None:
    old = SHAPES[name].data
    new = xmp.with_rating(old, rating)
    assert xmp.read(new).rating == rating
    assert not xmp.read(new).faults
    assert without_rating(old) == without_rating(new)
    if rating == 4:
        assert new == old
    else:
        assert re.fullmatch(rb"[\d.]*", differing(old, new)[0])
    assert xmp.with_rating(new, rating) == new


@pytest.mark.parametrize("name", [n for n, s in SHAPES.items() if not s.read and not s.mended])
def test_a_refused_shape_is_left_alone(name: str) -> None:
    with pytest.raises(SidecarError, match="left alone"):
        xmp.with_rating(SHAPES[name].data, 3)


def test_a_rating_that_stands_twice_is_mended_by_setting_it() -> None:
    old = SHAPES["rating twice"].data
    new = xmp.with_rating(old, 3)
    assert xmp.read(new).rating == 3
    assert not xmp.read(new).faults
    assert new.count(b"Rating") == 1
    assert without_rating(old) == without_rating(new)


@pytest.mark.parametrize("seen", ["ae", "ea", "ee", "aa", "aea", "eee"])
def test_surplus_ratings_are_taken_out_and_nothing_else(seen: str) -> None:
    inner = {
        "a": '<rdf:Description rdf:about=""\n  xmlns:xmp="{0}"\n  xmp:Rating="1"\n  xmp:M{1}=""/>',
        "e": '<rdf:Description rdf:about="" xmlns:xmp="{0}"><!--{1}-->\n <xmp:Rating>2</xmp:Rating>'
        "\n <xmp:L{1}>{1}</xmp:L{1}></rdf:Description>",
    }
    parts = [inner[kind].format(XMP, n) for n, kind in enumerate(seen)]
    old = DECLARED + packet("\n".join(parts))
    new = xmp.with_rating(old.encode(), 5)
    assert new.count(b"Rating") == (1 if seen[0] == "a" else 2)
    assert xmp.read(new).rating == 5
    assert not xmp.read(new).faults
    assert without_rating(old.encode()) == without_rating(new)
    assert xmp.with_rating(new, 5) == new


def test_an_edit_of_darktable_keeps_every_other_byte() -> None:
    old = EDITED.encode()
    new = xmp.with_rating(old, 5)
    assert differing(old, new) == (b"1", b"5")
    found = xmp.read(new)
    assert found.edited
    assert found.keywords == ("sea", "darktable|exported")
    assert found.values["xmp:Label"] == "Green"
    assert not xmp.read(xmp.with_rating(None, 3)).edited


def test_an_edit_without_a_rating_gets_one_line_more() -> None:
    old = EDITED.replace('   xmp:Rating="1"\n', "").encode()
    new = xmp.with_rating(old, 0)
    assert differing(old, new) == (b"", b'\n   xmp:Rating="0"')
    assert without_rating(old) == without_rating(new)


def test_a_new_sidecar_is_the_smallest_that_editors_take_for_no_edit() -> None:
    for rating in range(-1, 6):
        made = xmp.with_rating(None, rating)
        assert xmp.read(made).rating == rating
        assert b"darktable" not in made
        assert made.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<x:xmpmeta ')
        assert f'xmp:Rating="{rating}"'.encode() in made
        assert xmp.with_rating(made, rating) == made


@pytest.mark.parametrize("rating", [-2, 6, 100, True])
def test_a_rating_out_of_range_is_refused(rating: int) -> None:
    with pytest.raises(CurationError):
        xmp.with_rating(None, rating)


XSI = f'<rdf:Description rdf:about="" xmlns:xmp="{XMP}">{{}}</rdf:Description>'
HOSTILE = {
    "nothing": b"",
    "blank": b" \n\n",
    "zeros": b"\0" * 4096,
    "half": EDITED.encode()[:900],
    "two roots": (DECLARED + packet(described()) * 2).encode(),
    "binary": bytes(range(256)) * 4,
    "latin 1": EDITED.encode("latin-1"),
    "says latin 1": EDITED.replace("UTF-8", "ISO-8859-1").encode("latin-1"),
    "UTF-16 BE": EDITED.encode("utf-16-be"),
    "UTF-32": EDITED.encode("utf-32"),
    "overlong": EDITED.encode().replace(b"\xc3\x84", b"\xc0\x80"),
    "doctype": EDITED.replace("?>\n", "?>\n<!DOCTYPE x>\n", 1).encode(),
    "laughs": (
        '<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]>'
        + packet(described('xmp:Label="&c;"'))
    ).encode(),
    "outside entity": (
        '<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
        + packet(described() + "&b;")
    ).encode(),
    "unknown entity": EDITED.replace("sea", "&sea;").encode(),
    "instruction first": EDITED.replace("<x:xmpmeta", "<?mine x?>\n<x:xmpmeta", 1).encode(),
    "late": (DECLARED + " " * 80 + packet(described())).encode(),
    "blank line first": ("\n" + packet(described())).encode(),
    "no prefix": (
        DECLARED + packet(described(), "xmpmeta").replace("xmlns:x=", "xmlns=")
    ).encode(),
    "wrong namespace": EDITED.replace("adobe:ns:meta/", "adobe:ns:meta").encode(),
    "undeclared prefix": EDITED.replace("mine:note", "yours:note").encode(),
    "attribute twice": EDITED.replace('xmp:Rating="1"', 'xmp:Rating="1" xmp:Rating="2"').encode(),
    "twice by two prefixes": EDITED.replace(
        'xmp:Rating="1"', f'xmp:Rating="1" xmlns:xap="{XMP}" xap:Rating="2"'
    ).encode(),
    "label twice": EDITED.replace(
        "<dc:subject>", "<xmp:Label>Red</xmp:Label><dc:subject>"
    ).encode(),
    "history twice": EDITED.replace(
        "<dc:subject>", "<darktable:history><rdf:Seq/></darktable:history><dc:subject>"
    ).encode(),
    "XML 1.1": EDITED.replace('version="1.0"', 'version="1.1"').encode(),
    "rdf:ID": EDITED.replace('rdf:about=""', 'rdf:ID="x"').encode(),
    "two byte order marks": b"\xef\xbb\xbf" * 2 + EDITED.encode(),
    "junk after": EDITED.encode() + b"x",
    "zero after": EDITED.encode() + b"\0",
    "no Description": (DECLARED + packet("")).encode(),
    "typed node": (DECLARED + packet('<mine:Thing xmlns:mine="urn:m" rdf:about=""/>')).encode(),
    "two things": (
        DECLARED
        + packet(described(about=' rdf:about="a"') + described("", about=' rdf:about="b"'))
    ).encode(),
    "two RDFs": (
        DECLARED + packet(described()).replace(
            "</x:xmpmeta>", '<rdf:RDF xmlns:rdf="urn:x"/></x:xmpmeta>'
        )
    ).encode(),
    "text in RDF": (DECLARED + packet("hello" + described())).encode(),
    "words for a rating": (DECLARED + packet(described('xmp:Rating="four"'))).encode(),
    "half a star": (DECLARED + packet(described('xmp:Rating="3.5"'))).encode(),
    "CDATA": (DECLARED + packet(XSI.format("<xmp:Rating><![CDATA[4]]></xmp:Rating>"))).encode(),
    "comment in it": (DECLARED + packet(XSI.format("<xmp:Rating>4<!--x--></xmp:Rating>"))).encode(),
    "a code for it": (DECLARED + packet(XSI.format("<xmp:Rating>&#52;</xmp:Rating>"))).encode(),
    "empty element": (DECLARED + packet(XSI.format("<xmp:Rating/>"))).encode(),
    "a language": (
        DECLARED + packet(XSI.format('<xmp:Rating xml:lang="en">4</xmp:Rating>'))
    ).encode(),
    "a structure": (
        DECLARED + packet(XSI.format(
            '<xmp:Rating rdf:parseType="Resource"><rdf:value>4</rdf:value></xmp:Rating>'
        ))
    ).encode(),
    "nested": (DECLARED + packet("<a>" * 300 + "</a>" * 300)).encode(),
    "xmp means another": (
        DECLARED + packet('<rdf:Description rdf:about="" xmlns:xmp="urn:other" xmp:Label="Red"/>')
    ).encode(),
    "too large": (DECLARED + " " * (17 << 20) + packet(described())).encode(),
    # Each element once kept a copy of all names in scope: 300 KB took 7 GB of memory.
    "names in scope": packet(
        "<rdf:Description xmp:Rating='1' "
        + " ".join(f'xmlns:n{i}="u{i}"' for i in range(3000)) + ">"
        + "<n1:a xmlns='u'/>" * 20000 + "</rdf:Description>"
    ).encode(),
    "attributes": packet(
        "<rdf:Description " + " ".join(f"xmp:a{i}=''" for i in range(5000)) + "/>"
    ).encode(),
    # A search for the end of the declaration once began again at each of these: a day of work.
    "a declaration without end": b"<?xml " + b'encoding="a" ' * (1 << 20),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_of_the_known_shape_is_left_alone(name: str) -> None:
    with pytest.raises(SidecarError, match="left alone"):
        xmp.with_rating(HOSTILE[name], 3)
    if name != "xmp means another":
        assert xmp.read(HOSTILE[name]).blocked


SOUND = {
    "comment inside": EDITED.replace("<dc:subject>", "<!-- > <xmp:Rating>3 --><dc:subject>"),
    "comment after": EDITED + "<!-- end -->\n",
    "CDATA elsewhere": EDITED.replace(
        "<dc:subject>", "<mine:x><![CDATA[<xmp:Rating>9</xmp:Rating>]]></mine:x><dc:subject>"
    ),
    "rating of something else": EDITED.replace(
        "<dc:subject>",
        '<xmpMM:Ingredients><rdf:Bag><rdf:li xmp:Rating="2"/></rdf:Bag></xmpMM:Ingredients>'
        "<dc:subject>",
    ),
    "a tag in a value": EDITED.replace('mine:note="', 'mine:note="/> xmp:Rating=\'5\' '),
    "other Rating": EDITED.replace("xmlns:mine", 'xmlns:a="urn:a" a:Rating="3" xmlns:mine'),
    "odd spaces": EDITED.replace('xmp:Rating="1"', "xmp:Rating  =\r\n\t'1'"),
    "rating as a code": EDITED.replace('xmp:Rating="1"', 'xmp:Rating="&#49;"'),
    "out of range": EDITED.replace('xmp:Rating="1"', 'xmp:Rating="6"'),
    "empty": EDITED.replace('xmp:Rating="1"', 'xmp:Rating=""'),
    "two Descriptions": EDITED.replace(
        "\n  <rdf:Description", '\n  <rdf:Description rdf:about="" />\n  <rdf:Description', 1
    ),
    "rdf by another prefix": re.sub(r"\brdf\b(?=[:=])", "r", EDITED),
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_sidecar_is_changed_whatever_else_is_in_it(name: str) -> None:
    old = SOUND[name].encode()
    new = xmp.with_rating(old, 4)
    assert xmp.read(new).rating == 4
    assert re.fullmatch(rb"(?:&#)?[\d;]*", differing(old, new)[0])
    assert differing(old, new)[1] == b"4"
    assert xmp.with_rating(new, 4) == new


def test_keywords_are_added_to_the_bag_that_is_there() -> None:
    new = xmp.with_values(EDITED.encode(), {xmp.KEYWORDS: ("sky", "sea", "a <b> & 'c'", "sky")})
    assert xmp.read(new).keywords == ("sea", "darktable|exported", "sky", "a <b> & 'c'")
    assert differing(EDITED.encode(), new)[0] == b""
    assert new.count(b"\n     <rdf:li>") == 4
    assert xmp.with_values(new, {xmp.KEYWORDS: ("sky",)}) == new


@pytest.mark.parametrize("bag", ["<rdf:Bag/>", "<rdf:Bag></rdf:Bag>", "<rdf:Bag>\n</rdf:Bag>"])
def test_keywords_go_into_an_empty_bag(bag: str) -> None:
    old = re.sub(r"<rdf:Bag>.*</rdf:Bag>", bag, EDITED, flags=re.S)
    new = xmp.with_values(old.encode(), {xmp.KEYWORDS: ("a", "b")})
    assert xmp.read(new).keywords == ("a", "b")


def test_a_bag_of_another_shape_is_left_alone() -> None:
    for odd in ('<rdf:li xml:lang="en">sea</rdf:li>', "<rdf:li><rdf:Bag/></rdf:li>"):
        old = EDITED.replace("<rdf:li>sea</rdf:li>", odd)
        with pytest.raises(SidecarError, match="left alone"):
            xmp.with_values(old.encode(), {xmp.KEYWORDS: ("sky",)})


def test_an_element_is_put_once_and_replaced_on_request_only() -> None:
    key = "Iptc4xmpExt:ImageRegion"
    one = (
        '<Iptc4xmpExt:ImageRegion xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        f' xmlns:rdf="{"http://www.w3.org/1999/02/22-rdf-syntax-ns#"}"><rdf:Bag/>'
        "</Iptc4xmpExt:ImageRegion>"
    )
    two = one.replace("<rdf:Bag/>", "<rdf:Bag><rdf:li>x</rdf:li></rdf:Bag>")
    for start in (None, EDITED.encode()):
        made = xmp.with_values(start, {key: xmp.Markup(one), "crs:HasCrop": "True"})
        assert xmp.with_values(made, {key: xmp.Markup(one)}) == made
        with pytest.raises(SidecarError, match="another"):
            xmp.with_values(made, {key: xmp.Markup(two)})
        assert two.encode() in xmp.with_values(made, {key: xmp.Markup(two)}, replace=True)


def test_a_value_that_breaks_out_is_escaped_or_refused() -> None:
    bad = '"/><!--<![CDATA[&\'\n\t\r\u2028'
    made = xmp.with_values(EDITED.encode(), {xmp.LABEL: bad, xmp.KEYWORDS: (bad,)})
    assert xmp.read(made).values[xmp.LABEL] == bad
    assert xmp.read(made).keywords[-1] == bad
    for odd in ("\0", "\x0b", "\ud800", "\ufffe"):
        with pytest.raises(SidecarError):
            xmp.with_values(None, {xmp.LABEL: odd})
    with pytest.raises(SidecarError):
        xmp.with_values(None, {"Iptc4xmpExt:ImageRegion": xmp.Markup("<a/></rdf:RDF>")})


def test_a_path_that_is_a_link_or_gone_is_told(tmp_path: Path) -> None:
    real, link = tmp_path / "a.xmp", tmp_path / "b.xmp"
    real.write_bytes(EDITED.encode())
    link.symlink_to(real)
    assert xmp.read(real).rating == 1
    pipe = tmp_path / "pipe.xmp"
    os.mkfifo(pipe)
    for odd in (link, tmp_path / "none.xmp", tmp_path, pipe):
        with pytest.raises(SidecarError):
            xmp.read(odd)


def test_no_more_of_a_file_is_read_than_a_sidecar_has(tmp_path: Path) -> None:
    vast = tmp_path / "vast.xmp"
    with vast.open("wb") as file:
        file.truncate(1 << 40)  # without a byte on the disk
    assert xmp.read(vast).blocked
