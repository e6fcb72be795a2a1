"""Sidecars: old shapes, broken ones, changes, and what a transform does to each key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.errors import SidecarError
from curation.toolkit import sidecar as sc


def stored(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "a.jpg.json"
    path.write_text(text)
    return tmp_path / "a.jpg"


def test_old_shapes_read_as_todays(tmp_path: Path) -> None:
    old = {"phash": {"hash": "ff00"}, "blur": {"score": 12.5}, "source": "me", "own": [1]}
    assert sc.load(stored(tmp_path, json.dumps(old))) == {
        "metrics": {"phash": "ff00", "blur": 12.5},
        "source": "me",
        "own": [1],
    }
    assert sc.load(tmp_path / "none.jpg") == {}


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"metrics": 3}', '{"schema": 99}', "\0", "[" * 100_000]
)
def test_what_is_no_sidecar_is_left_alone(tmp_path: Path, text: str) -> None:
    picture = stored(tmp_path, text)
    for ask in (sc.load, lambda path: sc.merge(path, {"source": "x"})):
        with pytest.raises(SidecarError, match=r"a\.jpg\.json"):
            ask(picture)
    assert sc.path_of(picture).read_text() == text


def test_changes_merge_by_name_and_removal_leaves_nothing_empty() -> None:
    was = {"metrics": {"blur": 1.0}, "classes": {"cat": []}, "source": "a", "own": {"x": 1}}
    now = sc.merged(was, {"metrics": {"phash": "ff"}, "own": {"y": 2}}, ["classes.cat"])
    assert now == {"metrics": {"blur": 1.0, "phash": "ff"}, "source": "a", "own": {"y": 2}}
    assert was["classes"] == {"cat": []}
    assert sc.is_empty(sc.merged({"metrics": {"blur": 1}, "schema": 1}, {}, ["metrics.blur"]))


def test_merge_on_the_disk_is_whole_and_readable(tmp_path: Path) -> None:
    picture = stored(tmp_path, '{"source": "ü"}')
    sc.merge(picture, {"license": "cc0"})
    text = sc.path_of(picture).read_text(encoding="utf-8")
    assert text == '{\n  "source": "ü",\n  "license": "cc0",\n  "schema": 1\n}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg.json"]
    assert json.loads(sc.text({"from_file": "\udcff.jpg"})) == {
        "from_file": "\udcff.jpg",
        "schema": 1,
    }


WHOLE = {
    "source": "me",
    "pts": 4,
    "own": 1,
    "metrics": {"blur": 1.0},
    "decisions": {"select": {}},
    "classes": {
        "cat": [{"score": 0.9, "box": [10, 20, 30, 40]}, {"score": 0.1, "box": [90, 0, 99, 9]}],
        "dog": [],
    },
}


def boxes(made: sc.Sidecar) -> list[list[int]]:
    return [item["box"] for item in made["classes"]["cat"]]


def test_every_transform_has_its_column() -> None:
    assert {len(row) for row in sc.TABLE.values()} == {len(sc.TRANSFORMS)}
    for transform in sc.TRANSFORMS:
        made = sc.carry(WHOLE, transform)
        assert made["source"] == "me" and made["pts"] == 4 and made["own"] == 1
        assert ("metrics" in made) == ("decisions" in made) == (transform == "copy")


def test_a_crop_shifts_clips_and_drops_boxes() -> None:
    made = sc.carry(WHOLE, "crop", offset_px=(-15, -10), size_wh=(10, 40))
    assert boxes(made) == [[0, 10, 10, 30]]
    assert made["classes"]["dog"] == []


def test_resize_upscale_and_flip_move_boxes() -> None:
    assert boxes(sc.carry(WHOLE, "resize", scale_xy=(0.5, 2)))[0] == [5, 40, 15, 80]
    up = sc.carry(WHOLE, "upscale", scale_xy=(4, 4), factor=4)
    assert up["upscale"] == 4 and boxes(up)[0] == [40, 80, 120, 160]
    assert sc.carry(up, "upscale", scale_xy=(2, 2), factor=2)["upscale"] == 8
    flipped = sc.carry(WHOLE, "flip", size_wh=(100, 100), mirror_x=True)
    assert boxes(flipped) == [[70, 20, 90, 40], [1, 0, 10, 9]]
    again = sc.carry(flipped, "flip", size_wh=(100, 100), mirror_x=True)
    assert boxes(again) == boxes(WHOLE)
    pointed = {"faces": [{"box": [0, 0, 10, 10], "points": [[1, 2], [3, 4]]}]}
    moved = sc.carry(pointed, "frame", scale_xy=(2, 2), offset_px=(5, 0), size_wh=(50, 50))
    assert moved["faces"][0]["points"] == [[7, 4], [11, 8]]
