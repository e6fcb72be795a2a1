"""What one task may cost: each limit is broken by real work, and holds."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from curation.engine import limits
from curation.engine.limits import Limits, OverLimit
from curation.engine.pool import Event, Pool

MB = 1 << 20


class Handler:
    def __call__(self, task: str) -> Iterator[object]:
        word, _, value = task.partition(" ")
        if word == "memory":
            held = [bytes(MB) + b"x" for _ in range(int(value))]
            yield len(held)
        elif word == "compute":
            end = time.process_time() + float(value)
            while time.process_time() < end:
                limits.pulse()
        elif word == "sleep":
            time.sleep(float(value))
        elif word == "steps":
            for _ in range(int(value)):
                time.sleep(0.4)
                limits.pulse()
        elif word == "write":
            with Path(value).open("wb") as file:
                for _ in range(200):
                    file.write(bytes(MB))
        elif word == "crash":
            ctypes.string_at(0)
        yield os.getpid()


def outcome(event: Event[str]) -> tuple[str, str]:
    return event.kind, str(event.error or "")


def run(task: str, most: Limits | None) -> tuple[str, str]:
    with Pool[str](Handler, 1, most) as pool:
        *_, last = pool.run([task])
        return outcome(last)


def test_memory_without_end_is_refused() -> None:
    assert run("memory 400", Limits())[0] == "done"
    kind, said = run("memory 400", Limits(memory_bytes=200 * MB))
    assert kind == "failed" and said == "it needs more than 200 MB of memory"
    assert run("memory 100", Limits(memory_bytes=200 * MB))[0] == "done"


@pytest.fixture
def clockless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clock be, on a machine that is busy with other things."""
    monkeypatch.setattr("curation.engine.pool.CLOCK_SHARE", 1000.0)


@pytest.mark.usefixtures("clockless")
def test_a_task_that_computes_without_end_is_ended_by_the_system() -> None:
    assert run("compute 2", Limits())[0] == "done"
    kind, said = run("compute 30", Limits(time_s=lambda _: 1.0))
    assert kind == "died" and said == "it took more than 1 s of the processor"


@pytest.mark.usefixtures("clockless")
def test_each_task_has_its_own_time_of_the_processor() -> None:
    with Pool[str](Handler, 1, Limits(time_s=lambda _: 2.0)) as pool:
        events = list(pool.run(["compute 1"] * 4))
    assert [event.kind for event in events if event.kind != "item"] == ["done"] * 4


def test_a_task_that_waits_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curation.engine.pool.CLOCK_SHARE", 1.0)
    kind, said = run("sleep 600", Limits(time_s=lambda _: 1.0))
    assert kind == "died" and said == "it took longer than 1 s"


def driver_clock(monkeypatch: pytest.MonkeyPatch, now: Callable[[], float]) -> None:
    """Let the driver measure with another clock; the worker keeps the machine's."""
    monkeypatch.setattr("curation.engine.pool.time", SimpleNamespace(monotonic=now))


def test_silence_ends_a_task() -> None:
    kind, said = run("sleep 600", Limits(silence_s=5.0))
    assert kind == "died" and said == "it made no progress for 5 s"


def test_progress_is_no_silence_however_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    with Pool[str](Handler, 1, Limits(silence_s=15.0)) as pool:

        def now() -> float:
            """A second for each pulse: a worker that nobody lets run is not late."""
            return float(sum(worker.beats.value for worker in pool._workers))

        driver_clock(monkeypatch, now)
        *_, last = pool.run(["steps 45"])
        assert now() > 40 and outcome(last) == ("done", "")


def test_a_driver_that_looks_away_ends_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    driver_clock(monkeypatch, lambda: now[0])
    with Pool[str](Handler, 1, Limits(silence_s=10.0)) as pool:
        kinds, said = [], []
        for event in pool.run(["steps 1", "memory 1", "steps 1"]):
            (worker,) = pool._workers
            if worker.busy:  # it has long said the next thing when we look again
                worker.pipe.poll(None)
            now[0] += 11
            kinds.append(event.kind)
            said.append(event.message)
    assert kinds == ["item", "done", "item", "item", "done", "item", "done"]
    assert said[0] == said[3] == said[5], "one process did it all"


def test_a_file_without_end_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "big"
    assert run(f"write {path}", Limits())[0] == "done"
    kind, said = run(f"write {path}", Limits(file_bytes=20 * MB))
    assert kind == "failed" and "File too large" in said
    assert path.stat().st_size <= 20 * MB


def test_limits_are_put_back_after_a_block() -> None:
    names = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE)
    before = [resource.getrlimit(name) for name in names]
    with limits.held(Limits(memory_bytes=1 << 34, file_bytes=1 << 34), 1000.0):
        assert [resource.getrlimit(name) for name in names] != before
    assert [resource.getrlimit(name) for name in names] == before


def test_a_lack_of_memory_is_told_whichever_library_says_it() -> None:
    with pytest.raises(OverLimit), limits.held(Limits(memory_bytes=1 << 34), None):
        try:
            raise MemoryError
        except MemoryError as error:
            raise ValueError("the codec failed") from error
    with pytest.raises(ZeroDivisionError), limits.held(Limits(memory_bytes=1 << 34), None):
        _ = 1 // 0


def test_a_task_tried_alone_has_a_new_process_and_nobody_beside_it() -> None:
    with Pool[str](Handler, 2, Limits()) as pool:
        seen: list[tuple[str, str]] = []
        pids: dict[str, set[object]] = {}
        for event in pool.run(["crash", "steps 1", "steps 2", "steps 3"]):
            if event.kind == "item":
                pids.setdefault(event.task, set()).add(event.message)
            if event.kind == "died" and event.task == "crash":
                pool.alone("sleep 0")
            seen.append((event.kind, event.task))
    assert seen[-1] == ("done", "sleep 0")
    assert [task for kind, task in seen if kind == "done"][-1] == "sleep 0"
    others = set().union(*(found for task, found in pids.items() if task != "sleep 0"))
    assert pids["sleep 0"].isdisjoint(others)


def test_a_crash_says_which() -> None:
    with Pool[str](Handler, 1) as pool:
        (event,) = pool.run(["crash"])
    assert event.kind == "died" and signal.SIGSEGV.name in str(event.error)


def test_honest_work_has_room() -> None:
    hour_of_4k60 = limits.extracting_s(216_000, 3840, 2160, 20 << 30)
    assert hour_of_4k60 > 100 * 3600
    assert limits.extracting_s(60, 320, 180, 75_000) < 1000
    assert limits.stills_bytes(2 << 30) > 1 << 40
    assert limits.LEAST_MEMORY_BYTES <= limits.memory_bytes() <= limits.MEMORY_BYTES
