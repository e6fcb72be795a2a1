"""How marks change: ops, and their undo and redo, exact and unlimited.

An op keeps the frames that it changed and, for each, the op that the value came from before. A
value is thus never copied: to undo is to point back. An op that somebody else's later op covers
stays covered; an earlier op that was itself undone meanwhile is skipped over (`Origins.standing`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from curation.errors import CurationError
from curation.store.catalogue import Catalogue
from curation.store.mark_values import DONE, GONE, UNDONE, Origins, Slot, covered, packed, slot_of
from curation.store.marks import CLOCK, LABELS, Ids, MarkTable

KINDS = ("flag", "stars", "label", "note", "tag", "untag")
MOST_TOLD = 20
STEP = "marks.step"
JOINED = "&"
"""What stands before it is the same in the ids of ops that are one step: undone as one."""
LARGE_GROUP = 200
"""Frames of one value from which one statement for all is quicker than one for each."""


class NothingThere(CurationError):
    """There is nothing to undo, or to redo."""


@dataclass(frozen=True, slots=True)
class Op:
    """One thing that a person does to frames.

    Attributes:
        id: made by whoever sends it; the same id is done once.
        value: flag -1..1, stars 0..5, label 0..5, the note, or the tag.
        frames: (n,) ids that exist.
    """

    id: str
    kind: str
    value: Any
    frames: Ids


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an op did.

    Attributes:
        changed: frames whose value is another now.
        overwrote: the first marks of other browsers that it replaced: frame, who, kind.
    """

    id: str
    revision: int
    changed: int
    overwrote: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Step:
    """What an undo or a redo did.

    Attributes:
        did: in words, such as "pick of 12 frames".
        skipped: frames that somebody else changed since; they stay as they are.
        op: id of the op that was taken back or done again, of joined ones what they share: another
            tab of the same browser may have made it.
    """

    revision: int
    did: str
    skipped: int
    op: str = ""


