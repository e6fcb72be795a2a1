"""A folder of bursts is culled by keyboard alone, applied, and put back."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from curation.store.catalogue import OUR_FOLDER
from tests.browser.conftest import OBEYING, ROOT, Seen, Server
from tests.burst_photos import shoot

pytestmark = [pytest.mark.browser, pytest.mark.slow]

reviewing = pytest.importorskip("tests.browser.reviewing")
Desk: Any = reviewing.Desk
expect: Any = reviewing.expect

BURSTS, SHOTS = 6, 4
TIED = (2, 5)
"""Bursts of `shoot` of which two shots are equally sharp."""
DUPES = "_review_dupes"
STARTED = "ws.cull?.loaded && ws.cull.group"


WORDS = """() => {
  const said = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { data, parentElement } = texts.currentNode;
    if (!parentElement.closest('script, style')) said.push(data);
  }
  for (const name of ['title', 'aria-label', 'placeholder']) {
    for (const one of document.querySelectorAll(`[${name}]`)) said.push(one.getAttribute(name));
  }
  return said;
}"""


def tree(folder: Path) -> dict[str, str]:
    """Return what lies in a folder, but for our own: name -> content."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in (OUR_FOLDER, "_review")
    }


@pytest.fixture(scope="session")
def grouped_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cull") / "walk"
    shoot(folder, BURSTS, SHOTS)
    command = [sys.executable, "-m", "curation", "cull", str(folder), "--no-serve", "--json"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["groups"] == BURSTS
    return folder


@pytest.fixture
def walk(grouped_once: Path, tmp_path: Path) -> Path:
    """A folder of one's own at another place: what is stored is relative to it."""
    return Path(shutil.copytree(grouped_once, tmp_path / "walk"))


@pytest.fixture
def served(walk: Path) -> Iterator[Server]:
    made = Server(walk / OUR_FOLDER)
    made.log = walk.parent / "server.log"
    made.start()
    yield made
    made.kill()
    text = made.log.read_text()
    assert "Traceback" not in text, text


@pytest.fixture
def cull(page: Any, served: Server) -> Iterator[Any]:
    seen = Seen(page, served.url)
    desk = Desk(page, served.url, served.datastore)
    opened(desk)
    yield desk
    seen.nothing_bad()


def opened(desk: Any) -> None:
    desk.open("mode=cull")
    desk.until(STARTED)
    facts(desk)


def facts(desk: Any) -> None:
    """Wait until the reasons of the group are on the page."""
    told = "[...ws.cull.group.rows].every((row) => ws.cull.groups.told.has(row))"
    desk.until(f"ws.cull.group && {told}")


def rows(desk: Any, group: int) -> list[int]:
    """The frames of a group, the keeper first."""
    return list(desk.read(
        f"Array.from(ws.cull.groups.list[{group}].rows, (row) => ws.table.frameId[row])"
    ))


def at(desk: Any) -> list[int]:
    """Number of the group and of the picture in it that are on the stage."""
    return list(desk.read("[ws.cull.group.at, ws.cull.at]"))


def test_culls_a_folder_by_keyboard_alone(cull: Any, walk: Path, served: Server) -> None:
    desk, before = cull, tree(walk)
    groups = [rows(desk, n) for n in range(BURSTS)]
    assert desk.read("document.activeElement.closest('.rv-cull') !== null")
    assert at(desk) == [0, 1]
    why = desk.page.locator(".cu-why")
    expect(why).to_contain_text("the best of 4: sharper")
    expect(why).to_contain_text("the keeper is sharper")
    expect(desk.page.locator(".cu-say")).to_contain_text("ahead of the second by")

    desk.press("Enter")  # the proposal of the first one
    assert at(desk) == [1, 1]
    desk.press("ArrowRight", "w")  # the third shot of the second group wins
    assert at(desk) == [2, 1]
    expect(desk.page.locator(".cu-say")).to_contain_text("too near to call")
    desk.press("Enter")  # a tie stays
    desk.press("ArrowRight", "k", "Enter")  # one more of the fourth stays too
    assert at(desk) == [4, 1]
    desk.press("ArrowDown", "ArrowUp", "n")  # the fifth are no duplicates
    desk.until("ws.cull.group.at === 5")
    desk.press("ArrowRight", "x", "ArrowLeft", "ArrowLeft", "ArrowLeft")
    assert at(desk) == [5, 0]
    desk.press("Enter")
    desk.saved()
    stored = [desk.stored("flag", group) for group in groups]
    assert stored == [
        [1, -1, -1, -1], [-1, -1, 1, -1], [1, 1, -1, -1], [1, -1, 1, -1], [0, 0, 0, 0],
        [1, 1, -1, -1],
    ]  # fmt: skip
    expect(desk.page.locator(".cu-left")).to_contain_text(f"{BURSTS} of {BURSTS} decided")
    assert tree(walk) == before  # nothing moves before Apply

    desk.press("Control+Enter")
    panel = desk.page.locator(".cu-apply")
    expect(panel).to_contain_text("12 pictures will move")
    expect(panel.locator("li img:visible")).to_have_count(12)
    assert tree(walk) == before
    desk.press("Control+Enter")
    desk.told("12 pictures moved")
    after = tree(walk)
    moved = {name for name in after if name.startswith(f"{DUPES}/")}
    assert len(moved) == 12 and sorted(after.values()) == sorted(before.values())
    assert {name.removeprefix(f"{DUPES}/") for name in moved} <= set(before)

    # On another day: another process puts everything back.
    desk.page.goto("about:blank")
    served.kill()
    served.start()
    opened(desk)
    expect(desk.page.get_by_role("button", name="Put back")).to_be_visible()
    desk.press("Control+Backspace")
    desk.told("Everything is where it was")
    assert tree(walk) == before


def test_what_is_not_decided_stays(cull: Any, walk: Path) -> None:
    desk, before = cull, tree(walk)
    first, second = rows(desk, 0), rows(desk, 1)
    desk.press("ArrowRight", "k", "ArrowDown", "x")  # of each group one picture, and no more
    desk.saved()
    assert desk.stored("flag", [first[2], second[1]]) == [1, -1]
    desk.press("Control+Enter")
    panel = desk.page.locator(".cu-apply")
    expect(panel).to_contain_text("1 picture will move")
    expect(panel).to_contain_text(f"{BURSTS} of {BURSTS} groups are not decided yet")
    expect(panel).to_contain_text("proposed: the keeper is sharper")
    desk.press("Escape")
    expect(panel).to_be_hidden()
    assert tree(walk) == before


def test_every_step_is_taken_back_as_one(cull: Any) -> None:
    desk = cull
    groups = [rows(desk, n) for n in range(BURSTS)]
    every = [frame for group in groups for frame in group]
    desk.press("Enter", "w", "n")
    desk.until("ws.cull.groups.list[2].apart")
    desk.until("ws.cull.group.at === 3")
    desk.press("Control+z")
    desk.until("!ws.cull.groups.list[2].apart && ws.cull.group.at === 2")
    desk.press("Control+z")
    desk.until("ws.cull.group.at === 1")
    desk.saved()
    assert desk.shown("flag", groups[1]) == [0, 0, 0, 0]
    assert desk.shown("flag", groups[0]) == [1, -1, -1, -1]
    desk.press("Control+Shift+Enter")  # the rest at once
    desk.saved()
    assert 0 not in desk.stored("flag", every)
    # The server knows what belongs together, also when the page does not any more.
    desk.page.reload()
    desk.ready()
    desk.until(STARTED)
    desk.press("Control+z")
    desk.saved()
    desk.until(f"ws.table.flag.filter((flag) => flag !== 0).length === {SHOTS}")
    assert desk.stored("flag", groups[0]) == [1, -1, -1, -1]
    desk.press("Control+z")
    desk.until("ws.table.flag.every((flag) => flag === 0)")
    desk.saved()
    assert set(desk.stored("flag", every)) == {0}


def test_groups_are_narrowed_ordered_and_found_again(cull: Any) -> None:
    desk = cull
    desk.page.get_by_label("Which groups").select_option("tie")
    desk.until("ws.cull.shown.length === given", len(TIED))
    desk.page.get_by_label("Which groups").select_option("all")
    desk.page.get_by_label("Order of the groups").select_option("close")
    desk.until("ws.cull.shown.slice(0, 2).every((group) => group.verdict.includes('tie'))")
    # Every other mode goes on from the picture that was looked at, and back.
    desk.press("ArrowDown", "ArrowRight")
    frame = desk.read("ws.table.frameId[ws.cull.row]")
    desk.press("g")
    desk.until("ws.mode === 'grid'")
    assert desk.frame == frame
    desk.press("Shift+G")
    desk.until("ws.mode === 'cull'")
    assert desk.read("ws.table.frameId[ws.cull.row]") == frame
    # Keys of this mode are its own.
    desk.press("?")
    dialog = desk.page.locator("dialog[open], [role=dialog]").first
    expect(dialog).to_contain_text("Accept the proposal, next group")
    desk.press("Escape", "Space")
    desk.until("ws.cull.stage.zoomAt !== null")


def test_the_desk_of_photos_speaks_of_photos(cull: Any) -> None:
    desk = cull
    said: set[str] = set()
    for mode in ("cull", "grid", "loupe", "compare", "survey"):
        desk.page.evaluate(f"{reviewing.WS}.setMode('{mode}')")
        desk.until(f"ws.mode === '{mode}'")
        said |= set(desk.page.evaluate(WORDS))
    desk.press("?")
    dialog = desk.page.locator("dialog[open], [role=dialog]").first
    expect(dialog).to_contain_text("Next photo")
    said |= set(desk.page.evaluate(WORDS))
    assert {text for text in said if re.search(r"\b(frame|video|clip)s?\b", text, re.I)} == set()
    assert {"Folder and time", f"{desk.read('ws.table.n')} photos", "Next photo"} <= said


def test_stacks_of_video_frames_are_culled_alike(desk: Any, mine: str) -> None:
    desk.open(f"{mine}&mode=cull")
    desk.until(STARTED)
    assert not desk.read("ws.cull.groups.photos")
    first = desk.read("Array.from(ws.cull.group.rows, (row) => ws.table.frameId[row])")
    expect(desk.page.locator(".cu-why p").first).not_to_be_empty()
    desk.press("w")
    desk.saved()
    assert sorted(desk.stored("flag", first)) == [-1] * (len(first) - 1) + [1]
    desk.press("Control+z")
    desk.saved()
    assert set(desk.stored("flag", first)) == {0}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_the_desk(browser: Any, served: Server, scheme: str) -> None:
    from tests.browser.test_review_access import LAPTOP, violations

    context = browser.new_context(color_scheme=scheme, viewport=LAPTOP, reduced_motion="reduce")
    desk = Desk(context.new_page(), served.url, served.datastore)
    opened(desk)
    desk.press("Enter", "ArrowDown")
    desk.saved()
    facts(desk)
    wrong = violations(desk.page, ".rv-host")
    desk.press("Control+Enter")
    desk.page.locator(".cu-moves li").first.wait_for()
    wrong += violations(desk.page, ".cu-apply")
    context.close()
    assert wrong == []


@contextmanager
def tab(page: Any, walk: Path, tmp_path: Path) -> Iterator[Any]:
    """The Cull tab of a server that may read the walk; nothing bad may have been seen in it."""
    made = Server(tmp_path / "own" / "datastore", "--input-dir", str(walk))
    made.through = OBEYING
    made.datastore.parent.mkdir()
    made.start()
    try:
        seen = Seen(page, made.url)
        desk = Desk(page, made.url, walk / OUR_FOLDER)
        page.goto(f"{made.url}/?tab=cull")
        yield desk
        seen.nothing_bad()
    finally:
        made.kill()


def test_the_tab_finds_groups_and_opens_their_desk(page: Any, walk: Path, tmp_path: Path) -> None:
    shutil.rmtree(walk / OUR_FOLDER)
    with tab(page, walk, tmp_path) as desk:
        expect(page.locator("#cull-folder input").first).to_have_value("walk")
        page.locator("#cull-find").click()
        expect(page.locator("#job-cull")).to_contain_text(f"{BURSTS} groups in")
        desk.until(STARTED)
        facts(desk)
        desk.press("Enter")
        desk.saved()
        assert desk.stored("flag", rows(desk, 0)) == [1, -1, -1, -1]


def test_in_the_tab_a_folder_is_applied_and_put_back_by_clicks(
    page: Any, walk: Path, tmp_path: Path
) -> None:
    before = tree(walk)
    with tab(page, walk, tmp_path) as desk:
        desk.until(STARTED)
        facts(desk)
        page.get_by_title("Do as proposed, go to the next group").click()
        desk.saved()
        page.get_by_role("button", name="Apply…").click()
        expect(page.locator(".cu-apply")).to_contain_text("3 pictures will move")
        page.locator(".cu-apply").get_by_role("button", name="Move").click()
        desk.told("3 pictures moved")
        after = tree(walk)
        assert after != before and sorted(after.values()) == sorted(before.values())
        page.get_by_role("button", name="Put back").click()
        desk.told("Everything is where it was")
        assert tree(walk) == before


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nothing be written in a folder, for whom permissions stop."""
    inside = [folder, *folder.rglob("*")]
    for path in inside:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        yield
    finally:
        for path in inside:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_the_tab_says_of_a_read_only_folder_that_it_cannot_be_written(
    page: Any, walk: Path, tmp_path: Path
) -> None:
    shutil.rmtree(walk / OUR_FOLDER)
    before = tree(walk)
    with read_only(walk), tab(page, walk, tmp_path):
        expect(page.locator("#cull-folder input").first).to_have_value("walk")
        page.locator("#cull-find").click()
        expect(page.locator("#job-cull")).to_contain_text("Permission denied")
        expect(page.locator("#job-cull")).to_contain_text(OUR_FOLDER)
        expect(page.locator("#cull-find")).to_be_enabled()
    assert tree(walk) == before and not (walk / OUR_FOLDER).exists()


def test_the_tab_says_of_groups_in_a_read_only_folder_why_they_are_not_shown(
    page: Any, walk: Path, tmp_path: Path
) -> None:
    before = tree(walk)
    with read_only(walk), tab(page, walk, tmp_path):
        expect(page.locator("#job-cull")).to_contain_text("cannot be used")
        expect(page.locator(".cu-apply")).to_have_count(0)
    assert tree(walk) == before
