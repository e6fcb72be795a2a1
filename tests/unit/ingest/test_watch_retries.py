"""A watched video that failed is not done: it is tried again, seldom, and said clearly."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from curation.engine import limits
from curation.errors import CurationError
from curation.ingest.watch import LONGEST_WAIT_S, Watch, WatchParams
from curation.params import ExtractParams
from curation.records import Progress
from curation.store.catalogue import Catalogue
from curation.store.origins import OriginTable
from curation.store.quarantine import QuarantineTable
from curation.store.retries import RetryTable
from curation.studio import Studio
from tests import videos
from tests.cameras import camera
from tests.hostile import bombs
from tests.unit.ingest.test_watch import Clock, Recipe, copy, folder, run

__all__ = ["folder"]
RETRY_S = 60.0


def titles(datastore: Path) -> list[str]:
    return sorted(one.title for one in OriginTable(Catalogue(datastore)).all().values())


def test_a_failed_video_is_tried_again_after_waits_that_grow(
    folder: Path, datastore: Path
) -> None:
    copy("cfr25", folder / "good.mp4")
    bad = copy("vfr", folder / "bad.mp4")
    recipe, clock = Recipe(bad=["bad.mp4"]), Clock()
    watch = run(datastore, folder, recipe, clock=clock)  # every run is a watcher begun anew
    assert titles(datastore) == ["good.mp4"]
    assert list(watch.taken) == [str(folder / "good.mp4")] and not watch.twins
    at = time.strftime("%H:%M", time.localtime(clock.now + RETRY_S))
    assert watch.failed == {
        str(bad): f"its pictures cannot be read; tried once, again at {at}, or at once when the "
        "file changes"
    }
    waits, due = [], clock.now + RETRY_S
    for _ in range(12):
        clock.now = due - 1
        watch = run(datastore, folder, recipe, clock=clock)
        assert "or at once when the file changes" in watch.failed[str(bad)]
        clock.now = due
        run(datastore, folder, recipe, clock=clock)
        due = RetryTable(Catalogue(datastore)).all()[bad].again_s
        waits.append(due - clock.now)
    assert recipe.rounds == [["bad.mp4", "good.mp4"], *[["bad.mp4"]] * 12]
    assert waits[:3] == [2 * RETRY_S, 4 * RETRY_S, 8 * RETRY_S]
    assert waits[-2:] == [LONGEST_WAIT_S, LONGEST_WAIT_S]
    clock.now = due + 1
    recipe.bad.clear()
    watch = run(datastore, folder, recipe, clock=clock)
    assert titles(datastore) == ["bad.mp4", "good.mp4"] and watch.failed == {}
    assert RetryTable(Catalogue(datastore)).all() == {}
    run(datastore, folder, recipe, clock=clock)
    assert len(recipe.rounds) == 14


def test_a_watcher_that_goes_on_tries_again_and_says_when(folder: Path, datastore: Path) -> None:
    copy("vfr", folder / "bad.mp4")
    recipe, clock = Recipe(bad=["bad.mp4"]), Clock()
    params = WatchParams(poll_s=0.1, settle_s=0.2, retry_s=RETRY_S)
    said = 0
    for beat in Watch(Catalogue(datastore), folder, params, recipe, clock=clock).rounds():
        if "0 taken in, 0 still arriving, 1 failed, next try at " in beat.note:
            said += 1
            clock.now += LONGEST_WAIT_S
        if len(recipe.rounds) == 3:
            break
    assert said == 2


def test_a_failed_video_that_changes_is_tried_at_once(folder: Path, datastore: Path) -> None:
    bad = copy("vfr", folder / "bad.mp4")
    recipe, clock = Recipe(bad=["bad.mp4"]), Clock()
    run(datastore, folder, recipe, clock=clock)
    os.utime(bad, (1, 1))
    run(datastore, folder, recipe, clock=clock)
    run(datastore, folder, recipe, clock=clock)
    assert recipe.rounds == [["bad.mp4"]] * 2
    assert RetryTable(Catalogue(datastore)).all()[bad].tries == 1
    recipe.bad.clear()
    copy("rotated90", bad)
    watch = run(datastore, folder, recipe, clock=clock)
    assert list(watch.taken) == [str(bad)] and watch.failed == {}


def test_a_clock_that_is_set_back_makes_nobody_wait_longer(folder: Path, datastore: Path) -> None:
    copy("vfr", folder / "bad.mp4")
    recipe, clock = Recipe(bad=["bad.mp4"]), Clock()
    clock.now += 10 * LONGEST_WAIT_S
    run(datastore, folder, recipe, clock=clock)
    clock.now -= 10 * LONGEST_WAIT_S
    run(datastore, folder, recipe, clock=clock)
    assert recipe.rounds == [["bad.mp4"]] * 2


def test_a_copy_of_what_failed_waits_with_it(folder: Path, datastore: Path) -> None:
    one, other = (copy("vfr", folder / name) for name in ("bad.mp4", "copy of bad.mp4"))
    recipe, clock = Recipe(bad=["bad.mp4"]), Clock()
    watch = run(datastore, folder, recipe, clock=clock)
    assert set(watch.failed) == {str(one), str(other)} and not watch.taken and not watch.twins
    run(datastore, folder, recipe, clock=clock)
    assert recipe.rounds == [["bad.mp4"]]
    clock.now += RETRY_S + 1
    recipe.bad.clear()
    watch = run(datastore, folder, recipe, clock=clock)
    assert (list(watch.taken), list(watch.twins)) == ([str(one)], [str(other)])


def test_what_failed_in_a_round_that_broke_off_waits_too(folder: Path, datastore: Path) -> None:
    copy("cfr25", folder / "good.mp4")
    copy("vfr", folder / "bad.mp4")
    recipe, clock = Recipe(CurationError("the models are missing"), bad=["bad.mp4"]), Clock()
    with pytest.raises(CurationError, match="models"):
        run(datastore, folder, recipe, clock=clock)
    run(datastore, folder, recipe, clock=clock)
    assert recipe.rounds == [["bad.mp4", "good.mp4"], ["good.mp4"]]


def test_a_file_that_could_not_be_read_is_read_again(folder: Path, datastore: Path) -> None:
    whole = videos.clip("vfr").path.read_bytes()
    path = folder / "clip.mp4"
    path.write_bytes(bytes(len(whole)))
    stat = path.stat()
    recipe, clock = Recipe(), Clock()
    assert "tried once" in run(datastore, folder, recipe, clock=clock).failed[str(path)]
    path.write_bytes(whole)  # as a disk does that answers again: neither size nor time tell
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert run(datastore, folder / ".." / folder.name, recipe, clock=clock).taken == {}
    clock.now += RETRY_S + 1
    watch = run(datastore, folder, recipe, clock=clock)
    assert list(watch.taken) == [str(path)] and watch.failed == {}


class Extraction:
    """The real verb, without what needs models."""

    def __init__(self, datastore: Path, stream: int = 0) -> None:
        self.studio, self.rounds = Studio(datastore), 0
        self.params = ExtractParams(mode="every", every=10, workers=1, stream=stream)

    def __call__(self, paths: Sequence[Path]) -> Iterator[Progress]:
        self.rounds += 1
        yield from self.studio.extract(paths, self.params)


def test_a_quarantined_video_is_left_alone_until_somebody_asks(
    folder: Path, datastore: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "memory_bytes", lambda: 60 << 20)
    bomb, clock = folder / "bomb.mov", Clock()
    bombs.huge(bomb, 8000, 1)
    recipe = Extraction(datastore)
    told = run(datastore, folder, recipe, clock=clock).failed[str(bomb)]
    assert "quarantined: it needs more than 60 MB" in told
    assert told.endswith("tries it again; left alone until then, or until the file changes")
    rounds = recipe.rounds
    for _ in range(3):
        clock.now += 2 * LONGEST_WAIT_S
        assert run(datastore, folder, recipe, clock=clock).failed == {str(bomb): told}
    assert recipe.rounds == rounds
    assert RetryTable(recipe.studio.catalogue).all()[bomb].tries == 1
    monkeypatch.undo()
    *_, last = recipe.studio.extract([bomb], recipe.params, retry_quarantined=True)
    assert last.summary is not None and not last.summary["failed_items"]
    watch = run(datastore, folder, recipe, clock=clock)
    assert list(watch.taken) == [str(bomb)] and watch.failed == {}
    assert recipe.rounds == rounds + 1


def test_a_copy_of_a_video_that_is_quarantined_while_it_is_extracted(
    folder: Path, datastore: Path
) -> None:
    path, clock, recipe = copy("cfr25", folder / "clip.mp4"), Clock(), Extraction(datastore)
    number = recipe.studio.sources.add_folder(folder)
    recipe.studio.sources.add_files(number, [path])
    quarantine = QuarantineTable(recipe.studio.catalogue)
    quarantine.put(path, "extract", "it crashed")
    for _ in range(2):
        watch = run(datastore, folder, recipe, clock=clock)
        assert "it crashed, twice, once alone" in watch.failed[str(path)]
        clock.now += 2 * LONGEST_WAIT_S
    copy("cfr25", folder / "copy.mp4")
    for _ in range(2):
        watch = run(datastore, folder, recipe, clock=clock)
        assert all("left alone until then" in why for why in watch.failed.values())
        assert len(watch.failed) == 2 and recipe.rounds == 2
        clock.now += 2 * LONGEST_WAIT_S
    quarantine.lift([path])
    watch = run(datastore, folder, recipe, clock=clock)
    assert (len(watch.taken), len(watch.twins), watch.failed) == (1, 1, {})


def test_a_failed_extraction_is_gone_on_with(folder: Path, datastore: Path) -> None:
    path, clock = copy("cfr25", folder / "clip.mp4"), Clock()
    recipe = Extraction(datastore)
    frames = datastore / "videos_folder_2" / "output_images_1"
    frames.parent.mkdir(parents=True)
    recipe.studio.sources.add_folder(folder, 2)
    frames.symlink_to(folder)
    assert "is a link" in run(datastore, folder, recipe, clock=clock).failed[str(path)]
    assert titles(datastore) == []
    frames.unlink()
    clock.now += RETRY_S + 1
    assert list(run(datastore, folder, recipe, clock=clock).taken) == [str(path)]
    assert len(list(frames.glob("*.jpg"))) > 1


def test_a_recipe_with_another_stream_looks_at_that_one(folder: Path, datastore: Path) -> None:
    shutil.copy(camera("two_streams").path, folder / "two.mkv")
    recipe = Extraction(datastore, stream=2)
    for taken in (1, 0):
        assert len(run(datastore, folder, recipe, stream=2).taken) == taken
        keys = [row["stream"] for row in recipe.studio.videos.listing()]
        assert keys == [2] and len(list(recipe.studio.videos.frames())) == 3
    assert recipe.rounds == 1
