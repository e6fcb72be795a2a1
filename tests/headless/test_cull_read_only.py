"""A photographer's folder into which nothing may be written: what culling says of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.cli import cull, toolkit
from tests.burst_photos import shoot

WORKS = ("--workers", "1")


def never(*served: Any) -> None:
    raise AssertionError(f"{served} was served")


@pytest.fixture
def locked() -> Iterator[Path]:
    """A folder of photos that can be read and not be written, for whom permissions stop."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    shoot(root / "walk", 2, 2, alone=0)
    for path in (root / "walk").rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    (root / "walk").chmod(0o555)
    yield root / "walk"
    (root / "walk").chmod(0o755)
    shutil.rmtree(root)


def test_a_folder_that_cannot_be_written_is_named_with_the_way_out(
    locked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Whatever is imported late is imported now: a plain user may not read root's Python.
    shoot(tmp_path / "own", 1, 2, alone=0)
    assert cull.main([str(tmp_path / "own"), "--no-serve", *WORKS], never) == 0
    capsys.readouterr()
    before = os.geteuid()
    if not before:
        os.seteuid(65534)
    try:
        assert cull.main([str(locked), "--no-serve", *WORKS], never) == 1
        said = capsys.readouterr().err
        assert toolkit.main("group", [str(locked), *WORKS]) == 1
        grouped = capsys.readouterr().err
    finally:
        os.seteuid(before)
    assert f"cannot use {locked}/.curation as a datastore: Permission denied" in said
    assert f"python -m curation cull {locked} -d PLACE" in said
    assert "Permission denied" in grouped and "with -d" in grouped
    assert "Errno" not in said + grouped and not (locked / ".curation").exists()
    place = tmp_path / "place"  # as the hint says
    place.mkdir()
    assert cull.main([str(locked), "-d", str(place), "--no-serve", *WORKS], never) == 0
    assert (place / ".curation").is_dir()
