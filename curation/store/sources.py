"""Files that were offered as videos: their numbers, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.records import VideoInfo
from curation.store.catalogue import Catalogue
from curation.store.videos import info_to_json


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
                    "SELECT id, path FROM video WHERE key = ?", (found.key,)
                ).fetchone()
                if row is None:
                    video_id = db.execute(
                        "INSERT INTO video (key, name, path, folder_no, video_no, duration_s, info)"
                        " VALUES (?, ?, ?, ?, ?, ?, ?)",
                        (
                            found.key,
                            file.path.name,
                            stored,
                            file.folder_no,
                            file.video_no,
                            found.duration_s,
                            info_to_json(found),
                        ),
                    ).lastrowid
                else:
                    video_id = int(row["id"])
                    if not self.catalogue.absolute(row["path"]).exists():
                        db.execute("UPDATE video SET path = ? WHERE id = ?", (stored, video_id))
            db.execute(
                "UPDATE source_file SET size_bytes = ?, mtime_ns = ?, video_id = ?, error = ? "
                "WHERE path = ?",
                (*stat, video_id, error, stored),
            )
        return video_id
