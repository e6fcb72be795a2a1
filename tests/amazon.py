"""Amazon's bucket protocol on this machine: moto's server, empty at its start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

import pytest


@contextmanager
def serving() -> Iterator[str]:
    """Serve an empty Amazon and give its address (moto keeps one state for a whole process, so
    what tests before left in it is wiped first)."""
    moto = pytest.importorskip("moto.server", reason="needs the development requirements")
    made = moto.ThreadedMotoServer("127.0.0.1", 0)
    made.start()
    host, port = made.get_host_and_port()
    with urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")):
        pass
    try:
        yield f"http://{host}:{port}"
    finally:
        made.stop()
