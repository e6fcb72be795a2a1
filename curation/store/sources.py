"""Files that were offered as videos: their numbers, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curation.records import VideoInfo
from curation.store.active import active_areas, forget_measures
from curation.store.catalogue import Catalogue
from curation.store.videos import info_from_json, info_to_json

TURNED = ("display_wh", "rotation_deg", "mirrored")
"""Facts that stored pictures, and places in them, must agree with."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was offered as a video, and what became of it."""

    path: Path
    folder_no: int
    video_no: int
    size_bytes: int | None
    mtime_ns: int | None
    video_id: int | None
    error: str | None


def stat_of(path: Path) -> tuple[int, int] | None:
    """Return size in bytes and mtime in ns of a file, as they are stored of it; None without it."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


class SourceTable:
    """The numbered folders and files of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def folders(self) -> dict[int, Path]:
        """Return the numbered source folders."""
        rows = self.catalogue.db.execute("SELECT no, path FROM source_folder ORDER BY no")
        return {row["no"]: self.catalogue.absolute(row["path"]) for row in rows}

    def add_folder(self, path: Path, wanted_no: int | None = None) -> int:
        """Return the number of a source folder, giving it the wanted or the next free one."""
        stored = self.catalogue.relative(path)
        with self.catalogue.transaction() as db:
            row = db.execute("SELECT no FROM source_folder WHERE path = ?", (stored,)).fetchone()
            if row is not None:
                return int(row["no"])
            taken = {int(r["no"]) for r in db.execute("SELECT no FROM source_folder")}
            taken |= {no for no in self._folders_on_disk() if no != wanted_no}
            no = wanted_no
            if no is None or no in taken:
                no = next(n for n in range(1, len(taken) + 2) if n not in taken)
            db.execute("INSERT INTO source_folder VALUES (?, ?)", (no, stored))
        return no

    def _folders_on_disk(self) -> set[int]:
        names = (
            p.name.removeprefix("videos_folder_")
            for p in self.catalogue.root.glob("videos_folder_*")
        )
        return {int(name) for name in names if name.isdecimal()}

    def add_files(self, folder_no: int, paths: Sequence[Path]) -> list[SourceFile]:
        """Number the files of a folder that are new, in the order given, and return all of them."""
        with self.catalogue.transaction() as db:
            top = db.execute(
                "SELECT coalesce(max(video_no), 0) FROM source_file WHERE folder_no = ?",
                (folder_no,),
            ).fetchone()[0]
            for path in paths:
                stored = self.catalogue.relative(path)
                done = db.execute(
                    "INSERT INTO source_file (path, folder_no, video_no) VALUES (?, ?, ?) "
                    "ON CONFLICT DO NOTHING",
                    (stored, folder_no, top + 1),
                )
                top += done.rowcount
        return [self.file(path) for path in paths]

    def file(self, path: Path) -> SourceFile:
        """Return one source file; KeyError when it was never added."""
        stored = self.catalogue.relative(path)
        row = self.catalogue.db.execute(
            "SELECT * FROM source_file WHERE path = ?", (stored,)
        ).fetchone()
        if row is None:
            raise KeyError(stored)
        return self._file(row)

    def files(self) -> list[SourceFile]:
        """Return every source file, in the order of their numbers."""
        rows = self.catalogue.db.execute("SELECT * FROM source_file ORDER BY folder_no, video_no")
        return [self._file(row) for row in rows]

    def _file(self, row: Any) -> SourceFile:
        values = {key: row[key] for key in SourceFile.__slots__ if key != "path"}
        return SourceFile(path=self.catalogue.absolute(row["path"]), **values)

    def settle_file(
        self, file: SourceFile, stat: tuple[int, int], found: VideoInfo | str
    ) -> int | None:
        """Record what a file turned out to be: a video, or the reason that it is none.

        A file that held another video before (it was still being copied, or was replaced) gets a
        new number, so that no picture of the one is taken for the other's. The frames of the
        earlier one stay with their marks, and are no longer sampled.

        What was found out about a content that is known replaces what an older program, which
        looked for less, found out about it.

        Args:
            stat: size in bytes and modification time in ns of the file that was read.

        Returns:
            The video's id, None for a file that is no video. Two files of one content share it.
        """
        stored = self.catalogue.relative(file.path)
        with self.catalogue.transaction() as db:
            video_id: int | None = None
            error = found if isinstance(found, str) else None
            if isinstance(found, VideoInfo):
                row = db.execute(
                    "SELECT id, path, info FROM video WHERE key = ?", (found.key,)
                ).fetchone()
                number = self._number_for(file, row["id"] if row is not None else 0)
                if row is None:
                    video_id = db.execute(
                        "INSERT INTO video (key, name, path, folder_no, video_no, duration_s, info)"
                        " VALUES (?, ?, ?, ?, ?, ?, ?)",
                        (
                            found.key,
                            file.path.name,
                            stored,
                            file.folder_no,
                            number,
                            found.duration_s,
                            info_to_json(found),
                        ),
                    ).lastrowid
                else:
                    video_id = int(row["id"])
                    self._learn(video_id, info_from_json(row["info"], found.path), found)
                    if not self._holds(row["path"], video_id):
                        db.execute("UPDATE video SET path = ? WHERE id = ?", (stored, video_id))
                db.execute("UPDATE source_file SET video_no = ? WHERE path = ?", (number, stored))
                self._retire(stored, int(video_id or 0))
            db.execute(
                "UPDATE source_file SET size_bytes = ?, mtime_ns = ?, video_id = ?, error = ? "
                "WHERE path = ?",
                (*stat, video_id, error, stored),
            )
        return video_id

    def _learn(self, video_id: int, known: VideoInfo, found: VideoInfo) -> None:
        """Store what is newly known of a content; its frames stay unless they stand wrongly.

        Measures of another part of the picture are forgotten. Stills that were turned otherwise
        are made anew, and a half extraction begins anew where the rest would look otherwise.
        """
        if known == found:
            return
        db = self.catalogue.db
        cut = known.active_xyxy_px != found.active_xyxy_px
        before = active_areas(self.catalogue).get(video_id) if cut else None
        db.execute(
            "UPDATE video SET info = ?, duration_s = ? WHERE id = ?",
            (info_to_json(found), found.duration_s, video_id),
        )
        after = active_areas(self.catalogue).get(video_id) if cut else None
        turned = any(getattr(known, name) != getattr(found, name) for name in TURNED)
        if turned or before != after:
            forget_measures(self.catalogue, video_id)
        told = replace(
            known, warnings=found.warnings, stream_no=found.stream_no, streams=found.streams,
            chapters=found.chapters, active_xyxy_px=found.active_xyxy_px,
        )  # fmt: skip
        if told != found:
            db.execute(
                "DELETE FROM extraction WHERE video_id = ? AND (done = 0 OR ?)", (video_id, turned)
            )

    def _holds(self, stored: str, video_id: int) -> bool:
        """Return whether a file is there and was not found to hold another video."""
        row = self.catalogue.db.execute(
            "SELECT video_id FROM source_file WHERE path = ?", (stored,)
        ).fetchone()
        other = row is not None and row["video_id"] not in (None, video_id)
        return not other and self.catalogue.absolute(stored).exists()

    def _number_for(self, file: SourceFile, video_id: int) -> int:
        """Return a file's number, a new one when another video's frames lie under it."""
        db = self.catalogue.db
        taken = db.execute(
            "SELECT 1 FROM video v WHERE v.folder_no = ? AND v.video_no = ? AND v.id != ?"
            " AND EXISTS (SELECT 1 FROM frame f WHERE f.video_id = v.id)"
            " AND v.path = ? LIMIT 1",
            (file.folder_no, file.video_no, video_id, self.catalogue.relative(file.path)),
        ).fetchone()
        if taken is None:
            return file.video_no
        top = db.execute(
            "SELECT max(video_no) FROM source_file WHERE folder_no = ?", (file.folder_no,)
        ).fetchone()[0]
        return int(top) + 1

    def _retire(self, stored: str, video_id: int) -> None:
        """Let go of the videos that a file held before, unless another file holds them too."""
        db = self.catalogue.db
        rows = db.execute(
            "SELECT v.id, (SELECT s.path FROM source_file s WHERE s.video_id = v.id"
            " AND s.path != v.path LIMIT 1) AS other FROM video v WHERE v.path = ? AND v.id != ?",
            (stored, video_id),
        ).fetchall()
        for row in rows:
            if row["other"] is not None:
                db.execute("UPDATE video SET path = ? WHERE id = ?", (row["other"], row["id"]))
                continue
            db.execute("UPDATE frame SET sampled = 0 WHERE video_id = ?", (row["id"],))
            # Were it to come back, it is extracted again: that makes its frames sampled ones.
            for table in ("shot", "shot_score", "extraction"):
                db.execute(f"DELETE FROM {table} WHERE video_id = ?", (row["id"],))
