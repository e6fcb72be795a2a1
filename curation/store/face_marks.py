"""What a person says about faces: real, or not. A machine never overwrites it."""

from __future__ import annotations

import time
from collections.abc import Iterable

from curation.errors import StoreError
from curation.store.catalogue import Catalogue


class FaceMarkTable:
    """The face marks of one catalogue, at most one a frame."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def put(self, frame_ids: Iterable[int], false: bool | None) -> None:
        """Mark frames' main faces as false or real; None takes a mark away.

        Raises:
            StoreError: for a frame that the catalogue does not have; nothing is marked then.
        """
        wanted = list(dict.fromkeys(frame_ids))
        with self.catalogue.lasting() as db:
            for frame_id in wanted:
                if db.execute("SELECT 1 FROM frame WHERE id = ?", (frame_id,)).fetchone() is None:
                    raise StoreError(f"there is no frame {frame_id}")
                if false is None:
                    db.execute("DELETE FROM face_mark WHERE frame_id = ?", (frame_id,))
                else:
                    db.execute(
                        "INSERT OR REPLACE INTO face_mark VALUES (?, ?, ?)",
                        (frame_id, int(false), time.time()),
                    )

    def all(self) -> dict[int, bool]:
        """Return frame id -> whether a person called its face false."""
        rows = self.catalogue.db.execute("SELECT frame_id, false FROM face_mark ORDER BY frame_id")
        return {int(row["frame_id"]): bool(row["false"]) for row in rows}
