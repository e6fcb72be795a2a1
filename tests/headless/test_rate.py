"""`python -m curation rate`: marks from the shell are the marks of the review."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from curation.cli.rate import main
from curation.store.marks import MarkTable
from curation.studio import Studio
from tests.headless import exports


@pytest.fixture(scope="module")
def root_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rate") / "datastore"
    exports.filled(root).close()
    return root


@pytest.fixture
def root(root_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(root_once, tmp_path / "my footage"))


def marked(root: Path) -> dict[int, tuple[int, int]]:
    """Return the flag and the stars of every frame that has either."""
    with Studio(root) as studio:
        return MarkTable(studio.catalogue).flagged()


def rate(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    """Run the command and return what it told."""
    assert main([*words, "--datastore", str(root), "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_frames_are_rated_by_name_and_by_condition(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = marked(root)
    new = next(frame for frame in range(1, 300) if frame not in before)
    told = rate(root, capsys, str(new), "--stars", "5")
    assert told["frames"] == [new]
    assert told["changed"] == 1
    assert marked(root)[new] == (0, 5)

    told = rate(root, capsys, "--where", "pool = 'face'", "--flag", "reject")
    with Studio(root) as studio:
        faces = studio.frames_where("pool = 'face'")
    assert sorted(told["frames"]) == sorted(faces)  # type: ignore[call-overload]
    after = marked(root)
    assert {after[frame][0] for frame in faces} == {-1}
    assert {after[frame][1] for frame in before} == {4}, "stars stay"

    outside = next(frame for frame in range(1, 300) if frame not in faces)
    told = rate(root, capsys, str(outside), str(faces[0]), "--where", "pool = 'face'",
                "--flag", "pick")  # fmt: skip
    assert told["frames"] == [faces[0]], "of frames that are named, those that fit"


def test_what_was_rated_is_taken_back_and_done_again(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = marked(root)
    rate(root, capsys, "--where", "pool = 'face'", "--stars", "2")
    between = marked(root)
    assert between != before
    rate(root, capsys, "--undo")
    assert marked(root) == before
    rate(root, capsys, "--redo")
    assert marked(root) == between


def test_it_says_when_ranking_begins_to_learn(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Studio(root) as studio:
        frames = [str(frame) for frame in studio.frames_where("pool = 'face'")][:12]
    first = rate(root, capsys, frames[0], "--stars", "1")
    assert "ranking learns from 10 on" in str(first["then"])
    last = rate(root, capsys, *frames, "--stars", "3")
    assert last["then"] == f"python 03_score_and_rank.py --datastore '{root}'"
    assert main([frames[0], "--stars", "4", "--datastore", str(root)]) == 0
    assert "frames are rated; next: python 03_score_and_rank.py" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--stars", "4"], 2, "say which frames"),
        (["1", "--stars", "6"], 2, "invalid choice"),
        (["1"], 2, "required"),
        (["nosuchframe", "--stars", "4"], 1, "nosuchframe"),
        (["--where", "pool = 'fase'", "--flag", "pick"], 1, "fase"),
        (["--where", "focus > 1e9", "--flag", "pick"], 1, "no frame fits"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(
    root: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    before = marked(root)
    assert main([*words, "--datastore", str(root)]) == code
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert marked(root) == before


def test_a_folder_without_a_catalogue_is_not_made_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["1", "--stars", "4", "--datastore", str(tmp_path / "none")]) == 1
    assert "is no datastore" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
