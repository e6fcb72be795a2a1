"""Reading what toolkit verbs did to files, a page at a time: for showing it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.store.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Done:
    """One primitive change that was made.

    Attributes:
        kind: mkdir, put, move, remove or rmdir.
        before: content that stood at dst, kept under kept/; None when nothing did.
        after: content that was put there.
    """

    kind: str
    src: Path | None
    dst: Path
    before: str | None
    after: str | None


class FileViews:
    """Reads of the file journal of one work dir's catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def kept(self, content: str) -> Path:
        """Return where a kept content lies."""
        return self._catalogue.root / "kept" / content[:2] / content

    def latest(self, limit: int = 20) -> list[dict[str, Any]]:
        """Return the latest runs that changed something, newest first: id, verb, state, begun_s.

        `files` is how many groups (a picture with its sidecar) each changed.
        """
        rows = self._catalogue.db.execute(
            "SELECT id, verb, state, begun_s, (SELECT max(grp) FROM file_op WHERE run_id = id)"
            " AS files FROM file_run WHERE EXISTS (SELECT 1 FROM file_op WHERE run_id = id)"
            " ORDER BY id DESC LIMIT ?",
            (limit,),
        )
        return [dict(row) for row in rows]

    def count(self, run: int) -> int:
        """Return how many groups a run changed."""
        row = self._catalogue.db.execute(
            "SELECT grp FROM file_op WHERE run_id = ? ORDER BY n DESC LIMIT 1", (run,)
        ).fetchone()
        return 0 if row is None else int(row[0])

    def groups(self, run: int, first: int, count: int) -> dict[int, list[Done]]:
        """Return the changes of groups first, first + 1, ...; they are numbered from 1."""
        rows = self._catalogue.db.execute(
            "SELECT grp, kind, src, dst, before, after FROM file_op"
            " WHERE run_id = ? AND grp >= ? AND grp < ? ORDER BY n",
            (run, first, first + count),
        )
        found: dict[int, list[Done]] = {}
        for row in rows:
            found.setdefault(row["grp"], []).append(self._done(row))
        return found

    def _done(self, row: Mapping[str, Any]) -> Done:
        def path(packed: bytes) -> Path:
            return self._catalogue.absolute(os.fsdecode(packed))

        src = None if row["src"] is None else path(row["src"])
        return Done(row["kind"], src, path(row["dst"]), row["before"], row["after"])
