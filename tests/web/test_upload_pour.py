"""Bodies that go from a socket into a file by themselves: whole, in order, and no further."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import resource
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from curation.web import quick_body
from curation.web.app import create_app
from curation.web.connections import make_protocol
from curation.web.quick_body import MOST_THREADS, WAY, QuickBody, Way
from curation.web.security import Rules
from curation.web.site import Settings
from tests import videos

ROOM = 1 << 40


class Pourer:
    """A server whose app writes each body into a file, by the short way where there is one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ends: list[str] = []
        self.poured: list[int] = []
        self.lines: list[QuickBody] = []
        self.room = ROOM
        self.is_over = lambda: False

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """Take one body; answer its length."""
        number, poured, end = len(self.ends), 0, "whole"
        self.ends.append("open")
        self.poured.append(0)
        way: Way = scope["extensions"][WAY]
        with (self.folder / str(number)).open("ab", buffering=0) as file:
            try:
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        end = "broken off"
                        break
                    file.write(message["body"])
                    more = message["more_body"]
                    poured += await way.pour(file.fileno(), self.room, self.is_over)
                    self.poured[number] = poured
            except OSError as error:
                end = type(error).__name__
            except asyncio.CancelledError:
                self.ends[number] = "cancelled"
                raise
            size = file.tell()
        self.ends[number] = end
        if end != "broken off":
            head = [(b"content-length", b"9")]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            await send({"type": "http.response.body", "body": b"%09d" % size})

    def got(self, number: int) -> bytes:
        """Return what came of one body."""
        return (self.folder / str(number)).read_bytes()


@pytest.fixture
def pourer(tmp_path: Path) -> Pourer:
    return Pourer(tmp_path)


@contextmanager
def served(app: Any, lines: list[QuickBody], **more: Any) -> Iterator[uvicorn.Server]:
    """Run a server of an app, with connections as app.py has them."""

    class Line(make_protocol()):  # type: ignore[misc]
        def connection_made(self, transport: Any) -> None:
            lines.append(self)
            super().connection_made(transport)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app, port=listener.getsockname()[1], http=Line, log_level="error",
            timeout_graceful_shutdown=1, **more,
        )  # fmt: skip
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        until(lambda: server.started)
        yield server
        server.should_exit = True
        thread.join()


@pytest.fixture
def server(pourer: Pourer) -> Iterator[uvicorn.Server]:
    with served(pourer.app, pourer.lines, lifespan="off", interface="asgi3") as server:
        yield server


@pytest.fixture
def line(server: uvicorn.Server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.config.port)) as line:
        yield line


def head(length: int) -> bytes:
    return b"PUT /x HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % length


def data(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def answers(line: socket.socket, count: int) -> list[int]:
    """Return the lengths that so many answers tell."""
    got = b""
    while got.count(b"\r\n\r\n") < count or len(got.rpartition(b"\r\n\r\n")[2]) < 9:
        more = line.recv(65_536)
        assert more, got
        got += more
    return [int(part[:9]) for part in got.split(b"\r\n\r\n")[1:]]


def until(what: Any) -> None:
    while not what():
        time.sleep(0.02)


def test_bodies_sent_behind_each_other_stay_apart(pourer: Pourer, line: socket.socket) -> None:
    bodies = [data(size, size) for size in (9_000_000, 3, 0, 5_000_001, 2_000_000)]
    sent = b"".join(head(len(body)) + body for body in bodies)
    threading.Thread(target=line.sendall, args=(sent,)).start()
    assert answers(line, len(bodies)) == [len(body) for body in bodies]
    assert [pourer.got(number) for number in range(len(bodies))] == bodies
    assert pourer.poured[0] > 4_000_000 and pourer.poured[1] == 0
    (one,) = pourer.lines
    assert one.poured_bytes == sum(pourer.poured)


def test_what_rests_goes_on(pourer: Pourer, line: socket.socket) -> None:
    """Fast, then nothing for a while, then a byte at a time, then fast."""
    body = data(12_000_000)
    line.sendall(head(len(body)) + body[:4_000_000])
    time.sleep(4 * quick_body.REST_S)
    for at in range(4_000_000, 4_000_010):
        line.sendall(body[at : at + 1])
        time.sleep(0.02)
    line.sendall(body[4_000_010:])
    assert answers(line, 1) == [len(body)]
    assert pourer.got(0) == body and pourer.poured[0] > 0


@pytest.mark.parametrize("linger", [False, True])
def test_a_line_that_breaks_leaves_what_came(
    pourer: Pourer, line: socket.socket, linger: bool
) -> None:
    body = data(6_000_000)
    line.sendall(head(2 * len(body)) + body)
    if linger:  # the other side is gone without a word
        until(lambda: pourer.lines[0].poured_bytes)  # what nobody read goes with the line
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    line.close()
    until(lambda: pourer.ends == ["broken off"])
    got = pourer.got(0)
    assert body.startswith(got) and pourer.poured[0] > 0
    assert linger or got == body


def test_a_body_that_has_no_room_is_not_begun(pourer: Pourer, line: socket.socket) -> None:
    pourer.room = 900_000
    body = data(4_000_000)
    line.sendall(head(len(body)) + body)
    assert answers(line, 1) == [len(body)]  # this app takes it the usual way all the same
    assert pourer.poured == [0] and pourer.got(0) == body


def test_who_wants_no_more_is_heard(pourer: Pourer, line: socket.socket) -> None:
    pourer.is_over = lambda: True
    body = data(4_000_000)
    line.sendall(head(len(body)) + body)
    assert answers(line, 1) == [len(body)]
    assert pourer.poured == [0] and pourer.got(0) == body


def test_a_full_disk_is_told_and_the_line_is_of_use_after_it(
    pourer: Pourer, line: socket.socket
) -> None:
    body = data(8_000_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, before[1]))
    try:
        sender = threading.Thread(target=line.sendall, args=(head(len(body)) + body,))
        sender.start()
        assert answers(line, 1) == [2_000_000]
        sender.join()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert pourer.ends == ["OSError"]
    assert body.startswith(pourer.got(0))
    # The rest of the body is no request: what was read of it by the thread counts as read.
    line.sendall(head(2_000_000) + body[:2_000_000])
    assert answers(line, 1) == [2_000_000]
    assert pourer.got(1) == body[:2_000_000]


