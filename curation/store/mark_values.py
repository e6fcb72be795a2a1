"""Where the values of marks lie, and which op each comes from."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from curation.store.catalogue import Catalogue
from curation.store.marks import Ids, listed

DONE, UNDONE, GONE = 0, 1, 2
DEFAULTS: dict[str, Any] = {"flag": 0, "stars": 0, "label": 0, "note": "", "tag": False}


@dataclass(slots=True)
class Origins:
    """What is known of the ops that values come from; 0 stands for never set."""

    catalogue: Catalogue
    known: dict[int, Any] = field(default_factory=dict)
    covers: dict[int, tuple[Ids, Ids]] = field(default_factory=dict)

    def meet(self, origins: Ids) -> list[int]:
        """Read the ops that are not known yet; return the distinct ones."""
        seen: list[int] = np.unique(origins).tolist()
        new = [op for op in seen if op and op not in self.known]
        rows = self.catalogue.db.execute(
            "SELECT revision, client, who, kind, value, state FROM review_op"
            " WHERE revision IN (SELECT value FROM json_each(?))",
            (listed(new),),
        )
        self.known.update((row["revision"], row) for row in rows)
        return seen

    def value(self, op: int, name: str) -> Any:
        """Return the value that frames have from an op."""
        if not op:
            return DEFAULTS[name]
        row = self.known[op]
        return row["kind"] == "tag" if name == "tag" else json.loads(row["value"])

    def standing(self, ids: Ids, origins: Ids) -> Ids:
        """Return the latest op below each of these that is not undone."""
        found = origins.copy()
        while True:
            gone = [op for op in self.meet(found) if op and self.known[op]["state"] != DONE]
            if not gone:
                return found
            for op in gone:
                if op not in self.covers:
                    self.covers[op] = covered(self.catalogue, op)
                frames, earlier = self.covers[op]
                at = found == op
                found[at] = earlier[np.searchsorted(frames, ids[at])]


@dataclass(frozen=True, slots=True)
class Slot:
    """Where the values of one kind lie: a column of review, or one tag."""

    catalogue: Catalogue
    name: str
    tag: str = ""

    def origins(self, frames: Ids) -> Ids:
        """Return the op that each frame's value comes from, 0 when it was never set."""
        cursor = self.catalogue.db.cursor()
        cursor.row_factory = None
        inside = "frame_id IN (SELECT value FROM json_each(?))"
        if self.name == "tag":
            cursor.execute(
                f"SELECT frame_id, op FROM review_tag WHERE tag = ? AND {inside}",
                (self.tag, listed(frames)),
            )
        else:
            cursor.execute(
                f"SELECT frame_id, {self.name}_op FROM review WHERE {inside}", (listed(frames),)
            )
        rows = np.array(cursor.fetchall(), np.int64).reshape(-1, 2)
        found = np.zeros(len(frames), np.int64)
        found[np.searchsorted(frames, rows[:, 0])] = rows[:, 1]
        return found

    def write(self, frames: Ids, value: Any, op: int, revision: int) -> None:
        """Give frames one value of one op."""
        if len(frames):
            self._put("SELECT {}, value FROM json_each(?) WHERE 1", [(value, op, listed(frames))],
                      revision)

    def write_each(self, rows: Iterator[tuple[int, Any, int]], revision: int) -> None:
        """Give each frame its own value of its own op."""
        kept = [(value, op, frame) for frame, value, op in rows]
        self._put("VALUES ({}, ?)", kept, revision)

    def _put(self, source: str, rows: list[tuple[Any, int, Any]], revision: int) -> None:
        """Write rows of (value, op, frames) to where they belong."""
        db, name = self.catalogue.db, self.name
        update = f"{name}_op = excluded.{name}_op, revision = excluded.revision"
        conflict = f"ON CONFLICT (frame_id) DO UPDATE SET {update}"
        if name == "tag":  # its value has a table of its own; review takes the revision
            db.executemany(
                "INSERT OR REPLACE INTO review_tag (tag, present, op, frame_id)"
                f" {source.format('?, ?, ?')}",
                [(self.tag, *row) for row in rows],
            )
            db.executemany(
                f"INSERT INTO review (tag_op, revision, frame_id) {source.format('?, ?')}"
                f" {conflict}",
                [(op, revision, frames) for _, op, frames in rows],
            )
            return
        db.executemany(
            f"INSERT INTO review ({name}, {name}_op, revision, frame_id)"
            f" {source.format('?, ?, ?')} {conflict}, {name} = excluded.{name}",
            [(value, op, revision, frames) for value, op, frames in rows],
        )


def slot_of(catalogue: Catalogue, kind: str, value: Any) -> Slot:
    """Return where the values of an op lie."""
    if kind in ("tag", "untag"):
        return Slot(catalogue, "tag", str(value))
    return Slot(catalogue, kind)


def covered(catalogue: Catalogue, op: int) -> tuple[Ids, Ids]:
    """Return the frames of an op, ascending, and the op that each value came from before."""
    row = catalogue.db.execute(
        "SELECT frames, earlier FROM review_op WHERE revision = ?", (op,)
    ).fetchone()
    return np.cumsum(_unpacked(row["frames"])), _unpacked(row["earlier"])


def packed(values: Ids) -> bytes:
    """Return int64 numbers as a small blob."""
    return zlib.compress(values.astype("<i8").tobytes(), 1)


def _unpacked(blob: bytes) -> Ids:
    return np.frombuffer(zlib.decompress(blob), "<i8").astype(np.int64)
