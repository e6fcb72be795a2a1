"""What a frame costs to measure, by step: `python -m bench.bench_measure` -> results/measure.json.

Frames of packaged clips and, where they are, of the labelled ones, two a second, brought to 1080p
and stored as extraction stores them. They go through the engine in its own batches: JPEG, every
default step, nothing left out beforehand. CPU time of the process with all its threads, the least
of a few rounds, because others compute beside it. Reading models is told apart: it is paid once a
worker.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from bench.packaged_clips import clips
from bench.report import Row, write
from bench.sets import SETS
from curation.engine.batch import run_frames
from curation.engine.machine import keep_memory, single_threaded
from curation.engine.measure import BATCH
from curation.params import MeasureParams
from curation.records import Frame, Measured
from curation.registry import make_steps
from curation.steps.base import Item, Step

WIDTH, HEIGHT, QUALITY = 1920, 1080, 95
APART_S, MOST_A_CLIP = 0.5, {"packaged": 20, "labelled": 6}
ROUNDS = 3
GATE_MS, GOAL_MS = 130.0, 60.0


class Timed:
    """A step that counts the processor time of its calls."""

    def __init__(self, step: Step) -> None:
        self.step, self.spent_ms = step, 0.0

    def __getattr__(self, name: str) -> Any:
        """Return what the step has."""
        return getattr(self.step, name)

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Measure, and count."""
        begin = cpu_ms()
        try:
            return self.step(items)
        finally:
            self.spent_ms += cpu_ms() - begin


def cpu_ms() -> float:
    """Return the processor time of this process and all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return 1e3 * (used.ru_utime + used.ru_stime)


def stills(paths: Sequence[Path], folder: Path, most: int) -> list[Frame]:
    """Write frames of videos as 1080p JPEG into a folder and return them."""
    import simplejpeg

    frames: list[Frame] = []
    for path in paths:
        for n, rgb in enumerate(_pictures(path, most)):
            file = folder / f"{path.stem}_{n:03d}.jpg"
            file.write_bytes(
                simplejpeg.encode_jpeg(rgb, quality=QUALITY, colorsubsampling="420")
            )
            no, (tall, wide) = len(frames) + 1, rgb.shape[:2]
            frames.append(Frame(no, file.stem, 1, no, n * APART_S, file, wide, tall))
    return frames


def _pictures(path: Path, most: int) -> Iterator[np.ndarray]:
    import av
    import cv2

    last_s, n = -APART_S, 0
    with av.open(str(path)) as container:
        for decoded in container.decode(video=0):
            if (decoded.time or 0.0) - last_s < APART_S:
                continue
            last_s, n = decoded.time or 0.0, n + 1
            rgb = decoded.to_ndarray(format="rgb24")
            scale = min(WIDTH / rgb.shape[1], HEIGHT / rgb.shape[0])
            yield np.ascontiguousarray(
                cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
            )
            if n == most:
                return


def rows(name: str, frames: Sequence[Frame]) -> list[Row]:
    """Return ms a frame of each step, of the JPEG and the rest, and of all together."""
    begin = cpu_ms()
    timed = [Timed(step) for step in make_steps(MeasureParams())]
    for one in timed:
        one.setup()
    models_ms = cpu_ms() - begin
    steps = cast("Sequence[Step]", timed)
    names = [step.name for step in steps]
    _round(steps, frames[:BATCH], names)
    spent: list[list[float]] = []
    for _ in range(ROUNDS):
        for one in timed:
            one.spent_ms = 0.0
        total = _round(steps, frames, names)
        by_step = [one.spent_ms for one in timed]
        spent.append([total, *by_step, total - sum(by_step)])
    for one in timed:
        one.close()
    n = len(frames)
    total, *parts = (np.min(spent, axis=0) / n).tolist()
    about = f"{name} clips at 1080p, CPU time, least of {ROUNDS} rounds"
    found = [Row(f"{name}: all steps and the JPEG, ms a frame", total, GATE_MS, GOAL_MS, False, n,
                 None, about)]  # fmt: skip
    for step, ms in zip([*names, "JPEG and the rest"], parts, strict=True):
        found.append(Row(f"{name}: {step}, ms a frame", ms, None, None, False, n, None, about))
    found.append(Row(f"{name}: reading models, ms a worker", models_ms, None, None, False, 1))
    return found


def _round(steps: Sequence[Step], frames: Sequence[Frame], names: Sequence[str]) -> float:
    """Return the processor time of measuring frames."""
    begin = cpu_ms()
    for low in range(0, len(frames), BATCH):
        batch = frames[low : low + BATCH]
        found = run_frames(steps, batch, {}, {frame.id: names for frame in batch})
        wrong = [result.error for result in found if result.error]
        if wrong:
            raise RuntimeError(wrong[0])
    return cpu_ms() - begin


def measured(name: str, paths: Sequence[Path]) -> list[Row]:
    """Return the rows of a set of clips; for a process of its own, set up as a worker is."""
    single_threaded()
    keep_memory()
    with tempfile.TemporaryDirectory() as scratch:
        return rows(name, stills(paths, Path(scratch), MOST_A_CLIP[name]))


def main() -> int:
    """Measure on the packaged clips, and on the labelled ones where they are."""
    single_threaded()
    sets = {"packaged": clips(), "labelled": sorted((SETS / "videos" / "clips").glob("*.*"))}
    found: list[Row] = []
    for name, paths in sets.items():
        if paths:
            # What was set above is read when a process begins.
            with multiprocessing.get_context("spawn").Pool(1) as child:
                found += child.apply(measured, (name, paths))
    return write("measure", found)


if __name__ == "__main__":
    sys.exit(main())
