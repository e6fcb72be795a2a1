"""Measuring, picture folders, comparing and the toolkit's stills are held to limits too."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from curation.engine import limits, measure
from curation.engine.measure import Batch, measuring_s
from curation.engine.pool import Event, Pool
from curation.params import ExtractParams, MeasureParams
from curation.store.columns import load
from curation.studio import Studio
from tests import videos
from tests.hostile import bombs
from tests.unit.toolkit.trees import do

MB = 1 << 20


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Studio]:
    """Return a datastore with the frames of one clip."""
    studio = Studio(tmp_path / "d")
    list(studio.extract([videos.clip("cfr25").path], ExtractParams(workers=1)))
    yield studio
    studio.close()


def starts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many other tasks were busy whenever a pool gave one out."""
    seen: list[int] = []
    idle = Pool._idle

    def counted(self: Pool[Any]) -> Any:
        seen.append(len(self._busy()))
        return idle(self)

    monkeypatch.setattr(Pool, "_idle", counted)
    return seen


def test_a_frame_whose_steps_never_end_becomes_a_row(
    stored: Studio, weights_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "BATCH", 64)
    monkeypatch.setattr(limits, "pictures_s", lambda _: 1e-3)
    monkeypatch.setattr("curation.engine.pool.CLOCK_SHARE", 5.0)
    monkeypatch.setattr("curation.engine.pool.WATCH_S", 0.01)
    seen = starts(monkeypatch)
    names = [frame.id for frame in stored.videos.frames()]
    beats = list(measure.measure(stored.catalogue, MeasureParams(workers=1, triage=False)))
    assert (beats[-1].summary or {})["failed"] == len(names)
    # The triage; all together, one by one, and each once more with nobody beside it.
    assert len(seen) == 1 + 1 + 2 * len(names) and not any(seen)
    assert all("longer than" in said for said in load(stored.catalogue)["error"])


def test_limits_grow_with_the_pictures(stored: Studio) -> None:
    frames = tuple(stored.videos.frames())
    few, many = (measuring_s(Batch(some, {}, {})) for some in (frames[:1], frames))
    assert limits.BASE_S < few < many


def test_a_death_alone_is_the_last_one(stored: Studio) -> None:
    frame = next(iter(stored.videos.frames()))
    batch = Batch((frame,), {frame.id: {}}, {frame.id: ("exposure",)})
    over = limits.OverLimit("it needs more than 1 MB of memory")
    with Pool[Batch](measure.StepRunner, 1) as pool:
        assert measure.answers(Event("failed", batch, error=over), pool, ()) == []
        (again,) = pool._alone
        assert again.deaths == 1
        (row,) = measure.answers(Event("died", again, error=over), pool, ())
        assert (row.step, row.error) == ("exposure", str(over))


def test_a_picture_that_takes_all_memory_costs_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "walk"
    folder.mkdir()
    cv2.imwrite(str(folder / "good.png"), np.full((80, 90, 3), 90, np.uint8))
    cv2.imwrite(str(folder / "huge.png"), np.zeros((6000, 6000, 3), np.uint8))
    monkeypatch.setattr(limits, "memory_bytes", lambda: 100 * MB)
    studio = Studio(tmp_path / "d")
    beats = list(studio.add_pictures(folder, workers=1))
    summary = beats[-1].summary or {}
    studio.close()
    assert summary["pictures"] == 1
    assert [Path(item["item"]).name for item in summary["failed_items"]] == ["huge.png"]
    assert "memory" in summary["failed_items"][0]["reason"]


def test_a_bomb_costs_itself_in_the_toolkit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "w"
    (root / "input").mkdir(parents=True)
    shutil.copy2(videos.clip("cfr25").path, root / "input" / "a.mp4")
    bombs.huge(root / "input" / "b.mov", 8000, 1)
    monkeypatch.setattr(limits, "memory_bytes", lambda: 60 * MB)
    seen = starts(monkeypatch)
    said = do(root, "extract-frames", from_dirs="input", to="out")
    failed = said["failed_items"]
    assert [Path(item["item"]).name for item in failed] == ["b.mov"]
    assert failed[0]["reason"] == "it needs more than 60 MB of memory"
    assert len(seen) == 3 and seen[-1] == 0
    assert list(root.glob("**/a_f*.jpg"))
