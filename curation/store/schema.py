"""The tables of a catalogue and how an older one is brought up to date."""

from __future__ import annotations

import sqlite3
from importlib import resources

from curation.errors import StoreError

MIGRATIONS: tuple[str, ...] = tuple(
    file.read_text("utf-8")
    for file in sorted(
        (resources.files("curation.store") / "migrations").iterdir(), key=lambda file: file.name
    )
    if file.name.endswith(".sql")
)
"""In the order of their numbers. One that was ever released is never changed; a new one is a file
with the next number."""


def migrate(db: sqlite3.Connection) -> None:
    """Bring a catalogue to this program's version, one transaction a step.

    Raises:
        StoreError: when the catalogue was written by a newer program.
    """
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise StoreError(
            f"the catalogue is of version {version}, this program knows {len(MIGRATIONS)}",
            "update Frame Curation Studio",
        )
    for number in range(version, len(MIGRATIONS)):
        script = (
            f"BEGIN IMMEDIATE; {MIGRATIONS[number]} PRAGMA user_version = {number + 1}; COMMIT;"
        )
        try:
            db.executescript(script)
        except sqlite3.OperationalError:
            db.rollback()
            if db.execute("PRAGMA user_version").fetchone()[0] <= number:
                raise
