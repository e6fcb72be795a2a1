"""The same work on all nodes of a Ray cluster: one task for a video, or for some short ones.

Nothing is left to Ray's own retries. A task that ends with its node is done again elsewhere and
nobody is blamed; one that ends its worker is done once more, each video alone on a node, and then
quarantined. Pictures never travel through Ray: a task puts its parts where all nodes see them.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from curation.engine.meter import Meter
from curation.engine.part_store import open_store
from curation.engine.parts import Settings, write_part
from curation.engine.scratch import scratch_root
from curation.engine.shards import Job, Shelf, Tally, groups, poisoned, produce
from curation.errors import CurationError, StepUnavailable, StoreError
from curation.records import Progress

AHEAD = 2
"""Tasks in flight for each core: the next one waits on its node, a lost driver loses few."""
MOST_LOSSES, MOST_TROUBLES = 5, 3
RECYCLED = 50
"""Tasks after which Ray replaces a worker process: what leaks is bounded."""
STARTS = 3
"""How often Ray is started here before it is said that it cannot be; it gives itself 30 s."""
SETTLE_S = 30.0
"""How long to wait for word that a node is gone before a video is blamed for good."""
INSTALL = "pip install -r requirements-ray.txt"
Task = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Attempt:
    """Some jobs on their way.

    Attributes:
        deaths: how often they ended a worker, alone from the first time on.
        losses: how often their node went away under them.
        troubles: how often a node could not do anything with them: no room, no such file.
        gone: nodes that were gone when they were given out.
    """

    jobs: tuple[Job, ...]
    deaths: int = 0
    losses: int = 0
    troubles: int = 0
    gone: frozenset[str] = frozenset()


def work(
    jobs: Sequence[Job], shelf: Shelf, address: str, scratch: Path | None,
    retry_quarantined: bool = False, task: Task | None = None,
) -> Iterator[Progress]:  # fmt: skip
    """Do jobs on a cluster; the summary is a Tally.

    Args:
        address: "" starts Ray on this machine for as long as this takes.
        scratch: folder that every node has; None is TMPDIR of each.
        task: what runs on a node, in place of `produce_remotely`.

    Raises:
        StepUnavailable: Ray is not installed.
        StoreError: there is no such cluster, or its nodes have other versions or models.
    """
    todo = [job for job in jobs if not shelf.is_done(job, retry_quarantined)]
    tally = Tally(skipped=len(jobs) - len(todo))
    meter = Meter("work", len(jobs), "videos", tally.skipped)
    if todo:
        yield meter.beat(note="asking the cluster")
        with cluster(address) as ray:
            driver = _Driver(ray, shelf, scratch, tally, meter, task or produce_remotely)
            yield from driver.run(todo)
    yield meter.beat(summary=asdict(tally))


@contextmanager
def cluster(address: str) -> Iterator[Any]:
    """Yield Ray, connected; a cluster that was made here ends here."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    try:
        import ray
    except ImportError as error:
        raise StepUnavailable("--engine ray needs Ray, which is not installed", INSTALL) from error
    if ray.is_initialized():
        yield ray
        return
    _connect(ray, address)
    try:
        yield ray
    finally:
        ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    """Connect to a cluster; one that begins here may be slow to, on a busy machine."""
    options: dict[str, Any] = {} if address else {"include_dashboard": False}
    for left in range(0 if address else STARTS - 1, -1, -1):
        try:
            ray.init(
                address or "local", log_to_driver=False, logging_level=logging.ERROR, **options
            )
            return
        except Exception as error:  # Ray says plain Exception when its own processes are late
            ray.shutdown()
            if left and not isinstance(error, ValueError):
                continue
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise StoreError(
                f"no Ray cluster at {address or 'this machine'}: {said}",
                "ray start --head, then --address auto; or without --address",
            ) from error


