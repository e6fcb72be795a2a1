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
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, Protocol, TypeVar

from curation.errors import CurationError

log = logging.getLogger(__name__)
T = TypeVar("T")


class Handler(Protocol):
    """What runs in a worker: called once per task, yields messages, may keep models between."""

    def __call__(self, task: Any) -> Iterator[Any]:
        """Yield what the driver should get for a task."""


@dataclass(frozen=True, slots=True)
class Event(Generic[T]):
    """What the driver hears.

    Attributes:
        kind: "item" (message holds it), "done", "failed" (error says why) or
            "died" (the worker process ended; error says how).
    """

    kind: str
    task: T
    message: Any = None
    error: CurationError | None = None


class _Worker:
    def __init__(self, make: Callable[[], Handler]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, make), daemon=True)
        self.process.start()
        theirs.close()
        self.task: Any = None
        self.busy = False

    def give(self, task: Any) -> bool:
        """Hand a task over; False when the process has died while it was idle."""
        try:
            self.pipe.send(task)
        except OSError:
            return False
        self.task, self.busy = task, True
        return True

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
    """

    def __init__(self, make: Callable[[], Handler], workers: int) -> None:
        self._make = make
        self._size = max(1, workers)
        self._workers: list[_Worker] = []
        self._urgent: deque[T] = deque()

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

    def kill(self) -> None:
        """End all workers at once, from any thread; a run that waits for one hears that it died."""
        for worker in list(self._workers):
            worker.process.kill()

    def run(self, tasks: Iterable[T]) -> Iterator[Event[T]]:
        """Yield events until every task is done, has failed, or has killed its worker."""
        source = iter(tasks)
        drained = False
        while True:
            while (idle := self._idle()) is not None:
                task = self._urgent.popleft() if self._urgent else next(source, None)
                if task is None:
                    drained = True
                    break
                if not idle.give(task):
                    self._drop(idle)
                    self._urgent.appendleft(task)
            busy = [worker for worker in self._workers if worker.busy]
            if not busy:
                if drained and not self._urgent:
                    return
                continue
            by_pipe: dict[Any, _Worker] = {worker.pipe: worker for worker in busy}
            for pipe in wait(list(by_pipe)):
                yield self._hear(by_pipe[pipe])

    def _idle(self) -> _Worker | None:
        for worker in self._workers:
            if not worker.busy:
                return worker
        if len(self._workers) < self._size:
            self._workers.append(_Worker(self._make))
            return self._workers[-1]
        return None

    def _drop(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.stop()

    def _hear(self, worker: _Worker) -> Event[T]:
        try:
            kind, message = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(timeout=5)
            self._drop(worker)
            return Event("died", worker.task, error=_death(worker.process.exitcode))
        if kind in ("done", "failed"):
            worker.busy = False
        if kind == "failed":
            return Event(kind, worker.task, error=message)
        return Event(kind, worker.task, message)


def _death(code: int | None) -> CurationError:
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        return CurationError(f"its worker process was ended by {name}")
    return CurationError(f"its worker process ended with code {code}")


def _work(pipe: Connection, make: Callable[[], Handler]) -> None:
    """Serve tasks until the driver closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent()
    handler: Handler | None = None
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            close = getattr(handler, "close", None)
            if close is not None:
                close()
            return
        try:
            handler = handler or make()
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
