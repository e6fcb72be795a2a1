"""validate decodes everything and says what does not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from curation.cli.toolkit import main
from tests.unit.toolkit.trees import do, picture, tree


def test_one_size_and_one_mode_pass(tmp_path: Path) -> None:
    for n in range(3):
        picture(tmp_path / f"a/{n}.png", n, (16, 16))
    before = tree(tmp_path)
    told = do(tmp_path, "validate", from_dirs="a", square=True)
    assert told["passed"] and told["sizes"] == {"16 x 16": 3} and told["modes"] == {"RGB": 3}
    assert sum(told["png_compression"].values()) == 3
    assert tree(tmp_path) == before


def test_what_does_not_fit_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = picture(tmp_path / "a/1.jpg", 1, (64, 64))
    picture(tmp_path / "a/2.jpg", 2, (32, 16))
    Image.new("L", (64, 64)).save(tmp_path / "a/3.jpg")
    (tmp_path / "a/cut.jpg").write_bytes(whole.read_bytes()[:-600])
    picture(tmp_path / "a/side.jpg").with_name("side.jpg.json").write_text("[")
    assert main("validate", ["-d", str(tmp_path), "--from", "a", "--square", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["checks"] == {
        "readable": False, "one size": False, "one mode": False, "square": False,
    }  # fmt: skip
    assert [item["item"] for item in told["failed_items"]] == ["a/cut.jpg", "a/side.jpg"]
    assert main("validate", ["-d", str(tmp_path), "--from", "a", "--strict"]) == 3


def test_no_picture_at_all_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a").mkdir()
    assert main("validate", ["-d", str(tmp_path), "--from", "a"]) == 1
    assert "no picture in a" in capsys.readouterr().err
