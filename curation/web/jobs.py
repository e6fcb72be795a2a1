"""Jobs are child processes: a page that closes, or a server that restarts, loses none.

A queue in the catalogue, one job at a time for each datastore. Every job leads a session and a
process group of its own, so that the server's end is not its end; the next server finds it again
by process number and start time and follows it. What a job says of itself is in its row (written
by `JobWatcher` in the child); what it prints is in datastore/logs/job-<id>.log.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from curation.errors import CurationError
from curation.store.catalogue import Catalogue
from curation.store.jobs import (
    CANCELLED,
    DONE,
    FAILED,
    INTERRUPTED,
    RUNNING,
    Job,
    JobTable,
    begun_s,
)
from curation.toolkit.verbs import VERBS as TOOLKIT
from curation.web.job_links import JobLinks, shown, words_of

log = logging.getLogger(__name__)

STOPPED = 130
ITEMS_FAILED = 3
SAME_START_S = 2.0
UNSTARTED_S = 30.0
EXEC = "--allow-exec"
MOST_OPEN = 100
"""Jobs that wait or run; nobody needs more, and each is a row and a log."""
NICENESS = 10
BUSY_TICK_S, IDLE_TICK_S = 0.25, 1.0
VERBS = ("extract", "sort", "rank", "apply", "unapply", "download", "add", "remake", "train",
         "evaluate", "promote", "export", "report", *TOOLKIT, "undo", "cull")  # fmt: skip


Note = Callable[..., None]
"""Called with an action, a job's number, its verb and, when it begins, its words."""


def _no_note(*_: object) -> None:
    """Nobody keeps who did what."""


def command_of(job: Job, root: Path) -> list[str]:
    """Return the command line that runs a job, with nothing in it that others may not read.

    Raises:
        CurationError: its links are gone, or no studio would have queued its words.
    """
    if job.verb not in VERBS or any(_may_run_anything(word) for word in job.argv):
        raise CurationError(
            f"{job.verb} with these words is not run from the studio",
            "type the command in a terminal, if you trust it",
        )
    own = ["--datastore", str(root), "--job", str(job.id)]
    return [sys.executable, "-m", "curation", job.verb, *words_of(job, root), *own]


