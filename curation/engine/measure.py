"""Driving the steps over all frames that have something left to answer."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, islice

from curation import weights
from curation.engine import limits, triage
from curation.engine.batch import run_frames
from curation.engine.face_crops import FaceCrops, face_crops
from curation.engine.machine import keep_memory, pick_workers, single_threaded
from curation.engine.meter import Meter
from curation.engine.pool import Event, Pool, is_poison
from curation.params import MeasureParams
from curation.records import Frame, Measured, Progress, Result
from curation.registry import make_steps
from curation.steps.base import RgbImage, Step, fingerprint
from curation.store.catalogue import Catalogue
from curation.store.proxies import ProxyPacks
from curation.store.signals import SignalTable
from curation.store.videos import VideoTable

BATCH = 8
RUN = 128
"""Frames without a file that one worker gets at once: their video is decoded from the keyframe
before the first of them, so a few would cost as much decoding as many."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Frames on their way to a worker, with what is known and what is wanted of each.

    Attributes:
        small: frames that are not kept at full size: their main face is.
        deaths: how often a worker ended over this very frame.
    """

    frames: tuple[Frame, ...]
    given: Mapping[int, Mapping[str, Measured]]
    wanted: Mapping[int, tuple[str, ...]]
    small: frozenset[int] = frozenset()
    deaths: int = 0

    def singles(self, answered: Collection[int] = ()) -> Iterator[Batch]:
        """Yield one batch per frame not answered yet, to find the one that kills its worker."""
        for frame in self.frames:
            if frame.id in answered:
                continue
            yield Batch(
                (frame,), {frame.id: self.given[frame.id]}, {frame.id: self.wanted[frame.id]},
                self.small,
            )  # fmt: skip


def measuring_s(task: Batch) -> float:
    """Return the seconds that a batch may take."""
    seconds = limits.pictures_s((frame.width, frame.height) for frame in task.frames)
    source = task.frames[0].source
    if source is not None and not task.frames[0].path.is_file():
        info = source.info
        seconds += limits.extracting_s(info.n_frames, info.width, info.height, info.size_bytes)
    return seconds


class StepRunner:
    """The worker's side: steps set up once, then batches."""

    def __init__(self, params: MeasureParams, names: Sequence[str]) -> None:
        single_threaded()
        keep_memory()
        self.steps = make_steps(params, names)
        for step in self.steps:
            step.setup()

    def __call__(self, task: Batch, at_once: int = BATCH) -> Iterator[list[Result] | FaceCrops]:
        """Yield the results of a batch, some frames at a time."""
        for low in range(0, len(task.frames), at_once):
            part = task.frames[low : low + at_once]
            pictures: dict[int, RgbImage | None] = dict.fromkeys(
                frame.id for frame in part if frame.id in task.small
            )
            results = run_frames(self.steps, part, task.given, task.wanted, pictures)
            # Crops first: a run that is killed between the two asks these frames again, while one
            # that had the answers alone would leave them without their faces for ever.
            if pictures and (crops := face_crops(results, pictures)).found:
                yield crops
            yield results

    def close(self) -> None:
        """Let go of all models."""
        for step in self.steps:
            step.close()


def fingerprints(steps: Sequence[Step], installed: bool = True) -> dict[str, str]:
    """Return the cache key of each step; WeightsMissing when a model file is absent.

    Args:
        installed: False for who will not run them: the files need not be here.
    """
    found: dict[str, str] = {}
    for step in steps:
        names = step.weight_names()
        for name in names if installed else ():
            weights.path_of(name)
        found[step.name] = fingerprint(
            step, found, {name: weights.digest_of(name) for name in names}
        )
    return found


