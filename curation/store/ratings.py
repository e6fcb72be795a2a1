"""What people's stars and flags say as ratings, by whom and when; and what was asked about."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.store.catalogue import Catalogue

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SCORER, LIVE, STORE = "taste.scorer", "taste.live", "taste.store"
"""Settings: the name of the promoted scorer, whether ratings count at once, who this datastore is.
"""


@dataclass(frozen=True, slots=True)
class Ratings:
    """What people said of n frames.

    Attributes:
        frame_id: (n,) ids of sampled frames, ascending.
        stars: (n,) 1..5, 0 where only a flag says something.
        flag: (n,) -1 or 1 where there are no stars, else 0.
        revision: (n,) of the op that the value comes from.
        together: (n,) how many frames that op marked.
        session: (n,) 0.. of who rated when: one browser, without a pause of half an hour.
        made_s: (n,) when it was said, seconds since 1970.
    """

    frame_id: Ids
    stars: npt.NDArray[np.int64]
    flag: npt.NDArray[np.int64]
    revision: Ids
    together: Ids
    session: npt.NDArray[np.int64]
    made_s: Floats

    def __len__(self) -> int:
        return len(self.frame_id)

    def take(self, rows: npt.NDArray[Any]) -> Ratings:
        """Return the ratings at positions, or where a mask is true."""
        names = ("frame_id", "stars", "flag", "revision", "together", "session", "made_s")
        return Ratings(*(getattr(self, name)[rows] for name in names))


PAUSE_S = 1800.0
FROM = 10
"""Ratings from which learning begins: fewer leave the declared weights alone."""


class RatingTable:
    """The ratings of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def all(self) -> Ratings:
        """Return every rating as it stands now; stars say more than a flag on the same frame."""
        cursor = self.catalogue.db.cursor()
        cursor.row_factory = None
        cursor.execute(
            "SELECT r.frame_id, r.stars, r.flag, coalesce(o.revision, 0), coalesce(o.changed, 1),"
            " coalesce(o.client, ''), coalesce(o.made_s, 0) FROM review r"
            " JOIN frame f ON f.id = r.frame_id LEFT JOIN review_op o ON o.revision ="
            " CASE WHEN r.stars != 0 THEN r.stars_op ELSE r.flag_op END"
            " WHERE (r.stars != 0 OR r.flag != 0) AND f.sampled = 1 ORDER BY r.frame_id"
        )
        rows = cursor.fetchall()
        numbers = np.array([row[:5] for row in rows], np.int64).reshape(-1, 5)
        frame_id, stars, flag, revision, together = numbers.T
        made_s = np.array([row[6] for row in rows], np.float64)
        client = np.array([row[5] for row in rows], object)
        return Ratings(
            frame_id, stars, np.where(stars != 0, 0, flag), revision, np.maximum(together, 1),
            _sessions(client, made_s), made_s,
        )

    def state(self) -> str:
        """Return a text that is another one when ratings or the scorer in use are; microseconds.
        """
        row = self.catalogue.db.execute(
            "SELECT count(*), coalesce(max(revision), 0), sum(stars), sum(flag) FROM review"
            " WHERE stars != 0 OR flag != 0"
        ).fetchone()
        chosen = (self.catalogue.recall(SCORER), self.catalogue.recall(LIVE, True))
        return repr((tuple(row), chosen))

    def count(self) -> int:
        """Return how many frames are rated."""
        row = self.catalogue.db.execute(
            "SELECT count(*) FROM review WHERE stars != 0 OR flag != 0"
        ).fetchone()
        return int(row[0])

    def speak(self) -> bool:
        """Return whether a scorer is promoted, or there are enough ratings to learn from."""
        if self.catalogue.recall(SCORER):
            return True
        return bool(self.catalogue.recall(LIVE, True)) and self.count() >= FROM

    # -- proposals ------------------------------------------------------------------------------

    def propose(self, rows: Iterable[tuple[int, str, float]]) -> None:
        """Keep which frames people are asked about: (frame, kind, expected rating).

        What was asked before and why stands: an answer belongs to the first time.
        """
        now = time.time()
        with self.catalogue.transaction() as db:
            db.executemany(
                "INSERT INTO taste_proposal VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                ((frame_id, kind, now, expected) for frame_id, kind, expected in rows),
            )

    def proposals(self) -> dict[int, tuple[str, float]]:
        """Return frame id -> (kind, expected rating then) of all that was ever asked."""
        rows = self.catalogue.db.execute("SELECT frame_id, kind, expected FROM taste_proposal")
        return {row["frame_id"]: (row["kind"], row["expected"]) for row in rows}

    def rateable(self) -> Ids:
        """Return the frames that can be looked at and are not rated, ascending."""
        cursor = self.catalogue.db.cursor()
        cursor.row_factory = None
        cursor.execute(
            "SELECT f.id FROM frame f LEFT JOIN review r ON r.frame_id = f.id WHERE f.sampled = 1"
            " AND f.file IS NOT NULL AND f.thumb_bytes IS NOT NULL"
            " AND coalesce(r.stars, 0) = 0 AND coalesce(r.flag, 0) = 0 ORDER BY f.id"
        )
        return np.array(cursor.fetchall(), np.int64).reshape(-1)

    def frame_keys(self, frame_ids: Ids) -> list[str]:
        """Return "content key:pts" of frames, in their order."""
        from curation.store.marks import listed

        rows = self.catalogue.db.execute(
            "SELECT f.id, v.key || ':' || f.pts AS key FROM frame f JOIN video v"
            " ON v.id = f.video_id WHERE f.id IN (SELECT value FROM json_each(?))",
            (listed(frame_ids),),
        )
        found = {row["id"]: row["key"] for row in rows}
        return [found[frame_id] for frame_id in frame_ids.tolist()]


def _sessions(client: npt.NDArray[Any], made_s: Floats) -> npt.NDArray[np.int64]:
    session = np.zeros(len(made_s), np.int64)
    count = 0
    for one in sorted(set(client.tolist())):
        mine = np.flatnonzero(client == one)
        mine = mine[np.argsort(made_s[mine], kind="stable")]
        new = np.diff(made_s[mine], prepend=made_s[mine[:1]]) > PAUSE_S
        session[mine] = count + np.cumsum(new)
        count = int(session[mine[-1]]) + 1
    return session
