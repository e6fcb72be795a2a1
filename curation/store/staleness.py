"""What is no longer up to date: counts that a page may ask for every second."""

from __future__ import annotations

from dataclasses import dataclass

from curation.store.catalogue import Catalogue
from curation.store.journal import Journal


@dataclass(frozen=True, slots=True)
class Stale:
    """Counts of what waits for a step; all 0 when everything is up to date.

    Attributes:
        unextracted: files that were looked at and whose frames are not all stored yet.
        unsorted: stored frames that no decision knows.
        unranked: frames that are in a pool and were never ranked.
        marked_faces: people's marks on faces since the last ranking.
        marks: people's picks and rejects that are not applied.
    """

    unextracted: int
    unsorted: int
    unranked: int
    marked_faces: int
    marks: int


def stale(catalogue: Catalogue, ranked_s: float | None) -> Stale:
    """Return what waits for a step.

    Args:
        ranked_s: when the last ranking was written, in seconds since 1970; None when never.
    """
    db = catalogue.db
    unextracted = db.execute(
        "SELECT count(*) FROM source_file s LEFT JOIN extraction e ON e.video_id = s.video_id"
        " WHERE s.error IS NULL AND coalesce(e.done, 0) = 0"
    ).fetchone()[0]
    unsorted = db.execute(
        "SELECT count(*) FROM frame f LEFT JOIN decision d ON d.frame_id = f.id"
        " WHERE f.sampled = 1 AND f.file IS NOT NULL AND d.frame_id IS NULL"
    ).fetchone()[0]
    unranked = db.execute(
        "SELECT count(*) FROM decision WHERE reason = 'not_ranked'"
    ).fetchone()[0]
    faces = 0
    if ranked_s is not None:
        faces = db.execute(
            "SELECT count(*) FROM face_mark WHERE marked_s > ?", (ranked_s,)
        ).fetchone()[0]
    return Stale(unextracted, unsorted, unranked, faces, Journal(catalogue).waiting())
