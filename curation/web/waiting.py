"""Waiting for the helper without holding one of the threads that serve pictures."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any

from fastapi import Request

LOOK_AFTER_S = 0.1
"""How long until it is looked whether the page still waits."""


async def waited(request: Request, answer: Future[Any]) -> Any:
    """Return an answer to come, or None when the page hung up first: then nobody works on it
    unless somebody already does.

    Raises:
        CurationError: what went wrong in the helper.
    """
    waiting = asyncio.wrap_future(answer)
    # Nobody waits for one that is let go: how it ended is looked at, so that no log complains.
    waiting.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    while not waiting.done():
        await asyncio.wait({waiting}, timeout=LOOK_AFTER_S)
        if not waiting.done() and await request.is_disconnected():
            answer.cancel()
            return None
    return waiting.result()
