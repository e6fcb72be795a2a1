"""Decisions: replaced whole each time a threshold moves, read by page."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from curation.store.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """What was decided about one frame, and why."""

    frame_id: int
    pool: str
    verdict: str
    reason: str
    detail: str
    score: float | None
    rank: int | None
    keeper: int | None
    parts: Mapping[str, float | None]
    person: int | None = None
    rival: int | None = None


REVISION = "decisions.revision"
SELECT = (
    "SELECT f.id AS frame_id, v.key || ':' || f.pts AS key, v.name AS video, v.key AS video_key,"
    " v.folder_no, v.video_no, f.pts, f.time_s, f.file, f.width, f.height, d.pool, d.verdict,"
    " d.reason, d.detail, d.score, d.rank, d.keeper, d.parts, d.person, d.rival"
    " FROM frame f JOIN video v ON v.id = f.video_id JOIN decision d ON d.frame_id = f.id"
    " WHERE f.sampled = 1"
)
ORDERS = {
    "rank": "d.rank IS NULL, d.rank, d.score DESC, v.folder_no, v.video_no, f.pts",
    "score": "d.score DESC, v.folder_no, v.video_no, f.pts",
    "time": "v.folder_no, v.video_no, f.pts",
}


def bump(db: sqlite3.Connection) -> None:
    """Move the clock of all decisions; within the transaction that changes them."""
    db.execute(
        "INSERT INTO setting VALUES (?, '1')"
        " ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1",
        (REVISION,),
    )


class DecisionTable:
    """The decisions of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def replace(self, rows: Iterable[DecisionRow]) -> None:
        """Put these decisions in the place of all earlier ones, as one transaction."""
        with self.catalogue.transaction() as db:
            db.execute("DELETE FROM decision")
            db.execute("DELETE FROM machine_decision")
            db.executemany(
                "INSERT INTO decision VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (
                        r.frame_id,
                        r.pool,
                        r.verdict,
                        r.reason,
                        r.detail,
                        r.score,
                        r.rank,
                        r.keeper,
                        json.dumps(dict(r.parts), sort_keys=True),
                        r.person,
                        r.rival,
                    )
                    for r in rows
                ),
            )
            bump(db)

    def revision(self) -> int:
        """Return a number that grows each time decisions change."""
        return int(self.catalogue.recall(REVISION, 0))

    def thresholds(self, names: Collection[str]) -> dict[str, Any]:
        """Return the remembered parameters of these names that decided last.

        Pools are decided by sort and by rank: what ran later speaks for both.
        """
        ranked, sorted_by = (
            {k: v for k, v in self.catalogue.recall(f"params.{verb}", {}).items() if k in names}
            for verb in ("rank", "sort")
        )
        if self.count(reason="not_ranked"):
            return ranked | sorted_by
        return sorted_by | ranked

    def census(self) -> dict[tuple[str, str, str], int]:
        """Return the number of frames of each (pool, verdict, reason), by one look at all."""
        rows = self.catalogue.db.execute(
            "SELECT d.pool, d.verdict, d.reason, count(*) AS n FROM decision d"
            " JOIN frame f ON f.id = d.frame_id WHERE f.sampled = 1 GROUP BY 1, 2, 3"
            " ORDER BY 4 DESC, 1, 2, 3"
        )
        return {(row["pool"], row["verdict"], row["reason"]): row["n"] for row in rows}

    def page(
        self,
        *,
        pool: str | None = None,
        verdict: str | None = None,
        reason: str | None = None,
        order: str = "rank",
        limit: int = -1,
        offset: int = 0,
    ) -> list[dict[str, Any]]:
        """Return decided frames as dicts with their parts, by rank, score or time."""
        wheres, values = self._where(pool, verdict, reason)
        rows = self.catalogue.db.execute(
            f"{SELECT}{wheres} ORDER BY {ORDERS[order]} LIMIT ? OFFSET ?", (*values, limit, offset)
        )
        return [_with_parts(row) for row in rows]

    def each(self, order: str = "time") -> Iterator[dict[str, Any]]:
        """Yield all decided frames without holding them in memory."""
        for row in self.catalogue.db.execute(f"{SELECT} ORDER BY {ORDERS[order]}"):
            yield _with_parts(row)

    def chunks(self, size: int = 1000) -> Iterator[list[sqlite3.Row]]:
        """Yield all decided frames in order of video and time, some at a time, parts as text.

        A video after the other: their order is that of an index, and nothing has to be sorted.
        """
        videos = self.catalogue.db.execute("SELECT id FROM video ORDER BY folder_no, video_no")
        for (video,) in videos.fetchall():
            rows = self.catalogue.db.execute(
                f"{SELECT} AND f.video_id = ? ORDER BY f.pts", (video,)
            )
            while some := rows.fetchmany(size):
                yield some

    def count(
        self, pool: str | None = None, verdict: str | None = None, reason: str | None = None
    ) -> int:
        """Return how many frames `page` would return without a limit."""
        wheres, values = self._where(pool, verdict, reason)
        return int(
            self.catalogue.db.execute(
                f"SELECT count(*) FROM ({SELECT}{wheres})", values
            ).fetchone()[0]
        )

    def tally(self) -> dict[str, dict[str, int]]:
        """Return numbers of frames by pool, by verdict and by reason of what was not picked."""
        tallies: dict[str, dict[str, int]] = {}
        for name, extra in (
            ("pool", ""),
            ("verdict", ""),
            ("reason", " AND d.verdict != 'picked'"),
        ):
            rows = self.catalogue.db.execute(
                f"SELECT d.{name} AS name, count(*) AS n FROM decision d JOIN frame f"
                f" ON f.id = d.frame_id WHERE f.sampled = 1{extra} GROUP BY 1 ORDER BY 2 DESC, 1"
            )
            tallies[name] = {row["name"]: row["n"] for row in rows}
        return tallies

    @staticmethod
    def _where(
        pool: str | None, verdict: str | None, reason: str | None
    ) -> tuple[str, tuple[str, ...]]:
        wanted = {"pool": pool, "verdict": verdict, "reason": reason}
        kept = {name: value for name, value in wanted.items() if value is not None}
        return "".join(f" AND d.{name} = ?" for name in kept), tuple(kept.values())


def _with_parts(row: Any) -> dict[str, Any]:
    values = dict(row)
    values["parts"] = json.loads(values["parts"])
    return values
