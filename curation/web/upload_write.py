"""Writes the bytes of an upload while the next ones come: two buffers, used again and again.

Where a line is fast, its bytes go straight from its socket into the file (web/quick_body.py); this
is for what comes before, behind, and over all other lines. Memory that is asked for and given back
for each piece costs more than the copy into one that is there: the system clears every page of it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curation.web.quick_body import Way

BUFFER_BYTES = 2 << 20
"""Each is written at its multiples in the file: see quick_body.BLOCK_BYTES."""
LATEST_S = 0.5
"""A kill loses no more of a slow line than came in this time."""


class Writer:
    """Appends to an open file; what does not fit into its buffer is written in another thread.

    Args:
        file_no: of a file that is open for appending, and stays open until `end`.
    """

    def __init__(self, file_no: int) -> None:
        self._file_no = file_no
        self._filling, self._other = memoryview(b""), memoryview(b"")
        self._filled = 0
        self._at = os.fstat(file_no).st_size
        self._begun = time.monotonic()
        self._writing: asyncio.Future[None] | None = None

    async def take(self, piece: bytes) -> None:
        """Take a piece; it waits only while both buffers are full.

        Raises:
            OSError: when the disk is full, or fails; also for what was taken earlier.
        """
        at = 0
        while at < len(piece):
            if not self._filling:
                self._filling = memoryview(bytearray(BUFFER_BYTES))
            n = min(len(piece) - at, self._room() - self._filled)
            part = piece if n == len(piece) else memoryview(piece)[at : at + n]
            self._filling[self._filled : self._filled + n] = part
            self._filled += n
            at += n
            if self._filled == self._room() or time.monotonic() - self._begun > LATEST_S:
                await self._change()

    async def end(self) -> None:
        """Write what is left.

        Raises:
            OSError: when the disk is full, or fails.
        """
        await self._written()
        if self._filled:
            write_all(self._file_no, self._filling[: self._filled])
        self._at += self._filled
        self._filled = 0

    async def pour(self, way: Way, room: int, is_over: Callable[[], bool]) -> int:
        """Write what is held, then what comes fast, past this writer: see Way.pour.

        Returns:
            bytes that came by the way.

        Raises:
            OSError: when the disk is full, or fails.
        """
        if not way.most(room):
            return 0
        await self.end()
        try:
            return await way.pour(self._file_no, room, is_over)
        finally:
            self._at = os.fstat(self._file_no).st_size

    def _room(self) -> int:
        """Return how much is written at once: up to where blocks of a file begin."""
        return BUFFER_BYTES - self._at % BUFFER_BYTES

    async def _change(self) -> None:
        await self._written()
        full = self._filling[: self._filled]
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(None, write_all, self._file_no, full)
        self._filling, self._other = self._other, self._filling
        self._at += self._filled
        self._filled, self._begun = 0, time.monotonic()

    async def _written(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing


def write_all(file_no: int, data: memoryview) -> None:
    """Write all of some bytes, however many the system takes at once."""
    while data:
        data = data[os.write(file_no, data) :]
