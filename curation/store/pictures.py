"""Where the pixels of a frame lie, by its number: what the web serves."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.store.catalogue import Catalogue
from curation.store.signals import table_of

COLUMNS = "f.id, f.file, f.pts, f.thumb_offset, f.thumb_bytes, v.key"
JOINED = "FROM frame f JOIN video v ON v.id = f.video_id"


@dataclass(frozen=True, slots=True)
class Picture:
    """One stored frame.

    Attributes:
        revision: short text that changes when the stored picture does.
        path: the JPEG, None when the frame was left out (black, blank, frozen).
    """

    frame_id: int
    path: Path | None
    revision: str


class PictureTable:
    """The stored pictures of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def find(self, frame_ids: Sequence[int]) -> dict[int, Picture]:
        """Return the pictures of those frames that exist."""
        rows = self.catalogue.db.execute(
            f"SELECT {COLUMNS} {JOINED} WHERE f.id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(frame_ids)),),
        )
        return {
            row["id"]: Picture(
                row["id"],
                None if row["file"] is None else self.catalogue.absolute(row["file"]),
                _revision(row),
            )
            for row in rows
        }

    def posters(self) -> dict[str, tuple[int, str]]:
        """Return video key -> frame id and revision of the sharpest frame of each video."""
        rows = self.catalogue.db.execute(
            # SQLite takes the other columns from the row that holds the maximum.
            f"SELECT {COLUMNS}, max(coalesce(f.sharpness, 0)) {JOINED}"
            " WHERE f.thumb_bytes IS NOT NULL AND f.sampled = 1 GROUP BY f.video_id"
        )
        return {row["key"]: (row["id"], _revision(row)) for row in rows}


def frames_revision(catalogue: Catalogue) -> tuple[int, int, int]:
    """Return (stored frames that are sampled, all frames, videos); extraction changes them."""
    row = catalogue.db.execute(
        "SELECT count(CASE WHEN sampled = 1 THEN file END), count(*),"
        " (SELECT count(*) FROM video) FROM frame"
    ).fetchone()
    return int(row[0]), int(row[1]), int(row[2])


def measures_revision(catalogue: Catalogue) -> str:
    """Return a text that changes when frames, measures or words on faces and people do."""
    db = catalogue.db
    frames = tuple(db.execute("SELECT count(*), max(id), sum(sampled) FROM frame").fetchone())
    shots = tuple(db.execute("SELECT count(*), sum(start_pts) FROM shot").fetchone())
    steps = [row["step"] for row in db.execute("SELECT DISTINCT step FROM step_run ORDER BY step")]
    signals = []
    for step in steps:
        counts = db.execute(f"SELECT count(*), sum(run), count(error) FROM {table_of(step)}")
        signals.append((step, *counts.fetchone()))
    pairs = tuple(db.execute("SELECT count(*), max(fp) FROM pair").fetchone())
    marks = tuple(
        db.execute("SELECT count(*), max(marked_s), sum(false) FROM face_mark").fetchone()
    )
    people = tuple(
        db.execute("SELECT count(*), max(id), sum(id * (state = 0)) FROM person_op").fetchone()
    )
    return repr((frames, shots, signals, pairs, marks, people))


def picture_versions(
    seed: npt.NDArray[np.uint32],
    pts: npt.NDArray[np.int64],
    thumb_offset: npt.NDArray[np.int64],
    thumb_bytes: npt.NDArray[np.int64],
) -> npt.NDArray[np.uint32]:
    """Return (n,) the revisions of many pictures as numbers; `revision` is one of them in hex.

    Args:
        seed: CRC-32 of each video's key.
        pts, thumb_offset, thumb_bytes: as stored, 0 where there is none.
    """
    table = np.array([zlib.crc32(bytes([i]), 0xFFFFFFFF) ^ 0xFFFFFFFF for i in range(256)],
                     np.uint32)
    message = np.stack([pts, thumb_offset, thumb_bytes], axis=1).astype("<i8")
    crc = ~seed.astype(np.uint32)
    for column in message.view(np.uint8).T:  # a byte of all rows at a time
        crc = table[(crc ^ column) & 0xFF] ^ (crc >> np.uint32(8))
    return np.asarray(~crc, np.uint32)


def _revision(row: Any) -> str:
    """Return 8 hex digits; see picture_versions."""
    at, size = row["thumb_offset"] or 0, row["thumb_bytes"] or 0
    seed = zlib.crc32(row["key"].encode())
    return f"{zlib.crc32(struct.pack('<3q', row['pts'], at, size), seed):08x}"
