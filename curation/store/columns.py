"""The measures of a whole catalogue as numpy columns: what decisions are made from."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from curation.store.catalogue import Catalogue
from curation.store.signals import quoted, table_of

Column = npt.NDArray[Any]
INTEGERS = ("frame_id", "video", "pts", "shot")
HASHES = ("phash", "dhash", "pixels")


def load(catalogue: Catalogue) -> dict[str, Column]:
    """Return every sampled frame's facts and signals, in order of video and time.

    Returns:
        Arrays of one length: int64 for identities and hashes (with boolean has_<hash>), float64
        with NaN for measures, object for texts. `error` names what could not be measured.
    """
    db = catalogue.db
    rows = db.execute(
        "SELECT f.id AS frame_id, f.video_id AS video, f.pts, f.time_s, f.width, f.height,"
        " f.reason AS extract_reason, f.sharpness"
        " FROM frame f JOIN video v ON v.id = f.video_id"
        " WHERE f.sampled = 1 ORDER BY v.folder_no, v.video_no, f.pts"
    ).fetchall()
    names = (
        "frame_id",
        "video",
        "pts",
        "time_s",
        "width",
        "height",
        "extract_reason",
        "sharpness",
    )
    raw = {name: [row[name] for row in rows] for name in names}
    columns: dict[str, Column] = {name: _typed(name, values) for name, values in raw.items()}
    columns["shot"] = _shots(catalogue, columns)
    where = {frame_id: i for i, frame_id in enumerate(raw["frame_id"])}
    error = np.full(len(rows), None, dtype=object)
    for step in _measured_steps(catalogue):
        _load_step(catalogue, step, where, columns, error)
    columns["error"] = error
    return columns


def _measured_steps(catalogue: Catalogue) -> list[str]:
    rows = catalogue.db.execute("SELECT DISTINCT step FROM step_run ORDER BY step")
    return [row["step"] for row in rows]


def _load_step(
    catalogue: Catalogue,
    step: str,
    where: dict[int, int],
    columns: dict[str, Column],
    error: Column,
) -> None:
    table = table_of(step)
    kinds = {
        row["name"]: row["type"]
        for row in catalogue.db.execute(f"PRAGMA table_info({table})")
        if row["name"] not in ("frame_id", "run", "error")
    }
    names = list(kinds)
    listed = "".join(f", {quoted(name)}" for name in names)
    rows = [
        tuple(row) for row in catalogue.db.execute(f"SELECT frame_id, error{listed} FROM {table}")
    ]
    rows = [row for row in rows if row[0] in where]
    at = np.array([where[row[0]] for row in rows], np.int64)
    for i, row in zip(at, rows, strict=True):
        if row[1] is not None and error[i] is None:
            error[i] = f"{step}: {row[1]}"
    for k, name in enumerate(names, start=2):
        values: list[Any] = [None] * len(where)
        for i, row in zip(at, rows, strict=True):
            values[i] = row[k]
        columns[name] = _typed(name, values, kinds[name] in ("TEXT", "BLOB"))
        if name in HASHES:
            columns[f"has_{name}"] = np.array([value is not None for value in values], bool)


def _typed(name: str, values: list[Any], as_object: bool = False) -> Column:
    if name in INTEGERS or name in HASHES:
        return np.array([0 if value is None else value for value in values], np.int64)
    if as_object or name == "extract_reason":
        column = np.empty(len(values), dtype=object)
        column[:] = values
        return column
    return np.array(values, np.float64)


def _shots(catalogue: Catalogue, columns: dict[str, Column]) -> npt.NDArray[np.int64]:
    shot = np.full(len(columns["pts"]), -1, np.int64)
    for video in np.unique(columns["video"]):
        starts = [
            row["start_pts"]
            for row in catalogue.db.execute(
                "SELECT start_pts FROM shot WHERE video_id = ? ORDER BY no", (int(video),)
            )
        ]
        mine = columns["video"] == video
        if starts:
            shot[mine] = np.searchsorted(starts, columns["pts"][mine], side="right") - 1
    return np.maximum(shot, -1)
