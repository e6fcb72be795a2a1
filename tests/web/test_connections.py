"""Slow senders, proxies and HEAD, against real servers on real sockets."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvicorn
import yaml
from starlette.testclient import TestClient

from curation.errors import CurationError
from curation.web.connections import MOST_WAITING, make_protocol
from curation.web.site import Settings
from tests.ports import kept_port, serving
from tests.web.conftest import every_route

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse battery"
SLOW_S = 6
MOST_DROPS = 600
"""Bytes, a tenth of a second apart, until a connection counts as held."""
ASK = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
SERVE = (
    "import sys; from functools import partial; from pathlib import Path\n"
    "from curation.web import app, connections, limits, site\n"
    # However slow this machine is: no head is late by itself, no guess is forgiven.
    "connections.make_protocol = partial(connections.make_protocol, head_s=3600)\n"
    "limits.WRONG_PASSWORDS = limits.Rate(10, 1e-6)\n"
    "settings = site.Settings.from_environment(Path(sys.argv[1]), ())\n"
    "made = app.create_app\n"
    "app.create_app = lambda settings: made(settings, with_pages=False)\n"  # starts sooner
    "app.serve(settings, '127.0.0.1', int(sys.argv[2]))\n"
)


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Answer at once, before a body has come; `/slow` takes SLOW_S."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/slow":
        import asyncio

        await asyncio.sleep(SLOW_S)
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hi"})


@contextmanager
def small_server(**limits: Any) -> Iterator[int]:
    config = uvicorn.Config(
        hello, log_level="critical", lifespan="off", ws="none", http=make_protocol(**limits)
    )
    with serving(config) as port:
        yield port


@contextmanager
def real_server(store: Path, **env: str) -> Iterator[int]:
    """Run what app.py runs."""
    kept = kept_port()
    port = int(kept.getsockname()[1])
    words = [sys.executable, "-c", SERVE, str(store), str(port)]
    known = {**os.environ, "CURATION_PASSWORD": PASSWORD}
    known.pop("FORWARDED_ALLOW_IPS", None)  # uvicorn by itself believes this machine then
    known |= env
    server = subprocess.Popen(words, cwd=ROOT, env=known)
    try:
        while server.poll() is None:
            with suppress(OSError):
                if asked(port, "GET", "/healthz") == 200:
                    break
            time.sleep(0.1)
        assert server.poll() is None, "the server ended"
        yield port
    finally:
        server.kill()
        server.wait()
        kept.close()


def asked(port: int, method: str, path: str, **headers: str) -> int:
    """Return the status of an answer."""
    from http.client import HTTPConnection

    line = HTTPConnection("127.0.0.1", port)
    line.request(method, path, headers=headers)
    reply = line.getresponse()
    reply.read()
    line.close()
    return reply.status


def dripped(port: int, start: bytes, drop: bytes) -> bytes:
    """Send a byte now and then until the server hangs up; return what it said."""
    drops, heard = 0, b""
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.settimeout(0.1)
        with suppress(ConnectionError):
            line.sendall(start)
            while True:
                try:
                    piece = line.recv(1000)
                    if not piece:
                        break
                    heard += piece
                except TimeoutError:
                    drops += 1
                    assert drops < MOST_DROPS, "it held its connection"
                    line.sendall(drop)
    return heard


def test_a_head_that_comes_a_byte_at_a_time_is_given_up() -> None:
    with small_server(head_s=2.0) as port:
        heard = dripped(port, b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ", b"x")
        assert heard.startswith(b"HTTP/1.1 408 ")
        # Nor on a connection that was good once, which no clock of uvicorn's ends.
        assert dripped(port, ASK + b"GET / HT", b"x").startswith(b"HTTP/1.1 200 ")
        assert dripped(port, b"", b"") == b""  # nothing at all


def test_the_rest_of_a_request_that_is_answered_has_an_end() -> None:
    post = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n"
    with small_server(rest_s=1.0) as port:
        assert dripped(port, post, b"x").startswith(b"HTTP/1.1 200 ")


def test_a_request_in_time_is_answered_however_long_that_takes() -> None:
    with small_server(head_s=SLOW_S - 1, rest_s=SLOW_S - 1) as port:
        assert asked(port, "GET", "/slow") == 200
    with small_server() as port:
        with socket.create_connection(("127.0.0.1", port)) as line:
            for part in (ASK[:20], ASK[20:], ASK, ASK):
                line.sendall(part)
                time.sleep(0.2)
            line.sendall(ASK[:-2] + b"connection: close\r\n\r\n")
            heard = b"".join(iter(lambda: line.recv(1000), b""))
        assert heard.count(b"HTTP/1.1 200 ") == 4
        assert asked(port, "POST", "/", **{"content-length": "0"}) == 200


def test_many_slow_connections_do_not_shut_others_out(tmp_path: Path) -> None:
    """What app.py serves, and more sockets than may wait; they leave long before their time."""
    with real_server(tmp_path / "store") as port, ExitStack() as lines:
        held = []
        for _ in range(MOST_WAITING + 60):
            line = lines.enter_context(socket.create_connection(("127.0.0.1", port)))
            line.sendall(b"GET / HTTP/1.1\r\nhost: localh")
            held.append(line)
        assert asked(port, "GET", "/healthz") == 200
        ended = sum(gone(line) for line in held)
        assert 60 <= ended < MOST_WAITING, ended
        assert not gone(held[-1])
        (server,) = [
            process for process in psutil.Process().children(recursive=True)
            if process.status() != psutil.STATUS_ZOMBIE and str(port) in process.cmdline()
        ]  # fmt: skip
        assert len(server.net_connections()) <= MOST_WAITING + 5


def gone(line: socket.socket) -> bool:
    line.settimeout(0.01)
    try:
        return line.recv(10) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def guesses(port: int, claimed: Callable[[int], str]) -> list[int]:
    """Return what a local client is answered that says it is somebody else each time."""
    wrong = "Basic " + base64.b64encode(b"me:wrong").decode()

    def guess(number: int) -> int:
        headers = {"x-forwarded-for": claimed(number), "authorization": wrong}
        return asked(port, "GET", "/api/jobs", **headers)

    with ThreadPoolExecutor(14) as pool:
        return list(pool.map(guess, range(14)))


def test_nobody_says_where_it_comes_from_unless_it_was_named(tmp_path: Path) -> None:
    with real_server(tmp_path / "store") as port:
        seen = guesses(port, lambda number: f"203.0.113.{number}")
        assert (seen.count(401), seen.count(429)) == (10, 4), "the limit was dodged"


def test_a_proxy_that_was_named_says_who_asks(tmp_path: Path) -> None:
    with real_server(tmp_path / "store", FORWARDED_ALLOW_IPS="127.0.0.1") as port:
        assert set(guesses(port, lambda number: f"203.0.113.{number}")) == {401}
        # What a client put there itself stands before what the proxy adds.
        seen = guesses(port, lambda number: f"198.51.100.{number}, 192.0.2.1")
        assert (seen.count(401), seen.count(429)) == (10, 4)


@pytest.mark.parametrize("said", ["*", "proxy", "0.0.0.0/0", "172.18.0.1/16", "127.0.0.1 x"])
def test_a_proxy_is_named_by_its_address(tmp_path: Path, said: str) -> None:
    with pytest.raises(CurationError, match="FORWARDED_ALLOW_IPS"):
        Settings.from_environment(tmp_path, (), {"FORWARDED_ALLOW_IPS": said})


def test_the_compose_file_passes_the_proxy_on() -> None:
    told = yaml.safe_load((ROOT / "compose.team.yaml").read_text())
    for service in told["services"].values():
        assert service["environment"]["FORWARDED_ALLOW_IPS"] == "${FORWARDED_ALLOW_IPS:-}"
    assert Settings.from_environment(ROOT, (), {"FORWARDED_ALLOW_IPS": ""}).trusted_proxies == ()
    named = Settings.from_environment(ROOT, (), {"FORWARDED_ALLOW_IPS": "10.0.0.1, 172.18.0.0/16"})
    assert named.trusted_proxies == ("10.0.0.1", "172.18.0.0/16")


def test_head_is_get_without_the_body(client: TestClient) -> None:
    assert client.head("/healthz").status_code == 200
    for method, path in every_route(client):
        if method == "GET" and not path.startswith("/api/explain"):
            whole, head = client.get(path), client.head(path)
            assert (head.status_code, head.content) == (whole.status_code, b""), path
            assert head.headers.get("content-length") == whole.headers.get("content-length"), path
    assert client.head("/ui/uploader.js").status_code == 200
    assert client.head("/nothing").status_code == 404


def test_head_asks_for_the_password_too(locked_client: TestClient) -> None:
    assert locked_client.head("/healthz").status_code == 200
    assert locked_client.head("/api/jobs").status_code == 401
