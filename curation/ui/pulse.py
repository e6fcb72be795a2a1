"""What follows a load of the page, a tick of its timer, a job's end: few requests for all tabs.

A browser goes through all components of a page for every answer, however little that changes
(about 0.3 s on two slow cores with Gradio 6). Twenty small answers at a job's end kept the page
from its buttons for six seconds, so each tab says what it wants to follow, and all are asked at
once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any

import gradio as gr

log = logging.getLogger(__name__)

QUICK: dict[str, Any] = {
    "queue": False,
    "show_progress": "hidden",
    "api_visibility": "private",
}
"""For handlers that answer in milliseconds."""

Step = tuple[Callable[..., Any], Any, Any]
"""A handler, its inputs and its outputs, as Gradio's events take them."""


def together(steps: Sequence[Step]) -> Step:
    """Return several steps as one.

    One that fails leaves its own outputs as they are and costs no other anything.

    Raises:
        ValueError: two of them write the same component.
    """
    inputs = [_listed(step[1]) for step in steps]
    outputs = [_listed(step[2]) for step in steps]
    every = [part for parts in outputs for part in parts]
    if len({id(part) for part in every}) < len(every):
        raise ValueError("two steps write the same component")

    def answer(*values: Any) -> Any:
        at, told = 0, []
        for (handler, *_), taken, given in zip(steps, inputs, outputs, strict=True):
            mine = values[at : at + len(taken)]
            at += len(taken)
            try:
                found = handler(*mine)
                found = [found] if len(given) == 1 else list(found)
            except Exception:
                log.exception("a part of the page could not be told")
                found = [gr.skip()] * len(given)
            told += found
        return told if len(told) != 1 else told[0]

    return answer, [part for parts in inputs for part in parts], every


class Pulse:
    """Gathers what tabs want to follow, then connects it.

    Args:
        timer: ticks while a job waits or runs.
        ended: changes when a job has ended.
    """

    def __init__(self, demo: gr.Blocks, timer: Any, ended: Any) -> None:
        self._chains: dict[Callable[..., Any], list[tuple[Step, ...]]] = {}
        self._load, self._tick, self._ended = demo.load, timer.tick, ended.change

    def loaded(self, *steps: Step) -> None:
        """Run steps, one after the other, when the page was loaded."""
        self._chains.setdefault(self._load, []).append(steps)

    def ticked(self, *steps: Step) -> None:
        """Run steps, one after the other, at each tick."""
        self._chains.setdefault(self._tick, []).append(steps)

    def ended(self, *steps: Step) -> None:
        """Run steps, one after the other, when a job has ended."""
        self._chains.setdefault(self._ended, []).append(steps)

    def connect(self) -> None:
        """Connect the first steps of all, then the second ones, and so on."""
        for begin, chains in self._chains.items():
            event = begin
            for wave in zip_longest(*chains):
                event = event(*together([step for step in wave if step]), **QUICK).then


def _listed(parts: Any) -> list[Any]:
    if parts is None:
        return []
    return list(parts) if isinstance(parts, list | tuple) else [parts]
