"""Videos, their frames and shots: what extraction writes and everything else reads."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.records import Chapter, Frame, PictureStream, StillSource, VideoInfo
from curation.store.active import active_areas, forget_measures
from curation.store.catalogue import Catalogue

ShotRow = tuple[int, int, int, float, float]
"""no, start_pts, end_pts, start_s, end_s."""


@dataclass(frozen=True, slots=True)
class ExtractionState:
    """How far the extraction of a video has come, with the parameters it was begun with."""

    fp: str
    done: bool
    chunks: int
    carry: bytes | None
    time_s: float
    decoded: int
    errors: int
    failure: str | None


@dataclass(frozen=True, slots=True)
class FrameRow:
    """A frame as extraction found it; `file` is relative to the datastore."""

    pts: int
    time_s: float
    ordinal: int
    file: str | None
    width: int
    height: int
    reason: str | None
    sharpness: float | None
    luma_mean: float | None
    luma_std: float | None
    thumb: bytes | None


def info_to_json(info: VideoInfo) -> str:
    """Return what a container said, as JSON."""
    values = asdict(info)
    values["path"] = None
    for key in ("sar", "fps", "time_base"):
        value = values[key]
        values[key] = None if value is None else f"{value.numerator}/{value.denominator}"
    for stream in values["streams"]:
        stream["fps"] = None if stream["fps"] is None else str(stream["fps"])
    return json.dumps(values, sort_keys=True)


def info_from_json(text: str, path: Path) -> VideoInfo:
    """Return the record that `info_to_json` wrote."""
    values: dict[str, Any] = json.loads(text)
    values["path"] = path
    for key in ("sar", "fps", "time_base"):
        values[key] = None if values[key] is None else Fraction(values[key])
    values["display_wh"] = tuple(values["display_wh"])
    values["warnings"] = tuple(values["warnings"])
    # Records of older versions lack what follows.
    values["chapters"] = tuple(Chapter(**chapter) for chapter in values.get("chapters", ()))
    values["streams"] = tuple(
        PictureStream(**stream | {"fps": stream["fps"] and Fraction(stream["fps"])})
        for stream in values.get("streams", ())
    )
    if values.get("active_xyxy_px") is not None:
        values["active_xyxy_px"] = tuple(values["active_xyxy_px"])
    return VideoInfo(**values)


class VideoTable:
    """Videos, extraction state, frames and shots of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    # -- videos -----------------------------------------------------------------------------

    def info(self, video_id: int) -> VideoInfo:
        """Return what the container said."""
        row = self.catalogue.db.execute(
            "SELECT info, path FROM video WHERE id = ?", (video_id,)
        ).fetchone()
        return info_from_json(row["info"], self.catalogue.absolute(row["path"]))

    def output_dir(self, video_id: int) -> Path:
        """Return the folder that holds the frames of a video."""
        row = self.catalogue.db.execute(
            "SELECT folder_no, video_no FROM video WHERE id = ?", (video_id,)
        ).fetchone()
        folder, number = row["folder_no"], row["video_no"]
        return self.catalogue.root / f"videos_folder_{folder}" / f"output_images_{number}"

    def files(self, video_id: int) -> set[str]:
        """Return the stored pictures of a video, as paths below the datastore."""
        rows = self.catalogue.db.execute("SELECT file FROM frame WHERE video_id = ?", (video_id,))
        return {row["file"] for row in rows if row["file"]}

    def pack_path(self, video_id: int) -> Path:
        """Return the file that holds the thumbnails of a video."""
        row = self.catalogue.db.execute(
            "SELECT key FROM video WHERE id = ?", (video_id,)
        ).fetchone()
        return self.catalogue.root / "thumbs" / f"{row['key']}.pack"

    def names(self) -> dict[int, str]:
        """Return the file name of each video, by its id."""
        return {
            row["id"]: row["name"]
            for row in self.catalogue.db.execute("SELECT id, name FROM video")
        }

    def listing(self) -> list[dict[str, Any]]:
        """Return every video with its facts, for tables and datastore.json."""
        rows = self.catalogue.db.execute(
            "SELECT v.*, e.done, e.decoded, e.errors, e.failure,"
            " (SELECT count(*) FROM shot s WHERE s.video_id = v.id) AS shots,"
            " (SELECT count(file) FROM frame f WHERE f.video_id = v.id AND f.sampled = 1) AS frames"
            " FROM video v LEFT JOIN extraction e ON e.video_id = v.id"
            " ORDER BY v.folder_no, v.video_no"
        )
        found = []
        for row in rows:
            info = json.loads(row["info"])
            found.append(
                {
                    "id": row["key"],
                    "name": row["name"],
                    "path": row["path"],
                    "folder_no": row["folder_no"],
                    "video_no": row["video_no"],
                    "duration_s": row["duration_s"],
                    "fps": info["fps"],
                    "codec": info["codec"],
                    "width": info["display_wh"][0],
                    "height": info["display_wh"][1],
                    "time_base": info["time_base"],
                    "warnings": info["warnings"],
                    "chapters": info.get("chapters", []),
                    "stream": info.get("stream_no", 0),
                    "streams": info.get("streams", []),
                    "active_xyxy_px": info.get("active_xyxy_px"),
                    "extracted": bool(row["done"]),
                    "decoded": row["decoded"],
                    "damaged": row["errors"],
                    "failure": row["failure"],
                    "shots": row["shots"],
                    "frames": row["frames"],
                }
            )
        return found

    # -- extraction -------------------------------------------------------------------------

    def extraction(self, video_id: int) -> ExtractionState | None:
        """Return how far a video has come, None when it was never begun."""
        row = self.catalogue.db.execute(
            "SELECT * FROM extraction WHERE video_id = ?", (video_id,)
        ).fetchone()
        if row is None:
            return None
        values = {key: row[key] for key in ExtractionState.__slots__ if key != "done"}
        return ExtractionState(done=bool(row["done"]), **values)

    def begin_extraction(self, video_id: int, fp: str, params: str) -> None:
        """Start a video afresh: frames of an earlier sampling stay, but are no longer sampled."""
        with self.catalogue.transaction() as db:
            before = active_areas(self.catalogue, [video_id]).get(video_id)
            db.execute("UPDATE frame SET sampled = 0 WHERE video_id = ?", (video_id,))
            db.execute("DELETE FROM shot WHERE video_id = ?", (video_id,))
            db.execute("DELETE FROM shot_score WHERE video_id = ?", (video_id,))
            db.execute("DELETE FROM extraction WHERE video_id = ?", (video_id,))
            db.execute(
                "INSERT INTO extraction VALUES (?, ?, ?, 0, 0, NULL, 0, 0, 0, NULL)",
                (video_id, fp, params),
            )
            if active_areas(self.catalogue, [video_id]).get(video_id) != before:
                forget_measures(self.catalogue, video_id)

    def add_chunk(
        self,
        video_id: int,
        frames: Sequence[FrameRow],
        score_pts: npt.NDArray[np.int64],
        scores: npt.NDArray[np.float32],
        progress: tuple[bytes, float, int, int],
        thumbs_at: Sequence[int | None],
        shots: Sequence[ShotRow] | None = None,
        also: Callable[[sqlite3.Connection, Mapping[int, int]], None] | None = None,
    ) -> None:
        """Store one chunk of a video, as one transaction.

        Args:
            progress: carry, time_s, decoded frames so far, damaged packets so far.
            thumbs_at: offset of each frame's thumbnail in the pack, None without one.
            shots: with the last chunk; they close the video.
            also: what else belongs to it, written within the transaction; it gets PTS -> frame id.
        """
        with self.catalogue.transaction() as db:
            chunk: int = db.execute(
                "SELECT chunks FROM extraction WHERE video_id = ?", (video_id,)
            ).fetchone()[0]
            db.execute(
                "INSERT INTO shot_score VALUES (?, ?, ?, ?)",
                (
                    video_id,
                    chunk,
                    score_pts.astype("<i8").tobytes(),
                    scores.astype("<f4").tobytes(),
                ),
            )
            db.executemany(
                "INSERT INTO frame (video_id, pts, time_s, ordinal, file, width, height, reason,"
                " sharpness, luma_mean, luma_std, thumb_offset, thumb_bytes, sampled)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)"
                " ON CONFLICT (video_id, pts) DO UPDATE SET sampled = 1,"
                " file = coalesce(excluded.file, file), reason = excluded.reason,"
                " width = excluded.width, height = excluded.height,"
                " thumb_offset = coalesce(excluded.thumb_offset, thumb_offset),"
                " thumb_bytes = coalesce(excluded.thumb_bytes, thumb_bytes)",
                [
                    (
                        video_id,
                        f.pts,
                        f.time_s,
                        f.ordinal,
                        f.file,
                        f.width,
                        f.height,
                        f.reason,
                        f.sharpness,
                        f.luma_mean,
                        f.luma_std,
                        at,
                        f.thumb and len(f.thumb),
                    )
                    for f, at in zip(frames, thumbs_at, strict=True)
                ],
            )
            carry, time_s, decoded, errors = progress
            db.execute(
                "UPDATE extraction SET chunks = chunks + 1, carry = ?, time_s = ?, decoded = ?,"
                " errors = ? WHERE video_id = ?",
                (carry, time_s, decoded, errors, video_id),
            )
            if also is not None:
                pts = json.dumps([frame.pts for frame in frames])
                ids = db.execute(
                    "SELECT pts, id FROM frame WHERE video_id = ?"
                    " AND pts IN (SELECT value FROM json_each(?))", (video_id, pts),
                )  # fmt: skip
                also(db, {row["pts"]: row["id"] for row in ids})
            if shots is not None:
                self._close(video_id, shots, None)

    def finish_extraction(
        self, video_id: int, shots: Sequence[ShotRow], failure: str | None
    ) -> None:
        """Close a video that ended early, with the shots of what there is."""
        with self.catalogue.transaction():
            self._close(video_id, shots, failure)

    def _close(self, video_id: int, shots: Sequence[ShotRow], failure: str | None) -> None:
        db = self.catalogue.db
        db.execute("DELETE FROM shot WHERE video_id = ?", (video_id,))
        db.executemany(
            "INSERT INTO shot VALUES (?, ?, ?, ?, ?, ?)", [(video_id, *shot) for shot in shots]
        )
        db.execute(
            "UPDATE extraction SET done = 1, carry = NULL, failure = ? WHERE video_id = ?",
            (failure, video_id),
        )

    def shot_scores(self, video_id: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return PTS and content change of every decoded frame of a video."""
        rows = self.catalogue.db.execute(
            "SELECT pts, score FROM shot_score WHERE video_id = ? ORDER BY chunk", (video_id,)
        ).fetchall()
        pts = np.frombuffer(b"".join(row["pts"] for row in rows), "<i8")
        scores = np.frombuffer(b"".join(row["score"] for row in rows), "<f4")
        return pts.astype(np.int64), scores.astype(np.float32)

    def pack_size(self, video_id: int) -> int:
        """Return how many bytes of a thumbnail pack the catalogue knows of."""
        return int(
            self.catalogue.db.execute(
                "SELECT coalesce(max(thumb_offset + thumb_bytes), 0) FROM frame WHERE video_id = ?",
                (video_id,),
            ).fetchone()[0]
        )

    def frame_counts(self, video_ids: Sequence[int]) -> tuple[int, int]:
        """Return how many sampled frames are stored, and how many were dropped at once."""
        row = self.catalogue.db.execute(
            "SELECT count(file), count(*) - count(file) FROM frame"
            " WHERE sampled = 1 AND video_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(video_ids)),),
        ).fetchone()
        return int(row[0]), int(row[1])

    # -- frames -----------------------------------------------------------------------------

    def frame_ids(self, video_ids: Sequence[int]) -> list[int]:
        """Return the numbers of the stored, sampled frames of videos."""
        rows = self.catalogue.db.execute(
            "SELECT id FROM frame WHERE sampled = 1 AND file IS NOT NULL"
            " AND video_id IN (SELECT value FROM json_each(?))", (json.dumps(list(video_ids)),)
        )  # fmt: skip
        return [int(row[0]) for row in rows]

    def owners(self, frame_ids: Sequence[int]) -> dict[int, int]:
        """Return of which video each frame is."""
        rows = self.catalogue.db.execute(
            "SELECT id, video_id FROM frame WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(frame_ids)),),
        )
        return {int(row["id"]): int(row["video_id"]) for row in rows}

    def stills(self, video_id: int) -> list[str]:
        """Return the names of a video's stored, sampled stills, in order of time."""
        rows = self.catalogue.db.execute(
            "SELECT file FROM frame WHERE video_id = ? AND sampled = 1 AND file IS NOT NULL"
            " ORDER BY pts",
            (video_id,),
        )
        return [Path(row["file"]).name for row in rows]

    def frames(self, ids: Sequence[int] | None = None) -> Iterator[Frame]:
        """Yield stored, sampled frames in order of video and time, all or those given."""
        sql = (
            "SELECT f.*, v.key FROM frame f JOIN video v ON v.id = f.video_id"
            " WHERE f.file IS NOT NULL AND f.sampled = 1 {} ORDER BY v.folder_no, v.video_no, f.pts"
        )
        if ids is None:
            rows = self.catalogue.db.execute(sql.format(""))
            areas = active_areas(self.catalogue)
        else:
            given = (json.dumps(ids),)
            rows = self.catalogue.db.execute(
                sql.format("AND f.id IN (SELECT value FROM json_each(?))"), given
            )
            theirs = self.catalogue.db.execute(
                "SELECT DISTINCT video_id FROM frame WHERE id IN (SELECT value FROM json_each(?))",
                given,
            )
            videos = [row[0] for row in theirs]
            areas = active_areas(self.catalogue, videos)
        sources = self.still_sources(None if ids is None else videos)
        for row in rows:
            yield Frame(
                id=row["id"],
                key=f"{row['key']}:{row['pts']}",
                video_id=row["video_id"],
                pts=row["pts"],
                time_s=row["time_s"],
                path=self.catalogue.absolute(row["file"]),
                width=row["width"],
                height=row["height"],
                active_xyxy_px=areas.get(row["video_id"]),
                source=sources.get(row["video_id"]),
            )

    def still_sources(self, video_ids: Sequence[int] | None = None) -> dict[int, StillSource]:
        """Return what the stills of videos can be made from again, by number of the video.

        Pictures of a person's folders have none.
        """
        rows = self.catalogue.db.execute(
            "SELECT v.id, v.path, v.info, e.params, e.errors, s.mtime_ns"
            " FROM video v JOIN extraction e ON e.video_id = v.id"
            " LEFT JOIN source_file s ON s.path = v.path AND s.video_id = v.id"
            " WHERE ? IS NULL OR v.id IN (SELECT value FROM json_each(?))",
            (None if video_ids is None else 1, json.dumps(list(video_ids or ()))),
        )
        found = {}
        for row in rows:
            info = info_from_json(row["info"], self.catalogue.absolute(row["path"]))
            if info.container == "pictures":
                continue
            said = json.loads(row["params"])
            found[row["id"]] = StillSource(
                info, row["mtime_ns"], said.get("reader", "pyav"), said.get("mode") == "keyframes",
                said.get("jpeg_quality", 95), row["errors"] == 0,
            )  # fmt: skip
        return found
