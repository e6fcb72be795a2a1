"""How long does a person wait? `make bench-ui` -> results/ui.json.

A real Chromium over a catalogue of 240,000 rows on 3,000 pictures; every value is a p95 within one
run, in milliseconds from the event to the painted frame. Beside it, the same actions on gr.Gallery.
Nothing is gated but what does not depend on the load of the machine: nodes and memory.

    python -m bench.bench_ui [--frames 20000] [--datastore FOLDER] [--gallery 1000]
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from bench.report import Row, write
from curation.store.catalogue import FILE_NAME

ROOT = Path(__file__).parents[1]
PROBE = (Path(__file__).with_name("ui_page.js")).read_text()
SIZE = {"width": 1440, "height": 900}
OPENS, KEYS, STEPS, MARKS = 8, 120, 80, 40
WS = "document.querySelector('.rv').workspace"
NOT_OURS = "gr.Gallery"


@contextmanager
def served(*words: str, path: str) -> Iterator[str]:
    """Run a server of ours on a free port until the block ends, and give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, *words, "--port", str(port)], cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        while process.poll() is None:
            with suppress(OSError), urllib.request.urlopen(url + path):
                break
            time.sleep(0.2)
        else:
            raise RuntimeError(f"{' '.join(words)} ended by itself: {process.returncode}")
        yield url
    finally:
        process.terminate()
        process.wait()


class Table:
    """The rows of the report; each says how loaded the machine was while it was taken."""

    def __init__(self, where: str) -> None:
        self.rows: list[Row] = []
        self.where = where

    def add(self, metric: str, values: Sequence[float], goal: float | None, unit: str = "ms",
            gate: float | None = None) -> None:
        """Add the p95 of some values; with one value, that."""
        load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        middle = f"; median {np.median(values):.4g}" if len(values) > 1 else ""
        p95 = float(np.percentile(values, 95)) if len(values) else float("nan")
        self.rows.append(
            Row(f"{metric}, {unit}", p95, gate, goal, False, len(values),
                split=f"{self.where}{middle}; {load}")
        )
        print(f"{metric}: {p95:.4g} {unit}{middle}; {load}", file=sys.stderr, flush=True)


def page_of(browser: Any) -> Any:
    """Return a page with nothing in its cache, with the probe in it."""
    context = browser.new_context(viewport=SIZE)
    context.add_init_script(PROBE)
    page = context.new_page()
    page.set_default_timeout(600_000)
    return page


def drawn_ms(page: Any, url: str, kind: str) -> float:
    """Return how long an address takes to a screen full of loaded thumbnails."""
    page.goto(url)
    page.wait_for_function(f"() => probe.drawnMs.{kind} > 0")
    return float(page.evaluate(f"probe.drawnMs.{kind}"))


def times(page: Any, watch: str, act: Callable[[], None], count: int) -> list[float]:
    """Do something `count` times and return the waits that a watcher in the page saw."""
    page.evaluate(f"() => {{ probe.times = []; probe.stop = probe.watch({watch}); }}")
    for _ in range(count):
        act()
        page.wait_for_function("() => probe.pending === 0")
    page.evaluate("probe.stop()")
    return list(page.evaluate("probe.times"))


def memory_mb(page: Any) -> float:
    """Return what the page's JavaScript holds after a collection, typed arrays with it."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")
    return float(used["usedSize"] + used.get("backingStorageSize", 0)) / 1e6


def slide(page: Any, slider: Any, steps: int) -> Iterator[Callable[[], None]]:
    """Yield what moves a slider's knob a little further, with the mouse held down."""
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    share = slider.evaluate("(i) => (i.value - i.min) / (i.max - i.min)")
    start = box["x"] + 8 + share * (box["width"] - 16)
    page.mouse.move(start, middle)
    page.mouse.down()
    for k in range(steps):
        turn = np.sin(4 * np.pi * (k + 1) / steps) * 0.3 * box["width"]
        to = min(max(start + turn, box["x"] + 4), box["x"] + box["width"] - 4)
        yield lambda to=to: page.mouse.move(to, middle)
    page.mouse.up()


