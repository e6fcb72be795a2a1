"""Where files came from: links, buckets, drives. What was fetched once is not fetched again."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from curation.store.catalogue import FILE_NAME, Catalogue

ALSO = "also"
"""Fact that lists further archive keys whose content was found to be the same file."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one file came from.

    Attributes:
        kind: link, bucket, drive, watch or upload.
        url: without secrets; safe to show.
        archive_key: what it is called there, None when it has no lasting name.
        facts: uploader, date, etag and the like; JSON values.
        fetched_s: seconds since 1970.
    """

    kind: str
    url: str
    archive_key: str | None = None
    title: str = ""
    licence: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    fetched_s: float = field(default_factory=time.time)

    def to_dict(self) -> dict[str, Any]:
        """Return it for datastore.json; what is unknown is left out."""
        facts = {key: value for key, value in self.facts.items() if key != ALSO}
        said = {"kind": self.kind, "url": self.url, "title": self.title, "licence": self.licence}
        return {key: value for key, value in (facts | said).items() if value not in ("", None)}


class OriginTable:
    """The origins of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def put(self, path: Path, origin: Origin) -> None:
        """Record where a file came from.

        A file that has an origin keeps it, and is known by the new archive key as well. A row of
        the same key whose file is gone gives way.
        """
        stored, key = self.catalogue.relative(path), origin.archive_key
        with self.catalogue.transaction() as db:
            db.execute(
                "DELETE FROM origin WHERE kind = ? AND archive_key = ? AND path <> ?",
                (origin.kind, key, stored),
            )
            row = db.execute("SELECT * FROM origin WHERE path = ?", (stored,)).fetchone()
            if row is not None:
                facts = json.loads(row["facts"])
                if key is not None and (row["kind"], row["archive_key"]) != (origin.kind, key):
                    facts[ALSO] = sorted({*facts.get(ALSO, ()), f"{origin.kind} {key}"})
                db.execute(
                    "UPDATE origin SET facts = ? WHERE path = ?", (json.dumps(facts), stored)
                )
                return
            db.execute(
                "INSERT INTO origin VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (stored, origin.kind, origin.url, key, origin.title, origin.licence,
                 json.dumps(dict(origin.facts), sort_keys=True), origin.fetched_s),
            )  # fmt: skip

    def is_new(self, path: Path, origin: Origin) -> bool:
        """Return whether neither a file has an origin nor an origin has a file."""
        row = self.catalogue.db.execute(
            "SELECT 1 FROM origin WHERE path = ? OR (kind = ? AND archive_key = ?)",
            (self.catalogue.relative(path), origin.kind, origin.archive_key),
        ).fetchone()
        return row is None

    def all(self) -> dict[str, Origin]:
        """Return path as stored -> origin."""
        rows = self.catalogue.db.execute("SELECT * FROM origin ORDER BY path")
        return {row["path"]: _origin(row) for row in rows}

    def keys(self, kind: str) -> set[str]:
        """Return all archive keys of a kind, whether their files are still there or not."""
        found: set[str] = set()
        for origin in self.all().values():
            if origin.kind == kind and origin.archive_key is not None:
                found.add(origin.archive_key)
            also = (one.partition(" ") for one in origin.facts.get(ALSO, ()))
            found |= {key for other, _, key in also if other == kind}
        return found

    def archive(self, kind: str) -> dict[str, Path]:
        """Return archive key -> file of everything of a kind whose file is still there."""
        found: dict[str, Path] = {}
        for stored, origin in self.all().items():
            path = self.catalogue.absolute(stored)
            keys = [one.partition(" ") for one in origin.facts.get(ALSO, ())]
            known = [key for other, _, key in keys if other == kind]
            if origin.kind == kind and origin.archive_key is not None:
                known.append(origin.archive_key)
            if known and path.is_file():
                found |= dict.fromkeys(known, path)
        return found


def _origin(row: Any) -> Origin:
    values = {key: row[key] for key in Origin.__slots__ if key != "facts"}
    return Origin(**values, facts=json.loads(row["facts"]))


def origin_of(path: Path) -> dict[str, Any] | None:
    """Return where a video came from, as the datastore that it lies in says; None when none does.

    That datastore is only read, and may be in use; where it cannot be read, nothing is known.
    Of files that came from a folder or a browser there is nothing that another machine needs.
    """
    root = path.absolute().parent.parent
    if not (root / FILE_NAME).is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{(root / FILE_NAME).as_uri()}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            stored = path.absolute().relative_to(root).as_posix()
            row = db.execute("SELECT * FROM origin WHERE path = ?", (stored,)).fetchone()
    except sqlite3.Error:
        return None
    if row is None or "://" not in row["url"]:
        return None
    return asdict(_origin(row))
