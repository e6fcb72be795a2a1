"""Which part of a video's pictures is picture: the rest is bars that no measure may count."""

from __future__ import annotations

import json
from collections.abc import Iterable

from curation.store.catalogue import Catalogue
from curation.store.signals import table_of

Box = tuple[int, int, int, int]


def active_areas(
    catalogue: Catalogue, video_ids: Iterable[int] | None = None
) -> dict[int, Box]:
    """Return left, top, right, bottom in pixels of the stored frames, by video id.

    Videos without bars are left out, and those that were extracted with `--bars keep`.

    Args:
        video_ids: only of these: a question for a few of ten thousand must not read all of them.
    """
    some = "" if video_ids is None else " AND v.id IN (SELECT value FROM json_each(?))"
    rows = catalogue.db.execute(
        "SELECT v.id, json_extract(v.info, '$.active_xyxy_px') AS area,"
        " json_extract(e.params, '$.bars') AS bars"
        " FROM video v LEFT JOIN extraction e ON e.video_id = v.id"
        " WHERE json_extract(v.info, '$.active_xyxy_px') IS NOT NULL" + some,
        () if video_ids is None else (json.dumps(list(video_ids)),),
    )
    found: dict[int, Box] = {}
    for row in rows:
        if row["bars"] != "keep":
            left, top, right, bottom = json.loads(row["area"])
            found[int(row["id"])] = (left, top, right, bottom)
    return found


def forget_measures(catalogue: Catalogue, video_id: int) -> None:
    """Forget what steps said of a video's frames: another part of them counts from now on.

    Call it inside a transaction.
    """
    db = catalogue.db
    steps = [row["step"] for row in db.execute("SELECT DISTINCT step FROM step_run")]
    frames = "SELECT id FROM frame WHERE video_id = ?"
    for step in steps:
        db.execute(f"DELETE FROM {table_of(step)} WHERE frame_id IN ({frames})", (video_id,))
    db.execute(f"DELETE FROM box WHERE frame_id IN ({frames})", (video_id,))
    db.execute(f"DELETE FROM pair WHERE a IN ({frames}) OR b IN ({frames})", (video_id, video_id))
