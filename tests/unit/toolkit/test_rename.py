"""rename numbers in place, also when the new names are the old ones of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.errors import ParamError
from tests.unit.toolkit.test_plan import undo
from tests.unit.toolkit.trees import do, picture, sidecar_of, tree


def test_names_are_numbered_over_all_folders_with_their_sidecars(tmp_path: Path) -> None:
    for n, name in enumerate(("a/p10.JPG", "a/p9.jpg", "b/z.png")):
        picture(tmp_path / name, n, source=name)
    before = tree(tmp_path)
    assert do(tmp_path, "rename", from_dirs="a,b", prefix="img_", digits=3)["done"] == 3
    assert sidecar_of(tmp_path / "a/img_001.jpg")["source"] == "a/p9.jpg"
    assert sidecar_of(tmp_path / "a/img_002.jpg")["source"] == "a/p10.JPG"
    assert sidecar_of(tmp_path / "b/img_003.png")["source"] == "b/z.png"
    assert len(tree(tmp_path)) == len(before)
    assert do(tmp_path, "rename", from_dirs="a,b", prefix="img_", digits=3)["done"] == 0
    assert undo(tmp_path) == [] and tree(tmp_path) == before


def test_names_may_wander(tmp_path: Path) -> None:
    for n in range(1, 12):
        picture(tmp_path / f"a/{n:02}.jpg", n, source=str(n))
    picture(tmp_path / "a/00.jpg", 50, source="first")
    before = tree(tmp_path)
    told = do(tmp_path, "rename", from_dirs="a")
    assert told["failed_items"] == []
    assert sidecar_of(tmp_path / "a/01.jpg")["source"] == "first"
    assert sidecar_of(tmp_path / "a/12.jpg")["source"] == "11"
    assert undo(tmp_path) == [] and tree(tmp_path) == before


def test_a_prefix_is_no_path(tmp_path: Path) -> None:
    picture(tmp_path / "a/1.jpg")
    for prefix in ("../x", ".x"):
        with pytest.raises(ParamError):
            do(tmp_path, "rename", from_dirs="a", prefix=prefix)
