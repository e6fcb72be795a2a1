"""A small filled datastore to export from, and what every test of an export asks."""

from __future__ import annotations

import hashlib
import json
from math import ceil
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from curation.decide.crop_ratio import SDXL
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


def shaped(root: Path) -> Studio:
    """Return one whose pictures have the nine shapes of `--crop bucket`, none smaller than its
    bucket: what is added lies right of and below the picture that was there."""
    studio = filled(root, frames=120)
    files = sorted({path for frame in studio.videos.frames() if (path := frame.path)})
    for at, path in enumerate(files):
        rgb = cv2.imread(str(path))
        tall, wide = rgb.shape[:2]
        w, h = SDXL[at % len(SDXL)]
        scale = max(wide / w, tall / h, 1)
        w, h = ceil(w * scale), ceil(h * scale)
        added = ((0, h - tall), (0, w - wide), (0, 0))
        cv2.imwrite(str(path), np.pad(rgb, added, mode="symmetric"))
        with studio.catalogue.transaction() as db:
            db.execute(
                "UPDATE frame SET width = ?, height = ? WHERE file = ?",
                (w, h, path.relative_to(studio.root).as_posix()),
            )
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
