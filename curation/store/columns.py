"""The measures of a whole catalogue as numpy columns: what decisions are made from.

Rows of SQLite go straight into structured arrays; a list of row objects takes four times as long.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.store.catalogue import Catalogue
from curation.store.signals import quoted, table_of

Column = npt.NDArray[Any]
INTEGERS = ("frame_id", "video", "pts", "shot")
HASHES = ("phash", "dhash", "pixels")
MISSING = -1.7976931348623157e308
"""Stands for NULL on the way: numpy takes no None for a number, SQLite holds no NaN."""

FRAMES = {
    "frame_id": "f.id",
    "video": "f.video_id",
    "pts": "f.pts",
    "time_s": "f.time_s",
    "width": "f.width",
    "height": "f.height",
    "extract_reason": "f.reason",
    "sharpness": "f.sharpness",
}


def load(catalogue: Catalogue) -> dict[str, Column]:
    """Return every sampled frame's facts and signals, in order of video and time.

    Returns:
        Arrays of one length: int64 for identities and hashes (with boolean has_<hash>), float64
        with NaN for measures, object for texts. `error` names what could not be measured.
    """
    fields = [
        _field(name, sql, "TEXT" if name == "extract_reason" else "REAL")
        for name, sql in FRAMES.items()
    ]
    raw = _read(
        catalogue,
        [field for group in fields for field in group],
        "frame f JOIN video v ON v.id = f.video_id WHERE f.sampled = 1"
        " ORDER BY v.folder_no, v.video_no, f.pts",
    )
    columns: dict[str, Column] = {name: _known(raw[name]) for name in FRAMES}
    columns["shot"] = _shots(catalogue, columns)
    order = np.argsort(columns["frame_id"], kind="stable")
    error = np.full(len(raw), None, dtype=object)
    for step in _measured_steps(catalogue):
        _load_step(catalogue, step, order, columns, error)
    columns["error"] = error
    return columns


def _measured_steps(catalogue: Catalogue) -> list[str]:
    rows = catalogue.db.execute("SELECT DISTINCT step FROM step_run ORDER BY step")
    return [row["step"] for row in rows]


def _load_step(
    catalogue: Catalogue,
    step: str,
    order: npt.NDArray[np.int64],
    columns: dict[str, Column],
    error: Column,
) -> None:
    """Add the columns of a step; `order` sorts the frames by their ids."""
    table = table_of(step)
    kinds = {
        row["name"]: row["type"]
        for row in catalogue.db.execute(f"PRAGMA table_info({table})")
        if row["name"] not in ("frame_id", "run", "error")
    }
    fields = [*_field("frame_id", "frame_id", "INTEGER"), ("error", "error", "O")]
    for name, kind in kinds.items():
        fields += _field(name, quoted(name), kind)
    raw = _read(catalogue, [(f"c{i}", sql, kind) for i, (_, sql, kind) in enumerate(fields)], table)
    given = {name: raw[f"c{i}"] for i, (name, _, _) in enumerate(fields)}
    at, here = _places(columns["frame_id"], order, given["frame_id"])
    for name in list(given)[2:]:
        values = _known(given[name][here])
        empty = {"O": None, "f": np.nan, "b": False}.get(values.dtype.kind, 0)
        columns[name] = np.full(len(order), empty, values.dtype)
        columns[name][at] = values
    said = given["error"][here]
    for k in np.flatnonzero(said != None):  # noqa: E711
        if error[at[k]] is None:
            error[at[k]] = f"{step}: {said[k]}"


def _places(
    ids: Column, order: npt.NDArray[np.int64], wanted: Column
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return where wanted ids stand among ids, and which of the wanted ones do."""
    if not len(ids):
        return order, np.zeros(len(wanted), np.bool_)
    at = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)]
    here = ids[at] == wanted
    return at[here], here


def _field(name: str, sql: str, kind: str) -> list[tuple[str, str, str]]:
    """Return (name, expression, numpy type) of what is read for one column."""
    if name in INTEGERS:
        return [(name, sql, "i8")]
    if name in HASHES:
        return [(name, f"coalesce({sql}, 0)", "i8"), (f"has_{name}", f"{sql} IS NOT NULL", "?")]
    if kind in ("TEXT", "BLOB"):
        return [(name, sql, "O")]
    return [(name, f"coalesce({sql}, {MISSING!r})", "f8")]


def _read(catalogue: Catalogue, fields: Iterable[tuple[str, str, str]], source: str) -> Column:
    """Return what is selected from a source, as a structured array."""
    fields = list(fields)
    cursor = catalogue.db.cursor()
    cursor.row_factory = None  # plain tuples: what numpy takes without a detour
    listed = ", ".join(sql for _, sql, _ in fields)
    rows = cursor.execute(f"SELECT {listed} FROM {source}")
    return np.fromiter(rows, np.dtype([(name, kind) for name, _, kind in fields]))


def _known(values: Column) -> Column:
    """Return values of one type side by side in memory, NaN for missing numbers."""
    values = np.ascontiguousarray(values)
    if values.dtype.kind == "f":
        values[values == MISSING] = np.nan
    return values


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
