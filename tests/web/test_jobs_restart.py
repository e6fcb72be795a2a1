"""A job goes on, ends or dies while its server is away; the next server finds out which."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from curation.store.catalogue import Catalogue
from curation.store.jobs import JobTable, begun_s
from curation.web.jobs import JobManager, is_alive
from tests import videos
from tests.web.following import ENDED, SLOW, ended, going, held_back, stored, until

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def long_clip() -> Path:
    return videos.clip("long").path


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """Jobs extract something and wait until this file is there."""
    return tmp_path / "gate"


SERVER = """
import signal, sys, time
from pathlib import Path
from curation.web.jobs import JobManager
from tests.web.following import held_back
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's "&" has it ignored
manager = JobManager(Path(sys.argv[1]), command=held_back(Path(sys.argv[2])))
manager.start()
print(manager.add("extract", sys.argv[3:]), flush=True)
while True: time.sleep(1)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_job_goes_on_while_the_server_restarts(
    datastore: Path, long_clip: Path, how: signal.Signals, gate: Path
) -> None:
    table = JobTable(Catalogue(datastore))
    command = [sys.executable, "-c", SERVER, str(datastore), str(gate), str(long_clip), *SLOW]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert server.stdout is not None
        job_id = int(server.stdout.readline())
        pid = going(table, job_id).pid or 0
        server.send_signal(how)
        server.wait()
    assert psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    after = JobManager(datastore)
    after.start()
    try:
        gate.touch()
        job = ended(table, job_id)
        assert (job.state, job.pid) == ("done", pid)
        assert stored(datastore) == 900
    finally:
        after.stop()


def test_a_job_that_ends_while_no_server_watches_is_done(
    datastore: Path, long_clip: Path, gate: Path
) -> None:
    before = JobManager(datastore, command=held_back(gate))
    before.start()
    job_id = before.add("extract", [str(long_clip), *SLOW])
    pid = going(before.table, job_id).pid or 0
    before.stop()
    gate.touch()
    child = before._children[job_id]
    child.wait()  # as init would do for the child of a server that is gone
    assert not psutil.pid_exists(pid)
    job = JobTable(Catalogue(datastore)).get(job_id)
    assert (job.state, job.summary and job.summary["frames"]) == ("done", 900)


def test_a_job_that_died_while_no_server_watched_is_interrupted(
    datastore: Path, long_clip: Path, gate: Path
) -> None:
    before = JobManager(datastore, command=held_back(gate))
    before.start()
    job_id = before.add("extract", [str(long_clip), *SLOW])
    going(before.table, job_id)
    before.stop()
    os.kill(before.table.get(job_id).pid or 0, signal.SIGKILL)
    before._children[job_id].wait()
    assert before.table.get(job_id).state == "running"
    after = JobManager(datastore)
    after.start()
    try:
        job = ended(after.table, job_id)
        assert job.state == "interrupted"
        assert "no server watched" in str(job.error)
        assert ended(after.table, after.resume(job_id).id).state == "done"
    finally:
        after.stop()


def test_a_process_that_took_over_the_number_is_not_the_job(datastore: Path) -> None:
    table = JobTable(Catalogue(datastore))
    job_id = table.add("extract", [])
    table.claim()
    began = begun_s(os.getpid())
    table.started(job_id, os.getpid(), began - 3600)
    assert is_alive(os.getpid(), began)
    assert not is_alive(os.getpid(), began - 3600)
    table.cancel(job_id)
    manager = JobManager(datastore)
    manager.start()
    try:
        until(lambda: manager.table.get(job_id).state in ENDED, "the end of the job")
        assert manager.table.get(job_id).state == "cancelled", "and this test was not stopped"
    finally:
        manager.stop()
