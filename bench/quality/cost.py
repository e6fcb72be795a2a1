"""What a frame costs beyond the detectors: every other measure, and every decision, on one core.

CPU time of the process, so a busy machine costs nothing; the least of a few rounds, because the
first fills caches. Whatever steps are registered are measured.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from bench.focus_set import Image, labels
from bench.report import Row
from bench.sets import SETS
from curation.decide import decide
from curation.params import MeasureParams, RankParams
from curation.records import Frame
from curation.registry import BUILTIN, make_steps
from curation.steps.base import Item, Step
from tests.unit.decide.columns import catalogue

DETECTORS = ("faces", "people", "pose", "landmarks")
"""Steps that search the picture with a network; the goal is about what comes after them."""

PICTURES, CLIPS, AT_FRAME = 10, 10, 40
LONG_SIDE_PX = 1280
ROUNDS = 3
VIDEOS, PER_VIDEO = 12, 800


def rows(sets: Path = SETS) -> list[Row]:
    """Return ms per frame of each step, of all decisions, and their sum beyond detectors."""
    cv2.setNumThreads(1)
    items = stored_frames(sets)
    steps = make_steps(MeasureParams(), BUILTIN)
    spent_ms: dict[str, float] = {}
    for step in steps:
        step.setup()
        spent_ms[step.name] = step_ms(step, items)
        step.close()
    deciding_ms = decide_ms()
    beyond = sum(ms for name, ms in spent_ms.items() if name not in DETECTORS) + deciding_ms
    where = "clips and portraits, CPU time, batches of one"
    out = [
        Row("measures beyond detectors and decisions, ms a frame", beyond, None, 10.0, False,
            len(items), None, f"{where}; without {', '.join(DETECTORS)}"),
        Row("all decisions, ms a frame", deciding_ms, None, None, False, VIDEOS * PER_VIDEO,
            None, "made-up catalogue, CPU time"),
    ]  # fmt: skip
    for name, ms in spent_ms.items():
        out.append(Row(f"step {name}, ms a frame", ms, None, None, False, len(items), None, where))
    return out


def stored_frames(sets: Path) -> list[Item]:
    """Return pictures as extraction stores them: portraits, and one frame of each of some clips."""
    pictures = [
        np.asarray(cv2.imread(str(sets / "focus" / "sharp" / row["file"])), np.uint8)
        for row in labels(sets / "focus")[:PICTURES]
    ]
    clips = [row for row in labels(sets / "videos") if row["kind"] == "real"][:CLIPS]
    pictures += [_frame(sets / "videos" / "clips" / row["file"]) for row in clips]
    items = []
    for i, bgr in enumerate(pictures):
        scale = min(LONG_SIDE_PX / max(bgr.shape[:2]), 1.0)
        bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        rgb = np.ascontiguousarray(bgr[..., ::-1], np.uint8)
        frame = Frame(i, f"bench{i}", 1, i, float(i), Path(), rgb.shape[1], rgb.shape[0])
        items.append(Item(frame, rgb))
    return items


def step_ms(step: Step, items: Sequence[Item]) -> float:
    """Return the mean CPU time of a step over the items, and leave its results in them."""

    def run() -> None:
        for item in items:
            item.given[step.name] = step([item])[0]

    return _least_ms(run, ROUNDS) / len(items)


def decide_ms() -> float:
    """Return the CPU time of all decisions, per frame of a catalogue."""
    columns = catalogue(VIDEOS, PER_VIDEO)
    return _least_ms(lambda: decide(columns, RankParams()), ROUNDS) / (VIDEOS * PER_VIDEO)


def _least_ms(work: Callable[[], object], rounds: int) -> float:
    spent = []
    with threadpool_limits(1):  # a second thread that waits for work counts as work
        for _ in range(rounds):
            begin = time.process_time()
            work()
            spent.append(1e3 * (time.process_time() - begin))
    return min(spent)


def _frame(path: Path) -> Image:
    """Return one frame of a clip."""
    with av.open(str(path)) as container:
        frames = itertools.islice(container.decode(video=0), AT_FRAME, None)
        return np.asarray(next(frames).to_ndarray(format="bgr24"), np.uint8)
