"""The pictures of the README, over the sample clips: the Results tab, and the review in use as an
animation. Real frames with real measures: the three scripts run over the clips, as in `make demo`.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from tests.browser.conftest import ROOT, Server
from tests.browser.reviewing import WS, Desk

PAGE = {"width": 1440, "height": 900}
SIZE = {"width": 1200, "height": 750}
SHOWN = (960, 600)
WEBP = {"quality": 62, "method": 4, "minimize_size": True}
SETTLE_MS, STEP_MS = 1500, 250
SAID = """(text) => {
  let at = document.getElementById('said');
  if (!at) {
    at = Object.assign(document.createElement('div'), {id: 'said'});
    at.style.cssText = 'position:fixed; left:50%; bottom:104px; transform:translateX(-50%);' +
      'z-index:99999; padding:10px 22px; border-radius:10px; background:#f3f4f6; color:#111827;' +
      'font:600 24px system-ui,sans-serif; box-shadow:0 4px 24px #000a';
    document.body.append(at);
  }
  at.textContent = text;
  at.hidden = !text;
}"""
"""Shows on the page what is done, since a picture shows no keyboard."""


def keep(page: Any, path: Path) -> None:
    """Write what the page shows."""
    page.wait_for_timeout(SETTLE_MS)
    shown = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    few = shown.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.FLOYDSTEINBERG)
    few.save(path, optimize=True)
    print(path)


class Film:
    """Pictures of a page, each with how long it is shown; saved as an animated WebP."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.pictures: list[Image.Image] = []
        self.shown_ms: list[int] = []

    def take(self, shown_ms: int, said: str = "") -> None:
        """Add what the page shows once it has come to rest."""
        self.page.evaluate(SAID, said)
        self.page.get_by_text(re.compile(r"^Score \d")).wait_for()  # of the frame at the cursor
        self.page.wait_for_timeout(STEP_MS)
        picture = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        self.pictures.append(picture.resize(SHOWN, Image.Resampling.LANCZOS))
        self.shown_ms.append(shown_ms)

    def save(self, path: Path) -> None:
        """Write the animation; it begins again at its end."""
        first, *others = self.pictures
        first.save(
            path, save_all=True, append_images=others, duration=self.shown_ms, loop=0, **WEBP
        )
        print(path, f"{sum(self.shown_ms) / 1000:.1f} s, {path.stat().st_size:,} bytes")


def ranked(root: Path) -> Path:
    """Run the three scripts over every third frame of the sample clips, into a datastore."""
    where = ["--datastore", str(root), "--recipe", "recipes/small.yaml"]
    every = ["samples", "--mode", "every", "--every", "3"]
    for words in (["01_extract.py", *every], ["02_sort.py"], ["03_score_and_rank.py"]):
        command = [sys.executable, *words, *where]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return root


@contextmanager
def served(root: Path, scratch: Path) -> Iterator[Server]:
    """Serve a datastore while a block runs."""
    server = Server(root)
    server.log = scratch / "server.log"
    server.start()
    try:
        yield server
    finally:
        server.kill()


def film(desk: Desk) -> Film:
    """Mark, look closer, move a threshold, take back."""
    desk.open("pool=face,upper_body,full_body&sort=-score")
    desk.page.get_by_text("Closest to going").wait_for()
    taken = Film(desk.page)
    taken.take(900)
    for key, said in (("p", "P  pick"), ("x", "X  reject"), ("5", "5  stars"), ("p", "P  pick")):
        desk.press(key)
        taken.take(450, said)
    desk.press(*["ArrowDown"] * 3)  # to the larger of the two clips, which bears a closer look
    taken.take(400)
    desk.press("e")
    taken.take(1000, "E  look closer")
    desk.press("g")
    taken.take(400)
    slider = desk.page.get_by_role("slider", name="Focus of the face", exact=True)
    slider.focus()
    for _ in range(14):
        desk.press(*["ArrowRight"] * 14)
        taken.take(110, "move a threshold: what would be picked")
    desk.until("ws.judge.exact && ws.judge.moved")
    taken.take(1200, "move a threshold: what would be picked")
    desk.page.get_by_role("button", name="Put back", exact=True).click()
    desk.until("!ws.judge.moved")
    taken.take(600, "put it back")
    desk.page.evaluate(f"{WS}.focus()")
    for _ in range(4):
        desk.press("Control+z")
        taken.take(250, "Ctrl+Z  undo, without limit")
    taken.take(700)
    return taken


def results(page: Any, server: Server, path: Path) -> None:
    """Take the Results tab; the machine's own folder is not for others to see."""
    page.set_default_timeout(180_000)
    page.goto(server.url)
    page.get_by_text("Looking at the folders").wait_for(state="detached")
    page.get_by_role("tab", name="5 Results").click()
    page.locator("#frames img").first.wait_for()
    page.locator(".where").evaluate("at => { at.textContent = 'demo/datastore' }")
    keep(page, path)


def demo(browser: Any, scratch: Path, folder: Path) -> None:
    """Take results.png and review.webp."""
    own = {name: value for name, value in os.environ.items() if name not in ("VIDEO", "RECIPE")}
    subprocess.run(["scripts/demo"], check=True, cwd=ROOT, env=own, stdout=subprocess.DEVNULL)
    with served(Path("demo", "datastore"), scratch) as server:
        page = browser.new_page(viewport=PAGE, color_scheme="light")
        results(page, server, folder / "results.png")
        page.close()
    with served(ranked(scratch / "datastore"), scratch) as server:
        page = browser.new_page(viewport=SIZE, color_scheme="dark")
        film(Desk(page, server.url, server.datastore)).save(folder / "review.webp")
        page.close()
