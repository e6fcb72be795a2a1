"""Random sidecars of shapes that editors read, sound and damaged: only the rating changes."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import SidecarError
from curation.photos import xmp
from tests.unit.cull.test_xmp import differing, without_rating
from tests.unit.cull.xmp_shapes import DECLARED, XMP

TEXT = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), max_size=12
)
SPACE = st.sampled_from([" ", "\n   ", "\r\n\t", "  "])


def quoted(draw: st.DrawFn, text: str) -> str:
    quote = draw(st.sampled_from("\"'"))
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return quote + text.replace(quote, "&#34;" if quote == '"' else "&apos;") + quote


@st.composite
def sidecars(draw: st.DrawFn) -> bytes:
    """Return a sidecar of a shape that editors read, with or without one rating."""
    xap, rdf = draw(st.sampled_from(["xmp", "xap"])), draw(st.sampled_from(["rdf", "r"]))
    uris = {"mine": "urn:mine", "darktable": "http://darktable.sf.net/", "dc": "urn:dc"}
    count = draw(st.integers(1, 3))
    holder = draw(st.integers(-1, count - 1))
    form = draw(st.sampled_from(["attribute", "element"]))
    old = draw(st.sampled_from(["-1", "0", "1", "3", "5", "4.0", " 2 ", "+1"]))
    parts = []
    for n in range(count):
        gap = draw(SPACE)
        attributes = [f"{rdf}:about={quoted(draw, '')}"] * draw(st.booleans())
        attributes += [f'xmlns:{p}="{u}"' for p, u in uris.items()]
        if n == holder or draw(st.booleans()):
            attributes.append(f'xmlns:{xap}="{XMP}"')
        for i in range(draw(st.integers(0, 3))):
            attributes.append(f"mine:a{n}{i}={quoted(draw, draw(TEXT))}")
        inside = []
        for i in range(draw(st.integers(0, 3))):
            text = draw(TEXT).replace("]]>", "")
            inside.append(draw(st.sampled_from([
                f"<darktable:h{n}{i}><{rdf}:Seq><{rdf}:li darktable:p={quoted(draw, text)}/>"
                f"</{rdf}:Seq></darktable:h{n}{i}>",
                f"<mine:b{n}{i}><![CDATA[{text}]]></mine:b{n}{i}>",
                f"<!-- {text.replace('-', '')} -->",
                f"<dc:c{n}{i}><{rdf}:Bag/></dc:c{n}{i}>",
            ])))  # fmt: skip
        if n == holder and form == "attribute":
            attributes.insert(draw(st.integers(0, len(attributes))), f'{xap}:Rating="{old}"')
        elif n == holder:
            inside.insert(
                draw(st.integers(0, len(inside))), f"<{xap}:Rating>{old}</{xap}:Rating>"
            )
        tag = gap.join([f"<{rdf}:Description", *draw(st.permutations(attributes))])
        end = f"</{rdf}:Description{draw(st.sampled_from(['', ' ']))}>"
        parts.append(f"{tag}>{gap}{gap.join(inside)}{gap}{end}" if inside else f"{tag}/>")
    body = (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/">\n<{rdf}:RDF '
        f'xmlns:{rdf}="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{draw(SPACE)}'
        f"{draw(SPACE).join(parts)}</{rdf}:RDF></x:xmpmeta>"
    )
    head = draw(st.sampled_from(["", DECLARED, DECLARED.replace('"', "'"), DECLARED[:-1]]))
    wrapped = draw(st.sampled_from([
        head + body,
        head + body + "\n",
        f"{head}<?xpacket begin=''?>{body}\n  \n<?xpacket end='w'?>",
    ]))  # fmt: skip
    if draw(st.booleans()):
        wrapped = wrapped.replace("\r\n", "\n").replace("\n", "\r\n")
    return (b"\xef\xbb\xbf" if draw(st.booleans()) else b"") + wrapped.encode()


@settings(max_examples=400, deadline=None)
@given(sidecars(), st.integers(-1, 5))
def test_fuzz_everything_but_the_rating_stays(old: bytes, rating: int) -> None:
    new = xmp.with_rating(old, rating)
    assert xmp.read(new).rating == rating
    assert without_rating(old) == without_rating(new)
    assert xmp.with_rating(new, rating) == new
    was, now = differing(old, new)
    assert re.fullmatch(rb"[\d.+ -]*", was)
    assert len(now) <= 80


@settings(max_examples=300, deadline=None)
@given(sidecars(), st.integers(0, 1 << 16), st.binary(max_size=4), st.integers(-1, 5))
def test_fuzz_a_damaged_one_is_left_alone_or_changed_in_its_value(
    old: bytes, at: int, noise: bytes, rating: int
) -> None:
    at %= len(old)
    damaged = old[:at] + noise + old[at + 1 :]
    try:
        new = xmp.with_rating(damaged, rating)
    except SidecarError:
        return
    assert xmp.read(new).rating == rating
    assert without_rating(damaged) == without_rating(new)