@dataclass
class _Driver:
    """Gives attempts out, a bounded number at a time, and decides about each that comes back."""

    ray: Any
    shelf: Shelf
    scratch: Path | None
    tally: Tally
    meter: Meter
    task: Task
    queue: deque[Attempt] = field(default_factory=deque)
    alone: deque[Attempt] = field(default_factory=deque)
    flying: dict[Any, Attempt] = field(default_factory=dict)
    remote: Any = None

    def run(self, todo: Sequence[Job]) -> Iterator[Progress]:
        """Yield beats until every job is done, has failed or is quarantined."""
        make = self.ray.remote(num_cpus=1, max_retries=0, max_calls=RECYCLED)
        self.remote = make(self.task)
        slots = max(1, int(self._cores()))
        self.queue.extend(Attempt(group) for group in groups(todo, 1, slots))
        try:
            while self.queue or self.alone or self.flying:
                self._give_out()
                ready, _ = self.ray.wait(list(self.flying), num_returns=1, timeout=10.0)
                for ref in ready:
                    yield from self._hear(ref, self.flying.pop(ref))
        finally:
            for ref in self.flying:
                with suppress(Exception):
                    self.ray.cancel(ref, force=True)

    def _cores(self) -> float:
        return float(self.ray.cluster_resources().get("CPU", 1))

    def _give_out(self) -> None:
        """Give out what the cluster has room for; who is to be alone comes after all others."""
        gone = self._gone()
        while self.queue and len(self.flying) < AHEAD * max(1.0, self._cores()):
            self._submit(replace(self.queue.popleft(), gone=gone), 1)
        if not self.flying and not self.queue and self.alone:
            nodes = [n["Resources"].get("CPU", 0) for n in self.ray.nodes() if n["Alive"]]
            for _ in range(min(len(self.alone), max(1, len(nodes)))):
                whole = max(1, int(min((n for n in nodes if n >= 1), default=1)))
                self._submit(replace(self.alone.popleft(), gone=gone), whole)

    def _submit(self, attempt: Attempt, cores: int) -> None:
        ids = {i for job in attempt.jobs for i in self.shelf.aliases.get(job.alias, ())}
        told = {
            "jobs": [{**asdict(job), "path": str(job.path)} for job in attempt.jobs],
            "settings": self.shelf.settings.to_dict(),
            "place": self.shelf.store.place,
            "scratch": None if self.scratch is None else str(self.scratch),
            "parts": {i: self.shelf.parts[i] for i in ids if i in self.shelf.parts},
        }
        self.flying[self.remote.options(num_cpus=cores).remote(told)] = attempt

    def _gone(self) -> frozenset[str]:
        return frozenset(node["NodeID"] for node in self.ray.nodes() if not node["Alive"])

    def _hear(self, ref: Any, attempt: Attempt) -> Iterator[Progress]:
        """Take note of what became of an attempt."""
        from ray.exceptions import RayError, RayTaskError

        try:
            told: Mapping[str, Any] = self.ray.get(ref)
        except RayTaskError as error:
            yield from self._trouble(attempt, error)
        except RayError as error:
            yield from self._ended(attempt, error)
        else:
            if "unlike" in told:
                raise StoreError(
                    "a node of the cluster has other versions or models:"
                    f" {'; '.join(told['unlike'][:4])}",
                    "use one image, or one environment, on all nodes",
                )
            self.tally.add(dict(told["tally"]))
            for item, reason in told["tally"]["failed"].items():
                yield self.meter.beat(failed=(item, reason))
            yield self.meter.beat(len(attempt.jobs), note=attempt.jobs[0].path.name)

    def _trouble(self, attempt: Attempt, error: Exception) -> Iterator[Progress]:
        """Try somewhere else what a node could not do; it says nothing about the videos."""
        cause = getattr(error, "cause", None) or error
        if isinstance(cause, CurationError) and type(cause).__name__ == "WeightsMissing":
            raise cause
        if attempt.troubles + 1 < MOST_TROUBLES:
            self.queue.append(replace(attempt, troubles=attempt.troubles + 1))
            return
        said = cause.message if isinstance(cause, CurationError) else _line(cause)
        for job in attempt.jobs:
            self.tally.failed[job.source] = said
            yield self.meter.beat(1, failed=(str(job.path), said))

    def _ended(self, attempt: Attempt, error: Exception) -> Iterator[Progress]:
        """Decide whether a worker's end is blamed on its node or on its videos."""
        if self._node_went(attempt, error):
            if attempt.losses + 1 < MOST_LOSSES:
                self.queue.append(replace(attempt, losses=attempt.losses + 1))
                return
            for job in attempt.jobs:
                said = f"{MOST_LOSSES} nodes went away under it"
                self.tally.failed[job.source] = said
                yield self.meter.beat(1, failed=(str(job.path), said))
        elif not attempt.deaths:
            self.alone.extend(Attempt((job,), 1, attempt.losses) for job in attempt.jobs)
        else:
            (job,) = attempt.jobs
            yield self._quarantine(job, _line(error))

    def _node_went(self, attempt: Attempt, error: Exception) -> bool:
        if type(error).__name__ in ("NodeDiedError", "LocalRayletDiedError"):
            return True
        until = time.monotonic() + (SETTLE_S if attempt.deaths else 1.0)
        while not (went := self._gone() - attempt.gone) and time.monotonic() < until:
            time.sleep(0.5)
        return bool(went)

    def _quarantine(self, job: Job, reason: str) -> Progress:
        """Make a part that says that a video ends every worker."""
        manifest = poisoned(job, self.shelf.digest, reason)
        file = self.shelf.scratch / f"{manifest.id}.zip"
        write_part(file, manifest, None, None, self.shelf.settings, {})
        self.shelf.put(file, manifest, [job])
        file.unlink()
        self.tally.parts += 1
        self.tally.failed[job.source] = str(manifest.failure)
        return self.meter.beat(1, failed=(str(job.path), str(manifest.failure)))


def _line(error: BaseException) -> str:
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0][:200]}" if said else type(error).__name__


# -- on a node -------------------------------------------------------------------------------------


def produce_remotely(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """Make the parts of some jobs; what a Ray task runs.

    Returns:
        `tally`, or `unlike`: how this node differs from who gave the task out.

    Raises:
        StoreError: this node does not see the videos, or the place of parts.
        NoSpace: its disk is full.
    """
    wanted = Settings.read(told["settings"])
    here = Settings.here(wanted.params)
    if here.digest != wanted.digest:
        return {"unlike": wanted.unlike(here)}
    jobs = [Job(**{**job, "path": Path(job["path"])}) for job in told["jobs"]]
    for job in jobs:
        job.check()
    root = scratch_root(None if told["scratch"] is None else Path(told["scratch"]))
    shelf = Shelf(open_store(told["place"]), wanted, root, listing=False)
    shelf.parts.update(told["parts"])
    tally: dict[str, Any] = asdict(Tally())
    with main_forgotten():
        for beat in produce(jobs, shelf, root, 1):
            tally = dict(beat.summary) if beat.summary is not None else tally
    return {"tally": tally}


@contextmanager
def main_forgotten() -> Iterator[None]:
    """Let processes that are spawned here not import the main module: Ray's worker, a second."""
    main = sys.modules["__main__"]
    path = main.__dict__.pop("__file__", None)
    try:
        yield
    finally:
        if path is not None:
            main.__dict__["__file__"] = path
