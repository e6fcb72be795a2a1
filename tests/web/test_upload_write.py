"""The way of an upload's bytes through the server: all of them, in order, soon on the disk."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from curation.web import upload_write
from curation.web.quick_body import QuickBody
from curation.web.upload_write import BUFFER_BYTES, Writer
from tests.ports import serving


@pytest.mark.parametrize("size", [0, 1, 4096, 300_000, BUFFER_BYTES, 3 * BUFFER_BYTES + 17])
def test_every_byte_is_written_in_its_place(tmp_path: Path, size: int) -> None:
    pieces = [random.Random(k).randbytes(size) for k in range(9)]

    async def write() -> None:
        with (tmp_path / "part").open("ab", buffering=0) as file:
            writer = Writer(file.fileno())
            for piece in pieces:
                await writer.take(piece)
            await writer.end()

    asyncio.run(write())
    assert (tmp_path / "part").read_bytes() == b"".join(pieces)


def test_a_slow_line_loses_no_more_than_came_just_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_write, "LATEST_S", 0.05)

    async def write() -> None:
        with (tmp_path / "part").open("ab", buffering=0) as file:
            writer = Writer(file.fileno())
            await writer.take(b"x" * 10)
            await asyncio.sleep(0.1)
            await writer.take(b"y" * 10)
            while (tmp_path / "part").read_bytes() != b"x" * 10 + b"y" * 10:
                await asyncio.sleep(0.01)
            await writer.end()

    asyncio.run(write())


class Told:
    """What the app of a test server heard."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.lines: list[QuickBody] = []

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """Take one body and answer its length."""
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(len(body)).encode()})


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def port(told: Told) -> Iterator[int]:
    class Line(QuickBody):
        def connection_made(self, transport: Any) -> None:
            told.lines.append(self)
            super().connection_made(transport)

    config = uvicorn.Config(
        told.app, http=Line, lifespan="off", log_level="error", interface="asgi3"
    )
    with serving(config) as port:
        yield port


def answers(line: socket.socket, count: int) -> bytes:
    """Read until so many answers are there."""
    got = b""
    while got.count(b"HTTP/1.1 200") < count or not got.endswith(b"0\r\n\r\n"):
        more = line.recv(65_536)
        assert more, got
        got += more
    return got


def test_bodies_come_whole_and_apart_from_what_follows(port: int, told: Told) -> None:
    """Several on one line, one sent behind the other without waiting."""
    bodies = [random.Random(k).randbytes(size) for k, size in enumerate((3_000_000, 0, 7, 900_000))]
    sent = b"".join(
        b"PUT /x HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        for body in bodies
    )
    with socket.create_connection(("127.0.0.1", port)) as line:
        threading.Thread(target=line.sendall, args=(sent,)).start()
        answers(line, len(bodies))
    assert told.bodies == bodies
    (one,) = told.lines
    assert one.quick_bytes > 3_000_000, "h11 copied them"


def test_a_body_that_breaks_off_is_no_whole_one(port: int, told: Told) -> None:
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(b"PUT /x HTTP/1.1\r\nhost: a\r\ncontent-length: 900000\r\n\r\n")
        line.sendall(bytes(500_000))
        time.sleep(0.3)
    time.sleep(0.3)
    assert told.bodies == []


def test_chunks_go_the_usual_way(port: int, told: Told) -> None:
    piece = random.Random(1).randbytes(50_000)
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(b"PUT /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(5):
            line.sendall(b"%x\r\n" % len(piece) + piece + b"\r\n")
        line.sendall(b"0\r\n\r\n")
        answers(line, 1)
    assert told.bodies == [5 * piece]
    assert told.lines[0].quick_bytes == 0
