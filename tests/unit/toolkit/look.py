"""Folders of small pictures, and runs of verbs over them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from curation.cli import toolkit
from curation.store.catalogue import OUR_FOLDER
from curation.toolkit.verbs import Context, find
from curation.toolkit.workdir import WorkDir


def picture(path: Path, size_wh: tuple[int, int] = (40, 30), **save: Any) -> Path:
    """Write a picture whose red rises to the right and whose green rises downwards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(ramp(size_wh)).save(path, **save)
    return path


def ramp(size_wh: tuple[int, int]) -> np.ndarray[Any, Any]:
    w, h = size_wh
    made = np.zeros((h, w, 3), np.uint8)
    made[..., 0] = np.linspace(0, 255, w)[None]
    made[..., 1] = np.linspace(0, 255, h)[:, None]
    made[..., 2] = 60
    return made


def beside(path: Path, **keys: Any) -> None:
    path.with_name(path.name + ".json").write_text(json.dumps(keys))


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.with_name(path.name + ".json").read_text())
    return found


def run(root: Path, verb: str, extra: dict[str, Any] | None = None, **settings: Any) -> Any:
    """Run a verb; return its summary."""
    common = {
        key: settings.pop(key) for key in ("dry_run", "recursive", "workers") if key in settings
    }
    found = find(verb)
    with toolkit.context(verb, root, **common) as ctx:
        ctx = Context(ctx.workdir, ctx.catalogue, verb, extra=extra or {}, **common)
        beats = list(found.run(ctx, found.params(**settings)))
    assert beats[-1].summary is not None
    return beats[-1].summary


def tree(root: Path) -> dict[str, tuple[bytes, int]]:
    """Return every file but our own: name -> bytes and time."""
    return {
        path.relative_to(root).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(root.rglob("*"))
        if path.is_file() and OUR_FOLDER not in path.relative_to(root).parts
    }


def names(folder: Path) -> list[str]:
    """Return the names of the pictures of a folder."""
    return sorted(p.name for p in folder.iterdir() if p.is_file() and p.suffix != ".json")


def pictures(root: Path, folder: str) -> list[Path]:
    made = WorkDir(root)
    return [pic.path for pic in made.pictures(made.folders(folder))]
