"""Thumbnails: one append-only file a video, with offsets in the catalogue."""

from __future__ import annotations

from collections.abc import Sequence

from curation.store import pack_file
from curation.store.catalogue import Catalogue
from curation.store.videos import VideoTable


class Packs:
    """The thumbnail packs of one datastore."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.table = VideoTable(catalogue)

    def cut(self, video_id: int) -> None:
        """Cut off what a killed run appended but never recorded."""
        pack_file.cut(self.table.pack_path(video_id), self.table.pack_size(video_id))

    def append(self, video_id: int, thumbs: Sequence[bytes | None]) -> list[int | None]:
        """Append thumbnails and return the offset of each, None where there is none.

        Raises:
            NoSpace: the disk is full.
        """
        there = [thumb for thumb in thumbs if thumb is not None]
        offsets = iter(pack_file.append(self.table.pack_path(video_id), there))
        return [None if thumb is None else next(offsets) for thumb in thumbs]

    def read(self, frame_id: int) -> bytes | None:
        """Return the JPEG thumbnail of a frame, None when it has none."""
        row = self.catalogue.db.execute(
            "SELECT video_id, thumb_offset, thumb_bytes FROM frame WHERE id = ?", (frame_id,)
        ).fetchone()
        if row is None or row["thumb_offset"] is None:
            return None
        with self.table.pack_path(row["video_id"]).open("rb") as pack:
            pack.seek(row["thumb_offset"])
            return pack.read(row["thumb_bytes"])
