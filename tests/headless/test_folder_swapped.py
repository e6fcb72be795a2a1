"""Somebody who may write in a work dir puts a link in the place of its folders while it is used."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from PIL import Image

from curation.errors import InputError
from curation.toolkit.renaming import pinned

ROOT = Path(__file__).parents[2]
MANY = 150


@contextmanager
def swapped(folder: Path, other: Path) -> Iterator[None]:
    """Let a folder's name be a link to another one now and then."""
    ended, aside = threading.Event(), folder.with_name("aside")

    def swap() -> None:
        while not ended.is_set():
            with suppress(OSError):
                folder.rename(aside)
                folder.symlink_to(other)
            time.sleep(0.0005)
            if folder.is_symlink():
                folder.unlink()
            with suppress(OSError):
                aside.rename(folder)
            time.sleep(0.0015)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def ran(*words: str) -> int:
    command = [sys.executable, "-m", "curation", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode


@pytest.fixture
def work(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    (made / "raw").mkdir(parents=True)
    (made / "out").mkdir()
    for i in range(MANY):
        Image.new("RGB", (32, 32), (i, 7, 7)).save(made / "raw" / f"{i}.png")
    return made


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Return somebody's folder with files of the same names."""
    made = tmp_path / "theirs"
    made.mkdir()
    for i in range(MANY):
        (made / f"{i}.png").write_text("mine")
    return made


def texts(folder: Path) -> list[str]:
    return [path.read_text() for path in folder.iterdir()]


def test_undo_removes_no_file_of_another_folder(work: Path, theirs: Path) -> None:
    words = ("--from", "raw", "--to", "out", "--min-side", "10")
    assert ran("select", "-d", str(work), *words) == 0
    with swapped(work / "out", theirs):
        ran("undo", str(work))
    assert texts(theirs) == ["mine"] * MANY
    assert len(list((work / "raw").iterdir())) == MANY


@pytest.mark.parametrize("how", [(), ("--move",)])
def test_nothing_is_put_into_another_folder(work: Path, tmp_path: Path, how: tuple[str]) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with swapped(work / "out", empty):
        ran("select", "-d", str(work), "--from", "raw", "--to", "out", "--min-side", "10", *how)
    assert list(empty.iterdir()) == []
    # A folder that was made in a moment without one keeps the other aside.
    there = {path.name for name in ("raw", "out", "aside") for path in (work / name).glob("*.png")}
    assert len(there) == MANY, "no picture is lost"


def test_a_pinned_name_stays_in_its_folder(tmp_path: Path) -> None:
    here, other = tmp_path / "here", tmp_path / "other"
    for folder in (here, other):
        folder.mkdir()
        (folder / "x").write_text(folder.name)
    with pinned(here / "x", tmp_path) as name:
        here.rename(tmp_path / "gone")
        here.symlink_to(other)
        assert name.read_text() == "here"
        name.unlink()
    assert (other / "x").read_text() == "other" and not (tmp_path / "gone" / "x").exists()
    with pytest.raises(InputError, match="leads out of"), pinned(here / "x", tmp_path / "gone"):
        raise AssertionError("it was let in")
    with pytest.raises(OSError, match="gone") as told, pinned(tmp_path / "gone" / "x") as name:
        name.unlink()
    assert told.value.filename == str(tmp_path / "gone" / "x")
    with pinned(tmp_path / "none" / "x") as name:
        assert not os.path.lexists(name)