def test_a_server_that_ends_waits_for_no_body(
    pourer: Pourer, server: uvicorn.Server, line: socket.socket
) -> None:
    stop = threading.Event()

    def send() -> None:
        line.sendall(head(1 << 34))
        try:
            while not stop.is_set():
                line.sendall(bytes(100_000))
                time.sleep(0.005)
        except OSError:
            return

    sender = threading.Thread(target=send)
    sender.start()
    until(lambda: pourer.lines and pourer.lines[0].poured_bytes)
    server.should_exit = True
    until(lambda: pourer.ends[0] != "open")
    stop.set()
    sender.join()
    assert pourer.ends[0] in ("cancelled", "broken off")
    until(lambda: Way._open_now == 0)


def test_many_at_once_all_come(pourer: Pourer, server: uvicorn.Server) -> None:
    """More than there are threads: the others go the usual way."""
    bodies = {size: data(size, size) for size in range(3_000_000, 3_000_000 + 2 * MOST_THREADS)}
    said = []

    def send(body: bytes) -> None:
        with socket.create_connection(("127.0.0.1", server.config.port)) as line:
            line.sendall(head(len(body)) + body)
            said.extend(answers(line, 1))

    threads = [threading.Thread(target=send, args=(body,)) for body in bodies.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == sorted(bodies)
    for number in range(len(bodies)):
        got = pourer.got(number)
        assert bodies[len(got)] == got


# -- the whole studio ----------------------------------------------------------------------------


def asked(line: HTTPConnection, method: str, path: str, body: bytes, **more: str) -> Any:
    """Return the status and what an answer says."""
    headers = {"content-type": "application/json", **more}
    line.request(method, path, body, headers)
    reply = line.getresponse()
    text = reply.read()
    return reply.status, json.loads(text) if text else None


def test_a_studio_pours_what_it_let_in_and_nothing_else(datastore: Path, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    shutil.copy(videos.clip("cfr25").path, film)
    with film.open("ab") as file:  # a box that readers pass over
        file.write((8 + 20_000_000).to_bytes(4, "big") + b"free" + data(20_000_000))
    whole = film.read_bytes()
    app = create_app(Settings(datastore, rules=Rules(password="the word")), with_pages=False)
    key = {"authorization": "Basic " + base64.b64encode(b"me:the word").decode()}
    lines: list[QuickBody] = []
    with served(app, lines) as server:
        line = HTTPConnection("127.0.0.1", server.config.port)
        said = json.dumps({"name": "film.mp4", "size": len(whole)}).encode()
        _, upload = asked(line, "POST", "/api/uploads", said, **key)
        where, start = f"/api/uploads/{upload['id']}", {"upload-offset": "0"}
        line.request("PUT", where, whole, start)
        reply = line.getresponse()
        assert reply.status == 401
        line.close()
        assert sum(one.poured_bytes for one in lines) == 0
        half = len(whole) // 2
        status, told = asked(line, "PUT", where, whole[:half], **start, **key)
        assert (status, told["offset"]) == (200, half)
        status, told = asked(
            line, "PUT", where, whole[half:], **{"upload-offset": str(half)}, **key
        )
        assert (status, told["video"]["name"]) == (200, "film.mp4")
        assert sum(one.poured_bytes for one in lines) > len(whole) // 2
        kept = datastore / "videos_folder_1" / "film.mp4"
        assert kept.read_bytes() == whole


def test_an_upload_that_is_cancelled_meanwhile_is_gone(datastore: Path) -> None:
    app = create_app(Settings(datastore), with_pages=False)
    lines: list[QuickBody] = []
    with served(app, lines) as server:
        line = HTTPConnection("127.0.0.1", server.config.port)
        said = json.dumps({"name": "film.mp4", "size": 1 << 30}).encode()
        _, upload = asked(line, "POST", "/api/uploads", said)
        where = f"/api/uploads/{upload['id']}"
        stop = threading.Event()

        def send() -> None:
            with socket.create_connection(("127.0.0.1", server.config.port)) as sender:
                head = f"PUT {where} HTTP/1.1\r\nhost: localhost\r\nupload-offset: 0\r\n"
                sender.sendall(head.encode() + b"content-length: 1073741824\r\n\r\n")
                with suppress(OSError):
                    while not stop.is_set():
                        sender.sendall(bytes(100_000))
                        time.sleep(0.005)

        thread = threading.Thread(target=send)
        thread.start()
        until(lambda: any(one.poured_bytes for one in lines))
        assert asked(line, "DELETE", where, b"")[0] == 204
        until(lambda: not list((datastore / "videos_folder_1").iterdir()))
        assert asked(line, "GET", where, b"")[0] == 404
        stop.set()
        thread.join()
