"""What each still's file was when it was written: its SHA-256, its size, its time.

An export need not read a file to hash it, and `doctor --bytes` tells a disk that forgets from a
file that somebody wrote again. A frame without a row (made again, a person's own
picture) is read instead: nothing depends on a row being there.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from curation.records import FileSum
from curation.store.catalogue import Catalogue

WHOLE = (
    "typeof(sha256) = 'blob' AND length(sha256) = 32"
    " AND typeof(n_bytes) = 'integer' AND typeof(mtime_ns) = 'integer'"
)
"""A datastore that came from elsewhere may hold anything."""


def record(db: sqlite3.Connection, sums: Iterable[tuple[int, FileSum]]) -> None:
    """Note (frame id, its file) within a transaction of the caller's."""
    db.executemany(
        "INSERT OR REPLACE INTO still_sum VALUES (?, ?, ?, ?)",
        ((frame_id, told.sha256, told.n_bytes, told.mtime_ns) for frame_id, told in sums),
    )


def record_files(catalogue: Catalogue, video_id: int, sums: Mapping[str, FileSum]) -> None:
    """Note the files of a video's frames, named as they are stored."""
    with catalogue.transaction() as db:
        rows = db.execute("SELECT id, file FROM frame WHERE video_id = ?", (video_id,)).fetchall()
        record(db, ((row["id"], sums[row["file"]]) for row in rows if row["file"] in sums))


def of_file(path: Path) -> FileSum:
    """Return what a file is.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        told = os.fstat(file.fileno())
    return FileSum(digest, told.st_size, told.st_mtime_ns)


def every(catalogue: Catalogue) -> Iterator[tuple[str, FileSum]]:
    """Yield (its file as stored, what it was) of every still of which it is known."""
    for row in catalogue.db.execute(
        "SELECT f.file, s.sha256, s.n_bytes, s.mtime_ns FROM still_sum s"
        f" JOIN frame f ON f.id = s.frame_id WHERE f.file IS NOT NULL AND {WHOLE} ORDER BY f.file"
    ):
        yield row["file"], FileSum(row["sha256"], row["n_bytes"], row["mtime_ns"])


def known(catalogue: Catalogue, frame_ids: Sequence[int]) -> dict[int, FileSum]:
    """Return frame id -> what its file was, of those frames of which it is known."""
    cursor = catalogue.db.cursor()
    cursor.row_factory = None  # plain tuples: there may be very many
    rows = cursor.execute(
        "SELECT frame_id, sha256, n_bytes, mtime_ns FROM still_sum"
        f" WHERE frame_id IN (SELECT value FROM json_each(?)) AND {WHOLE}",
        (json.dumps(list(frame_ids)),),
    )
    return {frame_id: FileSum(*told) for frame_id, *told in rows}
