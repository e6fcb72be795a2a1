"""The review workspace without a mouse, for screen readers, on small screens, and in the studio."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Seen, Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]

reviewing = pytest.importorskip("tests.browser.reviewing")
Desk: Any = reviewing.Desk
expect: Any = reviewing.expect

SERIOUS = ("serious", "critical")
MODES = {"grid": "g", "loupe": "e", "compare": "c", "survey": "v", "map": "m"}
MOST_NODES = 800
LAPTOP, TABLET = {"width": 1280, "height": 720}, {"width": 820, "height": 1180}
FOCUSED = """() => {
  const on = document.activeElement;
  const said = on.getAttribute('aria-label') || on.textContent.trim() || on.title || on.tagName;
  return [said, on.matches(':focus-visible'), !!on.closest('.rv')];
}"""


def violations(page: Any, context: str) -> list[str]:
    """Return what axe finds wrong below a selector by WCAG 2.2 AA, at its two worst levels."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    options = {
        "resultTypes": ["violations"],
        "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    }
    found = axe.Axe().run(page, context=context, options=options).response["violations"]
    return [
        f"{one['id']}: {one['help']}: {node['target']} {node.get('failureSummary', '')}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_any_mode(
    browser: Any, review_server: Server, mine: str, scheme: str
) -> None:
    context = browser.new_context(color_scheme=scheme, viewport=LAPTOP, reduced_motion="reduce")
    page = context.new_page()
    seen = Seen(page, review_server.url)
    desk = Desk(page, review_server.url, review_server.datastore).open(mine)
    wrong: dict[str, list[str]] = {}
    for mode, key in MODES.items():
        if mode != "grid":
            desk.press(key)
        desk.until("ws.mode === given", mode)
        page.wait_for_timeout(300)
        wrong[mode] = violations(page, ".rv-host")
        desk.press("g")
        desk.until("ws.mode === 'grid'")
    desk.press("?")
    expect(page.locator("dialog[open], [role=dialog]").first).to_be_visible()
    wrong["help"] = violations(page, "dialog[open], [role=dialog]")
    assert {mode: found for mode, found in wrong.items() if found} == {}
    seen.nothing_bad()
    context.close()


def test_a_whole_session_without_a_mouse(desk: Any, mine: str) -> None:
    page = desk.page
    desk.open(mine)
    page.evaluate("() => { document.activeElement.blur(); window.scrollTo(0, 0); }")
    # By Tab alone into the frames; what has the focus always shows it and has a name.
    named = []
    for _ in range(300):
        desk.press("Tab")
        said, visible, ours = page.evaluate(FOCUSED)
        assert not ours or (visible and said and said not in ("DIV", "INPUT", "BUTTON")), said
        named.append(said)
        if said == "Frames":
            break
    assert named[-1] == "Frames"
    frames = desk.frames()
    desk.press("ArrowRight", "p", "Shift+ArrowRight", "x", "Enter")
    desk.until("ws.mode === 'loupe'")
    desk.press("ArrowRight", "5", "Escape", "Home", "Control+z", "n")
    desk.until("ws.mode === 'grid'")
    desk.saved()
    assert desk.stored("flag", frames[:5]) == [0, 1, -1, -1, 0]
    # The filters by key, then back.
    desk.press("/")
    assert page.evaluate("document.activeElement.closest('.rv-left') !== null")
    # Letters that are typed into a field are no commands.
    desk.press("?")
    dialog = page.locator("dialog[open], [role=dialog]").first
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("Pick")
    before = desk.shown("flag", frames)
    desk.press("x")
    assert desk.shown("flag", frames) == before
    desk.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_other_presets_and_own_keys_are_taken_and_kept(desk: Any, mine: str) -> None:
    frames = desk.open(mine).frames()
    desk.press("?")
    desk.page.get_by_label("Keys as in").select_option("photomechanic")
    desk.press("Escape")
    desk.page.evaluate(f"{reviewing.WS}.focus()")
    desk.press("t", "Alt+4")
    desk.saved()
    assert desk.stored("flag", frames[:2]) == [1, 0]
    assert desk.stored("stars", frames[:2]) == [0, 4]
    desk.page.reload()
    desk.ready()
    desk.press("Home", "t")
    desk.saved()
    assert desk.stored("flag", frames[:1]) == [0]


def test_the_page_stays_small_in_every_mode(desk: Any) -> None:
    desk.page.set_viewport_size({"width": 1440, "height": 900})
    desk.open()
    # What the inspector asks the server for belongs to the page.
    expect(desk.page.locator(".rv-why").first).to_be_visible()
    counts = {}
    for mode, key in MODES.items():
        if mode != "grid":
            desk.press(key)
        desk.until("ws.mode === given", mode)
        desk.page.wait_for_timeout(300)
        counts[mode] = desk.page.evaluate("document.querySelectorAll('*').length")
        desk.press("g")
    assert max(counts.values()) < MOST_NODES, counts


@pytest.mark.parametrize("size", [LAPTOP, TABLET], ids=["laptop", "tablet"])
def test_it_fits_small_screens_and_a_finger(
    browser: Any, review_server: Server, mine: str, size: dict[str, int]
) -> None:
    context = browser.new_context(viewport=size, has_touch=True)
    page = context.new_page()
    seen = Seen(page, review_server.url)
    desk = Desk(page, review_server.url, review_server.datastore).open(mine)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.evaluate("document.documentElement.scrollHeight - innerHeight") <= 0
    frames = desk.frames()
    cell = page.locator(".rv-cell[aria-posinset='2']")
    cell.tap()
    desk.until("ws.table.frameId[ws.row] === given", frames[1])
    cell.tap()
    desk.until("ws.mode === 'loupe'")
    seen.nothing_bad()
    context.close()


def test_the_studio_has_it_as_a_tab_that_takes_no_keys_from_others(
    page: Any, review_server: Server, mine: str
) -> None:
    seen = Seen(page, review_server.url)
    desk = Desk(page, review_server.url, review_server.datastore)
    page.goto(f"{review_server.url}/?tab=review&{mine}")
    desk.ready()
    frames = desk.frames()
    assert desk.count == len(frames) < desk.read("ws.table.n")
    desk.press("p")
    desk.saved()
    assert desk.stored("flag", frames[:1]) == [1]
    tab = page.get_by_role("tab", name="6 Review")
    tab.focus()
    desk.press("x", "ArrowLeft")
    assert desk.shown("flag", frames[:2]) == [1, 0]
    page.get_by_role("tab", name="5 Results").click()
    desk.press("x")
    tab.click()
    desk.ready()
    assert desk.shown("flag", frames[:2]) == [1, 0]
    assert desk.stored("flag", frames[:2]) == [1, 0]
    seen.nothing_bad()


def test_no_path_of_the_server_reaches_the_page(desk: Any, mine: str) -> None:
    desk.open(mine)
    for route in (f"api/review/look/{desk.frame}", "api/review/table"):
        answer = desk.page.request.get(f"{desk.url}/{route}")
        assert answer.status == 200
        assert str(desk.datastore).encode() not in answer.body()