def clock(datastore: Path) -> int:
    """Return how many marking operations are on disk, as another process sees it."""
    db = sqlite3.connect(f"file:{datastore / FILE_NAME}?mode=ro", uri=True, timeout=30)
    try:
        return int(db.execute("SELECT count(*) FROM review WHERE flag != 0").fetchone()[0])
    finally:
        db.close()


def on_disk_ms(datastore: Path, act: Callable[[], None]) -> float:
    """Return how long after the start of an action one mark more is on disk."""
    before = clock(datastore)
    start = time.perf_counter()
    act()
    while clock(datastore) <= before:
        time.sleep(0.002)
    return 1e3 * (time.perf_counter() - start)


def review(browser: Any, url: str, datastore: Path, table: Table) -> None:
    """Measure our workspace."""
    drawn = []
    for _ in range(OPENS):
        page = page_of(browser)
        drawn.append(drawn_ms(page, f"{url}/review", "review"))
        page.context.close()
    table.add("open to a screen full of thumbnails", drawn, 2500)

    page = page_of(browser)
    drawn_ms(page, f"{url}/review", "review")
    page.evaluate(f"{WS}.focus()")
    nodes = [page.evaluate("probe.nodes()")]
    marked = (
        "'keydown', (e) => 'px'.includes(e.key),"
        f" (e) => [{WS}.row, e.key === 'p' ? 1 : -1],"
        f" ([row, flag]) => {WS}.table.flag[row] === flag"
    )
    keys = iter("px" * KEYS)
    table.add("mark key to paint",
              times(page, marked, lambda: page.keyboard.press(next(keys)), KEYS), 50)
    page.wait_for_function(f"() => {WS}.marks.pending === 0")

    shown = ("'keydown', (e) => e.key === 'ArrowRight', () => probe.review.loupe(),"
             " (was) => { const now = probe.review.loupe(); return now && now !== was; }")
    page.keyboard.press("e")
    page.wait_for_function("() => probe.review.loupe()")
    nodes.append(page.evaluate("probe.nodes()"))

    def step() -> None:
        page.wait_for_timeout(120)  # nobody judges a picture faster
        page.keyboard.press("ArrowRight")

    table.add("next picture in the loupe", times(page, shown, step, KEYS), 100)
    page.keyboard.press("g")
    nodes.append(page.evaluate("probe.nodes()"))
    thresholds(page, url, table)
    nodes.append(page.evaluate("probe.nodes()"))
    table.add("nodes in the page, most", [max(nodes)], 800, "count", 800)
    table.add("memory of the page's JavaScript", [memory_mb(page)], 80, "MB", 80)
    page.context.close()
    disk(browser, url, datastore, table)


def thresholds(page: Any, url: str, table: Table) -> None:
    """Drag a threshold with only the picks in view, so that what is shown changes with it."""
    drawn_ms(page, f"{url}/review?verdict=picked", "review")
    page.evaluate(
        f"() => {{ const ws = {WS}; window.decided = {{ any: 0, exact: 0 }};"
        " ws.on('decision', ({ exact }) => { decided.any += 1; decided.exact += exact; });"
        " return Promise.all(ws.judge.thresholds.map((t) => ws.judge.prepare(t.param))); }"
    )
    slider = page.get_by_role("slider", name="Focus of the face", exact=True)
    moved = ("'input', (e) => e.target.type === 'range', () => decided.any,"
             " (was) => decided.any > was, 60")
    acts = slide(page, slider, STEPS)
    first = next(acts)
    waits = times(page, moved, first, 1)
    for act in acts:
        page.wait_for_timeout(30)
        waits += times(page, moved, act, 1)
    table.add("drag a threshold to paint of the re-decided set", waits, 80)
    exact = []
    for k in range(8):
        before = page.evaluate("decided.exact")
        start = time.perf_counter()
        slider.evaluate(
            "(i, k) => { i.value = Number(i.value) + (k % 2 ? 0.1 : -0.1) * (i.max - i.min);"
            " i.dispatchEvent(new Event('input', { bubbles: true })); }", k)
        page.wait_for_function("(was) => decided.exact > was", arg=before)
        exact.append(1e3 * (time.perf_counter() - start))
    table.add("the same, exact with repeats and quotas", exact, None)


