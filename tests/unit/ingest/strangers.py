"""A real web server of this machine that behaves as badly as any: what links are tested against."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BLOCK = 1 << 16
CUT = 40_000
"""Where a connection breaks off."""
SLOW_BLOCK, SLOW_S = 4000, 0.4


class Stranger:
    """The server: `files` by path, `asked` as (path, Range, If-Range), how each path misbehaves."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.files: dict[str, bytes] = {}
        self.kinds: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.moved: dict[str, str] = {}
        self.how: dict[str, str] = {}
        self.closed = threading.Event()
        self.asked: list[tuple[str, str | None, str | None]] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        kind = type("Server", (ThreadingHTTPServer,), {"address_family": family})
        self._server = kind((host, 0), type("Handler", (_Handler,), {"stranger": self}))
        self._server.daemon_threads = True
        self.host, self.port = host, self._server.server_port
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        self.open_to = ((host, self.port),)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def put(self, path: str, data: bytes, kind: str = "video/mp4", tag: str = '"one"') -> str:
        """Serve bytes under a path; return the address."""
        self.files[path], self.kinds[path], self.tags[path] = data, kind, tag
        return self.url + path

    def close(self) -> None:
        """End it."""
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[Stranger]:
    """Run a server for a while."""
    made = Stranger(host)
    try:
        yield made
    finally:
        made.close()


class _Handler(BaseHTTPRequestHandler):
    stranger: Stranger
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        self.close_connection = True
        with suppress(ConnectionError):
            self._do(self.path.partition("?")[0], body)

    def _do(self, path: str, body: bool) -> None:
        here, have = self.stranger, self.headers.get("Range")
        here.asked.append((self.path, have, self.headers.get("If-Range")))
        if path in here.moved:
            return self._head(302, {"Location": here.moved[path], "Content-Length": "0"})
        if path not in here.files:
            return self._head(404, {"Content-Length": "0"})
        data, how = here.files[path], here.how.get(path, "")
        headers = {"Content-Type": here.kinds[path], "Accept-Ranges": "bytes"}
        if here.tags[path]:
            headers["ETag"] = here.tags[path]
        start = 0
        same = self.headers.get("If-Range") in (None, here.tags[path])
        if have and same and how != "rangeless":
            start = int(have.removeprefix("bytes=").partition("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        if how == "gzip":
            headers["Content-Encoding"] = "gzip"
        length = len(data) - start + {"lies": 100_000}.get(how, 0)
        if how != "endless":
            headers["Content-Length"] = str(length)
        self._head(206 if start else 200, headers)
        if body:
            self._send(path, data[start:], how, start)

    def _send(self, path: str, data: bytes, how: str, start: int) -> None:
        if how == "endless":
            while True:
                self.wfile.write(data[:BLOCK] or bytes(BLOCK))
                data = data[BLOCK:]
        if how == "silent":
            self.wfile.write(data[:SLOW_BLOCK])
            self.wfile.flush()
            self.stranger.closed.wait()
            return
        if how == "cut":
            self.wfile.write(data[: max(0, CUT - start)])
            return
        for at in range(0, len(data), SLOW_BLOCK if how == "slow" else BLOCK):
            size = SLOW_BLOCK if how == "slow" else BLOCK
            self.wfile.write(data[at : at + size])
            if how == "slow":
                self.wfile.flush()
                time.sleep(SLOW_S)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"Connection": "close"}).items():
            self.send_header(name, value)
        self.end_headers()
