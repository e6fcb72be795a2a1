"""Folders of pictures as videos without time: one `video` row a folder, one frame a picture.

The picture files stay where they are and as they are. A picture is known by its content: renamed
or moved within what is looked at, it keeps its frame, and with it every mark and measure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from curation.records import VideoInfo
from curation.store.catalogue import Catalogue
from curation.store.packs import Packs
from curation.store.sources import SourceTable
from curation.store.videos import info_to_json

KIND = "pictures"
"""What `info.container` of such a row says."""

FOLDERS = "pictures.folders"
TABLE = """
CREATE TABLE IF NOT EXISTS picture_file (
    path TEXT PRIMARY KEY,           -- as in frame.file; the user's own file
    video_id INTEGER NOT NULL REFERENCES video(id),
    size_bytes INTEGER NOT NULL,     -- with mtime_ns: whether the file must be read again
    mtime_ns INTEGER NOT NULL,
    key TEXT,                        -- blake2b of the picture's content
    kind TEXT,                       -- JPEG, PNG, ...
    taken_s REAL,                    -- by the camera's clock, seconds since 1970
    rendition TEXT,                  -- a JPEG of ours, where browsers would not show the file
    frame_id INTEGER REFERENCES frame(id),
    gone INTEGER NOT NULL DEFAULT 0, -- 1 while the file is not there
    error TEXT                       -- why this file gives no frame
);
CREATE INDEX IF NOT EXISTS picture_file_key ON picture_file (key);
CREATE INDEX IF NOT EXISTS picture_file_frame ON picture_file (frame_id);
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalogue knows of a picture file."""

    size_bytes: int
    mtime_ns: int
    kind: str | None
    error: str | None
    gone: bool


@dataclass(frozen=True, slots=True)
class PictureRow:
    """A picture file as it was found: with a frame's facts, or with an error.

    Attributes:
        rendition: a path relative to the datastore, or None.
    """

    path: Path
    size_bytes: int
    mtime_ns: int
    kind: str | None = None
    error: str | None = None
    key: str | None = None
    width: int = 0
    height: int = 0
    taken_s: float | None = None
    thumb: bytes | None = None
    rendition: str | None = None
    sharpness: float = 0.0
    luma_mean: float = 0.0
    luma_std: float = 0.0


@dataclass(frozen=True, slots=True)
class Member:
    """A picture of a folder; `pts` is None until it has a place."""

    frame_id: int
    name: str
    taken_s: float | None
    pts: int | None


class AlbumTable:
    """The picture folders of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.packs = Packs(catalogue)
        self._ready = False

    def exists(self) -> bool:
        """Return whether pictures were ever added."""
        self._ready = self._ready or bool(
            self.catalogue.db.execute(
                "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'picture_file'"
            ).fetchone()
        )
        return self._ready

    def prepare(self) -> None:
        """Make the table, if this is the first folder of pictures."""
        if not self.exists():
            self.catalogue.db.executescript(TABLE)

    # -- folders ------------------------------------------------------------------------------

    def folders(self) -> list[Path]:
        """Return the folders that were named, not those below them."""
        stored: list[str] = self.catalogue.recall(FOLDERS, [])
        return [self.catalogue.absolute(path) for path in stored]

    def remember(self, folder: Path) -> None:
        """Remember a folder that was named."""
        stored = [self.catalogue.relative(path) for path in self.folders()]
        mine = self.catalogue.relative(folder)
        if mine not in stored:
            self.catalogue.remember(FOLDERS, [*stored, mine])

    def album(self, folder: Path, name: str, seed: str) -> int:
        """Return the id of a folder's row, which is made when there is none.

        Args:
            name: for people.
            seed: mixed into the row's key, so that a folder that was emptied and filled again
                under another catalogue does not share addresses in a browser's cache.
        """
        stored = self.catalogue.relative(folder)
        db = self.catalogue.db
        row = db.execute(
            "SELECT id FROM video WHERE path = ? AND json_extract(info, '$.container') = ?",
            (stored, KIND),
        ).fetchone()
        if row is not None:
            return int(row["id"])
        number = SourceTable(self.catalogue).add_folder(folder)
        key = hashlib.blake2b(f"{folder}\0{seed}".encode(), digest_size=16).hexdigest()
        info = info_to_json(_info(folder, key, 0, 0, 0.0))
        with self.catalogue.transaction():
            made = db.execute(
                "INSERT INTO video (key, name, path, folder_no, video_no, duration_s, info)"
                # Videos of the same folder are numbered from 1.
                " VALUES (?, ?, ?, ?, 0, 0, ?)",
                (key, name, stored, number, info),
            ).lastrowid
            db.execute(
                "INSERT INTO extraction VALUES (?, ?, '{}', 1, 0, NULL, 0, 0, 0, NULL)",
                (made, KIND),
            )
        return int(made or 0)

    def albums_below(self, folder: Path) -> dict[int, Path]:
        """Return the rows of a folder and of those below it."""
        rows = self.catalogue.db.execute(
            "SELECT id, path FROM video WHERE json_extract(info, '$.container') = ?", (KIND,)
        )
        found = {row["id"]: self.catalogue.absolute(row["path"]) for row in rows}
        return {id_: path for id_, path in found.items() if path.is_relative_to(folder)}

    # -- pictures -----------------------------------------------------------------------------

    def known(self, video_id: int) -> dict[Path, Known]:
        """Return what is known of the files of one folder."""
        rows = self.catalogue.db.execute(
            "SELECT * FROM picture_file WHERE video_id = ?", (video_id,)
        )
        return {
            self.catalogue.absolute(row["path"]): Known(
                row["size_bytes"], row["mtime_ns"], row["kind"], row["error"], bool(row["gone"])
            )
            for row in rows
        }

    def mark_gone(self, video_id: int, there: Iterable[Path]) -> int:
        """Note which files of a folder are there; return how many went since the last look."""
        stored = json.dumps([self.catalogue.relative(path) for path in there])
        with self.catalogue.transaction() as db:
            went = db.execute(
                "UPDATE picture_file SET gone = 1 WHERE video_id = ? AND gone = 0"
                " AND path NOT IN (SELECT value FROM json_each(?))",
                (video_id, stored),
            ).rowcount
            db.execute(
                "UPDATE picture_file SET gone = 0 WHERE video_id = ? AND gone = 1"
                " AND path IN (SELECT value FROM json_each(?))",
                (video_id, stored),
            )
        return int(went)

    def put(self, video_id: int, rows: Sequence[PictureRow]) -> None:
        """Store what files turned out to be, as one transaction; thumbnails first.

        Places in the folder's order are given by `settle`; until then none of them is sampled.
        """
        offsets = self.packs.append(video_id, [row.thumb for row in rows])
        with self.catalogue.transaction() as db:
            low: int = db.execute(
                "SELECT min(0, coalesce(min(pts), 0)) FROM frame WHERE video_id = ?", (video_id,)
            ).fetchone()[0]
            for row, at in zip(rows, offsets, strict=True):
                low -= 1
                frame_id = None if row.error else self._frame(video_id, row, at, low)
                db.execute(
                    "INSERT OR REPLACE INTO picture_file (path, video_id, size_bytes, mtime_ns,"
                    " key, kind, taken_s, rendition, frame_id, gone, error)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
                    (
                        self.catalogue.relative(row.path),
                        video_id,
                        row.size_bytes,
                        row.mtime_ns,
                        row.key,
                        row.kind,
                        row.taken_s,
                        row.rendition,
                        frame_id,
                        row.error,
                    ),
                )

    def _frame(self, video_id: int, row: PictureRow, at: int | None, pts: int) -> int:
        """Return the frame of a picture: its own if the content was here before, else a new one."""
        db = self.catalogue.db
        stored = self.catalogue.relative(row.path)
        before = db.execute(
            "SELECT path, frame_id FROM picture_file WHERE key = ? AND frame_id IS NOT NULL"
            " AND (path = ? OR gone = 1) ORDER BY path <> ?, path LIMIT 1",
            (row.key, stored, stored),
        ).fetchone()
        measures = (row.sharpness, row.luma_mean, row.luma_std)
        facts = (stored, row.width, row.height, *measures, at, len(row.thumb or b""))
        # The picture that this file held before is no longer to be seen anywhere.
        db.execute(
            "UPDATE frame SET sampled = 0 WHERE id ="
            " (SELECT frame_id FROM picture_file WHERE path = ?)",
            (stored,),
        )
        if before is None:
            return int(
                db.execute(
                    "INSERT INTO frame (video_id, pts, time_s, ordinal, file, width, height,"
                    " sharpness, luma_mean, luma_std, thumb_offset, thumb_bytes, sampled)"
                    " VALUES (?, ?, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
                    (video_id, pts, *facts),
                ).lastrowid
                or 0
            )
        frame_id = int(before["frame_id"])
        same_place = before["path"] == stored
        db.execute(
            "UPDATE frame SET file = ?, width = ?, height = ?, sharpness = ?, luma_mean = ?,"
            " luma_std = ?, thumb_offset = ?, thumb_bytes = ?, video_id = ?,"
            " pts = CASE WHEN ? THEN pts ELSE ? END, reason = NULL WHERE id = ?",
            (*facts, video_id, same_place, pts, frame_id),
        )
        if not same_place:
            db.execute("DELETE FROM picture_file WHERE path = ?", (before["path"],))
        return frame_id

    def members(self, video_id: int) -> list[Member]:
        """Return the pictures of a folder that are there, in no order."""
        rows = self.catalogue.db.execute(
            "SELECT p.path, p.taken_s, p.frame_id, f.pts FROM picture_file p"
            " JOIN frame f ON f.id = p.frame_id WHERE p.video_id = ? AND p.gone = 0",
            (video_id,),
        )
        return [
            Member(
                row["frame_id"],
                Path(row["path"]).name,
                row["taken_s"],
                row["pts"] if row["pts"] >= 0 else None,
            )
            for row in rows
        ]

    def settle(
        self,
        video_id: int,
        members: Sequence[Member],
        pts: Sequence[int],
        time_s: Sequence[float],
        scenes: Sequence[tuple[int, int]],
    ) -> None:
        """Give every picture of a folder its place; only these are sampled from now on.

        Args:
            members: in order, with the place and the time of each in `pts` and `time_s`.
            scenes: first and last index of each run of pictures taken close together.
        """
        ids = [member.frame_id for member in members]
        with self.catalogue.transaction() as db:
            moved = [i for i, member in enumerate(members) if member.pts != pts[i]]
            low = db.execute(
                "SELECT min(0, coalesce(min(pts), 0)) FROM frame WHERE video_id = ?", (video_id,)
            ).fetchone()[0]
            # Two steps, because (video_id, pts) is unique at every moment; pictures that are no
            # longer there give up a place that is wanted.
            db.executemany(
                "UPDATE frame SET pts = ? WHERE id = ?",
                [(low - 1 - n, ids[i]) for n, i in enumerate(moved)],
            )
            low -= 1 + len(moved)
            taken = {
                row["pts"]: row["id"]
                for row in db.execute(
                    "SELECT id, pts FROM frame WHERE video_id = ? AND pts >= 0", (video_id,)
                )
            }
            blocked = [taken[pts[i]] for i in moved if pts[i] in taken]
            db.executemany(
                "UPDATE frame SET pts = ? WHERE id = ?",
                [(low - n, frame_id) for n, frame_id in enumerate(blocked)],
            )
            db.executemany(
                "UPDATE frame SET pts = ? WHERE id = ?", [(pts[i], ids[i]) for i in moved]
            )
            db.execute("UPDATE frame SET sampled = 0 WHERE video_id = ?", (video_id,))
            db.executemany(
                "UPDATE frame SET sampled = 1, ordinal = ?, time_s = ? WHERE id = ?",
                [(i, time_s[i], frame_id) for i, frame_id in enumerate(ids)],
            )
            self._close(video_id, pts, time_s, scenes)

    def _close(
        self,
        video_id: int,
        pts: Sequence[int],
        times: Sequence[float],
        scenes: Sequence[tuple[int, int]],
    ) -> None:
        """Write the scenes and the facts of a folder; inside a transaction."""
        db = self.catalogue.db
        db.execute("DELETE FROM shot WHERE video_id = ?", (video_id,))
        db.executemany(
            "INSERT INTO shot VALUES (?, ?, ?, ?, ?, ?)",
            [
                (video_id, no, pts[a], pts[b], times[a], times[b])
                for no, (a, b) in enumerate(scenes, start=1)
            ],
        )
        row = db.execute(
            "SELECT key, path, (SELECT coalesce(sum(size_bytes), 0) FROM picture_file"
            " WHERE video_id = v.id AND gone = 0) AS size,"
            " (SELECT count(error) FROM picture_file WHERE video_id = v.id AND gone = 0) AS failed"
            " FROM video v WHERE id = ?",
            (video_id,),
        ).fetchone()
        span = times[-1] if times else 0.0
        folder = self.catalogue.absolute(row["path"])
        db.execute(
            "UPDATE video SET duration_s = ?, info = ? WHERE id = ?",
            (span, info_to_json(_info(folder, row["key"], row["size"], len(pts), span)), video_id),
        )
        db.execute(
            "UPDATE extraction SET decoded = ?, errors = ?, time_s = ? WHERE video_id = ?",
            (len(pts), row["failed"], span, video_id),
        )


def _info(folder: Path, key: str, size_bytes: int, pictures: int, span_s: float) -> VideoInfo:
    return VideoInfo(
        path=folder,
        key=key,
        size_bytes=size_bytes,
        container=KIND,
        codec="",
        width=0,
        height=0,
        display_wh=(0, 0),
        rotation_deg=0,
        sar=Fraction(1),
        fps=None,
        time_base=Fraction(1),
        start_pts=0,
        duration_s=span_s,
        n_frames=pictures,
        pixel_format="",
        color_transfer="",
        color_primaries="",
        color_space="",
        color_range="",
        hdr="",
        interlaced=False,
        variable_rate=True,
        n_video_streams=0,
        has_audio=False,
    )
