"""Applied marks: which ones ranked/ follows, what stood there before, and the way back.

An entry is begun before the first file moves and ended after the last, so that a killed run is
seen: the same verb, typed again, goes on with it.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from curation.store.catalogue import Catalogue
from curation.store.decisions import bump
from curation.store.marks import MarkTable

BEGUN, DONE, UNDOING, UNDONE = "begun", "done", "undoing", "undone"

Marks = dict[int, tuple[int, int]]
"""Frame id -> (flag, stars)."""
Overlay = Callable[[Iterable[Mapping[str, Any]], Marks], Iterable[dict[str, Any]]]


class Journal:
    """The applied marks of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def applied(self) -> Marks:
        """Return the marks that ranked/ follows."""
        rows = self.catalogue.db.execute("SELECT frame_id, flag, stars FROM applied_mark")
        return {row["frame_id"]: (row["flag"], row["stars"]) for row in rows}

    def waiting(self) -> int:
        """Return how many frames have marks that are not applied yet, or no longer."""
        row = self.catalogue.db.execute(
            "SELECT (SELECT count(*) FROM review r JOIN frame f ON f.id = r.frame_id"
            "  LEFT JOIN applied_mark a ON a.frame_id = r.frame_id WHERE f.sampled = 1"
            "  AND (r.flag != coalesce(a.flag, 0) OR r.stars != coalesce(a.stars, 0)))"
            " + (SELECT count(*) FROM applied_mark a LEFT JOIN review r ON r.frame_id = a.frame_id"
            "  WHERE r.frame_id IS NULL)"
        ).fetchone()
        return int(row[0])

    def can_undo(self) -> bool:
        """Return whether an apply can be taken back."""
        return self._latest(BEGUN, DONE, UNDOING) is not None

    # -- apply and take back ---------------------------------------------------------------------

    def begin(self) -> int | None:
        """Make today's marks the applied ones; return the entry, None when they are so already."""
        wanted, before = MarkTable(self.catalogue).flagged(), self.applied()
        with self.catalogue.transaction() as db:
            entry = self._latest(BEGUN)
            if entry is not None:  # a run that was killed: its "before" is what stood there
                db.execute(
                    "UPDATE journal SET after = ? WHERE id = ?", (_packed(wanted), entry["id"])
                )
                self._set(wanted)
                return int(entry["id"])
            if wanted == before:
                return None
            made = db.execute(
                "INSERT INTO journal (verb, state, made_s, before, after)"
                " VALUES ('apply', ?, ?, ?, ?)",
                (BEGUN, time.time(), _packed(before), _packed(wanted)),
            )
            self._set(wanted)
        return int(made.lastrowid or 0)

    def begin_undo(self) -> int | None:
        """Make the marks before the latest apply the applied ones; None when there is none."""
        with self.catalogue.transaction() as db:
            entry = self._latest(BEGUN, DONE, UNDOING)
            if entry is None:
                return None
            self._set(_marks(entry["before"]))
            db.execute("UPDATE journal SET state = ? WHERE id = ?", (UNDOING, entry["id"]))
        return int(entry["id"])

    def end(self, entry: int, before: Mapping[str, int], after: Mapping[str, int]) -> None:
        """Close an entry with the files that were placed and taken away.

        Args:
            before, after: path -> frame id of the view's files.
        """
        files = {
            "placed": {path: i for path, i in after.items() if before.get(path) != i},
            "taken_away": {path: i for path, i in before.items() if after.get(path) != i},
        }
        self.catalogue.db.execute(
            "UPDATE journal SET state = CASE state WHEN ? THEN ? ELSE ? END, files = ?"
            " WHERE id = ?",
            (BEGUN, DONE, UNDONE, zlib.compress(json.dumps(files).encode()), entry),
        )

    def entries(self) -> list[dict[str, Any]]:
        """Return what was applied and taken back, newest first, with the files of each."""
        rows = self.catalogue.db.execute("SELECT * FROM journal ORDER BY id DESC")
        return [
            {
                "id": row["id"], "verb": row["verb"], "state": row["state"],
                "made_s": row["made_s"], "before": _marks(row["before"]),
                "after": _marks(row["after"]),
                "files": json.loads(zlib.decompress(row["files"])) if row["files"] else {},
            }
            for row in rows
        ]

    # -- decisions ---------------------------------------------------------------------------------

    def lay(self, overlay: Overlay) -> None:
        """Put the applied marks over the machine's decisions, which are kept; one transaction.

        What earlier marks changed is first put back as the machine decided it. All is thought out
        before the transaction begins, so that people who mark meanwhile do not wait for it.

        Args:
            overlay: decide.by_hand.overlay; it changes verdict, reason, detail and rank only.
        """
        machine, marks = self._machine(), self._sampled()
        marks = {i: mark for i, mark in marks.items() if i in machine or mark[0]}
        undecided = {i: _undecided(i) for i in marks if i not in machine}
        changed = list(overlay([*machine.values(), *undecided.values()], marks))
        with self.catalogue.transaction() as db:
            db.execute(
                "DELETE FROM decision WHERE frame_id IN"
                " (SELECT frame_id FROM machine_decision WHERE decision IS NULL)"
            )
            db.execute(
                "UPDATE decision SET verdict = json_extract(m.decision, '$[0]'),"
                " reason = json_extract(m.decision, '$[1]'),"
                " detail = json_extract(m.decision, '$[2]'),"
                " rank = json_extract(m.decision, '$[3]')"
                " FROM machine_decision m WHERE m.frame_id = decision.frame_id"
            )
            db.execute("DELETE FROM machine_decision")
            db.executemany(
                "INSERT INTO decision (frame_id, pool, verdict, reason, detail, parts)"
                " VALUES (:frame_id, :pool, :verdict, :reason, :detail, '{}')",
                undecided.values(),
            )
            db.execute(
                "INSERT INTO machine_decision SELECT d.frame_id, CASE WHEN d.frame_id IN"
                " (SELECT value FROM json_each(?)) THEN NULL"
                " ELSE json_array(d.verdict, d.reason, d.detail, d.rank) END FROM decision d"
                " WHERE d.frame_id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(undecided)), json.dumps([row["frame_id"] for row in changed])),
            )
            db.executemany(
                "UPDATE decision SET verdict = ?, reason = ?, detail = ?, rank = ?"
                " WHERE frame_id = ?",
                [
                    (row["verdict"], row["reason"], row["detail"], row["rank"], row["frame_id"])
                    for row in changed
                ],
            )
            bump(db)

    def _machine(self) -> dict[int, dict[str, Any]]:
        """Return what the machine decided about each frame that it picked or that has a mark."""
        rows = self.catalogue.db.execute(
            "SELECT * FROM (SELECT d.frame_id, d.pool, d.score,"
            " CASE WHEN m.frame_id THEN json_extract(m.decision, '$[0]') ELSE d.verdict END"
            "  AS verdict,"
            " CASE WHEN m.frame_id THEN json_extract(m.decision, '$[1]') ELSE d.reason END"
            "  AS reason,"
            " CASE WHEN m.frame_id THEN json_extract(m.decision, '$[2]') ELSE d.detail END"
            "  AS detail,"
            " CASE WHEN m.frame_id THEN json_extract(m.decision, '$[3]') ELSE d.rank END AS rank"
            " FROM decision d JOIN frame f ON f.id = d.frame_id"
            " LEFT JOIN machine_decision m ON m.frame_id = d.frame_id WHERE f.sampled = 1)"
            " WHERE verdict = 'picked' OR (verdict IS NOT NULL"
            "  AND frame_id IN (SELECT frame_id FROM applied_mark))"
        )
        return {row["frame_id"]: dict(row) for row in rows}

    def _sampled(self) -> Marks:
        rows = self.catalogue.db.execute(
            "SELECT a.* FROM applied_mark a JOIN frame f ON f.id = a.frame_id"
            " WHERE f.sampled = 1 ORDER BY a.frame_id"
        )
        return {row["frame_id"]: (row["flag"], row["stars"]) for row in rows}

    def _set(self, marks: Marks) -> None:
        self.catalogue.db.execute("DELETE FROM applied_mark")
        self.catalogue.db.executemany(
            "INSERT INTO applied_mark VALUES (?, ?, ?)",
            [(i, flag, stars) for i, (flag, stars) in marks.items()],
        )

    def _latest(self, *states: str) -> Any:
        return self.catalogue.db.execute(
            "SELECT id, state, before FROM journal"
            " WHERE state IN (SELECT value FROM json_each(?)) ORDER BY id DESC LIMIT 1",
            (json.dumps(states),),
        ).fetchone()


def _undecided(frame_id: int) -> dict[str, Any]:
    """Return the decision about a frame that nobody measured."""
    words = {"pool": "none", "verdict": "review", "reason": "not_measured"}
    return {
        "frame_id": frame_id, **words, "detail": "no measurement yet", "rank": None, "score": None
    }


def _packed(marks: Marks) -> bytes:
    return zlib.compress(json.dumps([[i, *mark] for i, mark in marks.items()]).encode())


def _marks(blob: bytes) -> Marks:
    return {i: (flag, stars) for i, flag, stars in json.loads(zlib.decompress(blob))}
