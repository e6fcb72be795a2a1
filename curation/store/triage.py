"""Which frames are left out before they are measured: what is stored of it, and what it needs."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from curation.records import Measured, Result
from curation.steps.triage import Triage
from curation.store.albums import KIND
from curation.store.catalogue import Catalogue
from curation.store.signals import SignalTable, table_of
from curation.store.videos import VideoTable


@dataclass(frozen=True, slots=True)
class Sampled:
    """A stored frame as extraction knows it, with its thumbnail.

    Attributes:
        shot: number of its shot, -1 before the first.
    """

    frame_id: int
    pts: int
    time_s: float
    shot: int
    sharpness: float | None
    thumb: bytes | None


class TriageTable:
    """The answers of one setting of the triage."""

    def __init__(self, catalogue: Catalogue, step: Triage, fp: str) -> None:
        self.catalogue, self.step = catalogue, step
        self.signals = SignalTable(catalogue)
        self.run = self.signals.register(step, fp)
        self.table = table_of(step.name)

    def open_videos(self) -> list[int]:
        """Return the videos to sort out anew: with frames that have no answer, or whose sharper
        frame is not sampled any more. Folders of pictures are nobody's copies: each was chosen.
        """
        rows = self.catalogue.db.execute(
            f"SELECT DISTINCT f.video_id FROM frame f JOIN video v ON v.id = f.video_id"
            f" LEFT JOIN {self.table} t ON t.frame_id = f.id AND t.run = ?"
            " WHERE f.file IS NOT NULL AND f.sampled = 1"
            " AND json_extract(v.info, '$.container') IS NOT ?"
            " AND (t.frame_id IS NULL OR t.triage_pts IS NOT NULL AND NOT EXISTS"
            " (SELECT 1 FROM frame k WHERE k.video_id = f.video_id AND k.pts = t.triage_pts"
            " AND k.sampled = 1 AND k.file IS NOT NULL)) ORDER BY f.video_id",
            (self.run, KIND),
        )
        return [int(row["video_id"]) for row in rows]

    def stills(self, video_id: int) -> list[Sampled]:
        """Return the stored frames of a video, in order of time."""
        db = self.catalogue.db
        starts = [
            row["start_pts"]
            for row in db.execute(
                "SELECT start_pts FROM shot WHERE video_id = ? ORDER BY start_pts", (video_id,)
            )
        ]
        rows = db.execute(
            "SELECT id, pts, time_s, sharpness, thumb_offset, thumb_bytes FROM frame"
            " WHERE video_id = ? AND file IS NOT NULL AND sampled = 1 ORDER BY pts",
            (video_id,),
        ).fetchall()
        path = VideoTable(self.catalogue).pack_path(video_id)
        pack = path.read_bytes() if path.is_file() else b""
        found = []
        for row in rows:
            at, size = row["thumb_offset"], row["thumb_bytes"]
            thumb = None if at is None or at + size > len(pack) else pack[at : at + size]
            found.append(
                Sampled(
                    row["id"], row["pts"], row["time_s"], bisect_right(starts, row["pts"]) - 1,
                    row["sharpness"], thumb,
                )
            )  # fmt: skip
        return found

    def put(self, frames: Sequence[Sampled], rows: Sequence[Measured]) -> None:
        """Store the answers of one video's frames."""
        results = [
            Result(frame.frame_id, self.step.name, row)
            for frame, row in zip(frames, rows, strict=True)
        ]
        self.signals.put(results, {self.step.name: self.run}, [self.step])

    def left_out(self) -> set[int]:
        """Return the frames that no detector needs to look at."""
        rows = self.catalogue.db.execute(
            f"SELECT frame_id FROM {self.table} WHERE run = ? AND triage IS NOT NULL", (self.run,)
        )
        return {int(row["frame_id"]) for row in rows}
