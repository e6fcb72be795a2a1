"""Links in a real browser against a real server: what is refused is said, and nothing is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests import videos
from tests.browser.conftest import SHOTS, Seen, Server
from tests.unit.ingest.strangers import Stranger, serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect: Any = pytest.importorskip("playwright.sync_api").expect


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    with serving() as made:
        yield made


def test_a_link_is_looked_at_and_one_that_leads_inside_is_not_asked(
    page: Any, server: Server, seen: Seen, stranger: Stranger
) -> None:
    url = stranger.put("/a.mp4", videos.clip("cfr25").path.read_bytes())
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(server.url)
    start = page.locator("#links-start")
    expect(start).to_be_disabled()
    page.locator("#links-box textarea").fill(f"{url}\nfile:///etc/passwd\nhttp://2130706433/x")
    page.locator("#links-check").click()
    found = page.locator("#links-found")
    expect(found).to_contain_text("127.0.0.1 is not a public address")
    expect(found).to_contain_text("only http and https are fetched")
    expect(found).to_contain_text("2130706433 is not a public name")
    expect(start).to_be_disabled()
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / "links.png", full_page=True)
    assert not stranger.asked