def measure(
    catalogue: Catalogue, params: MeasureParams, retry_failed: bool = False,
    only: Collection[int] | None = None, names: Sequence[str] | None = None,
) -> Iterator[Progress]:  # fmt: skip
    """Answer every question that these steps and parameters leave open.

    Missing weights stop it before the first frame. A frame that cannot be measured becomes a row
    with an error, also when it kills the worker process.

    Args:
        only: these frames; None means all.
        names: these steps and what they need; None means all.

    Raises:
        WeightsMissing: naming the file and the command that fetches it.
    """
    steps = make_steps(params, names)
    table = SignalTable(catalogue)
    runs = {
        name: table.register(step, key)
        for (name, key), step in zip(fingerprints(steps).items(), steps, strict=True)
    }
    left_out = yield from triage.left_out(catalogue, params)
    pending = {
        frame_id: names
        for frame_id, names in table.pending(runs, retry_failed)
        if frame_id not in left_out and (only is None or frame_id in only)
    }
    meter = Meter("measure", len(pending))
    failed = 0
    answered: set[int] = set()
    proxies = ProxyPacks(catalogue)
    if pending:
        names = [step.name for step in steps]
        size = pick_workers(params.workers, -(-len(pending) // (4 * BATCH)))
        yield meter.beat(note=f"loading models in {size} process{'es' if size > 1 else ''}")
        most = limits.measuring(measuring_s)
        with Pool[Batch](partial(StepRunner, params, names), size, most) as pool:
            for event in pool.run(batches(catalogue, table, steps, pending)):
                if isinstance(event.message, FaceCrops):
                    proxies.put(event.task.frames[0].video_id, event.message.found)
                    continue
                results = answers(event, pool, answered)
                if not results:
                    continue
                table.put(results, runs, steps)
                measured = {result.frame_id for result in results}
                answered |= measured
                wrong = {r.frame_id: f"{r.step}: {r.error}" for r in results if r.error}
                for frame in event.task.frames:
                    if frame.id in wrong:
                        failed += 1
                        item = f"{frame.path.name} ({frame.key})"
                        yield meter.beat(failed=(item, wrong[frame.id]))
                yield meter.beat(len(measured))
    told = {"measured": len(pending), "failed": failed, "left_out": len(left_out)}
    yield meter.beat(summary=told)


def batches(
    catalogue: Catalogue,
    table: SignalTable,
    steps: Sequence[Step],
    pending: Mapping[int, tuple[str, ...]],
) -> Iterator[Batch]:
    """Yield frames in batches that are the same on every machine, with what is known of each.

    Args:
        pending: frame id -> steps that have not answered, the frames of a video together.
    """
    videos, proxies = VideoTable(catalogue), ProxyPacks(catalogue)
    for chunk in _chunks(videos, iter(pending)):
        given = table.measured(chunk, steps)
        for frame_id in chunk:
            for name in pending[frame_id]:
                given[frame_id].pop(name, None)
        for frames in _runs(list(videos.frames(chunk))):
            ids_of = [frame.id for frame in frames]
            yield Batch(
                frames, {i: given[i] for i in ids_of}, {i: pending[i] for i in ids_of},
                frozenset(proxies.having(ids_of)),
            )  # fmt: skip


def _chunks(videos: VideoTable, ids: Iterator[int]) -> Iterator[list[int]]:
    """Yield frames as they come, those of one video at most RUN together.

    The last bits of a network's numbers hang on which frames it sees at once. So the batches of
    each video begin with its first frame: they are the same whatever it is measured beside.
    """
    held: list[int] = []
    owner = None
    while some := list(islice(ids, RUN)):
        owners = videos.owners(some)
        for frame_id in some:
            if held and (owners[frame_id] != owner or len(held) == RUN):
                yield held
                held = []
            owner = owners[frame_id]
            held.append(frame_id)
    if held:
        yield held


def _runs(frames: Sequence[Frame]) -> Iterator[tuple[Frame, ...]]:
    """Yield frames in the batches that workers get: all of one video that have no file together."""
    there = {frame.id: frame.source is None or frame.path.is_file() for frame in frames}
    for (_, has_file), group in groupby(frames, lambda f: (f.video_id, there[f.id])):
        run = tuple(group)
        size = BATCH if has_file else len(run)
        for low in range(0, len(run), size):
            yield run[low : low + size]


def answers(
    event: Event[Batch], pool: Pool[Batch], answered: Collection[int]
) -> list[Result]:
    """Return what a worker found; frames of one that ended go round again, alone in the end.

    Raises:
        CurationError: the worker could not do anything, such as load its models.
    """
    if event.kind == "item":
        found: list[Result] = event.message
        return found
    if is_poison(event):
        if len(event.task.frames) > 1:
            for single in event.task.singles(answered):
                pool.again(single)
        elif not event.task.deaths:
            # Once more with nobody beside it: it may have been another who took the memory.
            pool.alone(replace(event.task, deaths=1))
        else:
            frame = event.task.frames[0]
            reason = str(event.error)
            return [Result(frame.id, name, None, reason) for name in event.task.wanted[frame.id]]
    elif event.kind == "failed" and event.error is not None:
        raise event.error
    return []
