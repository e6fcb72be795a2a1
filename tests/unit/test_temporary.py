"""Folders in TMPDIR: what a kill leaves is removed by the next, and nothing else is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from curation import temporary

ROOT = Path(__file__).parents[2]
HOLD = """
import subprocess, sys
from pathlib import Path
from curation import temporary
with temporary.folder("fetch", Path(sys.argv[1])) as (folder, lock):
    (folder / "half.whl").write_bytes(b"half")
    (folder / "below").mkdir()
    if sys.argv[2] == "child":
        child = subprocess.Popen(["sleep", "1000"], pass_fds=(lock,), stdout=subprocess.DEVNULL)
        print(child.pid)
    print(folder, flush=True)
    sys.stdin.read()
"""


def held(base: Path, how: str = "alone") -> tuple[subprocess.Popen[str], list[str]]:
    """Return a real process that holds a folder, and what it said of it."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(base), how], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    return process, [process.stdout.readline().strip() for _ in range(1 + (how == "child"))]


def killed(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_what_a_kill_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    process, (left,) = held(tmp_path)
    assert Path(left).stat().st_mode & 0o777 == 0o700
    with temporary.folder("fetch", tmp_path) as (mine, _):
        assert Path(left, "half.whl").exists(), "its holder lives"
        assert mine.is_dir() and mine != Path(left)
    assert not mine.exists()
    killed(process)
    assert Path(left).is_dir()
    with temporary.folder("link", tmp_path):
        assert Path(left).is_dir(), "another kind"
    with temporary.folder("fetch", tmp_path):
        assert not Path(left).exists()


def test_a_child_that_goes_on_holds_it_too(tmp_path: Path) -> None:
    process, (child, left) = held(tmp_path, "child")
    killed(process)
    temporary.sweep("fetch", tmp_path)
    assert Path(left, "half.whl").exists()
    os.kill(int(child), signal.SIGKILL)
    with suppress(psutil.NoSuchProcess):  # its files are taken back before it is a zombie
        while psutil.Process(int(child)).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
    temporary.sweep("fetch", tmp_path)
    assert not Path(left).exists()


def test_nothing_else_is_removed(tmp_path: Path) -> None:
    person = tmp_path / "person"
    person.mkdir(mode=0o700)
    (person / "thesis.txt").write_text("mine")
    (tmp_path / "curation-fetch-link0000").symlink_to(person)
    for name, mode in (("curation-fetch-mine", 0o700), ("curation-fetch-my-own-one", 0o700),
                       ("curation-fetch-open0000", 0o755)):  # fmt: skip
        (tmp_path / name).mkdir(mode=mode)
        (tmp_path / name).chmod(mode)
    (tmp_path / "curation-fetch-file0000").write_text("a file")
    before = sorted(path.name for path in tmp_path.iterdir())
    temporary.sweep("fetch", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert (person / "thesis.txt").read_text() == "mine"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make another user's folder")
def test_other_users_folders_stay(tmp_path: Path) -> None:
    theirs = tmp_path / "curation-fetch-theirs00"
    theirs.mkdir(mode=0o700)
    os.chown(theirs, 12345, 12345)
    temporary.sweep("fetch", tmp_path)
    assert theirs.is_dir()


def test_many_at_once_do_not_sweep_each_other(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from curation import temporary\n"
        "for _ in range(200):\n"
        "    with temporary.folder('fetch', Path(sys.argv[1])) as (folder, _):\n"
        "        (folder / 'x').write_text('x'); assert (folder / 'x').read_text() == 'x'\n"
    )
    several = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT) for _ in range(4)
    ]
    assert [process.wait() for process in several] == [0, 0, 0, 0]
    assert list(tmp_path.iterdir()) == []
