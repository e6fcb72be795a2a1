"""A person's way through the studio, in a real browser against a real server."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from curation.store.catalogue import Catalogue
from curation.store.jobs import JobTable
from tests import videos
from tests.browser.conftest import Seen, Server, held, wait_for_cancel

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect: Any = pytest.importorskip("playwright.sync_api").expect
MINUTES = 300_000
SIZES = ({"width": 1440, "height": 900}, {"width": 1024, "height": 768})


def open_studio(page: Any, server: Server) -> None:
    page.goto(server.url)
    expect(page.get_by_role("heading", name="Frame Curation Studio")).to_be_visible()


def tab(page: Any, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def upload(page: Any, *paths: Path) -> None:
    page.locator("#uploader input[type=file]").set_input_files(paths)
    expect(page.locator("#uploader li.good")).to_have_count(len(paths), timeout=MINUTES)


def set_recipe(page: Any, verb: str, name: str) -> None:
    page.locator(f"#recipe-{verb} input").click()
    page.get_by_role("option", name=name, exact=True).click()


def state(page: Any, verb: str) -> Any:
    return page.locator(f"#job-{verb} .badge")


def test_from_an_upload_to_ranked_pictures(
    page: Any, server: Server, seen: Seen, weights_dir: Path, sample_clips: list[Path]
) -> None:
    clip = next(path for path in sample_clips if "carphone" in path.name)
    open_studio(page, server)
    expect(page.locator("#videos")).to_contain_text("No video yet")
    upload(page, clip)
    expect(page.locator("#videos")).to_contain_text("carphone")
    expect(page.locator("#videos")).to_contain_text("Waiting for Extract")

    tab(page, "2 Extract")
    set_recipe(page, "extract", "small")
    expect(page.locator("#command-extract textarea")).to_have_value(
        f"python 01_extract.py --fps=4.0 --datastore {server.datastore}"
    )
    page.locator("#start-extract").click()
    expect(state(page, "extract")).to_have_text("Done", timeout=2 * MINUTES)
    expect(page.locator("#job-extract")).to_contain_text("frames of 1 video are stored")
    page.get_by_role("button", name="Continue to Sort").click()

    set_recipe(page, "sort", "small")
    page.locator("#start-sort").click()
    with held(JobTable(Catalogue(server.datastore))):  # it may end sooner than the page asks
        expect(state(page, "sort")).to_have_text("Running")
        page.reload()
        expect(page.get_by_role("tab", name="3 Sort")).to_have_attribute("aria-selected", "true")
        expect(page.locator("#job-sort .badge")).to_be_visible()
    expect(state(page, "sort")).to_have_text("Done", timeout=3 * MINUTES)

    tab(page, "4 Score & rank")
    set_recipe(page, "rank", "small")
    page.locator("#start-rank").click()
    expect(state(page, "rank")).to_have_text("Done", timeout=MINUTES)
    page.get_by_role("button", name="See the results").click()

    cells = page.locator("#frames figure")
    expect(cells.first).to_contain_text("carphone")
    expect(cells.first.locator(".rank")).to_have_text("1")
    expect(cells.first.locator(".bar")).not_to_have_count(0)
    picture = cells.first.locator("img")
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") > 100
    cells.first.locator("a.open").click()
    large = page.locator("dialog.lightbox img")
    expect(large).to_be_visible()
    expect(large).to_have_js_property("complete", True)
    why = page.locator("dialog.lightbox .why")
    expect(why.locator("h2")).to_contain_text("Picked: rank 1 of", timeout=MINUTES)
    expect(why.locator("li.part")).not_to_have_count(0)
    page.keyboard.press("f")
    expect(why.locator("h2")).to_contain_text("marked as false", timeout=MINUTES)
    page.get_by_role("button", name="Clear mark").click()
    expect(why.locator("h2")).to_contain_text("Picked: rank 1 of", timeout=MINUTES)
    page.keyboard.press("Escape")
    expect(large).not_to_be_visible()

    page.get_by_role("button", name="What the picks hold and lack").click()
    expect(page.locator("#coverage .lacking")).to_contain_text("profile", timeout=MINUTES)

    page.locator("#show").get_by_text("Not picked").click()
    expect(page.locator("#frames table.reasons")).to_be_visible()
    expect(cells.first.locator(".why")).to_be_visible()
    seen.nothing_bad()


def test_moving_a_threshold_shows_what_would_change_and_apply_does_it(
    page: Any, server: Server, seen: Seen, weights_dir: Path, sample_clips: list[Path]
) -> None:
    from tests.headless.runs import ROOT, run_json

    recipe = ("--recipe", ROOT / "recipes" / "small.yaml")
    clip = next(path for path in sample_clips if "carphone" in path.name)
    run_json("01_extract.py", server.datastore, clip, *recipe)
    run_json("02_sort.py", server.datastore, *recipe)
    before = run_json("03_score_and_rank.py", server.datastore, *recipe)["picked"]["face"]
    page.goto(f"{server.url}/?tab=results")
    cells = page.locator("#frames figure")
    expect(cells).to_have_count(before)
    expect(page.locator("#apply")).to_be_disabled()
    box = page.locator("#try-per_video_face input")
    box.fill("1")
    box.press("Tab")
    expect(page.locator("#tally .delta")).to_have_text(f"{1 - before:+d}")
    expect(page.locator("#frames .why")).to_have_count(before - 1)
    expect(page.locator("#frames .why").first).to_have_text("would go")
    box.fill("0")
    box.press("Tab")
    expect(page.get_by_text("per-video-face = 0")).not_to_have_count(0)
    box.fill("1")
    box.press("Tab")
    page.locator("#apply").click()
    expect(cells).to_have_count(1, timeout=MINUTES)
    expect(page.locator("#apply")).to_be_disabled()
    seen.nothing_bad()


def test_cancel_resume_and_a_killed_server(page: Any, server: Server, tmp_path: Path) -> None:
    folder = server.datastore / "videos_folder_1"
    folder.mkdir(parents=True)
    shutil.copy(videos.clip("long").path, folder / "long.mp4")
    page.goto(f"{server.url}/?tab=extract")
    expect(page.locator("#job-extract")).to_contain_text("press Extract frames")
    page.locator("#extract-mode input").click()
    page.get_by_role("option", name="every", exact=True).click()
    page.locator("#extract-every input").fill("1")
    expect(page.locator("#command-extract textarea")).to_have_value(
        f"python 01_extract.py --mode=every --every=1 --datastore {server.datastore}"
    )
    table = JobTable(Catalogue(server.datastore))
    page.locator("#start-extract").click()
    with held(table):  # it cannot end before somebody cancels it
        expect(state(page, "extract")).to_have_text("Running")
        expect(page.locator("#start-extract")).to_be_disabled()
        page.get_by_role("button", name="Cancel").click()
        wait_for_cancel(table)
    expect(state(page, "extract")).to_have_text("Cancelled", timeout=MINUTES)
    page.get_by_role("button", name="Resume").click()
    with held(table):  # nor while the server is away
        expect(state(page, "extract")).to_have_text("Running")
        server.kill()
        server.start()
        page.goto(server.url)
        expect(page.get_by_role("tab", name="2 Extract")).to_have_attribute("aria-selected", "true")
        expect(state(page, "extract")).to_have_text("Running")
    expect(state(page, "extract")).to_have_text("Done", timeout=MINUTES)
    expect(page.locator("header.top")).to_contain_text("900 frames")
    assert [job.state for job in table.recent()] == ["done", "cancelled"]


def test_bad_files_are_refused_by_name_and_names_are_only_text(
    page: Any, server: Server, tmp_path: Path
) -> None:
    evil = tmp_path / "<img src=x onerror=window.hit=1>{{constructor}}${window.hit=2}.mp4"
    shutil.copy(videos.clip("cfr25").path, evil)
    text = tmp_path / "text.mp4"
    text.write_text("this is no video")
    open_studio(page, server)
    page.locator("#uploader input[type=file]").set_input_files([evil, text])
    expect(page.locator("#uploader li.good")).to_have_count(1, timeout=MINUTES)
    expect(page.locator("#uploader li.bad .said")).to_contain_text("text.mp4: is text")
    expect(page.locator("#videos tbody tr")).to_have_count(1)
    # A file put there by hand keeps its name, whatever it is.
    shutil.copy(videos.clip("rotated90").path, server.datastore / "videos_folder_1" / evil.name)
    page.reload()
    expect(page.locator("#videos tbody tr")).to_have_count(2)
    expect(page.locator("#videos")).to_contain_text("{{constructor}}${window.hit=2}")
    assert page.evaluate("window.hit") is None


def test_the_page_says_what_to_do_when_there_is_nothing(
    page: Any, server: Server, seen: Seen
) -> None:
    open_studio(page, server)
    for name, verb, advice in (
        ("2 Extract", "extract", "Add a video under Ingest first"),
        ("3 Sort", "sort", "Extract frames first"),
        ("4 Score & rank", "rank", "Sort frames first"),
    ):
        tab(page, name)
        expect(page.locator(f"#start-{verb}")).to_be_disabled()
        expect(page.locator(f"#job-{verb}")).to_contain_text(advice)
        scrolling = page.evaluate(
            "[...document.querySelectorAll('.advanced')].filter((e) => e.offsetParent &&"
            " /auto|scroll/.test(getComputedStyle(e).overflowX)).length"
        )
        assert scrolling == 0, f"a closed box of settings has a scroll bar in {name}"
    tab(page, "2 Extract")
    page.locator("#job-extract").get_by_role("link", name="Go to Ingest").click()
    expect(page.get_by_role("tab", name="1 Ingest")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".strip")).to_contain_text("free on the disk")
    tab(page, "5 Results")
    expect(page.locator("#frames .empty")).to_contain_text("Nothing extracted yet")
    for size in SIZES:
        page.set_viewport_size(size)
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"the page is {wide} px wider than {size}"
    seen.nothing_bad()
