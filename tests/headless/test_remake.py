"""Pictures that are not there are made again from their video: the JPEG is a cache."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from curation.engine import one_pass
from curation.engine.batch import load_frame
from curation.engine.extract import extract as spooling
from curation.errors import ImageUnreadable
from curation.params import ExtractParams
from curation.store.integrity import check
from curation.store.proxies import ProxyPacks
from curation.studio import Studio
from tests import videos

ROOT = Path(__file__).parents[2]


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    """A datastore with frames of two videos of its own."""
    folder = tmp_path / "datastore" / "videos_folder_1"
    folder.mkdir(parents=True)
    for name in ("long", "rotated90"):
        path = videos.clip(name).path
        shutil.copy2(path, folder / path.name)
    made = Studio(tmp_path / "datastore")
    list(made.extract((), ExtractParams(fps=1.0, workers=1)))
    return made


def stills(studio: Studio) -> dict[Path, bytes]:
    return {frame.path: frame.path.read_bytes() for frame in studio.videos.frames()}


def remake(studio: Studio, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "curation", "remake", "--datastore", str(studio.root), *words],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_lost_and_cut_pictures_come_back_with_the_same_bytes(studio: Studio) -> None:
    before = stills(studio)
    lost = list(before)[::2]
    for path in lost[1:]:
        path.unlink()
    lost[0].write_bytes(before[lost[0]][:-2])
    assert [problem.is_bad for problem in check(studio.catalogue)] == [True, True]
    done = remake(studio, "--all", "--json", "--workers", "2")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["made"], told["lacking"], told["failed_items"]) == (len(lost), len(lost), [])
    assert stills(studio) == before
    assert not list(check(studio.catalogue))
    assert remake(studio, "--all").stdout == "no picture is missing\n"


def test_one_frame_can_be_named_and_pixels_need_no_file(studio: Studio) -> None:
    before = stills(studio)
    frames = list(studio.videos.frames())
    pixels = {frame.id: load_frame(frame) for frame in frames}
    for path in before:
        path.unlink()
    for frame in frames:
        assert np.array_equal(load_frame(frame), pixels[frame.id])
    assert not [path for path in before if path.exists()]
    done = remake(studio, str(frames[3].id))
    assert done.returncode == 0 and done.stdout.startswith("1 picture made"), done.stderr
    assert frames[3].path.read_bytes() == before[frames[3].path]
    assert not frames[4].path.exists()


def test_a_video_that_is_gone_costs_its_own_pictures_and_says_what_to_do(studio: Studio) -> None:
    before = stills(studio)
    for path in before:
        path.unlink()
    gone = next(studio.root.glob("videos_folder_1/rotated90.mp4"))
    gone.unlink()
    done = remake(studio, "--all", "--json", "--strict")
    assert done.returncode == 3
    told = json.loads(done.stdout)
    assert 0 < told["made"] < told["lacking"] == len(before)
    (item,) = told["failed_items"]
    assert "rotated90.mp4: is gone" in item["reason"] and "put the same file back" in item["reason"]
    lacking = [frame for frame in studio.videos.frames() if not frame.path.exists()]
    assert {frame.source.info.path for frame in lacking if frame.source} == {gone}
    with pytest.raises(ImageUnreadable, match="is gone"):
        load_frame(lacking[0])


def test_with_picks_no_full_picture_lies_on_disk_until_it_is_made(
    studio: Studio, tmp_path: Path
) -> None:
    picks = Studio(tmp_path / "picks")
    folder = studio.root / "videos_folder_1"
    params = ExtractParams(fps=1.0, workers=1, full_frames="picks")
    list(picks.extract(sorted(folder.glob("*.mp4")), params))
    frames, full = list(picks.videos.frames()), list(studio.videos.frames())
    assert [frame.key for frame in frames] == [frame.key for frame in full]
    assert not list(picks.root.rglob("*.jpg")) and not list(check(picks.catalogue))
    for frame, other in zip(frames, full, strict=True):
        assert np.array_equal(load_frame(frame), load_frame(other))
        assert picks.packs.read(frame.id) == studio.packs.read(other.id)
        small = ProxyPacks(picks.catalogue).read(frame.id)
        assert small is not None and small.xyxy_px == (0, 0, frame.width, frame.height)
        assert simplejpeg.decode_jpeg_header(small.data)[:2] == (frame.height, frame.width)
    # The mode changes what lies on disk and no number: nothing is extracted again, all is made.
    beats = list(picks.extract(sorted(folder.glob("*.mp4")), ExtractParams(fps=1.0, workers=1)))
    assert beats[-1].summary is not None and beats[-1].summary["extracted"] == 0
    assert [frame.path.read_bytes() for frame in frames] == list(stills(studio).values())
    pack = ProxyPacks(picks.catalogue).path(frames[0].video_id)
    pack.write_bytes(pack.read_bytes() + b"what a killed run left")
    ProxyPacks(picks.catalogue).cut(frames[0].video_id)
    assert not list(check(picks.catalogue))
    pack.write_bytes(pack.read_bytes()[:-9])
    assert next(p.what for p in check(picks.catalogue)).startswith("frames without their small")


def test_what_a_killed_pass_left_is_let_go_of_by_the_next(studio: Studio, tmp_path: Path) -> None:
    picks = Studio(tmp_path / "picks")
    clips = sorted((studio.root / "videos_folder_1").glob("*.mp4"))
    params = ExtractParams(fps=1.0, workers=1, full_frames="picks")
    list(picks.extract(clips, params))
    frames = list(picks.videos.frames())
    ids = sorted({frame.video_id for frame in frames})
    list(spooling(picks.catalogue, ids, params, spool=True))  # done already: nothing is written
    assert not any(frame.path.exists() for frame in frames)
    list(picks.remake(every=True))
    shown = frames[0].path
    (picks.root / "kept.jpg").hardlink_to(shown)
    picks.catalogue.remember(one_pass.SPOOLED, ids)
    one_pass.let_go(picks.catalogue, ids)
    assert [frame.path for frame in frames if frame.path.exists()] == [shown]
    assert picks.catalogue.recall(one_pass.SPOOLED) == []
    grouped = one_pass.groups(picks.catalogue, ids, params)
    assert sorted(i for group in grouped for i in group) == ids and len(grouped) == 1
