"""Views that people save by name: what is filtered, how it is sorted, in which mode."""

from __future__ import annotations

import json
import time
from typing import Any

from curation.errors import StoreError
from curation.store.catalogue import Catalogue

MOST_VIEWS = 200
MOST_NAME = 80
MOST_BYTES = 8192


class SavedViewTable:
    """The saved views of one catalogue; what is in them only the page understands."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def all(self) -> dict[str, Any]:
        """Return name -> value, by name."""
        rows = self.catalogue.db.execute("SELECT name, value FROM saved_view ORDER BY name")
        return {row["name"]: json.loads(row["value"]) for row in rows}

    def put(self, name: str, value: Any) -> None:
        """Save a view under a name; one of the same name is replaced.

        Raises:
            StoreError: no name, a name or a value that is too long or cannot be told to a page
                again, or too many views.
        """
        try:
            text = json.dumps(value, sort_keys=True, allow_nan=False)
            (name + json.dumps(value, ensure_ascii=False)).encode()
        except ValueError as error:  # one such view and no page could read the list of all
            raise StoreError("the view holds NaN, or half a letter", "save it again") from error
        if not name.strip() or len(name) > MOST_NAME:
            raise StoreError("a view needs a name", f"type 1 to {MOST_NAME} letters")
        if len(text.encode()) > MOST_BYTES:
            raise StoreError(f"the view {name} is larger than {MOST_BYTES} bytes", "filter by less")
        with self.catalogue.lasting() as db:
            others = db.execute("SELECT count(*) FROM saved_view WHERE name != ?", (name,))
            if others.fetchone()[0] >= MOST_VIEWS:
                raise StoreError(f"there are {MOST_VIEWS} saved views already", "delete one first")
            db.execute(
                "INSERT OR REPLACE INTO saved_view VALUES (?, ?, ?)", (name, text, time.time())
            )

    def delete(self, name: str) -> bool:
        """Forget a view; return whether there was one."""
        with self.catalogue.lasting() as db:
            done = db.execute("DELETE FROM saved_view WHERE name = ?", (name,))
        return done.rowcount > 0
