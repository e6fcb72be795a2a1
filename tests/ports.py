"""Ports that nobody else on this machine is given while a test keeps them."""

from __future__ import annotations

import socket


def kept_port() -> socket.socket:
    """Return a socket that holds a free port of 127.0.0.1 and does not listen.

    A server that sets SO_REUSEADDR, as all here do, may listen on it, end, and come back; whoever
    asks the system for any free port is never given this one.
    """
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    return kept
