"""The report as a reader sees it: opened from the disk, in both schemes, by axe, on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation.dataset import write_report
from tests.review_store import fill

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    studio = fill(folder / "datastore", 1200, pictures=80)
    write_report(studio.catalogue, folder / "report.html")
    studio.close()
    return folder / "report.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_asked_for(
    browser: Any, page_file: Path, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = browser.new_page(color_scheme=scheme, viewport={"width": 1200, "height": 900})
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())
    for details in page.locator("details").all():
        details.evaluate("node => node.open = true")
    assert [url for url in asked if not url.startswith("data:")] == [page_file.as_uri()]
    assert said == []  # a refusal of its own policy would be told here
    shown = page.evaluate("[...document.images].every(i => i.decode && i.complete && i.width > 0)")
    assert shown and page.locator("img").count() > 20
    assert page.evaluate("getComputedStyle(document.body).maxWidth") == "1180px"
    found = axe.Axe().run(page).response["violations"]
    assert found == [], [(one["id"], one["nodes"][0]["html"]) for one in found]
    page.close()


def test_it_fits_a_telephone_and_paper(browser: Any, page_file: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(page_file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert len(page.pdf()) > 10_000
    page.close()
