"""The measures of a whole catalogue as numpy columns: what decisions are made from.

Rows of SQLite go straight into structured arrays; a list of row objects takes four times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.errors import StoreError
from curation.store import column_cache
from curation.store.active import active_areas
from curation.store.catalogue import Catalogue
from curation.store.clock import FRAME_TABLES, clocks, signal_tables
from curation.store.column_cache import FOLDER, ColumnFile, Damaged, Stored, write
from curation.store.signals import quoted, table_of

Column = npt.NDArray[Any]
INTEGERS = ("frame_id", "video", "pts", "shot")
HASHES = ("phash", "dhash", "pixels")
ERROR = "\0error"
"""Under this name a step's columns hold what it could not measure; no column is called so."""
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


def load(catalogue: Catalogue) -> MutableMapping[str, Column]:
    """Return every sampled frame's facts and signals, in order of video and time.

    What was read before comes from files (store/column_cache.py), as long as nobody wrote to its
    table since; the rest from the catalogue, as it is at one moment.

    Returns:
        Arrays of one length: int64 for identities and hashes (with boolean has_<hash>), float64
        with NaN for measures, object for texts. `error` names what could not be measured.
    """
    clocks(catalogue)  # makes those that are missing, which the look below could not
    with _one_look(catalogue):
        now = clocks(catalogue)
        columns = Stored()

        def frames() -> dict[str, Column]:
            made = _frames(catalogue)
            if "frame_id" in columns and not np.array_equal(made["frame_id"], columns["frame_id"]):
                raise StoreError(
                    f"the frames of {catalogue.root} changed while they were read", "ask again"
                )
            return made

        key = None if now is None else repr([now[table] for table in FRAME_TABLES])
        _take(columns, catalogue, "frames", key, frames)
        ids = columns["frame_id"]
        order = np.argsort(ids, kind="stable")
        error = np.full(len(ids), None, dtype=object)
        for step, table in signal_tables(catalogue).items():
            key = None if now is None else repr([now[name] for name in (*FRAME_TABLES, table)])
            read = partial(_step, catalogue, step, order, ids)
            _take(columns, catalogue, step, key, read)
            said = columns[ERROR]
            wrong = np.flatnonzero((said != None) & (error == None))  # noqa: E711
            error[wrong] = [f"{step}: {text}" for text in said[wrong].tolist()]
            del columns[ERROR]
        columns["error"] = error
    return columns


def _take(
    columns: Stored, catalogue: Catalogue, name: str, key: str | None,
    read: Callable[[], Mapping[str, Column]],
) -> None:
    """Add the columns of a file, or of the catalogue where there is no such file.

    Args:
        key: of the state that the catalogue is in; None where nobody knows.
    """
    path = catalogue.root / FOLDER / f"{name}.bin"
    if key is not None:
        with suppress(Damaged, KeyError, ValueError, OSError):
            file = ColumnFile(path, key)
            file.check("frame_id", ERROR)  # needed below, to read again what is damaged
            columns.add(file, read)
            return
    made = read()
    if key is not None and len(next(iter(made.values()))) >= column_cache.LEAST_ROWS:
        write(path, key, made)
    columns.update(made)


@contextmanager
def _one_look(catalogue: Catalogue) -> Iterator[None]:
    """Let several reads see the catalogue as it is at the first of them."""
    if catalogue.db.in_transaction:
        yield
        return
    catalogue.db.execute("BEGIN")
    try:
        yield
    finally:
        catalogue.db.execute("COMMIT")


def _frames(catalogue: Catalogue) -> dict[str, Column]:
    """Read the facts of all sampled frames."""
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
    return columns | _active(catalogue, columns)


def _step(
    catalogue: Catalogue, step: str, order: npt.NDArray[np.int64], ids: Column
) -> dict[str, Column]:
    """Read the columns of a step, and ERROR; `order` sorts the frames by their ids."""
    table = table_of(step)
    kinds = {
        row["name"]: row["type"]
        for row in catalogue.db.execute(f"PRAGMA table_info({table})")
        if row["name"] not in ("frame_id", "run", "error")
    }
    fields = [*_field("frame_id", "frame_id", "INTEGER"), (ERROR, "error", "O")]
    for name, kind in kinds.items():
        fields += _field(name, quoted(name), kind)
    raw = _read(catalogue, [(f"c{i}", sql, kind) for i, (_, sql, kind) in enumerate(fields)], table)
    given = {name: raw[f"c{i}"] for i, (name, _, _) in enumerate(fields)}
    at, here = _places(ids, order, given["frame_id"])
    columns: dict[str, Column] = {}
    for name in list(given)[1:]:
        values = _known(given[name][here])
        empty = {"O": None, "f": np.nan, "b": False}.get(values.dtype.kind, 0)
        columns[name] = np.full(len(order), empty, values.dtype)
        columns[name][at] = values
    return columns


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


def _active(catalogue: Catalogue, columns: dict[str, Column]) -> dict[str, Column]:
    """Return where the picture lies in each frame and its share of the frame: NaN without bars."""
    found = np.full((5, len(columns["frame_id"])), np.nan)
    for video, area in active_areas(catalogue).items():
        mine = columns["video"] == video
        found[:4, mine] = np.array(area, np.float64)[:, None]
    whole = columns["width"] * columns["height"]
    found[4] = (found[2] - found[0]) * (found[3] - found[1]) / np.maximum(whole, 1)
    names = ("active_x0", "active_y0", "active_x1", "active_y1", "active_frac")
    return dict(zip(names, found, strict=True))


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
