"""Taking the rows of a part into a catalogue: row numbers remapped, one transaction, idempotent."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation.errors import StoreError
from curation.store.catalogue import Catalogue
from curation.store.part_rows import SCRUBBED, travelling
from curation.store.signals import SignalTable, quoted
from curation.store.videos import VideoTable

REMEMBERED = "part."
"""What begins the names of settings that say which parts are in the catalogue already."""
STILL_IS = "file, reason, sampled, thumb_offset, thumb_bytes".split(", ")

NOT_ITS_FAULT = frozenset({
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
})  # fmt: skip
"""What befalls a catalogue whatever a part holds; the part is taken in another time."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A part that is about to become rows.

    Attributes:
        name: of the part, under which it is remembered.
        rows: the SQLite file that `part_rows.export` wrote.
        video_id: whose rows they are, here.
        words: token -> text: what stood for paths of another machine, and what it is here.
        stem: (old, new) beginning of the names of stills: videos may have another name here.
        thumbs_at: where its thumbnails begin in the video's pack.
        failure: why it is not whole, None when it is.
    """

    name: str
    rows: Path
    video_id: int
    words: Mapping[str, str]
    stem: tuple[str, str] = ("", "")
    thumbs_at: int = 0
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What a part's rows say before they are taken in.

    Attributes:
        fp, params: of its extraction.
        stills: file names that its frames have.
        thumb_bytes: how long its pack must be.
        steps: step -> fingerprint.
    """

    fp: str
    params: str
    stills: tuple[str, ...]
    thumb_bytes: int
    steps: Mapping[str, str] = field(default_factory=dict)


