"""`watch` with the real verbs: killed in the middle, begun again, each video exactly once."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests import videos
from tests.headless.runs import ROOT

pytestmark = pytest.mark.slow
KILLS = 4
WORDS = ("--recipe", "recipes/small.yaml", "--poll-s", "0.3", "--settle-s", "0.6")


def command(folder: Path, datastore: Path, *more: str) -> list[str]:
    words = [str(folder), "--datastore", str(datastore), *WORDS, *more]
    return [sys.executable, "-m", "curation", "watch", *words]


def finish(folder: Path, datastore: Path) -> dict[str, Any]:
    done = subprocess.run(
        command(folder, datastore, "--once", "--json"),
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def frames(datastore: Path) -> list[tuple[str, int]]:
    db = sqlite3.connect(datastore / "catalog.sqlite")
    sql = "SELECT v.key, f.pts FROM frame f JOIN video v ON v.id = f.video_id ORDER BY 1, 2"
    return list(db.execute(sql))


def test_a_watcher_that_is_killed_takes_each_video_once(
    tmp_path: Path, weights_dir: Path
) -> None:
    calm_folder, folder = tmp_path / "calm", tmp_path / "drop"
    for one in (calm_folder, folder):
        one.mkdir()
    for name in ("cuts", "vfr"):
        shutil.copy(videos.clip(name).path, calm_folder / f"{name}.mp4")
    begun = time.monotonic()
    calm = finish(calm_folder, tmp_path / "calm store")
    length_s = time.monotonic() - begun
    assert len(calm["taken"]) == 2

    store = tmp_path / "store"
    rng = random.Random(7)
    shutil.copy(videos.clip("cuts").path, folder / "cuts.mp4")
    late = videos.clip("vfr").path.read_bytes()
    for k in range(KILLS):
        process = subprocess.Popen(
            command(folder, store), cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL
        )
        with (folder / "vfr.mp4").open("ab") as file:  # it arrives slowly, over all the kills
            file.write(late[len(late) * k // KILLS : len(late) * (k + 1) // KILLS])
        time.sleep(rng.uniform(0.2, 0.9) * length_s)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    shutil.copy(folder / "cuts.mp4", folder / "cuts again.mp4")
    finish(folder, store)
    assert frames(store) == frames(tmp_path / "calm store")
    assert finish(folder, store)["taken"] == []
    assert (store / "ranked.csv").is_file()


def test_an_interrupted_watcher_says_how_to_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    process = subprocess.Popen(
        command(folder, tmp_path / "store"), cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    assert "0 taken in" in line
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "nothing is lost" in said
