"""What an export reads of a catalogue: marks, boxes, and what all of it was made with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.store.catalogue import Catalogue
from curation.store.videos import info_from_json


@dataclass(frozen=True, slots=True)
class Mark:
    """What people say of one frame; flag -1 rejected, 1 picked; stars and label 0 for none."""

    flag: int = 0
    stars: int = 0
    label: int = 0
    note: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Box:
    """One detection, in pixels of the stored frame.

    Attributes:
        step: who found it: faces, people, pose, objects.
        keypoints: (k, 3) float64 x, y, visibility 0..1; None without any.
    """

    step: str
    label: str
    xyxy_px: tuple[float, float, float, float]
    score: float
    keypoints: npt.NDArray[np.float64] | None = None


def marks(catalogue: Catalogue) -> dict[int, Mark]:
    """Return frame id -> marks of every sampled frame that has any."""
    tags: dict[int, list[str]] = {}
    for row in catalogue.db.execute(
        "SELECT frame_id, tag FROM review_tag WHERE present = 1 ORDER BY frame_id, tag"
    ):
        tags.setdefault(row["frame_id"], []).append(row["tag"])
    found: dict[int, Mark] = {}
    for row in catalogue.db.execute(
        "SELECT r.frame_id, r.flag, r.stars, r.label, r.note FROM review r"
        " JOIN frame f ON f.id = r.frame_id WHERE f.sampled = 1 ORDER BY r.frame_id"
    ):
        mark = Mark(
            row["flag"], row["stars"], row["label"], row["note"],
            tuple(tags.get(row["frame_id"], ())),
        )  # fmt: skip
        if mark != Mark():
            found[row["frame_id"]] = mark
    return found


def decided(
    catalogue: Catalogue, verdict: str = "", pools: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the decided frames that have a place for a picture, by name of video, then time.

    Nothing in that order depends on how a datastore numbers its videos.

    Args:
        verdict: only these; "" for all.
        pools: only these; none for all but those without a pool.
    """
    cursor = catalogue.db.cursor()
    cursor.row_factory = None  # plain tuples: a dict of a Row looks each name up one by one
    rows = cursor.execute(
        "SELECT f.id AS frame_id, f.pts, f.time_s, f.file, f.width, f.height, v.id AS video_id,"
        " v.key AS video_key, v.name AS video, d.pool, d.verdict, d.score, d.rank, d.keeper"
        " FROM frame f JOIN video v ON v.id = f.video_id JOIN decision d ON d.frame_id = f.id"
        " WHERE f.sampled = 1 AND f.file IS NOT NULL AND (? = '' OR d.verdict = ?)"
        " AND CASE WHEN ? THEN d.pool IN (SELECT value FROM json_each(?))"
        "  ELSE d.pool != 'none' OR d.verdict = 'picked' END"
        " ORDER BY v.name, v.key, f.pts",
        (verdict, verdict, bool(pools), json.dumps(list(pools))),
    )
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in rows]


def boxes(catalogue: Catalogue, frame_ids: Sequence[int]) -> Iterator[tuple[int, list[Box]]]:
    """Yield (frame id, its detections) in the order of the ids, a thousand frames at a look."""
    for low in range(0, len(frame_ids), 1000):
        some = frame_ids[low : low + 1000]
        found: dict[int, list[Box]] = {frame_id: [] for frame_id in some}
        for row in catalogue.db.execute(
            "SELECT frame_id, step, label, x0, y0, x1, y1, score, keypoints, channels FROM box"
            " WHERE frame_id IN (SELECT value FROM json_each(?)) ORDER BY frame_id, step, n",
            (json.dumps(list(some)),),
        ):
            points = None
            if row["keypoints"] is not None:
                raw = np.frombuffer(row["keypoints"], "<f4").reshape(-1, row["channels"])
                points = np.ones((len(raw), 3))
                points[:, : min(3, raw.shape[1])] = raw[:, :3]
            corners = (row["x0"], row["y0"], row["x1"], row["y1"])
            found[row["frame_id"]].append(
                Box(row["step"], row["label"], corners, row["score"], points)
            )
        yield from found.items()


def keys(catalogue: Catalogue) -> dict[int, str]:
    """Return frame id -> "<video key>:<pts>" of every sampled frame."""
    rows = catalogue.db.execute(
        "SELECT f.id, v.key || ':' || f.pts AS key FROM frame f JOIN video v ON v.id = f.video_id"
        " WHERE f.sampled = 1"
    )
    return {row["id"]: row["key"] for row in rows}


def videos(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return what each video is and was extracted with, in the order of folder and number.

    Returns:
        key, name, folder_no, video_no, size_bytes, duration_s, stream (0 for the best), kind
        ("video" or "pictures"), damaged, and params of its extraction.
    """
    rows = catalogue.db.execute(
        "SELECT v.*, e.params, e.errors FROM video v LEFT JOIN extraction e ON e.video_id = v.id"
        " ORDER BY v.folder_no, v.video_no"
    )
    found = []
    for row in rows:
        info = info_from_json(row["info"], catalogue.absolute(row["path"]))
        found.append({
            "key": row["key"],
            "name": row["name"],
            "folder_no": row["folder_no"],
            "video_no": row["video_no"],
            "size_bytes": info.size_bytes,
            "duration_s": row["duration_s"],
            "stream": info.stream_no,
            "kind": "pictures" if info.container == "pictures" else "video",
            "damaged": row["errors"] or 0,
            "params": json.loads(row["params"] or "{}"),
        })
    return found


def steps(catalogue: Catalogue) -> dict[str, dict[str, str]]:
    """Return how each step measured last: version and fingerprint, which holds its weights."""
    rows = catalogue.db.execute("SELECT step, fp, version FROM step_run ORDER BY id")
    return {row["step"]: {"version": row["version"], "fp": row["fp"]} for row in rows}


def said_crops(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return the crops that people placed, accepted or refused."""
    rows = catalogue.db.execute(
        "SELECT key, ratio, x, y, width, height, verdict, by_hand FROM crop"
        " WHERE by_hand = 1 OR verdict IN ('accepted', 'refused') ORDER BY key, ratio"
    )
    return [dict(row) for row in rows]


def put_crops(catalogue: Catalogue, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put crops that people spoke about into a catalogue."""
    from curation.store.crops import CropRow, CropTable

    table = CropTable(catalogue)
    for row in rows:
        px = (int(row["x"]), int(row["y"]), int(row["width"]), int(row["height"]))
        table.say(
            CropRow(
                str(row["key"]), str(row["ratio"]), px, verdict=row["verdict"],
                by_hand=bool(row["by_hand"]),
            )
        )


def with_people(catalogue: Catalogue) -> set[int]:
    """Return the frames on which a face or a person was found, whoever it is."""
    rows = catalogue.db.execute(
        "SELECT DISTINCT frame_id FROM box WHERE step IN ('faces', 'people')"
    )
    return {row["frame_id"] for row in rows}


def pools(catalogue: Catalogue) -> list[str]:
    """Return the pools that frames were put into."""
    rows = catalogue.db.execute("SELECT DISTINCT pool FROM decision ORDER BY pool")
    return [row["pool"] for row in rows]


def persons(catalogue: Catalogue) -> dict[int, int]:
    """Return frame id -> number of the person on it, as last decided; frames of nobody are not in
    it."""
    rows = catalogue.db.execute("SELECT frame_id, person FROM decision WHERE person IS NOT NULL")
    return {row["frame_id"]: row["person"] for row in rows}
