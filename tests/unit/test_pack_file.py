"""Packs of small pictures: appended, cut back to what is known, and a disk that is full."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.errors import NoSpace, StoreError
from curation.store import pack_file


def test_what_was_not_recorded_is_cut_off(tmp_path: Path) -> None:
    pack = tmp_path / "packs" / "1.pack"
    assert pack_file.append(pack, [b"one", b"three"]) == [0, 3]
    assert pack_file.append(pack, [b"x"]) == [8]
    pack_file.cut(pack, 3)
    assert pack.read_bytes() == b"one"
    assert pack_file.append(pack, [b"two"]) == [3]


def test_a_full_disk_is_no_space() -> None:
    with pytest.raises(NoSpace, match="no space left") as full:
        pack_file.append(Path("/dev/full"), [b"picture"])
    assert "make room" in full.value.hint


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "1.pack").mkdir()
    with pytest.raises(StoreError, match=r"1\.pack: cannot be written"):
        pack_file.append(tmp_path / "1.pack", [b"picture"])
