"""Typed conditions and drawn figures in the review workspace."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Seen
from tests.browser.test_review_access import violations

pytestmark = [pytest.mark.browser, pytest.mark.slow]

reviewing = pytest.importorskip("tests.browser.reviewing")
expect: Any = reviewing.expect


def test_a_condition_narrows_the_view_and_an_error_shows_its_place(desk: Any, page: Any) -> None:
    desk.open("video=holiday_001.mp4")  # some of its frames are of the pool, not all
    panel = page.get_by_role("region", name="Search")
    box = panel.get_by_label("Condition")
    panel.get_by_role("button", name="Search").click()
    expect(box).to_be_hidden()
    desk.read("ws.run('search.focus')")  # a folded panel opens for who wants to type in it
    expect(box).to_be_focused()
    every = desk.count
    box.fill("pool = 'face'")
    box.press("Enter")
    expect(panel).to_contain_text("True for")
    desk.until("ws.view.count < given && ws.view.count > 0", every)
    face = desk.read("ws.table.lists.pool.indexOf('face')")
    pools = desk.read("Array.from(new Set(Array.from(ws.view.order, (row) => ws.table.pool[row])))")
    assert pools == [face]
    assert violations(page, "section[aria-label=Search]") == []
    box.fill("")
    box.press("Enter")
    desk.until("ws.view.count === given", every)


def test_a_figure_finds_poses_by_keyboard(desk: Any, mine: str, page: Any) -> None:
    desk.open(mine)
    panel = page.get_by_role("region", name="Search")
    panel.get_by_text("Like a pose").click()
    figure = panel.get_by_role("application")
    figure.focus()
    desk.press("n", "ArrowUp", "ArrowUp")
    assert desk.read("ws.search.figure.left_ear[1]") == pytest.approx(0.05)
    for title in ("Pool", "Decision", "Reason", "Video"):  # the page moves until they are counted
        facet = page.locator("details.rv-facet", has=page.locator("summary", has_text=title))
        expect(facet.locator(".rv-value").first).to_be_visible()
    box = figure.bounding_box()
    spots = [{"x": x * box["width"], "y": y * box["height"]} for x, y in ((0.68, 0.52), (0.9, 0.1))]
    figure.drag_to(figure, source_position=spots[0], target_position=spots[1])
    assert desk.read("ws.search.figure.left_wrist[1]") < 0.2
    panel.get_by_role("button", name="Find").click()
    desk.until("ws.view.where[0]?.title === 'Like the figure, likest first'")
    assert desk.count > 5
    desk.press("Escape")
    desk.until("!ws.given")


def test_nonsense_is_told_in_words(page: Any, review_server: Any, mine: str) -> None:
    seen = Seen(page, review_server.url)
    desk = reviewing.Desk(page, review_server.url, review_server.datastore).open(mine)
    panel = page.get_by_role("region", name="Search")
    box = panel.get_by_label("Condition")
    box.fill("focuss > 0.5")
    box.press("Enter")
    expect(box).to_have_attribute("aria-invalid", "true")
    expect(panel).to_contain_text("focus")
    box.fill("focus > ; 3")
    box.press("Enter")
    expect(panel).to_contain_text("letter")
    assert desk.read("document.activeElement.selectionStart") == 8
    assert not seen.outside and all("422" in one for one in seen.refused)