def disk(browser: Any, url: str, datastore: Path, table: Table) -> None:
    """Mark, and look on the disk; then mark and close the tab at once."""
    page = page_of(browser)
    drawn_ms(page, f"{url}/review?flag=none", "review")
    page.evaluate(f"{WS}.focus()")
    waits = [on_disk_ms(datastore, lambda: page.keyboard.press("p")) for _ in range(MARKS)]
    table.add("a mark is on disk", waits, 500)
    page.context.close()
    waits = []
    for _ in range(OPENS):
        page = page_of(browser)
        drawn_ms(page, f"{url}/review?flag=none", "review")
        page.evaluate(f"{WS}.focus()")

        def mark_and_leave(page: Any = page) -> None:
            page.keyboard.press("p")
            page.close()

        waits.append(on_disk_ms(datastore, mark_and_leave))
        page.context.close()
    table.add("a mark is on disk, tab closed behind it", waits, 500)


def gallery(browser: Any, url: str, table: Table) -> None:
    """Measure the same actions on gr.Gallery."""
    name = NOT_OURS
    drawn = []
    for _ in range(3):
        page = page_of(browser)
        drawn.append(drawn_ms(page, url, "gallery"))
        page.context.close()
    table.add(f"{name}: open to a screen full of thumbnails", drawn, None)
    page = page_of(browser)
    drawn_ms(page, url, "gallery")
    table.add(f"{name}: nodes in the page", [page.evaluate("probe.nodes()")], None, "count")
    table.add(f"{name}: memory of the page's JavaScript", [memory_mb(page)], None, "MB")
    slider = page.locator("#threshold input[type=range]")
    count = "document.querySelectorAll('#gallery .grid-wrap .thumbnail-item').length"
    moved = f"'input', (e) => e.target.type === 'range', () => {count}, (was) => {count} !== was"
    waits: list[float] = []
    for k, act in enumerate(slide(page, slider, 8)):
        if k < 3:
            waits += times(page, moved, act, 1)
    table.add(f"{name}: move a threshold to paint", waits, None)
    slider.evaluate("(i) => { i.value = 0; i.dispatchEvent(new Event('input', {bubbles: true})); }")
    page.locator("#gallery .grid-wrap .thumbnail-item").first.click()
    page.wait_for_function("() => probe.gallery.loupe()")
    shown = ("'keydown', (e) => e.key === 'ArrowRight', () => probe.gallery.loupe(),"
             " (was) => { const now = probe.gallery.loupe(); return now && now !== was; }")
    table.add(f"{name}: next picture in the preview",
              times(page, shown, lambda: page.keyboard.press("ArrowRight"), 15), None)
    said = "document.querySelector('#gallery').textContent.split('pick').length"
    marked = f"'click', (e) => e.target.closest('#pick'), () => {said}, (was) => {said} !== was"
    table.add(f"{name}: mark to paint",
              times(page, marked, page.locator("#pick").click, 10), None)
    page.context.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Fill or take a catalogue, measure both, report."""
    parser = argparse.ArgumentParser(description="How long does a person wait?")
    parser.add_argument("--frames", type=int, default=240_000)
    parser.add_argument("--datastore", type=Path, help="made by tests.review_store; gets marks")
    parser.add_argument("--gallery", type=int, default=1000, help="items of gr.Gallery, or 0")
    options = parser.parse_args(argv)
    from playwright.sync_api import sync_playwright

    from tests.conftest import chromium

    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as play:
        root = options.datastore or Path(scratch) / "datastore"
        if options.datastore is None:
            from tests.review_store import fill

            fill(root, options.frames).close()
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = play.chromium.launch(
            executable_path=chromium() or shutil.which("chromium"),
            args=[*sandbox, "--disable-dev-shm-usage"],
        )
        table = Table(f"{options.frames:,} rows")
        with served("app.py", "--datastore", str(root), path="/healthz") as url:
            review(browser, url, root, table)
        if options.gallery:
            pictures = root / "videos_folder_1" / "output_images_1"
            table.where = f"{options.gallery:,} items"
            words = ("-m", "bench.gallery_app", str(pictures), "--count", str(options.gallery))
            with served(*words, path="/") as url:
                gallery(browser, url, table)
        browser.close()
    return write("ui", table.rows)


if __name__ == "__main__":
    sys.exit(main())
