"""What people say about who is who, one row for each saying, with undo.

A machine never writes here. An op hangs on frames, so that measuring or extracting again, or
numbering people anew, changes nothing about what was said. What holds now follows from the ops
that are not undone, in their order: curation/learn/people_said.py.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.errors import CurationError, StoreError
from curation.store.catalogue import Catalogue

Ids = npt.NDArray[np.int64]
DONE, UNDONE, GONE = 0, 1, 2
KINDS = ("name", "merge", "split", "not", "consent")
MOST_FRAMES = 10_000_000


class NothingSaid(CurationError):
    """There is nothing to undo, or to redo."""


def _none() -> Ids:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Saying:
    """One thing that somebody says about people.

    Attributes:
        kind: one of KINDS.
        value: what the kind needs, as JSON values.
        shown: (n,) frames that show the person it is about.
        apart: (k,) frames that do not.
        id: its number in the catalogue; 0 before it is there. A person who is first spoken of in
            an op is known by its number from then on.
        done: False when it was undone.
    """

    kind: str
    value: Mapping[str, Any]
    shown: Ids = field(default_factory=_none)
    apart: Ids = field(default_factory=_none)
    id: int = 0
    who: str = ""
    made_s: float = 0.0
    done: bool = True


class PeopleTable:
    """The sayings of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def say(self, saying: Saying, client: str = "", who: str = "") -> int:
        """Write down what somebody says and return its number; it is on the disk then.

        Raises:
            StoreError: for a frame that the catalogue does not have; nothing is written then.
        """
        if saying.kind not in KINDS:
            raise ValueError(f"nobody says {saying.kind!r}")
        shown, apart = (np.unique(ids.astype(np.int64)) for ids in (saying.shown, saying.apart))
        with self.catalogue.lasting() as db:
            self._know(np.concatenate([shown, apart]))
            db.execute(
                "UPDATE person_op SET state = ? WHERE client = ? AND state = ?",
                (GONE, client, UNDONE),
            )
            cursor = db.execute(
                "INSERT INTO person_op (client, who, made_s, kind, value, shown, apart, state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (client, who, time.time(), saying.kind,
                 json.dumps(dict(saying.value), sort_keys=True), _packed(shown), _packed(apart),
                 DONE),
            )
            return int(cursor.lastrowid or 0)

    def all(self) -> list[Saying]:
        """Return what holds, in the order in which it was said."""
        rows = self.catalogue.db.execute(
            "SELECT * FROM person_op WHERE state = ? ORDER BY id", (DONE,)
        )
        return [_saying(row) for row in rows]

    def undo(self, client: str = "") -> Saying:
        """Take back the latest thing that a client said.

        Raises:
            NothingSaid: when there is none.
        """
        return self._turn(client, DONE, UNDONE, "DESC", "undo")

    def redo(self, client: str = "") -> Saying:
        """Say again what was taken back last.

        Raises:
            NothingSaid: when nothing was taken back since the client last said something.
        """
        return self._turn(client, UNDONE, DONE, "ASC", "redo")

    def revision(self) -> str:
        """Return a text that changes with what holds."""
        row = self.catalogue.db.execute(
            "SELECT count(*), coalesce(max(id), 0), coalesce(sum(id * (state = 0)), 0),"
            " coalesce(sum(made_s), 0) FROM person_op"
        ).fetchone()
        return repr(tuple(row))

    def erase(self, persons: Sequence[int], name: str = "") -> int:
        """Forget persons for good: names, notes and all that was said of them; no undo.

        Reasons of decisions lose the name too. Deleted bytes are overwritten.

        Args:
            persons: numbers of the ops that they were first spoken of in, merged ones included.
            name: what they were called.

        Returns:
            How many ops were erased.
        """
        gone = set(persons)
        erased = 0
        self.catalogue.db.execute("PRAGMA secure_delete = ON")
        with self.catalogue.lasting() as db:
            rows = db.execute("SELECT id, value, state FROM person_op ORDER BY id").fetchall()
            for row in rows:
                value = json.loads(row["value"])
                about = {value.get("person"), value.get("into"), value.get("from")} - {None}
                if not about:
                    about = {int(row["id"])}
                # One that was taken back may have named them under a number of its own.
                is_name = bool(name) and (
                    str(value.get("name", "")).casefold() == name.casefold()
                    and row["state"] != DONE
                )
                if about & gone or is_name:
                    db.execute("DELETE FROM person_op WHERE id = ?", (row["id"],))
                    erased += 1
            if name:
                db.execute(
                    "UPDATE decision SET detail = replace(detail, ?, 'somebody')"
                    " WHERE reason IN ('other_person', 'quota_person')", (name,),
                )
        # What was overwritten must not live on in the log beside the file.
        self.catalogue.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return erased

    def where(self, frame_ids: Ids) -> dict[int, tuple[int, float]]:
        """Return frame id -> video and seconds, also of frames that are no longer sampled."""
        rows = self.catalogue.db.execute(
            "SELECT id, video_id, time_s FROM frame WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(frame_ids.tolist()),),
        )
        return {int(row["id"]): (int(row["video_id"]), float(row["time_s"])) for row in rows}

    def _turn(self, client: str, before: int, after: int, order: str, verb: str) -> Saying:
        with self.catalogue.lasting() as db:
            row = db.execute(
                "SELECT * FROM person_op WHERE client = ? AND state = ?"
                f" ORDER BY id {order} LIMIT 1", (client, before),
            ).fetchone()
            if row is None:
                raise NothingSaid(f"there is nothing to {verb} about people")
            db.execute("UPDATE person_op SET state = ? WHERE id = ?", (after, row["id"]))
            return _saying(row)

    def _know(self, frame_ids: Ids) -> None:
        if len(frame_ids) > MOST_FRAMES:
            raise StoreError(f"{len(frame_ids):,} frames are too many for one saying")
        known = self.where(frame_ids)
        missing = [frame_id for frame_id in frame_ids.tolist() if frame_id not in known]
        if missing:
            raise StoreError(f"there is no frame {missing[0]}")


def _packed(ids: Ids) -> bytes:
    return zlib.compress(np.diff(ids, prepend=0).astype("<i8").tobytes())


def _unpacked(raw: bytes) -> Ids:
    found: Ids = np.cumsum(np.frombuffer(zlib.decompress(raw), "<i8")).astype(np.int64)
    return found


def _saying(row: Any) -> Saying:
    return Saying(
        row["kind"], json.loads(row["value"]), _unpacked(row["shown"]), _unpacked(row["apart"]),
        int(row["id"]), row["who"], float(row["made_s"]), row["state"] == DONE,
    )
