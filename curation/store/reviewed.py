"""What people said of the picture files of a reviewed folder, by file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from curation.store.albums import AlbumTable
from curation.store.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One picture file, as it was when it was shown, and its marks.

    Attributes:
        flag: -1 rejected, 0 neither, 1 picked.
        stars: 0-5.
    """

    path: Path
    size_bytes: int
    mtime_ns: int
    flag: int
    stars: int
    note: str


def reviewed(catalogue: Catalogue) -> Iterator[Reviewed]:
    """Yield every picture file that the review workspace shows, marked or not, by path."""
    if not AlbumTable(catalogue).exists():
        return
    rows = catalogue.db.execute(
        "SELECT p.path, p.size_bytes, p.mtime_ns, coalesce(r.flag, 0) AS flag,"
        " coalesce(r.stars, 0) AS stars, coalesce(r.note, '') AS note"
        " FROM picture_file p LEFT JOIN review r ON r.frame_id = p.frame_id"
        " WHERE p.gone = 0 AND p.error IS NULL AND p.frame_id IS NOT NULL ORDER BY p.path"
    )
    for row in rows:
        yield Reviewed(
            catalogue.absolute(row["path"]),
            row["size_bytes"], row["mtime_ns"], row["flag"], row["stars"], row["note"],
        )  # fmt: skip
