"""Applying marks: what a person says holds over every ranking, and goes back exactly."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation import outputs
from curation.decide import by_hand
from curation.errors import CurationError
from curation.params import RankParams
from curation.store.journal import Journal
from curation.store.mark_ops import MarkOps, Op
from curation.studio import Studio
from tests import videos
from tests.web.filled import fill

ROOT = Path(__file__).parents[2]
LAX = RankParams(
    min_focus=-3, max_focus_gap=5, min_eye_open=0, false_face=1, false_face_review=1,
    min_face_px=16, per_video=40, per_video_face=40, second_person=1, diversity=1,
)
"""Limits that leave many picks of few frames."""


@pytest.fixture(scope="module")
def ranked_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("journal") / "datastore"
    folder = root / "videos_folder_1"
    folder.mkdir(parents=True)
    shutil.copy(videos.clip("cuts").path, folder / "cuts.mp4")
    studio = fill(root, [])
    for _ in studio.rank(LAX):
        pass
    studio.close()
    return root


@pytest.fixture
def studio(ranked_once: Path, tmp_path: Path) -> Studio:
    return Studio(Path(shutil.copytree(ranked_once, tmp_path / "datastore")))


def mark(studio: Studio, kind: str, value: Any, frames: Sequence[int]) -> None:
    op = Op(str(uuid.uuid4()), kind, value, np.array(frames, np.int64))
    MarkOps(studio.catalogue).apply("here", "ann", [op])


def run(beats: Any) -> Any:
    return [beat.summary for beat in beats][-1]


def files(studio: Studio) -> dict[str, bytes]:
    """Return all that a ranking writes, with its bytes."""
    named = [studio.root / name for name in ("ranked.csv", "datastore.json", "report.html")]
    found = [*(studio.root / "ranked").rglob("*.jpg"), *named]
    return {path.relative_to(studio.root).as_posix(): path.read_bytes() for path in found}


def decided(studio: Studio) -> dict[int, dict[str, Any]]:
    return {row["frame_id"]: row for row in studio.decisions.each()}


def some(studio: Studio, verdict: str, many: int) -> list[int]:
    rows = [row for row in decided(studio).values() if row["verdict"] == verdict]
    assert len(rows) >= many
    return [row["frame_id"] for row in rows][:many]


def test_a_pick_is_picked_and_a_reject_is_out(studio: Studio) -> None:
    kept, lost = some(studio, "rejected", 3), some(studio, "picked", 2)
    before = decided(studio)
    mark(studio, "flag", 1, kept)
    mark(studio, "flag", -1, lost)
    mark(studio, "stars", 5, kept[:1])
    assert "by hand" not in str(decided(studio)), "nothing moves before it is applied"
    told = run(studio.apply())
    assert told["by_hand"] == {"picked": 3, "rejected": 2} and told["failed_items"] == []
    after = decided(studio)
    for frame_id in kept:
        row = after[frame_id]
        assert (row["verdict"], row["reason"]) == ("picked", by_hand.PICKED)
        assert before[frame_id]["detail"] in row["detail"], "the machine's reason is still told"
    for frame_id in lost:
        row = after[frame_id]
        assert (row["verdict"], row["reason"]) == ("rejected", by_hand.REJECTED)
        assert row["rank"] is None
    assert after[kept[0]]["rank"] == 1, "stars come first"
    picks = outputs.picked(studio.decisions)
    for pool, rows in picks.items():
        assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
        folder = studio.root / "ranked" / outputs.FOLDERS.get(pool, pool)
        assert len(list(folder.glob("*.jpg"))) == len(rows)
    listed = json.loads((studio.root / "datastore.json").read_text())["frames"]
    assert {frame["reason"] for frame in listed} >= {by_hand.PICKED, by_hand.REJECTED}


def test_taking_back_puts_everything_back_byte_by_byte(studio: Studio) -> None:
    start = files(studio), decided(studio)
    mark(studio, "flag", 1, some(studio, "rejected", 4))
    run(studio.apply())
    first = files(studio), decided(studio)
    mark(studio, "flag", -1, some(studio, "picked", 3))
    mark(studio, "note", "no mark that ranks", some(studio, "picked", 1))
    run(studio.apply())
    assert files(studio) != first[0]
    run(studio.apply())  # nothing new: no entry
    studio.close()
    assert [entry["state"] for entry in Journal(studio.catalogue).entries()] == ["done", "done"]
    assert run(studio.unapply())["by_hand"] == {"picked": 4, "rejected": 0}
    assert (files(studio), decided(studio)) == first
    run(studio.unapply())
    assert (files(studio), decided(studio)) == start
    with pytest.raises(CurationError, match="no marks are applied"):
        run(studio.unapply())
    entries = Journal(studio.catalogue).entries()
    assert [entry["state"] for entry in entries] == ["undone", "undone"]
    assert entries[1]["files"]["taken_away"], "the files of each step are told"


def test_a_later_ranking_keeps_to_what_was_applied(studio: Studio) -> None:
    kept, lost = some(studio, "rejected", 2), some(studio, "picked", 1)
    mark(studio, "flag", 1, kept)
    mark(studio, "flag", -1, lost)
    run(studio.apply())
    mark(studio, "flag", 0, kept)  # not applied
    moved = LAX.model_copy(update={"min_focus": 0.3, "per_video": 30})
    run(studio.rank(moved))
    after = decided(studio)
    assert {after[i]["reason"] for i in kept} == {by_hand.PICKED}
    assert after[lost[0]]["reason"] == by_hand.REJECTED
    run(studio.unapply())
    undone = files(studio), decided(studio)
    run(studio.rank(moved))
    assert (files(studio), decided(studio)) == undone, "as if nothing had ever been applied"


def test_what_waits_to_be_applied(studio: Studio) -> None:
    journal = Journal(studio.catalogue)
    assert (journal.waiting(), journal.can_undo()) == (0, False)
    mark(studio, "flag", 1, some(studio, "rejected", 3))
    mark(studio, "label", 1, some(studio, "picked", 3))
    assert journal.waiting() == 3
    run(studio.apply())
    assert (journal.waiting(), journal.can_undo()) == (0, True)
    MarkOps(studio.catalogue).undo("here")
    MarkOps(studio.catalogue).undo("here")
    assert journal.waiting() == 3


@pytest.mark.parametrize("stop", ["lay", "place", "write_reports"])
@pytest.mark.parametrize("verb", ["apply", "unapply"])
def test_a_run_that_dies_anywhere_is_finished_by_the_same_verb(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, verb: str, stop: str
) -> None:
    start = files(studio)
    mark(studio, "flag", 1, some(studio, "rejected", 4))
    if verb == "unapply":
        run(studio.apply())
    where: Any = Journal if stop == "lay" else outputs
    with monkeypatch.context() as patch:
        patch.setattr(where, stop, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(getattr(studio, verb)())
    run(getattr(studio, verb)())
    if verb == "apply":
        assert [entry["state"] for entry in Journal(studio.catalogue).entries()] == ["done"]
        run(studio.unapply())
    assert files(studio) == start
    assert [entry["state"] for entry in Journal(studio.catalogue).entries()] == ["undone"]


def test_frames_that_nobody_measured_can_be_picked(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "datastore")
    for _ in studio.extract([videos.clip("cuts").path]):
        pass
    ids = [frame.id for frame in studio.videos.frames()]
    mark(studio, "flag", 1, ids[:2])
    mark(studio, "flag", -1, ids[2:3])
    assert run(studio.apply())["picked"] == {"none": 2}
    assert len(list((studio.root / "ranked" / "other").glob("*.jpg"))) == 2
    assert (studio.root / "report.html").is_file() and (studio.root / "contact_sheet.jpg").is_file()
    run(studio.unapply())
    assert decided(studio) == {} and not list((studio.root / "ranked").rglob("*.jpg"))


def test_the_verbs_on_the_command_line(studio: Studio) -> None:
    mark(studio, "flag", 1, some(studio, "rejected", 2))

    def typed(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "curation", *words, "--datastore", str(studio.root)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    done = typed("apply")
    assert done.returncode == 0 and "2 picked by hand" in done.stdout, done.stderr
    done = typed("unapply", "--json")
    assert json.loads(done.stdout)["by_hand"] == {"picked": 0, "rejected": 0}
    done = typed("unapply")
    assert done.returncode == 1 and "no marks are applied" in done.stderr


def test_order_within_a_pool() -> None:
    def row(frame_id: int, verdict: str, rank: int | None, score: float | None) -> dict[str, Any]:
        return {
            "frame_id": frame_id, "pool": "face", "verdict": verdict, "reason": "x",
            "detail": "", "rank": rank, "score": score,
        }

    rows = [
        row(1, "picked", 1, 0.5), row(2, "picked", 2, 0.9), row(3, "picked", 3, 0.1),
        row(4, "rejected", None, 0.2), row(5, "rejected", None, 0.8), row(6, "review", None, None),
    ]
    marks = {1: (-1, 0), 3: (0, 2), 4: (1, 0), 5: (1, 0), 6: (1, 0)}
    changed = {new["frame_id"]: new for new in by_hand.overlay(rows, marks)}
    ranks = {row["frame_id"]: changed.get(row["frame_id"], row)["rank"] for row in rows}
    assert ranks == {1: None, 3: 1, 2: 2, 5: 3, 4: 4, 6: 5}
    assert 2 not in changed, "what stays as it was is not told"
    assert changed[3]["reason"] == "x", "stars alone pick nothing and reject nothing"
