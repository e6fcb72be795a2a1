"""ranked.csv and datastore.json: the decisions for other programs, streamed."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

SCHEMA = 1
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """Open a text file that takes its name only when it is complete."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8", newline="") as file:
        yield file
    part.replace(path)


def safe_cell(value: Any) -> Any:
    """Return a CSV cell that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


def write_ranked_csv(path: Path, rows: Iterable[Mapping[str, Any]], parts: Sequence[str]) -> None:
    """Write picks, best first within each pool, with the parts of their score."""
    with replacing(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["pool", "rank", "score", "video", "time_s", "pts", "frame", "file", "why", *parts]
        )
        for row in rows:
            cells = [
                row["pool"],
                row["rank"],
                _round(row["score"]),
                row["video"],
                f"{row['time_s']:.3f}",
                row["pts"],
                row["key"],
                row["file"],
                row["detail"],
            ]
            cells += [_round(row["parts"].get(name)) for name in parts]
            writer.writerow([safe_cell(cell) for cell in cells])


def write_datastore_json(
    path: Path,
    videos: Iterable[Mapping[str, Any]],
    frames: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]],
) -> None:
    """Write videos and decided frames with their signals, one per line, in constant memory.

    Args:
        frames: pairs of a decided frame and its signals.
    """
    with replacing(path) as file:
        file.write(f'{{"schema": {SCHEMA},\n"videos": [')
        for i, video in enumerate(videos):
            file.write(("," if i else "") + "\n" + json.dumps(video, sort_keys=True))
        file.write('\n],\n"frames": [')
        for i, (row, signals) in enumerate(frames):
            frame = {
                "id": row["key"],
                "video": row["video_key"],
                "pts": row["pts"],
                "time_s": round(row["time_s"], 6),
                "path": row["file"],
                "pool": row["pool"],
                "verdict": row["verdict"],
                "reason": row["reason"],
                "detail": row["detail"],
                "score": _round(row["score"]),
                "rank": row["rank"],
                "signals": signals,
            }
            file.write(("," if i else "") + "\n" + json.dumps(frame, allow_nan=False))
        file.write("\n]}\n")


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


def signal_rows(columns: Mapping[str, Any]) -> dict[int, int]:
    """Return frame id -> position in the columns."""
    return {int(frame_id): i for i, frame_id in enumerate(columns["frame_id"])}


def signals_at(columns: Mapping[str, Any], i: int) -> dict[str, Any]:
    """Return one frame's signals as JSON values; what is missing is left out."""
    found: dict[str, Any] = {}
    for name, column in columns.items():
        if name in HIDDEN:
            continue
        value = column[i]
        if f"has_{name}" in columns:
            if columns[f"has_{name}"][i]:
                found[name] = f"{int(value) & (1 << 64) - 1:016x}"
        elif isinstance(value, np.floating):
            if np.isfinite(value):
                found[name] = _round(float(value))
        elif isinstance(value, np.integer):
            found[name] = int(value)
        elif isinstance(value, str):
            found[name] = value
    return found


def _round(value: float | None) -> float | None:
    return None if value is None else round(float(value), 5)