def _log(path: Path, flags: int) -> int:
    """Open a log for its user alone, for it names files and people; never what a link leads to."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _may_run_anything(word: str) -> bool:
    """Return whether a word lets a workflow run shell commands, written out or shortened."""
    return len(word) > 2 and EXEC.startswith(word.partition("=")[0])


def is_alive(pid: int | None, started: float | None) -> bool:
    """Return whether a process runs and is still the one that began then, not a later namesake."""
    import psutil

    if pid is None or started is None:
        return False
    try:
        process = psutil.Process(pid)
        same = abs(begun_s(pid) - started) < SAME_START_S
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def ended_by(code: int) -> str:
    """Return how a process died that gave this negative exit code."""
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    more = " (out of memory, or kill -9)" if -code == signal.SIGKILL else ""
    return f"its process was ended by {name}{more}"


class JobManager:
    """Starts, follows, cancels and queues again the jobs of one datastore.

    Args:
        grace_s: how long a cancelled job may take to stop before it is killed.
        command: makes the command line of a job.
        note: told of what somebody starts, cancels and resumes.
    """

    def __init__(
        self,
        root: Path,
        grace_s: float = 10.0,
        command: Callable[[Job, Path], list[str]] = command_of,
        note: Note | None = None,
    ) -> None:
        self._catalogue = Catalogue(root)
        self.table = JobTable(self._catalogue)
        self._links = JobLinks(self.table)
        self._grace_s = grace_s
        self._command = command
        self._note = note or _no_note
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._asked_at: dict[int, float] = {}
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Follow the jobs that an earlier server left running, and begin to serve the queue."""
        self.table.close_foreign()
        self._links.find()
        self._thread = threading.Thread(target=self._serve, name="jobs", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop following; running jobs go on, and the next server follows them."""
        self._ending.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def add(self, verb: str, argv: Sequence[str], links: Sequence[str] = ()) -> int:
        """Queue a verb and return the job's number.

        Args:
            argv: options as typed, without --datastore; file arguments absolute.
            links: addresses to fetch; they are kept where only this user can read them.

        Raises:
            CurationError: too many wait already.
        """
        if verb not in VERBS:
            raise CurationError(f"{verb} is not a verb of the studio")
        if self.table.open_count() >= MOST_OPEN:
            raise CurationError(
                f"{MOST_OPEN} jobs are waiting already", "let some end, or cancel them"
            )
        argv = [*map(shown, links), *argv]
        first = (lambda number: self._links.write(number, links)) if links else None
        job_id = self.table.add(verb, argv, first)
        self._wake.set()
        self._note("job", job_id, verb, argv)
        return job_id

    def cancel(self, job_id: int) -> Job:
        """Ask a job to stop; what it finished stays. KeyError when there is no such job."""
        job = self.table.get(job_id)
        self.table.cancel(job_id)
        self._links.drop_ended()
        self._wake.set()
        self._note("job cancelled", job_id, job.verb)
        return self.table.get(job_id)

    def resume(self, job_id: int) -> Job:
        """Queue the same command again and return the new job; an open one is returned as it is.

        Raises:
            KeyError: when there is no such job.
            CurationError: its links held secrets that are not known any more.
        """
        job = self.table.get(job_id)
        if job.is_open:
            return job
        links, words = self._links.again(job)
        return self.table.get(self.add(job.verb, words, links))

    def log_tail(self, job_id: int, most_bytes: int = 6000) -> str:
        """Return the last lines that a job printed."""
        try:
            with os.fdopen(_log(self.table.log_path(job_id), os.O_RDONLY), "rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - most_bytes))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return ""
        return text if size <= most_bytes else text.partition("\n")[2]

    # -- the thread ------------------------------------------------------------------------------

    def _serve(self) -> None:
        while not self._ending.is_set():
            try:
                busy = self._tick()
            except Exception:  # a full disk must not end the queue for good
                log.exception("the job queue stumbled; it goes on")
                busy = False
            self._wake.wait(BUSY_TICK_S if busy else IDLE_TICK_S)
            self._wake.clear()
        self._catalogue.close()

    def _tick(self) -> bool:
        for job_id in list(self._children):
            self._follow_child(self.table.get(job_id))
        for job in self.table.running():
            if job.id not in self._children:
                self._follow_stranger(job)
        self._links.drop_ended()
        # A child that has recorded its end may still be on its way out.
        claimed = None if self._children else self.table.claim()
        if claimed is not None:
            self._spawn(claimed)
        return bool(self._children or self.table.running())

    def _spawn(self, job: Job) -> None:
        path = self.table.log_path(job.id)
        path.parent.mkdir(exist_ok=True)
        source = str(Path(__file__).resolve().parents[2])
        paths = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH", "")]))
        try:
            with os.fdopen(_log(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab") as output:
                child = subprocess.Popen(
                    self._command(job, self._catalogue.root),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    env={**os.environ, "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1"},
                )
        except OSError as error:
            self.table.settle(job.id, FAILED, f"could not start: {error}")
            return
        except CurationError as error:
            self.table.settle(job.id, FAILED, str(error))
            return
        self._children[job.id] = child
        _put_behind(child.pid)
        self._introduce(job.id, child.pid)

    def _introduce(self, job_id: int, pid: int) -> None:
        import psutil

        with suppress(psutil.Error):
            self.table.started(job_id, pid, begun_s(pid))

    def _follow_child(self, job: Job) -> None:
        code = self._children[job.id].poll()
        if code is not None:
            self._settle(self.table.get(job.id), code)
            del self._children[job.id]
        elif job.cancel:
            self._stop(job)

    def _follow_stranger(self, job: Job) -> None:
        if not is_alive(job.pid, job.pid_started):
            self._settle_stranger(job)
        elif job.cancel:
            self._stop(job)

    def _settle(self, job: Job, code: int) -> None:
        """Record the end of a child of ours; its exit code has the last word."""
        self._asked_at.pop(job.id, None)
        if code in (0, ITEMS_FAILED) or job.state == DONE:
            self.table.settle(job.id, DONE, exit_code=code)
        elif job.cancel:  # whatever an interrupt in the middle of its start made of it
            self.table.settle(job.id, CANCELLED, exit_code=code)
        elif code == STOPPED or code < 0:
            how = ended_by(code) if code < 0 else "stopped by a signal"
            self.table.settle(job.id, INTERRUPTED, how, code)
        else:
            self.table.settle(job.id, FAILED, job.error or self._last_error(job.id), code)

    def _settle_stranger(self, job: Job) -> None:
        """Record the end of a job whose process is gone and was not ours to wait for."""
        now = self.table.get(job.id)
        if now.state != RUNNING or now.pid != job.pid:
            return
        if now.pid is None and abs(time.time() - (now.started_s or 0)) < UNSTARTED_S:
            return  # another server is just starting it
        state = CANCELLED if now.cancel else INTERRUPTED
        self.table.settle(job.id, state, "its process was ended while no server watched")

    def _stop(self, job: Job) -> None:
        """Interrupt a job's process group, and kill it when it takes too long."""
        if job.pid is None or not is_alive(job.pid, job.pid_started):
            return
        asked_at = self._asked_at.get(job.id)
        with suppress(OSError):
            if asked_at is None:
                self._asked_at[job.id] = time.monotonic()
                os.killpg(job.pid, signal.SIGINT)
            elif time.monotonic() - asked_at > self._grace_s:
                os.killpg(job.pid, signal.SIGKILL)

    def _last_error(self, job_id: int) -> str:
        lines = self.log_tail(job_id).splitlines()
        said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        return said[-1] if said else (lines[-1] if lines else "it ended without a word")


def _put_behind(pid: int) -> None:
    """Let a job compute behind the server, wherever that stands itself.

    A job is a session of its own. Linux may share the processor among sessions first
    (sched(7), autogroup): then only the niceness of the whole session counts.
    """
    niceness = min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, niceness)
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(f"{niceness}\n")
