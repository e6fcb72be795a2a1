"""A real server knows its password; the processes that it starts do not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse battery"


def test_jobs_and_helpers_know_no_secret(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = (
        "import sys; from pathlib import Path; from curation.web import app, site\n"
        "settings = site.Settings.from_environment(Path(sys.argv[1]), ())\n"
        "made = app.create_app\n"
        "app.create_app = lambda settings: made(settings, with_pages=False)\n"  # starts sooner
        "app.serve(settings, '127.0.0.1', int(sys.argv[2]))\n"
    )
    env = {**os.environ, "CURATION_PASSWORD": PASSWORD, "CURATION_TOKEN": "t" * 32}
    server = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "store"), str(port)], cwd=ROOT, env=env
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/healthz")
        with suppress(urllib.error.HTTPError):
            urllib.request.urlopen(f"{url}/api/jobs")
            raise AssertionError("it was not asked for the password")
        asked = urllib.request.Request(f"{url}/api/review/thresholds", b"{}", method="POST")
        asked.add_header("authorization", f"Bearer {'t' * 32}")
        asked.add_header("content-type", "application/json")
        assert urllib.request.urlopen(asked).status == 202  # a job, which is a child
        started = Path(f"/proc/{server.pid}/environ").read_text(errors="replace")
        assert "PATH=" in started, "this reads what the server was started with"
        assert PASSWORD not in started and "t" * 32 not in started
        seen = 0
        end = time.monotonic() + 60
        while not seen and time.monotonic() < end:
            for child in psutil.Process(server.pid).children(recursive=True):
                with suppress(psutil.Error):
                    # Between fork and exec a child still shows what its parent was started with.
                    if not any("curation" in word for word in child.cmdline()):
                        continue
                    values = child.environ()
                    if "app.serve" in " ".join(child.cmdline()) or not values:
                        continue
                    assert PASSWORD not in str(values) and "t" * 32 not in str(values)
                    seen += 1
            time.sleep(0.05)
        assert seen, "no child was seen"
    finally:
        server.terminate()
        server.wait(30)


def wait_for(url: str) -> None:
    for _ in range(600):
        with suppress(OSError), urllib.request.urlopen(url) as reply:
            assert reply.status == 200
            return
        time.sleep(0.1)
    raise AssertionError("the server did not start")
