"""A divided video gives what an undivided one gives, whatever comes first and whatever breaks."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from curation.engine import pieces as driver
from curation.engine.extract import VideoTask, make_extractor
from curation.engine.pool import _Worker
from curation.params import ExtractParams
from curation.studio import Studio
from curation.video import extract
from curation.video.extract import Chunk, ExtractTask, extract_video
from curation.video.pieces import ends, plan
from curation.video.probe import probe
from tests import videos
from tests.dying_workers import dies_over
from tests.headless.runs import assert_same


@pytest.fixture
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(extract, "CHUNK_S", 1)
    monkeypatch.setattr(extract, "CHUNK_STILLS", 5)
    yield


def _task(path: Path, out_dir: Path, **params: object) -> ExtractTask:
    out_dir.mkdir(parents=True)
    return ExtractTask(path, out_dir, probe(path, "key"), ExtractParams(**params))


def _content(chunk: Chunk) -> tuple[object, ...]:
    return (chunk.frames, chunk.score_pts.tolist(), chunk.scores.tolist(), chunk.carry,
            chunk.time_s, chunk.decoded, chunk.errors, chunk.done)


def _divided(
    task: ExtractTask, count: int, last_first: bool
) -> tuple[list[Chunk], driver.Division]:
    """Return what a divided run stores, its pieces in either order."""
    division = driver.Division(task, plan(task, count), ahead=count)
    stored: list[Chunk] = []
    given = list(division.ready())
    for number, own in reversed(given) if last_first else given:
        for chunk in extract_video(own):
            division.take(number, chunk)
            if ends(chunk, division.pieces[number], own.digest()):
                break
        division.end(number)
        stored += division.storable()
        if division.over:
            break
    if division.over:
        driver.sweep(task.out_dir)
        stored += extract_video(replace(task, carry=division.true))
    return stored, division


@pytest.mark.usefixtures("short_chunks")
@pytest.mark.parametrize("last_first", [False, True])
@pytest.mark.parametrize(
    ("name", "how", "joins"),
    [
        ("b_frames", {"fps": 3.0}, True),
        ("b_frames", {"fps": 3.0, "exact": True}, True),
        ("b_frames", {"mode": "fps", "fps": 3.0}, True),
        ("b_frames", {"mode": "every", "every": 7}, True),
        ("b_frames", {"fps": 3.0, "start_s": 0.3, "end_s": 2.2}, True),
        ("b_frames", {"fps": 0.4}, None),  # a window that spans the border
        ("cuts", {"fps": 3.0}, True),
        ("mkv_5s", {"fps": 3.0}, True),
        ("open_gop", {"fps": 3.0}, None),
        ("ts", {"fps": 3.0}, None),
        ("vfr", {"fps": 3.0}, None),
        ("vp9", {"fps": 3.0}, None),
        ("stills", {"fps": 3.0}, False),  # a still that repeats the one before the border
        ("stills", {"mode": "every", "every": 3}, None),
    ],
)
def test_pieces_make_up_the_whole(
    name: str, how: dict[str, object], joins: bool | None, last_first: bool, tmp_path: Path
) -> None:
    path = videos.clip(name).path
    whole = list(extract_video(_task(path, tmp_path / "whole", **how)))
    stored, division = _divided(_task(path, tmp_path / "divided", **how), 5, last_first)
    assert [_content(chunk) for chunk in stored] == [_content(chunk) for chunk in whole]
    files = {p.name: p.read_bytes() for p in (tmp_path / "whole").iterdir()}
    assert {p.name: p.read_bytes() for p in (tmp_path / "divided").iterdir()} == files
    if joins is not None:
        assert len(division.pieces) > 1 and division.over != joins


@pytest.mark.usefixtures("short_chunks")
@pytest.mark.parametrize("name", ["flipped", "truncated"])
def test_damage_is_counted_once(name: str, tmp_path: Path) -> None:
    path = videos.damaged(name)
    whole = list(extract_video(_task(path, tmp_path / "whole", fps=3.0)))
    stored, _ = _divided(_task(path, tmp_path / "divided", fps=3.0), 5, False)
    assert [_content(chunk) for chunk in stored] == [_content(chunk) for chunk in whole]


def test_stills_may_be_moved_as_soon_as_they_are_handed_over(tmp_path: Path) -> None:
    work, there = make_extractor(), tmp_path / "elsewhere"
    there.mkdir()
    task = _task(videos.clip("long").path, tmp_path / "out", fps=3.0)
    moved = 0
    for chunk in work(VideoTask(1, "long", task)):
        for frame in chunk.frames:
            if frame.file is not None:
                (task.out_dir / frame.file).rename(there / frame.file)
                moved += 1
    assert moved > 20


@pytest.mark.parametrize("kill", [False, True])
def test_workers_share_one_video(
    kill: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same rows and files; also where a worker of a piece is killed."""
    for name in ("calm", "divided"):
        folder = tmp_path / name / "d" / "videos_folder_1"
        folder.mkdir(parents=True)
        shutil.copy2(videos.clip("long").path, folder)
    _extract(tmp_path / "calm" / "d", 1)
    monkeypatch.setattr(driver, "DIVIDE_S", 9.0)
    given: list[int | None] = []
    give = _Worker.give

    def noted(self: _Worker, task: Any) -> bool:
        given.append(getattr(task, "number", None))
        return give(self, task)

    monkeypatch.setattr(_Worker, "give", noted)
    killed = dies_over(monkeypatch, lambda task: kill and getattr(task, "number", None) == 1)
    _extract(tmp_path / "divided" / "d", 2)
    assert {0, 1} <= set(given) and len(killed) == kill
    assert (given[-1] is None) == kill  # who lost a piece goes on undivided, alone
    assert_same(tmp_path / "calm" / "d", tmp_path / "divided" / "d")
    assert not list((tmp_path / "divided").rglob(".piece*"))


def _extract(datastore: Path, workers: int) -> None:
    with contextlib.closing(Studio(datastore)) as studio:
        found = list(studio.extract((), ExtractParams(workers=workers)))
    assert (found[-1].summary or {})["failed"] == 0


def test_what_is_not_divided(tmp_path: Path) -> None:
    for mode in ("shots", "keyframes"):
        assert driver.count(7200, 8, ExtractParams(mode=mode)) == 1
    assert driver.count(7200, 1, ExtractParams()) == 1
    assert driver.count(500, 8, ExtractParams()) == 1
    assert driver.count(700, 8, ExtractParams()) == 8
    assert driver.count(7200, 4, ExtractParams()) == 12
    task = _task(videos.clip("interlaced").path, tmp_path / "out")
    assert len(plan(task, 4)) == 1
