"""What people say of frames: flags, stars, labels, notes and tags, as they stand now.

A value belongs to the op that it came from (`<field>_op`); see store.mark_ops for how it changes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.store.catalogue import Catalogue

Ids = npt.NDArray[np.int64]

CLOCK = "marks.revision"
LABELS = ("red", "yellow", "green", "blue", "purple")
HAS_NOTE, HAS_TAGS = 1, 2
MOST_CHANGES = 20_000
LATEST = "max(r.flag_op, r.stars_op, r.label_op, r.note_op, r.tag_op)"
TAGGED = "EXISTS (SELECT 1 FROM review_tag t WHERE t.frame_id = r.frame_id AND t.present = 1)"
NOTED = f"(r.note != '') * {HAS_NOTE} + {TAGGED} * {HAS_TAGS}"


@dataclass(frozen=True, slots=True)
class Changes:
    """Marks that changed after a revision.

    Attributes:
        revision: the clock of all marks when this was read.
        reload: too many changed; take the whole table again.
        columns: frame_id, flag, stars, label, noted and who, of one length.
    """

    revision: int
    reload: bool
    columns: dict[str, list[Any]]


def listed(ids: Ids | Sequence[int]) -> str:
    """Return ids as a JSON list, for json_each."""
    return json.dumps(ids.tolist() if isinstance(ids, np.ndarray) else list(ids))


class MarkTable:
    """The marks of one catalogue, for reading."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def revision(self) -> int:
        """Return the clock of all marks: it moves with every op, undo and redo."""
        return int(self.catalogue.recall(CLOCK, 0))

    def columns(self, frame_ids: Ids | Sequence[int]) -> dict[str, npt.NDArray[Any]]:
        """Return the marks of frames as columns in the order of the ids.

        Args:
            frame_ids: n ids.

        Returns:
            (n,) arrays: flag int8 (-1, 0, 1), stars uint8, label uint8 (0 none, 1-5), noted uint8
            (1 has a note, 2 has tags).
        """
        ids = np.asarray(frame_ids, np.int64)
        found = {
            name: np.zeros(len(ids), np.int8 if name == "flag" else np.uint8)
            for name in ("flag", "stars", "label", "noted")
        }
        cursor = self.catalogue.db.cursor()
        cursor.row_factory = None
        cursor.execute(
            "SELECT frame_id, flag, stars, label, note != '' FROM review"
            " WHERE flag != 0 OR stars != 0 OR label != 0 OR note != ''"
        )
        rows = np.array(cursor.fetchall(), np.int64).reshape(-1, 5)
        order = np.argsort(ids, kind="stable")
        at, known = _places(ids, order, rows[:, 0])
        for k, name in enumerate(("flag", "stars", "label", "noted"), start=1):
            found[name][at] = rows[known, k]
        cursor.execute("SELECT DISTINCT frame_id FROM review_tag WHERE present = 1")
        tagged = np.array(cursor.fetchall(), np.int64).reshape(-1)
        at, _ = _places(ids, order, tagged)
        found["noted"][at] |= HAS_TAGS
        return found

    def tagged(self, tag: str) -> Ids:
        """Return the ids of the frames with a tag, ascending."""
        rows = self.catalogue.db.execute(
            "SELECT frame_id FROM review_tag WHERE tag = ? AND present = 1 ORDER BY frame_id",
            (tag,),
        )
        return np.array([row[0] for row in rows], np.int64)

    def tags(self) -> dict[str, int]:
        """Return every tag in use with its number of frames, most used first."""
        rows = self.catalogue.db.execute(
            "SELECT tag, count(*) AS n FROM review_tag WHERE present = 1"
            " GROUP BY tag ORDER BY n DESC, tag"
        )
        return {row["tag"]: row["n"] for row in rows}

    def since(self, revision: int, most: int = MOST_CHANGES) -> Changes:
        """Return the marks that changed after a revision, with who set the latest of each."""
        names = ("frame_id", "flag", "stars", "label", "noted", "who")
        db = self.catalogue.db
        db.execute("BEGIN")  # one look: the clock must not be ahead of the rows
        try:
            now = self.revision()
            count = db.execute(
                "SELECT count(*) FROM (SELECT 1 FROM review WHERE revision > ? LIMIT ?)",
                (revision, most + 1),
            ).fetchone()[0]
            if count > most or revision > now:
                return Changes(now, True, {name: [] for name in names})
            rows = db.execute(
                f"SELECT r.frame_id, r.flag, r.stars, r.label, {NOTED} AS noted,"
                " coalesce(o.who, '') AS who FROM review r"
                f" LEFT JOIN review_op o ON o.revision = {LATEST}"
                " WHERE r.revision > ? ORDER BY r.frame_id",
                (revision,),
            ).fetchall()
        finally:
            db.execute("COMMIT")
        return Changes(now, False, {name: [row[name] for row in rows] for name in names})

    def look(self, frame_id: int) -> dict[str, Any]:
        """Return all that people say of one frame.

        Returns:
            flag, stars, label, note, tags, who and marked_s (None when nobody marked it).
        """
        row = self.catalogue.db.execute(
            "SELECT r.flag, r.stars, r.label, r.note, o.who, o.made_s AS marked_s FROM review r"
            f" LEFT JOIN review_op o ON o.revision = {LATEST} WHERE r.frame_id = ?",
            (frame_id,),
        ).fetchone()
        known: dict[str, Any] = {"flag": 0, "stars": 0, "label": 0, "note": ""}
        known |= {"who": None, "marked_s": None} if row is None else dict(row)
        tags = self.catalogue.db.execute(
            "SELECT tag FROM review_tag WHERE frame_id = ? AND present = 1 ORDER BY tag",
            (frame_id,),
        )
        return known | {"tags": [each["tag"] for each in tags]}

    def flagged(self) -> dict[int, tuple[int, int]]:
        """Return frame id -> (flag, stars) of the sampled frames that have either."""
        rows = self.catalogue.db.execute(
            "SELECT r.frame_id, r.flag, r.stars FROM review r JOIN frame f ON f.id = r.frame_id"
            " WHERE f.sampled = 1 AND (r.flag != 0 OR r.stars != 0) ORDER BY r.frame_id"
        )
        return {row["frame_id"]: (row["flag"], row["stars"]) for row in rows}

    # -- which frames -----------------------------------------------------------------------------

    def known(self, frame_ids: Sequence[int]) -> Ids:
        """Return those of the ids that are frames, ascending."""
        rows = self.catalogue.db.execute(
            "SELECT id FROM frame WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
            (listed(frame_ids),),
        )
        return np.array([row[0] for row in rows], np.int64)

    def between(self, ranges: Sequence[tuple[int, int]]) -> Ids:
        """Return the sampled frames with a picture whose ids lie in ranges, ends included."""
        found = [np.zeros(0, np.int64)]
        cursor = self.catalogue.db.cursor()
        cursor.row_factory = None
        for first, last in ranges:
            cursor.execute(
                "SELECT id FROM frame WHERE id BETWEEN ? AND ? AND sampled = 1"
                " AND thumb_bytes IS NOT NULL",
                (first, last),
            )
            found.append(np.array(cursor.fetchall(), np.int64).reshape(-1))
        return np.unique(np.concatenate(found))


def _places(ids: Ids, order: Ids, wanted: Ids) -> tuple[Ids, Ids]:
    """Return where the wanted ids stand among ids, and which of the wanted ones do."""
    if not len(ids) or not len(wanted):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    at = np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)
    here = ids[order[at]] == wanted
    return order[at[here]], np.flatnonzero(here)
