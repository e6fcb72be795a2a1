"""Crops of pictures by key and ratio: what was proposed, and what a person said of it.

A person's word stays: a new proposal never takes the place of a crop that was accepted, refused or
placed by hand.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from curation.store.catalogue import Catalogue

Verdict = Literal["proposed", "review", "none", "accepted", "refused"]
Px = tuple[int, int, int, int]
SAID = ("accepted", "refused")
"""Verdicts that only a person gives."""
COLUMNS = (
    "key, ratio, x, y, width, height, score, confidence, verdict, by_hand, why, facts, fp,"
    " changed_s"
)


@dataclass(frozen=True, slots=True)
class CropRow:
    """One crop of one picture.

    Attributes:
        key: of a photo (photos.picture), or "<video key>:<pts>" of a frame.
        px: x, y, width, height in upright pixels; all 0 with the verdict "none".
        by_hand: a person placed it.
        why: what is special about it, in words.
        fp: what proposed it; "" when nobody did.
    """

    key: str
    ratio: str
    px: Px
    score: float | None = None
    confidence: float | None = None
    verdict: Verdict = "proposed"
    by_hand: bool = False
    why: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    fp: str = ""
    changed_s: float = 0.0

    @property
    def is_said(self) -> bool:
        """Return whether a person placed it or gave its verdict."""
        return self.by_hand or self.verdict in SAID


class CropTable:
    """The crops of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def of(self, keys: Iterable[str]) -> dict[str, dict[str, CropRow]]:
        """Return the crops of pictures, by key and ratio; pictures without any are not in it."""
        found: dict[str, dict[str, CropRow]] = {}
        asked = json.dumps(sorted(set(keys)))
        for row in self.catalogue.db.execute(
            f"SELECT {COLUMNS} FROM crop WHERE key IN (SELECT value FROM json_each(?))"
            " ORDER BY key, ratio",
            (asked,),
        ):
            found.setdefault(row["key"], {})[row["ratio"]] = _row(row)
        return found

    def propose(self, rows: Iterable[CropRow]) -> None:
        """Keep proposals; where a person has spoken, theirs stays."""
        now = time.time()
        with self.catalogue.transaction() as db:
            db.executemany(
                f"INSERT INTO crop ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
                " ON CONFLICT (key, ratio) DO UPDATE SET x = excluded.x, y = excluded.y,"
                " width = excluded.width, height = excluded.height, score = excluded.score,"
                " confidence = excluded.confidence, verdict = excluded.verdict,"
                " why = excluded.why, facts = excluded.facts, fp = excluded.fp,"
                " changed_s = excluded.changed_s"
                " WHERE by_hand = 0 AND verdict NOT IN ('accepted', 'refused')",
                [_values(row, now) for row in rows],
            )

    def say(self, row: CropRow) -> CropRow:
        """Keep what a person said of a crop, and return it as it is now."""
        with self.catalogue.lasting() as db:
            db.execute(
                f"INSERT OR REPLACE INTO crop ({COLUMNS})"
                " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                _values(row, time.time()),
            )
        return self.of([row.key])[row.key][row.ratio]

    def forget(self, key: str, ratio: str) -> None:
        """Take a crop away, whoever placed it; the next run proposes anew."""
        with self.catalogue.lasting() as db:
            db.execute("DELETE FROM crop WHERE key = ? AND ratio = ?", (key, ratio))

    def picture(self, frame_id: int) -> tuple[str, tuple[int, int]] | None:
        """Return key and upright size of a frame of the review; None when there is no such."""
        db = self.catalogue.db
        key = "v.key || ':' || f.pts"
        # Only a review of a folder makes this table.
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'picture_file'").fetchone():
            key = (
                "coalesce((SELECT p.key FROM picture_file p WHERE p.frame_id = f.id"
                f" AND p.key IS NOT NULL ORDER BY p.path LIMIT 1), {key})"
            )
        row = db.execute(
            f"SELECT {key} AS key, f.width, f.height FROM frame f"
            " JOIN video v ON v.id = f.video_id WHERE f.id = ?",
            (frame_id,),
        ).fetchone()
        return None if row is None else (row["key"], (row["width"], row["height"]))

    def look(self, key: str, name: str, fp: str) -> dict[str, Any] | None:
        """Return the answer that a photo gave to a question (toolkit.finding), None without it."""
        row = self.catalogue.db.execute(
            "SELECT m.value FROM photo_print p JOIN indexed_measure m ON m.content = p.content"
            " WHERE p.key = ? AND m.name = ? AND m.fp = ? AND m.error IS NULL"
            " ORDER BY p.content LIMIT 1",
            (key, name, fp),
        ).fetchone()
        found: dict[str, Any] | None = None if row is None else json.loads(row["value"])
        return found

    def counts(self) -> dict[str, int]:
        """Return how many crops there are of each verdict."""
        rows = self.catalogue.db.execute(
            "SELECT verdict, count(*) AS n FROM crop GROUP BY verdict ORDER BY verdict"
        )
        return {row["verdict"]: row["n"] for row in rows}


def _values(row: CropRow, now: float) -> tuple[Any, ...]:
    return (
        row.key, row.ratio, *row.px, row.score, row.confidence, row.verdict, int(row.by_hand),
        row.why, json.dumps(dict(row.facts), sort_keys=True), row.fp, now,
    )  # fmt: skip


def _row(row: Any) -> CropRow:
    return CropRow(
        row["key"], row["ratio"], (row["x"], row["y"], row["width"], row["height"]), row["score"],
        row["confidence"], row["verdict"], bool(row["by_hand"]), row["why"],
        json.loads(row["facts"]), row["fp"], row["changed_s"],
    )  # fmt: skip
