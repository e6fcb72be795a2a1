"""Where the pixels of a frame lie, by its number: what the web serves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.store.catalogue import Catalogue
from curation.store.signals import table_of


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
            "SELECT f.id, f.file, f.pts, f.thumb_offset, f.thumb_bytes, substr(v.key, 1, 8) AS key"
            " FROM frame f JOIN video v ON v.id = f.video_id"
            " WHERE f.id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(frame_ids)),),
        )
        return {
            row["id"]: Picture(
                row["id"],
                None if row["file"] is None else self.catalogue.absolute(row["file"]),
                f"{row['key']}-{row['pts']}-{row['thumb_offset'] or 0}-{row['thumb_bytes'] or 0}",
            )
            for row in rows
        }


def measures_revision(catalogue: Catalogue) -> str:
    """Return a text that changes when frames or their measures do, not with jobs."""
    db = catalogue.db
    frames = tuple(db.execute("SELECT count(*), max(id), sum(sampled) FROM frame").fetchone())
    shots = tuple(db.execute("SELECT count(*), sum(start_pts) FROM shot").fetchone())
    steps = [row["step"] for row in db.execute("SELECT DISTINCT step FROM step_run ORDER BY step")]
    signals = []
    for step in steps:
        counts = db.execute(f"SELECT count(*), sum(run), count(error) FROM {table_of(step)}")
        signals.append((step, *counts.fetchone()))
    return repr((frames, shots, signals))
