"""`group`, `not-duplicate`, `query` and `explain A B` on files, as they are typed."""

from __future__ import annotations

import csv
import json
import os
import shutil
import uuid
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, ImageFilter

from curation.__main__ import main
from curation.cull.decisions import decide_frames
from curation.cull.groups import CullTable
from curation.cull.report import COLUMNS, SCHEMA
from curation.photos.xmp import with_rating
from curation.store.catalogue import Catalogue
from curation.store.decisions import DecisionTable
from curation.store.mark_ops import MarkOps, Op
from curation.studio import Studio
from tests.burst_photos import shoot
from tests.photos import exif
from tests.unit.pictures import crop, scenery


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that types a command and returns what --json prints."""

    def types(*words: object, code: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        assert main([*map(str, words), "--json"]) == code
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return types


def save(path: Path, seed: int, blur_px: float = 0, quality: int = 92, **kind: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(scenery(seed, (900, 600)))
    if blur_px:
        image = image.filter(ImageFilter.GaussianBlur(blur_px))
    image.save(path, quality=quality, exif=exif(**kind))
    return path


def members(told: dict[str, Any]) -> list[dict[str, str]]:
    return [{m["path"]: m["verdict"] for m in g["members"]} for g in told["groups_found"]]


def tree(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not {".curation", "_review"} & set(path.parts)
    }


def test_bursts_become_groups_around_their_sharpest_shot(tmp_path: Path, told: Any) -> None:
    bursts = shoot(tmp_path / "in", bursts=3, shots=4, alone=2)
    before = tree(tmp_path)
    found = told("group", tmp_path / "in", "-m", "burst", "--no-faces")
    assert tree(tmp_path) == before
    assert [g["kind"] for g in found["groups_found"]] == ["burst"] * 3
    for group, paths in zip(found["groups_found"], bursts, strict=True):
        assert {m["path"] for m in group["members"]} == {path.name for path in paths}
        assert group["members"][0]["path"] in (paths[1].name, paths[2].name)
    # Of the third burst two shots are equally sharp: no machine rejects either.
    assert sorted(members(found)[2].values()) == ["keep", "reject", "reject", "tie"]
    assert sorted(members(found)[0].values()) == ["keep", "reject", "reject", "reject"]
    assert found["in_no_group"] == 2


def test_reports_say_all_there_is_and_hang_on_nothing_else(tmp_path: Path, told: Any) -> None:
    shoot(tmp_path / "in", bursts=2, shots=3, alone=1)
    (tmp_path / "in" / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    told("group", tmp_path / "in", "-m", "all", "--no-faces", "--strict", code=3)
    reports = tmp_path / "in" / "_review"
    first = {path.name: path.read_bytes() for path in reports.iterdir()}
    body = json.loads(first["groups.json"])
    assert body["schema"] == SCHEMA
    assert body["mode"] == "all"
    assert list(body["failed"]) == ["broken.jpg"]
    rows = list(csv.DictReader(first["groups.csv"].decode().splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert [row["path"] for row in rows] == [
        m["path"] for g in body["groups"] for m in g["members"]
    ]  # fmt: skip
    assert all(row["reason"] for row in rows)
    told("group", tmp_path / "in", "-m", "all", "--no-faces")
    assert {path.name: path.read_bytes() for path in reports.iterdir()} == first
    elsewhere = tmp_path / "reports"
    told("group", tmp_path / "in", "--report", elsewhere)
    assert (elsewhere / "groups.json").is_file()


def test_a_dry_run_leaves_nothing(tmp_path: Path, told: Any) -> None:
    save(tmp_path / "in/a.jpg", 1)
    save(tmp_path / "in/b.jpg", 1, quality=60)
    assert told("group", tmp_path / "in", "--dry-run")["groups"] == 1
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["a.jpg", "b.jpg"]


def test_a_reference_folder_is_compared_with_and_not_touched(tmp_path: Path, told: Any) -> None:
    save(tmp_path / "album/x.jpg", 1, quality=40)
    save(tmp_path / "in/a.jpg", 1, quality=95)
    save(tmp_path / "in/b.jpg", 2)
    before = tree(tmp_path / "album")
    found = told("group", tmp_path / "in", "--reference", tmp_path / "album")
    assert members(found) == [{str(tmp_path / "album/x.jpg"): "keep", "a.jpg": "reject"}]
    assert tree(tmp_path / "album") == before
    assert sorted(path.name for path in (tmp_path / "album").iterdir()) == ["x.jpg"]


def test_turned_and_mirrored_pictures_are_one_on_request(tmp_path: Path, told: Any) -> None:
    rgb = Image.fromarray(scenery(4, (900, 600)))
    (tmp_path / "in").mkdir()
    rgb.save(tmp_path / "in/a.png")
    rgb.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "in/b.png")
    rgb.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "in/c.png")
    assert told("group", tmp_path / "in")["groups"] == 0
    found = told("group", tmp_path / "in", "--invariant", "--no-faces")
    assert [len(group) for group in members(found)] == [3]


def test_a_crop_is_found_by_its_points(tmp_path: Path, told: Any) -> None:
    rgb = scenery(6, (1200, 900))
    (tmp_path / "in").mkdir()
    Image.fromarray(rgb).save(tmp_path / "in/whole.jpg", quality=92)
    Image.fromarray(crop(rgb, 0.7, 0.2, 0.3)).save(tmp_path / "in/part.jpg", quality=92)
    save(tmp_path / "in/other.jpg", 9)
    assert told("group", tmp_path / "in", "--no-faces")["groups"] == 0
    found = told("group", tmp_path / "in", "-f", "--no-faces")
    assert members(found) == [{"whole.jpg": "keep", "part.jpg": "reject"}]
    assert found["groups_found"][0]["kind"] == "features"
    again = told("group", tmp_path / "in", "-f", "--no-faces")
    assert again["groups_found"] == found["groups_found"]
    by_look = told("group", tmp_path / "in", "-m", "embedding", "--likeness", "0.6", "--no-faces")
    assert by_look["groups_found"][0]["kind"] == "embedding"


def test_a_refused_pair_is_remembered_by_what_it_shows(tmp_path: Path, told: Any) -> None:
    a = save(tmp_path / "in/a.jpg", 1, taken="2024:05:01 10:00:00")
    b = save(tmp_path / "in/b.jpg", 1, blur_px=1.5, taken="2024:05:01 11:00:00")
    assert told("group", tmp_path / "in")["groups"] == 1
    assert told("not-duplicate", a, b)["remembered"] == 1
    assert told("not-duplicate", a, b)["remembered"] == 0
    assert told("group", tmp_path / "in")["groups"] == 0
    moved = tmp_path / "in/sub/renamed.jpg"
    moved.parent.mkdir()
    shutil.move(b, moved)
    assert told("group", tmp_path / "in")["groups"] == 0
    new = save(tmp_path / "in/new.jpg", 1, quality=97, taken="2024:05:01 12:00:00")
    (group,) = told("group", tmp_path / "in")["groups_found"]
    assert len(group["members"]) >= 2
    new.unlink()
    assert told("not-duplicate", a, moved, "--forget")["forgotten"] == 1
    assert told("group", tmp_path / "in")["groups"] == 1
    assert main(["not-duplicate", str(a)]) == 1
    assert main(["not-duplicate", str(a), str(tmp_path)]) == 1


def test_query_shows_what_is_like_a_picture(tmp_path: Path, told: Any) -> None:
    save(tmp_path / "in/a.jpg", 1)
    save(tmp_path / "in/soft.jpg", 1, blur_px=2)
    save(tmp_path / "in/other.jpg", 2)
    asked = save(tmp_path / "asked.jpg", 1, quality=50)
    found = told("query", asked, tmp_path / "in")["found"]
    assert {hit["path"] for hit in found} == {"a.jpg", "soft.jpg"}
    assert [hit["distance"] for hit in found] == sorted(hit["distance"] for hit in found)
    shutil.copy(asked, tmp_path / "in/copy.jpg")
    assert told("query", asked, tmp_path / "in")["found"][0]["same"] == "bytes"
    wide = told("query", asked, tmp_path / "in", "--hash", "dhash", "--bits", "256", "-n", "1")
    assert len(wide["found"]) == 1


def test_query_asks_what_earlier_runs_saw_without_looking(tmp_path: Path, told: Any) -> None:
    save(tmp_path / "in/a.jpg", 1)
    save(tmp_path / "in/soft.jpg", 1, blur_px=2)
    gone = save(tmp_path / "in/gone.jpg", 1, quality=70)
    save(tmp_path / "in/other.jpg", 2)
    asked = save(tmp_path / "asked.jpg", 1, quality=50)
    assert main(["query", str(asked), str(tmp_path / "in"), "--known"]) == 1  # no run yet
    looked = told("query", asked, tmp_path / "in")["found"]
    assert told("query", asked, tmp_path / "in", "--known")["found"] == looked
    shutil.copy(asked, tmp_path / "in/late.jpg")
    gone.unlink()
    known = told("query", asked, tmp_path / "in", "--known")["found"]
    assert [hit["path"] for hit in known] == [h["path"] for h in looked if h["path"] != "gone.jpg"]
    told("query", asked, tmp_path / "in")
    assert told("query", asked, tmp_path / "in", "--known")["found"][0]["same"] == "bytes"


def test_explain_says_which_settings_match_two_pictures(tmp_path: Path, told: Any) -> None:
    a = save(tmp_path / "a.jpg", 1, taken="2024:05:01 10:00:00", fraction="10")
    b = save(tmp_path / "b.jpg", 1, blur_px=1.0, taken="2024:05:01 10:00:01", fraction="35")
    found = told("explain", a, b)
    assert found["time"]["pause_s"] == 1.25
    assert "--mode burst" in found["settings"]
    assert "--hash phash" in found["settings"]
    assert found["ruling"]["keeper"] == str(a)
    turned = tmp_path / "turned.jpg"
    Image.open(a).transpose(Image.Transpose.ROTATE_270).save(turned, quality=92)
    found = told("explain", a, turned)
    assert "--invariant" in " ".join(found["settings"])
    assert found["turned"]["second"] != "as it stands"
    other = save(tmp_path / "other.jpg", 5)
    assert told("explain", a, other)["settings"] == []
    assert main(["explain", str(a), str(a)]) == 1
    assert main(["explain", str(a), str(tmp_path / "none.jpg")]) == 1


def test_groups_are_decisions_about_the_frames_of_the_review(tmp_path: Path, told: Any) -> None:
    shoot(tmp_path / "in", bursts=3, shots=4, alone=1)
    studio = Studio(tmp_path / "in/.curation")
    list(studio.add_pictures(tmp_path / "in", workers=1))
    studio.close()
    told("group", tmp_path / "in", "-m", "burst", "--no-faces")
    catalogue = Catalogue(tmp_path / "in/.curation")
    rows = {Path(row["file"]).name: row for row in DecisionTable(catalogue).each()}
    assert len(rows) == 13
    latest = CullTable(catalogue).latest()
    assert latest is not None
    by_frame = {row["frame_id"]: name for name, row in rows.items()}
    for group in latest[1]:
        for member in group.members:
            row = rows[member.path.name]
            verdict = {"keep": "picked", "reject": "rejected", "tie": "review"}[member.verdict]
            assert row["verdict"] == verdict
            assert member.reason in row["detail"]
            if member is not group.keeper:
                assert by_frame[row["keeper"]] == group.keeper.path.name
    assert rows["DSC_0013.JPG"]["reason"] == "cull_alone"
    before = list(DecisionTable(catalogue).each())
    assert decide_frames(catalogue) == 13
    assert list(DecisionTable(catalogue).each()) == before


def test_marks_of_the_review_are_respected(tmp_path: Path, told: Any) -> None:
    shoot(tmp_path / "in", bursts=1, shots=3, alone=0)
    studio = Studio(tmp_path / "in/.curation")
    list(studio.add_pictures(tmp_path / "in", workers=1))
    frames = {path.name: frame for path, frame in CullTable(studio.catalogue).frames().items()}
    mark(studio.catalogue, frames["DSC_0001.JPG"], 1)
    mark(studio.catalogue, frames["DSC_0002.JPG"], -1)
    studio.close()
    found = told("group", tmp_path / "in", "-m", "burst", "--no-faces")
    (group,) = members(found)
    assert next(iter(group)) == "DSC_0001.JPG"
    assert group["DSC_0002.JPG"] == "reject"
    by_hand = found["groups_found"][0]["members"]
    assert by_hand[0]["reason"] == "picked by hand"
    assert by_hand[-1]["reason"] == "rejected by hand"


def test_ratings_in_sidecars_count_as_stars(tmp_path: Path, told: Any) -> None:
    shoot(tmp_path / "in", bursts=1, shots=3, alone=0)
    (tmp_path / "in/DSC_0001.JPG.xmp").write_bytes(with_rating(None, 4))
    (tmp_path / "in/DSC_0002.JPG.xmp").write_bytes(with_rating(None, -1))
    (tmp_path / "in/DSC_0003.JPG.xmp").write_bytes(b"<not xml")
    (group,) = told("group", tmp_path / "in", "-m", "burst", "--no-faces")["groups_found"]
    assert [m["path"] for m in group["members"]] == ["DSC_0001.JPG", "DSC_0003.JPG", "DSC_0002.JPG"]
    assert "of more stars: 4 over -1" in group["members"][2]["reason"]
    blind = told("group", tmp_path / "in", "-m", "burst", "--no-faces", "--no-ratings")
    assert blind["groups_found"][0]["members"][0]["path"] == "DSC_0002.JPG"


def test_settings_that_do_not_go_together_are_told(tmp_path: Path) -> None:
    save(tmp_path / "in/a.jpg", 1)
    for words in (["--bits", "128"], ["-t", "40"], ["--invariant", "--hash", "dhash"],
                  ["--prefer", "beauty"]):  # fmt: skip
        assert main(["group", str(tmp_path / "in"), *words]) == 2
    assert main(["group", str(tmp_path / "in"), "--reference", str(tmp_path / "in")]) == 1
    assert main(["group", str(tmp_path / "nowhere")]) == 1


def mark(catalogue: Catalogue, frame: int, flag: int) -> None:
    op = Op(str(uuid.uuid4()), "flag", flag, np.array([frame], np.int64))
    MarkOps(catalogue).apply("test", "somebody", [op])


@pytest.mark.usefixtures("weights_dir")
def test_open_eyes_go_before_the_sharper_shot(
    shared_bench: Path, tmp_path: Path, told: Any
) -> None:
    clip = shared_bench / "videos/clips/LivePortrait_d14.mp4"
    with av.open(str(clip)) as video:
        frames = [f.to_image() for f in islice(video.decode(video=0), 25)]
    (tmp_path / "in").mkdir()
    shots = ((frames[16], 0.0), (frames[24].filter(ImageFilter.GaussianBlur(1.2)), 0.3))
    for number, (image, later_s) in enumerate(shots, 1):
        taken = exif(taken="2024:05:01 10:00:02", fraction=f"{int(later_s * 100):02}")
        image.save(tmp_path / f"in/IMG_{number}.JPG", quality=95, exif=taken)
    (group,) = told("group", tmp_path / "in", "-m", "burst")["groups_found"]
    keeper, loser = group["members"]
    assert keeper["path"] == "IMG_2.JPG" and keeper["facts"]["eyes"] > 0.9
    assert loser["facts"]["eyes"] < 0.3 and loser["facts"]["sharpness"] > 1.2 * (
        keeper["facts"]["sharpness"]
    )
    assert (loser["verdict"], loser["facts"]["rule"]) == ("reject", "eyes")
    again = told("group", tmp_path / "in", "-m", "burst")
    assert again["groups_found"] == [group]
    rows = list(csv.DictReader((tmp_path / "in/_review/groups.csv").read_text().splitlines()))
    assert [float(row["eyes"]) for row in rows] == [keeper["facts"]["eyes"], loser["facts"]["eyes"]]


def test_the_star_that_darktable_gives_by_itself_is_none(tmp_path: Path, told: Any) -> None:
    soft = save(tmp_path / "in/IMG_1.JPG", 1, blur_px=2.5, taken="2024:05:01 10:00:02")
    save(tmp_path / "in/IMG_2.JPG", 1, taken="2024:05:01 10:00:03")
    asked = with_rating(None, 1)
    own = asked.replace(
        b"<rdf:Description",
        b'<rdf:Description xmlns:darktable="http://darktable.sf.net/" darktable:xmp_version="5"'
        b' darktable:auto_presets_applied="1"', 1,
    )  # fmt: skip
    beside = soft.with_name(soft.name + ".xmp")
    for data, keeper in ((own, "IMG_2.JPG"), (asked, "IMG_1.JPG")):
        beside.write_bytes(data)
        (group,) = told("group", tmp_path / "in", "-m", "burst", "--no-faces")["groups_found"]
        assert group["members"][0]["path"] == keeper


def test_reports_tell_the_hour_of_the_camera_s_own_clock(tmp_path: Path, told: Any) -> None:
    made = exif(taken="2024:05:01 10:00:02", fraction="50")
    made.get_ifd(0x8769)[0x9011] = "+02:00"
    for name, seed in (("IMG_1.JPG", 1), ("IMG_2.JPG", 1)):
        save(tmp_path / "in" / name, seed)
        with Image.open(tmp_path / "in" / name) as image:
            image.convert("RGB").save(tmp_path / "in" / name, exif=made)
    told("group", tmp_path / "in", "--no-faces")
    rows = list(csv.DictReader((tmp_path / "in/_review/groups.csv").read_text().splitlines()))
    assert [row["taken"] for row in rows] == ["2024-05-01 10:00:02.500"] * 2


def test_a_name_that_is_no_text_spoils_no_report(tmp_path: Path, told: Any) -> None:
    whole = save(tmp_path / "in/a.jpg", 1).read_bytes()
    Path(os.fsdecode(os.fsencode(tmp_path / "in") + b"/b\xff.jpg")).write_bytes(whole)
    told("group", tmp_path / "in", "--no-faces")
    table = (tmp_path / "in/_review/groups.csv").read_text("utf-8")
    assert "b\\udcff.jpg" in table
