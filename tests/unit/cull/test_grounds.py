"""What a machine leaves to a person: edits, brackets, stacks, processings, other days, formulas."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter
from PIL.TiffImagePlugin import IFDRational

from curation.__main__ import main
from curation.cull import report
from curation.cull.edits import of_xmp
from curation.cull.grounds import UNREAD
from curation.cull.ranking import Judge, Ruling, Said
from curation.photos import capture, tiff_tags
from curation.photos.capture import Capture
from curation.photos.xmp import with_rating
from curation.store.cull import Group, Member
from tests.photos import exif
from tests.unit.cull.shelves import Shot, library
from tests.unit.cull.xmp_shapes import EDITED
from tests.unit.pictures import scenery

DARKTABLE = EDITED.encode()
MORNING = 1_714_557_600.25
CAMERA = {0x010F: "Canon", 0x0110: "R5"}


def of_two(one: Shot, other: Shot, said: Said | None = None, **how: Any) -> tuple[str, Ruling]:
    """Return the keeper's name and what becomes of the other one."""
    shelf = library([one, other])
    judge = Judge(shelf, said or Said.nothing(2), **how)
    best, lost = judge.order().tolist()
    return shelf.photos[best].path.name, judge.ruling(best, lost)


def save(path: Path, blur_px: float = 0, light: float = 1.0, **kind: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tags: dict[int, Any] = kind.pop("tags", {})
    image = Image.fromarray((scenery(kind.pop("seed", 1), (900, 600)) * light).astype(np.uint8))
    if kind.pop("grey", False):
        image = image.convert("L").convert("RGB")
    if blur_px:
        image = image.filter(ImageFilter.GaussianBlur(blur_px))
    size_wh = kind.pop("size_wh", None)
    made = exif(**kind)
    for tag, value in {**CAMERA, **tags}.items():
        (made if tag in CAMERA else made.get_ifd(0x8769))[tag] = value
    (image.resize(size_wh) if size_wh else image).save(path, quality=92, exif=made)
    return path


@pytest.fixture
def verdicts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that groups the folder and returns verdicts and reasons by path."""

    def grouped(*words: str) -> dict[str, tuple[str, str]]:
        capsys.readouterr()
        assert main(["group", str(tmp_path), "--no-faces", *words, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        return {
            m["path"]: (m["verdict"], m["reason"])
            for group in told["groups_found"] for m in group["members"]
        }  # fmt: skip

    return grouped


# -- edits --------------------------------------------------------------------------------------


def test_the_edited_one_of_two_copies_stays(tmp_path: Path, verdicts: Any) -> None:
    save(tmp_path / "backup/a.jpg")
    (tmp_path / "work").mkdir()
    shutil.copy(tmp_path / "backup/a.jpg", tmp_path / "work/a.jpg")
    unrated = DARKTABLE.replace(b'xmp:Rating="1"', b'xmp:Rating="0"')
    (tmp_path / "work/a.jpg.xmp").write_bytes(unrated)
    for mode in ("exact", "near"):
        told = verdicts("-m", mode)
        assert told["work/a.jpg"] == ("keep", "the edited one of 2 files of one picture")
        assert told["backup/a.jpg"] == ("reject", "the keeper is edited in a photo editor")
    rows = list(csv.DictReader((tmp_path / "_review/groups.csv").read_text().splitlines()))
    assert [row["edited"] for row in rows] == ["True", ""]
    # The same edit beside both, whatever they are called, is lost with neither.
    shutil.copy(tmp_path / "work/a.jpg.xmp", tmp_path / "backup/a.jpg.xmp")
    assert sorted(v for v, _ in verdicts("-m", "exact").values()) == ["keep", "reject"]
    # Two edits: a machine takes neither away.
    other = unrated.replace(b"00000000000080b9", b"00000000000080ba")
    assert other != unrated
    (tmp_path / "backup/a.jpg.xmp").write_bytes(other)
    told = verdicts("-m", "exact")
    assert ("tie", "both are edited, each in its own way") in told.values()


def test_stars_do_not_cost_another_one_its_edit(tmp_path: Path, verdicts: Any) -> None:
    save(tmp_path / "a.jpg")
    shutil.copy(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert b'xmp:Rating="1"' in DARKTABLE
    (tmp_path / "a.jpg.xmp").write_bytes(DARKTABLE)
    (tmp_path / "b.jpg.xmp").write_bytes(with_rating(None, 5))
    told = verdicts("-m", "exact")
    assert told["b.jpg"][0] == "keep"
    assert told["a.jpg"] == ("tie", "it is edited in a photo editor, the keeper is not")
    assert verdicts("-m", "exact", "--no-ratings")["a.jpg"][0] == "keep"


def test_what_holds_an_edit(tmp_path: Path, verdicts: Any) -> None:
    assert of_xmp(DARKTABLE)
    rated = DARKTABLE.replace(b'xmp:Rating="1"', b'xmp:Rating="4"')
    assert of_xmp(rated) == of_xmp(DARKTABLE), "a rating is no edit"
    crs, basic = b'   crs:Exposure2012="+0.35"\n', b"darktable:history_basic_hash="
    assert crs in DARKTABLE
    by_itself = DARKTABLE.replace(crs, b"").replace(
        basic, b'darktable:history_current_hash="c5bbc3c4ff1e1d1a1d7a5a5a5a5a5a5a"\n' + basic
    )
    assert of_xmp(by_itself) == "", "what darktable applied by itself"
    assert of_xmp(DARKTABLE[:-40]).startswith(UNREAD)
    assert of_xmp(b"<not xml") == ""
    save(tmp_path / "a/x.jpg")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    (tmp_path / "b/x.jpg.pp3").write_text("[Version]\nVersion=346\n[Exposure]\nCompensation=0.5\n")
    assert verdicts("-m", "exact")["b/x.jpg"][0] == "keep"
    (tmp_path / "a/x.jpg.xmp").write_bytes(DARKTABLE[:-40])
    told = verdicts("-m", "exact")
    assert told["a/x.jpg"][0] == "tie"
    assert "cannot be read" in told["a/x.jpg"][1]


def test_what_has_no_end_is_no_edit_to_wait_for(tmp_path: Path, verdicts: Any) -> None:
    for folder in "abc":
        save(tmp_path / folder / "x.jpg")
    (tmp_path / "a/x.jpg.pp3").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "b/x.jpg.vrd")
    with (tmp_path / "c/x.jpg.xmp").open("wb") as file:
        file.truncate(1 << 40)
    told = verdicts("-m", "exact")
    assert "cannot be read" in told["c/x.jpg"][1] and len(told) == 3


# -- brackets -----------------------------------------------------------------------------------


def test_a_bracket_stays_whole(tmp_path: Path, verdicts: Any) -> None:
    for k, (bias, light, blur_px) in enumerate([(0, 0.8, 0), (-2, 0.5, 1.5), (2, 1.0, 2.2)]):
        save(tmp_path / f"IMG_{k + 1:04}.JPG", blur_px, light, taken="2024:05:01 10:00:00",
             fraction=f"{k}0", tags={0x9204: IFDRational(bias, 1), 0xA402: 2})  # fmt: skip
    for mode in ("burst", "near"):
        told = verdicts("-m", mode)
        assert len(told) == 3
        assert sorted(v for v, _ in told.values()) == ["keep", "tie", "tie"]
        assert sum("a bracket: exposures differ on purpose" in why for _, why in told.values()) == 2
    body = json.loads((tmp_path / "_review/groups.json").read_text())
    facts = [m["facts"]["bias_ev"] for g in body["groups"] for m in g["members"]]
    assert sorted(facts) == [-2, 0, 2]


def test_what_is_a_bracket() -> None:
    one = Shot("IMG_1.jpg", sharp=40, taken_s=MORNING, bias_ev=0.0, exposure_s=1 / 100)
    two = replace(one, name="IMG_2.jpg", sharp=20, taken_s=MORNING + 1)
    assert of_two(one, two)[1].verdict == "reject"
    assert of_two(one, replace(two, bias_ev=-1.0))[1].verdict == "tie"
    assert of_two(one, replace(two, exposure_s=1 / 25))[1].verdict == "reject", "a cloud came"
    assert of_two(one, replace(two, exposure_s=1 / 25, bracket=True))[1].verdict == "tie"
    assert of_two(one, replace(two, bias_ev=-1.0, camera="other"))[1].verdict == "reject"
    assert of_two(one, replace(two, bias_ev=-1.0, taken_s=MORNING + 60))[1].verdict == "reject"
    night = replace(two, bias_ev=2.0, taken_s=MORNING + 35, exposure_s=30.0)
    assert of_two(one, night)[1].verdict == "tie"
    said = Said.nothing(2)
    said.flag[1] = -1
    assert of_two(one, replace(two, bias_ev=-1.0), said)[1].reason == "rejected by hand"


def test_exposures_are_read_and_kept() -> None:
    told = capture.of_tags({0x9204: IFDRational(-4, 3), 0x829A: IFDRational(1, 125), 0xA402: 2})
    assert told.bias_ev == pytest.approx(-4 / 3)
    assert told.exposure_s == pytest.approx(1 / 125)
    assert told.bracket
    assert capture.stored(told.as_dict()) == told
    level = capture.of_tags({0x9204: IFDRational(0, 1), 0xA402: 0})
    assert level.bias_ev == 0.0
    assert capture.stored(json.loads(json.dumps(level.as_dict()))) == level
    odd = capture.of_tags({0x9204: IFDRational(1, 0), 0x829A: "x", 0xA402: b"\2"})
    assert (odd.bias_ev, odd.exposure_s, odd.bracket) == (None, None, False)
    assert "bias_ev" not in Capture().as_dict()


def test_exposures_of_raw_files_are_read() -> None:
    made = Image.Exif()
    part = made.get_ifd(0x8769)
    part[0x9204], part[0x829A], part[0xA402] = IFDRational(-2, 3), IFDRational(1, 50), 2
    told = capture.of_tags(tiff_tags.tags(made.tobytes().removeprefix(b"Exif\0\0")))
    assert told.bias_ev == pytest.approx(-2 / 3)
    assert told.exposure_s == pytest.approx(0.02)
    assert told.bracket


def test_prints_of_an_earlier_program_are_made_anew(tmp_path: Path, verdicts: Any) -> None:
    for k, bias in enumerate((0, -2)):
        save(tmp_path / f"IMG_{k + 1}.JPG", k, taken="2024:05:01 10:00:00", fraction=f"{k}0",
             tags={0x9204: IFDRational(bias, 1)})  # fmt: skip
    told = verdicts()
    assert "a bracket" in told["IMG_2.JPG"][1]
    with sqlite3.connect(tmp_path / ".curation/catalog.sqlite") as db:
        db.execute("UPDATE photo_print SET fp = '1', capture = '{}', print = zeroblob(493)")
    db.close()
    assert verdicts() == told


# -- sharpness ----------------------------------------------------------------------------------


def test_layers_of_a_focus_stack_stay(tmp_path: Path, verdicts: Any) -> None:
    sharp = Image.fromarray(scenery(3, (900, 600)))
    soft = sharp.filter(ImageFilter.GaussianBlur(4))
    for k, edge in enumerate((360, 900), start=1):
        layer = sharp.copy()
        layer.paste(soft, (0, 0)) if k == 1 else layer.paste(
            soft.filter(ImageFilter.GaussianBlur(1)).crop((420, 0, edge, 600)), (420, 0)
        )
        if k == 1:
            layer.paste(sharp.crop((edge, 0, 900, 600)), (edge, 0))
        layer.save(tmp_path / f"IMG_{k}.jpg", quality=92,
                   exif=exif(taken="2024:05:01 10:00:00", fraction=f"{k}0"))  # fmt: skip
    told = verdicts("-m", "burst")
    assert sorted(v for v, _ in told.values()) == ["keep", "tie"]
    # The same with one that is softer everywhere: it goes.
    soft.save(tmp_path / "IMG_3.jpg", exif=exif(taken="2024:05:01 10:00:00", fraction="50"))
    assert verdicts("-m", "burst")["IMG_3.jpg"][0] == "reject"


def test_the_softer_one_must_be_softer_everywhere() -> None:
    left = [30.0] * 4 + [6.0] * 4
    one = Shot("IMG_1.jpg", sharp=30, taken_s=MORNING, tiles=left * 8)
    two = Shot("IMG_2.jpg", sharp=24, taken_s=MORNING + 1, tiles=([6.0] * 4 + [24.0] * 4) * 8)
    ruling = of_two(one, two)[1]
    assert ruling.verdict == "tie"
    assert "sharper in another place: it leads in" in ruling.reason
    assert of_two(one, replace(two, tiles=[t * 0.7 for t in left * 8]))[1].verdict == "reject"
    grain = [max(t * 0.7, 7.0) for t in left * 8]
    assert of_two(one, replace(two, tiles=grain))[1].verdict == "reject", "noise in what is soft"
    said = Said.nothing(2)
    said.subject[:], said.face[:] = (8.0, 3.0), (0.4, 0.4, 0.5, 0.5)
    assert of_two(one, two, said)[1].verdict == "reject", "of a face that one is what counts"


@pytest.mark.parametrize("lead", [{"raw": True}, {"size_wh": (9000, 6000)}])
def test_pixels_do_not_outweigh_another_shot_that_is_sharper(lead: dict[str, Any]) -> None:
    one = Shot("IMG_1.jpg", sharp=10, taken_s=MORNING)
    two = Shot("IMG_2.jpg", sharp=30, taken_s=MORNING + 1)
    keeper, ruling = of_two(replace(one, **lead), two)
    assert (keeper, ruling.verdict) == ("IMG_1.jpg", "tie")
    assert "but it is sharper: 30.0 over 10.0" in ruling.reason
    assert of_two(replace(one, sharp=29, **lead), two)[1].verdict == "reject"
    said = Said.nothing(2)
    said.eyes[:] = 0.1, 0.9
    ruling = of_two(replace(one, sharp=30, **lead), two, said)[1]
    assert "but it is with open eyes" in ruling.reason
    same = replace(two, name="b/IMG_1.jpg", taken_s=MORNING, sharp=10)
    assert of_two(replace(one, **lead), same)[1].verdict == "reject", "one shot"


# -- one shot, processed ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["IMG_0001-edit.jpg", "IMG_E0001.jpg", "IMG_0001-bw.jpg"])
def test_another_processing_of_a_shot_is_left_to_a_person(name: str) -> None:
    one = Shot("IMG_0001.jpg", taken_s=MORNING, size_bytes=8_000_000)
    edit = Shot(name, taken_s=MORNING, size_bytes=3_000_000)
    for other in (edit, replace(edit, size_wh=(3000, 2000), luma=135.0),
                  replace(edit, size_wh=(3000, 2000), chroma=0.0),
                  replace(edit, size_wh=(3000, 3000))):  # fmt: skip
        ruling = of_two(one, other)[1]
        assert ruling.verdict == "tie"
        assert "another processing of one shot" in ruling.reason
    raw = of_two(replace(one, raw=True), edit)[1]
    assert (raw.verdict, "RAW" in raw.reason) == ("tie", True)
    small = of_two(one, replace(edit, size_wh=(1500, 1000), phash=0b11))[1]
    assert (small.verdict, small.rule) == ("reject", "resolution"), "only reduced"
    assert of_two(one, replace(edit, size_wh=(1500, 1000), phash=0b111))[1].verdict == "tie"
    again = replace(one, name="b/IMG_0001 (2).jpg", size_bytes=2_000_000)
    assert of_two(one, again)[1].rule == "size", "only compressed again"


def test_an_edit_without_a_time_is_known_by_its_name() -> None:
    one = Shot("IMG_0001.jpg", taken_s=MORNING, size_bytes=8_000_000)
    assert of_two(one, Shot("IMG_0001-edit.jpg", size_bytes=3_000_000))[1].verdict == "tie"
    assert of_two(one, Shot("other.jpg", size_bytes=3_000_000))[1].verdict == "reject"


def test_a_grey_export_is_no_reduced_copy(tmp_path: Path, verdicts: Any) -> None:
    when: dict[str, Any] = {"taken": "2024:05:01 10:00:00", "fraction": "25"}
    save(tmp_path / "IMG_0001.JPG", **when)
    save(tmp_path / "IMG_0001-small.jpg", size_wh=(600, 400), **when)
    save(tmp_path / "IMG_0001-grey.jpg", size_wh=(600, 400), grey=True, **when)
    told = verdicts()
    assert told["IMG_0001.JPG"][0] == "keep"
    assert told["IMG_0001-small.jpg"][0] == "reject"
    assert told["IMG_0001-grey.jpg"][0] == "tie"


# -- days and reports ---------------------------------------------------------------------------


def test_one_view_on_four_days_is_four_pictures(tmp_path: Path, verdicts: Any) -> None:
    for day in range(4):
        save(tmp_path / f"IMG_{day + 1:04}.JPG", day * 0.9, taken=f"2024:05:0{day + 1} 10:00:00")
    told = verdicts()
    assert sorted(v for v, _ in told.values()) == ["keep", "tie", "tie", "tie"]
    assert told["IMG_0004.JPG"] == ("tie", "taken 3 days apart")
    assert "no machine says that the next is worse" in told["IMG_0001.JPG"][1]
    across = verdicts("--across-time")
    assert across["IMG_0004.JPG"][0] == "reject"


def test_an_hour_and_who_says_so() -> None:
    one = Shot("a.jpg", sharp=30, taken_s=MORNING)
    two = Shot("b.jpg", sharp=10, taken_s=MORNING + 3000)
    assert of_two(one, two)[1].verdict == "reject"
    later = replace(two, taken_s=MORNING + 7200)
    assert of_two(one, later)[1].reason == "taken 2 hours apart"
    assert of_two(one, later, across_time=True)[1].verdict == "reject"
    assert of_two(one, replace(two, taken_s=None))[1].verdict == "reject", "no EXIF, no time"


def test_no_cell_is_a_formula() -> None:
    names = ["=cmd()", "+1", "-1", "@x", "\tx", "a"]
    members = [
        Member(Path("/r", name), "c", "k", None, "keep", "=HYPERLINK(1)", {}) for name in names
    ]
    table = report.as_csv([Group("near", members, 0, False, False)], Path("/r"))
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["path"] for row in rows] == [f"'{name}" for name in names[:5]] + ["a"]
    assert {row["keeper"] for row in rows} == {"'=cmd()"}
    assert {row["reason"] for row in rows} == {"'=HYPERLINK(1)"}
