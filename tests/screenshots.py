"""Pictures of every screen: scripts/screenshots [FOLDER].

Without a folder those that a document shows go to docs/pictures/. A made catalogue, so that
everybody gets the same screens; each picture is reduced to 256 colours.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from curation.store.catalogue import OUR_FOLDER
from tests.browser.conftest import ROOT, Server
from tests.browser.reviewing import DRAWN, WS, Desk
from tests.burst_photos import shoot
from tests.conftest import chromium
from tests.demo_pictures import demo, keep
from tests.review_store import fill

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
SIZE = {"width": 1440, "height": 900}
TABLET = {"width": 820, "height": 1180}
FRAMES, DISTINCT = 4000, 400
TABS = (
    "1 Ingest", "2 Extract", "3 Sort", "4 Score & rank", "5 Results", "6 Review", "7 Export",
    "Cull", "Toolkit",
)


def shown() -> set[str]:
    """Return the names of the pictures that documents show."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    picture = re.compile(r"!\[[^]]*]\((?:docs/)?pictures/([^)]+)\)")
    return {name for page in pages for name in picture.findall(page.read_text())}


def marked(desk: Desk) -> None:
    """Mark a few frames, so that every kind of mark is seen."""
    desk.press(*"ppxp", "4", "5", "6", "x", "8", "p", "Home", *["ArrowRight"] * 3)
    desk.saved()


def grid(desk: Desk) -> None:
    """Show the frames that were scored, best first."""
    desk.open("pool=face,upper_body,full_body&sort=-score")
    marked(desk)


def loupe(desk: Desk) -> None:
    """Show one frame with what was found in it."""
    desk.open("verdict=picked&sort=rank&mode=grid")
    desk.press("e")


def compare(desk: Desk) -> None:
    """Show four frames side by side."""
    desk.open("pool=face&sort=-score")
    desk.press(*["Shift+ArrowRight"] * 3, "c")
    desk.page.get_by_role("button", name="Four frames").click()


def survey(desk: Desk) -> None:
    """Show what is selected, all at once."""
    desk.open("pool=upper_body&sort=-score")
    desk.press(*["Shift+ArrowRight"] * 6, "v")


def stacks(desk: Desk) -> None:
    """Show repeats as one, and one stack open."""
    desk.open("video=holiday_001.mp4")
    desk.page.evaluate(f"{WS}.run('stacks')")
    desk.press("Home")
    desk.page.evaluate(f"{WS}.run('stack.next')")
    desk.press("s")


def limits(desk: Desk) -> None:
    """Show a threshold that was moved and not yet applied."""
    desk.open("verdict=picked&sort=rank")
    slider = desk.page.get_by_role("slider", name="Focus of the face", exact=True)
    slider.scroll_into_view_if_needed()
    slider.focus()
    desk.press(*["ArrowRight"] * 120)
    desk.until("ws.judge.exact && ws.judge.moved")


def places(desk: Desk) -> None:
    """Show all frames by their looks."""
    desk.open()
    desk.press("m")
    desk.page.locator(".rv-legend .key").first.wait_for()


def like_this(desk: Desk) -> None:
    """Show the frames nearest to one."""
    desk.open("pool=face")
    desk.press("ArrowRight", "l")
    desk.until("ws.view.count < ws.table.n")


def keys(desk: Desk) -> None:
    """Show all keys."""
    desk.open("pool=face&sort=-score")
    desk.press("?")


def nothing(desk: Desk) -> None:
    """Show what is said when no frame passes."""
    desk.open("pool=face")
    desk.page.evaluate(f"{WS}.setWhere([{{column: 'score', min: 5}}])")


SCREENS: dict[str, Callable[[Desk], None]] = {
    "grid": grid, "loupe": loupe, "compare": compare, "survey": survey, "stacks": stacks,
    "limits": limits, "map": places, "like-this": like_this, "keys": keys, "nothing": nothing,
}
IN_LIGHT = ("grid", "loupe", "map")


def review(browser: Any, server: Server, folder: Path) -> None:
    """Take the workspace in all its modes."""
    for scheme, names in (("dark", tuple(SCREENS)), ("light", IN_LIGHT)):
        for name in names:
            context = browser.new_context(viewport=SIZE, color_scheme=scheme)
            desk = Desk(context.new_page(), server.url, server.datastore)
            SCREENS[name](desk)
            suffix = "" if scheme == "dark" else "-light"
            keep(desk.page, folder / f"review-{name}{suffix}.png")
            context.close()
    context = browser.new_context(viewport=TABLET, has_touch=True, color_scheme="dark")
    desk = Desk(context.new_page(), server.url, server.datastore)
    grid(desk)
    keep(desk.page, folder / "review-tablet.png")
    context.close()


