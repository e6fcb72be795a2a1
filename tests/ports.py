"""Ports for servers that tests start as processes of their own."""

from __future__ import annotations

import random
import socket

OURS = range(20_000, 32_000)
"""Below what Linux gives to whoever asks for any port: a server needs seconds to its start, and
what the system gave meanwhile, to a connection or to another test, would be taken."""


def free_port() -> int:
    """Return a port of this machine that nobody has, and that nobody is given by chance."""
    for port in random.SystemRandom().sample(OURS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"100 of the ports {OURS} are taken")
