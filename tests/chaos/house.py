"""The studio of a chaos run: the real server as a process of its own, and everything it starts."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.ports import kept_port

ROOT = Path(__file__).parents[2]
PASSWORD = "chaos, but in order"
MARK = "CHAOS_RUN"
"""In the environment of every process of a run, so that only those are ever killed."""
LONGEST_S = 3600.0
"""For whatever takes seconds: a run ends, but a machine that is busy with others is no fault."""


class House:
    """Keeps a server running, over a datastore.

    Args:
        env: what its processes get besides, such as the clock.
        log: where the server's words go.
    """

    def __init__(self, datastore: Path, log: Path, env: Mapping[str, str]) -> None:
        self.datastore, self.log = datastore, log
        self.run = f"{os.getpid()}-{time.monotonic_ns()}"
        self._kept = kept_port()  # also while the server is away
        self.port = self._kept.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {
            **os.environ, **env, MARK: self.run, "CURATION_PASSWORD": PASSWORD,
            "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        self.starts = 0
        self._server: subprocess.Popen[bytes] | None = None
        self._keep = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="house", daemon=True)

    def open(self) -> None:
        """Start the server, and start it again whenever it is gone."""
        self._keep.set()
        if not self._thread.is_alive():
            self._thread = threading.Thread(target=self._watch, name="house", daemon=True)
            self._thread.start()

    def close(self, timeout_s: float = LONGEST_S) -> float:
        """End the server as `docker stop` does; return how long it took, in seconds."""
        self._keep.clear()
        self._thread.join()
        begun = time.monotonic()
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGTERM)
            self._server.wait(timeout_s)
        return time.monotonic() - begun

    def _watch(self) -> None:
        while self._keep.is_set():
            if self._server is None or self._server.poll() is not None:
                self._server = self.spawn(
                    "app.py", "--datastore", self.datastore, "--port", self.port
                )
                self.starts += 1
            time.sleep(0.3)

    def spawn(self, *words: str | Path | int) -> subprocess.Popen[bytes]:
        """Start a process of this run: a script, or "-m" and a module, with its words."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *map(str, words)],
                cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def finish(self, *words: str | Path | int, timeout_s: float = LONGEST_S) -> int:
        """Run a process of this run to its end and return its exit code."""
        return self.spawn(*words).wait(timeout_s)

    @property
    def server_pid(self) -> int:
        """Process number of the server, 0 when it is gone."""
        server = self._server
        return server.pid if server is not None and server.poll() is None else 0

    def processes(self) -> dict[str, list[psutil.Process]]:
        """Return what runs, by kind: server, job, worker (anything that one of these started)."""
        found: dict[str, list[psutil.Process]] = {"server": [], "job": [], "worker": []}
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) != self.run:
                    continue
                words = process.cmdline()
            except (psutil.Error, OSError):
                continue
            if process.pid == self.server_pid:
                kind = "server"
            elif "--job" in words or any(word.endswith("fetch_link") for word in words):
                kind = "job"
            else:
                kind = "worker"
            found[kind].append(process)
        return found

    def end_all(self) -> None:
        """Kill what is left of this run."""
        for kind in self.processes().values():
            for process in kind:
                try:
                    process.kill()
                except psutil.Error:
                    continue

    def is_healthy(self, timeout_s: float = 5.0) -> bool:
        """Return whether the server answers."""
        try:
            return httpx.get(f"{self.url}/healthz", timeout=timeout_s).status_code == 200
        except httpx.HTTPError:
            return False

    def wait_healthy(self, timeout_s: float = LONGEST_S) -> bool:
        """Wait until the server answers; return whether it did."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            if self.is_healthy(60.0):
                return True
            time.sleep(0.3)
        return False

    def client(self) -> httpx.Client:
        """Return a browser's line to the server."""
        return httpx.Client(base_url=self.url, auth=("chaos", PASSWORD), timeout=600)

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Read from the catalogue as somebody who only looks; [] when it cannot be read now."""
        uri = f"file:{self.datastore}/catalog.sqlite?mode=ro"
        try:
            db = sqlite3.connect(uri, uri=True, timeout=10)
            try:
                db.row_factory = sqlite3.Row
                return db.execute(sql, values).fetchall()
            finally:
                db.close()
        except sqlite3.Error:
            return []