class MarkOps:
    """Writes marks; every answer is on the disk, not only in the system's memory."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def apply(self, client: str, who: str, ops: Sequence[Op]) -> list[Outcome]:
        """Do ops in their order, as one transaction; one that is known already is told again.

        Args:
            client: the browser; undo is one history for each.
        """
        with self.catalogue.lasting():
            return [self._apply(client, who, op) for op in ops]

    def undo(self, client: str, step_id: str = "") -> Step:
        """Take back the latest step of a client that changed something: an op, or joined ones.

        Args:
            step_id: made by whoever asks; the same id, asked again at once, is done once.

        Raises:
            NothingThere: when there is none.
        """
        with self.catalogue.lasting() as db:
            if told := self._told(client, step_id):
                return told
            op = self._next(client, DONE)
            if op is None:
                raise NothingThere("there is nothing to undo")
            steps = [self._undo(db, op)]
            while (more := self._next(client, DONE)) is not None and _joined(op, more):
                steps.append(self._undo(db, more))
            return self._tell(client, step_id, _one_step(steps[::-1]))

    def _undo(self, db: Any, op: Any) -> Step:
        frames, earlier = covered(self.catalogue, op["revision"])
        slot = slot_of(self.catalogue, op["kind"], json.loads(op["value"]))
        mine = slot.origins(frames) == op["revision"]
        db.execute("UPDATE review_op SET state = ? WHERE revision = ?", (UNDONE, op["revision"]))
        return self._restore(op, slot, frames, earlier, mine)

    def redo(self, client: str, step_id: str = "") -> Step:
        """Do again what was undone last.

        Raises:
            NothingThere: when nothing was undone since the client's last op.
        """
        with self.catalogue.lasting() as db:
            if told := self._told(client, step_id):
                return told
            op = self._next(client, UNDONE)
            if op is None:
                raise NothingThere("there is nothing to redo")
            steps = [self._redo(db, op)]
            while (more := self._next(client, UNDONE)) is not None and _joined(op, more):
                steps.append(self._redo(db, more))
            return self._tell(client, step_id, _one_step(steps))

    def _redo(self, db: Any, op: Any) -> Step:
        frames, earlier = covered(self.catalogue, op["revision"])
        slot = slot_of(self.catalogue, op["kind"], json.loads(op["value"]))
        below = Origins(self.catalogue).standing(frames, earlier)
        free = slot.origins(frames) == below
        db.execute("UPDATE review_op SET state = ? WHERE revision = ?", (DONE, op["revision"]))
        target = np.full(len(frames), op["revision"], np.int64)
        return self._restore(op, slot, frames, target, free)

    def next_size(self, client: str, undone: bool) -> int:
        """Return how many frames the next undo, or redo, is about; 0 when there is none."""
        op = self._next(client, UNDONE if undone else DONE)
        return 0 if op is None else int(op["changed"])

    def next_words(self, client: str, undone: bool) -> str | None:
        """Return what the next undo, or redo, is about, in words."""
        op = self._next(client, UNDONE if undone else DONE)
        return None if op is None else in_words(op["kind"], json.loads(op["value"]), op["changed"])

    def of_frame(self, frame_id: int, most: int = MOST_TOLD) -> list[dict[str, Any]]:
        """Return the ops that a frame's values come from, and those below them, newest first."""
        db = self.catalogue.db
        row = db.execute(
            "SELECT flag_op, stars_op, label_op, note_op FROM review WHERE frame_id = ?",
            (frame_id,),
        ).fetchone()
        tags = db.execute("SELECT op FROM review_tag WHERE frame_id = ?", (frame_id,))
        heads = {int(op) for op in [*(row or ()), *(each["op"] for each in tags)]} - {0}
        found: list[dict[str, Any]] = []
        while heads and len(found) < most:
            op = max(heads)
            heads.remove(op)
            frames, earlier = covered(self.catalogue, op)
            heads |= {int(earlier[np.searchsorted(frames, frame_id)])} - {0}
            told = db.execute(
                "SELECT kind, value, who, made_s, state FROM review_op WHERE revision = ?", (op,)
            ).fetchone()
            if told["state"] == DONE:
                value = json.loads(told["value"])
                words = {"value": value, "words": in_words(told["kind"], value)}
                found.append({**{k: told[k] for k in ("kind", "who", "made_s")}, **words})
        return found

    # -- one op ------------------------------------------------------------------------------

    def _apply(self, client: str, who: str, op: Op) -> Outcome:
        db = self.catalogue.db
        known = db.execute(
            "SELECT revision, changed, overwrote FROM review_op WHERE id = ?", (op.id,)
        ).fetchone()
        if known is not None:
            told = json.loads(known["overwrote"])
            return Outcome(op.id, known["revision"], known["changed"], told)
        revision = self._tick()
        slot, origins = slot_of(self.catalogue, op.kind, op.value), Origins(self.catalogue)
        value = op.kind == "tag" if slot.name == "tag" else op.value
        frames = _ascending(op.frames)
        earlier = slot.origins(frames)
        seen = origins.meet(earlier)
        # An equal value of another browser's is taken over: its undo must not take this one away.
        other = np.isin(earlier, [o for o in seen if o and origins.known[o]["client"] != client])
        moved = ~np.isin(earlier, [o for o in seen if origins.value(o, slot.name) == value])
        told = [
            {"frame": int(frame), "who": origins.known[int(o)]["who"], "kind": slot.name}
            for frame, o in zip(
                frames[other & moved][:MOST_TOLD], earlier[other & moved][:MOST_TOLD], strict=True
            )
        ]
        taken = other | moved
        frames, earlier, changed = frames[taken], earlier[taken], int(moved.sum())
        slot.write(frames, value, revision, revision)
        if changed:
            db.execute(
                "UPDATE review_op SET state = ? WHERE client = ? AND state = ?",
                (GONE, client, UNDONE),
            )
        db.execute(
            "INSERT INTO review_op VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                revision, op.id, client, who, op.kind, json.dumps(op.value), time.time(), DONE,
                changed, packed(np.diff(frames, prepend=0)), packed(earlier), json.dumps(told),
            ),
        )
        return Outcome(op.id, revision, changed, told)

    def _restore(self, op: Any, slot: Slot, frames: Ids, target: Ids, where: Any) -> Step:
        """Give the frames of a mask the values of these ops, or of what stands below them."""
        revision = self._tick()
        origins = Origins(self.catalogue)
        ids, source = frames[where], origins.standing(frames[where], target[where])
        groups = origins.meet(source)
        values = {each: origins.value(each, slot.name) for each in groups}
        sizes = np.unique(source, return_counts=True)[1].tolist()
        large = [each for each, n in zip(groups, sizes, strict=True) if n >= LARGE_GROUP]
        for each in large:
            slot.write(ids[source == each], values[each], each, revision)
        few = ~np.isin(source, large)
        rest = zip(ids[few].tolist(), source[few].tolist(), strict=True)
        slot.write_each(((frame, values[o], o) for frame, o in rest), revision)
        did = in_words(op["kind"], json.loads(op["value"]), op["changed"])
        return Step(revision, did, int(len(frames) - len(ids)), op["id"])

    def _next(self, client: str, state: int) -> Any:
        order = "DESC" if state == DONE else "ASC"
        return self.catalogue.db.execute(
            "SELECT revision, id, kind, value, changed FROM review_op"
            f" WHERE client = ? AND state = ? AND changed > 0 ORDER BY revision {order} LIMIT 1",
            (client, state),
        ).fetchone()

    def _told(self, client: str, step_id: str) -> Step | None:
        """Return what a step did whose answer got lost on its way."""
        last = self.catalogue.recall(f"{STEP}.{client}") if step_id else None
        return Step(**last["step"]) if last and last["id"] == step_id else None

    def _tell(self, client: str, step_id: str, step: Step) -> Step:
        if step_id:
            self.catalogue.db.execute(
                "INSERT OR REPLACE INTO setting VALUES (?, ?)",
                (f"{STEP}.{client}", json.dumps({"id": step_id, "step": asdict(step)})),
            )
        return step

    def _tick(self) -> int:
        row = self.catalogue.db.execute(
            "INSERT INTO setting VALUES (?, '1')"
            " ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1 RETURNING value",
            (CLOCK,),
        ).fetchone()
        return int(row[0])


