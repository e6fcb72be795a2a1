"""A supervised pool of worker processes: one item that kills its worker costs that item alone."""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, Protocol, TypeVar

from curation.engine.limits import Limits, OverLimit, held, pulse, share_pulse
from curation.engine.machine import THREAD_SETTINGS
from curation.errors import CurationError

log = logging.getLogger(__name__)
T = TypeVar("T")
WATCH_S = 1.0
CLOCK_SHARE = 4.0
"""How many seconds by the clock a task has for each that it has of the processor: others compute
beside it, and what waits for ever ends by its silence."""


class Handler(Protocol):
    """What runs in a worker: called once per task, yields messages, may keep models between."""

    def __call__(self, task: Any) -> Iterator[Any]:
        """Yield what the driver should get for a task."""


@dataclass(frozen=True, slots=True)
class Event(Generic[T]):
    """What the driver hears.

    Attributes:
        kind: "item" (message holds it), "done", "failed" (error says why) or
            "died" (the worker process ended, or had to be; error says how).
    """

    kind: str
    task: T
    message: Any = None
    error: CurationError | None = None


def is_poison(event: Event[Any]) -> bool:
    """Return whether a task ended its worker, or was stopped before it did."""
    return event.kind == "died" or isinstance(event.error, OverLimit)


@contextmanager
def _for_workers() -> Iterator[None]:
    """Set what numeric libraries read when they are loaded, which is before a handler is made."""
    lacking = [name for name in THREAD_SETTINGS if name not in os.environ]
    os.environ.update(dict.fromkeys(lacking, "1"))
    try:
        yield
    finally:
        for name in lacking:
            os.environ.pop(name, None)


class _Worker:
    def __init__(self, make: Callable[[], Handler], limits: Limits) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.limits = limits
        self.beats: Any = context.RawValue("Q", 0)
        self.process = context.Process(
            target=_work,
            args=(theirs, make, replace(limits, time_s=None), self.beats),
            daemon=True,
        )
        with _for_workers():
            self.process.start()
        theirs.close()
        self.task: Any = None
        self.busy = False
        self.over: OverLimit | None = None

    def give(self, task: Any) -> bool:
        """Hand a task over; False when the process has died while it was idle."""
        seconds = self.limits.time_s(task) if self.limits.time_s is not None else None
        try:
            self.pipe.send((task, seconds))
        except OSError:
            return False
        self.task, self.busy, self.seconds = task, True, seconds
        self.begun = self.heard = time.monotonic()
        self.seen = self.beats.value
        return True

    def watch(self) -> None:
        """End the process when its task takes too long, or has shown no progress for too long."""
        now = time.monotonic()
        if self.beats.value != self.seen:
            self.seen, self.heard = self.beats.value, now
        silence = self.limits.silence_s
        if silence is not None and now - self.heard > silence:
            self._end(f"it made no progress for {silence:.0f} s")
        elif self.seconds is not None and now - self.begun > CLOCK_SHARE * self.seconds:
            self._end(f"it took longer than {CLOCK_SHARE * self.seconds:.0f} s")

    def _end(self, why: str) -> None:
        self.over = self.over or OverLimit(why)
        self.process.kill()

    def stop(self) -> None:
        self.pipe.close()
        self.process.join(timeout=2)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


