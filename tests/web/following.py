"""Following a job of the studio from a test: until it goes, until it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from curation.store.jobs import Job, JobTable
from curation.studio import Studio
from curation.web.jobs import JobManager, command_of, is_alive

SLOW = ["--mode=every", "--every=1"]
ENDED = ("done", "failed", "cancelled", "interrupted")


HELD_BACK = """
import runpy, sys, time
from pathlib import Path
from curation.store import jobs
gate, show = Path(sys.argv.pop(1)), jobs.JobWatcher.show
jobs.BEAT_S = 0
def shown(self, beat):
    show(self, beat)
    while beat.stage == "extract" and beat.done and not gate.exists():
        time.sleep(0.02)
jobs.JobWatcher.show = shown
runpy.run_module("curation", run_name="__main__", alter_sys=True)
"""


def held_back(gate: Path) -> Callable[[Job, Path], list[str]]:
    """Return what makes commands of jobs that extract something and then wait for a file.

    However slow or fast this machine is, such a job is found at work, with more to do.
    """

    def command(job: Job, root: Path) -> list[str]:
        python, _, _, *words = command_of(job, root)  # python -m curation
        return [python, "-c", HELD_BACK, str(gate), *words]

    return command


def until(said: Callable[[], Any], what: str) -> Any:
    """Wait for something true; a test that hangs is stopped by whoever runs the tests."""
    while not (found := said()):
        time.sleep(0.05)
    return found


def ended(table: JobTable, job_id: int) -> Job:
    """Wait until a job and its process have ended."""

    def said() -> bool:
        job = table.get(job_id)
        return job.state in ENDED and not is_alive(job.pid, job.pid_started)

    until(said, "the end of the job")
    return table.get(job_id)


def settled(manager: JobManager, job_id: int) -> Job:
    """Wait until a job's own server has seen how its process ended."""
    until(lambda: manager.table.get(job_id).exit_code is not None, "the exit code")
    return manager.table.get(job_id)


def going(table: JobTable, job_id: int) -> Job:
    """Wait until a job has stored something and still runs."""

    def said() -> bool:
        job = table.get(job_id)
        return (job.stage == "extract" and bool(job.done)) or not job.is_open

    until(said, "some work")
    job = table.get(job_id)
    assert job.state == "running", (job.state, job.error)
    return job


def stored(datastore: Path) -> int:
    studio = Studio(datastore)
    count = len(list(studio.videos.frames()))
    studio.close()
    return count
