"""Groups of the last culling run, and what a person said are no duplicates."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from curation.store.albums import AlbumTable
from curation.store.catalogue import OUR_FOLDER, Catalogue

Verdict = Literal["keep", "reject", "tie"]


@dataclass(slots=True)
class Member:
    """One picture of a group.

    Attributes:
        content: blake2b of the file's bytes.
        key: blake2b of what makes the picture, without metadata.
        distance: to the keeper: bits, or 1 - cosine; None where it was not measured.
        verdict: keep, reject, or tie: too near to the keeper for a machine to reject it.
        reason: why, for people, with the number.
        facts: numbers behind it: sharpness, margin, capture time, ...
    """

    path: Path
    content: str
    key: str
    distance: float | None
    verdict: Verdict
    reason: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Group:
    """Pictures of which one or some are kept.

    Attributes:
        kind: exact, near, embedding, features or burst.
        members: the keeper first, then by rank.
        diameter: largest distance of two members; None where it was not measured.
        chained: some members are near others that are not near this keeper.
        dense: it has so many members that its diameter was not measured.
    """

    kind: str
    members: list[Member]
    diameter: float | None = None
    chained: bool = False
    dense: bool = False

    @property
    def keeper(self) -> Member:
        """Return the picture that all others are compared to."""
        return self.members[0]


@dataclass(frozen=True, slots=True)
class Run:
    """How groups were found.

    Attributes:
        params: the settings, by name.
        folders: as typed.
        made_s: seconds since 1970.
    """

    id: int
    mode: str
    params: Mapping[str, Any]
    folders: tuple[str, ...]
    made_s: float


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture file as the review shows it: its frame, and the picture that it was then."""

    frame_id: int
    key: str
    size_bytes: int
    mtime_ns: int


class CullTable:
    """Groups and refused pairs of one work dir; only the last run's groups are kept."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        root = catalogue.root
        self.root = root.parent if root.name == OUR_FOLDER else root

    # -- groups ---------------------------------------------------------------------------------

    def save(
        self, mode: str, params: Mapping[str, Any], folders: Sequence[str], groups: Iterable[Group]
    ) -> Run:
        """Put groups in the place of the last run's, as one transaction."""
        made_s = time.time()
        with self.catalogue.transaction() as db:
            for table in ("cull_member", "cull_group", "cull_run"):
                db.execute(f"DELETE FROM {table}")
            ran = db.execute(
                "INSERT INTO cull_run (mode, params, folders, made_s) VALUES (?, ?, ?, ?)",
                (mode, json.dumps(dict(params), sort_keys=True), json.dumps(list(folders)), made_s),
            ).lastrowid
            assert ran is not None
            for number, group in enumerate(groups):
                db.execute(
                    "INSERT INTO cull_group VALUES (?, ?, ?, ?, ?, ?)",
                    (ran, number, group.kind, group.diameter, group.chained, group.dense),
                )
                db.executemany(
                    "INSERT INTO cull_member VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [
                        (ran, number, n, self._stored(m.path), m.content, m.key, m.distance,
                         m.verdict, m.reason, json.dumps(m.facts, sort_keys=True))
                        for n, m in enumerate(group.members)
                    ],
                )  # fmt: skip
        return Run(ran, mode, dict(params), tuple(folders), made_s)

    def latest(self) -> tuple[Run, list[Group]] | None:
        """Return the last run with its groups, None when there was none."""
        db = self.catalogue.db
        row = db.execute("SELECT * FROM cull_run ORDER BY id DESC LIMIT 1").fetchone()
        if row is None:
            return None
        run = Run(
            row["id"],
            row["mode"],
            json.loads(row["params"]),
            tuple(json.loads(row["folders"])),
            row["made_s"],
        )
        groups = {
            g["grp"]: Group(g["kind"], [], g["diameter"], bool(g["chained"]), bool(g["dense"]))
            for g in db.execute(
                "SELECT * FROM cull_group WHERE run_id = ? ORDER BY grp", (run.id,)
            )
        }
        for m in db.execute(
            "SELECT * FROM cull_member WHERE run_id = ? ORDER BY grp, n", (run.id,)
        ):
            groups[m["grp"]].members.append(
                Member(self._path(m["path"]), m["content"], m["key"], m["distance"],
                       m["verdict"], m["reason"], json.loads(m["facts"]))
            )  # fmt: skip
        return run, list(groups.values())

    # -- no duplicates --------------------------------------------------------------------------

    def refuse(self, pairs: Iterable[tuple[str, str]]) -> int:
        """Remember pairs of keys as no duplicates; return how many are new."""
        return self._change(
            "INSERT OR IGNORE INTO not_duplicate (a, b, said_s) VALUES (?, ?, ?)",
            [(min(a, b), max(a, b), time.time()) for a, b in pairs],
        )

    def forget(self, pairs: Iterable[tuple[str, str]]) -> int:
        """Take back that pairs of keys are no duplicates; return how many were known."""
        return self._change(
            "DELETE FROM not_duplicate WHERE a = ? AND b = ?",
            [(min(a, b), max(a, b)) for a, b in pairs],
        )

    def _change(self, statement: str, rows: list[tuple[Any, ...]]) -> int:
        with self.catalogue.lasting() as db:
            return sum(max(0, db.execute(statement, row).rowcount) for row in rows)

    def refused(self, keys: Collection[str] | None = None) -> set[tuple[str, str]]:
        """Return the pairs of keys that are no duplicates, smaller key first.

        Args:
            keys: only pairs of two of these; None for all.
        """
        rows = self.catalogue.db.execute("SELECT a, b FROM not_duplicate ORDER BY a, b")
        pairs = {(row["a"], row["b"]) for row in rows}
        if keys is None:
            return pairs
        return {pair for pair in pairs if pair[0] in keys and pair[1] in keys}

    # -- the frames of the review ---------------------------------------------------------------

    def shown(self) -> dict[Path, Shown]:
        """Return what the review shows of each picture file; empty before the first review."""
        if not AlbumTable(self.catalogue).exists():
            return {}
        rows = self.catalogue.db.execute(
            "SELECT p.path, p.frame_id, p.key, p.size_bytes, p.mtime_ns"
            " FROM picture_file p JOIN frame f ON f.id = p.frame_id"
            " WHERE p.error IS NULL AND p.gone = 0 AND f.sampled = 1"
        )
        return {self.catalogue.absolute(path): Shown(*rest) for path, *rest in rows}

    def frames(self) -> dict[Path, int]:
        """Return the review's frame of each picture file; empty before the first review."""
        return {path: one.frame_id for path, one in self.shown().items()}

    # -- paths ----------------------------------------------------------------------------------

    def _stored(self, path: Path) -> bytes:
        path = path.absolute()
        inside = path.is_relative_to(self.root)
        return os.fsencode(path.relative_to(self.root) if inside else path)

    def _path(self, stored: bytes) -> Path:
        return self.root / os.fsdecode(stored)
