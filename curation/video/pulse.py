"""A sign of life for whoever watches this process: given for each packet and each picture."""

from __future__ import annotations

from collections.abc import Callable

_listeners: list[Callable[[], None]] = []


def listen(call: Callable[[], None]) -> None:
    """Have a function called at each sign of life of this process, in place of an earlier one."""
    _listeners[:] = [call]


def beat() -> None:
    """Say that the work goes on."""
    for call in _listeners:
        call()
