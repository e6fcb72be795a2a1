"""The Toolkit tab in a real browser: look, do, look closer, take back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.ui.toolkit_fields import verbs
from curation.ui.toolkit_words import called
from tests.browser.conftest import PATIENCE_MS, Seen, Server
from tests.unit.toolkit.trees import picture, tree

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect: Any = pytest.importorskip("playwright.sync_api").expect
MINUTES = 300_000
EVIL = "<img src=x onerror=window.hit=1>{{constructor}}${window.hit=2}"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "data" / "project"
    for i in range(30):
        picture(root / "camera" / f"{i:02}.jpg", i, (96, 64))
    picture(root / "old phone" / f"{EVIL}.png", 99, (64, 96))
    return root


@pytest.fixture
def served(project: Path, tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "datastore", "--input-dir", str(project.parent))
    made.start()
    yield made
    made.kill()
    text = made.log.read_text()
    assert "Traceback" not in text, text


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    expect.set_options(timeout=MINUTES)
    yield
    expect.set_options(timeout=PATIENCE_MS)


def choose(page: Any, name: str, option: str, told: str) -> None:
    """Choose from a list, and wait until the page tells what came of it."""
    page.locator(f"#toolkit-{name} input").first.click()
    page.get_by_role("option", name=option).first.click()
    page.keyboard.press("Escape")
    expect(page.locator("#command-toolkit textarea")).to_have_value(
        re.compile(re.escape(told))
    )


def ended(page: Any, what: str) -> None:
    expect(page.locator("#toolkit-title")).to_contain_text(what)


def test_look_do_look_closer_and_take_back(page: Any, served: Server, project: Path) -> None:
    seen, was = Seen(page, served.url), tree(project)
    page.goto(f"{served.url}/?tab=toolkit")
    told = page.locator("#command-toolkit textarea")
    expect(told).to_have_value("Choose a work folder first.")
    expect(page.locator("#toolkit-do")).to_be_disabled()
    choose(page, "place", "data/project", "Choose the folders to take from.")
    choose(page, "verb", "Validate", "Choose the folders to take from.")
    choose(page, "from", "camera (30 pictures)", "validate")
    choose(page, "verb", "Resize, crop, pad", "Say where the results go.")
    choose(page, "from", "old phone (1 picture)", "Say where the results go.")
    page.locator("#toolkit-to input").fill("small")
    page.keyboard.press("Tab")
    page.locator("#toolkit-frame-width input").fill("48")
    page.locator("#toolkit-frame-height input").fill("48")
    page.keyboard.press("Tab")
    expect(told).to_have_value(
        f"python -m curation frame -d {project} '--from=camera,old phone' --to=small --width=48 "
        "--height=48"
    )
    page.locator("#toolkit-check").click()
    ended(page, "What would happen: 31 changes")
    assert tree(project) == was
    cells = page.locator("#toolkit-changes figure")
    expect(cells).to_have_count(24)
    expect(cells.first).to_contain_text("96 x 64 -> 48 x 48 by crop")
    for side in (0, 1):
        image = cells.first.locator("img").nth(side)
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("image => image.naturalWidth") > 40
    page.get_by_role("button", name="Next").last.click()
    expect(cells).to_have_count(7)
    expect(page.locator("#toolkit-changes")).to_contain_text("{{constructor}}${window.hit=2}")
    page.get_by_role("button", name="Previous").last.click()
    expect(cells).to_have_count(24)

    page.locator("#toolkit-frame-width input").fill("40")
    page.keyboard.press("Tab")
    expect(page.locator("#toolkit-do")).to_be_disabled()
    page.locator("#toolkit-frame-width input").fill("48")
    page.keyboard.press("Tab")
    expect(page.locator("#toolkit-do")).to_be_enabled()
    page.locator("#toolkit-do").click()
    ended(page, "What happened: 31 changes")
    assert len(list((project / "small").glob("*.jpg"))) == 30

    cells.first.locator("a.open").first.click()
    dialog = page.locator("dialog.both")
    expect(dialog.locator("img")).to_have_count(2)
    expect(dialog.locator(".caption")).to_contain_text("small/00.jpg")
    page.keyboard.press("ArrowRight")
    expect(dialog.locator(".caption")).to_contain_text("small/01.jpg")
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()

    page.reload()
    expect(page.locator("#toolkit-frame-width input")).to_have_value("48")
    page.get_by_role("button", name="Take back the latest").click()
    ended(page, "Taken back")
    expect(page.locator("#toolkit-history")).to_contain_text("taken back")
    assert tree(project) == was
    assert page.evaluate("window.hit") is None
    for size in ({"width": 1440, "height": 900}, {"width": 1024, "height": 768}):
        page.set_viewport_size(size)
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"the page is {wide} px wider than {size}"
    seen.nothing_bad()


def test_untouched_settings_are_the_defaults(page: Any, served: Server, project: Path) -> None:
    """Controls are hidden until their verb is chosen; what they show then is what is typed."""
    seen = Seen(page, served.url)
    page.goto(f"{served.url}/?tab=toolkit")
    told = page.locator("#command-toolkit textarea")
    expect(told).to_have_value("Choose a work folder first.")
    choose(page, "place", "data/project", "Choose the folders to take from.")
    choose(page, "from", "camera (30 pictures)", "Say where the results go.")
    needs = {"detect", "extract-classes", "fetch", "run"}
    for word in ("select", *(word for word in verbs() if word not in {"select", *needs}), "select"):
        page.locator("#toolkit-verb input").first.click()
        page.get_by_role("option", name=called(word), exact=True).click()
        expect(told).to_have_value(re.compile(rf"curation {word} |Say where"))
        usual = verbs()[word].params.model_fields.get("to")
        if usual is not None and not usual.default:
            page.locator("#toolkit-to input").fill("out")
            page.keyboard.press("Tab")
        to = " --to=out" if usual is not None and not usual.default else ""
        expect(told).to_have_value(
            re.compile(rf"^python -m curation {word} -d \S+ --from=camera{to}$")
        )
    seen.nothing_bad()
