"""Large bodies of requests without the copies that h11 and uvicorn make of each of their bytes.

uvicorn's own protocol takes what a socket gives into h11's buffer, out of it, into the cycle's and
out of that: at the speed of a disk that is most of what an upload costs. Here the bytes of a body
whose length is known go to the cycle as they came. Its head, its last bytes, and whatever is not as
plain as that go the usual way, so that h11 decides where a request ends.

A route that only writes its body down may go further, once every guard has let the request in: it
finds a `Way` in its scope, which takes what comes fast from the socket into a file, in a thread
that does nothing else, until the line rests. So nothing of Python runs between two pieces. All that
is slow, broken off, or the last byte of a body is left to the usual way with its limits.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import h11
from h11._readers import ContentLengthReader
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from curation.web.upload_write import write_all

WAY = "curation.way"
"""The extension of a scope by which a route finds the way of its body."""
LEAST_BYTES = 1 << 20
"""For less of a body no thread is asked."""
BLOCK_BYTES = 1 << 20
"""What is written at once, at its multiples in the file: the system keeps a file in memory in large
pieces, and to write across their borders costs ten times the processor (Linux 6.18, ext4)."""
MOST_THREADS = 4
"""Bodies that are poured at once; others go the usual way meanwhile."""
REST_S = 0.05
"""A line that rests so long is no fast one; what comes later comes the usual way first."""
LONGEST_S = 0.5
"""After this all is written that came, and the route may look around before it goes on."""

_threads = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="pour")


class QuickBody(H11Protocol):
    """uvicorn's protocol of h11, with a short way for bodies."""

    quick_bytes = 0
    """That went the short way."""
    poured_bytes = 0
    """That went into a file without being seen by anybody."""

    def data_received(self, data: bytes) -> None:
        """Take bytes from the socket."""
        reader = self.plain_reader()
        if reader is None or reader._remaining <= len(data):
            super().data_received(data)
            return
        cycle: RequestResponseCycle = self.cycle
        reader._remaining -= len(data)
        self.quick_bytes += len(data)
        # bytes(body), which the cycle does when it is asked for them, is no copy of bytes.
        cycle.body = bytes(cycle.body) + data if cycle.body else data  # type: ignore[assignment]
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def handle_events(self) -> None:
        """Let h11 read what it has; a request that begins is told of its way."""
        before = self.cycle
        super().handle_events()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle is not before:
            scope: dict[str, Any] = cycle.scope  # type: ignore[assignment]
            scope["extensions"] = {**scope.get("extensions", {}), WAY: Way(self, cycle)}

    def plain_reader(self) -> ContentLengthReader | None:
        """Return what counts the rest of a body of known length that h11 holds nothing of."""
        cycle: RequestResponseCycle | None = self.cycle
        conn = self.conn
        reader = getattr(conn, "_reader", None)
        if (
            cycle is None
            or cycle.response_complete
            or type(reader) is not ContentLengthReader
            or conn.their_state is not h11.SEND_BODY
            or conn.our_state not in (h11.SEND_RESPONSE, h11.SEND_BODY)
            or conn.trailing_data[0]
        ):
            return None
        return reader


class Way:
    """The short way of one request's body into a file."""

    _open_now = 0

    def __init__(self, line: QuickBody, cycle: RequestResponseCycle) -> None:
        self._line = line
        self._cycle = cycle

    def most(self, room: int) -> int:
        """Return how many bytes may be poured now, 0 for none: then the usual way is the one.

        Args:
            room: bytes that the file may still get; no body that has more is begun.
        """
        line = self._line
        reader = line.plain_reader()
        if (
            reader is None
            or line.cycle is not self._cycle
            or self._cycle.body
            or not LEAST_BYTES < reader._remaining <= room
            or not _is_plain(line.transport, line.loop)
            or Way._open_now >= MOST_THREADS
        ):
            return 0
        return int(reader._remaining) - 1  # the last one tells h11 that the body ends

    async def pour(self, file_no: int, room: int, is_over: Callable[[], bool]) -> int:
        """Write what comes of the body into a file, for as long as it comes fast.

        Only for who reads this body, and not while it waits for a piece of it.

        Args:
            file_no: of an open file; it stays open until this ends, also when this is cancelled.
            room: as for `most`.
            is_over: asked between two writes, in a thread; true when nobody wants the rest.

        Returns:
            bytes that came, all of them written; 0 when the usual way is the one.

        Raises:
            OSError: the disk is full, or fails.
        """
        most = self.most(room)
        if not most:
            return 0
        line = self._line
        reader: Any = line.plain_reader()
        flow, transport = line.flow, line.transport
        was_paused = flow.read_paused
        transport.pause_reading()
        flow.read_paused = False  # whoever asks for the next piece meanwhile wakes nothing
        Way._open_now += 1
        with transport.get_extra_info("socket").dup() as plug:
            pouring = _Pouring(plug, file_no, most, is_over)
            try:
                await _whole(line.loop.run_in_executor(_threads, pouring.run), pouring.stop)
            finally:
                Way._open_now -= 1
                reader._remaining -= pouring.got
                line.poured_bytes += pouring.got
                flow.read_paused = was_paused
                if not was_paused and not transport.is_closing():
                    transport.resume_reading()
        return pouring.got


class _Pouring:
    """The work of a thread: out of a socket, into a file.

    Attributes:
        got: bytes that the socket gave.
    """

    def __init__(
        self, plug: socket.socket, file_no: int, most: int, is_over: Callable[[], bool]
    ) -> None:
        self.got = 0
        self._plug, self._file_no, self._most, self._is_over = plug, file_no, most, is_over
        self._is_stopped = False

    def stop(self) -> None:
        """End soon."""
        self._is_stopped = True

    def run(self) -> None:
        """Work until the line rests or breaks, or it is enough; OSError when a write fails."""
        until = time.monotonic() + LONGEST_S
        waiter = select.poll()
        waiter.register(self._plug, select.POLLIN)
        buffer = memoryview(bytearray(BLOCK_BYTES))
        begun = os.fstat(self._file_no).st_size % BLOCK_BYTES
        filled = begun
        while self.got < self._most and time.monotonic() < until:
            if self._is_stopped or self._is_over():
                break
            try:
                end = min(BLOCK_BYTES, filled + self._most - self.got)
                n = self._plug.recv_into(buffer[filled:end])
            except BlockingIOError:
                if waiter.poll(1000 * REST_S):
                    continue
                break
            except OSError:  # the line broke: its transport finds that out too
                break
            if not n:
                break
            self.got += n
            filled += n
            if filled == BLOCK_BYTES:
                write_all(self._file_no, buffer[begun:])
                begun = filled = 0
        write_all(self._file_no, buffer[begun:filled])


async def _whole(future: asyncio.Future[None], stop: Callable[[], None]) -> None:
    """Wait for work in a thread to end, also when cancelled: then it is told to be quick."""
    cancelled = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
            stop()
    if cancelled is not None:
        future.exception()  # it is heard, and nobody is left to be told
        raise cancelled
    future.result()


def _is_plain(transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> bool:
    """Whether a connection's bytes come as they are from a socket that may be waited for."""
    return (
        isinstance(loop, asyncio.SelectorEventLoop)
        and hasattr(select, "poll")
        and transport.get_extra_info("sslcontext") is None
        and transport.get_extra_info("socket") is not None
        and not transport.is_closing()
    )
