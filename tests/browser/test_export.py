"""The Export tab in a real browser: look, export, reload, fetch the zip, open the report."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.store.catalogue import Catalogue
from curation.store.jobs import JobTable
from tests.browser.conftest import Seen, Server, held, wait_for_cancel
from tests.headless import exports

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect: Any = pytest.importorskip("playwright.sync_api").expect


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "datastore")
    exports.filled(made.datastore).close()
    made.start()
    yield made
    made.kill()
    text = made.log.read_text()
    assert "Traceback" not in text, text


def opened(page: Any, served: Server) -> None:
    page.goto(f"{served.url}/?tab=export")
    expect(page.locator("#export-look")).to_contain_text("72 pictures")
    # What is remembered has come: it must not take the place of what is typed.
    expect(page.locator("#command-export textarea")).to_have_value(re.compile("export"))


def violations(page: Any) -> list[Any]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    rules = {"runOnly": ["wcag2a", "wcag2aa"]}
    found = axe.Axe().run(page, context="#export-look, #export-shelf, #job-export, #job-report",
                          options=rules).response["violations"]  # fmt: skip
    return [(one["id"], one["nodes"][0]["html"]) for one in found]


def test_look_export_reload_fetch_and_report(
    page: Any, context: Any, served: Server, tmp_path: Path
) -> None:
    seen = Seen(page, served.url)
    opened(page, served)
    look = page.locator("#export-look")
    expect(page.locator("#export-shelf")).to_contain_text("No export yet")
    where = page.locator("#export-where textarea, #export-where input").first
    where.press_sequentially("pool = 'fase'")
    expect(page.locator("#export-where-said")).to_contain_text("fase")
    expect(look).to_contain_text("Nothing to show")
    where.fill("pool = 'face'")  # as if pasted
    where.press("Tab")
    expect(look).to_contain_text("36 pictures")
    expect(page.locator("#export-where-said")).not_to_contain_text("fase")
    expect(look).to_contain_text("No consent is noted of")
    page.locator("#export-format input").click()
    page.get_by_role("option", name="imagefolder").click()
    expect(look).to_contain_text("metadata.jsonl")
    command = page.locator("#command-export textarea")
    expect(command).to_have_value(
        f"python -m curation export imagefolder --out={served.datastore}/exports/imagefolder "
        f"'--where=pool = '\"'\"'face'\"'\"'' --datastore {served.datastore}"
    )
    assert not (served.datastore / "exports").exists()

    page.locator("#start-export").click()
    badge = page.locator("#job-export .badge")
    expect(badge).to_be_visible()
    page.reload()  # the job goes on, and the page finds it again
    expect(badge).to_have_text("Done")
    expect(page.locator("#job-export")).to_contain_text("36 written")
    shelf = page.locator("#export-shelf")
    expect(shelf).to_contain_text("imagefolder")
    expect(shelf).to_contain_text("36 pictures")
    with page.expect_download() as coming:
        shelf.get_by_role("link", name="Download zip").click()
    coming.value.save_as(tmp_path / "got.zip")
    with zipfile.ZipFile(tmp_path / "got.zip") as packed:
        assert packed.testzip() is None
        names = {name.removeprefix("imagefolder/") for name in packed.namelist()}
    assert names == set(exports.tree(served.datastore / "exports" / "imagefolder"))
    shelf.locator("summary").click()
    expect(shelf).to_contain_text("python -m curation replay")

    page.locator("#start-report").click()
    with page.expect_popup() as popped:
        page.locator("#job-report a", has_text="Open the report").click()
    expect(popped.value.locator("h1")).to_contain_text("Data set")
    report = context.new_page()  # which can be listened to from its first word
    said: list[str] = []
    report.on("console", lambda message: said.append(message.text))
    report.goto(popped.value.url)
    expect(report.locator("h1")).to_contain_text("Data set")
    assert report.evaluate("getComputedStyle(document.body).maxWidth") == "1180px"
    assert said == []
    report.close()
    assert violations(page) == []
    seen.nothing_bad()


def test_a_cancelled_export_is_taken_up_again(page: Any, context: Any, served: Server) -> None:
    opened(page, served)
    assert served.process is not None
    page.locator("#export-folder input, #export-folder textarea").first.fill("mine")
    page.locator("#start-export").click()
    badge = page.locator("#job-export .badge")
    table = JobTable(Catalogue(served.datastore))
    with held(table):
        expect(badge).to_have_text("Running")
        page.get_by_role("button", name="Cancel").locator("visible=true").click()
        wait_for_cancel(table)
    expect(badge).to_have_text("Cancelled")
    page.get_by_role("button", name="Resume").locator("visible=true").click()
    expect(badge).to_have_text("Done")
    expect(page.locator("#export-shelf")).to_contain_text("mine")
    assert len(exports.manifest(served.datastore / "exports" / "mine")) == 72
