"""What steps measured: one narrow table a step, boxes beside it, and the question what is left."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from curation.records import Boxes, Measured, Result, Value
from curation.steps.base import Step
from curation.store.catalogue import Catalogue

SQL_TYPES = {float: "REAL", int: "INTEGER", str: "TEXT", bytes: "BLOB"}


def table_of(step: str) -> str:
    """Return the name of a step's table; ValueError for a name that could not be one."""
    return quoted(f"signal_{step}")


def quoted(name: str) -> str:
    """Return an identifier fit for SQL; ValueError when it holds anything but a-z, 0-9 and _."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"{name!r} cannot name a table or column")
    return f'"{name}"'


class SignalTable:
    """The measurements of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def register(self, step: Step, fp: str) -> int:
        """Make the step's table if need be and return the id of this fingerprint.

        A step whose columns changed gets a new table; the old numbers answered another question.
        """
        columns = {name: SQL_TYPES[kind] for name, kind in step.produces.items()}
        said = json.dumps(step.params.cache_dict(), sort_keys=True)
        return self.register_run(step.name, fp, (step.version, said), columns)

    def register_run(
        self, name: str, fp: str, said: tuple[str, str], columns: Mapping[str, str]
    ) -> int:
        """Do what `register` does, for a step that need not be installed here.

        Args:
            said: the step's version and its parameters as JSON.
            columns: name -> SQL type of what it produces.
        """
        table = table_of(name)
        with self.catalogue.transaction() as db:
            # main: a file of rows that is attached may have a table of that name too.
            have = {r["name"]: r["type"] for r in db.execute(f"PRAGMA main.table_info({table})")}
            if (
                have
                and {k: v for k, v in have.items() if k not in ("frame_id", "run", "error")}
                != columns
            ):
                db.execute(f"DROP TABLE main.{table}")
                have = {}
            if not have:
                extra = "".join(f", {quoted(name)} {kind}" for name, kind in columns.items())
                db.execute(
                    f"CREATE TABLE {table} (frame_id INTEGER PRIMARY KEY REFERENCES frame(id),"
                    f" run INTEGER NOT NULL, error TEXT{extra})"
                )
            db.execute(
                "INSERT INTO step_run (step, fp, version, params) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (name, fp, *said),
            )
            row = db.execute(
                "SELECT id FROM step_run WHERE step = ? AND fp = ?", (name, fp)
            ).fetchone()
        return int(row["id"])

    def pending(
        self, runs: Mapping[str, int], retry_failed: bool = False
    ) -> list[tuple[int, tuple[str, ...]]]:
        """Return (frame id, steps that have not answered) for frames with something left to do.

        Args:
            runs: id of the wanted fingerprint of each step, from `register`.
            retry_failed: ask again where the answer was an error.
        """
        names = list(runs)
        joins = " ".join(
            f"LEFT JOIN {table_of(name)} s{i} ON s{i}.frame_id = f.id AND s{i}.run = {runs[name]}"
            + (f" AND s{i}.error IS NULL" if retry_failed else "")
            for i, name in enumerate(names)
        )
        flags = ", ".join(f"s{i}.frame_id IS NULL" for i in range(len(names)))
        rows = self.catalogue.db.execute(
            f"SELECT f.id, {flags} FROM frame f JOIN video v ON v.id = f.video_id {joins}"
            " WHERE f.file IS NOT NULL AND f.sampled = 1 ORDER BY v.folder_no, v.video_no, f.pts"
        )
        found = (
            (int(row[0]), tuple(name for name, flag in zip(names, row[1:], strict=True) if flag))
            for row in map(tuple, rows)
        )
        return [(frame_id, steps) for frame_id, steps in found if steps]

    def put(
        self, results: Iterable[Result], runs: Mapping[str, int], steps: Sequence[Step]
    ) -> None:
        """Store a batch of results as one transaction, replacing older answers."""
        by_name = {step.name: step for step in steps}
        with self.catalogue.transaction() as db:
            for result in results:
                step = by_name[result.step]
                names = list(step.produces)
                signals = result.measured.signals if result.measured else {}
                columns = "".join(f", {quoted(name)}" for name in names)
                marks = ", ?" * len(names)
                db.execute(
                    f"INSERT OR REPLACE INTO {table_of(step.name)} (frame_id, run, error{columns})"
                    f" VALUES (?, ?, ?{marks})",
                    (
                        result.frame_id,
                        runs[step.name],
                        result.error,
                        *(signals.get(name) for name in names),
                    ),
                )
                if step.detects:
                    db.execute(
                        "DELETE FROM box WHERE frame_id = ? AND step = ?",
                        (result.frame_id, step.name),
                    )
                    if result.measured and result.measured.boxes is not None:
                        db.executemany(
                            "INSERT INTO box VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                            _box_rows(result.frame_id, step.name, result.measured.boxes),
                        )

    def measured(
        self, frame_ids: Sequence[int], steps: Sequence[Step]
    ) -> dict[int, dict[str, Measured]]:
        """Return stored answers of some steps for some frames; errors are left out."""
        ids = json.dumps(list(frame_ids))
        found: dict[int, dict[str, Measured]] = {frame_id: {} for frame_id in frame_ids}
        for step in steps:
            boxes = self.boxes(frame_ids, step.name) if step.detects else {}
            names = list(step.produces)
            columns = "".join(f", {quoted(name)}" for name in names)
            rows = self.catalogue.db.execute(
                f"SELECT frame_id{columns} FROM {table_of(step.name)}"
                " WHERE error IS NULL AND frame_id IN (SELECT value FROM json_each(?))",
                (ids,),
            )
            for row in rows:
                signals: dict[str, Value] = {name: row[name] for name in names}
                found[row["frame_id"]][step.name] = Measured(
                    signals, boxes.get(row["frame_id"], Boxes.empty()) if step.detects else None
                )
        return found

    def boxes(self, frame_ids: Sequence[int], step: str) -> dict[int, Boxes]:
        """Return a step's detections in some frames; frames without any are left out."""
        rows = self.catalogue.db.execute(
            "SELECT * FROM box WHERE step = ? AND frame_id IN (SELECT value FROM json_each(?))"
            " ORDER BY frame_id, n",
            (step, json.dumps(list(frame_ids))),
        ).fetchall()
        by_frame: dict[int, list[Mapping[str, object]]] = {}
        for row in rows:
            by_frame.setdefault(row["frame_id"], []).append(dict(row))
        return {frame_id: _boxes(group) for frame_id, group in by_frame.items()}


