"""When was a table last written? Triggers in the catalogue say, whoever wrote.

Counts and sums cannot tell every two states apart: frames that were deleted and made again get
the ids of the old ones. So each table that columns are read from has a text of its own, drawn
anew by chance in the transaction that changes a row. Two states never have the same one; not even
a catalogue and its backup that went on separately.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from curation.store.catalogue import Catalogue
from curation.store.ratings import RatingTable
from curation.store.signals import table_of

FRAME_TABLES = ("extraction", "frame", "shot", "video")
"""What says which frames there are, where and when, and which part of them counts."""
SAID_TABLES = ("face_mark", "pair", "person_op")
"""What else decisions are made from."""
EVENTS = ("INSERT", "UPDATE", "DELETE")
QUOTE = '"'
DRAWN = "'\"' || hex(randomblob(12)) || '\"'"


def signal_tables(catalogue: Catalogue) -> dict[str, str]:
    """Return step -> table of all steps that were ever measured, by name."""
    rows = catalogue.db.execute("SELECT DISTINCT step FROM step_run ORDER BY step")
    return {row["step"]: table_of(row["step"]).strip(QUOTE) for row in rows}


def clocks(catalogue: Catalogue) -> dict[str, str] | None:
    """Return table -> text that is another one after each change, of all measured tables.

    None where the catalogue cannot be written, so that nobody could say when it changes.
    """
    tables = [*FRAME_TABLES, *SAID_TABLES, *signal_tables(catalogue).values()]
    missing = _missing(catalogue, tables)
    if missing:
        try:
            _wind(catalogue, missing)
        except sqlite3.Error:
            return None
    found = {
        row["key"][len("clock."):]: str(row["value"])
        for row in catalogue.db.execute("SELECT key, value FROM setting WHERE key GLOB 'clock.*'")
    }
    return {table: found[table] for table in tables} if found.keys() >= set(tables) else None


def measured_at(catalogue: Catalogue) -> str | None:
    """Return one text for all of `clocks`, and for the ratings that a taste is learned from."""
    found = clocks(catalogue)
    if found is None:
        return None
    ratings = RatingTable(catalogue)
    taste = ratings.state() if ratings.speak() else ""
    return repr(sorted(found.items())) + taste


def _missing(catalogue: Catalogue, tables: Iterable[str]) -> list[str]:
    """Return the tables that have no clock; one that was dropped and made again has lost its."""
    have = {
        row["name"]
        for row in catalogue.db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    }
    known = {row["key"] for row in catalogue.db.execute("SELECT key FROM setting")}
    return [
        table for table in tables
        if f"clock.{table}" not in known
        or any(_name(table, event) not in have for event in EVENTS)
    ]


def _wind(catalogue: Catalogue, tables: Iterable[str]) -> None:
    """Make the clocks of some tables, each with a new time."""
    if catalogue.db.in_transaction:
        raise sqlite3.OperationalError("clocks are made in a transaction of their own")
    with catalogue.transaction() as db:
        for table in tables:
            db.execute(
                f"INSERT INTO setting VALUES ('clock.{table}', {DRAWN})"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
            )
            for event in EVENTS:
                db.execute(
                    f"CREATE TRIGGER IF NOT EXISTS {_name(table, event)} AFTER {event} ON {table}"
                    f" BEGIN UPDATE setting SET value = {DRAWN} WHERE key = 'clock.{table}'; END"
                )


def _name(table: str, event: str) -> str:
    return f"clock_{table}_{event.lower()}"
