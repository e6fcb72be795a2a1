"""The tab Results in a real browser: what its pictures look like."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import videos
from tests.browser.conftest import ROOT, Server
from tests.web.filled import fill

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect: Any = pytest.importorskip("playwright.sync_api").expect

DRAWN_SIZES = """[...document.querySelectorAll('#frames figure img')].map((image) => {
  const [w, h] = [image.naturalWidth, image.naturalHeight];
  const scale = Math.min(image.clientWidth / w, image.clientHeight / h);
  return [w * scale, h * scale];
})"""
EAGER = "document.querySelectorAll('#frames img').forEach((one) => { one.loading = 'eager'; })"
LOADED = "[...document.querySelectorAll('#frames img')].every((one) => one.naturalWidth > 0)"


@pytest.mark.parametrize("moved", [False, True], ids=["picks", "trial"])
def test_portraits_are_as_large_as_landscape_pictures(
    page: Any, tmp_path: Path, moved: bool
) -> None:
    root = tmp_path / "datastore"
    fill(root, [videos.clip(name).path for name in ("cuts", "rotated270")]).close()
    server = Server(root)
    server.start()
    try:
        page.goto(f"{server.url}/?tab=results")
        cells = page.locator("#frames figure")
        expect(cells).not_to_have_count(0)
        if moved:  # these rows come from the helper, not from the catalogue
            page.locator("#try-top input[type=number]").fill("59")
            page.locator("#try-top input[type=number]").press("Tab")
            expect(page.locator("#apply")).to_be_enabled()
        page.evaluate(EAGER)
        page.wait_for_function(LOADED)
        sizes = page.evaluate(DRAWN_SIZES)
    finally:
        server.kill()
    tall = [w * h for w, h in sizes if h > w]
    wide = [w * h for w, h in sizes if w > h]
    assert tall and wide
    assert max(tall + wide) < 1.2 * min(tall + wide)
    assert min(max(size) for size in sizes) > 180


def test_a_ranking_on_the_command_line_shows_in_the_open_page(
    page: Any, tmp_path: Path
) -> None:
    root = tmp_path / "datastore"
    fill(root, [videos.clip("cuts").path]).close()
    server = Server(root)
    server.start()
    try:
        page.goto(f"{server.url}/?tab=results")
        facts = page.locator("header.top .facts")
        cells = page.locator("#frames figure")
        expect(cells).not_to_have_count(0)
        before = cells.count()
        expect(facts).to_contain_text(f"{before} picked")
        command = [sys.executable, str(ROOT / "03_score_and_rank.py"), "--min-focus", "2"]
        subprocess.run([*command, "--datastore", str(root)], check=True, capture_output=True)
        after = sum(1 for _ in (root / "ranked").rglob("*.jpg"))
        assert after < before
        expect(facts).to_contain_text(f"{after} picked")  # nobody has touched the page
        expect(cells).to_have_count(after)
        page.goto(f"{server.url}/?tab=sort")  # nothing was sorted here but by hand
        expect(page.locator("#recipe-sort input")).to_have_value("Defaults")
        page.get_by_role("tab", name="4 Score & rank").click()
        expect(page.locator("#recipe-rank input")).to_have_value("Last used")
    finally:
        server.kill()
