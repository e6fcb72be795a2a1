"""Connections that ask for nothing: how long a request's head may take, how many may wait for one.

uvicorn ends a connection that is silent between two requests (`timeout_keep_alive`), but the first
byte of a head stops that clock and nothing starts another: one byte a second holds a socket for
hours, and a few hundred of them hold all that a process may open. Its `limit_concurrency` counts
those too, so that the slow ones would shut everybody else out.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from curation.web.quick_body import QuickBody

HEAD_S = 20.0
"""For a whole head: from the connection, or from its first byte on one that is used again."""
REST_S = 60.0
"""For what still comes of a request that is answered already."""
MOST_WAITING = 256
"""Connections without a request; one more, and the one that has waited longest is ended."""
TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def make_protocol(
    head_s: float = HEAD_S, rest_s: float = REST_S, most_waiting: int = MOST_WAITING
) -> type[H11Protocol]:
    """Return the protocol of one server; its connections are counted together."""
    waiting: dict[H11Protocol, None] = {}  # oldest first

    class Connection(QuickBody):
        """A connection whose requests come in time, or that is ended."""

        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._wait()
            self._expect(head_s)

        def connection_lost(self, exc: Exception | None) -> None:
            self._work()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            cycle: RequestResponseCycle | None = self.cycle
            if self._deadline is None and (cycle is None or cycle.response_complete):
                self._expect(head_s if self.conn.their_state is h11.IDLE else rest_s)
            super().data_received(data)
            if self.cycle is not cycle:
                self._work()

        def on_response_complete(self) -> None:
            cycle = self.cycle
            super().on_response_complete()
            if self.cycle is cycle and not self.transport.is_closing():
                self._wait()

        def _wait(self) -> None:
            waiting.pop(self, None)
            waiting[self] = None
            if len(waiting) > most_waiting:
                oldest = next(iter(waiting))
                del waiting[oldest]
                oldest.transport.abort()

        def _expect(self, within_s: float) -> None:
            self._deadline = self.loop.call_later(within_s, self._end)

        def _work(self) -> None:
            waiting.pop(self, None)
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _end(self) -> None:
            self._deadline = None
            if self.transport.get_write_buffer_size():
                self.transport.abort()  # it does not take its last answer either
                return
            if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
                self.transport.write(TOO_SLOW)
            self.transport.close()

    return Connection
