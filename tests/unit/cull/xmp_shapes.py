"""The shapes of sidecars that were given to darktable 4.2.1, with what it made of each.

The verdicts were measured: the file was imported without a display, `images.flags` read from its
library. SHAPES says whether darktable read the rating; one it does not read is left alone here.
"""

from __future__ import annotations

from dataclasses import dataclass

XMP = "http://ns.adobe.com/xap/1.0/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DECLARED = '<?xml version="1.0" encoding="UTF-8"?>\n'
XPACKET = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'


def packet(inside: str, root: str = "x:xmpmeta", prefix: str = "x") -> str:
    """Return a packet around Descriptions."""
    return (
        f'<{root} xmlns:{prefix}="adobe:ns:meta/">\n <rdf:RDF xmlns:rdf="{RDF}">\n'
        f"{inside}\n </rdf:RDF>\n</{root}>\n"
    )


def described(attributes: str = 'xmp:Rating="4"', about: str = ' rdf:about=""') -> str:
    """Return one Description without children."""
    return f'  <rdf:Description{about} xmlns:xmp="{XMP}" {attributes}/>'


ATTRIBUTE = packet(described())
ELEMENT = packet(
    f'  <rdf:Description rdf:about="" xmlns:xmp="{XMP}">\n'
    "   <xmp:Rating>4</xmp:Rating>\n  </rdf:Description>"
)
BARE = ATTRIBUTE.split("\n", 1)[1].rsplit("</x:xmpmeta>", 1)[0]


@dataclass(frozen=True, slots=True)
class Shape:
    """A sidecar.

    Attributes:
        read: darktable reads it.
        rating: that it then has; None also where it is not read.
        fault: code of what is said here; empty for a sound one.
        mended: it is not read, but setting the rating makes it sound.
    """

    data: bytes
    read: bool
    rating: int | None = 4
    fault: str = ""
    mended: bool = False


SHAPES: dict[str, Shape] = {
    "attribute": Shape((DECLARED + ATTRIBUTE).encode(), True),
    "element": Shape((DECLARED + ELEMENT).encode(), True),
    "no about": Shape((DECLARED + packet(described(about=""))).encode(), True),
    "4.0": Shape((DECLARED + packet(described('xmp:Rating="4.0"'))).encode(), True),
    "prefix xap": Shape(
        (DECLARED + ATTRIBUTE.replace("xmp:R", "xap:R").replace("xmlns:xmp", "xmlns:xap")).encode(),
        True,
    ),
    "byte order mark": Shape(b"\xef\xbb\xbf" + (DECLARED + ATTRIBUTE).encode(), True),
    "CRLF": Shape((DECLARED + ELEMENT).replace("\n", "\r\n").encode(), True),
    "no declaration": Shape(ATTRIBUTE.encode(), True),
    "single quotes": Shape((DECLARED.replace('"', "'") + ATTRIBUTE).encode(), True),
    "blank lines": Shape((DECLARED + "\n\n" + ATTRIBUTE.replace("\n", "\n\n")).encode(), True),
    "xpacket": Shape(
        (DECLARED + XPACKET + ELEMENT + " " * 99 + '\n<?xpacket end="w"?>').encode(), True
    ),
    "prefix ns0": Shape(
        (
            DECLARED + ATTRIBUTE.replace("<x:", "<ns0:").replace("</x:", "</ns0:")
            .replace("xmlns:x=", "xmlns:ns0=")
        ).encode(),
        False, None, "root",
    ),
    "comment first": Shape(
        (DECLARED + "<!-- mine -->\n" + ATTRIBUTE).encode(), False, None, "before"
    ),
    "bare rdf:RDF": Shape((DECLARED + BARE).encode(), False, None, "root"),
    "UTF-16": Shape(
        (DECLARED.replace("UTF-8", "UTF-16") + ATTRIBUTE).encode("utf-16"), False, None, "encoding"
    ),
    "x:xapmeta": Shape(
        (DECLARED + ATTRIBUTE.replace("x:xmpmeta", "x:xapmeta")).encode(), False, None, "root"
    ),
    "rating twice": Shape(
        (
            DECLARED + packet(
                described('xmp:Rating="1"') + "\n"
                f'  <rdf:Description rdf:about="" xmlns:xmp="{XMP}">\n'
                "   <xmp:Rating>4</xmp:Rating>\n  </rdf:Description>"
            )
        ).encode(),
        False, None, "rating-twice", mended=True,
    ),
}  # fmt: skip
"""Seventeen."""

EDITED = """<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:exif="http://ns.adobe.com/exif/1.0/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
    xmlns:mine="urn:mine"
    xmlns:darktable="http://darktable.sf.net/"
   exif:DateTimeOriginal="2024:06:01 12:00:00.250"
   xmp:Rating="1"
   xmp:Label="Green"
   xmpMM:DerivedFrom="IMG_1.CR2"
   crs:Exposure2012="+0.35"
   mine:note="a &gt; b &amp; &quot;c&quot; d"
   darktable:import_timestamp="-1"
   darktable:xmp_version="5"
   darktable:raw_params="0"
   darktable:auto_presets_applied="1"
   darktable:history_end="2"
   darktable:iop_order_version="4"
   darktable:history_basic_hash="c5bbc3c4ff1e1d1a1d7a5a5a5a5a5a5a">
   <darktable:masks_history>
    <rdf:Seq/>
   </darktable:masks_history>
   <darktable:history>
    <rdf:Seq>
     <rdf:li
      darktable:num="0"
      darktable:operation="flip"
      darktable:enabled="1"
      darktable:modversion="2"
      darktable:params="05000000"
      darktable:multi_name=""
      darktable:multi_priority="0"
      darktable:blendop_version="13"
      darktable:blendop_params="gz08eJxjYGBgYAFiCQYYOOHEgAZY0QWAgBGLGANDgz0Ej1Q+dlAx68oBEMbFxwX+AwGIBgCbGCeh"/>
     <rdf:li
      darktable:num="1"
      darktable:operation="exposure"
      darktable:enabled="1"
      darktable:modversion="6"
      darktable:params="00000000000080b90000403f00004842000080c0"
      darktable:multi_name="Ä"
      darktable:multi_priority="0"/>
    </rdf:Seq>
   </darktable:history>
   <dc:subject>
    <rdf:Bag>
     <rdf:li>sea</rdf:li>
     <rdf:li>darktable|exported</rdf:li>
    </rdf:Bag>
   </dc:subject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""
"""As darktable 5 writes after an edit, with other programs' properties."""
