"""A real server process, and a browser that reports what it should not have seen."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from curation.store.catalogue import FILE_NAME
from curation.store.jobs import JobTable
from tests.ports import kept_port

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "test-results"


PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


OBEYING = [
    sys.executable, "-c", "import ctypes, os, sys\n"
    f"ctypes.CDLL(None).prctl({PR_CAPBSET_DROP}, {CAP_DAC_OVERRIDE}, 0, 0, 0)\n"
    "os.execv(sys.argv[1], sys.argv[1:])"
]  # fmt: skip
"""Before a command: permissions stop it as they stop others, be it root's."""


class Server:
    """`python app.py` over one datastore; it can be killed and started again on the same port."""

    def __init__(self, datastore: Path, *options: str) -> None:
        self.options = options
        self._kept = kept_port()  # also while the server is away
        self.port = self._kept.getsockname()[1]
        self.datastore = datastore
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = datastore.parent / "server.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.through: list[str] = []
        """A command that its own is given to."""

    def start(self) -> None:
        """Start, and wait until it answers."""
        # An app of another test, in this process, may have named its own folder there.
        env = {name: value for name, value in os.environ.items() if name != "GRADIO_TEMP_DIR"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *self.through,
                    sys.executable,
                    str(ROOT / "app.py"),
                    "--port",
                    str(self.port),
                    "--datastore",
                    str(self.datastore),
                    *self.options,
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**env, "PYTHONUNBUFFERED": "1"},
            )
        while self.process.poll() is None:
            with suppress(OSError), urllib.request.urlopen(f"{self.url}/healthz") as reply:
                assert reply.status == 200
                return
            time.sleep(0.1)
        raise AssertionError(f"the server ended: {self.log.read_text()}")

    def kill(self) -> None:
        """End it without a word."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@contextmanager
def held(table: JobTable) -> Iterator[None]:
    """Stop the job that was started last as soon as it runs, and let it go on afterwards.

    Never in the middle of a write: a stopped process would keep the catalogue to itself.
    """
    while not ((jobs := table.recent(1)) and jobs[0].is_open and jobs[0].pid):
        assert not jobs or jobs[0].state != "done", "it ended before it could be held"
        time.sleep(0.01)
    while True:
        os.killpg(jobs[0].pid, signal.SIGSTOP)
        path = table.catalogue.root / FILE_NAME
        with (
            suppress(sqlite3.OperationalError),
            closing(sqlite3.connect(path, timeout=0.0, isolation_level=None)) as asked,
        ):
            asked.execute("BEGIN IMMEDIATE")
            asked.execute("ROLLBACK")
            break
        os.killpg(jobs[0].pid, signal.SIGCONT)
        time.sleep(0.01)
    try:
        yield
    finally:
        os.killpg(jobs[0].pid, signal.SIGCONT)


def wait_for_cancel(table: JobTable) -> None:
    """Wait until the newest job is asked to stop: a button tells only that it was pressed."""
    while not table.recent()[0].cancel:
        time.sleep(0.01)


@pytest.fixture
def context(context: Any) -> Any:
    """A browser context that waits as long as a busy machine needs."""
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE_MS)
    context.set_default_timeout(PATIENCE_MS)
    return context


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "datastore")
    made.start()
    yield made
    made.kill()
    text = made.log.read_text()
    assert "Traceback" not in text, text


def linked(source: Path, target: Path) -> Path:
    """Copy a datastore; pictures, which nobody changes, are links."""

    def copy(one: str, other: str) -> None:
        (os.link if one.endswith((".jpg", ".pack", ".mp4")) else shutil.copy2)(one, other)

    return Path(shutil.copytree(source, target, copy_function=copy))


PATIENCE_MS = 180_000
REVIEW_VIDEOS = 40
IN_EACH = 40


@pytest.fixture(scope="session")
def review_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ranked datastore of many short videos: each test marks one of its own."""
    from tests.review_store import fill

    root = tmp_path_factory.mktemp("review") / "datastore"
    fill(root, REVIEW_VIDEOS * IN_EACH, pictures=80, videos=REVIEW_VIDEOS).close()
    return root


@pytest.fixture(scope="session")
def review_server(review_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that keep to their own video."""
    made = Server(linked(review_once, tmp_path_factory.mktemp("served") / "datastore"))
    made.start()
    yield made
    made.kill()
    text = made.log.read_text()
    assert "Traceback" not in text, text


@pytest.fixture
def own_server(review_once: Path, tmp_path: Path) -> Iterator[Server]:
    """A server over a datastore of one's own: to be killed, applied, re-decided."""
    made = Server(linked(review_once, tmp_path / "datastore"))
    made.start()
    yield made
    made.kill()
    text = made.log.read_text()
    assert "Traceback" not in text, text


@pytest.fixture(scope="session")
def own_videos() -> Iterator[int]:
    """Numbers of videos that no test has used yet."""
    return count(1)


@pytest.fixture
def mine(own_videos: Iterator[int]) -> str:
    """The view of a video that no other test marks."""
    return f"video=holiday_{next(own_videos):03d}.mp4"


@pytest.fixture
def desk(page: Any, review_server: Server) -> Iterator[Any]:
    """The workspace in a browser; at the end nothing bad may have been seen."""
    from tests.browser.reviewing import Desk

    seen = Seen(page, review_server.url)
    yield Desk(page, review_server.url, review_server.datastore)
    seen.nothing_bad()


def _is_displaced(status: int, url: str) -> bool:
    """Return whether an answer only says that the page asked a newer question meanwhile, as it may
    on a slow machine: see `decide` of curation.web.review_data."""
    return status == 409 and url.endswith("/api/review/decide")


class Seen:
    """What went wrong in a page."""

    def __init__(self, page: Any, url: str) -> None:
        self.errors: list[str] = []
        self.outside: list[str] = []
        self.refused: list[str] = []
        own = (url, "data:", "blob:")
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "console",
            lambda line: (
                line.type == "error"
                and not (" 409 " in line.text and _is_displaced(409, line.location["url"]))
                and self.errors.append(line.text)
            ),
        )
        page.on(
            "request",
            lambda request: request.url.startswith(own) or self.outside.append(request.url),
        )
        page.on(
            "response",
            lambda reply: (
                reply.status >= 400
                and not _is_displaced(reply.status, reply.url)
                and self.refused.append(f"{reply.status} {reply.url}")
            ),
        )

    def nothing_bad(self) -> None:
        """Fail with what was seen."""
        assert (self.outside, self.errors, self.refused) == ([], [], [])


@pytest.fixture
def seen(page: Any, server: Server) -> Seen:
    return Seen(page, server.url)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Iterator[None]:
    """Keep a picture of the page where a test failed."""
    outcome = yield
    page = getattr(item, "funcargs", {}).get("page")
    if page is not None and call.when == "call" and outcome.get_result().failed:
        SHOTS.mkdir(exist_ok=True)
        with suppress(Exception):
            page.screenshot(path=SHOTS / f"{item.name}.png", full_page=True)
