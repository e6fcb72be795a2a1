"""ranked.csv and datastore.json: the decisions for other programs, streamed."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from curation.export import datastore_json

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Some spreadsheets take the wide forms of = + - @ for the same."""
SPLIT = re.compile(f"([;\t])(?=[{re.escape(''.join(FORMULA_STARTS))}])")
"""Where a spreadsheet that parts cells by ; or tabs would find a formula."""


@contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """Open a text file that takes its name only when it is complete."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)  # never through a link
    with part.open("x", encoding="utf-8", newline="") as file:
        yield file
    part.replace(path)


def safe_cell(value: Any) -> Any:
    """Return a CSV cell that no spreadsheet takes for a formula, or for several rows."""
    if not isinstance(value, str):
        return value
    # A lone CR is not quoted by csv, and begins a row where it is read.
    plain = SPLIT.sub(r"\1'", value.replace("\r", " ").replace("\n", " "))
    return f"'{plain}" if value.startswith(FORMULA_STARTS) else plain


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
        datastore_json.write(file.buffer, videos, frames)  # type: ignore[attr-defined]


def _round(value: float | None) -> float | None:
    return None if value is None else round(float(value), 5)
