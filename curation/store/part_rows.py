"""The rows of one video as a small SQLite file of their own, to travel to another catalogue."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from curation.store.catalogue import FILE_NAME, Catalogue
from curation.store.signals import quoted

STAYS = frozenset(
    "video source_folder source_file origin quarantine pair face_mark decision output_file setting"
    " job audit review review_op review_tag saved_view applied_mark machine_decision journal"
    " file_run file_op indexed_file indexed_measure photo_print not_duplicate cull_run cull_group"
    " cull_member crop proxy still_sum watch_failure person_op taste_proposal".split()
)
"""Tables that do not travel as rows: facts about files, which a part's manifest tells in its own
words, and what people, decisions and comparisons of several videos say."""
SCRUBBED = ("error", "failure")
"""Columns of sentences that may name a file."""


def travelling(db: sqlite3.Connection, schema: str = "main") -> dict[str, list[str]]:
    """Return table -> columns of all tables with rows of a video or of its frames.

    A table that is not known here travels when it says of which video or frame a row is: what a
    later version measures is not lost on the way.
    """
    found: dict[str, list[str]] = {}
    rows = db.execute(f"SELECT name FROM {schema}.sqlite_master WHERE type = 'table'").fetchall()
    for (name,) in map(tuple, rows):
        if name in STAYS or name.startswith("sqlite_") or name == "step_run":
            continue
        columns = [r[1] for r in db.execute(f"PRAGMA {schema}.table_info({quoted(name)})")]
        if {"video_id", "frame_id"} & set(columns):
            found[name] = columns
    return found


def export(
    catalogue: Catalogue, video_id: int, path: Path, words: Mapping[str, str], params: str
) -> None:
    """Write the rows of a video and of its sampled frames into a new file.

    Args:
        words: text -> token: what may not leave this machine (paths), and what stands for it.
        params: JSON of the extraction's parameters, in place of those of this worker.
    """
    path.unlink(missing_ok=True)
    folder = catalogue.db.execute(
        "SELECT folder_no, video_no FROM video WHERE id = ?", (video_id,)
    ).fetchone()
    prefix = f"videos_folder_{folder['folder_no']}/output_images_{folder['video_no']}/"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("ATTACH ? AS src", (str(catalogue.root / FILE_NAME),))
        db.execute("BEGIN")
        tables = travelling(db, "src")
        db.execute("CREATE TEMP TABLE mine AS SELECT id FROM src.frame"
                   " WHERE video_id = ? AND sampled = 1", (video_id,))  # fmt: skip
        for name in [*tables, "step_run"]:
            sql = db.execute(
                "SELECT sql FROM src.sqlite_master WHERE type = 'table' AND name = ?", (name,)
            ).fetchone()[0]
            db.execute(sql)
        for name, columns in tables.items():
            where = "frame_id IN (SELECT id FROM mine)" if "frame_id" in columns else "video_id = ?"
            if name == "frame":
                where = "id IN (SELECT id FROM mine)"
            given = (video_id,) if where.endswith("?") else ()
            listed = ", ".join(quoted(column) for column in columns)
            db.execute(
                f"INSERT INTO main.{quoted(name)} ({listed}) SELECT {listed}"
                f" FROM src.{quoted(name)} WHERE {where}", given,
            )  # fmt: skip
            for column in columns:
                if column in SCRUBBED:
                    _replace(db, name, column, words)
        used = [
            f"SELECT run FROM main.{quoted(name)}"
            for name, columns in tables.items() if "run" in columns
        ]  # fmt: skip
        if used:
            db.execute(
                "INSERT INTO main.step_run SELECT * FROM src.step_run"
                f" WHERE id IN ({' UNION '.join(used)})"
            )
        db.execute("UPDATE main.frame SET file = substr(file, ?)", (len(prefix) + 1,))
        db.execute("UPDATE main.extraction SET params = ?", (params,))
        db.execute("COMMIT")


def _replace(db: sqlite3.Connection, table: str, column: str, words: Mapping[str, str]) -> None:
    for text, token in words.items():
        db.execute(
            f"UPDATE main.{quoted(table)} SET {quoted(column)} = replace({quoted(column)}, ?, ?)"
            f" WHERE {quoted(column)} IS NOT NULL", (text, token),
        )  # fmt: skip
