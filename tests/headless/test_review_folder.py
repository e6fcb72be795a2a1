"""`python -m curation review FOLDER` as a person types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from tests.headless.runs import ROOT
from tests.photos import BAD, shoot
from tests.ports import kept_port

COMMAND = [sys.executable, "-m", "curation", "review"]


def review(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_workspace_opens_over_a_folder(tmp_path: Path) -> None:
    folder = shoot(tmp_path / "walk")
    kept = kept_port()
    port = kept.getsockname()[1]
    running = subprocess.Popen(
        [*COMMAND, str(folder), "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        up = False
        while not up:
            assert running.poll() is None, running.communicate()
            with suppress(OSError), urllib.request.urlopen(f"{url}/healthz") as reply:
                up = reply.status == 200
            time.sleep(0.1)
        with urllib.request.urlopen(f"{url}/frame/1") as reply:
            assert reply.headers["content-type"] == "image/jpeg"
        with urllib.request.urlopen(f"{url}/review") as reply:
            assert reply.status == 200
    finally:
        running.send_signal(signal.SIGINT)
        said, told = running.communicate()
    assert "7 pictures in 2 folders, 7 read now, 5 not usable" in said
    assert f"{url}/review" in told
    for name, words in BAD.items():
        assert any(name in line and words in line for line in told.splitlines()), (name, told)
    assert "Traceback" not in told


def test_reading_alone_is_incremental_and_says_what_failed(tmp_path: Path) -> None:
    folder = shoot(tmp_path / "walk")
    store = tmp_path / "elsewhere"
    first = review(folder, "--no-serve", "--json", "--datastore", store)
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["added"] == 7
    again = review(folder, "--no-serve", "--json", "--datastore", store, "--strict")
    assert again.returncode == 3
    summary = json.loads(again.stdout)
    assert (summary["added"], summary["unchanged"]) == (0, 7)
    assert {Path(item["item"]).name for item in summary["failed_items"]} == set(BAD)
    assert not (folder / ".curation").exists()


@pytest.mark.parametrize("case", ["missing", "empty", "datastore", "usage"])
def test_what_cannot_be_reviewed_says_why(tmp_path: Path, case: str) -> None:
    folder = tmp_path / "folder"
    words = {
        "missing": "is not a folder",
        "empty": "there is no picture",
        "datastore": "is a datastore",
        "usage": "usage:",
    }[case]
    if case != "missing":
        folder.mkdir()
    if case == "datastore":
        (folder / "catalog.sqlite").touch()
    done = review() if case == "usage" else review(folder)
    assert done.returncode == (2 if case == "usage" else 1)
    assert words in done.stderr
    assert "Traceback" not in done.stderr