def _joined(one: Any, other: Any) -> bool:
    """Return whether two ops are parts of one step."""
    first, mark, _ = one["id"].partition(JOINED)
    return bool(mark) and other["id"].partition(JOINED)[0] == first


def _one_step(steps: Sequence[Step]) -> Step:
    """Return what joined ops did, in the order they were done."""
    did = ", ".join(step.did for step in steps)
    name = steps[0].op.partition(JOINED)[0]
    skipped = sum(step.skipped for step in steps)
    return Step(max(step.revision for step in steps), did, skipped, name)


def in_words(kind: str, value: Any, frames: int | None = None) -> str:
    """Return an op in words, such as "pick of 12 frames"."""
    if kind == "flag":
        what = {1: "pick", 0: "clear", -1: "reject"}[value]
    elif kind == "stars":
        what = "1 star" if value == 1 else f"{value or 'no'} stars"
    elif kind == "label":
        what = f"label {LABELS[value - 1]}" if value else "no label"
    elif kind == "note":
        what = "note" if value else "no note"
    else:
        what = f"{'tag' if kind == 'tag' else 'take away tag'} {value}"
    many = "" if frames is None else f" of {frames:,} frame{'' if frames == 1 else 's'}"
    return what + many


def existing(catalogue: Catalogue, frame_ids: Sequence[int]) -> tuple[Ids, Ids]:
    """Return which ids are frames, and which are not; both ascending."""
    asked = np.unique(np.asarray(frame_ids, np.int64))
    known = MarkTable(catalogue).known(asked.tolist())
    return known, np.setdiff1d(asked, known)


def _ascending(frames: Ids) -> Ids:
    """Return ids in order, each once; most come so already."""
    ids = frames.astype(np.int64)
    return ids if bool((np.diff(ids) > 0).all()) else np.unique(ids)
