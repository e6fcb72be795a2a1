"""Videos that ended their worker twice: left alone until somebody asks for them again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from curation.store.catalogue import Catalogue
from curation.store.sources import stat_of

HINT = "--retry-quarantined tries it again"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A file that is left alone.

    Attributes:
        stage: "probe" or "extract": what it ended.
        made_s: when, in seconds since 1970.
    """

    path: Path
    stage: str
    reason: str
    made_s: float

    def sentence(self) -> str:
        """Return why, and what to type."""
        return f"quarantined: {self.reason}, twice, once alone; {HINT}"


class QuarantineTable:
    """The quarantine of one catalogue. A file that has changed is another file."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def put(self, path: Path, stage: str, reason: str) -> Quarantined:
        """Leave a file alone from now on, as it is now."""
        row = Quarantined(path.absolute(), stage, reason, time.time())
        stat = stat_of(path) or (0, 0)
        with self.catalogue.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?, ?, ?, ?)",
                (self.catalogue.relative(path), *stat, stage, reason, row.made_s),
            )
        return row

    def find(self, path: Path) -> Quarantined | None:
        """Return why a file is left alone, None when it is not, or is another one by now."""
        row = self.catalogue.db.execute(
            "SELECT * FROM quarantine WHERE path = ?", (self.catalogue.relative(path),)
        ).fetchone()
        if row is None or stat_of(path) != (row["size_bytes"], row["mtime_ns"]):
            return None
        return Quarantined(path.absolute(), row["stage"], row["reason"], row["made_s"])

    def all(self) -> list[Quarantined]:
        """Return every file that is left alone, by path."""
        rows = self.catalogue.db.execute("SELECT path FROM quarantine ORDER BY path").fetchall()
        found = (self.find(self.catalogue.absolute(row["path"])) for row in rows)
        return [row for row in found if row is not None]

    def lift(self, paths: Iterable[Path]) -> set[Path]:
        """Take files out of quarantine; return those that were in it."""
        lifted = {path for path in paths if self.find(path) is not None}
        stored = json.dumps([self.catalogue.relative(path) for path in lifted])
        with self.catalogue.transaction() as db:
            db.execute(
                "DELETE FROM quarantine WHERE path IN (SELECT value FROM json_each(?))", (stored,)
            )
        return lifted