class Pool(Generic[T]):
    """Worker processes that are replaced when they die and never outlive the driver.

    Args:
        make: builds the handler inside each worker; importable by name, or a partial of such.
        workers: number of processes.
        limits: what each task may cost; one that needs more dies.
    """

    def __init__(
        self, make: Callable[[], Handler], workers: int, limits: Limits | None = None
    ) -> None:
        self._make = make
        self._limits = limits or Limits()
        self._size = max(1, workers)
        self._workers: list[_Worker] = []
        self._urgent: deque[T] = deque()
        self._alone: deque[T] = deque()
        self._lonely = False

    def __enter__(self) -> Pool[T]:
        """Return the pool; processes start with the first task."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.stop()
        self._workers.clear()

    def again(self, task: T) -> None:
        """Put a task before all others; for one whose worker died."""
        self._urgent.append(task)

    def alone(self, task: T) -> None:
        """Put a task after all others, with no other beside it and in a new process.

        For one whose worker died: whoever it was that took the memory or the time, it is not
        another task now.
        """
        self._alone.append(task)

    def kill(self) -> None:
        """End all workers at once, from any thread; a run that waits for one hears that it died."""
        for worker in list(self._workers):
            worker.process.kill()

    def run(self, tasks: Iterable[T]) -> Iterator[Event[T]]:
        """Yield events until every task is done, has failed, or has killed its worker."""
        source = iter(tasks)
        while True:
            busy = self._busy()
            self._lonely = self._lonely and bool(busy)
            while len(busy) < self._size and (task := self._next(source, bool(busy))) is not None:
                worker = self._idle()
                if not worker.give(task):
                    self._drop(worker)
                    self._urgent.appendleft(task)
                busy = self._busy()
            if not busy:
                return
            by_pipe: dict[Any, _Worker] = {worker.pipe: worker for worker in busy}
            ready = wait(list(by_pipe), WATCH_S if self._limits != Limits() else None)
            for pipe in ready:
                yield self._hear(by_pipe[pipe])
            for pipe, worker in by_pipe.items():
                # Who has said something may have waited for us, not we for him.
                if pipe not in ready and worker.busy:
                    worker.watch()

    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.busy]

    def _next(self, source: Iterator[T], busy: bool) -> T | None:
        """Return the task that may be given out now, None when there is none."""
        if self._lonely:
            return None
        task = self._urgent.popleft() if self._urgent else next(source, None)
        if task is None and self._alone and not busy:
            self.__exit__()
            self._lonely = True
            task = self._alone.popleft()
        return task

    def _idle(self) -> _Worker:
        for worker in self._workers:
            if not worker.busy:
                return worker
        self._workers.append(_Worker(self._make, self._limits))
        return self._workers[-1]

    def _drop(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.stop()

    def _hear(self, worker: _Worker) -> Event[T]:
        try:
            kind, message = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(timeout=5)
            self._drop(worker)
            error = worker.over or _death(worker.process.exitcode, worker.seconds)
            return Event("died", worker.task, error=error)
        worker.heard = time.monotonic()
        if kind in ("done", "failed"):
            worker.busy = False
        if kind == "failed":
            return Event(kind, worker.task, error=message)
        return Event(kind, worker.task, message)


def _death(code: int | None, seconds: float | None) -> CurationError:
    if code == -signal.SIGXCPU and seconds is not None:
        return OverLimit(f"it took more than {seconds:.0f} s of the processor")
    if code == -signal.SIGXCPU:
        return OverLimit("it took more of the processor than any honest one")
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        return CurationError(f"its worker process was ended by {name}")
    return CurationError(f"its worker process ended with code {code}")


def _work(pipe: Connection, make: Callable[[], Handler], limits: Limits, beats: Any) -> None:
    """Serve tasks until the driver closes the pipe."""
    share_pulse(beats)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent()
    handler: Handler | None = None
    while True:
        try:
            task, seconds = pipe.recv()
        except (EOFError, OSError):
            close = getattr(handler, "close", None)
            if close is not None:
                close()
            return
        try:
            handler = handler or make()
            pulse()
            with held(limits, seconds):
                for message in handler(task):
                    pipe.send(("item", message))
            answer: tuple[str, Any] = ("done", None)
        except BrokenPipeError:
            return
        except CurationError as error:
            answer = ("failed", error)
        except Exception as error:  # the driver decides what a failed task means
            log.debug("task failed", exc_info=True)
            answer = ("failed", CurationError(f"{type(error).__name__}: {error}"))
        try:
            pipe.send(answer)
        except OSError:
            return


def _die_with_parent() -> None:
    """End this process when the driver is gone, even by kill -9, so that no two runs write."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
