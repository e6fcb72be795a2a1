"""What conditions ask of the catalogue beside numbers: texts, names, notes, tags."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.store.catalogue import Catalogue
from curation.store.clock import signal_tables
from curation.store.review_table import rows_of
from curation.store.signals import quoted, table_of

Ids = npt.NDArray[np.int64]


def text_names(catalogue: Catalogue) -> dict[str, str]:
    """Return every stored text of a frame's measures and the step that it comes from."""
    found = {}
    for step in signal_tables(catalogue):
        for row in catalogue.db.execute(f"PRAGMA table_info({table_of(step)})"):
            if row["type"] == "TEXT" and row["name"] != "error":
                found[row["name"]] = step
    return found


def texts(
    catalogue: Catalogue, name: str, step: str, frame_id: Ids
) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Return (n,) positions in the list of a step's texts, -1 for none; and the list."""
    column = quoted(name)
    rows = catalogue.db.execute(
        f"SELECT frame_id, {column} FROM {table_of(step)} WHERE {column} != ''"
    )
    return _coded(rows, frame_id)


def words(catalogue: Catalogue, name: str, step: str) -> list[str]:
    """Return the texts that a step's column holds, in order."""
    column = quoted(name)
    rows = catalogue.db.execute(
        f"SELECT DISTINCT {column} FROM {table_of(step)} WHERE {column} != '' ORDER BY 1 LIMIT 1000"
    )
    return [str(row[0]) for row in rows]


def persons(catalogue: Catalogue) -> list[int]:
    """Return the numbers of the persons that frames were decided to show."""
    rows = catalogue.db.execute(
        "SELECT DISTINCT person FROM decision WHERE person >= 0 ORDER BY 1 LIMIT 1000"
    )
    return [int(row[0]) for row in rows]


def notes(catalogue: Catalogue, frame_id: Ids) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Return (n,) positions in the list of people's notes, -1 for none; and the list."""
    return _coded(
        catalogue.db.execute("SELECT frame_id, note FROM review WHERE note != ''"), frame_id
    )


def video_facts(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return id, name and duration_s of the videos, in order of folder and number."""
    rows = catalogue.db.execute(
        "SELECT id, key, name, duration_s FROM video ORDER BY folder_no, video_no"
    )
    return [dict(row) for row in rows]


def shown(catalogue: Catalogue, frame_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Return what a list of frames tells of each: video, time, file, and what was decided."""
    found = {}
    for frame_id in frame_ids:
        row = catalogue.db.execute(
            "SELECT f.id AS frame_id, v.key || ':' || f.pts AS key, v.name AS video, f.time_s,"
            " f.file, f.width, f.height, d.pool, d.verdict, d.reason, d.detail, d.score, d.rank"
            " FROM frame f JOIN video v ON v.id = f.video_id"
            " LEFT JOIN decision d ON d.frame_id = f.id WHERE f.id = ?",
            (frame_id,),
        ).fetchone()
        if row is not None:
            found[int(frame_id)] = dict(row)
    return found


def places(catalogue: Catalogue, frame_id: Ids) -> npt.NDArray[np.int64]:
    """Return (n, 4) video, pts, and where in its pack the thumbnail lies: offset and bytes.

    A frame that was made anew under an old number has another one of these.
    """
    raw = np.array(
        catalogue.db.execute(
            "SELECT id, video_id, pts, coalesce(thumb_offset, -1), coalesce(thumb_bytes, 0)"
            " FROM frame WHERE sampled = 1"
        ).fetchall(),
        np.int64,
    ).reshape(-1, 5)
    at = rows_of(frame_id, raw[:, 0])
    found = np.full((len(frame_id), 4), -1, np.int64)
    found[at[at >= 0]] = raw[at >= 0, 1:]
    return found


def _coded(rows: Iterable[Any], frame_id: Ids) -> tuple[npt.NDArray[np.int32], list[str]]:
    number: dict[str, int] = {}
    ids, codes = [], []
    for row in rows:
        ids.append(row[0])
        codes.append(number.setdefault(str(row[1]), len(number)))
    at = rows_of(frame_id, np.array(ids, np.int64))
    found = np.full(len(frame_id), -1, np.int32)
    found[at[at >= 0]] = np.array(codes, np.int32)[at >= 0]
    return found, list(number)
