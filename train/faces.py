"""Faces to train on, found by the product's own detector."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

BENCH = Path(__file__).resolve().parents[2] / "shared" / "bench"
Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one picture: BGR pixels, its box, and the repository it came from."""

    path: Path
    bgr: Image
    xyxy_px: npt.NDArray[np.float64]
    source: str


def rows(folder: Path) -> list[dict[str, str]]:
    """Return LABELS.csv of a benchmark folder, with short column names."""
    with (folder / "LABELS.csv").open(newline="") as file:
        return [{key.split("(")[0]: value for key, value in row.items()}
                for row in csv.DictReader(file)]


def bench_folder() -> Path:
    """Return ../shared/bench.

    Raises:
        SystemExit: it is not there.
    """
    if not BENCH.is_dir():
        raise SystemExit(f"needs the labelled pictures of {BENCH}, which is not there")
    return BENCH


class Finder:
    """The faces step of the product, on bare pictures."""

    def __init__(self, longer_px: int = 1024, score: float = 0.7) -> None:
        """Open YuNet."""
        from curation.params import FaceParams
        from curation.steps.faces import Faces

        self._step: Any = Faces(
            FaceParams(face_size=longer_px, face_score=score, second_opinion=False)
        )
        self._step.setup()

    def boxes(self, bgr: Image) -> npt.NDArray[np.float64]:
        """Return face boxes x0 y0 x1 y1 in pixels, largest first; (n, 4)."""
        from curation.records import Frame
        from curation.steps.base import Item

        h, w = bgr.shape[:2]
        frame = Frame(0, "", 0, 0, 0.0, Path(), w, h)
        found = self._step([Item(frame, np.ascontiguousarray(bgr[..., ::-1]))])[0].boxes
        return np.asarray(found.xyxy_px, np.float64)


def real_pictures() -> Iterator[tuple[Path, str]]:
    """Yield pictures of real people that heads may be trained on, each with its source."""
    bench = bench_folder()
    for row in rows(bench / "pose_pools"):
        yield bench / "pose_pools" / "img" / row["file"], row["source_repo"]
    for row in rows(bench / "falseface"):
        if row["label"] == "real":
            yield bench / "falseface" / "crop" / row["file"], row["source_repo"]
    import importlib.util

    spec = importlib.util.find_spec("ultralytics")
    if spec is not None and spec.origin is not None:
        for path in sorted((Path(spec.origin).parent / "assets").glob("*.jpg")):
            yield path, "ultralytics"


def real_faces(least_px: float, without: frozenset[str] = frozenset()) -> Iterator[Face]:
    """Yield real faces at least this large, but none of the sources `without`."""
    finder = Finder()
    for path, source in real_pictures():
        if source in without:
            continue
        bgr = np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR), np.uint8)
        for box in finder.boxes(bgr):
            if np.sqrt((box[2] - box[0]) * (box[3] - box[1])) >= least_px:
                yield Face(path, bgr, box, source)
