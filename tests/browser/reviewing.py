"""The review workspace as a person at the keyboard sees it, and the catalogue behind it."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from curation.store.catalogue import FILE_NAME
from tests.browser.conftest import PATIENCE_MS

WS = "document.querySelector('.rv').workspace"
"""The workspace object in the page; tests look at it, and never act through it."""
SETTLED = f"() => document.querySelector('.rv')?.workspace?.marks && {WS}.marks.pending === 0"
DRAWN = """() => {
  const cells = [...document.querySelectorAll('.rv [role=option]')].filter((c) => c.offsetParent);
  const box = document.querySelector('.rv-stage')?.getBoundingClientRect();
  if (!box) return false;
  const shown = cells.filter((c) => {
    const at = c.getBoundingClientRect();
    return at.bottom > box.top && at.top < box.bottom;
  });
  return shown.length > 0 && shown.every((c) => {
    const img = c.querySelector('img');
    return img && img.src && img.complete && img.naturalWidth > 1;
  });
}"""
"""Whether every cell on the screen shows its thumbnail."""


TOLD = """
window.told = [];
new MutationObserver((all) => {
  for (const { addedNodes } of all) {
    for (const one of addedNodes) {
      if (one.classList?.contains('rv-toast')) window.told.push(one.textContent);
    }
  }
}).observe(document, { childList: true, subtree: true });
"""
"""Remembers what the page says for some seconds only."""
NOT_SAVED = re.compile("not saved|waiting to be saved|offline", re.IGNORECASE)
"""What the page says while the server is away."""
expect.set_options(timeout=PATIENCE_MS)


class Desk:
    """A browser page with the workspace open."""

    def __init__(self, page: Any, url: str, datastore: Path) -> None:
        self.page = page
        page.set_default_timeout(PATIENCE_MS)
        page.add_init_script(TOLD)
        self.url = url
        self.datastore = datastore

    def open(self, query: str = "", path: str = "/review") -> Desk:
        """Go to a view and wait until its thumbnails are there."""
        self.page.goto(f"{self.url}{path}?{query}" if query else f"{self.url}{path}")
        self.ready()
        return self

    def ready(self) -> None:
        """Wait for thumbnails, then take the keyboard."""
        self.page.wait_for_function(DRAWN)
        self.page.evaluate(f"{WS}.focus()")

    def press(self, *keys: str) -> None:
        """Press keys one after the other, as fast as the page takes them."""
        for key in keys:
            self.page.keyboard.press(key)

    def until(self, condition: str, argument: Any = None) -> None:
        """Wait until a JavaScript expression over `ws` holds; `given` is the argument."""
        there = "document.querySelector('.rv')?.workspace"
        self.page.wait_for_function(
            f"(given) => {{ const ws = {there}; return !!ws?.view && ({condition}); }}",
            arg=argument,
        )

    def told(self, text: str) -> None:
        """Wait until the page has said something, be it gone from the screen again."""
        self.page.wait_for_function("(text) => window.told.some((one) => one.includes(text))",
                                    arg=text)  # fmt: skip

    def read(self, expression: str) -> Any:
        """Return a JavaScript expression over `ws`."""
        return self.page.evaluate(f"() => {{ const ws = {WS}; return {expression}; }}")

    @property
    def frame(self) -> int:
        """The frame under the cursor."""
        return int(self.read("ws.table.frameId[ws.row]"))

    @property
    def count(self) -> int:
        """Frames in view."""
        return int(self.read("ws.view.count"))

    def frames(self, first: int = 0, count: int = 10**9) -> list[int]:
        """The frames in view, in their order."""
        ids = self.read("Array.from(ws.view.order, (row) => ws.table.frameId[row])")
        return list(ids[first : first + count])

    def shown(self, kind: str, frames: list[int]) -> list[int]:
        """What the page holds of a mark for frames."""
        return list(
            self.page.evaluate(
                f"([kind, ids]) => ids.map((id) => {WS}.table[kind][{WS}.table.rowOf(id)])",
                [kind, frames],
            )
        )

    def saved(self) -> None:
        """Wait until nothing is on its way to the server."""
        self.page.wait_for_function(SETTLED)

    def stored(self, kind: str, frames: list[int]) -> list[int]:
        """What the catalogue on disk holds of a mark for frames."""
        return stored(self.datastore, kind, frames)


def stored(datastore: Path, kind: str, frames: list[int]) -> list[int]:
    """Return flag, stars or label of frames as another process reads them from the disk."""
    assert kind in ("flag", "stars", "label")
    db = sqlite3.connect(f"file:{datastore / FILE_NAME}?mode=ro", uri=True, timeout=30)
    try:
        rows = dict(db.execute(f"SELECT frame_id, {kind} FROM review"))
    finally:
        db.close()
    return [int(rows.get(frame_id, 0)) for frame_id in frames]


def containing(text: str) -> re.Pattern[str]:
    """Return what matches names that hold a text."""
    return re.compile(re.escape(text))


def eventually(page: Any, holds: Callable[[], bool]) -> None:
    """Wait until something outside the page holds, as long as for what is in it."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < PATIENCE_MS / 1000, "it never came"
        page.wait_for_timeout(20)


__all__ = ["DRAWN", "NOT_SAVED", "WS", "Desk", "containing", "eventually", "expect", "stored"]
