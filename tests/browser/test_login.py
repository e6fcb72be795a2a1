"""A locked studio in a real browser, on plain http: in by the page, at work, and out again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import videos
from tests.browser.conftest import ROOT, Seen, Server

pytestmark = [pytest.mark.browser]
PASSWORD = "correct horse battery"


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    store = tmp_path / "datastore"
    (store / "videos_folder_1").mkdir(parents=True)
    os.link(videos.clip("cfr25").path, store / "videos_folder_1" / "a.mp4")
    made = Server(store)
    with monkeypatch.context() as setting:
        setting.setenv("CURATION_PASSWORD", PASSWORD)
        made.start()
    yield made
    made.kill()
    assert "Traceback" not in made.log.read_text()


def audit(store: Path) -> list[dict[str, Any]]:
    words = [sys.executable, "-m", "curation", "audit", "--json", "--datastore", str(store)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=True)
    return list(json.loads(done.stdout))


def test_in_at_work_and_out(page: Any, locked: Server) -> None:
    seen = Seen(page, locked.url)
    page.goto(f"{locked.url}/?tab=extract")
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Password or token").fill("a guess")
    page.get_by_role("button", name="Open the studio").click()
    page.get_by_role("alert").wait_for()
    assert [line.split()[0] for line in seen.refused] == ["401"]
    seen.refused.clear()
    seen.errors.clear()  # the browser's own word for the 401
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Password or token").fill(PASSWORD)
    page.get_by_role("button", name="Open the studio").click()
    page.get_by_role("button", name="Extract frames").click()
    page.locator("[data-job='1']").first.wait_for()
    assert page.evaluate("document.cookie") == ""
    page.goto(f"{locked.url}/audit")
    page.get_by_text("login refused").wait_for()
    assert page.locator("tbody tr").count() == 3
    seen.nothing_bad()
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("Password or token").wait_for()
    page.goto(f"{locked.url}/review")
    page.get_by_label("Password or token").wait_for()
    rows = [(row["action"], row["who"], row["address"]) for row in audit(locked.datastore)]
    here = "127.0.0.1"
    assert rows == [
        ("logout", "Ada", here), ("job", "Ada", here), ("login", "Ada", here),
        ("login refused", "Ada", here),
    ]  # fmt: skip
