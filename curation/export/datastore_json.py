"""datastore.json: every frame with its decision and its signals, one a line, written and read as
a stream."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import orjson

from curation.errors import CurationError

SCHEMA = 1
DIGITS = 5
Columns = Mapping[str, npt.NDArray[Any]]

HIDDEN = {
    "frame_id",
    "video",
    "pts",
    "time_s",
    "extract_reason",
    "error",
    "pose_shape",
    "has_phash",
    "has_dhash",
    "has_pixels",
}


def finite(value: Any) -> Any:
    """Return a JSON value in which NaN and infinity, which JSON has no word for, are null."""
    if isinstance(value, Mapping):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write(
    file: IO[bytes],
    videos: Iterable[Mapping[str, Any]],
    frames: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]],
) -> None:
    """Write videos and decided frames with their signals.

    Args:
        frames: pairs of a decided frame and its signals.
    """
    file.write(b'{"schema": %d,\n"videos": [' % SCHEMA)
    for i, video in enumerate(videos):
        file.write((b",\n" if i else b"\n") + _line(finite(video), sort=True))
    file.write(b'\n],\n"frames": [')
    for i, (row, signals) in enumerate(frames):
        file.write((b",\n" if i else b"\n") + _line({
            "id": row["key"],
            "video": row["video_key"],
            "pts": row["pts"],
            "time_s": round(row["time_s"], 6),
            "path": row["file"],
            "pool": row["pool"],
            "verdict": row["verdict"],
            "reason": row["reason"],
            "detail": row["detail"],
            "score": None if row["score"] is None else round(float(row["score"]), DIGITS),
            "rank": row["rank"],
            "signals": signals,
        }))
    file.write(b"\n]}\n")


def _line(value: Mapping[str, Any], sort: bool = False) -> bytes:
    """Return a JSON object in one line, of ASCII where its texts are not Unicode."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort else 0)
    except TypeError:  # a name of a file that no encoding explains, a number beyond 64 bits
        return json.dumps(value, sort_keys=sort, allow_nan=False).encode()


def signals(columns: Columns, rows: npt.NDArray[np.int64]) -> Iterator[dict[str, Any]]:
    """Yield the signals of some rows as JSON values; what is missing is left out."""
    named = [(name, _values(columns, name, rows)) for name in columns if name not in HIDDEN]
    known = [(name, values) for name, values in named if values is not None]
    names = [name for name, _ in known]
    if not known:
        yield from ({} for _ in rows)
        return
    for row in zip(*(values for _, values in known), strict=True):
        yield {name: value for name, value in zip(names, row, strict=True) if value is not None}


def _values(
    columns: Columns, name: str, rows: npt.NDArray[np.int64]
) -> Sequence[Any] | None:
    """Return a column's values of some rows, None for each that is missing; None for bytes."""
    kind = getattr(columns, "kind", None)
    if kind is not None and kind(name) in ("even", "bytes"):
        return None
    values = columns[name][rows]
    if f"has_{name}" in columns:
        has = columns[f"has_{name}"][rows].tolist()
        hashed = values.view(np.uint64).tolist()
        return [f"{value:016x}" if there else None
                for value, there in zip(hashed, has, strict=True)]
    if values.dtype.kind == "f":
        good = np.isfinite(values)
        found: list[Any] = np.round(values, DIGITS).tolist()
        for at in np.flatnonzero(~good).tolist():
            found[at] = None
        return found if good.any() else None
    if values.dtype.kind in "iu":
        return values.tolist()  # type: ignore[no-any-return]
    if values.dtype == object:
        found = [value if isinstance(value, str) else None for value in values.tolist()]
        return found if any(value is not None for value in found) else None
    return None


def read_frames(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the frames of a datastore.json, one line at a time, whatever its size.

    Raises:
        CurationError: it cannot be read, or is none.
    """
    try:
        with path.open("rb") as file:
            part = None
            for number, line in enumerate(file, 1):
                if number == 1:
                    head = json.loads(line.rstrip(b",\n") + b"}")
                    if not isinstance(head, dict) or head.get("schema") != SCHEMA:
                        raise ValueError(f"its schema is not {SCHEMA}")
                elif line.startswith(b'"'):
                    part = line.split(b'"')[1].decode()
                elif line.startswith(b"{") and part == "frames":
                    yield orjson.loads(line.rstrip(b",\n"))
                elif line.startswith(b"]}"):
                    return
            raise ValueError("it ends before its end")
    except (OSError, ValueError, IndexError) as error:
        raise CurationError(
            f"{path} cannot be read as a datastore.json: {error}",
            f"python 03_score_and_rank.py --datastore {path.parent} writes it again",
        ) from error