class Merger:
    """Takes parts into one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.videos, self.signals = VideoTable(catalogue), SignalTable(catalogue)

    def known(self) -> dict[str, str | None]:
        """Return part -> why it failed (None when it did not) of all that were taken in.

        One whose video was let go of since (its file holds another one) is not among them.
        """
        rows = self.catalogue.db.execute(
            "SELECT s.key, s.value FROM setting s WHERE s.key GLOB ?", (REMEMBERED + "*",)
        ).fetchall()
        there = {int(r[0]) for r in self.catalogue.db.execute("SELECT video_id FROM extraction")}
        found: dict[str, str | None] = {}
        for row in rows:
            said = json.loads(row["value"])
            if said["video"] is None or said["video"] in there:
                found[row["key"].removeprefix(REMEMBERED)] = said["failure"]
        return found

    def remember(self, name: str, failure: str | None, video_id: int | None = None) -> None:
        """Remember a part; one without rows belongs to no video."""
        with self.catalogue.transaction() as db:
            self._remember(db, name, failure, video_id)

    def ids(self) -> dict[str, int]:
        """Return the row number of each video, by its content key."""
        return {r["key"]: r["id"] for r in self.catalogue.db.execute("SELECT id, key FROM video")}

    def look(self, rows: Path) -> Told:
        """Return what a part's rows say of themselves.

        Raises:
            StoreError: they are not what `part_rows.export` writes.
        """
        with self._attached(rows) as db:
            state = db.execute("SELECT fp, params FROM part.extraction").fetchall()
            if len(state) != 1:
                raise StoreError(f"{rows}: holds {len(state)} videos, not one")
            stills = db.execute("SELECT file FROM part.frame WHERE file IS NOT NULL ORDER BY pts")
            most = db.execute("SELECT max(thumb_offset + thumb_bytes) FROM part.frame").fetchone()
            steps = db.execute("SELECT step, fp FROM part.step_run")
            return Told(
                state[0]["fp"], state[0]["params"], tuple(str(row[0]) for row in stills),
                int(most[0] or 0), {row["step"]: row["fp"] for row in steps},
            )  # fmt: skip

    def begin(self, video_id: int, told: Told) -> None:
        """Let go of an earlier sampling of a video; call it before stills and thumbnails come."""
        self.videos.begin_extraction(video_id, told.fp, told.params)

    def take(self, arrival: Arrival) -> None:
        """Make a part rows of the catalogue, all of it or nothing.

        Its stills and thumbnails are there already. Taken a second time it changes nothing.
        """
        with self._attached(arrival.rows) as db:
            tables = travelling(db, "part")
            runs = self._runs(db, tables)
            with self.catalogue.transaction() as db:
                self._frames(db, arrival, tables.pop("frame"))
                for name, columns in tables.items():
                    if "frame_id" in columns:
                        self._of_frames(db, arrival, name, columns, runs)
                    else:
                        self._of_video(db, arrival, name, columns)
                self._remember(db, arrival.name, arrival.failure, arrival.video_id)

    @contextmanager
    def _attached(self, rows: Path) -> Iterator[sqlite3.Connection]:
        db = self.catalogue.db
        db.execute("ATTACH ? AS part", (str(rows),))
        try:
            kinds = {r[0] for r in db.execute("SELECT DISTINCT type FROM part.sqlite_master")}
            if not kinds <= {"table", "index"}:  # a view or a trigger would run what it says
                raise StoreError(f"{rows}: holds more than rows")
            yield db
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", None) in NOT_ITS_FAULT:
                raise
            raise StoreError(f"{rows}: {error}") from error
        finally:
            db.execute("DETACH part")

    def _runs(
        self, db: sqlite3.Connection, tables: Mapping[str, Sequence[str]]
    ) -> dict[str, dict[int, int]]:
        """Return, for each table of a step, the number of a run there -> the number here."""
        runs = db.execute("SELECT * FROM part.step_run").fetchall()
        found: dict[str, dict[int, int]] = {}
        for run in runs:
            table = f"signal_{run['step']}"
            if table not in tables:
                continue
            kinds = {
                row["name"]: row["type"]
                for row in db.execute(f"PRAGMA part.table_info({quoted(table)})")
                if row["name"] not in ("frame_id", "run", "error")
            }
            number = self.signals.register_run(
                run["step"], run["fp"], (run["version"], run["params"]), kinds
            )
            found.setdefault(table, {})[int(run["id"])] = number
        return found

    def _frames(self, db: sqlite3.Connection, arrival: Arrival, columns: Sequence[str]) -> None:
        folder = self.catalogue.relative(self.videos.output_dir(arrival.video_id))
        old, new = arrival.stem
        special = {
            "video_id": ":video",
            "file": "CASE WHEN file IS NULL THEN NULL ELSE"
            " :folder || '/' || :new || substr(file, :skip) END",
            "thumb_offset": "thumb_offset + :thumbs",
        }
        names = [column for column in columns if column != "id"]
        keeps = [n for n in names if n not in ("video_id", "pts")]
        updates = ", ".join(
            f"{quoted(n)} = coalesce(excluded.{quoted(n)}, {quoted(n)})"
            if n in ("file", "thumb_offset", "thumb_bytes")
            else f"{quoted(n)} = excluded.{quoted(n)}"
            for n in keeps
            if n in STILL_IS
        )
        db.execute(
            f"INSERT INTO main.frame ({', '.join(map(quoted, names))})"
            f" SELECT {', '.join(special.get(n, quoted(n)) for n in names)} FROM part.frame"
            f" WHERE true ORDER BY pts ON CONFLICT (video_id, pts) DO UPDATE SET {updates}",
            {"video": arrival.video_id, "folder": folder, "new": new, "skip": len(old) + 1,
             "thumbs": arrival.thumbs_at},
        )  # fmt: skip

    def _of_video(
        self, db: sqlite3.Connection, arrival: Arrival, name: str, columns: Sequence[str]
    ) -> None:
        said, given = _columns(arrival, columns, {"video_id": ":video"})
        given["video"] = arrival.video_id
        db.execute(f"DELETE FROM main.{quoted(name)} WHERE video_id = ?", (arrival.video_id,))
        db.execute(
            f"INSERT INTO main.{quoted(name)} ({', '.join(map(quoted, columns))})"
            f" SELECT {', '.join(said)} FROM part.{quoted(name)} t", given,
        )  # fmt: skip

    def _of_frames(
        self, db: sqlite3.Connection, arrival: Arrival, name: str, columns: Sequence[str],
        runs: Mapping[str, Mapping[int, int]],
    ) -> None:  # fmt: skip
        table = quoted(name)
        source = (
            f"part.{table} t JOIN part.frame p ON p.id = t.frame_id"
            " JOIN main.frame f ON f.video_id = :video AND f.pts = p.pts"
        )
        mapped = {"frame_id": "f.id"}
        if "run" in columns:
            mapped["run"] = "(SELECT value FROM json_each(:runs) WHERE key = CAST(t.run AS TEXT))"
        said, given = _columns(arrival, columns, mapped)
        given |= {"video": arrival.video_id, "runs": json.dumps(runs.get(name, {}))}
        if name == "box":  # a frame may have fewer of them now
            db.execute(
                "DELETE FROM main.box WHERE step IN (SELECT step FROM part.step_run)"
                " AND frame_id IN (SELECT f.id FROM part.frame p"
                " JOIN main.frame f ON f.video_id = ? AND f.pts = p.pts)", (arrival.video_id,),
            )  # fmt: skip
        db.execute(
            f"INSERT OR REPLACE INTO main.{table} ({', '.join(map(quoted, columns))})"
            f" SELECT {', '.join(said)} FROM {source} ORDER BY f.id", given,
        )  # fmt: skip

    def _remember(
        self, db: sqlite3.Connection, name: str, failure: str | None, video_id: int | None
    ) -> None:
        said = {"failure": failure, "video": video_id, "made_s": round(time.time(), 3)}
        db.execute(
            "INSERT OR REPLACE INTO setting VALUES (?, ?)",
            (REMEMBERED + name, json.dumps(said, sort_keys=True)),
        )


def _columns(
    arrival: Arrival, columns: Sequence[str], mapped: Mapping[str, str]
) -> tuple[list[str], dict[str, Any]]:
    """Return an expression for each column, and the values that these name."""
    given: dict[str, Any] = {}
    said = []
    for column in columns:
        expression = mapped.get(column, f"t.{quoted(column)}")
        if column in SCRUBBED:
            for n, (token, text) in enumerate(arrival.words.items()):
                given |= {f"token{n}": token, f"text{n}": text}
                expression = f"replace({expression}, :token{n}, :text{n})"
        said.append(expression)
    return said, given
