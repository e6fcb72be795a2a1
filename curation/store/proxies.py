"""Small pictures of frames that have none at full size: one append-only file a video.

Of each frame the whole picture at a longer side of 640 px, and its main face at its own size once
faces are measured. Offsets are in the catalogue; what a killed run appended but never recorded is
cut off.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.store import pack_file
from curation.store.catalogue import Catalogue

WHOLE, FACE = 0, 1
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Proxy:
    """A small JPEG of a frame.

    Attributes:
        part: WHOLE or FACE.
        xyxy_px: which part of the frame it shows, in pixels of the frame at full size.
    """

    part: int
    xyxy_px: Box
    data: bytes


class ProxyPacks:
    """The packs of small pictures of one datastore."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def path(self, video_id: int) -> Path:
        """Return the file that holds the small pictures of a video."""
        row = self.catalogue.db.execute(
            "SELECT key FROM video WHERE id = ?", (video_id,)
        ).fetchone()
        return self.catalogue.root / "proxies" / f"{row['key']}.pack"

    def size(self, video_id: int) -> int:
        """Return the bytes of a video's pack that are recorded."""
        row = self.catalogue.db.execute(
            "SELECT coalesce(max(p.offset + p.bytes), 0) FROM proxy p"
            " JOIN frame f ON f.id = p.frame_id WHERE f.video_id = ?", (video_id,)
        ).fetchone()  # fmt: skip
        return int(row[0])

    def cut(self, video_id: int) -> None:
        """Cut off what a killed run appended but never recorded."""
        pack_file.cut(self.path(video_id), self.size(video_id))

    def append(self, video_id: int, proxies: Sequence[Proxy]) -> list[int]:
        """Append small pictures and return the offset of each; `record` makes them known.

        Raises:
            NoSpace: the disk is full.
        """
        return pack_file.append(self.path(video_id), (proxy.data for proxy in proxies))

    def record(
        self, db: sqlite3.Connection, rows: Iterable[tuple[int, Proxy, int]]
    ) -> None:
        """Record (frame id, small picture, offset), within a transaction; older ones give way."""
        db.executemany(
            "INSERT OR REPLACE INTO proxy VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (frame_id, proxy.part, at, len(proxy.data), *proxy.xyxy_px)
                for frame_id, proxy, at in rows
            ),
        )

    def put(self, video_id: int, found: Sequence[tuple[int, Proxy]]) -> None:
        """Append and record (frame id, small picture) of one video, as one transaction."""
        offsets = self.append(video_id, [proxy for _, proxy in found])
        with self.catalogue.transaction() as db:
            self.record(db, ((i, p, at) for (i, p), at in zip(found, offsets, strict=True)))

    def read(self, frame_id: int, part: int = WHOLE) -> Proxy | None:
        """Return a small picture of a frame, None when there is none."""
        row = self.catalogue.db.execute(
            "SELECT f.video_id, p.offset, p.bytes, p.x0, p.y0, p.x1, p.y1 FROM proxy p"
            " JOIN frame f ON f.id = p.frame_id WHERE p.frame_id = ? AND p.part = ?",
            (frame_id, part),
        ).fetchone()
        if row is None:
            return None
        try:
            with self.path(row["video_id"]).open("rb") as pack:
                pack.seek(row["offset"])
                data = pack.read(row["bytes"])
        except OSError:
            return None
        return Proxy(part, (row["x0"], row["y0"], row["x1"], row["y1"]), data)

    def having(self, frame_ids: Sequence[int], part: int = WHOLE) -> set[int]:
        """Return which of some frames have a small picture."""
        rows = self.catalogue.db.execute(
            "SELECT frame_id FROM proxy WHERE part = ?"
            " AND frame_id IN (SELECT value FROM json_each(?))",
            (part, json.dumps(list(frame_ids))),
        )
        return {int(row[0]) for row in rows}

    def rows(self, video_id: int) -> dict[int, list[tuple[int, int, int]]]:
        """Return frame id -> (part, offset, bytes) of the small pictures of a video's frames."""
        rows = self.catalogue.db.execute(
            "SELECT p.frame_id, p.part, p.offset, p.bytes FROM proxy p"
            " JOIN frame f ON f.id = p.frame_id WHERE f.video_id = ?", (video_id,)
        )  # fmt: skip
        found: dict[int, list[tuple[int, int, int]]] = {}
        for row in rows:
            found.setdefault(row["frame_id"], []).append(tuple(row)[1:])
        return found
