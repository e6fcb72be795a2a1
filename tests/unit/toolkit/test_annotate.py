"""annotate fills in, overwrites when asked to, and needs something to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.cli.toolkit import main
from curation.errors import ParamError
from tests.unit.toolkit.trees import do, picture, sidecar_of, tree


def test_only_what_is_missing_is_filled_in(tmp_path: Path) -> None:
    a = picture(tmp_path / "a/1.jpg", source="old", license="")
    b = picture(tmp_path / "a/2.jpg")
    told = do(tmp_path, "annotate", from_dirs="a", source="new", license="cc0")
    assert told["done"] == 2
    assert (sidecar_of(a)["source"], sidecar_of(a)["license"]) == ("old", "cc0")
    assert sidecar_of(b) == {"source": "new", "license": "cc0", "schema": 1}
    do(tmp_path, "annotate", from_dirs="a", source="new", overwrite=True)
    assert sidecar_of(a)["source"] == "new"
    assert do(tmp_path, "annotate", from_dirs="a", source="new", overwrite=True)["done"] == 0


def test_a_corrupt_sidecar_is_told_and_left(tmp_path: Path) -> None:
    picture(tmp_path / "a/1.jpg").with_name("1.jpg.json").write_text("{")
    picture(tmp_path / "a/2.jpg")
    told = do(tmp_path, "annotate", from_dirs="a", origin="o")
    assert told["done"] == 1 and told["failed_items"][0]["item"] == "a/1.jpg"
    assert (tmp_path / "a/1.jpg.json").read_text() == "{"


def test_nothing_to_write_is_a_mistake(tmp_path: Path) -> None:
    picture(tmp_path / "a/1.jpg")
    with pytest.raises(ParamError, match="nothing to write"):
        do(tmp_path, "annotate", from_dirs="a")


def test_the_command_and_its_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture(tmp_path / "a/1.jpg")
    before = tree(tmp_path)
    config = tmp_path.parent / f"{tmp_path.name}.yaml"
    config.write_text(f"working_dir: {tmp_path.name}\nannotate:\n  from: [a]\n  source: yaml\n")
    assert main("annotate", [str(config), "--dry-run"]) == 0
    assert tree(tmp_path) == before and not (tmp_path / ".curation").exists()
    assert main("annotate", [str(config), "-l", "cc0"]) == 0
    assert sidecar_of(tmp_path / "a/1.jpg") == {"source": "yaml", "license": "cc0", "schema": 1}
    config.write_text("annotate:\n  form: a\n")
    assert main("annotate", [str(config)]) == 2
    assert "unknown key 'form'" in capsys.readouterr().err
