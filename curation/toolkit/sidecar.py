"""Sidecars: `photo.jpg.json` beside `photo.jpg`, and what each transform does to each key.

Known keys, all optional: source, origin, license (text); metrics {name: number or hash};
classes {name: [{score, box [x0, y0, x1, y1] in pixels of the upright picture}]} with [] for looked
for and not found; faces [{score, box, points}]; upscale; tags; video, pts, time_s, frame (where a
frame comes from); from_file (what this file was made from); made {by, fp} (which verb made it, and
of what); measured {content, by} (which content analyze's metrics are of); decisions
{verb: {...}}; cluster, duplicate; crop {box} (where in from_file it lay); schema. Keys that nobody
knows are kept.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from curation.errors import SidecarError

SCHEMA = 1
ENDING = ".json"
MOST_BYTES = 1 << 26
LARGEST = 1e15
"""Numbers from here on are no pixels; NaN is not below it."""

Sidecar = dict[str, Any]
Transform = Literal["copy", "crop", "resize", "flip", "recode", "upscale", "frame"]

OBJECTS = ("metrics", "classes", "decisions")
"""Keys whose values are merged name by name; all others are replaced whole."""

KEEP, DROP, REMAP, TIMES = "keep", "drop", "remap", "times"
TRANSFORMS: tuple[Transform, ...] = (
    "copy", "crop", "resize", "flip", "recode", "upscale", "frame",
)
#                      copy  crop   resize flip   recode upscale frame
TABLE: dict[str, tuple[str, ...]] = {
    "source":         (KEEP, KEEP,  KEEP,  KEEP,  KEEP,  KEEP,  KEEP),
    "origin":         (KEEP, KEEP,  KEEP,  KEEP,  KEEP,  KEEP,  KEEP),
    "license":        (KEEP, KEEP,  KEEP,  KEEP,  KEEP,  KEEP,  KEEP),
    "video":          (KEEP, KEEP,  KEEP,  KEEP,  KEEP,  KEEP,  KEEP),
    "pts":            (KEEP, KEEP,  KEEP,  KEEP,  KEEP,  KEEP,  KEEP),
    "time_s":         (KEEP, KEEP,  KEEP,  KEEP,  KEEP,  KEEP,  KEEP),
    "frame":          (KEEP, KEEP,  KEEP,  KEEP,  KEEP,  KEEP,  KEEP),
    "metrics":        (KEEP, DROP,  DROP,  DROP,  DROP,  DROP,  DROP),
    "measured":       (KEEP, DROP,  DROP,  DROP,  DROP,  DROP,  DROP),
    "classes":        (KEEP, REMAP, REMAP, REMAP, KEEP,  REMAP, REMAP),
    "faces":          (KEEP, REMAP, REMAP, REMAP, KEEP,  REMAP, REMAP),
    "upscale":        (KEEP, KEEP,  KEEP,  KEEP,  KEEP,  TIMES, KEEP),
    "tags":           (KEEP, DROP,  KEEP,  KEEP,  KEEP,  KEEP,  KEEP),
    "from_file":      (KEEP, DROP,  DROP,  DROP,  DROP,  DROP,  DROP),
    "made":           (DROP, DROP,  DROP,  DROP,  DROP,  DROP,  DROP),
    "decisions":      (KEEP, DROP,  DROP,  DROP,  DROP,  DROP,  DROP),
    "duplicate":      (KEEP, DROP,  DROP,  DROP,  DROP,  DROP,  DROP),
    "cluster":        (KEEP, KEEP,  KEEP,  KEEP,  KEEP,  KEEP,  KEEP),
    "crop":           (KEEP, DROP,  DROP,  DROP,  KEEP,  DROP,  DROP),
    "schema":         (KEEP, KEEP,  KEEP,  KEEP,  KEEP,  KEEP,  KEEP),
}
"""What a transform does to a key: the one place that says it. A key not named here is kept."""


BY_PEOPLE = ("source", "origin", "license", "tags")


def by_people(sidecar: Sidecar) -> Sidecar:
    """Return what people wrote: provenance, tags, and keys that no verb knows."""
    return {k: v for k, v in sidecar.items() if k in BY_PEOPLE or k not in TABLE}


def path_of(picture: Path) -> Path:
    """Return the sidecar's path of a picture's (or a sidecar's own)."""
    return picture if picture.suffix == ENDING else picture.with_name(picture.name + ENDING)


def load(path: Path) -> Sidecar:
    """Return a picture's sidecar, {} when it has none; older shapes come out as today's.

    Args:
        path: of the picture or of the sidecar.

    Raises:
        SidecarError: when it is no JSON object, its known keys are not what they must be, or a
            newer program wrote it. The file is left alone.
    """
    path = path_of(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SidecarError(f"{path} is too large for a sidecar", "move it away")
        found = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise SidecarError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise SidecarError(
            f"{path} is not JSON: {str(error)[:100]}", "mend it or move it away; it is left alone"
        ) from error
    return _checked(path, found)


def _checked(path: Path, found: Any) -> Sidecar:
    if not isinstance(found, dict):
        raise SidecarError(f"{path} is no JSON object", "mend it or move it away")
    if isinstance(found.get("schema"), int) and found["schema"] > SCHEMA:
        raise SidecarError(f"{path} was written by a newer program", "update this one")
    # Before schema: top-level phash {"hash": ...} and blur {"score": ...}.
    for name, inner in (("phash", "hash"), ("blur", "score")):
        old = found.get(name)
        if isinstance(old, dict) and inner in old:
            del found[name]
            found["metrics"] = {name: old[inner], **(found.get("metrics") or {})}
    for key in OBJECTS:
        if key in found and not isinstance(found[key], dict):
            raise SidecarError(f'{path}: "{key}" is no object', "mend it or move it away")
    return found


def text(sidecar: Mapping[str, Any]) -> bytes:
    """Return a sidecar as it is stored: indent 2, UTF-8, a newline at the end, schema last."""
    whole = {k: v for k, v in sidecar.items() if k != "schema"} | {"schema": SCHEMA}
    try:
        words = json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError:
        words = json.dumps(_finite(whole), indent=2, ensure_ascii=False)
    try:
        return (words + "\n").encode()
    except UnicodeEncodeError:  # a file name that is no text
        return (json.dumps(json.loads(words), indent=2) + "\n").encode()


def _finite(value: Any) -> Any:
    """Return a value in which what JSON has no word for (NaN, infinity) is null."""
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def merged(
    sidecar: Mapping[str, Any], changes: Mapping[str, Any], remove: Sequence[str] = ()
) -> Sidecar:
    """Return a sidecar with changes: metrics, classes and decisions name by name, others whole.

    Args:
        remove: keys that go ("classes") or names within them ("metrics.blur"); an object that is
            left empty goes too.
    """
    made = dict(sidecar)
    for name in remove:
        key, _, inner = name.partition(".")
        if inner and isinstance(made.get(key), dict):
            made[key] = {k: v for k, v in made[key].items() if k != inner}
        if not inner or made.get(key) == {}:
            made.pop(key, None)
    for key, value in changes.items():
        both = key in OBJECTS and isinstance(made.get(key), dict)
        made[key] = {**made[key], **value} if both else value
    return made


def is_empty(sidecar: Mapping[str, Any]) -> bool:
    """Return whether nothing is said in it."""
    return not set(sidecar) - {"schema"}


def merge(path: Path, changes: Mapping[str, Any], remove: Sequence[str] = ()) -> Sidecar:
    """Change a sidecar on the disk in one step and return it; without journal.

    Verbs use `plan.Edit`, which can be undone; this is for what is written outside of a plan.

    Raises:
        SidecarError: as `load`; nothing is changed then.
    """
    path = path_of(path)
    made = merged(load(path), changes, remove)
    handle, temp = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text(made))
        Path(temp).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        Path(temp).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temp).unlink()
        raise
    return made


