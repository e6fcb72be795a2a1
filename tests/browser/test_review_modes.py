"""The ways to look at frames in the review workspace: loupe, compare, stacks, limits, map."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.browser.conftest import Seen, Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]

reviewing = pytest.importorskip("tests.browser.reviewing")
Desk: Any = reviewing.Desk
expect: Any = reviewing.expect
eventually: Any = reviewing.eventually

LARGE = """(img) => img.complete && img.naturalWidth >= 1000"""


def shown_frame(desk: Any, pane: Any) -> int:
    """Return the frame whose full picture a pane shows."""
    picture = pane.locator(".rv-picture img:not(.soft)")
    expect(picture).to_have_attribute("src", reviewing.containing("/frame/"))
    return int(picture.get_attribute("src").split("/frame/")[1].split("?")[0])


def in_loupe(desk: Any) -> None:
    """Wait until the loupe shows the frame under the cursor in full."""
    desk.until(
        "ws.view && (() => {"
        " const img = document.querySelector('.rv-loupe .rv-picture img:not(.soft)');"
        " return img && img.complete && img.naturalWidth > 1"
        " && img.src === ws.table.frameUrl(ws.row); })()"
    )


def test_the_loupe_shows_frames_in_full_and_marks_only_its_own(desk: Any, mine: str) -> None:
    frames = desk.open(mine).frames()
    desk.press("Shift+ArrowRight", "Shift+ArrowRight", "e")
    desk.until("ws.mode === 'loupe'")
    in_loupe(desk)
    assert desk.frame == frames[2]
    desk.press("x")
    assert desk.shown("flag", frames[:4]) == [0, 0, -1, 0]
    in_loupe(desk)
    desk.press("ArrowRight", "ArrowRight", "ArrowLeft")
    in_loupe(desk)
    picture = desk.page.locator(".rv-loupe .rv-picture")
    fitted = picture.bounding_box()["width"]
    desk.press("z")
    assert picture.bounding_box()["width"] == 1280 != fitted
    desk.press("z", "Escape")
    desk.until("ws.mode === 'grid'")
    desk.page.reload()
    desk.ready()
    desk.saved()
    desk.until("ws.table.flag[ws.table.rowOf(given)] === -1", frames[2])
    assert desk.shown("flag", frames[:4]) == [0, 0, -1, 0]


def test_compare_zooms_all_panes_as_one(desk: Any, mine: str) -> None:
    frames = desk.open(mine).frames()
    desk.press(*["Shift+ArrowRight"] * 3, "c")
    desk.until("ws.mode === 'compare'")
    whole = desk.page.locator(".rv-compare")
    panes = whole.locator(".rv-pane")
    whole.get_by_role("button", name="Four frames").click()
    expect(panes.locator("visible=true")).to_have_count(4)
    assert [shown_frame(desk, panes.nth(i)) for i in range(4)] == frames[:4]
    whole.get_by_role("button", name="1:1").click()
    pictures = whole.locator(".rv-picture:visible")
    places = [pictures.nth(i).evaluate("(p) => [p.style.transform, p.style.width]")
              for i in range(4)]
    assert all(one == other for one, other in pairwise(places))
    assert places[0][1] == "1280px"
    box = panes.nth(1).bounding_box()
    desk.page.mouse.move(box["x"] + 60, box["y"] + 60)
    desk.page.mouse.down()
    desk.page.mouse.move(box["x"] + 20, box["y"] + 40)
    desk.page.mouse.up()
    moved = [pictures.nth(i).evaluate("(p) => [p.style.transform, p.style.width]")
             for i in range(4)]
    assert moved[0] != places[0]
    assert all(one == other for one, other in pairwise(moved))
    whole.get_by_role("button", name="Two frames").click()
    expect(panes.locator("visible=true")).to_have_count(2)
    desk.press("p")
    desk.saved()
    assert sum(desk.stored("flag", frames)) == 1
    desk.press("Escape")
    desk.until("ws.mode === 'grid'")


def test_a_survey_is_narrowed_to_one(desk: Any, mine: str) -> None:
    frames = desk.open(mine).frames()
    desk.press(*["Shift+ArrowRight"] * 5, "v")
    desk.until("ws.mode === 'survey'")
    tiles = desk.page.locator(".rv-survey [role=option]")
    expect(tiles).to_have_count(6)
    desk.page.get_by_role("button", name="Pick this, reject the rest").click()
    desk.saved()
    flags = desk.stored("flag", frames[:7])
    assert sorted(flags) == [-1] * 5 + [0, 1] and flags[6] == 0


def test_stacks_fold_open_and_keep_the_best(desk: Any) -> None:
    desk.open()
    keeper, others = desk.page.evaluate(
        f"""() => {{
          const {{ table, stacks }} = {reviewing.WS};
          for (let row = 0; row < table.n; row += 1) {{
            const all = stacks.members(row);
            const unmarked = all.every((r) => !table.flag[r] && !table.stars[r]);
            if (all.length >= 3 && table.keeper[row] < 0 && unmarked) {{
              return [table.frameId[row], Array.from(all, (r) => table.frameId[r])];
            }}
          }}
        }}"""
    )
    video = desk.read(f"ws.table.header.videos[ws.table.video[ws.table.rowOf({keeper})]].name")
    desk.open(f"video={video}&frame={keeper}")
    every = desk.count
    assert desk.frame == keeper
    desk.press("s")
    desk.until("ws.stacks.on")
    opened = desk.frames()
    assert set(others) <= set(opened) and len(opened) < every
    desk.press("s")
    desk.until("ws.view.count < given", len(opened))
    closed = desk.frames()
    assert len(set(others) & set(closed)) == 1
    expect(desk.page.locator(".rv-cell[data-badge]").first).to_be_visible()
    desk.press("b")
    desk.saved()
    flags = dict(zip(others, desk.stored("flag", others), strict=True))
    assert sorted(flags.values()) == [-1] * (len(others) - 1) + [1]
    assert flags[keeper] == 1


def test_a_threshold_re_decides_live_and_becomes_the_recipe(page: Any, own_server: Server) -> None:
    seen = Seen(page, own_server.url)
    desk = Desk(page, own_server.url, own_server.datastore).open("verdict=picked")
    picks = desk.count
    slider = page.get_by_role("slider", name="Focus of the face", exact=True)
    slider.scroll_into_view_if_needed()
    slider.focus()
    before = float(slider.input_value())
    desk.press(*["End"])
    desk.until("ws.judge.exact && ws.view.count !== given", picks)
    assert desk.count < picks
    expect(page.locator(".rv-picks .delta.down")).not_to_have_count(0)
    page.get_by_role("button", name="Put back", exact=True).click()
    desk.until("ws.view.count === given", picks)
    slider.focus()
    desk.press(*["ArrowRight"] * 60)
    assert float(slider.input_value()) > before
    desk.until("ws.judge.exact && ws.judge.moved")
    fewer = desk.count
    value = desk.read("ws.judge.values.min_focus")
    page.get_by_role("button", name="Apply", exact=True).click()

    def kept() -> bool:
        from curation.params import RankParams
        from curation.studio import Studio

        studio = Studio(own_server.datastore)
        values = studio.remembered("rank", RankParams)
        picked = studio.decisions.count(verdict="picked")
        studio.close()
        return values.get("min_focus") == pytest.approx(value) and picked == fewer

    eventually(page, kept)
    page.reload()
    desk.ready()
    assert desk.count == fewer
    seen.nothing_bad()


def test_a_lasso_on_the_map_selects_what_is_inside(desk: Any) -> None:
    desk.open("pool=face,upper_body,full_body")
    every = desk.count
    desk.press("m")
    desk.until("ws.mode === 'map'")
    canvas = desk.page.locator(".rv-map canvas").first
    expect(desk.page.locator(".rv-legend .key")).not_to_have_count(0)
    box = canvas.bounding_box()
    x, y, w, h = (box[side] for side in ("x", "y", "width", "height"))
    mouse = desk.page.mouse

    def around(right: float) -> int:
        """Draw around what lies left of a share of the map's width; return how many that is."""
        mouse.move(x + w * 0.01, y + h * 0.99)
        mouse.down()
        for across, down in ((right, 0.99), (right, 0.01), (0.01, 0.01), (0.01, 0.99)):
            mouse.move(x + w * across, y + h * down, steps=8)
        mouse.up()
        return int(desk.read("ws.selection.count"))

    assert around(0.99) == every
    assert 0 < around(0.5) < every


