"""Work dirs for tests: small pictures with sidecars, and what a folder holds at a moment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from curation.records import Progress
from curation.store.catalogue import OUR_FOLDER, Catalogue
from curation.toolkit.verbs import Context, find
from curation.toolkit.workdir import WorkDir

Tree = dict[str, tuple[bytes, int]]


def tree(root: Path) -> Tree:
    """Return every file (content and mtime in ns) and folder below root, but our own."""
    found: Tree = {}
    for path in sorted(root.rglob("*")):
        if OUR_FOLDER not in path.relative_to(root).parts:
            name = path.relative_to(root).as_posix()
            found[name] = (
                (b"", 0) if path.is_dir() else (path.read_bytes(), path.stat().st_mtime_ns)
            )
    return found


def picture(
    path: Path, seed: int = 0, size_wh: tuple[int, int] = (32, 24), **sidecar: Any
) -> Path:
    """Write a small picture of noise, with a sidecar when keys of one are given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 255, (size_wh[1], size_wh[0], 3), np.uint8)
    Image.fromarray(noise).save(path)
    if sidecar:
        path.with_name(path.name + ".json").write_text(json.dumps(sidecar))
    return path


def sidecar_of(path: Path) -> dict[str, Any]:
    """Return the sidecar's keys as they are in the file."""
    found: dict[str, Any] = json.loads(path.with_name(path.name + ".json").read_text())
    return found


def context(root: Path, verb: str = "test", **kind: Any) -> Context:
    """Return a context with a catalogue of its own."""
    return Context(WorkDir(root), Catalogue(root / OUR_FOLDER), verb, **kind)


def outcome(beats: Any) -> Mapping[str, Any]:
    """Run to the end and return the summary."""
    last: Progress = list(beats)[-1]
    assert last.summary is not None
    return last.summary


def do(root: Path, verb: str, dry_run: bool = False, **params: Any) -> Mapping[str, Any]:
    """Run a verb in a work dir and return its summary."""
    found = find(verb)
    ctx = context(root, verb, dry_run=dry_run)
    try:
        return outcome(found.run(ctx, found.params(**params)))
    finally:
        ctx.catalogue.close()