def _box_rows(frame_id: int, step: str, boxes: Boxes) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for n in range(len(boxes)):
        keypoints = None if boxes.keypoints is None else boxes.keypoints[n].astype("<f4")
        extra = None if boxes.extra is None else json.dumps(boxes.extra[n], sort_keys=True)
        rows.append(
            (
                frame_id,
                step,
                n,
                boxes.label[n],
                *(float(v) for v in boxes.xyxy_px[n]),
                float(boxes.score[n]),
                None if keypoints is None else keypoints.tobytes(),
                None if keypoints is None else keypoints.shape[1],
                extra,
            )
        )
    return rows


def _boxes(rows: Sequence[Mapping[str, object]]) -> Boxes:
    keypoints = None
    if rows[0]["keypoints"] is not None:
        flat = b"".join(row["keypoints"] for row in rows)  # type: ignore[misc]
        channels = int(rows[0]["channels"])  # type: ignore[call-overload]
        keypoints = np.frombuffer(flat, "<f4").reshape(len(rows), -1, channels).astype(np.float32)
    extra = None
    if rows[0]["extra"] is not None:
        extra = tuple(json.loads(str(row["extra"])) for row in rows)
    return Boxes(
        np.array([[row[k] for k in ("x0", "y0", "x1", "y1")] for row in rows], np.float32),
        np.array([row["score"] for row in rows], np.float32),
        tuple(str(row["label"]) for row in rows),
        keypoints,
        extra,
    )
