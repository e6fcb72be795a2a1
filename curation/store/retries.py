"""Videos of watched folders that failed: how often, and when each is tried again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.store.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that failed, as it was then.

    Attributes:
        stat: size in bytes and modification time in ns.
        tries: how often it was tried as it is.
        again_s: when it is tried again, in seconds since 1970.
    """

    path: Path
    stat: tuple[int, int]
    tries: int
    again_s: float
    reason: str


class RetryTable:
    """The failures of one catalogue. A file that has changed is another file."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def put(self, failure: Failure) -> None:
        """Record a failure in place of the earlier one of that file."""
        with self.catalogue.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO watch_failure VALUES (?, ?, ?, ?, ?, ?)",
                (self.catalogue.relative(failure.path), *failure.stat, failure.tries,
                 failure.again_s, failure.reason),
            )  # fmt: skip

    def find(self, path: Path) -> Failure | None:
        """Return how a file failed last, None when it did not."""
        stored = self.catalogue.relative(path)
        row = self.catalogue.db.execute(
            "SELECT * FROM watch_failure WHERE path = ?", (stored,)
        ).fetchone()
        return None if row is None else self._failure(row)

    def all(self) -> dict[Path, Failure]:
        """Return all failures by path."""
        rows = self.catalogue.db.execute("SELECT * FROM watch_failure ORDER BY path")
        return {failure.path: failure for failure in map(self._failure, rows)}

    def _failure(self, row: Any) -> Failure:
        path, stat = self.catalogue.absolute(row["path"]), (row["size_bytes"], row["mtime_ns"])
        return Failure(path, stat, row["tries"], row["again_s"], row["reason"])

    def clear(self, paths: Iterable[Path]) -> None:
        """Forget the failures of files."""
        with self.catalogue.transaction() as db:
            db.executemany(
                "DELETE FROM watch_failure WHERE path = ?",
                [(self.catalogue.relative(path),) for path in paths],
            )
