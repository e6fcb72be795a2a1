"""Models over what is extracted, on all nodes of a Ray cluster, by Ray Data.

A row of the data set is a batch of frames: where their pictures lie and what is known of them,
never pixels. Actors load the models once and read the pictures themselves, so all nodes must see
the datastore's folder. One writer, here, stores what comes back.

On cores a batch is measured as `engine.measure` measures it: the same frames at once, the same
numbers. On a GPU several batches go at once: the same numbers within what its arithmetic allows.

Ray Data would try a batch that ends its worker for ever. So an actor has a supervised process of
its own, as local workers are: a frame that ends that one costs itself. What Ray tries again, a few
times, is the work of a node that went away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from curation.engine import limits, triage
from curation.engine.face_crops import FaceCrops
from curation.engine.measure import (
    BATCH,
    Batch,
    StepRunner,
    answers,
    batches,
    fingerprints,
    measuring_s,
)
from curation.engine.meter import Meter
from curation.engine.pool import Pool
from curation.engine.ray_engine import INSTALL, cluster, main_forgotten
from curation.errors import StepUnavailable, StoreError
from curation.records import Progress, Result
from curation.registry import make_steps
from curation.store.catalogue import FILE_NAME, Catalogue
from curation.store.proxies import ProxyPacks
from curation.store.signals import SignalTable

if TYPE_CHECKING:
    from curation.params import MeasureParams
    from curation.steps.base import Step

WAVE = 4096
"""Batches that are given to Ray at once: what is known of their frames is held in its memory."""
TOGETHER_CPU, TOGETHER_GPU = 4, 8
"""Batches in one call of an actor."""
MOST_LOSSES = 3
UNANSWERED = "no node of the cluster answered; type it again"
Runner = type["Measurer"]


@dataclass(frozen=True, slots=True)
class Question:
    """What every actor is told.

    Attributes:
        root: the datastore, as every node sees it.
        prints: fingerprints of the steps, which a node with other models or versions lacks.
    """

    root: Path
    params: MeasureParams
    names: tuple[str, ...]
    prints: Mapping[str, str]
    gpu: bool = False


class Together(StepRunner):
    """Measures many frames at once, as a GPU likes it."""

    def __call__(
        self, task: Batch, at_once: int = TOGETHER_GPU * BATCH
    ) -> Iterator[list[Result] | FaceCrops]:
        """Yield the results of a batch."""
        yield from super().__call__(task, at_once)


class Measurer:
    """An actor: a supervised process with the models, for as long as the actor lives.

    Attributes:
        handler: what runs in that process.

    Raises:
        StoreError: this node does not see the datastore, or has other models or versions.
    """

    handler: ClassVar[type[StepRunner]] = StepRunner

    def __init__(self, question: Question) -> None:
        root = question.root
        if not (root / FILE_NAME).is_file():
            raise StoreError(f"a node of the cluster does not see {root}")
        here = fingerprints(make_steps(question.params, question.names))
        unlike = [name for name, key in question.prints.items() if here.get(name) != key]
        if unlike:
            raise StoreError(
                "a node of the cluster has other versions or models: steps " + ", ".join(unlike)
            )
        self.gpu = question.gpu
        handler = Together if self.gpu else self.handler
        self.pool = Pool[Batch](
            partial(handler, question.params, question.names), 1, limits.measuring(measuring_s)
        )

    def __call__(self, rows: Mapping[str, Any]) -> dict[str, Any]:
        """Return one row with all that a worker of this machine would have told of these."""
        tasks: list[Batch] = list(rows["batch"])
        told: list[Any] = []
        answered: set[int] = set()
        with main_forgotten():
            for event in self.pool.run([joined(tasks)] if self.gpu else tasks):
                if isinstance(event.message, FaceCrops):
                    told.append(event.message)
                elif results := answers(event, self.pool, answered):
                    answered |= {result.frame_id for result in results}
                    told.append(results)
        row = np.empty(1, object)
        row[0] = told
        return {"told": row}


def joined(tasks: Sequence[Batch]) -> Batch:
    """Return several batches as one."""
    return Batch(
        tuple(frame for task in tasks for frame in task.frames),
        {i: known for task in tasks for i, known in task.given.items()},
        {i: names for task in tasks for i, names in task.wanted.items()},
        frozenset(i for task in tasks for i in task.small),
    )


def measure(
    catalogue: Catalogue, params: MeasureParams, names: Sequence[str] | None = None,
    address: str = "", gpu_share: float = 1.0, runner: Runner = Measurer,
) -> Iterator[Progress]:  # fmt: skip
    """Answer the questions of some steps about all frames, on a cluster.

    Where nodes have GPUs, only these are used. The summary has measured, failed, left_out.

    Args:
        names: these steps and what they need; None means all.
        address: of the cluster; "" starts Ray on this machine for as long as this takes.
        gpu_share: of a GPU that a worker takes; 0.25 puts four on one, 0 uses cores only.
        runner: what runs on a node, in place of `Measurer`.

    Raises:
        StepUnavailable: Ray or what Ray Data needs is not installed.
        WeightsMissing: a model is not on this machine.
        StoreError: there is no such cluster, its nodes do not see the datastore, or they have
            other versions or models.
    """
    steps = make_steps(params, names)
    table, prints = SignalTable(catalogue), fingerprints(steps)
    runs = {step.name: table.register(step, prints[step.name]) for step in steps}
    left_out = yield from triage.left_out(catalogue, params)
    pending = {i: open_ for i, open_ in table.pending(runs) if i not in left_out}
    meter = Meter("measure", len(pending))
    failed = 0
    if pending:
        yield meter.beat(note="asking the cluster")
        chosen = tuple(step.name for step in steps)
        question = Question(catalogue.root.resolve(), params, chosen, prints)
        with cluster(address) as ray:
            driver = _Driver(ray, question, gpu_share, runner)
            keeper = _Keeper(catalogue, table, runs, steps)
            todo = batches(catalogue, table, steps, pending)
            unheard = dict.fromkeys(pending)
            while wave := list(islice(todo, WAVE)):
                for results in driver.run(wave, keeper):
                    wrong = {r.frame_id: f"{r.step}: {r.error}" for r in results if r.error}
                    failed += len(wrong)
                    for frame_id, said in wrong.items():
                        yield meter.beat(failed=(f"frame {frame_id}", said))
                    found = {result.frame_id for result in results}
                    for frame_id in found:
                        unheard.pop(frame_id, None)
                    yield meter.beat(len(found))
            failed += len(unheard)
            for frame_id in unheard:
                yield meter.beat(failed=(f"frame {frame_id}", UNANSWERED))
    told = {"measured": len(pending), "failed": failed, "left_out": len(left_out)}
    yield meter.beat(summary=told)


@dataclass(frozen=True, slots=True)
class _Keeper:
    """The one writer."""

    catalogue: Catalogue
    table: SignalTable
    runs: Mapping[str, int]
    steps: Sequence[Step]

    def put(self, results: Sequence[Result]) -> None:
        self.table.put(results, self.runs, self.steps)

    def put_faces(self, found: Sequence[tuple[int, Any]], owners: Mapping[int, int]) -> None:
        by_video: dict[int, list[tuple[int, Any]]] = {}
        for frame_id, proxy in found:
            by_video.setdefault(owners[frame_id], []).append((frame_id, proxy))
        packs = ProxyPacks(self.catalogue)
        for video_id, mine in by_video.items():
            packs.put(video_id, mine)


class _Driver:
    """Sends batches round and stores what comes back."""

    def __init__(self, ray: Any, question: Question, share: float, runner: Runner) -> None:
        try:
            from ray.data import ActorPoolStrategy, DataContext
        except ImportError as error:
            raise StepUnavailable(f"Ray Data needs {error.name}", INSTALL) from error
        self.ray, self.share, self.runner = ray, share, runner
        self.pool, self.context = ActorPoolStrategy, DataContext.get_current()
        have = ray.cluster_resources()
        gpus = int(have.get("GPU", 0) / share) if share else 0
        self.question = replace(question, gpu=gpus > 0)
        self.actors = gpus or max(1, int(have.get("CPU", 1)))

    def run(self, wave: Sequence[Batch], keeper: _Keeper) -> Iterator[list[Result]]:
        """Yield results, stored; frames whose nodes went away too often are silently left."""
        owners = {frame.id: frame.video_id for task in wave for frame in task.frames}
        together = TOGETHER_GPU if self.question.gpu else TOGETHER_CPU
        blocks = -(-len(wave) // together)
        context = self.context
        before = context.max_errored_blocks, context.enable_progress_bars
        context.max_errored_blocks, context.enable_progress_bars = -1, False
        try:
            rows = self.ray.data.from_items(
                [{"batch": task} for task in wave], override_num_blocks=blocks
            )
            asked = rows.map_batches(
                self.runner, fn_constructor_args=[self.question], batch_size=together,
                compute=self.pool(size=min(self.actors, blocks)), num_cpus=1,
                num_gpus=self.share if self.question.gpu else None,
                max_task_retries=MOST_LOSSES,  # Ray starts lost actors again by itself
            )  # fmt: skip
            for row in asked.iter_rows():
                for message in row["told"]:
                    if isinstance(message, FaceCrops):
                        keeper.put_faces(message.found, owners)
                    else:
                        keeper.put(message)
                        yield message
        except self.ray.exceptions.RayError as error:
            raise _said(error) from error
        finally:
            context.max_errored_blocks, context.enable_progress_bars = before


def _said(error: BaseException) -> Exception:
    """Return the reason of a node in its own words."""
    seen: Iterable[str] = str(error).splitlines()
    for line in reversed(list(seen)):
        _, found, rest = line.partition("StoreError: ")
        if found:
            return StoreError(rest, "one image, and one path of the datastore, on all nodes")
    return StoreError(f"the cluster gave up: {str(error).splitlines()[-1][:300]}")
