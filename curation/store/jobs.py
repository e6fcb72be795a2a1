"""Jobs: runs of a verb that the studio started, and what the running process says of itself."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.errors import CurationError
from curation.records import Progress
from curation.store import here
from curation.store.catalogue import Catalogue

QUEUED, RUNNING = "queued", "running"
DONE, FAILED, CANCELLED, INTERRUPTED = "done", "failed", "cancelled", "interrupted"
OPEN = (QUEUED, RUNNING)
RESUMABLE = (FAILED, CANCELLED, INTERRUPTED)
BEAT_S = 0.5
MOST_FAILED = 200
FOREIGN = "it was waiting when this folder came from another machine or place"


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a verb.

    Attributes:
        argv: the command line after the verb, without datastore and job number.
        state: queued, running, done, failed, cancelled or interrupted.
        failed: items that failed so far, with their reasons; at most MOST_FAILED.
        error: how it ended, when not well; for people.
        pid, pid_started: the process, and when it began, see `begun_s`.
        cancel: whether somebody asked it to stop.
    """

    id: int
    verb: str
    argv: tuple[str, ...]
    state: str
    stage: str | None
    done: float | None
    total: float | None
    unit: str | None
    rate_per_s: float | None
    eta_s: float | None
    note: str | None
    failed: tuple[tuple[str, str], ...]
    summary: Mapping[str, Any] | None
    error: str | None
    exit_code: int | None
    pid: int | None
    pid_started: float | None
    cancel: bool
    created_s: float
    started_s: float | None
    ended_s: float | None
    heartbeat_s: float | None

    @property
    def is_open(self) -> bool:
        """Return whether it waits or runs."""
        return self.state in OPEN

    @property
    def can_resume(self) -> bool:
        """Return whether the same command would go on with something."""
        return self.state in RESUMABLE


def begun_s(pid: int) -> float:
    """Return when a process began, in seconds since the machine did where that can be known.

    Not by the wall clock: when that is set, the same process would seem to be another one.

    Raises:
        psutil.Error: there is no such process.
    """
    import psutil

    process = psutil.Process(pid)
    try:  # proc(5): the 22nd field; the second, in brackets, may hold anything
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return float(process.create_time())


def links_path(root: Path, job_id: int) -> Path:
    """Return the file that holds what a job is to fetch, in the datastore's folder of jobs."""
    return root / "logs" / f"job-{job_id}.links"


