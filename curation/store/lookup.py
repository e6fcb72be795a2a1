"""Which frame a person means: by number, by file, or by video and time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curation.errors import StoreError
from curation.store.catalogue import Catalogue

FORMS = "name a frame by its number, by a file of its picture, or as VIDEO@SECONDS"


def frame_named(catalogue: Catalogue, name: str) -> int:
    """Return the id of the frame that a text names.

    Args:
        name: a frame id; the path of a stored, sorted or ranked picture, as seen from here or
            from the datastore; or a video (file name, with or without its ending, or path), "@"
            and a time in seconds or as [h:]mm:ss, which names the frame nearest to it.

    Raises:
        StoreError: when there is no such frame, with what there is.
    """
    if name.isdecimal():
        return _by_id(catalogue, int(name))
    by_file = _by_file(catalogue, Path(name))
    if by_file is not None:
        return by_file
    video, at, clock = name.rpartition("@")
    if at and not Path(name).exists():
        return _by_time(catalogue, video, _seconds(clock, name))
    raise StoreError(f"{name} is no picture of a frame in {catalogue.root}", FORMS)


def _by_id(catalogue: Catalogue, frame_id: int) -> int:
    row = catalogue.db.execute(
        "SELECT sampled FROM frame WHERE id = ?", (frame_id,)
    ).fetchone()
    if row is None:
        low, high = catalogue.db.execute("SELECT min(id), max(id) FROM frame").fetchone()
        held = "it holds no frames" if low is None else f"its frames are {low} to {high}"
        raise StoreError(f"no frame {frame_id} in {catalogue.root}; {held}", FORMS)
    if not row["sampled"]:
        raise StoreError(
            f"frame {frame_id} is of an earlier extraction of its video and is not decided about",
            FORMS,
        )
    return frame_id


def _by_file(catalogue: Catalogue, path: Path) -> int | None:
    """Return the frame whose stored picture, or whose copy in a view, this file is."""
    stored = [path.as_posix(), *(catalogue.relative(p) for p in (path, path.resolve()))]
    for each in dict.fromkeys(stored):
        row = catalogue.db.execute(
            "SELECT id FROM frame WHERE file = ?1 AND sampled = 1"
            " UNION ALL SELECT frame_id FROM output_file WHERE path = ?1",
            (each,),
        ).fetchone()
        if row is not None:
            return int(row[0])
    return None


def _seconds(clock: str, name: str) -> float:
    """Return the seconds of a time such as 12.5, 1:02.5 or 1:00:02."""
    try:
        parts = [float(part) for part in clock.split(":")]
    except ValueError:
        parts = []
    if not parts or len(parts) > 3 or not all(0 <= part < float("inf") for part in parts):
        raise StoreError(f"{clock!r} in {name!r} is no time", "type VIDEO@12.5 or VIDEO@1:02.5")
    seconds = 0.0
    for part in parts:
        seconds = 60 * seconds + part
    return seconds


def _by_time(catalogue: Catalogue, video: str, time_s: float) -> int:
    rows = catalogue.db.execute("SELECT id, key, name, path FROM video ORDER BY id").fetchall()
    found = [row for row in rows if _is_called(catalogue, row, video)]
    if len(found) != 1:
        known = ", ".join(sorted(row["name"] for row in found or rows)[:12])
        what = f"{len(found)} videos are" if found else "no video is"
        raise StoreError(
            f"{what} called {video!r} in {catalogue.root}",
            f"there are: {known}" if known else catalogue.command("python 01_extract.py VIDEO"),
        )
    row = catalogue.db.execute(
        "SELECT id FROM frame WHERE video_id = ? AND sampled = 1"
        " ORDER BY abs(time_s - ?), pts LIMIT 1",
        (found[0]["id"], time_s),
    ).fetchone()
    if row is None:
        raise StoreError(
            f"{video} has no frames in {catalogue.root}",
            catalogue.command("python 01_extract.py VIDEO"),
        )
    return int(row["id"])


def _is_called(catalogue: Catalogue, row: Any, name: str) -> bool:
    path = Path(name)
    return (
        name in (row["name"], Path(row["name"]).stem, row["path"], row["key"])
        or catalogue.relative(path) == row["path"]
    )
