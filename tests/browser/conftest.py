"""A real server process, and a browser that reports what it should not have seen."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "test-results"


class Server:
    """`python app.py` over one datastore; it can be killed and started again on the same port."""

    def __init__(self, datastore: Path) -> None:
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
