"""Each format is read by what its users read it with."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import lxml.etree
import numpy as np
import pytest
import yaml
from PIL import Image

from curation.decide.crop_ratio import SDXL
from curation.photos import xmp
from curation.studio import Studio
from tests.headless import exports

os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
ROOT = Path(__file__).parents[2]
SPLIT = {"split": "shot", "val": 0.3}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return exports.filled(tmp_path_factory.mktemp("formats") / "datastore")


def sums_hold(out: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"], cwd=out, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_folders_hold_the_files_byte_for_byte(studio: Studio, tmp_path: Path) -> None:
    told = exports.export(studio, "folders", tmp_path / "o")
    rows = exports.manifest(tmp_path / "o")
    assert told["made"] == told["pictures"] == len(rows) > 10 and not told["failed_items"]
    by_key = {frame.key: frame.path for frame in studio.videos.frames()}
    for row in rows:
        assert (tmp_path / "o" / row["file"]).read_bytes() == by_key[row["frame"]].read_bytes()
        assert row["made"]["kind"] == "copy"
        pool = row["file"].split("/")[0]
        caption = (tmp_path / "o" / row["file"]).with_suffix(".txt").read_text()
        assert {"face": "close-up", "upper_body": "upper body"}.get(pool, "full body") in caption
    sums_hold(tmp_path / "o")


def test_imagefolder_loads_with_datasets(studio: Studio, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    told = exports.export(studio, "imagefolder", tmp_path / "o", **SPLIT)
    found = datasets.load_dataset(
        "imagefolder", data_dir=str(tmp_path / "o"), cache_dir=str(tmp_path / "cache")
    )
    assert {"train", "validation"} == set(found)
    assert sum(len(part) for part in found.values()) == told["pictures"]
    row = found["train"][0]
    assert row["image"].size == (row["width"], row["height"]) and row["text"]
    assert {"frame", "pool", "stars", "tags"} <= set(row)
    card = (tmp_path / "o" / "README.md").read_text()
    about = yaml.safe_load(card.split("---\n")[1])
    assert about["configs"][0]["config_name"] == "default" and about["size_categories"]


@pytest.mark.parametrize("embed", [True, False])
def test_parquet_loads_with_datasets_and_pandas(
    studio: Studio, tmp_path: Path, embed: bool
) -> None:
    datasets, pandas = pytest.importorskip("datasets"), pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    told = exports.export(studio, "parquet", tmp_path / "o", embed=embed, shard_mb=1, **SPLIT)
    files = sorted(map(str, (tmp_path / "o" / "data").glob("train-*.parquet")))
    table = pandas.concat([pandas.read_parquet(file) for file in files])
    assert {"yaw_deg", "focus_s", "pool", "sha256"} <= set(table.columns)
    assert np.isfinite(table["focus_s"]).any()
    if not embed:
        assert (tmp_path / "o" / table["file"].iloc[0]).is_file()
        return
    found = datasets.load_dataset(
        "parquet", data_files={"train": files}, cache_dir=str(tmp_path / "cache")
    )["train"]
    assert len(found) == told["splits"]["train"] == len(table)
    assert found[0]["image"].size == (found[0]["width"], found[0]["height"])
    sums_hold(tmp_path / "o")


def test_webdataset_streams(studio: Studio, tmp_path: Path) -> None:
    wds = pytest.importorskip("webdataset")
    told = exports.export(studio, "webdataset", tmp_path / "o", shard_mb=1)
    shards = sorted(map(str, (tmp_path / "o").glob("train-*.tar")))
    assert len(shards) > 1
    read = wds.WebDataset(shards, shardshuffle=False).decode("pil").to_tuple("jpg", "json", "txt")
    samples = list(read)
    assert len(samples) == told["pictures"]
    image, about, caption = samples[0]
    assert image.size == (about["width"], about["height"]) and about["caption"] == caption
    index = [json.loads(line) for line in (tmp_path / "o/index.jsonl").read_text().splitlines()]
    assert sum(row["n"] for row in index) == len(samples)
    # Nothing is written again, and the manifest is the same.
    before = exports.tree(tmp_path / "o")
    again = exports.export(studio, "webdataset", tmp_path / "o", shard_mb=1)
    assert (again["made"], again["kept"]) == (0, told["pictures"])
    assert exports.tree(tmp_path / "o") == before


def test_coco_loads_with_pycocotools(studio: Studio, tmp_path: Path) -> None:
    coco_tools = pytest.importorskip("pycocotools.coco")
    exports.export(studio, "coco", tmp_path / "o", crop="1:1", long_px=200)
    coco = coco_tools.COCO(str(tmp_path / "o/annotations/train.json"))
    people = coco.loadAnns(coco.getAnnIds(catIds=coco.getCatIds(["person"])))
    faces = coco.loadAnns(coco.getAnnIds(catIds=coco.getCatIds(["face"])))
    assert people and faces and any(one["num_keypoints"] > 5 for one in people)
    for image in coco.loadImgs(coco.getImgIds()):
        with Image.open(tmp_path / "o/images/train" / image["file_name"]) as opened:
            assert opened.size == (image["width"], image["height"])
            assert opened.width == opened.height and max(opened.size) <= 200
        for one in coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]])):
            x, y, w, h = one["bbox"]
            assert x >= 0 and y >= 0 and w > 0 and h > 0
            assert x + w <= image["width"] + 0.01 and y + h <= image["height"] + 0.01
            points = np.array(one.get("keypoints", [0, 0, 0])).reshape(-1, 3)
            seen = points[:, 2] > 0
            assert (points[seen, :2] <= opened.size).all() and not points[~seen, :2].any()


@pytest.mark.parametrize(("kind", "task"), [("yolo", "detect"), ("yolo-pose", "pose")])
def test_yolo_loads_with_ultralytics(
    studio: Studio, tmp_path: Path, kind: str, task: str
) -> None:
    pytest.importorskip("ultralytics")
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    told = exports.export(studio, kind, tmp_path / "o", **SPLIT)
    data = check_det_dataset(str(tmp_path / "o/data.yaml"), autodownload=False)
    counted = 0
    for side in ("train", "val"):
        found = YOLODataset(img_path=data[side], data=data, task=task, augment=False, imgsz=160)
        assert len(found) == told["splits"][side]
        labels = found.get_labels()
        counted += sum(len(label["cls"]) for label in labels)
        if task == "pose":
            assert labels[0]["keypoints"].shape[1:] == (17, 3)
    assert counted > told["pictures"] / 2


def test_csv_opens_in_pandas_and_is_no_formula(studio: Studio, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    exports.export(studio, "csv", tmp_path / "o", encode="png", long_px=100)
    table = pandas.read_csv(tmp_path / "o/data.csv")
    assert (tmp_path / "o" / table["file"][0]).read_bytes()[:4] == b"\x89PNG"
    assert table["width"].max() <= 100 and "focus_s" in table
    with (tmp_path / "o/data.csv").open(newline="") as file:
        notes = {row["note"] for row in csv.DictReader(file)}
    assert "'=1+1" in notes


def read_by(script: str, home: Path, *words: Path) -> dict[str, Any]:
    """Return what another program's reader finds, in a process of its own."""
    readers = ROOT / ".venv-readers"
    stamp, wanted = readers / ".requirements.stamp", ROOT / "requirements-readers.txt"
    if not stamp.is_file() or stamp.read_bytes() != wanted.read_bytes():
        pytest.skip("what reads this export is not there: make readers")
    done = subprocess.run(
        [sys.executable, ROOT / "tests/headless" / script, readers, *words],
        env={**os.environ, "HOME": str(home), "FIFTYONE_DO_NOT_TRACK": "true"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_fiftyone_loads_with_its_own_importer(studio: Studio, tmp_path: Path) -> None:
    told = exports.export(studio, "fiftyone", tmp_path / "o", crop="1:1", long_px=200, **SPLIT)
    read = read_by("read_fiftyone.py", tmp_path, tmp_path / "o")
    rows = {row["file"]: row for row in exports.manifest(tmp_path / "o")}
    assert all(one["classes"] == ["person", "face"] for one in read.values())
    assert {side: len(one["samples"]) for side, one in read.items()} == told["splits"]
    found = {
        f"{side}/data/{sample['file']}": sample
        for side, one in read.items() for sample in one["samples"]
    }  # fmt: skip
    assert set(found) == set(rows)
    coco = boxes_of_coco(studio, tmp_path / "coco")
    for file, sample in found.items():
        assert sample["size_wh"] == [200, 200]
        boxes = [(box["label"], [v * 200 for v in box["xywh"]]) for box in sample["boxes"]]
        assert [label for label, _ in boxes] == [label for label, _ in coco[Path(file).name]]
        for (_, one), (_, other) in zip(boxes, coco[Path(file).name], strict=True):
            assert np.allclose(one, other, atol=0.02)
        for box in sample["boxes"]:
            assert box["facts"]["frame"] == rows[file]["frame"] and 0 < box["confidence"] <= 1
            assert box["facts"]["caption"] and box["facts"]["stars"] in (0, 4)
    assert sum(len(sample["boxes"]) for sample in found.values()) > told["pictures"]


def boxes_of_coco(studio: Studio, out: Path) -> dict[str, list[tuple[str, list[float]]]]:
    """Return label and box in pixels of each picture as the export for COCO has them."""
    exports.export(studio, "coco", out, crop="1:1", long_px=200)
    told = json.loads((out / "annotations/train.json").read_text())
    label = {row["id"]: row["name"] for row in told["categories"]}
    name = {row["id"]: row["file_name"] for row in told["images"]}
    found: dict[str, list[tuple[str, list[float]]]] = {one: [] for one in name.values()}
    for row in told["annotations"]:
        found[name[row["image_id"]]].append((label[row["category_id"]], row["bbox"]))
    return found


def test_xmp_sidecars_hold_stars_and_words(studio: Studio, tmp_path: Path) -> None:
    for naming in ("darktable", "adobe"):
        out = tmp_path / naming
        exports.export(studio, "xmp", out, naming=naming)
        stars: list[int | None] = []
        words: set[str] = set()
        for row in exports.manifest(out):
            picture = out / row["file"]
            side = picture.with_suffix(".xmp") if naming == "adobe" else Path(f"{picture}.xmp")
            lxml.etree.parse(str(side))
            packet = xmp.read(side)
            assert not packet.blocked and not packet.faults
            stars.append(packet.rating)
            words |= set(packet.keywords)
        assert stars.count(4) == 6 and set(stars) == {0, 4} and "red & <blue>" in words


def test_exiv2_reads_the_sidecars_as_darktable_does(studio: Studio, tmp_path: Path) -> None:
    exports.export(studio, "xmp", tmp_path / "o")
    sides = sorted((tmp_path / "o").rglob("*.xmp"))
    found = read_by("read_exiv2.py", tmp_path, *sides)
    assert set(found) == {str(side) for side in sides}
    for side in sides:
        packet = xmp.read(side)
        told = found[str(side)]
        assert int(told["Xmp.xmp.Rating"]) == packet.rating
        assert set(told.get("Xmp.dc.subject", ())) == set(packet.keywords)


def test_adobes_toolkit_reads_the_sidecars_as_lightroom_does(
    studio: Studio, tmp_path: Path
) -> None:
    if not find_library("exempi"):
        pytest.skip("Adobe's XMP Toolkit is not there: scripts/system-deps --readers")
    exports.export(studio, "xmp", tmp_path / "o", naming="adobe")
    pictures = [tmp_path / "o" / row["file"] for row in exports.manifest(tmp_path / "o")]
    sides = [picture.with_suffix(".xmp") for picture in pictures]
    found = read_by("read_exempi.py", tmp_path, *sides)
    for side in sides:
        packet, told = xmp.read(side), found[str(side)]
        assert told["rating"] == packet.rating
        labels = re.findall(r'xmp:Label="([^"]*)"', side.read_text(encoding="utf-8"))
        assert told["label"] == "".join(labels)
        assert set(told["words"]) == set(packet.keywords)
    assert {told["rating"] for told in found.values()} == {0, 4}
    assert any(told["label"] for told in found.values())


def test_kohya_is_what_sd_scripts_look_for(studio: Studio, tmp_path: Path) -> None:
    """sd-scripts is no package: this follows its layout; docs/export.md says what it loaded."""
    told = exports.export(studio, "kohya", tmp_path / "o", crop="bucket", **SPLIT)
    seen = 0
    for side in ("train", "val"):
        config = tomllib.loads((tmp_path / "o" / f"{side}.toml").read_text())
        assert config["general"]["enable_bucket"] and config["general"]["bucket_no_upscale"]
        (dataset,) = config["datasets"]
        for subset in dataset["subsets"]:
            folder = tmp_path / "o" / subset["image_dir"]
            repeats, _, token = folder.name.partition("_")
            assert re.fullmatch(r"\d+", repeats) and int(repeats) == subset["num_repeats"]
            assert token.startswith(subset["class_tokens"])
            for picture in folder.glob("*.jpg"):
                assert picture.with_suffix(".txt").read_text().strip()
                seen += 1
    assert seen == told["pictures"]


def test_naifu_trains_with_kohya_folders_uncut(tmp_path: Path) -> None:
    """Another trainer than sd-scripts, with the buckets of train.toml: nothing is scaled or cut."""
    studio = exports.shaped(tmp_path / "datastore")
    out, words = tmp_path / "o", 'Zoë 漢字 🧡 {{"\\"}} '
    exports.export(studio, "kohya", out, crop="bucket", caption=words + "{video} at {time_s}")
    rows = {row["file"]: row for row in exports.manifest(out)}
    found = read_by("read_naifu.py", tmp_path, out / "train", out / "train.toml")["pictures"]
    assert sorted(f"train/{one['file']}" for one in found) == sorted(rows)
    config = tomllib.loads((out / "train.toml").read_text())
    step, most_px = config["general"]["bucket_reso_steps"], config["datasets"][0]["resolution"] ** 2
    seen = set()
    for one in found:
        row = rows[f"train/{one['file']}"]
        # The captioners of sd-scripts end a caption by a newline too, and its reader takes it off.
        assert one["caption"] == f'Zoë 漢字 🧡 {{"\\"}} {row["video_name"]} at {row["time_s"]}\n'
        with Image.open(out / row["file"]) as opened:
            wide, tall = opened.size
            rgb = np.asarray(opened.convert("RGB"))
        assert one["was_hw"] == one["is_hw"] == [tall, wide] and one["top_left"] == [0, 0]
        assert one["rgb_sha256"] == hashlib.sha256(rgb.tobytes()).hexdigest()
        # By the rule of sd-scripts for bucket_no_upscale it is a bucket of its own as well.
        assert wide * tall <= most_px and wide % step == tall % step == 0
        seen.add((wide, tall))
    assert seen == set(SDXL)


def test_kohya_lets_pictures_smaller_than_a_bucket_grow(studio: Studio, tmp_path: Path) -> None:
    exports.export(studio, "kohya", tmp_path / "o", long_px=60)
    general = tomllib.loads((tmp_path / "o/train.toml").read_text())["general"]
    assert not general["bucket_no_upscale"] and general["min_bucket_reso"] == 64


def test_captions_that_were_edited_follow_their_folder(studio: Studio, tmp_path: Path) -> None:
    """Another number of pictures is another REPEATS: what a person wrote must not stay behind."""
    out = tmp_path / "o"
    exports.export(studio, "kohya", out, repeats=1)
    told = sorted(out.glob("train/1_person face/*.txt"))
    told[0].write_text("my own words")
    told[1].unlink()
    told[2].write_text("more of mine")
    (foreign := out / "train/3_person face" / told[2].name).parent.mkdir()
    foreign.write_text("somebody's")
    for _ in range(2):
        summary = exports.export(studio, "kohya", out, repeats=3)
        left = {Path(one["item"]).name for one in summary["failed_items"]}
        assert left == {told[0].name, told[2].name}
        words = {path.name: path.read_text() for path in out.glob("train/3_person face/*.txt")}
        assert set(words) == {path.name for path in told}
        assert words[told[0].name] == "my own words" and "close-up" in words[told[1].name]
        assert foreign.read_text() == "somebody's"
        assert [path.name for path in out.glob("train/1_*/*")] == [told[2].name]


def test_a_zip_is_one_file_and_streams(studio: Studio, tmp_path: Path) -> None:
    told = exports.export(studio, "zip", tmp_path / "set.zip")
    with zipfile.ZipFile(tmp_path / "set.zip") as held:
        assert held.testzip() is None
        names = set(held.namelist())
        assert {"manifest.jsonl", "curation.lock.json", "SHA256SUMS"} <= names
        assert len([name for name in names if name.endswith(".jpg")]) == told["pictures"]
        first = {name: held.read(name) for name in names}
    pieces = studio.export_stream()
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as held:
        assert held.testzip() is None
        # The parameters that were remembered do not count: the same pictures, the same bytes.
        assert {name: held.read(name) for name in held.namelist()} == first
    again = exports.export(studio, "zip", tmp_path / "set.zip")
    assert (again["made"], again["kept"]) == (0, told["pictures"])


def test_every_format_is_named_and_previews_without_writing(studio: Studio) -> None:
    def files() -> set[Path]:
        return {path for path in studio.root.rglob("*") if "cache" not in path.parts}

    before = files()
    for row in studio.export_formats():
        assert row["about"] and row["reader"]
        told: dict[str, Any] = studio.export_preview(row["name"])
        json.dumps(told)
        assert told["pictures"] == told["named"] > 10 and told["tree"]
    assert files() == before
