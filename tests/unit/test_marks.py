"""Marks: last writer wins and is told, undo is exact for each browser, nothing is done twice."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation.store.catalogue import Catalogue
from curation.store.mark_ops import MarkOps, NothingThere, Op, Outcome, existing
from curation.store.marks import MOST_CHANGES, MarkTable

ANN, BOB = "ann's browser", "bob's browser"
FRAMES = 400


def filled(root: Path, frames: int) -> Catalogue:
    """Return a catalogue with frames 1..n of one video, every tenth of them without a picture."""
    catalogue = Catalogue(root)
    with catalogue.transaction() as db:
        db.execute(
            "INSERT INTO video VALUES (1, 'key', 'a.mp4', 'videos_folder_1/a.mp4', 1, 1, 9, '{}')"
        )
        db.executemany(
            "INSERT INTO frame VALUES (?, 1, ?, ?, ?, 'a.jpg', 64, 48, NULL, 1, 90, 20, 0, ?, 1)",
            ((i, i, i / 30, i, None if i % 10 == 0 else 9) for i in range(1, frames + 1)),
        )
    return catalogue


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return filled(tmp_path / "store", FRAMES)


def mark(
    catalogue: Catalogue, client: str, kind: str, value: Any, frames: Iterable[int]
) -> Outcome:
    op = Op(str(uuid.uuid4()), kind, value, np.array(list(frames), np.int64))
    return MarkOps(catalogue).apply(client, client[:3], [op])[0]


def flags(catalogue: Catalogue, frames: Sequence[int]) -> list[int]:
    flag: list[int] = MarkTable(catalogue).columns(frames)["flag"].tolist()
    return flag


def test_marks_are_columns_in_the_order_that_is_asked(catalogue: Catalogue) -> None:
    assert mark(catalogue, ANN, "flag", 1, [5, 3]).changed == 2
    mark(catalogue, ANN, "flag", -1, [4])
    mark(catalogue, ANN, "stars", 4, [3])
    mark(catalogue, ANN, "label", 2, [3])
    mark(catalogue, ANN, "note", "left hand", [3])
    before = time.time()
    mark(catalogue, ANN, "tag", "beach", [3, 9])
    after = time.time()
    found = MarkTable(catalogue).columns([9, 5, 77, 3, 4, 1234])
    assert found["flag"].tolist() == [0, 1, 0, 1, -1, 0]
    assert found["stars"].tolist() == [0, 0, 0, 4, 0, 0]
    assert found["label"].tolist() == [0, 0, 0, 2, 0, 0]
    assert found["noted"].tolist() == [2, 0, 0, 3, 0, 0]
    assert MarkTable(catalogue).tagged("beach").tolist() == [3, 9]
    assert MarkTable(catalogue).tags() == {"beach": 2}
    look = MarkTable(catalogue).look(3)
    assert before - 1 <= look.pop("marked_s") <= after + 1
    assert look == {
        "flag": 1, "stars": 4, "label": 2, "note": "left hand", "who": "ann", "tags": ["beach"],
    }
    assert MarkTable(catalogue).look(300)["who"] is None


def test_an_op_is_done_once_however_often_it_comes(catalogue: Catalogue) -> None:
    op = Op("the same", "flag", 1, np.array([1, 2]))
    first = MarkOps(catalogue).apply(ANN, "ann", [op])
    mark(catalogue, BOB, "flag", -1, [1])
    assert MarkOps(catalogue).apply(ANN, "ann", [op]) == first
    assert flags(catalogue, [1, 2]) == [-1, 1]


def test_the_last_writer_wins_and_is_told_whom_it_overwrote(catalogue: Catalogue) -> None:
    mark(catalogue, ANN, "flag", 1, [1, 2, 3])
    assert mark(catalogue, ANN, "flag", -1, [1]).overwrote == []
    done = mark(catalogue, BOB, "flag", -1, [1, 2, 4])
    assert done.changed == 2, "frame 1 was rejected already"
    assert done.overwrote == [{"frame": 2, "who": "ann", "kind": "flag"}]
    assert mark(catalogue, BOB, "stars", 3, [1, 2]).overwrote == [], "another kind of mark"


def test_undo_puts_back_what_was_there(catalogue: Catalogue) -> None:
    ops = MarkOps(catalogue)
    mark(catalogue, ANN, "flag", 1, [1, 2])
    mark(catalogue, ANN, "flag", -1, [2, 3])
    mark(catalogue, ANN, "note", "a", [2])
    mark(catalogue, ANN, "note", "b", [2])
    assert ops.undo(ANN).did == "note of 1 frame"
    assert MarkTable(catalogue).look(2)["note"] == "a"
    ops.undo(ANN)
    assert MarkTable(catalogue).look(2)["note"] == ""
    assert ops.undo(ANN).did == "reject of 2 frames"
    assert flags(catalogue, [1, 2, 3]) == [1, 1, 0]
    ops.undo(ANN)
    assert flags(catalogue, [1, 2, 3]) == [0, 0, 0]
    with pytest.raises(NothingThere):
        ops.undo(ANN)
    for _ in range(4):
        ops.redo(ANN)
    assert flags(catalogue, [1, 2, 3]) == [1, -1, -1]
    assert MarkTable(catalogue).look(2)["note"] == "b"
    with pytest.raises(NothingThere):
        ops.redo(ANN)


def test_a_new_mark_ends_what_could_be_done_again(catalogue: Catalogue) -> None:
    ops = MarkOps(catalogue)
    mark(catalogue, ANN, "flag", 1, [1])
    mark(catalogue, BOB, "flag", 1, [2])
    ops.undo(ANN)
    ops.undo(BOB)
    mark(catalogue, ANN, "stars", 1, [9])
    with pytest.raises(NothingThere):
        ops.redo(ANN)
    assert ops.redo(BOB).did == "pick of 1 frame"


def test_undo_leaves_what_somebody_else_changed_since(catalogue: Catalogue) -> None:
    ops = MarkOps(catalogue)
    mark(catalogue, ANN, "flag", 1, [1, 2, 3])
    mark(catalogue, BOB, "flag", -1, [2])
    assert ops.undo(ANN).skipped == 1
    assert flags(catalogue, [1, 2, 3]) == [0, -1, 0]
    assert ops.undo(BOB).skipped == 0
    assert flags(catalogue, [2]) == [0], "Ann's pick below it is undone already"
    assert ops.redo(ANN).skipped == 0
    assert flags(catalogue, [1, 2, 3]) == [1, 1, 1]
    ops.redo(BOB)
    assert flags(catalogue, [1, 2, 3]) == [1, -1, 1]
    assert ops.undo(ANN).skipped == 1
    assert ops.redo(ANN).skipped == 1
    ops.undo(BOB)
    assert flags(catalogue, [1, 2, 3]) == [1, 1, 1], "Ann's pick below it was done again"


def test_an_equal_mark_of_two_people_survives_the_undo_of_one(catalogue: Catalogue) -> None:
    mark(catalogue, ANN, "flag", 1, [1])
    again = mark(catalogue, BOB, "flag", 1, [1])
    assert (again.changed, again.overwrote) == (0, [])
    MarkOps(catalogue).undo(ANN)
    assert flags(catalogue, [1]) == [1]


def test_tags_are_put_on_and_taken_away(catalogue: Catalogue) -> None:
    ops, table = MarkOps(catalogue), MarkTable(catalogue)
    mark(catalogue, ANN, "tag", "sea", [1, 2])
    mark(catalogue, ANN, "tag", "sun", [2])
    assert mark(catalogue, BOB, "untag", "sea", [2, 3]).overwrote == [
        {"frame": 2, "who": "ann", "kind": "tag"}
    ]
    assert table.look(2)["tags"] == ["sun"]
    ops.undo(BOB)
    assert table.look(2)["tags"] == ["sea", "sun"]
    assert table.look(2)["note"] == ""
    ops.undo(ANN)
    ops.undo(ANN)
    assert table.tags() == {}
    assert table.columns([1, 2])["noted"].tolist() == [0, 0]


def test_changes_since_a_revision(catalogue: Catalogue) -> None:
    table, ops = MarkTable(catalogue), MarkOps(catalogue)
    assert table.since(0).columns["frame_id"] == []
    mark(catalogue, ANN, "flag", 1, [1, 2])
    seen = table.revision()
    mark(catalogue, BOB, "stars", 5, [2])
    mark(catalogue, BOB, "note", "x", [7])
    changes = table.since(seen)
    assert not changes.reload and changes.revision == table.revision() > seen
    assert changes.columns == {
        "frame_id": [2, 7], "flag": [1, 0], "stars": [5, 0], "label": [0, 0], "noted": [0, 1],
        "who": ["bob", "bob"],
    }
    ops.undo(BOB)
    assert table.since(changes.revision).columns["frame_id"] == [7], "an undo is a change too"
    assert table.since(0, most=2).reload
    assert table.since(10_000).reload, "a revision of another catalogue"


def test_the_history_of_a_frame(catalogue: Catalogue) -> None:
    mark(catalogue, ANN, "flag", 1, range(1, 50))
    mark(catalogue, BOB, "flag", -1, [7])
    mark(catalogue, ANN, "tag", "sea", [7])
    mark(catalogue, ANN, "stars", 2, [7])
    mark(catalogue, ANN, "flag", 1, [80])
    MarkOps(catalogue).undo(ANN)
    MarkOps(catalogue).undo(ANN)
    told = MarkOps(catalogue).of_frame(7)
    assert [(op["words"], op["who"]) for op in told] == [
        ("tag sea", "ann"), ("reject", "bob"), ("pick", "ann"),
    ]
    assert MarkOps(catalogue).of_frame(399) == []


def test_ranges_hold_the_frames_that_the_page_shows(catalogue: Catalogue) -> None:
    found = MarkTable(catalogue).between([(18, 22), (21, 23), (399, 999)])
    assert found.tolist() == [18, 19, 21, 22, 23, 399]
    known, missing = existing(catalogue, [3, 1, 1, 999])
    assert (known.tolist(), missing.tolist()) == ([1, 3], [999])


class Model:
    """Marks as they should be: the value of a frame is that of its op, ops point below."""

    def __init__(self) -> None:
        self.ops: list[dict[str, Any]] = []
        self.now: dict[int, int] = {}

    def value(self, op: int) -> int:
        return self.ops[op]["value"] if op >= 0 else 0

    def standing(self, frame: int, op: int) -> int:
        while op >= 0 and self.ops[op]["undone"]:
            op = self.ops[op]["below"][frame]
        return op

    def mark(self, client: str, value: int, frames: list[int]) -> None:
        below = {}
        for frame in frames:
            op = self.now.get(frame, -1)
            other = op >= 0 and self.ops[op]["client"] != client
            if self.value(op) != value or other:
                below[frame] = op
        changed = sum(self.value(op) != value for op in below.values())
        if changed:
            for op in self.ops:
                op["gone"] |= op["undone"] and op["client"] == client
        self.ops.append(
            {"client": client, "value": value, "below": below, "undone": False, "gone": False,
             "changed": changed}
        )
        self.now |= dict.fromkeys(below, len(self.ops) - 1)

    def step(self, client: str, undo: bool) -> bool:
        mine = [
            i for i, op in enumerate(self.ops)
            if op["client"] == client and op["changed"] and not op["gone"]
            and op["undone"] is not undo
        ]
        if not mine:
            return False
        number = mine[-1] if undo else mine[0]
        op = self.ops[number]
        for frame, below in op["below"].items():
            if undo and self.now[frame] == number:
                self.now[frame] = self.standing(frame, below)
            elif not undo and self.now.get(frame, -1) == self.standing(frame, below):
                self.now[frame] = number
        op["undone"] = undo
        return True


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_marks_undo_and_redo_of_two_people(tmp_path: Path, seed: int) -> None:
    catalogue = filled(tmp_path, 30)
    rng, model, ops = random.Random(seed), Model(), MarkOps(catalogue)
    for turn in range(70):
        client = rng.choice([ANN, BOB])
        if rng.random() < 0.5:
            value, frames = rng.choice([-1, 0, 1]), rng.sample(range(1, 31), rng.randint(1, 12))
            model.mark(client, value, frames)
            mark(catalogue, client, "flag", value, frames)
        else:
            undo = rng.random() < 0.6
            if model.step(client, undo):
                (ops.undo if undo else ops.redo)(client)
            else:
                with pytest.raises(NothingThere):
                    (ops.undo if undo else ops.redo)(client)
        if turn % 20 == 0:
            catalogue.close()  # a restart changes nothing
        wanted = [model.value(model.now.get(frame, -1)) for frame in range(1, 31)]
        assert flags(catalogue, range(1, 31)) == wanted, turn


def test_a_quarter_of_a_million_frames_in_one_op(tmp_path: Path) -> None:
    n = 240_000
    catalogue = filled(tmp_path, n)
    ids = range(1, n + 1)
    for k in range(60):  # more origins than are written group by group
        mark(catalogue, ANN, "flag", 1 if k % 2 else -1, range(1 + 9 * k, 9 * k + 40))
    before = flags(catalogue, ids)
    statements: list[str] = []
    catalogue.db.set_trace_callback(statements.append)
    assert mark(catalogue, BOB, "flag", -1, ids).changed > 239_000
    assert MarkTable(catalogue).since(1).reload and n > MOST_CHANGES
    assert MarkOps(catalogue).undo(BOB).skipped == 0
    assert flags(catalogue, ids) == before
    MarkOps(catalogue).redo(BOB)
    catalogue.db.set_trace_callback(None)
    assert len(statements) < 3000, "not one for each frame"
    assert set(flags(catalogue, ids)) == {-1}
    size = catalogue.db.execute("SELECT max(length(frames) + length(earlier)) FROM review_op")
    assert size.fetchone()[0] < 100_000, "an op over everything stays small"


def test_joined_ops_are_one_step_of_undo_and_redo(catalogue: Catalogue) -> None:
    ops = MarkOps(catalogue)

    def step(name: str, *parts: tuple[int, list[int]]) -> None:
        joined = [
            Op(f"{name}&{n}", "flag", value, np.array(frames, np.int64))
            for n, (value, frames) in enumerate(parts)
        ]
        ops.apply(ANN, "ann", joined)

    step("a", (-1, [1, 2]), (1, [3]))
    step("b", (-1, [4]), (1, [3]), (1, [5]))  # the second of them changes nothing
    assert flags(catalogue, range(1, 6)) == [-1, -1, 1, -1, 1]
    told = ops.undo(ANN, "once")
    assert told.did == "reject of 1 frame, pick of 1 frame" and told.skipped == 0
    assert ops.undo(ANN, "once") == told  # the answer got lost: nothing more is undone
    assert flags(catalogue, range(1, 6)) == [-1, -1, 1, 0, 0]
    ops.undo(ANN)
    assert flags(catalogue, range(1, 6)) == [0, 0, 0, 0, 0]
    ops.redo(ANN)
    assert flags(catalogue, range(1, 6)) == [-1, -1, 1, 0, 0]
    ops.redo(ANN)
    assert flags(catalogue, range(1, 6)) == [-1, -1, 1, -1, 1]