def studio(browser: Any, server: Server, folder: Path, state: str) -> None:
    """Take every tab of the studio."""
    context = browser.new_context(viewport=SIZE, color_scheme="light")
    page = context.new_page()
    page.set_default_timeout(180_000)
    page.goto(server.url)
    page.get_by_text("Looking at the folders").wait_for(state="detached")
    for name in TABS:
        page.get_by_role("tab", name=name).click()
        if name == "6 Review" and not state:
            page.wait_for_function(DRAWN)
        short = name.lower().replace(" & ", "-and-").replace(" ", "-")
        keep(page, folder / f"studio-{short}{state}.png")
    context.close()


def culling(browser: Any, scratch: Path, folder: Path) -> None:
    """Take the culling desk over a folder of bursts, and the tab that leads to it."""
    walk = scratch / "photos" / "harbour"
    shoot(walk, bursts=14, shots=5, real=True)
    words = ["cull", str(walk), "--no-serve", "--json"]
    command = [sys.executable, "-m", "curation", *words]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    server = Server(walk / OUR_FOLDER)
    server.log = scratch / "cull.log"
    server.start()
    try:
        for scheme in ("dark", "light"):
            context = browser.new_context(viewport=SIZE, color_scheme=scheme)
            desk = Desk(context.new_page(), server.url, server.datastore)
            desk.open("mode=cull")
            desk.until("ws.cull?.loaded && ws.cull.group && ws.cull.groups.told.size")
            if scheme == "dark":
                desk.press("Enter", "Enter", "ArrowRight", "k")
                desk.saved()
            keep(desk.page, folder / f"cull-desk{'' if scheme == 'dark' else '-light'}.png")
            if scheme == "light":
                desk.press("Control+Enter")
                desk.page.locator(".cu-moves li").first.wait_for()
                keep(desk.page, folder / "cull-apply.png")
            context.close()
    finally:
        server.kill()
    studio_server = Server(scratch / "own" / "datastore", "--input-dir", str(walk.parent))
    studio_server.datastore.parent.mkdir()
    studio_server.start()
    try:
        context = browser.new_context(viewport={"width": 1440, "height": 1080})
        page = context.new_page()
        page.set_default_timeout(180_000)
        page.goto(f"{studio_server.url}/?tab=cull")
        page.locator("#cull-folder input").first.click()
        page.get_by_role("option", name="photos/harbour").first.click()
        page.locator(".cu-shot img").first.wait_for()
        page.wait_for_function(DRAWN)
        keep(page, folder / "cull-tab.png")
        context.close()
    finally:
        studio_server.kill()


def tabs(browser: Any, scratch: Path, folder: Path, datastore: Path | None) -> None:
    """Take all tabs and the workspace over a made catalogue, then the tabs over none."""
    root = datastore or scratch / "full" / "datastore"
    if datastore is None:
        fill(root, FRAMES, DISTINCT).close()
    for place, state in ((root, ""), (scratch / "none" / "datastore", "-empty")):
        place.parent.mkdir(parents=True, exist_ok=True)
        server = Server(place)
        server.start()
        try:
            studio(browser, server, folder, state)
            if not state:
                review(browser, server, folder)
        finally:
            server.kill()


def main(argv: Sequence[str] | None = None) -> int:
    """Make catalogues, serve them, take the pictures."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="for all of them")
    parser.add_argument("--datastore", type=Path, help="one that is there already")
    parser.add_argument("--cull", action="store_true", help="only the culling desk")
    parser.add_argument(
        "--demo", action="store_true", help="only results.png and review.webp, of the sample clips"
    )
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as made, sync_playwright() as play:
        scratch = Path(made)
        folder = options.folder or scratch / "pictures"
        folder.mkdir(parents=True, exist_ok=True)
        browser = play.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        if not options.cull:
            demo(browser, scratch, folder)
        if not options.demo:
            culling(browser, scratch, folder)
        if not (options.cull or options.demo):
            tabs(browser, scratch, folder, options.datastore)
        browser.close()
        if options.folder is None:
            for name in shown() & {path.name for path in folder.iterdir()}:
                shutil.copyfile(folder / name, PICTURES / name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
