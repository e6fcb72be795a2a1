"""The whole catalogue as numpy columns for the review workspace: read at once, one row a frame.

SQLite rows go straight into structured arrays: 240,000 frames in about a second, which a list of
row objects takes five times as long for. A row of the workspace is a stored, sampled frame that
has a thumbnail, in the order of store.columns.load: by video, then by time.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.store.catalogue import Catalogue
from curation.store.decisions import DecisionTable
from curation.store.pictures import frames_revision, picture_versions
from curation.store.signals import quoted, table_of

Column = npt.NDArray[Any]
Columns = dict[str, Column]
SHOWN = "sampled = 1 AND file IS NOT NULL AND thumb_bytes IS NOT NULL"
UNKNOWN = "9e999"
"""SQLite cannot hold NaN; infinity stands for it on the way."""
NUMBERS = ("REAL", "INTEGER")
NOT_MEASURES = ("frame_id", "run", "error", "phash", "dhash", "pixels")
"""Columns of signal tables that are numbers but measure nothing."""


@dataclass(frozen=True, slots=True)
class Frames:
    """What the catalogue says of n frames, in the order of the rows.

    Attributes:
        frame_id: (n,) int64.
        video: (n,) int64 positions in `videos`.
        columns: by name, (n,) arrays as the workspace takes them.
    """

    frame_id: Column
    video: Column
    columns: Columns
    videos: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Decided:
    """What is decided about n frames; pool, verdict and reason index the lists of names."""

    pools: list[str]
    verdicts: list[str]
    reasons: list[str]
    columns: Columns


def changes(catalogue: Catalogue) -> tuple[int, int]:
    """Return numbers that move with every write by anybody; only this thread may compare them."""
    seen = catalogue.db.execute("PRAGMA data_version").fetchone()[0]
    return int(seen), catalogue.db.total_changes


def table_revision(catalogue: Catalogue) -> str:
    """Return a text that changes when rows or decisions do, in milliseconds, not with marks."""
    decided = DecisionTable(catalogue).revision()
    counts = (*frames_revision(catalogue), decided)
    taken = catalogue.db.execute("SELECT video_id, fp, chunks, done FROM extraction ORDER BY 1")
    last = catalogue.db.execute("SELECT max(id) FROM frame").fetchone()[0]
    text = repr((counts, last, [tuple(row) for row in taken]))
    return f"{decided}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


@contextmanager
def one_look(catalogue: Catalogue) -> Iterator[None]:
    """Let several reads see the catalogue as it is at the first of them."""
    catalogue.db.execute("BEGIN")
    try:
        yield
    finally:
        catalogue.db.execute("COMMIT")


def row_ids(catalogue: Catalogue) -> npt.NDArray[np.int64]:
    """Return (n,) the frame id of each row."""
    return np.asarray(_read(
        catalogue,
        f"SELECT f.id FROM frame f JOIN video v ON v.id = f.video_id WHERE {SHOWN}"
        " ORDER BY v.folder_no, v.video_no, f.pts",
        (), "id i8",
    )["id"])


def source_of(catalogue: Catalogue, frame_id: int) -> tuple[int, int] | None:
    """Return the video and the PTS that a frame is from, None when there is no such frame."""
    row = catalogue.db.execute(
        "SELECT video_id, pts FROM frame WHERE id = ?", (frame_id,)
    ).fetchone()
    return None if row is None else (int(row[0]), int(row[1]))


def frames(catalogue: Catalogue) -> Frames:
    """Return the rows of the workspace and their facts."""
    db = catalogue.db
    found = db.execute(
        "SELECT id, name, key, duration_s, info FROM video ORDER BY folder_no, video_no"
    ).fetchall()
    raw = _read(
        catalogue,
        "SELECT id, video_id, pts, time_s, width, height, coalesce(thumb_offset, 0), thumb_bytes,"
        f" coalesce(luma_mean, 128) FROM frame WHERE {SHOWN}",
        (),
        "id i8, video i8, pts i8, time_s f8, width i4, height i4, at i8, size i8, luma f4",
    )
    video = _positions(np.array([row["id"] for row in found], np.int64), raw["video"])
    order = np.lexsort((raw["pts"], video))
    raw, video = raw[order], video[order]
    seeds = np.array([zlib.crc32(row["key"].encode()) for row in found], np.uint32)
    version = picture_versions(seeds[video], raw["pts"], raw["at"], raw["size"])
    columns = {
        "frame_id": raw["id"].astype(np.int32),
        "video": video.astype(np.uint16),
        "time_s": raw["time_s"].astype(np.float32),
        "shot": _shots(catalogue, [row["id"] for row in found], video, raw["pts"]),
        "width": np.clip(raw["width"], 0, 65535).astype(np.uint16),
        "height": np.clip(raw["height"], 0, 65535).astype(np.uint16),
        "version": version,
        "luma": np.clip(raw["luma"], 0, 255).astype(np.uint8),
    }
    videos = [
        {"id": row["id"], "name": row["name"], "duration_s": row["duration_s"],
         "kind": _kind(row["info"])}
        for row in found
    ]
    return Frames(raw["id"], video, columns, videos)


def decided(
    catalogue: Catalogue,
    frame_id: Column,
    pools: Sequence[str],
    verdicts: Sequence[str],
    reasons: Sequence[str],
) -> Decided:
    """Return the stored decisions of frames; those without one are "undecided".

    Args:
        frame_id: (n,) int64, each once, in any order.
        pools, verdicts, reasons: the names that come first in the lists, in this order.
    """
    lists = [
        _names(catalogue, column, known)
        for column, known in (("pool", pools), ("verdict", verdicts), ("reason", reasons))
    ]
    cases = ", ".join(_case(column, len(names)) for column, names in
                      zip(("pool", "verdict", "reason"), lists, strict=True))
    raw = _read(
        catalogue,
        f"SELECT frame_id, {cases}, coalesce(score, {UNKNOWN}), coalesce(rank, 0),"
        " coalesce(keeper, 0), coalesce(person, -1), coalesce(rival, 0) FROM decision",
        [name for names in lists for name in names],
        "id i8, pool u1, verdict u1, reason u1, score f4, rank i4, keeper i8, person i4, rival i8",
    )
    raw["score"][np.isinf(raw["score"])] = np.nan
    at = rows_of(frame_id, raw["id"])
    here = at >= 0
    raw, at = raw[here], at[here]
    n = len(frame_id)

    def placed(name: str, empty: Any, kind: Any) -> Column:
        column = np.full(n, empty, kind)
        column[at] = raw[name]
        return column

    columns = {
        "pool": placed("pool", len(lists[0]) - 1, np.uint8),
        "verdict": placed("verdict", len(lists[1]) - 1, np.uint8),
        "reason": placed("reason", len(lists[2]) - 1, np.uint8),
        "rank": placed("rank", 0, np.int32),
        "score": placed("score", np.nan, np.float32),
        "person": placed("person", -1, np.int32),
        "keeper": rows_of(frame_id, placed("keeper", 0, np.int64)),
        "rival": rows_of(frame_id, placed("rival", 0, np.int64)),
    }
    return Decided(lists[0], lists[1], lists[2], columns)


def rows_of(frame_id: Column, wanted: Column) -> npt.NDArray[np.int32]:
    """Return the row of each wanted frame, -1 where there is none.

    Args:
        frame_id: (n,) the rows' frames, each once.
        wanted: (k,) frame ids.
    """
    return _positions(frame_id, wanted).astype(np.int32)


def measure_names(catalogue: Catalogue) -> dict[str, str]:
    """Return every stored number of a frame and where it comes from: a step, frame or parts.

    What a decision is made of (parts) stands before a step's column of the same name: that is
    what the thresholds were held against.
    """
    found = {"sharpness": "frame", "luma_std": "frame"}
    for step in _steps(catalogue):
        for row in catalogue.db.execute(f"PRAGMA table_info({table_of(step)})"):
            if row["type"] in NUMBERS and row["name"] not in NOT_MEASURES:
                found[row["name"]] = step
    # Not every frame has every part; some thousands spread over all tell their names.
    parts = catalogue.db.execute(
        "SELECT DISTINCT p.key FROM (SELECT parts FROM decision WHERE verdict = 'picked'"
        " UNION ALL SELECT parts FROM decision WHERE frame_id % 97 = 0 OR frame_id < 200) d,"
        " json_each(d.parts) p"
    )
    for row in parts:
        found[row[0]] = "parts"
    return found


def measure(
    catalogue: Catalogue, name: str, source: str, frame_id: Column, kind: Any = np.float32
) -> Column:
    """Return (n,) one number of each frame, NaN where it is unknown.

    Args:
        name, source: one entry of `measure_names`.
        kind: type of the column.
    """
    values: tuple[Any, ...] = ()
    if source == "parts":
        value, table, values = "json_extract(parts, ?)", "decision", (f'$."{name}"',)
    elif source == "frame":
        value, table = quoted(name), "frame"
    else:
        value, table = quoted(name), table_of(source)
    key = "id" if source == "frame" else "frame_id"
    raw = _read(
        catalogue, f"SELECT {key}, coalesce({value}, {UNKNOWN}) FROM {table}", values,
        "id i8, value f8",
    )
    at = rows_of(frame_id, raw["id"])
    here = at >= 0
    column = np.full(len(frame_id), np.nan, kind)
    column[at[here]] = raw["value"][here]
    column[np.isinf(column)] = np.nan
    return column


def vectors(catalogue: Catalogue, name: str, frame_id: Column) -> npt.NDArray[np.float32] | None:
    """Return (n, d) float32 of a stored float16 vector, NaN where a frame has none.

    Args:
        name: a column of bytes of some step, such as appearance or identity.

    Returns:
        None when nothing of this name is stored yet.
    """
    for step in _steps(catalogue):
        columns = catalogue.db.execute(f"PRAGMA table_info({table_of(step)})")
        if any(row["name"] == name and row["type"] == "BLOB" for row in columns):
            break
    else:
        return None
    column, table = quoted(name), table_of(step)
    size = catalogue.db.execute(f"SELECT max(length({column})) FROM {table}").fetchone()[0]
    if not size:
        return None
    raw = _read(
        catalogue, f"SELECT frame_id, {column} FROM {table} WHERE length({column}) = ?", (size,),
        f"id i8, vector V{size}",
    )
    at = rows_of(frame_id, raw["id"])
    here = at >= 0
    found = np.full((len(frame_id), size // 2), np.nan, np.float32)
    halves = np.ascontiguousarray(raw["vector"][here]).view("<f2").reshape(-1, size // 2)
    found[at[here]] = halves
    return found


def _read(catalogue: Catalogue, sql: str, values: Sequence[Any], kinds: str) -> Column:
    """Return the rows of a query as a structured array; kinds is "name type, name type"."""
    fields = [tuple(field.split()) for field in kinds.split(", ")]
    cursor: sqlite3.Cursor = catalogue.db.cursor()
    cursor.row_factory = None  # plain tuples: what numpy takes without a detour
    return np.fromiter(cursor.execute(sql, values), np.dtype(fields))


def _positions(keys: Column, wanted: Column) -> npt.NDArray[np.int64]:
    """Return where each wanted key stands among distinct keys, -1 where it does not."""
    if not len(keys):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(keys, kind="stable")
    at = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
    return np.where(keys[at] == wanted, at, -1)


def _shots(
    catalogue: Catalogue, video_ids: Sequence[int], video: Column, pts: Column
) -> npt.NDArray[np.int32]:
    """Return (n,) the shot of each row within its video, -1 where there is none."""
    starts: dict[int, list[int]] = {}
    for row in catalogue.db.execute("SELECT video_id, start_pts FROM shot ORDER BY video_id, no"):
        starts.setdefault(row["video_id"], []).append(row["start_pts"])
    shot = np.full(len(video), -1, np.int32)
    edges = np.searchsorted(video, np.arange(len(video_ids) + 1))  # rows are in order of video
    for position, video_id in enumerate(video_ids):
        if video_id in starts:
            mine = slice(edges[position], edges[position + 1])
            shot[mine] = np.searchsorted(starts[video_id], pts[mine], side="right") - 1
    return shot


def _steps(catalogue: Catalogue) -> list[str]:
    rows = catalogue.db.execute("SELECT DISTINCT step FROM step_run ORDER BY step")
    return [row["step"] for row in rows]


def _names(catalogue: Catalogue, column: str, known: Sequence[str]) -> list[str]:
    """Return the known names, then others that are stored (an older program's), then the last."""
    stored = [row[0] for row in catalogue.db.execute(f"SELECT DISTINCT {column} FROM decision")]
    return [*known, *sorted(set(stored) - set(known)), "undecided"]


def _case(column: str, count: int) -> str:
    whens = " ".join(f"WHEN ? THEN {i}" for i in range(count))
    return f"CASE {column} {whens} END"


def _kind(info: str) -> str:
    """Return whether a source is a video or a folder of pictures."""
    said: Mapping[str, Any] = json.loads(info)
    return "pictures" if said.get("container") == "pictures" else "video"
