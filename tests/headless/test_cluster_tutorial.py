"""docs/tutorial-cluster.md, command by command: many clips, two of them bad, on many machines."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import pytest

from tests.cluster.conftest import PATIENT_RAY
from tests.tutorial import lines, run

BAD = ("clip_006.mp4", "huge.mov")
RAY = [line for line in lines("tutorial-cluster.md") if "ray" in line]


@pytest.fixture(scope="module")
def played(
    tmp_path_factory: pytest.TempPathFactory, weights_dir: Path, sample_clips: list[Path]
) -> tuple[Path, list[tuple[str, str]]]:
    """The folder in which all lines but those about Ray were typed, and what each printed."""
    here = tmp_path_factory.mktemp("evening")
    typed = [line for line in lines("tutorial-cluster.md") if line not in RAY]
    return here, [(line, run(here, line)) for line in typed]


def test_what_fails_is_named_and_mended(played: tuple[Path, list[tuple[str, str]]]) -> None:
    _, told = played
    gathered = [text for line, text in told if " gather " in line]
    assert len(gathered) == 4
    third = [name for name in gathered[0].partition("no part yet:")[2].split() if "clip" in name]
    assert third, "the third machine's share lacks"
    assert "no part yet" not in gathered[2]
    assert "2 failed:" in gathered[2]
    assert all(name in gathered[2] for name in BAD)
    assert "huge.mov: quarantined: it needs more than 300 MB of memory, twice" in gathered[2]
    assert "not named" not in gathered[3], "the broken copy is nobody's video"
    assert "failed:" not in gathered[3] and "2 parts taken in" in gathered[3]
    mended = next(text for line, text in told if "--retry-quarantined" in line)
    assert mended.startswith("2 parts made in parts, 11 were there")
    assert "next: python -m curation gather parts clips\n" in mended


def test_one_set_out_of_all(played: tuple[Path, list[tuple[str, str]]]) -> None:
    here, told = played
    assert next(text for line, text in told if line.endswith(" sort")).startswith("0 frames meas")
    sides: dict[str, set[str]] = {}
    for path in sorted((here / "set").glob("*.tar")):
        with tarfile.open(path) as shard:
            names = shard.getnames()
        assert {Path(name).suffix for name in names} >= {".jpg", ".json"}
        sides.setdefault(path.name.partition("-")[0], set()).update(names)
    rows = (here / "set" / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    pictures = [name for side in sides.values() for name in side if name.endswith(".jpg")]
    assert len(pictures) == len(rows) >= 6
    assert sides.keys() == {"train", "val"}
    assert json.loads(rows[0])["video_name"].startswith("clip_")


def test_the_same_with_ray(
    played: tuple[Path, list[tuple[str, str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page's lines, over two of its clips; tests/cluster holds the rows against a local run."""
    pytest.importorskip("ray", reason="needs pip install -r requirements-ray.txt")
    here, _ = played
    few = tmp_path / "clips"
    few.mkdir()
    for name in ("clip_001.mp4", "clip_002.mp4"):
        shutil.copy2(here / "clips" / name, few)
    assert len(RAY) == 2
    for name, value in PATIENT_RAY.items():
        monkeypatch.setenv(name, value)
    made, gathered = (run(tmp_path, line) for line in RAY)
    assert made.startswith("2 parts made in ray-parts")
    assert "2 parts taken in" in gathered and "failed:" not in gathered
