"""extract-frames: stills know their exact time; nothing is taken for done that is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curation.errors import InputError, ParamError
from curation.toolkit.extract_frames import ExtractFramesParams
from tests import videos
from tests.unit.toolkit.test_plan import undo
from tests.unit.toolkit.trees import do, sidecar_of, tree


def number_of(path: Path) -> int:
    with Image.open(path) as image:
        return videos.read_number(np.asarray(image.convert("RGB")))


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Two videos of one name, with what is known of one of them."""
    (tmp_path / "in").mkdir()
    videos.make(tmp_path / "in" / "clip.mp4", 60, options={"g": "5", "bf": "2"})
    videos.make(tmp_path / "in" / "clip.mkv", 30, options={"g": "10"})
    (tmp_path / "in" / "clip.mp4.json").write_text(
        '{"source": "camera", "license": "mine", "metrics": {"blur": 1}, "classes": {"dog": []}}'
    )
    return tmp_path


def test_keyframes_some_time_apart_with_time_and_provenance(work: Path) -> None:
    before = tree(work)
    said = do(work, "extract-frames", from_dirs="in", to="out", keyframes=0.5, dry_run=True)
    assert len(said["would"]) == 2
    assert tree(work) == before
    said = do(work, "extract-frames", from_dirs="in", to="out", keyframes=0.5)
    stills = sorted((work / "out").glob("*.jpg"))
    assert said["frames"] == len(stills) and not said["failed_items"]
    by_video: dict[str, list[tuple[float, int]]] = {}
    for still in stills:
        beside = sidecar_of(still)
        assert number_of(still) == beside["frame"]
        assert beside["from_file"] == beside["video"]
        assert beside["pts"] * 1.0 == pytest.approx(
            beside["time_s"] / (1 / int(beside["time_base"].split("/")[1])), rel=1e-6, abs=1e-3
        )
        assert not {"metrics", "classes"} & set(beside)
        by_video.setdefault(beside["video"], []).append((beside["time_s"], beside["frame"]))
    assert set(by_video) == {"in/clip.mkv", "in/clip.mp4"}
    for found in by_video.values():
        times = np.array(sorted(found))[:, 0]
        assert len(times) > 1 and np.diff(times).min() >= 0.5
    mp4 = next(s for s in stills if sidecar_of(s)["video"] == "in/clip.mp4")
    assert sidecar_of(mp4)["source"] == "camera" and sidecar_of(mp4)["license"] == "mine"
    assert not (work / ".curation" / "frames").exists()

    after = tree(work)
    again = do(work, "extract-frames", from_dirs="in", to="out", keyframes=0.5)
    assert again["done"] == 0 and again["frames"] == len(stills)
    assert tree(work) == after
    undo(work)
    assert tree(work) == before


def test_what_is_lacking_is_made_again_and_only_that(work: Path) -> None:
    do(work, "extract-frames", from_dirs="in", to="out", mode="every", every=10)
    before = tree(work)
    lost = sorted((work / "out").glob("*.jpg"))[0]
    lost.unlink()
    lost.with_name(lost.name + ".json").unlink()
    said = do(work, "extract-frames", from_dirs="in", to="out", mode="every", every=10)
    assert said["done"] == 1
    assert {name: data for name, (data, _) in tree(work).items()} == {
        name: data for name, (data, _) in before.items()
    }


def test_png_is_the_same_moment_without_loss(work: Path) -> None:
    do(work, "extract-frames", from_dirs="in", to="png", mode="every", every=20, format="png")
    do(work, "extract-frames", from_dirs="in", to="jpg", mode="every", every=20)
    pngs, jpgs = sorted((work / "png").glob("*.png")), sorted((work / "jpg").glob("*.jpg"))
    assert [p.stem for p in pngs] == [p.stem for p in jpgs] and len(pngs) == 5
    for png, jpg in zip(pngs, jpgs, strict=True):
        assert number_of(png) == number_of(jpg) == sidecar_of(png)["frame"]
        with Image.open(png) as a, Image.open(jpg) as b:
            gap = np.abs(np.asarray(a, np.int16) - np.asarray(b.convert("RGB"), np.int16))
        assert 0 < gap.mean() < 4


def test_one_bad_video_does_not_stop_the_rest(work: Path) -> None:
    (work / "in" / "text.mp4").write_text("no video")
    (work / "in" / "[odd] né.mp4").write_bytes((work / "in" / "clip.mp4").read_bytes())
    said = do(work, "extract-frames", from_dirs="in", to="out", mode="every", every=30)
    assert [item["item"] for item in said["failed_items"]] == ["in/text.mp4"]
    assert said["videos"] == 4
    of = {p.name: sidecar_of(p)["video"] for p in (work / "out").glob("*.jpg")}
    assert of["odd_né_f000030_1.200s.jpg"] == "in/[odd] né.mp4"
    # A copy has the same content; what is remembered of it must not lend it the other's name.
    again = {"from_dirs": "in", "to": "out", "mode": "every", "every": 30}
    said = do(work, "extract-frames", dry_run=True, **again)
    assert [line.split()[1] for line in said["would"]] == ["out/text_f*.jpg:"]


def test_no_video_and_an_empty_range_are_told(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match="no video in in"):
        do(tmp_path, "extract-frames", from_dirs="in", to="out")
    with pytest.raises(ParamError, match="later"):
        do(tmp_path, "extract-frames", from_dirs="in", to="out", start_s=2, end_s=1)
    assert ExtractFramesParams(from_dirs="a", to="b").keyframes == 10.0
