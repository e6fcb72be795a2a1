"""Marking in the review workspace: nothing that was marked is lost, whatever happens around it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Seen, Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]

reviewing = pytest.importorskip("tests.browser.reviewing")
Desk: Any = reviewing.Desk
expect: Any = reviewing.expect
eventually: Any = reviewing.eventually


def test_keys_mark_go_on_and_reach_the_disk(desk: Any, mine: str) -> None:
    a, b, c, d, e = desk.open(mine).frames(0, 5)
    desk.press("p", "x", "3", "6")
    assert desk.frame == e
    assert desk.shown("flag", [a, b, c]) == [1, -1, 0]
    assert desk.shown("stars", [c]) == [3]
    assert desk.shown("label", [d]) == [1]
    active = desk.page.locator(".rv [role=option]").nth(0)
    expect(active).to_have_accessible_name(reviewing.containing("pick"))
    desk.saved()
    assert desk.stored("flag", [a, b, c]) == [1, -1, 0]
    assert desk.stored("stars", [a, c]) == [0, 3]
    assert desk.stored("label", [d]) == [1]
    desk.press("ArrowLeft", "u", "0")
    desk.saved()
    desk.page.reload()
    desk.ready()
    assert desk.shown("flag", [a, b]) == [1, -1]
    assert desk.shown("stars", [c]) == [3]


def test_a_range_and_everything_in_view_are_marked_at_once(desk: Any, mine: str) -> None:
    frames = desk.open(mine).frames()
    desk.press(*["Shift+ArrowRight"] * 4, "x")
    assert desk.shown("flag", frames[:6]) == [-1] * 5 + [0]
    desk.press("Control+a", "2")
    desk.saved()
    assert desk.stored("flag", frames[:6]) == [-1] * 5 + [0]
    assert desk.stored("stars", frames) == [2] * len(frames)
    desk.press("Control+z")
    desk.saved()
    assert desk.stored("stars", frames) == [0] * len(frames)
    assert desk.stored("flag", frames[:5]) == [-1] * 5


def test_a_click_with_shift_makes_a_range_and_one_with_control_adds(desk: Any, mine: str) -> None:
    frames = desk.open(mine).frames()
    cell = desk.page.locator(".rv [role=option]")

    def at(position: int) -> Any:
        return cell.and_(desk.page.locator(f"[aria-posinset='{position + 1}']"))

    at(1).click()
    at(3).click(modifiers=["Shift"])
    at(6).click(modifiers=["Control"])
    expect(desk.page.locator(".rv [role=option][aria-selected=true]")).to_have_count(4)
    desk.press("p")
    desk.saved()
    assert desk.stored("flag", frames[:8]) == [0, 1, 1, 1, 0, 0, 1, 0]


def test_undo_and_redo_have_no_end_and_survive_reload_and_restart(
    page: Any, own_server: Server, mine: str
) -> None:
    desk = Desk(page, own_server.url, own_server.datastore).open(mine)
    frames = desk.frames(0, 30)
    desk.press(*"pxpxpxpxpxpxpxpxpxpxpxpxpxpxpx")
    desk.saved()
    wanted = [1, -1] * 15
    assert desk.stored("flag", frames) == wanted
    desk.press(*["Control+z"] * 10)
    desk.saved()
    assert desk.stored("flag", frames) == wanted[:20] + [0] * 10
    page.reload()
    desk.ready()
    desk.press(*["Control+z"] * 5)
    desk.saved()
    assert desk.stored("flag", frames) == wanted[:15] + [0] * 15
    own_server.kill()
    own_server.start()
    page.reload()
    desk.ready()
    desk.press(*["Control+z"] * 15)
    desk.saved()
    assert desk.stored("flag", frames) == [0] * 30
    desk.press(*["Control+Shift+z"] * 30)
    desk.saved()
    assert desk.stored("flag", frames) == wanted
    desk.until("given.every((id, i) => ws.table.flag[ws.table.rowOf(id)] === (i % 2 ? -1 : 1))",
               frames)


def test_a_server_killed_in_mid_marking_loses_nothing(
    page: Any, own_server: Server, mine: str
) -> None:
    desk = Desk(page, own_server.url, own_server.datastore).open(mine)
    frames = desk.frames(0, 24)
    desk.press(*"pppppp")
    own_server.kill()
    desk.press(*"xxxxxx")
    assert desk.shown("flag", frames[:12]) == [1] * 6 + [-1] * 6
    expect(page.locator(".rv")).to_contain_text(reviewing.NOT_SAVED)
    own_server.start()
    desk.saved()
    assert desk.stored("flag", frames[:13]) == [1] * 6 + [-1] * 6 + [0]
    # Killed again, and the page with it: what it could not send waits in the browser.
    own_server.kill()
    desk.press(*"222222")
    page.goto("about:blank")
    own_server.start()
    desk.open(mine)
    desk.saved()
    assert desk.stored("stars", frames[12:19]) == [2] * 6 + [0]
    assert desk.stored("flag", frames[:13]) == [1] * 6 + [-1] * 6 + [0]


def test_a_mark_is_on_disk_when_the_tab_closes_behind_it(
    page: Any, review_server: Server, mine: str
) -> None:
    desk = Desk(page, review_server.url, review_server.datastore).open(mine)
    first, second, third = desk.frames(0, 3)
    desk.press("p")
    page.goto("about:blank")
    eventually(page, lambda: desk.stored("flag", [first]) == [1])
    closing = Desk(page.context.new_page(), desk.url, desk.datastore).open(mine)
    closing.press("ArrowRight", "x", "p")
    closing.page.close()
    eventually(page, lambda: desk.stored("flag", [second]) == [-1])
    # What follows a mark within the blink of an eye goes as the page's last word. A busy browser
    # may drop that; then it waits in the browser's storage.
    desk.open(mine).saved()
    assert desk.stored("flag", [first, second, third]) == [1, -1, 1]


def test_two_browsers_see_each_others_marks_and_lose_none(
    browser: Any, review_server: Server, mine: str
) -> None:
    contexts = [browser.new_context() for _ in range(2)]
    pages = [context.new_page() for context in contexts]
    seen = [Seen(page, review_server.url) for page in pages]
    one, other = (Desk(p, review_server.url, review_server.datastore).open(mine) for p in pages)
    frames = one.frames(0, 8)
    same = "given[0].every((id, i) => ws.table.flag[ws.table.rowOf(id)] === given[1][i])"
    one.press(*"pppp")
    other.until(same, [frames, [1] * 4 + [0] * 4])
    other.press("End", "Home", "ArrowRight", "ArrowRight", *"xxxx")
    one.until(same, [frames, [1, 1, -1, -1, -1, -1, 0, 0]])
    other.told("Replaced a mark")
    other.saved()
    # The first takes back what it did: frames that somebody else marked since stay theirs.
    one.press(*["Control+z"] * 4)
    one.saved()
    wanted = [0, 0, -1, -1, -1, -1, 0, 0]
    for desk in (one, other):
        desk.until(same, [frames, wanted])
    assert one.stored("flag", frames) == wanted
    for each in seen:
        each.nothing_bad()
    for context in contexts:
        context.close()


def test_two_tabs_share_a_history_and_show_what_really_went_back(desk: Any, mine: str) -> None:
    one = desk.open(mine)
    frames = one.frames(0, 3)
    other = Desk(one.page.context.new_page(), one.url, one.datastore).open(mine)
    one.press("p")
    one.saved()
    other.press("ArrowRight", "x")
    other.saved()
    # The latest mark of this browser is the other tab's: that one goes, also in the picture.
    one.press("Control+z")
    same = "given[0].every((id, i) => ws.table.flag[ws.table.rowOf(id)] === given[1][i])"
    for tab in (one, other):
        tab.until(same, [frames, [1, 0, 0]])
    assert one.stored("flag", frames) == [1, 0, 0]
    one.press("Control+z")
    one.until(same, [frames, [0, 0, 0]])
    assert one.stored("flag", frames) == [0, 0, 0]
    other.page.close()


def test_a_view_that_changed_under_a_mark_of_all_is_marked_as_it_was_seen(
    browser: Any, review_server: Server
) -> None:
    page = browser.new_page()
    desk = Desk(page, review_server.url, review_server.datastore).open("pool=full_body")
    frames = desk.frames()
    # Somebody else gave one of them what all will get; an undo must leave them that.
    other = Desk(browser.new_page(), desk.url, desk.datastore).open("pool=full_body")
    other.press("ArrowRight", "4")
    other.saved()
    before = desk.stored("stars", frames)
    assert before[1] == 4
    # As if frames had come into the catalogue since this page was loaded.
    desk.page.route(
        "**/api/review/ops",
        lambda route: route.fulfill(status=422, json={"detail": "it changed"})
        if '"query"' in (route.request.post_data or "")
        else route.continue_(),
    )
    asked: list[str] = []
    desk.page.on("request", lambda r: r.url.endswith("/ops") and asked.append(r.post_data))
    desk.page.evaluate(f"{reviewing.WS}.marks.queryFrom = 1")
    desk.press("Control+a", "4", "Home", "1")
    desk.saved()
    assert '"query"' in asked[0]
    assert desk.stored("stars", frames) == [1] + [4] * (len(frames) - 1)
    desk.press("Control+z", "Control+z")
    desk.saved()
    assert desk.stored("stars", frames) == before
    page.close()
    other.press("Control+z")
    other.saved()
    other.page.close()


def test_a_view_as_a_whole_is_one_question_and_may_be_undone(desk: Any) -> None:
    desk.open("pool=full_body")
    frames = desk.frames()
    before = desk.stored("label", frames)
    requests: list[str] = []
    desk.page.on("request", lambda r: r.url.endswith("/ops") and requests.append(r.post_data))
    desk.press("Control+a", "7")
    desk.saved()
    assert desk.stored("label", frames) == [2] * len(frames)
    assert len(requests) == 1
    desk.press("Control+z")
    desk.saved()
    assert desk.stored("label", frames) == before
