"""What a killed process of tests left is removed by the next one; what a living one has is not."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from curation.steps.pose_ultralytics import _settings_folder
from tests.leftovers import own_folder

ROOT = Path(__file__).parents[2]
MAKE = "from tests.leftovers import own_folder; print(own_folder('left'), flush=True);"


def test_folders_go_with_their_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", MAKE]
    ended = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    assert not Path(ended.stdout.strip()).exists()
    command = [sys.executable, "-c", MAKE + "import time; time.sleep(600)"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=env, cwd=ROOT, stdout=pipe, text=True) as killed:
        assert killed.stdout is not None
        theirs = Path(killed.stdout.readline().strip())
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        (tmp_path / "left-behind").mkdir()
        first = own_folder("left")
        assert theirs.is_dir(), "of a process that lives"
        killed.kill()
    second = own_folder("left")
    assert not theirs.exists() and first.is_dir() and second.is_dir()
    assert (tmp_path / "left-behind").is_dir(), "nobody's number"

def test_ultralytics_keeps_one_folder_of_settings_that_is_its_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    first, second = _settings_folder(), _settings_folder()
    assert first == second and first.stat().st_mode & 0o777 == 0o700
    first.rmdir()
    first.symlink_to(tmp_path)  # somebody took the name
    assert _settings_folder().parent == tmp_path and _settings_folder() != first
