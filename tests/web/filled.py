"""Datastores with real frames and made-up measures, so that pages can be tested without models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from curation.params import ExtractParams
from curation.records import Measured, Result, Value
from curation.steps.base import Item, Step
from curation.store.signals import SignalTable
from curation.studio import Studio

FLOATS = (
    "luma_mean face_x0 face_y0 face_x1 face_y1 face_score face_second face_height_frac "
    "face_area_frac person_x0 person_y0 person_x1 person_y1 pose_score pose_agreement pose_x0 "
    "pose_y0 pose_x1 pose_y1 vis_head vis_shoulder vis_hip vis_knee vis_ankle vis_shoulder_both "
    "vis_hip_both below_shoulder_faces other_height_ratio focus_s focus_px focus_gap eye_open "
    "false_p"
).split()
INTS = (
    "n_faces",
    "n_people",
    "n_poses",
    "face_index",
    "pose_index",
    "phash",
    "pixels",
    "cut_head",
    "cut_feet",
    "cut_side",
)


class MadeUp(Step):
    """Stands for all measuring steps; the numbers are dealt by the test."""

    name: ClassVar[str] = "madeup"
    version: ClassVar[str] = "1"
    produces: ClassVar[Mapping[str, type]] = {
        **dict.fromkeys(FLOATS, float),
        **dict.fromkeys(INTS, int),
        "false_cue": str,
    }

    def setup(self) -> None:
        """Load nothing."""

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Never asked."""
        raise AssertionError("the measures are dealt, not measured")


def fill(root: Path, videos: Sequence[Path], fps: float = 8) -> Studio:
    """Extract frames of videos for real, deal measures to them, and rank."""
    studio = Studio(root)
    for _ in studio.extract(videos, ExtractParams(fps=fps, workers=1)):
        pass
    deal(studio)
    for _ in studio.rank():
        pass
    return studio


def deal(studio: Studio, seed: int = 7) -> None:
    """Give every stored frame a person of one kind or another."""
    random = np.random.default_rng(seed)
    table, step = SignalTable(studio.catalogue), MadeUp()
    runs = {step.name: table.register(step, "dealt")}
    results = []
    for frame in studio.videos.frames():
        body = random.random() < 0.5
        width, height = frame.width, frame.height
        face = (0.25 if body else 0.5) * height
        signals: dict[str, Value] = {
            "luma_mean": float(random.uniform(10, 200)),
            "n_faces": 1,
            "n_people": 1,
            "n_poses": int(body),
            "face_index": 0,
            "face_x0": 0.4 * width,
            "face_x1": 0.4 * width + 0.8 * face,
            "face_y0": 0.1 * height,
            "face_y1": 0.1 * height + face,
            "face_score": 0.95,
            "face_second": 0.95,
            "face_height_frac": face / height,
            "face_area_frac": 0.8 * face * face / (width * height),
            "focus_s": float(random.normal(0.3, 0.3)),
            "focus_px": float(random.uniform(50, 300)),
            "focus_gap": float(random.uniform(-1, 2)),
            "eye_open": float(random.random()),
            "false_p": float(random.random() ** 3),
            "false_cue": "flat",
            "other_height_ratio": float(random.random() ** 4),
            "phash": int(random.integers(-(2**62), 2**62)),
            "pixels": int(random.integers(-(2**62), 2**62)),
            "cut_head": 0,
            "cut_feet": 0,
            "cut_side": 0,
        }
        if body:
            signals |= {
                "pose_index": 0,
                "pose_score": 0.9,
                "pose_agreement": 0.9,
                "person_x0": 0.3 * width,
                "person_x1": 0.75 * width,
                "person_y0": 0.05 * height,
                "person_y1": 0.98 * height,
                "pose_x0": 0.32 * width,
                "pose_x1": 0.72 * width,
                "pose_y0": 0.1 * height,
                "pose_y1": 0.95 * height,
                "vis_head": 0.99,
                "vis_shoulder": 0.99,
                "vis_hip": 0.9,
                "vis_knee": 0.2,
                "vis_ankle": 0.1,
                "vis_shoulder_both": 0.9,
                "vis_hip_both": 0.9,
                "below_shoulder_faces": 2.5,
            }
        measured = Measured({name: signals.get(name) for name in step.produces})
        results.append(Result(frame.id, step.name, measured))
    table.put(results, runs, [step])
