"""What the pages read, and the commands that their buttons stand for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.cli.verbs import parser
from curation.params import ExtractParams, PoolParams, RankParams, SortParams
from curation.recipes import build
from curation.ui import commands, ingest
from curation.ui.desk import PICKED, REST, REVIEW, Desk, View
from curation.ui.strip import Clerk
from curation.web.site import Settings, Site
from tests import videos
from tests.photos import shoot


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    for name, where in (("cfr25", "holiday/day 1"), ("rotated90", "holiday"), ("vp9", "other")):
        (folder / where).mkdir(parents=True, exist_ok=True)
        clip = videos.clip(name).path
        shutil.copy(clip, folder / where / clip.name)
    (folder / "empty").mkdir()
    (tmp_path / "secret").mkdir()
    shutil.copy(videos.clip("cfr25").path, tmp_path / "secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    return folder


@pytest.fixture
def desk(datastore: Path, inputs: Path) -> Iterator[Desk]:
    site = Site(Settings(datastore, (inputs,)))
    yield Desk(site)
    site.trials.close()
    site.prober.close()


@pytest.fixture
def ranked(filled: Path) -> Iterator[Desk]:
    site = Site(Settings(filled))
    yield Desk(site)
    site.trials.close()
    site.prober.close()


def test_only_folders_below_the_input_folders_are_offered(desk: Desk, inputs: Path) -> None:
    offered = desk.site.offered_folders()
    assert offered == {
        "in/holiday (1)": inputs / "holiday",
        "in/holiday/day 1 (1)": inputs / "holiday" / "day 1",
        "in/other (1)": inputs / "other",
    }


@pytest.mark.parametrize("name", ["/etc", "../secret", "in/link (1)", "", None, "in"])
def test_a_folder_that_is_not_offered_is_not_added(desk: Desk, name: str | None) -> None:
    assert "Choose a folder" in ingest.add_folder(desk, name)
    assert commands.added_folders(desk.studio) == []
    assert not desk.has_videos()


def test_an_added_folder_is_what_extract_takes(desk: Desk, inputs: Path) -> None:
    assert commands.argv_of(desk.studio, "extract", ExtractParams()) == []
    assert "2 videos" in ingest.add_folder(desk, "in/holiday (1)")
    ingest.add_folder(desk, "in/holiday (1)")
    assert desk.has_videos()
    assert [row["name"] for row in desk.videos()] == ["rotated90.mp4", "cfr25.mp4"]
    words = commands.argv_of(desk.studio, "extract", ExtractParams(fps=3))
    assert words == [str(inputs / "holiday"), "--fps=3.0"]
    own = desk.studio.root / "videos_folder_1"
    own.mkdir()
    shutil.copy(videos.clip("vp9").path, own)
    words = commands.argv_of(desk.studio, "extract", ExtractParams())
    assert words == [str(own), str(inputs / "holiday")]
    assert commands.shown("extract", words, Path("my data")).endswith("--datastore 'my data'")
    for _ in desk.studio.extract([Path(word) for word in words], ExtractParams(workers=1)):
        pass
    assert {row["kind"] for row in desk.videos()} == {"good"}
    assert commands.argv_of(desk.studio, "extract", ExtractParams()) == words


def test_single_files_from_elsewhere_stay_single_files(desk: Desk, inputs: Path) -> None:
    clip = inputs / "other" / "vp9.webm"
    shutil.copy(videos.clip("cfr25").path, inputs / "other")
    for _ in desk.studio.extract([clip], ExtractParams(workers=1)):
        pass
    assert commands.argv_of(desk.studio, "extract", ExtractParams()) == [str(clip)]


def test_ranking_says_what_the_last_sort_would_decide_otherwise(ranked: Desk) -> None:
    studio = ranked.studio
    studio.catalogue.remember("params.sort", SortParams(visibility=0.3).model_dump(mode="json"))
    wanted = RankParams(top=5)  # visibility 0.5 is the default, and not what sort used
    words = commands.argv_of(studio, "rank", wanted)
    assert words == ["--top=5", "--visibility=0.5"]
    typed = vars(parser("rank").parse_args(words))
    made = build(RankParams, studio.remembered("sort", PoolParams), typed)
    assert made == wanted


def test_videos_say_what_became_of_them(desk: Desk) -> None:
    own = desk.studio.root / "videos_folder_1"
    own.mkdir()
    shutil.copy(videos.clip("cfr25").path, own / "a.mp4")
    shutil.copy(videos.clip("cfr25").path, own / "b.mp4")
    (own / "c.mp4").write_text("no video")
    assert {row["state"] for row in desk.videos()} == {"Waiting for Extract"}
    for _ in desk.studio.extract((), ExtractParams(workers=1)):
        pass
    a, b, c = desk.videos()
    assert a["kind"] == "good"
    assert a["state"].startswith(f"{len(list(desk.studio.videos.frames()))} frames, ")
    assert a["poster"].startswith("thumb/")
    assert (b["kind"], b["state"]) == ("soft", "Same as another")
    assert (c["kind"], c["notes"]) == ("bad", ["is text, not a video"])


def test_results_are_counted_once_and_paged(ranked: Desk) -> None:
    assert ranked.stage() == "ranked"
    everything = 0
    for show in (PICKED, REVIEW, REST):
        by_pool = ranked.by_pool(show)
        total = ranked.count(View("all", show, None, 0))
        assert sum(by_pool.values()) == total
        everything += total
        for pool, count in by_pool.items():
            view = View(pool, show, None, 0)
            assert ranked.count(view) == count == len(ranked.page(view))
        if show != PICKED:
            reasons = ranked.reasons(show)
            assert sum(count for _, count, _ in reasons) == total
            for code, count, _ in reasons:
                assert ranked.count(View("all", show, code, 0)) == count
    assert everything == len(ranked.studio.measures().columns["frame_id"])
    first = ranked.census()
    assert ranked.census() is first
    for _ in ranked.studio.rank(RankParams(top=1)):
        pass
    assert ranked.census() is not first
    assert ranked.count(View("face", PICKED, None, 0)) == 1


def test_closest_misses_come_first(ranked: Desk) -> None:
    rows = ranked.page(View("all", REST, None, 0))
    scores = [row["score"] for row in rows if row["score"] is not None]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) > 1


def test_recipes_fill_what_they_name_and_nothing_else(desk: Desk) -> None:
    assert all(desk.recipes(verb)[0] == "Defaults" for verb in ("extract", "sort", "rank"))
    assert "small" in desk.recipes("rank")
    assert desk.recipe("Defaults", "rank") == {}
    assert desk.recipe("../../pyproject", "rank") == {}
    assert build(RankParams, desk.recipe("small", "rank")) != RankParams()
    desk.studio.catalogue.remember("params.sort", {"visibility": 0.4, "face_score": 0.8})
    assert desk.recipes("sort")[:2] == ["Last used", "Defaults"]
    assert desk.recipes("extract")[0] == "Defaults"  # it never ran here
    assert desk.recipe("Last used", "sort") == {"visibility": 0.4, "face_score": 0.8}
    assert desk.recipe("Last used", "rank") == {"visibility": 0.4}


def test_empty_tabs_say_what_to_do_next(desk: Desk, ranked: Desk) -> None:
    assert "Ingest" in desk.waiting("extract")
    assert "Extract" in desk.waiting("sort")
    assert "Sort" in desk.waiting("rank")
    assert "frames are extracted" in ranked.waiting("sort")
    assert "press Score" in ranked.waiting("rank").replace("Press", "press")


def test_a_result_that_is_not_there_yet_says_where_to_go(desk: Desk, ranked: Desk) -> None:
    assert desk.nothing()[2] == "ingest"
    assert [desk.before(verb) for verb in ("extract", "sort", "rank")] == [
        "ingest",
        "extract",
        "sort",
    ]
    assert [ranked.before(verb) for verb in ("extract", "sort", "rank")] == ["", "", ""]
    desk.site.jobs.table.add("extract", [])
    assert desk.nothing()[0] == "Extract is under way"
    job = desk.site.jobs.table.latest("extract")
    assert job is not None
    desk.site.jobs.table.settle(job.id, "failed", "the disk is full")
    assert desk.nothing()[:2] == ("Extract did not end well", "the disk is full")


def test_folders_of_pictures_are_listed_with_what_failed(desk: Desk, tmp_path: Path) -> None:
    folder = shoot(tmp_path / "walk")
    list(desk.studio.add_pictures(folder, workers=1))
    top, later = desk.videos()
    assert (top["name"], top["state"], top["kind"]) == ("walk", "5 pictures", "good")
    assert len(top["notes"]) == 5
    assert any("text.jpg is no picture" in note for note in top["notes"])
    assert (later["name"], later["notes"]) == ("walk/later", [])
    assert top["poster"]


def test_the_strip_counts_what_nobody_looked_at(desk: Desk, ranked: Desk) -> None:
    clerk = Clerk(desk.studio)
    assert clerk.status([]).is_empty
    folder = desk.studio.root / "videos_folder_1"
    folder.mkdir()
    (folder / "new.mp4").write_bytes(b"x")
    assert Clerk(desk.studio).status([]).stale.unextracted == 1
    status = Clerk(ranked.studio).status([])
    assert (status.stale.unsorted, status.stale.unranked, status.is_empty) == (0, 0, False)
    assert status.free_bytes is not None and status.free_bytes > 0
