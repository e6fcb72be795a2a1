"""A watched folder: what is at rest is taken, each content once, whatever happens in between."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from curation.errors import CurationError, NoSpace
from curation.ingest.watch import Arrivals, Run, Watch, WatchParams
from curation.records import Progress
from curation.store.catalogue import Catalogue
from curation.store.origins import OriginTable
from tests import videos

QUICK = WatchParams(poll_s=0.1, settle_s=0.2)


class Clock:
    """A clock that tests turn."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "drop"
    made.mkdir()
    return made


def copy(name: str, target: Path) -> Path:
    return Path(shutil.copy(videos.clip(name).path, target))


class Recipe:
    """Notes what it is given; fails as often as it is told to.

    Attributes:
        bad: names of videos that fail.
    """

    def __init__(self, *failures: Exception, bad: Sequence[str] = ()) -> None:
        self.rounds: list[list[str]] = []
        self.failures = list(failures)
        self.bad = set(bad)

    def __call__(self, paths: Sequence[Path]) -> Iterator[Progress]:
        self.rounds.append([path.name for path in paths])
        yield Progress("extract")
        for path in paths:
            if path.name in self.bad:
                yield Progress("extract", failed=(str(path), "its pictures cannot be read"))
        if self.failures:
            raise self.failures.pop(0)
        yield Progress("extract", summary={})


def watched(datastore: Path, folder: Path, recipe: Run, **more: Any) -> Watch:
    return Watch(Catalogue(datastore), folder, QUICK, recipe, **more)


def run(datastore: Path, folder: Path, recipe: Run, **more: Any) -> Watch:
    watch = watched(datastore, folder, recipe, **more)
    beats = list(watch.rounds(once=True))
    assert beats[-1].summary is not None
    return watch


def test_a_file_is_at_rest_when_two_looks_apart_see_the_same(
    folder: Path, datastore: Path
) -> None:
    clock = Clock()
    arrivals = Arrivals(10, clock)
    path = folder / "clip.mp4"
    path.write_bytes(b"x" * 10)
    os.utime(path, (1, 1))  # a copy that keeps times looks old at once: that tells nothing
    assert arrivals.look(folder, datastore) == ({}, 1)
    clock.now += 9
    assert arrivals.look(folder, datastore) == ({}, 1)
    path.write_bytes(b"x" * 20)
    clock.now += 2
    assert arrivals.look(folder, datastore) == ({}, 1)
    clock.now += 10
    rest, moving = arrivals.look(folder, datastore)
    assert (list(rest), moving) == ([path], 0)
    path.write_bytes(b"y" * 20)
    assert arrivals.look(folder, datastore) == ({}, 1)
    path.unlink()
    assert arrivals.look(folder, datastore) == ({}, 0)


def test_links_the_datastore_and_unfinished_names_are_left_alone(folder: Path) -> None:
    secret = folder.parent / "secret.mp4"
    copy("cfr25", secret)
    (folder / "link.mp4").symlink_to(secret)
    (folder / "linked").symlink_to(folder.parent)
    copy("cfr25", folder / ".clip.mp4.Xy12")
    copy("cfr25", folder / "clip.mp4.part")
    (folder / "empty.mp4").touch()
    os.mkfifo(folder / "pipe.mp4")
    inside = folder / "datastore" / "videos_folder_1"
    inside.mkdir(parents=True)
    copy("cfr25", inside / "clip.mp4")
    clock = Clock()
    arrivals = Arrivals(1, clock)
    arrivals.look(folder, folder / "datastore")
    clock.now += 5
    assert arrivals.look(folder, folder / "datastore") == ({}, 0)


def test_each_content_is_taken_once(folder: Path, datastore: Path) -> None:
    copy("cfr25", folder / "a.mp4")
    copy("rotated90", folder / "b.mp4")
    copy("cfr25", folder / "twin of a.mp4")
    (folder / "bad.mp4").write_text("no video")
    recipe = Recipe()
    watch = run(datastore, folder, recipe)
    assert recipe.rounds == [["a.mp4", "b.mp4"]]
    assert [Path(one).name for one in watch.twins] == ["twin of a.mp4"]
    assert ["text" in why for why in watch.failed.values()] == [True]
    run(datastore, folder, recipe)  # after a restart
    (folder / "a.mp4").rename(folder / "other name.mp4")
    copy("rotated90", folder / "b again.mp4")
    run(datastore, folder, recipe)
    assert recipe.rounds == [["a.mp4", "b.mp4"]]
    copy("vfr", folder / "new.mp4")
    run(datastore, folder, recipe)
    assert recipe.rounds[1:] == [["new.mp4"]]
    origins = OriginTable(Catalogue(datastore)).all()
    assert sorted(one.title for one in origins.values()) == ["a.mp4", "b.mp4", "new.mp4"]


def test_a_file_that_was_written_over_is_another_content(folder: Path, datastore: Path) -> None:
    path = copy("cfr25", folder / "clip.mp4")
    recipe = Recipe()
    run(datastore, folder, recipe)
    copy("rotated90", path)
    run(datastore, folder, recipe)
    run(datastore, folder, recipe)
    assert recipe.rounds == [["clip.mp4"], ["clip.mp4"]]


def test_a_round_that_broke_off_is_done_again(folder: Path, datastore: Path) -> None:
    copy("cfr25", folder / "a.mp4")
    recipe = Recipe(CurationError("the models are missing"))
    with pytest.raises(CurationError, match="models"):
        run(datastore, folder, recipe)
    run(datastore, folder, recipe)
    run(datastore, folder, recipe)
    assert recipe.rounds == [["a.mp4"], ["a.mp4"]]


def test_a_full_disk_and_a_busy_datastore_are_waited_for(folder: Path, datastore: Path) -> None:
    copy("cfr25", folder / "a.mp4")
    recipe = Recipe(NoSpace("3 MB free"))
    watch = watched(datastore, folder, recipe)
    holding, enough, hold = threading.Event(), threading.Event(), Catalogue(datastore)

    def hold_it() -> None:
        with hold.writing("sort"):
            holding.set()
            enough.wait()

    other = threading.Thread(target=hold_it)
    other.start()
    holding.wait()
    notes = []
    try:
        for beat in watch.rounds(once=True):
            notes.append(beat.note)
            if "in use by sort" in beat.note or recipe.rounds:
                enough.set()
    finally:
        enough.set()
        other.join()
    assert any("in use by sort" in note for note in notes)
    assert any("3 MB free; waiting" in note for note in notes)
    assert recipe.rounds == [["a.mp4"], ["a.mp4"]]
    assert len(watch.taken) == 1


def test_a_folder_that_is_not_there(datastore: Path, tmp_path: Path) -> None:
    with pytest.raises(CurationError, match="no such folder"):
        run(datastore, tmp_path / "nowhere", Recipe())
