"""A poison video is tried once more, alone, then left alone with its reason; the rest goes on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from curation.engine import extract as engine
from curation.engine import limits
from curation.engine.meter import Meter
from curation.engine.pool import Event, Pool
from curation.errors import CurationError
from curation.params import ExtractParams
from curation.records import Progress
from curation.store.integrity import check
from curation.store.quarantine import QuarantineTable
from curation.studio import Studio
from tests import videos
from tests.headless.runs import run
from tests.hostile import bombs

MB = 1 << 20
PARAMS = ExtractParams(workers=2)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """Return a datastore with two good videos and one whose picture takes 64 MB."""
    folder = tmp_path / "d" / "videos_folder_1"
    folder.mkdir(parents=True)
    shutil.copy2(videos.clip("cfr25").path, folder / "a.mp4")
    shutil.copy2(videos.clip("cuts").path, folder / "c.mp4")
    bombs.huge(folder / "b.mov", 8000, 1)
    made = Studio(tmp_path / "d")
    yield made
    made.close()


def beats(run: Iterator[Progress]) -> tuple[dict[str, Any], list[Progress]]:
    seen = list(run)
    summary = dict(seen[-1].summary or {})
    summary["failed"] = {Path(f["item"]).name: f["reason"] for f in summary["failed_items"]}
    return summary, seen


@pytest.fixture
def lives(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Return what the pool starts: the names of tasks, and how many others were busy then."""
    started: list[tuple[str, int]] = []
    give = Pool._idle

    def idle(self: Pool[Any]) -> Any:
        worker, busy = give(self), len(self._busy())
        once = worker.give

        def told(task: Any) -> bool:
            path = getattr(task, "path", None) or task.task.path
            started.append((path.name, busy))
            return bool(once(task))

        monkeypatch.setattr(worker, "give", told)
        return worker

    monkeypatch.setattr(Pool, "_idle", idle)
    return started


def test_a_bomb_costs_itself(
    studio: Studio, lives: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "memory_bytes", lambda: 60 * MB)
    summary, _ = beats(studio.extract((), PARAMS))
    assert list(summary["failed"]) == ["b.mov"]
    assert summary["failed"]["b.mov"] == (
        "quarantined: it needs more than 60 MB of memory, twice, once alone;"
        " --retry-quarantined tries it again"
    )
    assert summary["frames"] > 8
    tries = [i for i, (name, _) in enumerate(lives) if name == "b.mov"]
    assert len(tries) == 2 and lives[tries[1]][1] == 0
    # Every other file was looked at before the second try.
    assert {name for name, _ in lives[: tries[1]]} == {"a.mp4", "b.mov", "c.mp4"}

    lives.clear()
    summary, _ = beats(studio.extract((), PARAMS))
    assert lives == [] and list(summary["failed"]) == ["b.mov"]

    monkeypatch.undo()
    summary, _ = beats(studio.extract((), PARAMS, retry_quarantined=True))
    assert summary["failed"] == {} and QuarantineTable(studio.catalogue).all() == []


def test_a_video_that_was_put_right_is_no_longer_quarantined(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "memory_bytes", lambda: 60 * MB)
    beats(studio.extract((), PARAMS))
    path = studio.root / "videos_folder_1" / "b.mov"
    shutil.copy2(videos.clip("vfr").path, path)
    summary, _ = beats(studio.extract((), PARAMS))
    assert summary["failed"] == {}


