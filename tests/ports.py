"""Ports for tests: kept for a server that comes and goes, or served by a thread."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn


def kept_port() -> socket.socket:
    """Return a socket that holds a free port of 127.0.0.1 and does not listen.

    A server that sets SO_REUSEADDR, as all here do, may listen on it, end, and come back; whoever
    asks the system for any free port is never given this one.
    """
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    return kept


@contextmanager
def serving(config: uvicorn.Config) -> Iterator[int]:
    """Serve in a thread of this process; yield the port."""
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield int(listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()
