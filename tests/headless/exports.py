"""A small filled datastore to export from, and what every test of an export asks."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from curation.export.settings import ExportParams
from curation.store.mark_ops import MarkOps, Op
from curation.studio import Studio
from tests.review_store import fill


def filled(root: Path, frames: int = 320) -> Studio:
    """Return a datastore with real pictures, boxes, picks, and some marks."""
    studio = fill(root, frames, pictures=80)
    picks = [row["frame_id"] for row in studio.decisions.page(verdict="picked", order="time")]
    ids = np.array(sorted(picks[:6]), np.int64)
    MarkOps(studio.catalogue).apply("a", "Ada", [
        Op("1", "stars", 4, ids), Op("2", "tag", "red & <blue>", ids[:2]),
        Op("3", "note", "=1+1", ids[:1]), Op("4", "label", 1, ids[:3]),
    ])  # fmt: skip
    return studio


def export(studio: Studio, kind: str, out: Path, **params: Any) -> dict[str, Any]:
    """Export and return the summary."""
    beats = list(studio.export(kind, out, ExportParams(**params)))
    assert beats[-1].summary is not None
    return dict(beats[-1].summary)


def tree(folder: Path) -> dict[str, str]:
    """Return the files of an export that do not tell times, with their SHA-256."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".curation-export.jsonl"
    }


def manifest(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of the manifest."""
    lines = (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
