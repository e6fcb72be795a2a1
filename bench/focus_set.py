"""Labelled portraits and clips as items of the focus step, judged by heads that never saw them.

Person boxes stand in for the detectors: the box around the set's person mask.
"""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from bench.sets import ROOT
from curation.decide.focus import combine
from curation.records import Boxes, Frame, Measured
from curation.steps.base import Item
from curation.steps.focus import Focus
from train.focus_regressor import FOLDS

HEADS = ROOT / "bench" / "heads"
SCORES = ("combined", "minus_blur_px", "S")
SPLIT = "heads by fold of sources"

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
Face = tuple[int, int, int, int]
Signals = dict[str, Any]


def labels(folder: Path) -> list[dict[str, str]]:
    """Return LABELS.csv of a set, with short column names."""
    with (folder / "LABELS.csv").open(newline="") as file:
        return [{key.split("(")[0]: value for key, value in row.items()}
                for row in csv.DictReader(file)]  # fmt: skip


def generator(folder: Path) -> ModuleType:
    """Import gen_focus.py by its path, or end with the reason."""
    path = folder / "gen_focus.py"
    if not path.is_file():
        raise SystemExit(f"NOT RUN: the focus bench needs {path}: lay shared/ beside the checkout")
    spec = importlib.util.spec_from_file_location("gen_focus", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"NOT RUN: {path} is no module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@lru_cache(maxsize=8)
def step_for(source: str) -> Focus:
    """Return the focus step with the head that was trained without a source.

    Sources of no fold were not trained on at all: the shipped head judges them.
    """
    fold = next((name for name, sources in FOLDS.items() if source in sources), None)

    class Judge(Focus):
        head = Focus.head if fold is None else HEADS / f"focus_{fold}.json"

    step = Judge()
    step.setup()
    return step


def item_of(bgr: Image, face_xywh: Face, mask: Image | None = None) -> Item:
    """Return a picture with the given face, and a person where the mask is, or everywhere."""
    x, y, w, h = face_xywh
    high, wide = bgr.shape[:2]
    person = np.array([[0, 0, wide, high]], np.float64)
    if mask is not None:
        rows, cols = np.nonzero(mask)
        person[0] = cols.min(), rows.min(), cols.max() + 1, rows.max() + 1
        person *= wide / mask.shape[1]
    one = np.ones(1, np.float32)
    given = {
        "faces": Measured({}, Boxes(np.array([[x, y, x + w, y + h]], np.float32), one, ("face",))),
        "people": Measured({}, Boxes(person.astype(np.float32), one, ("person",))),
        "pose": Measured({}, Boxes.empty(33, 4)),
        "subject": Measured({"face_index": 0, "face_x0": float(x), "face_y0": float(y),
                             "face_x1": float(x + w), "face_y1": float(y + h)}),
    }  # fmt: skip
    rgb = np.ascontiguousarray(bgr[..., ::-1])
    return Item(Frame(0, "", 0, 0, 0.0, Path(), wide, high), rgb, given)


def measured(source: str, items: Iterable[Item]) -> list[Signals]:
    """Return the focus signals of pictures of one source."""
    step = step_for(source)
    return [dict(step([item])[0].signals) for item in items]


def scores(found: Iterable[Signals]) -> dict[str, Array]:
    """Return the three scores of measured pictures, higher is sharper.

    `combined` is the very function that ranking uses.
    """
    names = ("focus_s", "focus_blur_px", "focus_gap")
    values = [[float("nan") if one[name] is None else float(one[name]) for name in names]
              for one in found]  # fmt: skip
    s, blur_px, gap = np.array(values).reshape(-1, 3).T
    return {"S": s, "minus_blur_px": -blur_px, "combined": combine(s, blur_px, gap)}


def mask_of(folder: Path, name: str) -> Image:
    """Return the person mask of a portrait."""
    path = folder / "mask" / (Path(name).stem + ".png")
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
