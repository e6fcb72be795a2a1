"""What a dry run can show besides its lines: steps with their pictures, the first ones made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from curation.errors import CurationError
from curation.toolkit import sidecar as sc
from curation.toolkit.plan import WORDS, Action, Copy, Edit, Move, Plan, Write, would_change_nothing

PREVIEW_PX = 640
BOOKKEEPING = ("schema", "measured.", "made.", "from_file")
"""Keys of sidecars that say nothing to people."""
Teller = Callable[[Plan], Mapping[str, Any]]


def teller(folder: Path, most_steps: int = 600, most_made: int = 12) -> Teller:
    """Return what a dry run's Context is given as `extra["tell"]`.

    Args:
        folder: where the first new pictures are put, as N.jpg; made when there is one. It lies
            outside the work dir, in which a dry run changes nothing.
        most_steps: actions that are told one by one.
        most_made: pictures that are made for showing.
    """

    def tell(plan: Plan) -> dict[str, Any]:
        steps: list[dict[str, Any]] = []
        made = 0
        for action in plan.actions:
            if len(steps) == most_steps:
                break
            if would_change_nothing(plan.workdir, action):
                continue
            step = _step(plan, action)
            # Without a source it is fetched or computed from many: no dry run does that.
            if isinstance(action, Write) and action.source is not None and made < most_made:
                made += 1
                step |= _made(action, folder / f"{len(steps)}.jpg")
            steps.append(step)
        return {"steps": steps}

    return tell


def _step(plan: Plan, action: Action) -> dict[str, Any]:
    show = plan.workdir.shown
    step: dict[str, Any] = {"do": WORDS[type(action)], "reason": action.reason}
    if isinstance(action, Edit):
        return step | {"src": show(action.path), "edits": _edits(action)}
    step["dst"] = show(action.dst)
    if isinstance(action, Copy | Move):
        step["src"] = show(action.src)
        if isinstance(action, Move) and action.beside:
            step["with"] = [src.name for src, _ in action.beside]
    elif isinstance(action, Write):
        step["replaces"] = action.dst.exists()
        if action.source is not None:
            step["src"] = show(action.source)
    return step


def _edits(action: Edit) -> list[str]:
    try:
        now = sc.load(action.path)
    except CurationError:
        return []
    return differences(now, sc.merged(now, action.changes, action.remove))


def differences(before: Mapping[str, Any], after: Mapping[str, Any], most: int = 8) -> list[str]:
    """Return what differs between two sidecars: "metrics.blur: none -> 132.4"."""
    was, now = _flat(before), _flat(after)
    changed = (key for key in {**was, **now} if was.get(key) != now.get(key))
    keys = [key for key in changed if not key.startswith(BOOKKEEPING)]
    return [f"{key}: {_short(was.get(key))} -> {_short(now.get(key))}" for key in keys[:most]]


def _flat(sidecar: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in sidecar.items():
        if isinstance(value, Mapping) and value:
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _short(value: Any) -> str:
    if value is None:
        return "none"
    text = f"{len(value)} found" if isinstance(value, list) and value else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _made(action: Write, path: Path) -> dict[str, Any]:
    """Make what would be written, small, and return what is known of it."""
    from PIL import Image, ImageOps

    try:
        got = action.make if isinstance(action.make, bytes) else action.make()
        data = got[0] if isinstance(got, tuple) else got
        with Image.open(BytesIO(data)) as image:
            wh = image.size
            small = ImageOps.exif_transpose(image)
            small.thumbnail((PREVIEW_PX, PREVIEW_PX))
            path.parent.mkdir(parents=True, exist_ok=True)
            small.convert("RGB").save(path, quality=88)
    except CurationError as error:
        return {"fails": error.message}
    except Exception as error:  # a preview that cannot be shown fails nothing
        return {"fails": f"{type(error).__name__}: {error}"}
    return {"preview": True, "wh": list(wh), "bytes": len(data)}
