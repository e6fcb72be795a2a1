"""The worker pool: order, failures, deaths, and no orphan left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from curation.engine.pool import Pool
from curation.errors import CurationError, VideoUnreadable


class Handler:
    def __call__(self, task: object) -> Iterator[object]:
        if task == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if task == "exit":
            os._exit(7)
        if task == "known":
            raise VideoUnreadable("clip.mp4: broken", "try another")
        if task == "unknown":
            raise ZeroDivisionError("oh")
        yield (task, 1)
        yield (task, 2)


class Threads:
    """Yields how many threads work at once in a loop of OpenCV's."""

    def __init__(self) -> None:
        import cv2

        self.count = cv2.getNumThreads

    def __call__(self, task: object) -> Iterator[object]:
        yield self.count()


class BadStart:
    def __init__(self) -> None:
        raise CurationError("weights are missing", "fetch them")


def test_every_task_yields_its_messages_in_order() -> None:
    with Pool(Handler, 2) as pool:
        events = list(pool.run(range(20)))
    for task in range(20):
        mine = [event for event in events if event.task == task]
        assert [event.kind for event in mine] == ["item", "item", "done"]
        assert [event.message for event in mine[:2]] == [(task, 1), (task, 2)]


def test_a_failure_costs_its_own_task_and_keeps_its_hint() -> None:
    with Pool(Handler, 2) as pool:
        events = list(pool.run(["known", "fine", "unknown"]))
    failed = {event.task: event.error for event in events if event.kind == "failed"}
    assert isinstance(failed["known"], VideoUnreadable)
    assert failed["known"].hint == "try another"
    assert "ZeroDivisionError: oh" in str(failed["unknown"])
    assert [event.task for event in events if event.kind == "done"] == ["fine"]


def test_a_task_that_kills_its_worker_is_named_and_the_rest_goes_on() -> None:
    with Pool(Handler, 2) as pool:
        events = list(pool.run(["kill", 1, 2, "exit", 3, 4]))
    died = {event.task: str(event.error) for event in events if event.kind == "died"}
    assert "SIGKILL" in died["kill"]
    assert "code 7" in died["exit"]
    assert {event.task for event in events if event.kind == "done"} == {1, 2, 3, 4}


def test_a_worker_has_one_thread_of_opencv() -> None:
    """Those of OpenCV look for work a while after each loop, at the cost of the other workers."""
    with Pool(Threads, 1) as pool:
        messages = [event.message for event in pool.run([1]) if event.kind == "item"]
    assert messages == [1]


def test_a_task_put_back_is_given_out_again() -> None:
    with Pool(Handler, 1) as pool:
        deaths = 0
        done = []
        for event in pool.run(["kill", "after"]):
            if event.kind == "died":
                deaths += 1
                pool.again("second life")
            if event.kind == "done":
                done.append(event.task)
    assert deaths == 1
    assert done == ["second life", "after"]


def test_a_worker_that_cannot_start_says_why() -> None:
    with Pool(BadStart, 1) as pool:
        events = list(pool.run(["a"]))
    assert [event.kind for event in events] == ["failed"]
    assert events[0].error is not None
    assert events[0].error.hint == "fetch them"


def test_a_worker_that_died_while_idle_is_replaced() -> None:
    with Pool(Handler, 1) as pool:
        assert [event.kind for event in pool.run([1])] == ["item", "item", "done"]
        pool.kill()
        pool._workers[0].process.join()
        assert [event.kind for event in pool.run([2])] == ["item", "item", "done"]


SCRIPT = """
import os, sys, time
from curation.engine.pool import Pool
class Slow:
    def __call__(self, task):
        yield os.getpid()
        while True:
            time.sleep(0.05)
if __name__ == "__main__":
    with Pool(Slow, 2) as pool:
        for event in pool.run([1, 2]):
            print(event.message, flush=True)
"""


def test_workers_die_with_a_driver_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "driver.py"
    script.write_text(SCRIPT)
    driver = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert driver.stdout is not None
    workers = [int(driver.stdout.readline()) for _ in range(2)]
    driver.kill()
    driver.wait()
    while any(Path(f"/proc/{pid}").exists() and _state(pid) != "Z" for pid in workers):
        time.sleep(0.05)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"
