"""Which files in sorted/ and ranked/ are ours: only those are ever removed."""

from __future__ import annotations

from collections.abc import Mapping

from curation.store.catalogue import Catalogue


class OutputTable:
    """The files that views placed into a datastore."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def of_view(self, view: str) -> dict[str, int]:
        """Return path (relative) -> frame id of the files of a view."""
        rows = self.catalogue.db.execute(
            "SELECT path, frame_id FROM output_file WHERE view = ?", (view,)
        )
        return {row["path"]: row["frame_id"] for row in rows}

    def add(self, view: str, files: Mapping[str, int]) -> None:
        """Record files before they are placed, so that a killed run's files are known."""
        with self.catalogue.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO output_file VALUES (?, ?, ?)",
                [(path, view, frame_id) for path, frame_id in files.items()],
            )

    def forget(self, paths: list[str]) -> None:
        """Drop the record of files that are gone."""
        with self.catalogue.transaction() as db:
            db.executemany("DELETE FROM output_file WHERE path = ?", [(p,) for p in paths])
