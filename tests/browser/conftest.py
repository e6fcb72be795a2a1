"""A real server process, and a browser that reports what it should not have seen."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "test-results"


class Server:
    """`python app.py` over one datastore; it can be killed and started again on the same port."""

    def __init__(self, datastore: Path, *options: str) -> None:
        self.options = options
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.datastore = datastore
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = datastore.parent / "server.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
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
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
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


class Seen:
    """What went wrong in a page."""

    def __init__(self, page: Any, url: str) -> None:
        self.errors: list[str] = []
        self.outside: list[str] = []
        self.refused: list[str] = []
        own = (url, "data:", "blob:")
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: line.type == "error" and self.errors.append(line.text))
        page.on(
            "request",
            lambda request: request.url.startswith(own) or self.outside.append(request.url),
        )
        page.on(
            "response",
            lambda reply: (
                reply.status >= 400 and self.refused.append(f"{reply.status} {reply.url}")
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
