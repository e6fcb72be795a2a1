"""`explain` finds the frame that a person means, and both verbs answer in words or in JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.__main__ import main
from curation.errors import StoreError
from curation.store.lookup import frame_named
from curation.studio import Studio
from tests import videos
from tests.web.filled import fill

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("explained") / "datastore"
    folder = root / "videos_folder_1"
    folder.mkdir(parents=True)
    shutil.copy(videos.clip("cuts").path, folder / "cuts.mp4")
    fill(root, []).close()
    return root


@pytest.fixture
def studio(root: Path) -> Iterator[Studio]:
    made = Studio(root)
    yield made
    made.close()


def picks(studio: Studio) -> list[tuple[int, float, str]]:
    return [(row["frame_id"], row["time_s"], row["file"])
            for row in studio.decisions.page(verdict="picked")]


def test_a_frame_goes_by_many_names(
    studio: Studio, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame_id, time_s, file = picks(studio)[0]
    ranked = next(path for path in sorted((root / "ranked").rglob("*.jpg"))
                  if path.samefile(root / file))
    near = f"{time_s + 0.01:.3f}"
    names = [str(frame_id), file, str(root / file), str(ranked),
             ranked.relative_to(root).as_posix(), f"cuts.mp4@{near}", f"cuts@0:{near}",
             f"videos_folder_1/cuts.mp4@{near}", f"{root}/videos_folder_1/cuts.mp4@{near}"]
    assert [frame_named(studio.catalogue, name) for name in names] == [frame_id] * len(names)
    monkeypatch.chdir(root / "ranked")
    assert frame_named(studio.catalogue, str(ranked.relative_to(root / "ranked"))) == frame_id


@pytest.mark.parametrize("name, says, hints", [
    ("987654", "no frame 987654 in", "VIDEO@SECONDS"),
    ("nowhere.jpg", "nowhere.jpg is no picture of a frame", "VIDEO@SECONDS"),
    ("other.mp4@3", "no video is called 'other.mp4'", "there are: cuts.mp4"),
    ("cuts.mp4@soon", "'soon' in 'cuts.mp4@soon' is no time", "VIDEO@12.5"),
    ("cuts.mp4@-3", "is no time", "VIDEO@12.5"),
    ("cuts.mp4@1:2:3:4", "is no time", "VIDEO@12.5"),
    ("cuts.mp4@inf", "is no time", "VIDEO@12.5"),
])
def test_what_is_no_frame_is_said_with_what_there_is(
    studio: Studio, name: str, says: str, hints: str
) -> None:
    with pytest.raises(StoreError) as raised:
        frame_named(studio.catalogue, name)
    assert says in raised.value.message and hints in raised.value.hint


def test_two_videos_of_one_name_are_told_apart(root: Path, tmp_path: Path) -> None:
    twice = Path(shutil.copytree(root, tmp_path / "twice"))
    other = tmp_path / "elsewhere"
    other.mkdir()
    shutil.copy(videos.clip("vfr").path, other / "cuts.mp4")
    studio = Studio(twice)
    for _ in studio.extract([other / "cuts.mp4"]):
        pass
    with pytest.raises(StoreError, match="2 videos are called"):
        frame_named(studio.catalogue, "cuts.mp4@1")
    there = frame_named(studio.catalogue, f"{other}/cuts.mp4@1")
    assert there != frame_named(studio.catalogue, "videos_folder_1/cuts.mp4@1")
    studio.close()


def test_a_pick_is_explained_in_words(
    studio: Studio, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame_id, time_s, _ = picks(studio)[0]
    assert main(["explain", str(frame_id), "--datastore", str(root)]) == 0
    told = capsys.readouterr().out
    assert f"frame {frame_id}, " in told and f"at {time_s:.2f} s" in told
    assert "Picked: rank 1 of" in told and "a sum of:" in told and "limits:" in told


def test_every_reason_is_explained_as_json(
    studio: Studio, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {row["reason"]: row for row in studio.decisions.each()}
    assert len(rows) > 3
    for reason, row in rows.items():
        name = str(row["frame_id"])
        assert main(["explain", name, "--datastore", str(root), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["frame_id"] == row["frame_id"] and told["reason"] == reason
        assert told["verdict"] == row["verdict"] and told["detail"]


def test_coverage_in_words_and_as_json(
    studio: Studio, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["coverage", "--datastore", str(root)]) == 0
    words = capsys.readouterr().out
    assert main(["coverage", "--datastore", str(root), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["picked"] == len(picks(studio)) and told["axes"]
    assert words.splitlines()[0] == f"{told['picked']} picks of {told['available']} usable frames"


@pytest.mark.parametrize("verb", [["explain", "1"], ["coverage"]])
def test_a_question_makes_no_datastore(
    verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*verb, "--datastore", str(tmp_path / "none")]) == 1
    said = capsys.readouterr().err
    assert "is no datastore" in said and "hint: name it with --datastore" in said
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("verb", [["explain", "1"], ["coverage"]])
def test_an_empty_datastore_says_what_to_type(
    verb: list[str], datastore: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Studio(datastore).close()
    assert main([*verb, "--datastore", str(datastore)]) == 1
    assert "hint: " in capsys.readouterr().err


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 2
    assert "FRAME" in capsys.readouterr().err
    assert main(["coverage", "--help"]) == 0
    assert "lack" in capsys.readouterr().out
    main(["--help"])
    assert "explain" in (usage := capsys.readouterr().out) and "coverage" in usage


@pytest.mark.parametrize("verb", ["explain", "coverage"])
def test_help_is_light(verb: str) -> None:
    code = (
        "import sys\nfrom curation.__main__ import main\n"
        f"main([{verb!r}, '--help'])\n"
        "print('HEAVY', sorted({'numpy', 'pandas', 'cv2', 'av', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          check=True)
    assert done.stdout.rstrip().endswith("HEAVY []")