def carry(
    sidecar: Mapping[str, Any],
    transform: Transform,
    *,
    scale_xy: tuple[float, float] = (1.0, 1.0),
    offset_px: tuple[float, float] = (0.0, 0.0),
    size_wh: tuple[int, int] | None = None,
    mirror_x: bool = False,
    mirror_y: bool = False,
    factor: int = 1,
) -> Sidecar:
    """Return the sidecar of a picture made from another one, by TABLE.

    A point (x, y) of the old picture goes to (x * scale + offset), then is mirrored within the new
    size; boxes are clipped to the new size and dropped when nothing of them is left. A crop of
    (x0, y0, x1, y1) is offset_px=(-x0, -y0), size_wh=(x1 - x0, y1 - y0); when it is resized too,
    offset in pixels of the new picture.

    Args:
        size_wh: of the new picture, upright; needed to clip and to mirror.
        mirror_x, mirror_y: left and right, top and bottom change places.
        factor: of an upscale.
    """
    column = TRANSFORMS.index(transform)
    made: Sidecar = {}

    def point(x: float, y: float) -> tuple[float, float]:
        x, y = x * scale_xy[0] + offset_px[0], y * scale_xy[1] + offset_px[1]
        if size_wh is not None:
            x = size_wh[0] - x if mirror_x else x
            y = size_wh[1] - y if mirror_y else y
        return x, y

    for key, value in sidecar.items():
        what = TABLE.get(key, (KEEP,) * len(TRANSFORMS))[column]
        if what == KEEP:
            made[key] = value
        elif what == REMAP:
            made[key] = _remapped(value, point, size_wh)
    if TABLE["upscale"][column] == TIMES:
        before = sidecar.get("upscale")
        made["upscale"] = factor * (before if _is_number(before) and before else 1)
    return made


def _remapped(value: Any, point: Any, size_wh: tuple[int, int] | None) -> Any:
    if isinstance(value, Mapping):
        return {name: _remapped(items, point, size_wh) for name, items in value.items()}
    if not isinstance(value, list):
        return value
    moved = [_item(item, point, size_wh) for item in value]
    return [item for item in moved if item is not None]


def _item(item: Any, point: Any, size_wh: tuple[int, int] | None) -> Any:
    if not isinstance(item, Mapping) or not isinstance(item.get("box"), list):
        return item
    if len(item["box"]) != 4 or not all(map(_is_number, item["box"])):
        return None  # where it lies nobody knows, so neither where it lies now
    x0, y0, x1, y1 = item["box"]
    (ax, ay), (bx, by) = point(x0, y0), point(x1, y1)
    box = [min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)]
    if size_wh is not None:
        box = [min(max(v, 0), size_wh[i % 2]) for i, v in enumerate(box)]
    whole = [round(v) for v in box]
    if whole[0] >= whole[2] or whole[1] >= whole[3]:
        return None
    made = {**item, "box": whole}
    if isinstance(item.get("points"), list):
        made["points"] = [
            [round(v, 1) for v in point(*found[:2])] for found in item["points"] if _is_point(found)
        ]
    return made


def _is_number(value: Any) -> bool:
    """Return whether a value can be computed with: JSON of a stranger holds anything."""
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST
    )


def _is_point(value: Any) -> bool:
    return isinstance(value, list) and len(value) >= 2 and all(map(_is_number, value[:2]))
