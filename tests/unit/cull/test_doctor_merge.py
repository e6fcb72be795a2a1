"""doctor names what editors misread; merge gives keepers what only their losers have."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from curation.cull.doctor import DoctorParams
from curation.cull.doctor import run as doctor
from curation.cull.groups import CullTable, Group, Member
from curation.cull.merge import MergeParams
from curation.cull.merge import run as merge
from curation.photos import xmp
from curation.photos.embedded import embedded
from tests.unit.cull.test_stars import burst, rate, undo
from tests.unit.cull.xmp_shapes import DECLARED, EDITED, SHAPES, XMP, described, packet
from tests.unit.pictures import scenery
from tests.unit.toolkit.trees import context, outcome, tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    burst(tmp_path)
    return tmp_path


# -- doctor --------------------------------------------------------------------------------------


def examine(root: Path) -> Mapping[str, Any]:
    ctx = context(root, "doctor")
    try:
        return outcome(doctor(ctx, DoctorParams(folders=(str(root),))))
    finally:
        ctx.catalogue.close()


def test_the_doctor_says_nothing_of_sound_sidecars(root: Path) -> None:
    rate(root)
    (root / "orphan.jpg.xmp").write_text(EDITED)
    for i, shape in enumerate(shape for shape in SHAPES.values() if shape.read):
        (root / f"sound{i}.cr2.xmp").write_bytes(shape.data)
    assert examine(root)["findings"] == []


def test_the_doctor_names_every_shape_that_editors_misread(root: Path) -> None:
    expected = set()
    for i, shape in enumerate(shape for shape in SHAPES.values() if not shape.read):
        (root / f"odd{i}.cr2.xmp").write_bytes(shape.data)
        expected.add((f"odd{i}.cr2.xmp", shape.fault))
    (root / "six.cr2.xmp").write_text(DECLARED + packet(described('xmp:Rating="6"')))
    (root / "old.cr2.xmp").write_text(EDITED.replace('darktable:auto_presets_applied="1"', ""))
    expected |= {("six.cr2.xmp", "rating-range"), ("old.cr2.xmp", "legacy")}
    before = tree(root)
    found = examine(root)
    assert {(one["path"], one["code"]) for one in found["findings"]} == expected
    assert tree(root) == before


def test_the_doctor_names_names(root: Path) -> None:
    Image.fromarray(scenery(9, (64, 48))).save(root / "IMG10.png")
    (root / "IMG10.xmp").write_text(EDITED)
    (root / "IMG11_01.jpg").write_bytes((root / "IMG11.jpg").read_bytes())
    (root / "IMG11_01.jpg.xmp").write_text(EDITED)
    (root / "IMG12.jpg.XMP").write_text(EDITED)
    (root / "IMG13.xmp").write_text(EDITED)
    (root / "IMG13.jpg.xmp").write_text(EDITED.replace('Rating="1"', 'Rating="2"'))
    found = {(one["path"], one["code"]) for one in examine(root)["findings"]}
    assert found == {
        ("IMG10.xmp", "shared"),
        ("IMG11_01.jpg.xmp", "version"),
        ("IMG12.jpg.XMP", "letters"),
        ("IMG13.jpg.xmp", "differ"),
    }


# -- merge ---------------------------------------------------------------------------------------


def member(path: Path, verdict: str = "reject") -> Member:
    content = hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    stat_ = path.stat()
    facts = {"size_bytes": stat_.st_size, "mtime_ns": stat_.st_mtime_ns}
    return Member(path, content, "", 1.0, verdict, "", facts)  # type: ignore[arg-type]


def merged(root: Path, **given: Any) -> Mapping[str, Any]:
    ctx = context(root, "merge")
    try:
        return outcome(merge(ctx, MergeParams(folders=(str(root),), **given)))
    finally:
        ctx.catalogue.close()


def grouped(root: Path) -> None:
    ctx = context(root)
    paths = sorted(root.glob("*.jpg"))
    members = [member(paths[0], "keep"), *(member(path) for path in paths[1:])]
    CullTable(ctx.catalogue).save("near", {}, [str(root)], [Group("near", members)])
    ctx.catalogue.close()


GPS = 'xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="43,28.8N" ' \
      'exif:GPSLongitude="11,0.5E"'  # fmt: skip


def test_the_keeper_gets_what_only_its_losers_have(root: Path) -> None:
    (root / "IMG10.jpg.xmp").write_text(EDITED.replace('   xmp:Rating="1"\n', ""))
    seed = DECLARED + packet(described(f'xmp:Rating="4" {GPS}'))
    (root / "IMG12.jpg.xmp").write_text(seed)
    (root / "IMG13.jpg.xmp").write_text(EDITED.replace(">sea<", ">dog &amp; cat<"))
    grouped(root)
    before = tree(root)
    told = merged(root)
    assert told["done"] == 1
    now = xmp.read(root / "IMG10.jpg.xmp")
    assert now.keywords == ("sea", "darktable|exported", "dog & cat")
    assert now.rating == 4
    assert now.values["exif:GPSLatitude"] == "43,28.8N"
    assert now.edited
    assert not now.faults
    after = tree(root)
    assert merged(root)["done"] == 0
    assert tree(root) == after
    undo(root)
    assert tree(root) == before


def test_the_keeper_keeps_what_it_has(root: Path) -> None:
    (root / "IMG10.jpg.xmp").write_text(DECLARED + packet(described(f'xmp:Rating="2" {GPS}')))
    other = GPS.replace("43,", "44,")
    (root / "IMG11.jpg.xmp").write_text(DECLARED + packet(described(f'xmp:Rating="5" {other}')))
    grouped(root)
    before = tree(root)
    assert merged(root)["done"] == 0
    assert tree(root) == before


def test_the_place_in_a_losers_exif_is_written_as_xmp_writes_it(root: Path) -> None:
    image = Image.open(root / "IMG11.jpg")
    tags = image.getexif()
    part = tags.get_ifd(0x8825)
    part.update({1: "S", 2: (43.0, 28.0, 48.0), 3: "W", 4: (0.0, 30.0, 0.0)})
    image.save(root / "IMG11.jpg", exif=tags)
    assert embedded(root / "IMG11.jpg").place == ("43,28.8S", "0,30W")
    grouped(root)
    merged(root)
    now = xmp.read(root / "IMG10.jpg.xmp")
    assert now.values["exif:GPSLatitude"] == "43,28.8S"
    assert f'xmlns:xmp="{XMP}"' not in (root / "IMG10.jpg.xmp").read_text()


def test_a_picture_that_changed_since_is_told(root: Path) -> None:
    (root / "IMG12.jpg.xmp").write_text(EDITED)
    grouped(root)
    os.utime(root / "IMG12.jpg", ns=(1, 1))
    told = merged(root)
    assert "changed since it was grouped" in told["failed_items"][0]["reason"]
    assert not (root / "IMG10.jpg.xmp").exists()


def test_a_loser_that_is_not_understood_is_told_and_the_others_count(root: Path) -> None:
    (root / "IMG11.jpg.xmp").write_bytes(SHAPES["UTF-16"].data)
    (root / "IMG12.jpg.xmp").write_text(EDITED)
    (root / "IMG12.jpg.xmp").chmod(0o444)
    grouped(root)
    told = merged(root)
    assert [item["item"] for item in told["failed_items"]] == ["IMG11.jpg"]
    assert xmp.read(root / "IMG10.jpg.xmp").keywords == ("sea",)
