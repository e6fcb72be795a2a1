"""`crops` on the command line: a person's picture in all eight orientations, RAW, copies, XMP."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from curation.cull import crop_frames
from curation.photos import xmp
from curation.store.catalogue import OUR_FOLDER, Catalogue
from curation.store.crops import CropTable
from tests.dng import dng
from tests.headless.runs import ROOT
from tests.headless.toolkit_cases import face_frames

pytestmark = pytest.mark.slow

WAY = Image.Transpose
STORED = {
    1: None, 2: WAY.FLIP_LEFT_RIGHT, 3: WAY.ROTATE_180, 4: WAY.FLIP_TOP_BOTTOM, 5: WAY.TRANSPOSE,
    6: WAY.ROTATE_90, 7: WAY.TRANSVERSE, 8: WAY.ROTATE_270,
}  # fmt: skip
"""How upright pixels are turned to lie as EXIF says that they are stored."""
UPRIGHT = {**STORED, 6: WAY.ROTATE_270, 8: WAY.ROTATE_90}


def crops(folder: Path, *words: str | Path, failing: bool = False) -> dict[str, Any]:
    command = [sys.executable, "-m", "curation", "crops", str(folder), *map(str, words), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert bool(told["failed_items"]) == failing
    return told


def told(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.with_name(path.name + ".crops.json").read_text())
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and OUR_FOLDER not in path.parts
    }


@pytest.fixture(scope="module")
def person(sample_clips: list[Path], weights_dir: Path) -> Image.Image:
    """A frame of a man at a telephone, as wide as a photo."""
    clip = next(path for path in sample_clips if "carphone" in path.name)
    image = Image.fromarray(face_frames(clip, 3)[1])
    return image.resize((image.width * 4, image.height * 4), Image.Resampling.LANCZOS)


def turned(image: Image.Image, orientation: int) -> Image.Image:
    way = STORED[orientation]
    return image if way is None else image.transpose(way)


def test_all_orientations_give_one_crop(person: Image.Image, tmp_path: Path) -> None:
    folder = tmp_path / "walk"
    folder.mkdir()
    for number in STORED:
        said = Image.Exif()
        said[0x0112] = number
        turned(person, number).save(folder / f"o{number}.png", exif=said)
    before = files(folder)
    words = ("--apply", tmp_path / "out", "--which", "all", "-r", "4:5,16:9,1216x832")
    summary = crops(folder, *words)
    assert summary["pictures"] == 8
    first = told(folder / "o1.png")
    assert len(first["faces"]) == 1
    places = {row["ratio"]: row["upright"] for row in first["crops"]}
    assert set(places) == {"4:5", "16:9", "1216x832"}
    left, top, right, bottom = first["faces"][0]["xyxy"]
    for ratio, place in places.items():
        x, y, w, h = place["px"]
        assert x <= left and y <= top and x + w >= right and y + h >= bottom, ratio
    for number in STORED:
        found = told(folder / f"o{number}.png")
        assert found["orientation"] == number and found["size_wh"] == list(person.size)
        assert {row["ratio"]: row["upright"] for row in found["crops"]} == places
        with Image.open(folder / f"o{number}.png") as stored:
            for row in found["crops"]:
                check_stored(stored, row, person, number)
    for ratio, place in places.items():
        x, y, w, h = place["px"]
        copies = [tmp_path / "out" / f"o{n}_{ratio.replace(':', 'x')}.png" for n in STORED]
        for copy in copies:
            with Image.open(copy) as image:
                assert image.getexif().get(0x0112) is None
                if "x" in ratio and w > 1216:
                    assert image.size == (1216, 832)
                    continue
                wanted = np.asarray(person.crop((x, y, x + w, y + h)))
                assert np.array_equal(np.asarray(image.convert("RGB")), wanted)
    assert {name: files(folder)[name] for name in before} == before, "a picture was changed"
    again = crops(folder, *words)
    assert again["done"] == 0 and again["looked"] == 0
    undone = [sys.executable, "-m", "curation", "undo", "-d", str(folder)]
    assert subprocess.run(undone, cwd=ROOT, capture_output=True, check=False).returncode == 0
    assert files(folder) == before
    assert not list((tmp_path / "out").rglob("*.png"))


def check_stored(
    stored: Image.Image, row: dict[str, Any], person: Image.Image, number: int
) -> None:
    """The place in the stored frame holds the very pixels of the upright place."""
    x, y, w, h = row["stored"]["px"]
    cut = stored.convert("RGB").crop((x, y, x + w, y + h))
    way = UPRIGHT[number]
    cut = cut if way is None else cut.transpose(way)
    ux, uy, uw, uh = row["upright"]["px"]
    assert np.array_equal(np.asarray(cut), np.asarray(person.crop((ux, uy, ux + uw, uy + uh))))
    shares = row["stored"]["shares"]
    assert shares[0] == pytest.approx(x / stored.width, abs=1e-6)
    assert shares[3] == pytest.approx((y + h) / stored.height, abs=1e-6)


def test_what_a_person_said_stays_and_goes_to_editors(person: Image.Image, tmp_path: Path) -> None:
    folder = tmp_path / "walk"
    folder.mkdir()
    said = Image.Exif()
    said[0x0112] = 6
    turned(person, 6).save(folder / "IMG_1.jpg", quality=95, exif=said)
    crops(folder, "-r", "1:1,16:9")
    key = told(folder / "IMG_1.jpg")["key"]
    catalogue = Catalogue(folder / OUR_FOLDER)
    table = CropTable(catalogue)
    rows = table.of([key])[key]
    side = rows["1:1"].px[2]
    table.say(replace(rows["1:1"], px=(0, 0, side - 20, side - 20), by_hand=True,
                      verdict="accepted"))  # fmt: skip
    table.say(replace(rows["16:9"], verdict="refused"))
    catalogue.close()
    crops(folder, "-r", "1:1,16:9", "--sure", "0.9", "--xmp-crs", "--xmp-iptc-region",
          "--apply", tmp_path / "out", "--which", "all")  # fmt: skip
    found = {row["ratio"]: row for row in told(folder / "IMG_1.jpg")["crops"]}
    assert found["1:1"]["by_hand"] and found["1:1"]["upright"]["px"] == [0, 0, side - 20, side - 20]
    assert found["16:9"]["verdict"] == "refused"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["IMG_1_1x1.jpg"]
    adobe = xmp.read(folder / "IMG_1.xmp")
    left, top, right, bottom = found["1:1"]["stored"]["shares"]
    values = {name: adobe.values[f"crs:Crop{name}"] for name in ("Left", "Top", "Right", "Bottom")}
    assert {name: float(str(value)) for name, value in values.items()} == {
        "Left": left, "Top": top, "Right": right, "Bottom": bottom
    }  # fmt: skip
    assert adobe.values["crs:HasCrop"] == "True" and adobe.values["crs:CropAngle"] == "0"
    # A crop at the upper left of the upright picture: with orientation 6, at the lower left.
    assert left == 0 and bottom == 1
    regions = (folder / "IMG_1.jpg.xmp").read_text()
    assert regions.count("imageregionrole/cropping") == 1 and "crop 1:1" in regions
    assert xmp.read(folder / "IMG_1.jpg.xmp").blocked == ""
    words = ("-r", "1:1,16:9", "--sure", "0.9", "--xmp-crs", "--xmp-iptc-region")
    assert crops(folder, *words)["done"] == 0
    # A rating that an editor writes meanwhile stays; a stranger of that stem keeps its IMG_1.xmp.
    rated = xmp.with_rating((folder / "IMG_1.xmp").read_bytes(), 4)
    (folder / "IMG_1.xmp").write_bytes(rated)
    assert crops(folder, *words)["done"] == 0
    assert (folder / "IMG_1.xmp").read_bytes() == rated
    # A crop that somebody made in an editor stays, also where ours had been.
    edited = rated.replace(f'"{left:.6f}"'.encode(), b'"0.125"', 1)
    assert edited != rated
    (folder / "IMG_1.xmp").write_bytes(edited)
    left_out = crops(folder, *words, failing=True)["failed_items"]
    assert [item["item"] for item in left_out] == ["IMG_1.xmp"]
    assert "not made here" in left_out[0]["reason"]
    assert (folder / "IMG_1.xmp").read_bytes() == edited
    (folder / "IMG_1.xmp").write_bytes(rated)
    person.save(folder / "IMG_1.png")
    failed = crops(folder, *words, failing=True)["failed_items"]
    assert [item["item"] for item in failed] == ["IMG_1.jpg", "IMG_1.png"]
    assert "IMG_1.png" in failed[0]["reason"] and "IMG_1.jpg" in failed[1]["reason"]


def test_raw_files_have_crops_and_copies_as_jpeg(person: Image.Image, tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    folder = tmp_path / "raw"
    folder.mkdir()
    even = person.crop((0, 0, person.width // 2 * 2, person.height // 2 * 2))
    dng(folder / "IMG_7.DNG", np.asarray(even))
    crops(folder, "-r", "4:5", "--apply", tmp_path / "out", "--which", "all")
    found = told(folder / "IMG_7.DNG")
    assert len(found["crops"]) == 1 and found["crops"][0]["verdict"] != "none"
    with Image.open(tmp_path / "out" / "IMG_7_4x5.jpg") as image:
        assert image.width * 5 == image.height * 4


def test_a_wrong_ratio_is_told_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    command = [sys.executable, "-m", "curation", "crops", str(tmp_path / "a"), "-r", "4:0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "4:0" in done.stderr


def test_frames_nobody_looked_at_have_no_proposals(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "store")
    assert crop_frames.shown(catalogue, 7) is None
    catalogue.close()
