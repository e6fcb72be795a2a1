"""Jobs are processes that outlive pages and servers: real ones, stopped in every way."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from starlette.testclient import TestClient

from curation.errors import CurationError
from curation.records import Progress
from curation.store import jobs
from curation.store.catalogue import Catalogue
from curation.store.jobs import JobTable, JobWatcher
from curation.web.jobs import NICENESS, JobManager, is_alive
from tests import videos
from tests.web.conftest import site_of
from tests.web.following import SLOW, ended, going, held_back, settled, stored, until


@pytest.fixture(scope="session")
def long_clip() -> Path:
    return videos.clip("long").path


@pytest.fixture
def table(datastore: Path) -> JobTable:
    return JobTable(Catalogue(datastore))


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """Jobs of `manager` extract something and wait until this file is there."""
    return tmp_path / "gate"


@pytest.fixture
def manager(datastore: Path, gate: Path) -> Iterator[JobManager]:
    made = JobManager(datastore, command=held_back(gate))
    made.start()
    yield made
    made.stop()
    for job in made.table.running():
        if is_alive(job.pid, job.pid_started):
            os.killpg(job.pid or 0, signal.SIGKILL)


# -- the table ---------------------------------------------------------------------------------


def test_a_job_computes_behind_the_server(manager: JobManager, long_clip: Path) -> None:
    job_id = manager.add("extract", [str(long_clip), *SLOW])
    pid = going(manager.table, job_id).pid
    assert pid is not None
    behind = os.getpriority(os.PRIO_PROCESS, pid) - os.getpriority(os.PRIO_PROCESS, 0)
    assert behind == min(NICENESS, 19 - os.getpriority(os.PRIO_PROCESS, 0))
    group = Path(f"/proc/{pid}/autogroup")
    if group.is_file():  # Linux, where it shares the processor among sessions
        said = group.read_text().split("nice ")[-1].strip()
        assert int(said) == os.getpriority(os.PRIO_PROCESS, pid), said


def test_one_job_at_a_time_oldest_first(table: JobTable) -> None:
    first, second = table.add("extract", ["a"]), table.add("sort", [])
    assert [job.id for job in table.recent()] == [second, first]
    claimed = table.claim()
    assert claimed is not None
    assert (claimed.id, claimed.state, claimed.argv) == (first, "running", ("a",))
    assert table.claim() is None
    table.settle(first, "done")
    claimed = table.claim()
    assert claimed is not None
    assert claimed.id == second


def test_cancelling_what_waits_ends_it_and_what_runs_is_asked(table: JobTable) -> None:
    first, second = table.add("extract", []), table.add("sort", [])
    table.claim()
    for job_id in (first, second):
        table.cancel(job_id)
    assert (table.get(first).state, table.get(first).cancel) == ("running", True)
    assert table.get(second).state == "cancelled"
    table.settle(first, "done")
    table.cancel(first)
    assert table.get(first).state == "done"


# -- the watcher, inside the running process ---------------------------------------------------


def test_the_watcher_writes_seldom_and_the_end_always(
    table: JobTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(jobs.time, "monotonic", lambda: now[0])
    job_id = table.add("extract", [])
    watcher = JobWatcher(table.catalogue, job_id)
    watcher.show(Progress("extract", 1, 10))
    watcher.show(Progress("extract", 2, 10, failed=("a.mp4", "is text")))
    assert table.get(job_id).done == 1
    now[0] += jobs.BEAT_S
    watcher.show(Progress("extract", 3, 10))
    assert table.get(job_id).done == 3
    watcher.show(Progress("extract", 10, 10, summary={"frames": 3}))
    job = table.get(job_id)
    assert (job.done, job.summary, job.failed) == (10, {"frames": 3}, (("a.mp4", "is text"),))
    assert (job.pid, job.state) == (os.getpid(), "running")
    watcher.close()
    assert table.get(job_id).state == "done"


def test_the_watcher_stops_a_cancelled_run(table: JobTable) -> None:
    job_id = table.add("extract", [])
    watcher = JobWatcher(table.catalogue, job_id)
    table.cancel(job_id)
    with pytest.raises(KeyboardInterrupt):
        try:
            watcher.show(Progress("extract", 1, 10))
        finally:
            watcher.close()
    assert table.get(job_id).state == "cancelled"


@pytest.mark.parametrize(
    ("error", "state", "said"),
    [
        (CurationError("disk full", "make room"), "failed", "disk full (make room)"),
        (ValueError("odd"), "failed", "ValueError: odd"),
        (KeyboardInterrupt(), "interrupted", "stopped by a signal"),
    ],
)
def test_the_watcher_records_how_a_run_ended(
    table: JobTable, error: BaseException, state: str, said: str
) -> None:
    job_id = table.add("extract", [])
    watcher = JobWatcher(table.catalogue, job_id)
    with pytest.raises(type(error)):
        try:
            raise error
        finally:
            watcher.close()
    job = table.get(job_id)
    assert (job.state, job.error) == (state, said)


def test_a_watcher_of_no_job_says_so(table: JobTable) -> None:
    with pytest.raises(CurationError, match="has no job 7"):
        JobWatcher(table.catalogue, 7)


# -- processes ---------------------------------------------------------------------------------


def test_a_job_runs_to_its_end_and_the_next_one_follows(
    manager: JobManager, datastore: Path, gate: Path
) -> None:
    gate.touch()
    clip = videos.clip("cfr25").path
    first = manager.add("extract", [str(clip)])
    second = manager.add("rank", [])
    done = settled(manager, first)
    assert (done.state, done.exit_code, done.error) == ("done", 0, None)
    assert done.summary is not None
    assert done.summary["frames"] == stored(datastore) > 0
    assert "frames stored" in manager.log_tail(first)
    failed = settled(manager, second)
    assert (failed.state, failed.exit_code) == ("failed", 1)
    assert "is measured yet" in str(failed.error)
    assert "error: " in manager.log_tail(second)
    assert (failed.started_s or 0) >= (done.ended_s or 0) - 0.5


def test_failed_items_are_listed_with_their_reasons(
    manager: JobManager, tmp_path: Path, gate: Path
) -> None:
    gate.touch()
    bad = tmp_path / "text.mp4"
    bad.write_text("this is no video")
    job = settled(manager, manager.add("extract", [str(videos.clip("cfr25").path), str(bad)]))
    assert job.state == "done"
    ((item, reason),) = job.failed
    assert item.endswith("text.mp4")
    assert "text" in reason


def test_a_wrong_flag_fails_in_one_sentence(manager: JobManager) -> None:
    job = settled(manager, manager.add("extract", ["--fps=1000"]))
    assert (job.state, job.exit_code) == ("failed", 2)
    assert "fps" in str(job.error)
    assert "Traceback" not in manager.log_tail(job.id)


def test_a_verb_is_one_of_three(manager: JobManager) -> None:
    with pytest.raises(CurationError, match="not a verb"):
        manager.add("rm", ["-rf"])


def test_a_cancelled_job_keeps_what_it_finished_and_resumes(
    manager: JobManager, datastore: Path, long_clip: Path, gate: Path
) -> None:
    job_id = manager.add("extract", [str(long_clip), *SLOW])
    process = psutil.Process(going(manager.table, job_id).pid or 0)
    workers = process.children(recursive=True)
    assert os.getpgid(process.pid) == process.pid
    assert process.nice() > 0
    manager.cancel(job_id)
    job = settled(manager, job_id)
    assert (job.state, job.exit_code) == ("cancelled", 130)
    psutil.wait_procs([process, *workers])
    before = stored(datastore)
    assert 0 < before < 900
    again = manager.resume(job_id)
    assert (again.id, again.argv) != (job_id, ()) and again.argv == job.argv
    assert manager.resume(again.id).id == again.id, "an open job is not queued twice"
    gate.touch()
    assert settled(manager, again.id).state == "done"
    assert stored(datastore) == 900


def test_a_job_that_will_not_stop_is_killed_after_its_grace(datastore: Path) -> None:
    deaf = (
        "import signal, time\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "print('deaf', flush=True)\n"
        "while True: time.sleep(0.1)"
    )
    manager = JobManager(
        datastore, grace_s=0.5, command=lambda job, root: [sys.executable, "-c", deaf]
    )
    manager.start()
    try:
        job_id = manager.add("extract", [])
        until(lambda: "deaf" in manager.log_tail(job_id), "the start")
        manager.cancel(job_id)
        job = settled(manager, job_id)
        assert (job.state, job.exit_code) == ("cancelled", -signal.SIGKILL)
    finally:
        manager.stop()


def test_a_killed_job_says_how_it_died_and_resumes(
    manager: JobManager, datastore: Path, long_clip: Path, gate: Path
) -> None:
    job_id = manager.add("extract", [str(long_clip), *SLOW])
    os.kill(going(manager.table, job_id).pid or 0, signal.SIGKILL)
    job = settled(manager, job_id)
    assert job.state == "interrupted"
    assert "SIGKILL" in str(job.error)
    gate.touch()
    again = manager.resume(job_id)
    assert settled(manager, again.id).state == "done"
    assert stored(datastore) == 900


def test_a_terminated_job_is_interrupted(manager: JobManager, long_clip: Path) -> None:
    job_id = manager.add("extract", [str(long_clip), *SLOW])
    os.kill(going(manager.table, job_id).pid or 0, signal.SIGTERM)
    job = settled(manager, job_id)
    assert (job.state, job.exit_code) == ("interrupted", 130)


def test_a_job_that_is_stopped_at_its_start_is_cancelled(datastore: Path) -> None:
    # An interrupt while Python itself still starts ends it with the code of any error.
    upset = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, lambda *_: sys.exit(1))\n"
        "print('starting', flush=True)\n"
        "while True: time.sleep(0.1)"
    )
    manager = JobManager(datastore, command=lambda job, root: [sys.executable, "-c", upset])
    manager.start()
    try:
        job_id = manager.add("extract", [])
        until(lambda: "starting" in manager.log_tail(job_id), "the start")
        manager.cancel(job_id)
        job = settled(manager, job_id)
        assert (job.state, job.exit_code) == ("cancelled", 1)
    finally:
        manager.stop()


def test_a_program_that_cannot_start_is_a_failed_job(datastore: Path) -> None:
    manager = JobManager(datastore, command=lambda job, root: ["/no/such/program"])
    manager.start()
    try:
        job = ended(manager.table, manager.add("extract", []))
        assert job.state == "failed"
        assert "could not start" in str(job.error)
    finally:
        manager.stop()


# -- over HTTP -----------------------------------------------------------------------------------


def test_jobs_are_shown_cancelled_and_resumed_over_http(
    empty_client: TestClient, long_clip: Path, gate: Path
) -> None:
    queue = site_of(empty_client).jobs
    queue._command = held_back(gate)
    job_id = queue.add("extract", [str(long_clip), *SLOW])
    going(queue.table, job_id)
    shown = empty_client.get(f"/api/jobs/{job_id}").json()
    assert (shown["state"], shown["verb"], shown["unit"]) == ("running", "extract", "s of video")
    assert "pid" not in shown
    assert empty_client.post(f"/api/jobs/{job_id}/cancel").json()["cancel"] is True
    ended(queue.table, job_id)
    gate.touch()
    again = empty_client.post(f"/api/jobs/{job_id}/resume").json()
    assert again["id"] != job_id
    assert [job["id"] for job in empty_client.get("/api/jobs").json()] == [again["id"], job_id]
    assert ended(queue.table, again["id"]).state == "done"


@pytest.mark.parametrize("action", ["", "/cancel", "/resume"])
def test_a_job_that_is_not_there_is_404(empty_client: TestClient, action: str) -> None:
    ask = empty_client.post if action else empty_client.get
    assert ask(f"/api/jobs/99{action}").status_code == 404
