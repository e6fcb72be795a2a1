"""What the culling desk shows: the groups of the last run as frames, and why each member stands.

The last run's members are files; the workspace shows frames. A file's frame is the one that the
review gave it (store/albums.py), found by its path. Frames of videos have no culling run: their
groups are the stacks that rank made, and what is told of them comes from their decisions.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from curation.store.albums import AlbumTable
from curation.store.catalogue import OUR_FOLDER, Catalogue
from curation.store.cull import CullTable

MOST_ASKED = 900
"""Frames of one question; SQLite takes 999 values at once, and a page shows a few hundred."""
LETTER = {"keep": "k", "reject": "r", "tie": "t"}
VERDICT = {"picked": "keep", "rejected": "reject", "review": "tie"}


@dataclass(frozen=True, slots=True)
class _Row:
    """A member of the last run whose file has a frame."""

    grp: int
    frame: int
    key: str
    distance: float | None
    verdict: str
    margin: float | None


class CullView:
    """Reads the last run of one catalogue for the workspace."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.table = CullTable(catalogue)

    @property
    def folder(self) -> Path | None:
        """Return the folder of photos that the catalogue is about; None for frames of videos."""
        root = self.catalogue.root
        return root.parent if root.name == OUR_FOLDER else None

    def revision(self) -> str:
        """Return a text that changes when the groups or the refused pairs do."""
        row = self.catalogue.db.execute(
            "SELECT (SELECT max(made_s) FROM cull_run), (SELECT count(*) FROM not_duplicate),"
            " (SELECT max(said_s) FROM not_duplicate)"
        ).fetchone()
        return "-".join(str(part or 0) for part in row)

    def run_id(self) -> int | None:
        """Return the number of the last run, None when there was none."""
        row = self.catalogue.db.execute("SELECT max(id) FROM cull_run").fetchone()
        return None if row[0] is None else int(row[0])

    def state(self) -> dict[str, Any]:
        """Return the run and its groups.

        Returns:
            run (None when there is none), folder (its name), and groups: kind, diameter, chained,
            dense, frames (the keeper first), verdicts (a letter each: k, r, t), distances, margins
            and apart: whether a person said that they are no duplicates. Members whose file is no
            frame are left out; so are groups of which fewer than two are left.
        """
        db = self.catalogue.db
        run = db.execute("SELECT * FROM cull_run ORDER BY id DESC LIMIT 1").fetchone()
        folder = self.folder
        told: dict[str, Any] = {
            "revision": self.revision(),
            "folder": None if folder is None else folder.name,
            "run": None,
            "groups": None,
        }
        if run is None:
            return told
        told["run"] = {
            "id": run["id"],
            "mode": run["mode"],
            "params": json.loads(run["params"]),
            "made_s": run["made_s"],
        }
        members: dict[int, list[_Row]] = {}
        for row in self._members():
            members.setdefault(row.grp, []).append(row)
        refused = self.table.refused()
        told["groups"] = [
            {
                "kind": group["kind"],
                "diameter": group["diameter"],
                "chained": bool(group["chained"]),
                "dense": bool(group["dense"]),
                "frames": [row.frame for row in rows],
                "verdicts": "".join(LETTER.get(row.verdict, "t") for row in rows),
                "distances": [row.distance for row in rows],
                "margins": [row.margin for row in rows],
                "apart": _is_apart(rows, refused),
            }
            for group in db.execute("SELECT * FROM cull_group ORDER BY grp")
            if len(rows := members.get(group["grp"], [])) > 1
        ]
        return told

    def members(self, frames: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Return what is known of each frame: name, where, size, verdict, reason, facts, there."""
        asked = list(dict.fromkeys(frames))[:MOST_ASKED]
        marks = ", ".join("?" * len(asked))
        found: dict[int, dict[str, Any]] = {}
        for row in self.catalogue.db.execute(
            "SELECT f.id, f.file, f.width, f.height, f.time_s, v.name AS video, v.path AS folder,"
            " d.verdict, d.detail, d.reason, d.parts, d.score FROM frame f"
            " JOIN video v ON v.id = f.video_id LEFT JOIN decision d ON d.frame_id = f.id"
            f" WHERE f.id IN ({marks})",
            asked,
        ):
            path = self.catalogue.absolute(row["file"]) if row["file"] else None
            parts = json.loads(row["parts"] or "{}")
            found[row["id"]] = {
                "name": _text(path.name) if path else row["video"],
                "where": row["video"],
                "time_s": row["time_s"],
                "width": row["width"],
                "height": row["height"],
                "bytes": _size(path),
                "there": path is not None and path.is_file(),
                "verdict": VERDICT.get(row["verdict"] or "", "tie"),
                "reason": row["detail"] or (row["reason"] or "").replace("_", " "),
                "facts": {k: v for k, v in parts.items() if v is not None},
                "distance": None,
            }
        for frame, member in self._told(asked).items():
            if frame in found:
                found[frame] |= member
        return found

    def keys(self, frames: Collection[int]) -> dict[int, str]:
        """Return the key of the picture of each frame that is a member of the last run."""
        wanted = set(frames)
        return {row.frame: row.key for row in self._members() if row.frame in wanted}

    def set_apart(self, frames: Sequence[int], apart: bool) -> int:
        """Remember that no two of some pictures are duplicates, or take that back.

        Returns:
            how many pairs are new, or were known.
        """
        keys = sorted(set(self.keys(frames).values()))
        pairs = list(combinations(keys, 2))
        return self.table.refuse(pairs) if apart else self.table.forget(pairs)

    def frames_of(self, paths: Iterable[str | Path]) -> dict[str, int]:
        """Return path -> frame, of absolute paths that are pictures here."""
        known = self._frames()
        return {str(path): known[str(path)] for path in paths if str(path) in known}

    # -- rows --------------------------------------------------------------------------------

    def _frames(self) -> dict[str, int]:
        if not AlbumTable(self.catalogue).exists():
            return {}
        absolute = self.catalogue.absolute
        return {
            str(absolute(row["path"])): int(row["frame_id"])
            for row in self.catalogue.db.execute(
                "SELECT path, frame_id FROM picture_file WHERE frame_id IS NOT NULL"
                " ORDER BY gone DESC"
            )
        }

    def _members(self) -> list[_Row]:
        known = self._frames()
        root = self.table.root
        rows = self.catalogue.db.execute(
            "SELECT grp, path, key, distance, verdict, json_extract(facts, '$.margin') AS margin"
            " FROM cull_member ORDER BY run_id, grp, n"
        )
        return [
            _Row(row["grp"], frame, row["key"], row["distance"], row["verdict"], row["margin"])
            for row in rows
            if (frame := known.get(str(root / os.fsdecode(row["path"])))) is not None
        ]

    def _told(self, frames: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Return verdict, reason, facts and distance of the frames that the last run is about."""
        if not AlbumTable(self.catalogue).exists():
            return {}
        absolute = self.catalogue.absolute
        marks = ", ".join("?" * len(frames))
        paths = {
            absolute(row["path"]): int(row["frame_id"])
            for row in self.catalogue.db.execute(
                "SELECT path, frame_id FROM picture_file WHERE frame_id IN"
                f" ({marks}) ORDER BY gone DESC",
                list(frames),
            )
        }
        root = self.table.root
        stored = {
            os.fsencode(path.relative_to(root) if path.is_relative_to(root) else path): frame
            for path, frame in paths.items()
        }
        if not stored:
            return {}
        found = {}
        for row in self.catalogue.db.execute(
            "SELECT path, distance, verdict, reason, facts FROM cull_member"
            f" WHERE path IN ({', '.join('?' * len(stored))})",
            list(stored),
        ):
            facts: Mapping[str, Any] = json.loads(row["facts"])
            found[stored[row["path"]]] = {
                "verdict": row["verdict"],
                "reason": row["reason"],
                "facts": facts,
                "distance": row["distance"],
            }
        return found


def _is_apart(rows: Sequence[_Row], refused: Collection[tuple[str, str]]) -> bool:
    """Return whether a person refused every pair of the keeper with another picture."""
    first = rows[0].key
    pairs = {(min(first, row.key), max(first, row.key)) for row in rows[1:] if row.key != first}
    return bool(pairs) and all(pair in refused for pair in pairs)


def _text(name: str) -> str:
    """Return a file's name as text: a name need not be text."""
    return name.encode("utf-8", "backslashreplace").decode()


def _size(path: Path | None) -> int | None:
    try:
        return None if path is None else path.stat().st_size
    except OSError:
        return None
