"""What is searched for, as a vector: a picture file, or a figure that somebody drew."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.errors import CurationError, InputError
from curation.params import MeasureParams
from curation.search.vectors import JOINTS, LAYOUT, check_kind, joints_of

Example = npt.NDArray[np.float32]

BLAZE = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye",
    "right_eye_outer", "left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_pinky",
    "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb", "left_hip",
    "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "left_heel",
    "right_heel", "left_foot_index", "right_foot_index",
)
"""The 33 points of the pose step, in its order."""
COCO = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
    "left_knee", "right_knee", "left_ankle", "right_ankle",
)
LEAST_JOINTS = 6
MOST_BYTES = 1 << 20
FURTHEST = 1e6
COLUMN = {"appearance": "appearance", "scene": "appearance", "face": "identity", "pose": "subject"}
LACKS = {"face": "no face of 32 px or more", "pose": "nobody whose pose can be measured"}


def of_picture(path: Path, by: str, params: MeasureParams) -> Example:
    """Return what the steps say of a picture file, as they would of a frame.

    Args:
        params: the settings that the frames were measured with.

    Raises:
        InputError: there is no such file.
        ImageUnreadable: it is no picture.
        CurationError: it shows nothing of the kind, or could not be measured.
        WeightsMissing: before it is measured.
    """
    from curation.engine.batch import run_batch
    from curation.engine.machine import single_threaded
    from curation.photos.decode import load_upright
    from curation.records import Frame
    from curation.registry import make_steps
    from curation.steps.base import Item

    check_kind(by)
    if not path.is_file():
        raise InputError(f"there is no picture {path}", "name a picture file, or a frame")
    rgb = load_upright(path)
    single_threaded()
    height, width = rgb.shape[:2]
    item = Item(Frame(0, "", 0, 0, 0.0, path, width, height), rgb)
    wanted = ["appearance", "subject"] if by == "pose" else [COLUMN[by]]
    steps = make_steps(params, wanted)
    for step in steps:
        step.setup()
    try:
        for result in run_batch(steps, [item]):
            if result.measured is None:
                raise CurationError(f"{path}: {result.step} failed: {result.error}")
    finally:
        for step in steps:
            step.close()
    if by == "pose":
        raw = item.given["subject"].signals["pose_shape"]
        bits = item.given["appearance"].signals["joints_seen"]
        seen = None if bits is None else np.array([float(bits)])
        found: Example | None = None
        if raw is not None:
            found = np.asarray(joints_of(_halves(raw)[None], seen)[0], np.float32)
    else:
        name = "identity" if by == "face" else by
        raw = item.given[COLUMN[by]].signals[name]
        found = None if raw is None else _halves(raw)
    if found is None or (by == "pose" and _count(found) < LEAST_JOINTS):
        raise CurationError(
            f"{path} shows {LACKS.get(by, 'nothing')}", "search with another picture, or by "
            "appearance",
        )
    return found


def of_drawing(text: str) -> Example:
    """Return a figure that somebody drew, as the joints that count.

    Args:
        text: JSON, or the path of a file of it: {"left_wrist": [x, y], ...} by the names of BLAZE,
            or the list of 33 points, or of the 17 of COCO; null for what is out of sight. Any
            unit; y grows downwards; left is the person's left.

    Raises:
        CurationError: it is none; says which joint.
    """
    found = np.full((LAYOUT, 2), np.nan)
    for name, point in _points(text).items():
        if name not in BLAZE:
            raise CurationError(
                f"there is no joint {name!r}", f"a pose has {', '.join(BLAZE[j] for j in JOINTS)}"
            )
        if point is None:
            continue
        numbers = list(point)[:2] if isinstance(point, list | tuple) else []
        if len(numbers) < 2 or not all(
            isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < FURTHEST
            for v in numbers
        ):
            raise CurationError(f"{name} is {point!r}", f'write "{name}": [x, y] or null')
        found[BLAZE.index(name)] = numbers
    joints = found[list(JOINTS)].astype(np.float32).ravel()
    if _count(joints) < LEAST_JOINTS:
        raise CurationError(
            f"the pose has {_count(joints)} joints that count",
            f"draw at least {LEAST_JOINTS} of {', '.join(BLAZE[j] for j in JOINTS)}",
        )
    if float(np.nanstd(joints.reshape(-1, 2), axis=0).max()) <= 0:
        raise CurationError("all joints of the pose lie in one place", "draw a figure")
    return joints


def _points(text: str) -> Mapping[str, Any]:
    text = text.strip()
    if not text.startswith(("{", "[")):
        path = Path(text)
        try:
            if path.stat().st_size > MOST_BYTES:
                raise InputError(f"{path} is larger than a pose can be", "name a file of joints")
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"cannot read {path}: {error}", 'name a JSON file: {"left_wrist": [x, y], ...}'
            ) from error
    try:
        given = json.loads(text[:MOST_BYTES])
    except (json.JSONDecodeError, RecursionError) as error:
        raise CurationError(
            f"the pose is no JSON: {error}", 'write {"left_wrist": [x, y], ...}'
        ) from error
    if isinstance(given, dict):
        inner = given.get("joints", given)
        if isinstance(inner, dict):
            return {str(name): point for name, point in inner.items()}
        given = inner
    names = {len(BLAZE): BLAZE, len(COCO): COCO}
    if not isinstance(given, list) or len(given) not in names:
        raise CurationError(
            "the pose is neither joints by name nor a list of 33 or 17 points",
            'write {"left_wrist": [x, y], ...}',
        )
    return dict(zip(names[len(given)], given, strict=True))


def _halves(raw: object) -> Example:
    assert isinstance(raw, bytes)
    found: Example = np.frombuffer(raw, "<f2").astype(np.float32)
    return found


def _count(joints: Example) -> int:
    return int(np.isfinite(joints.reshape(-1, 2)[:, 0]).sum())
