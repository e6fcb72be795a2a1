"""Who did what: one row for everything that somebody changed through the server."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from curation.store.catalogue import Catalogue

MOST_ROWS = 200_000
"""Older rows go: a log must not fill the disk that it watches over."""
PRUNE_EVERY = 500
LONGEST_WHO, LONGEST_WHAT = 60, 4000


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was done.

    Attributes:
        made_s: seconds since 1970.
        who: the name that was given with the password; "" when nobody was asked.
        address: where the request came from.
        action: mark, upload, job, login, ...
        what: JSON values.
    """

    id: int
    made_s: float
    who: str
    address: str
    action: str
    what: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


class AuditTable:
    """The audit rows of one catalogue; rows are added, never changed."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def add(self, who: str, address: str, action: str, what: Mapping[str, Any]) -> int:
        """Write one row and return its number; old rows beyond MOST_ROWS go."""
        text = json.dumps(dict(what), sort_keys=True, default=str)
        if len(text) > LONGEST_WHAT:
            text = json.dumps({"cut": text[: LONGEST_WHAT // 2]})
        with self.catalogue.transaction() as db:
            row = db.execute(
                "INSERT INTO audit (made_s, who, address, action, what) VALUES (?, ?, ?, ?, ?)",
                (time.time(), who[:LONGEST_WHO], address, action, text),
            ).lastrowid
            assert row is not None
            if row % PRUNE_EVERY == 0:
                db.execute("DELETE FROM audit WHERE id <= ?", (row - MOST_ROWS,))
        return row

    def listing(
        self, limit: int = 100, before: int | None = None, action: str = "", who: str = ""
    ) -> list[Entry]:
        """Return rows, newest first.

        Args:
            before: only rows with smaller numbers than this.
        """
        rows = self.catalogue.db.execute(
            "SELECT * FROM audit WHERE (? IS NULL OR id < ?) AND (? = '' OR action = ?)"
            " AND (? = '' OR who = ?) ORDER BY id DESC LIMIT ?",
            (before, before, action, action, who, who, limit),
        )
        return [Entry(**{**dict(row), "what": json.loads(row["what"])}) for row in rows]
