"""Crops as files: JSON beside the picture, XMP for editors, and cropped copies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.decide import crops
from curation.decide.crop_ratio import Px, shape, shares, stored_box
from curation.errors import ImageUnreadable
from curation.photos import formats
from curation.store.crops import CropRow
from curation.toolkit import pixels

ENDING = ".crops.json"
SCHEMA = "curation.crops/1"
COPIES = {formats.JPEG: ".jpg", formats.PNG: ".png", formats.WEBP: ".webp", formats.TIFF: ".tif"}
"""Formats that a copy keeps; copies of any other are JPEG."""
ROLE = "http://cv.iptc.org/newscodes/imageregionrole/cropping"
"""IPTC NewsCodes, imageregionrole: area to which the picture may be cropped."""
DIGITS = 6

REGION = (
    '<Iptc4xmpExt:ImageRegion xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"><rdf:Bag>{items}</rdf:Bag>'
    "</Iptc4xmpExt:ImageRegion>"
)
ITEM = (
    '<rdf:li rdf:parseType="Resource"><Iptc4xmpExt:RegionBoundary rdf:parseType="Resource">'
    "<Iptc4xmpExt:rbShape>rectangle</Iptc4xmpExt:rbShape>"
    "<Iptc4xmpExt:rbUnit>relative</Iptc4xmpExt:rbUnit>"
    "<Iptc4xmpExt:rbX>{x}</Iptc4xmpExt:rbX><Iptc4xmpExt:rbY>{y}</Iptc4xmpExt:rbY>"
    "<Iptc4xmpExt:rbW>{w}</Iptc4xmpExt:rbW><Iptc4xmpExt:rbH>{h}</Iptc4xmpExt:rbH>"
    "</Iptc4xmpExt:RegionBoundary><Iptc4xmpExt:rId>crop {ratio}</Iptc4xmpExt:rId>"
    '<Iptc4xmpExt:Name><rdf:Alt><rdf:li xml:lang="x-default">crop {ratio}</rdf:li></rdf:Alt>'
    "</Iptc4xmpExt:Name><Iptc4xmpExt:rRole><rdf:Bag>"
    '<rdf:li rdf:parseType="Resource"><xmp:Identifier><rdf:Bag><rdf:li>{role}</rdf:li></rdf:Bag>'
    "</xmp:Identifier></rdf:li></rdf:Bag></Iptc4xmpExt:rRole></rdf:li>"
)


@dataclass(frozen=True, slots=True)
class About:
    """A picture whose crops are written.

    Attributes:
        size_wh: upright, in pixels.
        orientation: how stored pixels are turned to stand upright, 1 to 8.
        engine: what proposed.
    """

    name: str
    content: str
    key: str
    size_wh: tuple[int, int]
    orientation: int
    engine: str


def row_of(key: str, made: crops.Crop | crops.NoCrop, fp: str) -> CropRow:
    """Return a proposal as it is stored."""
    if isinstance(made, crops.NoCrop):
        return CropRow(key, made.ratio, (0, 0, 0, 0), verdict="none", why=made.why, fp=fp)
    return CropRow(
        key, made.ratio, made.px, made.score, made.confidence, made.verdict,
        why=made.why, facts=made.parts, fp=fp,
    )  # fmt: skip


def as_json(about: About, scene: Mapping[str, Any], rows: Sequence[CropRow]) -> bytes:
    """Return the crops of a picture as a JSON file.

    Places are given in the upright picture and in the frame that the file is stored in, in pixels
    (x, y, width, height) and as shares (left, top, right, bottom).
    """
    turned = about.orientation in (5, 6, 7, 8)
    stored_wh = about.size_wh[::-1] if turned else about.size_wh
    told = {
        "schema": SCHEMA,
        "picture": about.name,
        "content": about.content,
        "key": about.key,
        "engine": about.engine,
        "size_wh": list(about.size_wh),
        "orientation": about.orientation,
        "stored_wh": list(stored_wh),
        "faces": [
            {"xyxy": face["xyxy"], "score": face["score"]} for face in scene.get("faces", ())
        ],
        "people": [body["xyxy"] for body in scene.get("bodies", ())],
        "things": list(scene.get("things", ())),
        "crops": [
            {
                "ratio": row.ratio,
                "verdict": row.verdict,
                "by_hand": row.by_hand,
                "why": row.why,
                "score": row.score,
                "confidence": row.confidence,
                "parts": dict(row.facts),
                "upright": _place(row.px, about.size_wh),
                "stored": _place(stored_box(row.px, about.size_wh, about.orientation), stored_wh),
            }
            for row in rows
            if row.verdict != "none"
        ],
        "none": [{"ratio": row.ratio, "why": row.why} for row in rows if row.verdict == "none"],
    }
    return (json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _place(px: Px, size_wh: Sequence[int]) -> dict[str, list[float]]:
    sides = shares(px, (size_wh[0], size_wh[1]))
    return {"px": list(px), "shares": [round(side, DIGITS) for side in sides]}


def crs_values(row: CropRow, about: About) -> dict[str, str]:
    """Return Camera Raw's settings of a crop: shares of the stored frame, no angle.

    Adobe, XMP Specification Part 2, Camera Raw schema.
    """
    stored_wh = about.size_wh[::-1] if about.orientation in (5, 6, 7, 8) else about.size_wh
    box = stored_box(row.px, about.size_wh, about.orientation)
    left, top, right, bottom = (f"{side:.{DIGITS}f}" for side in shares(box, stored_wh))
    return {
        "crs:HasCrop": "True",
        "crs:CropTop": top,
        "crs:CropLeft": left,
        "crs:CropBottom": bottom,
        "crs:CropRight": right,
        "crs:CropAngle": "0",
        "crs:CropConstrainToWarp": "0",
        "crs:AlreadyApplied": "False",
    }


def regions(rows: Sequence[CropRow], about: About) -> str:
    """Return crops as IPTC image regions, an XML element: shares of the picture as it is stored.

    IPTC Photo Metadata Standard 2019.1, Image Region.
    """
    items = []
    stored_wh = about.size_wh[::-1] if about.orientation in (5, 6, 7, 8) else about.size_wh
    for row in rows:
        box = stored_box(row.px, about.size_wh, about.orientation)
        left, top, right, bottom = shares(box, stored_wh)
        x, y, w, h = (f"{v:.{DIGITS}f}" for v in (left, top, right - left, bottom - top))
        items.append(ITEM.format(x=x, y=y, w=w, h=h, ratio=row.ratio, role=ROLE))
    return REGION.format(items="".join(items))


def copy_name(name: str, ratio: str) -> str:
    """Return the name of a cropped copy: IMG_1.jpg at 4:5 is IMG_1_4x5.jpg.

    It ends in no underscore and digits alone, which darktable would take for a version.
    """
    path = Path(name)
    kind = formats.promised(path.suffix) or ""
    suffix = path.suffix if kind in COPIES else COPIES[formats.JPEG]
    return f"{path.stem}_{ratio.replace(':', 'x')}{suffix}"


def copy(path: Path, row: CropRow, size_wh: tuple[int, int], quality: int) -> bytes:
    """Return a cropped copy, upright, with colours and camera data as in the file.

    A crop for a trainer's size is made that size when it is larger, and never enlarged.

    Raises:
        ImageUnreadable: naming the file.
    """
    from PIL import Image

    loaded = pixels.load(path)
    if loaded.image.size != size_wh:
        raise ImageUnreadable(
            f"{path}: is {loaded.image.width} x {loaded.image.height} pixels now; "
            "propose its crops again"
        )
    x, y, w, h = row.px
    image = loaded.image.crop((x, y, x + w, y + h))
    wanted = shape(row.ratio).pixels_wh
    if wanted is not None and image.width > wanted[0]:
        image = image.resize(wanted, Image.Resampling.LANCZOS)
    kind = formats.promised(path.suffix) or ""
    kind = kind if kind in COPIES else formats.JPEG
    return pixels.encode(pixels.Loaded(image, loaded.exif, loaded.icc, loaded.xmp), kind, quality)
