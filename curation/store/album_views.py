"""What is read of picture folders: which there are, what failed, which file shows a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curation.store.albums import KIND, AlbumTable
from curation.store.catalogue import Catalogue


class AlbumViews:
    """Reads about the picture folders of one catalogue; empty answers where there are none."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.table = AlbumTable(catalogue)

    def failures(self) -> list[tuple[Path, str]]:
        """Return every picture file that gives no frame, with the reason."""
        if not self.table.exists():
            return []
        rows = self.catalogue.db.execute(
            "SELECT path, error FROM picture_file WHERE error IS NOT NULL AND gone = 0"
            " ORDER BY path"
        )
        return [(self.catalogue.absolute(row["path"]), row["error"]) for row in rows]

    def listing(self) -> list[Mapping[str, Any]]:
        """Return each folder: id, key, name, path, pictures, failed."""
        if not self.table.exists():
            return []
        rows = self.catalogue.db.execute(
            "SELECT v.id, v.key, v.name, v.path, e.decoded AS pictures, e.errors AS failed"
            " FROM video v JOIN extraction e ON e.video_id = v.id"
            " WHERE json_extract(v.info, '$.container') = ? ORDER BY v.folder_no",
            (KIND,),
        )
        return [{**dict(row), "path": self.catalogue.absolute(row["path"])} for row in rows]

    def to_serve(self, frame_id: int) -> tuple[Path, str, bool] | None:
        """Return the file that shows a picture, its format, and whether it is as it was read.

        None when the frame is no picture of a registered folder, or when the file has been
        replaced by a link that leaves the folder.
        """
        if not self.table.exists():
            return None
        row = self.catalogue.db.execute(
            "SELECT p.*, v.path AS folder FROM picture_file p JOIN video v ON v.id = p.video_id"
            " WHERE p.frame_id = ? AND p.error IS NULL AND p.gone = 0",
            (frame_id,),
        ).fetchone()
        if row is None:
            return None
        if row["rendition"] is not None:
            return self.catalogue.root / row["rendition"], "JPEG", True
        path = self.catalogue.absolute(row["path"])
        try:
            stat, real = path.stat(), path.resolve()
        except OSError:
            return None
        roots = [self.catalogue.absolute(row["folder"]), *self.table.folders()]
        if not any(real.is_relative_to(root.resolve()) for root in roots):
            return None
        same = (stat.st_size, stat.st_mtime_ns) == (row["size_bytes"], row["mtime_ns"])
        return path, row["kind"], same
