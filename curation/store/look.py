"""All that the catalogue holds of one frame: a few look-ups by number, for the inspector."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from curation.store.catalogue import Catalogue
from curation.store.mark_ops import MarkOps
from curation.store.marks import MarkTable
from curation.store.review_table import NOT_MEASURES, NUMBERS
from curation.store.signals import table_of

DIGITS = 5


def look(catalogue: Catalogue, frame_id: int) -> dict[str, Any] | None:
    """Return the facts, decision, measures, detections and marks of a frame; None without it.

    Returns:
        file, video, time_s, pts, width, height, pool, verdict, code, reason (the detail in
        words), measures by name, boxes with corners and keypoints as shares of the picture, note,
        tags, flag, stars, label, who, marked_s, and history: the ops of its marks, newest first.
    """
    db = catalogue.db
    row = db.execute(
        "SELECT f.file, v.name AS video, f.time_s, f.pts, f.width, f.height, f.sharpness,"
        " f.luma_mean, f.luma_std, d.pool, d.verdict, d.reason AS code, d.detail AS reason,"
        " d.parts FROM frame f JOIN video v ON v.id = f.video_id"
        " LEFT JOIN decision d ON d.frame_id = f.id WHERE f.id = ?",
        (frame_id,),
    ).fetchone()
    if row is None:
        return None
    told = dict(row)
    measures = {name: told.pop(name) for name in ("sharpness", "luma_mean", "luma_std")}
    measures |= _signals(catalogue, frame_id)
    measures |= json.loads(told.pop("parts") or "{}")
    told["file"] = PurePosixPath(told["file"]).name if told["file"] else None
    marked = MarkTable(catalogue).look(frame_id)
    history = MarkOps(catalogue).of_frame(frame_id)
    return {
        **told,
        "frame_id": frame_id,
        "measures": {name: value for name, value in measures.items() if value is not None},
        "boxes": _boxes(catalogue, frame_id, (told["width"], told["height"])),
        **marked,
        "history": [{**op, "marked_s": op["made_s"]} for op in history],
    }


def faces_on(catalogue: Catalogue, frame_ids: Sequence[int]) -> dict[int, list[float]]:
    """Return the corners x0, y0, x1, y1 of the largest face of frames, as shares of the picture."""
    rows = catalogue.db.execute(
        "SELECT b.frame_id, b.x0 / f.width AS x0, b.y0 / f.height AS y0, b.x1 / f.width AS x1,"
        " b.y1 / f.height AS y1 FROM box b JOIN frame f ON f.id = b.frame_id"
        " WHERE b.label = 'face' AND f.width > 0 AND f.height > 0"
        " AND b.frame_id IN (SELECT value FROM json_each(?))"
        " ORDER BY (b.x1 - b.x0) * (b.y1 - b.y0)",
        (json.dumps([int(frame_id) for frame_id in frame_ids]),),
    )
    return {
        row["frame_id"]: [round(row[name], DIGITS) for name in ("x0", "y0", "x1", "y1")]
        for row in rows
    }


def _signals(catalogue: Catalogue, frame_id: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    steps = catalogue.db.execute("SELECT DISTINCT step FROM step_run ORDER BY step").fetchall()
    for step in steps:
        table = table_of(step["step"])
        row = catalogue.db.execute(
            f"SELECT * FROM {table} WHERE frame_id = ?", (frame_id,)
        ).fetchone()
        if row is None:
            continue
        kinds = catalogue.db.execute(f"PRAGMA table_info({table})")
        named = [c["name"] for c in kinds if c["type"] in (*NUMBERS, "TEXT")]
        found |= {name: row[name] for name in named if name not in NOT_MEASURES}
    return found


def _boxes(catalogue: Catalogue, frame_id: int, size_wh: tuple[int, int]) -> list[dict[str, Any]]:
    rows = catalogue.db.execute(
        "SELECT step, label, x0, y0, x1, y1, score, keypoints, channels FROM box"
        " WHERE frame_id = ? ORDER BY step, n",
        (frame_id,),
    )
    whole = np.maximum(size_wh, 1).astype(np.float64)
    found = []
    for row in rows:
        corners = np.array([row[k] for k in ("x0", "y0", "x1", "y1")]) / np.tile(whole, 2)
        box = {
            "step": row["step"],
            "label": row["label"],
            "score": round(row["score"], DIGITS),
            "xyxy": corners.round(DIGITS).tolist(),
        }
        if row["keypoints"] is not None:
            points = np.frombuffer(row["keypoints"], "<f4").reshape(-1, row["channels"])
            points = points[:, :3].astype(np.float64)  # x, y and, for bodies, visibility
            points[:, :2] /= whole
            if np.isfinite(points).all():
                box["keypoints"] = points.round(DIGITS).tolist()
        found.append(box)
    return found