def test_stills_without_end_are_stopped(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    beats(studio.extract((), PARAMS))
    (video_id, *_) = studio.videos.names()
    driver = engine._Driver(studio.catalogue, ExtractParams(mode="every", every=1))
    chunks = list(engine.make_extractor()(driver.task(video_id)))
    size = sum(p.stat().st_size for p in studio.videos.output_dir(video_id).glob("*.jpg"))
    assert chunks and size > 100_000
    monkeypatch.setattr(limits, "stills_bytes", lambda _: 100_000)
    driver = engine._Driver(studio.catalogue, ExtractParams(mode="every", every=1, jpeg_quality=80))
    with pytest.raises(limits.OverLimit, match="its stills take more than 0 MB"):
        list(engine.make_extractor()(driver.task(video_id)))


def test_stills_that_a_worker_never_handed_over_are_removed(studio: Studio) -> None:
    beats(studio.extract((), PARAMS))
    (video_id, *_) = studio.videos.names()
    folder = studio.videos.output_dir(video_id)
    (folder / "a_cover.jpg").write_bytes(b"of the user")
    before = set(folder.iterdir())
    driver = engine._Driver(studio.catalogue, PARAMS.model_copy(update={"fps": 12.0}))
    task = replace(driver.task(video_id), deaths=1)
    next(iter(engine.make_extractor()(task)))  # of a worker that ends before this is sent
    assert set(folder.iterdir()) > before
    died = Event("died", task, error=CurationError("it crashed"))
    with Pool[Any](engine.make_extractor, 1) as pool:
        list(driver.hear(died, pool, Meter("extract", 1)))
    state = studio.videos.extraction(video_id)
    assert state is not None and (state.failure or "").startswith("quarantined: it crashed")
    assert set(folder.iterdir()) == before
    (folder / "a_cover.jpg").unlink()
    assert not [problem.what for problem in check(studio.catalogue) if problem.is_bad]


def test_stills_of_a_killed_run_do_not_outlive_one_with_other_settings(studio: Studio) -> None:
    beats(studio.extract((), PARAMS))
    (video_id, *_) = studio.videos.names()
    folder = studio.videos.output_dir(video_id)
    before = set(folder.iterdir())
    driver = engine._Driver(studio.catalogue, PARAMS.model_copy(update={"fps": 12.0}))
    next(iter(engine.make_extractor()(driver.task(video_id))))
    assert set(folder.iterdir()) > before
    engine._Driver(studio.catalogue, PARAMS.model_copy(update={"fps": 0.5})).task(video_id)
    assert set(folder.iterdir()) == before


def test_a_video_that_takes_without_end_is_closed_and_left_alone(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "extracting_s", lambda *_: 1e-4)
    monkeypatch.setattr("curation.engine.pool.CLOCK_SHARE", 10.0)
    monkeypatch.setattr("curation.engine.pool.WATCH_S", 0.005)  # the clip takes a tenth of a second
    summary, _ = beats(studio.extract((), PARAMS))
    assert set(summary["failed"]) == {"a.mp4", "b.mov", "c.mp4"}
    assert all("quarantined" in reason for reason in summary["failed"].values())
    assert summary["quarantined"] == 3
    again, _ = beats(studio.extract((), PARAMS))
    assert again["quarantined"] == 3 and again["extracted"] == 0


def test_the_command_line_and_the_summary(tmp_path: Path) -> None:
    good = tmp_path / "d" / "videos_folder_1" / "good.mp4"
    good.parent.mkdir(parents=True)
    shutil.copy2(videos.clip("cfr25").path, good)
    studio = Studio(tmp_path / "d")
    number = studio.sources.add_folder(good.parent, 1)
    studio.sources.add_files(number, [good])
    QuarantineTable(studio.catalogue).put(good, "extract", "it crashed")
    studio.close()
    words = ("--json", "--workers", "1")
    summary = json.loads(run("01_extract.py", tmp_path / "d", *words).stdout)
    assert summary["quarantined"] == 1 and summary["frames"] == 0
    assert "it crashed, twice, once alone" in summary["failed_items"][0]["reason"]
    done = run("01_extract.py", tmp_path / "d", *words, "--retry-quarantined")
    summary = json.loads(done.stdout)
    assert summary["quarantined"] == 0 and summary["frames"] > 0


def test_a_folder_of_frames_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    folder = tmp_path / "d" / "videos_folder_1"
    folder.mkdir(parents=True)
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "kept.part").write_text("mine")
    (folder / "output_images_1").symlink_to(victim)
    shutil.copy2(videos.clip("cfr25").path, folder / "a.mp4")
    shutil.copy2(videos.clip("vfr").path, folder / "b.mp4")
    studio = Studio(tmp_path / "d")
    summary, _ = beats(studio.extract((), PARAMS))
    studio.close()
    assert "is a link" in summary["failed"]["a.mp4"]
    assert summary["frames"] > 0
    assert [p.name for p in victim.iterdir()] == ["kept.part"]


def test_a_name_that_is_no_text_is_told_and_the_rest_is_done(tmp_path: Path) -> None:
    folder = tmp_path / "d" / "videos_folder_1"
    folder.mkdir(parents=True)
    odd = os.fsencode(folder) + b"/\xff\xfe.mp4"
    shutil.copy2(videos.clip("cfr25").path, odd)
    shutil.copy2(videos.clip("vfr").path, folder / "line\nbreak.mp4")
    done = run("01_extract.py", tmp_path / "d", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert [Path(item["item"]).name for item in summary["failed_items"]] == ["\\xff\\xfe.mp4"]
    assert "not UTF-8" in summary["failed_items"][0]["reason"]
    assert summary["frames"] > 0


def test_a_bomb_that_is_uploaded_costs_its_upload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from curation.errors import CurationError
    from curation.web import helper
    from curation.web.helper import Helper, Probe

    monkeypatch.setattr(helper, "looking_s", lambda _: 1e-4)
    monkeypatch.setattr("curation.engine.pool.CLOCK_SHARE", 1.0)
    monkeypatch.setattr("curation.engine.pool.WATCH_S", 0.002)
    asked = Helper(tmp_path / "d")
    try:
        with pytest.raises(CurationError, match=r"it took (longer|more) than 0 s"):
            asked.ask(Probe(videos.clip("cfr25").path))
        monkeypatch.undo()
        assert asked.ask(Probe(videos.clip("cfr25").path))[1].n_frames == 60
    finally:
        asked.close()
