"""Crops of frames in the review: those stored, and proposals from what was measured of a frame.

A folder of photos has proposals of its own (`python -m curation crops FOLDER`), which has looked
at the pixels; what it saw is used here too. Frames of videos have faces, people and poses from
02_sort.py: those are enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from curation.cull.crop_files import row_of
from curation.decide import crop_ratio, crops
from curation.decide.crop_scene import (
    LOOK,
    QUESTION,
    Body,
    Box,
    Face,
    Scene,
    flat_heat,
    scene_of,
)
from curation.errors import InputError
from curation.store.catalogue import Catalogue
from curation.store.crops import CropRow, CropTable, Verdict
from curation.store.look import look

SHOWN = ("1:1", "4:5", "2:3", "16:9", crop_ratio.BUCKET)
"""Shapes that the workspace offers of every frame."""
FP = f"frames crops:{crops.REVISION}"


def shown(catalogue: Catalogue, frame_id: int) -> dict[str, Any] | None:
    """Return the crops of a frame for the workspace; None when there is no such frame.

    Returns:
        size_wh, and crops by shape: ratio, w and h (smallest whole numbers), box (left, top,
        right, bottom as shares, None where there is none), px, verdict ("open" where nothing was
        proposed), by_hand, confidence, why.
    """
    table = CropTable(catalogue)
    found = table.picture(frame_id)
    if found is None:
        return None
    key, size_wh = found
    stored = table.of([key]).get(key, {})
    names = {one.name: one for one in crop_ratio.shapes(SHOWN, size_wh)}
    names |= {name: crop_ratio.shape(name) for name in stored if name not in names}
    return {
        "size_wh": list(size_wh),
        "crops": [_told(stored.get(name), one, size_wh) for name, one in names.items()],
    }


def _told(
    row: CropRow | None, one: crop_ratio.Shape, size_wh: tuple[int, int]
) -> dict[str, Any]:
    told: dict[str, Any] = {"ratio": one.name, "w": one.w, "h": one.h, "box": None, "px": None}
    if row is None:
        return {**told, "verdict": "open", "by_hand": False, "confidence": None, "why": ""}
    if row.verdict != "none":
        told |= {"box": list(crop_ratio.shares(row.px, size_wh)), "px": list(row.px)}
    return {
        **told, "verdict": row.verdict, "by_hand": row.by_hand,
        "confidence": row.confidence, "why": row.why,
    }  # fmt: skip


def propose(catalogue: Catalogue, frame_id: int) -> int:
    """Propose the shapes that a frame has no crop of, and return how many there are now.

    Raises:
        InputError: when there is no such frame, or nothing was measured of it.
    """
    table = CropTable(catalogue)
    found = table.picture(frame_id)
    if found is None:
        raise InputError(f"there is no frame {frame_id}")
    key, size_wh = found
    stored = table.of([key]).get(key, {})
    lacking = [one for one in crop_ratio.shapes(SHOWN, size_wh) if one.name not in stored]
    if lacking:
        seen = table.look(key, QUESTION, LOOK)
        if seen is not None and tuple(seen["size_wh"]) == size_wh:
            scene = scene_of(size_wh, seen["found"])
        else:
            scene = scene_of_frame(catalogue, frame_id, size_wh)
        table.propose(row_of(key, crops.propose(scene, one), FP) for one in lacking)
    return len(stored) + len(lacking)


def scene_of_frame(catalogue: Catalogue, frame_id: int, size_wh: tuple[int, int]) -> Scene:
    """Return a frame as crops see it, from the boxes that are stored of it.

    Raises:
        InputError: when faces were not looked for: a crop could cut one.
    """
    told = look(catalogue, frame_id)
    if told is None or "n_faces" not in told["measures"]:
        raise InputError(
            "nobody has looked for faces in this picture yet",
            "python 02_sort.py for videos, python -m curation crops FOLDER for photos",
        )
    boxes: Sequence[Mapping[str, Any]] = told["boxes"]
    wide, tall = size_wh

    def px(shares: Sequence[float]) -> Box:
        return shares[0] * wide, shares[1] * tall, shares[2] * wide, shares[3] * tall

    def points(one: Mapping[str, Any]) -> Any:
        rows = one.get("keypoints")
        if not rows:
            return None
        made = np.array(rows, np.float64)
        made[:, :2] *= (wide, tall)
        return made

    faces = []
    for one in boxes:
        if one["step"] == "faces":
            five = points(one)
            faces.append(
                Face(px(one["xyxy"]), one["score"], None, None if five is None else five[:, :2])
            )
    measures = told["measures"]
    main = [measures.get(f"face_{side}") for side in ("x0", "y0", "x1", "y1")]
    if not faces and None not in main:
        faces.append(Face((main[0], main[1], main[2], main[3]), measures.get("face_score", 1.0)))
    poses = [one for one in boxes if one["step"] == "pose"]
    bodies = [Body(px(one["xyxy"]), one["score"], points(one)) for one in poses]
    if not bodies:
        people = (one for one in boxes if one["step"] == "people")
        bodies = [Body(px(one["xyxy"]), one["score"]) for one in people]
    return Scene(size_wh, flat_heat(), tuple(faces), tuple(bodies))


def say(
    catalogue: Catalogue,
    frame_id: int,
    ratio: str,
    verdict: Verdict | None = None,
    box: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Keep what a person said of a crop, and return it as `shown` tells it.

    Args:
        verdict: None leaves it, or takes the crop as proposed where it was open or refused.
        box: left, top, right, bottom as shares; the crop is placed exactly in the shape near it.

    Raises:
        InputError: no such frame, a shape that is none, or a crop that was neither proposed nor
            is placed now.
    """
    table = CropTable(catalogue)
    found = table.picture(frame_id)
    if found is None:
        raise InputError(f"there is no frame {frame_id}")
    key, size_wh = found
    try:
        one = crop_ratio.shape(ratio)
    except ValueError as error:
        raise InputError(str(error)) from error
    row = table.of([key]).get(key, {}).get(one.name)
    if row is None:
        row = CropRow(key, one.name, (0, 0, 0, 0), verdict="none")
    if box is not None:
        wide, tall = size_wh
        placed = crop_ratio.fitted(
            (box[0] * wide, box[1] * tall, box[2] * wide, box[3] * tall), one, size_wh
        )
        if placed is None:
            raise InputError(f"the picture is smaller than a crop of {one.name}")
        was = "proposed" if row.verdict in ("none", "refused", "review") else row.verdict
        row = replace(row, px=placed, by_hand=True, verdict=was, why="placed by hand")
    if verdict is not None:
        if row.px[2] == 0:
            raise InputError(f"there is no {one.name} crop yet", "place it first")
        row = replace(row, verdict=verdict)
    return _told(table.say(row), one, size_wh)


def forget(catalogue: Catalogue, frame_id: int, ratio: str) -> None:
    """Take back what a person said of a crop, and the crop: it is proposed anew.

    Raises:
        InputError: when there is no such frame.
    """
    table = CropTable(catalogue)
    found = table.picture(frame_id)
    if found is None:
        raise InputError(f"there is no frame {frame_id}")
    table.forget(found[0], ratio)