class JobTable:
    """The jobs of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def add(
        self, verb: str, argv: Sequence[str], first: Callable[[int], None] | None = None
    ) -> int:
        """Queue a run and return its number.

        Args:
            first: called with the number before anybody can take the run; when it raises there
                is no run.
        """
        if not self.any_open():
            here.begin(self.catalogue, here.JOBS, 0)
        with self.catalogue.transaction() as db:
            row = db.execute(
                "INSERT INTO job (verb, argv, state, created_s) VALUES (?, ?, ?, ?)",
                (verb, json.dumps(list(argv)), QUEUED, time.time()),
            )
            job_id = int(row.lastrowid or 0)
            if first is not None:
                first(job_id)
        return job_id

    def get(self, job_id: int) -> Job:
        """Return one job; KeyError when there is none of this number."""
        row = self.catalogue.db.execute("SELECT * FROM job WHERE id = ?", (job_id,)).fetchone()
        if row is None:
            raise KeyError(job_id)
        return _job(row)

    def recent(self, limit: int = 50) -> list[Job]:
        """Return the latest jobs, newest first."""
        rows = self.catalogue.db.execute("SELECT * FROM job ORDER BY id DESC LIMIT ?", (limit,))
        return [_job(row) for row in rows]

    def latest(self, verb: str) -> Job | None:
        """Return the newest job of a verb."""
        row = self.catalogue.db.execute(
            "SELECT * FROM job WHERE verb = ? ORDER BY id DESC LIMIT 1", (verb,)
        ).fetchone()
        return None if row is None else _job(row)

    def running(self) -> list[Job]:
        """Return the jobs that are said to run."""
        rows = self.catalogue.db.execute(
            "SELECT * FROM job WHERE state = ? ORDER BY id", (RUNNING,)
        )
        return [_job(row) for row in rows]

    def any_open(self) -> bool:
        """Return whether a job waits or runs."""
        row = self.catalogue.db.execute(
            "SELECT 1 FROM job WHERE state IN (?, ?) LIMIT 1", OPEN
        ).fetchone()
        return row is not None

    def close_foreign(self) -> int:
        """End what waits or runs in a catalogue that came from elsewhere; return how many.

        Whoever made the folder chose those words: nothing of them is run unless somebody here
        reads them and resumes the job.
        """
        if here.first_own(self.catalogue, here.JOBS) is not None:
            return 0
        with self.catalogue.transaction() as db:
            closed = db.execute(
                "UPDATE job SET state = ?, error = ?, pid = NULL, ended_s = ?"
                " WHERE state IN (?, ?)",
                (INTERRUPTED, FOREIGN, time.time(), *OPEN),
            ).rowcount
        here.begin(self.catalogue, here.JOBS, 0)
        return closed

    def open_count(self) -> int:
        """Return how many jobs wait or run."""
        row = self.catalogue.db.execute(
            "SELECT count(*) FROM job WHERE state IN (?, ?)", OPEN
        ).fetchone()
        return int(row[0])

    def claim(self) -> Job | None:
        """Mark the oldest waiting job as running and return it; None while another one runs."""
        with self.catalogue.transaction() as db:
            if db.execute("SELECT 1 FROM job WHERE state = ? LIMIT 1", (RUNNING,)).fetchone():
                return None
            row = db.execute(
                "SELECT id FROM job WHERE state = ? ORDER BY id LIMIT 1", (QUEUED,)
            ).fetchone()
            if row is None:
                return None
            now = time.time()
            db.execute(
                "UPDATE job SET state = ?, started_s = ?, heartbeat_s = ? WHERE id = ?",
                (RUNNING, now, now, row["id"]),
            )
        return self.get(row["id"])

    def started(self, job_id: int, pid: int, pid_started: float) -> None:
        """Record which process runs a job."""
        now = time.time()
        self.catalogue.db.execute(
            "UPDATE job SET state = ?, pid = ?, pid_started = ?, heartbeat_s = ?,"
            " started_s = coalesce(started_s, ?), ended_s = NULL WHERE id = ?",
            (RUNNING, pid, pid_started, now, now, job_id),
        )

    def heartbeat(
        self, job_id: int, beat: Progress, failed: Sequence[tuple[str, str]] = ()
    ) -> bool:
        """Record how far a job is; return whether somebody asked it to stop."""
        row = self.catalogue.db.execute(
            "UPDATE job SET stage = ?, done = ?, total = ?, unit = ?, rate_per_s = ?, eta_s = ?,"
            " note = ?, failed = ?, summary = coalesce(?, summary), heartbeat_s = ? WHERE id = ?"
            " RETURNING cancel",
            (
                beat.stage,
                beat.done,
                beat.total,
                beat.unit,
                beat.rate_per_s,
                beat.eta_s,
                beat.note,
                json.dumps(list(failed)[:MOST_FAILED]),
                None if beat.summary is None else json.dumps(dict(beat.summary), sort_keys=True),
                time.time(),
                job_id,
            ),
        ).fetchone()
        return bool(row and row["cancel"])

    def cancel(self, job_id: int) -> None:
        """Ask a job to stop; one that only waits is cancelled at once."""
        with self.catalogue.transaction() as db:
            db.execute(
                "UPDATE job SET state = ?, cancel = 1, ended_s = ? WHERE id = ? AND state = ?",
                (CANCELLED, time.time(), job_id, QUEUED),
            )
            db.execute("UPDATE job SET cancel = 1 WHERE id = ? AND state = ?", (job_id, RUNNING))

    def settle(
        self, job_id: int, state: str, error: str | None = None, exit_code: int | None = None
    ) -> None:
        """Record how a job ended; an earlier reason is kept when there is no new one."""
        self.catalogue.db.execute(
            "UPDATE job SET state = ?, error = coalesce(?, error), eta_s = NULL,"
            " exit_code = coalesce(?, exit_code), ended_s = coalesce(ended_s, ?) WHERE id = ?",
            (state, error, exit_code, time.time(), job_id),
        )

    def log_path(self, job_id: int) -> Path:
        """Return the file that holds what a job printed."""
        return self.catalogue.root / "logs" / f"job-{job_id}.log"

    def links_path(self, job_id: int) -> Path:
        """Return the file with the links of a job that has not ended."""
        return links_path(self.catalogue.root, job_id)


class JobWatcher:
    """Writes a run's beats into its job's row, from inside the running process.

    It also records the end, so that a run whose server was away is not lost.

    Args:
        job_id: number of the job; made by `JobTable.add`.

    Raises:
        CurationError: when there is no such job.
    """

    def __init__(self, catalogue: Catalogue, job_id: int) -> None:
        self._table = JobTable(catalogue)
        self._id = job_id
        self._failed: list[tuple[str, str]] = []
        self._last: Progress | None = None
        self._written_at = 0.0
        try:
            self._table.get(job_id)
        except KeyError as error:
            raise CurationError(f"{catalogue.root} has no job {job_id}") from error
        self._table.started(job_id, os.getpid(), begun_s(os.getpid()))

    def show(self, beat: Progress) -> None:
        """Take note of one beat, at most every BEAT_S seconds and at the end.

        Raises:
            KeyboardInterrupt: when somebody asked the job to stop.
        """
        if beat.failed is not None:
            self._failed.append(beat.failed)
        self._last = beat
        if beat.summary is not None or time.monotonic() - self._written_at >= BEAT_S:
            self._written_at = time.monotonic()
            if self._table.heartbeat(self._id, beat, self._failed) and beat.summary is None:
                raise KeyboardInterrupt

    def close(self) -> None:
        """Record how the run ended: the exception on its way, if any, says it."""
        if self._last is not None:
            asked = self._table.heartbeat(self._id, self._last, self._failed)
        else:
            asked = self._table.get(self._id).cancel
        error = sys.exc_info()[1]
        if error is None:
            self._table.settle(self._id, DONE)
        elif not isinstance(error, KeyboardInterrupt):
            said = (
                str(error)
                if isinstance(error, CurationError)
                else (f"{type(error).__name__}: {error}")
            )
            self._table.settle(self._id, FAILED, said)
        elif asked:
            self._table.settle(self._id, CANCELLED)
        else:
            self._table.settle(self._id, INTERRUPTED, "stopped by a signal")


def _job(row: Any) -> Job:
    values = dict(row)
    values["argv"] = tuple(json.loads(values["argv"]))
    values["failed"] = tuple((str(item), str(why)) for item, why in json.loads(values["failed"]))
    values["summary"] = None if values["summary"] is None else json.loads(values["summary"])
    values["cancel"] = bool(values["cancel"])
    return Job(**values)
