"""What toolkit verbs did to files: written down before it happens, to be ended or undone.

A run is a row, each primitive change an op. Ops of one group (a picture and its sidecar) are
inserted in one transaction before the first of them touches the disk; the next group's transaction
marks them done. After a kill, the ops still open are simply done again: each is idempotent.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curation.errors import InputError, NoSpace
from curation.store import here
from curation.store.catalogue import Catalogue

BEGUN, DONE, UNDOING, UNDONE = "begun", "done", "undoing", "undone"
PENDING, APPLIED, TAKEN_BACK, LEFT = 0, 1, 2, 3
Stat = tuple[int, int]
"""mtime in nanoseconds, permission bits."""


@dataclass(frozen=True, slots=True)
class Op:
    """One primitive change.

    Attributes:
        kind: mkdir, put, move, remove or rmdir; times is a folder's time, for undo alone.
        src: of a move.
        before, before_stat: content id and stat of what stood at dst; None when nothing did.
        after, after_stat: of what is put there; of a move, `after` is the file's identity.
        temp: name below .curation/tmp of the content that waits to be put.
        n: number within the run; 0 until it is written down.
    """

    kind: str
    dst: Path
    src: Path | None = None
    before: str | None = None
    before_stat: Stat | None = None
    after: str | None = None
    after_stat: Stat | None = None
    temp: str | None = None
    n: int = 0


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise NoSpace(
            f"the journal cannot be written: {error}", "nothing more is changed without it"
        ) from error


class FileJournal:
    """The file journal of one work dir's catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.lasting = False
        """Groups are on the disk itself, not in the system's memory, when `group` returns."""

    # -- writing --------------------------------------------------------------------------------

    def begin(self, verb: str, argv: Sequence[str]) -> int:
        """Open a run and return its number."""
        made = self.catalogue.db.execute(
            "INSERT INTO file_run (verb, argv, state, begun_s) VALUES (?, ?, ?, ?)",
            (verb, json.dumps(list(argv)), BEGUN, time.time()),
        )
        run = int(made.lastrowid or 0)
        here.begin(self.catalogue, here.RUNS, run)
        return run

    def is_own(self, run: int) -> bool:
        """Return whether a run was begun on this machine, and not by whoever sent the folder."""
        first = here.first_own(self.catalogue, here.RUNS)
        return first is not None and run >= first

    def trust(self) -> None:
        """Take all runs for ones that were begun on this machine: a person says so."""
        here.trust(self.catalogue, here.RUNS)

    def group(self, run: int, ops: Sequence[Op]) -> list[Op]:
        """Write down ops that belong together, and that all earlier ones of the run are done.

        Returns:
            The ops with their numbers.
        """
        written = self.catalogue.lasting if self.lasting else self.catalogue.transaction
        with _told(), written() as db:
            db.execute(
                # A literal state, so that the index of open ops serves: a run may have a million.
                f"UPDATE file_op SET state = ? WHERE run_id = ? AND state = {PENDING}",
                (APPLIED, run),
            )
            last: tuple[int, int] = db.execute(
                "SELECT n, grp FROM file_op WHERE run_id = ? ORDER BY n DESC LIMIT 1", (run,)
            ).fetchone() or (0, 0)
            db.executemany(
                "INSERT INTO file_op VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        run,
                        last[0] + i,
                        last[1] + 1,
                        op.kind,
                        None if op.src is None else self._packed(op.src),
                        self._packed(op.dst),
                        op.before,
                        json.dumps(op.before_stat) if op.before_stat else None,
                        op.after,
                        json.dumps(op.after_stat) if op.after_stat else None,
                        op.temp,
                        PENDING,
                    )
                    for i, op in enumerate(ops, start=1)
                ],
            )
        return [replace(op, n=last[0] + i) for i, op in enumerate(ops, start=1)]

    def end(self, run: int) -> None:
        """Close a run: all its open ops are done."""
        with self.catalogue.transaction() as db:
            db.execute(
                f"UPDATE file_op SET state = ? WHERE run_id = ? AND state = {PENDING}",
                (APPLIED, run),
            )
            db.execute(
                "UPDATE file_run SET state = ?, ended_s = ? WHERE id = ?", (DONE, time.time(), run)
            )

    def settle(self, run: int, op: Op, state: int) -> None:
        """Record that an op was taken back, or left as it is."""
        self.catalogue.db.execute(
            "UPDATE file_op SET state = ? WHERE run_id = ? AND n = ?", (state, run, op.n)
        )

    def mark(self, run: int, state: str) -> None:
        """Set the state of a run."""
        self.catalogue.db.execute(
            "UPDATE file_run SET state = ?, ended_s = ? WHERE id = ?", (state, time.time(), run)
        )

    def state(self, run: int) -> tuple[str, float]:
        """Return the state of a run, and when it ended in seconds since 1970 (now: not yet)."""
        row = self.catalogue.db.execute(
            "SELECT state, ended_s FROM file_run WHERE id = ?", (run,)
        ).fetchone()
        return row["state"], time.time() if row["ended_s"] is None else row["ended_s"]

    def forget(self) -> int:
        """Forget all runs, so that none can be undone any more; return how many."""
        with self.catalogue.transaction() as db:
            db.execute("DELETE FROM file_op")
            return db.execute("DELETE FROM file_run").rowcount

    # -- reading --------------------------------------------------------------------------------

    def open_ops(self) -> list[tuple[int, list[Op]]]:
        """Return runs that were killed, with the ops that may not have happened, in order."""
        rows = self.catalogue.db.execute(
            "SELECT id FROM file_run WHERE state = ? ORDER BY id", (BEGUN,)
        ).fetchall()
        return [(row["id"], self.ops(row["id"], PENDING)) for row in rows]

    def ops(self, run: int, *states: int) -> list[Op]:
        """Return ops of a run in order, of some states or all."""
        wanted = states or (PENDING, APPLIED, TAKEN_BACK, LEFT)
        marks = ", ".join("?" * len(wanted))
        rows = self.catalogue.db.execute(
            f"SELECT * FROM file_op WHERE run_id = ? AND state IN ({marks}) ORDER BY n",
            (run, *wanted),
        )
        return [self._op(row) for row in rows]

    def groups(self, run: int, *states: int) -> list[list[Op]]:
        """Return ops of a run as `ops` does, those that belong together in one list."""
        found: dict[int, list[Op]] = {}
        numbers = dict(
            self.catalogue.db.execute(
                "SELECT n, grp FROM file_op WHERE run_id = ? ORDER BY n", (run,)
            ).fetchall()
        )
        for op in self.ops(run, *states):
            found.setdefault(numbers[op.n], []).append(op)
        return list(found.values())

    def to_undo(self, down_to: int | None = None) -> list[int]:
        """Return the runs to take back, newest first: the latest, or all from one number on.

        Raises:
            InputError: when there is none, or none of that number.
        """
        rows = self.catalogue.db.execute(
            "SELECT id FROM file_run WHERE state != ? AND EXISTS"
            " (SELECT 1 FROM file_op WHERE run_id = id) ORDER BY id DESC",
            (UNDONE,),
        ).fetchall()
        runs = [int(row["id"]) for row in rows]
        if not runs:
            raise InputError(
                f"nothing in {self.catalogue.root.parent} can be undone", "undo --list shows all"
            )
        if down_to is None:
            return runs[:1]
        if down_to not in runs:
            raise InputError(f"there is no run {down_to} to undo", "undo --list shows all")
        return [run for run in runs if run >= down_to]

    def runs(self) -> list[dict[str, Any]]:
        """Return every run, newest first: id, verb, argv, state, begun_s and files by kind."""
        rows = self.catalogue.db.execute("SELECT * FROM file_run ORDER BY id DESC").fetchall()
        counts: dict[int, dict[str, int]] = {}
        for row in self.catalogue.db.execute(
            "SELECT run_id, kind, count(*) FROM file_op WHERE kind != 'times'"
            " GROUP BY run_id, kind"
        ):
            counts.setdefault(row[0], {})[row[1]] = row[2]
        return [
            {
                "id": row["id"],
                "verb": row["verb"],
                "argv": json.loads(row["argv"]),
                "state": row["state"],
                "begun_s": row["begun_s"],
                "files": counts.get(row["id"], {}),
            }
            for row in rows
        ]

    def wrote(self, path: Path) -> bool:
        """Return whether a run put this file where it is."""
        row = self.catalogue.db.execute(
            "SELECT 1 FROM file_op WHERE dst = ? AND kind = 'put' AND state = ? LIMIT 1",
            (self._packed(path), APPLIED),
        ).fetchone()
        return row is not None

    # -- rows -----------------------------------------------------------------------------------

    def _packed(self, path: Path) -> bytes:
        # Bytes: a file name need not be text.
        return os.fsencode(self.catalogue.relative(path))

    def _path(self, packed: bytes) -> Path:
        return self.catalogue.absolute(os.fsdecode(packed))

    def _op(self, row: Any) -> Op:
        def stat(text: str | None) -> Stat | None:
            if not text:
                return None
            mtime_ns, mode = json.loads(text)
            return mtime_ns, mode

        return Op(
            row["kind"],
            self._path(row["dst"]),
            None if row["src"] is None else self._path(row["src"]),
            row["before"],
            stat(row["before_stat"]),
            row["after"],
            stat(row["after_stat"]),
            row["temp"],
            row["n"],
        )