def test_filters_sort_and_links_lead_to_the_same_view(desk: Any) -> None:
    desk.open("video=holiday_001.mp4,holiday_002.mp4,holiday_003.mp4&pool=face,upper_body&sort=-score")
    frames = desk.frames()
    scores = desk.read("Array.from(ws.view.order, (row) => ws.table.score[row])")
    known = [score for score in scores if score == score and score is not None]
    assert known == sorted(known, reverse=True)
    pools = "Array.from(ws.view.order, (row) => ws.table.lists.pool[ws.table.pool[row]])"
    assert set(desk.read(pools)) <= {"face", "upper_body"}
    desk.press("ArrowRight", "ArrowRight", "e")
    in_loupe(desk)
    desk.until("location.search.includes('mode=loupe') && location.search.includes('frame=')")
    link, frame = desk.page.url, desk.frame
    other = Desk(desk.page.context.new_page(), desk.url, desk.datastore)
    other.page.goto(link)
    other.page.wait_for_function("() => document.querySelector('.rv')?.workspace?.view")
    in_loupe(other)
    assert (other.frame, other.frames()) == (frame, frames)


def test_frames_like_this_come_nearest_first(desk: Any, mine: str) -> None:
    desk.open(mine)
    frame = desk.frame
    desk.press("l")
    desk.until("ws.view.at(0) === ws.table.rowOf(given) && ws.view.count > 0"
               " && ws.view.count < ws.table.n", frame)
    assert desk.frames()[0] == frame


def test_the_inspector_tells_why(desk: Any) -> None:
    desk.open("verdict=picked&sort=rank")
    side = desk.page.locator(".rv-right")
    expect(side).to_contain_text(reviewing.containing("ank"))
    expect(side.locator("img").first).to_have_js_property("complete", True)
    rivals = desk.read("Array.from(ws.view.order).length")
    assert rivals > 0
