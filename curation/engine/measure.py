"""Driving the steps over all frames that have something left to answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from curation import weights
from curation.engine.batch import run_frames
from curation.engine.machine import pick_workers, single_threaded
from curation.engine.meter import Meter
from curation.engine.pool import Event, Pool
from curation.params import MeasureParams
from curation.records import Frame, Measured, Progress, Result
from curation.registry import make_steps
from curation.steps.base import Step, fingerprint
from curation.store.catalogue import Catalogue
from curation.store.signals import SignalTable
from curation.store.videos import VideoTable

BATCH = 8


@dataclass(frozen=True, slots=True)
class Batch:
    """Frames on their way to a worker, with what is known and what is wanted of each."""

    frames: tuple[Frame, ...]
    given: Mapping[int, Mapping[str, Measured]]
    wanted: Mapping[int, tuple[str, ...]]

    def singles(self) -> Iterator[Batch]:
        """Yield one batch per frame, to find the one that kills its worker."""
        for frame in self.frames:
            yield Batch(
                (frame,), {frame.id: self.given[frame.id]}, {frame.id: self.wanted[frame.id]}
            )


class StepRunner:
    """The worker's side: steps set up once, then batches."""

    def __init__(self, params: MeasureParams, names: Sequence[str]) -> None:
        single_threaded()
        self.steps = make_steps(params, names)
        for step in self.steps:
            step.setup()

    def __call__(self, task: Batch) -> Iterator[list[Result]]:
        """Yield the results of one batch."""
        yield run_frames(self.steps, task.frames, task.given, task.wanted)

    def close(self) -> None:
        """Let go of all models."""
        for step in self.steps:
            step.close()


def fingerprints(steps: Sequence[Step]) -> dict[str, str]:
    """Return the cache key of each step; WeightsMissing when a model file is absent."""
    found: dict[str, str] = {}
    for step in steps:
        names = step.weight_names()
        for name in names:
            weights.path_of(name)
        found[step.name] = fingerprint(
            step, found, {name: weights.digest_of(name) for name in names}
        )
    return found


def measure(
    catalogue: Catalogue, params: MeasureParams, retry_failed: bool = False
) -> Iterator[Progress]:
    """Answer every question that these steps and parameters leave open.

    Missing weights stop it before the first frame. A frame that cannot be measured becomes a row
    with an error, also when it kills the worker process.

    Raises:
        WeightsMissing: naming the file and the command that fetches it.
    """
    steps = make_steps(params)
    table = SignalTable(catalogue)
    runs = {
        name: table.register(step, key)
        for (name, key), step in zip(fingerprints(steps).items(), steps, strict=True)
    }
    pending = dict(table.pending(runs, retry_failed))
    meter = Meter("measure", len(pending))
    failed = 0
    if pending:
        names = [step.name for step in steps]
        size = pick_workers(params.workers, -(-len(pending) // (4 * BATCH)))
        yield meter.beat(note=f"loading models in {size} process{'es' if size > 1 else ''}")
        with Pool[Batch](partial(StepRunner, params, names), size) as pool:
            for event in pool.run(_batches(catalogue, table, steps, pending)):
                results = _results(event, pool)
                if not results:
                    continue
                table.put(results, runs, steps)
                frames = len({result.frame_id for result in results})
                wrong = {r.frame_id: f"{r.step}: {r.error}" for r in results if r.error}
                for frame in event.task.frames:
                    if frame.id in wrong:
                        failed += 1
                        item = f"{frame.path.name} ({frame.key})"
                        yield meter.beat(failed=(item, wrong[frame.id]))
                yield meter.beat(frames)
    yield meter.beat(summary={"measured": len(pending), "failed": failed})


def _batches(
    catalogue: Catalogue,
    table: SignalTable,
    steps: Sequence[Step],
    pending: Mapping[int, tuple[str, ...]],
) -> Iterator[Batch]:
    videos = VideoTable(catalogue)
    ids = iter(pending)
    while chunk := list(islice(ids, BATCH)):
        given = table.measured(chunk, steps)
        for frame_id in chunk:
            for name in pending[frame_id]:
                given[frame_id].pop(name, None)
        yield Batch(tuple(videos.frames(chunk)), given, {i: pending[i] for i in chunk})


def _results(event: Event[Batch], pool: Pool[Batch]) -> list[Result]:
    if event.kind == "item":
        found: list[Result] = event.message
        return found
    if event.kind == "failed" and event.error is not None:
        raise event.error
    if event.kind == "died":
        if len(event.task.frames) > 1:
            for single in event.task.singles():
                pool.again(single)
        else:
            frame = event.task.frames[0]
            reason = str(event.error)
            return [Result(frame.id, name, None, reason) for name in event.task.wanted[frame.id]]
    return []
