"""How much one address may ask: requests a second, bytes a request, time a piece."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import Message, Receive

MOST_ADDRESSES = 4096
MOST_HEADER_BYTES = 32_768
MOST_TARGET_BYTES = 8192
MOST_BODY_BYTES = 1_000_000
MOST_MARKS_BYTES = 8_000_000
DESK = re.compile(r"^/cull/[^/]+(?=/)")
MOST_LOGIN_BYTES = 4096
PIECE_TIMEOUT_S = 60.0
"""A body whose next piece takes longer is given up: slow senders must not pile up."""
SLOWEST_BYTES_S = 100.0
"""Of a whole body, after its first PIECE_TIMEOUT_S: a byte now and then is no body."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, then `per_s` a second."""

    burst: float
    per_s: float


WRONG_PASSWORDS = Rate(10, 1 / 30)
WRONG_PASSWORDS_OF_ALL = Rate(200, 1.0)
"""Of all addresses together, so that many addresses guess no faster than this."""

RATES: tuple[tuple[str, re.Pattern[str], Rate], ...] = (
    ("upload", re.compile(r"POST /api/uploads.*"), Rate(1000, 10)),
    ("piece", re.compile(r"PUT /api/uploads/.*"), Rate(1000, 200)),
    ("job", re.compile(r"POST /api/(review/(apply.*|thresholds)|jobs/.*)"), Rate(60, 1)),
    ("mark", re.compile(r"(POST|PUT|DELETE) /api/.*"), Rate(2000, 60)),
    ("page", re.compile(r"POST /gradio_api/.*"), Rate(1000, 60)),
    ("other", re.compile(r"(POST|PUT|DELETE|PATCH) .*"), Rate(120, 2)),
)
"""The first that fits a request counts it. Reading is not counted."""


class Buckets:
    """A bucket for each address that empties by use and fills with time.

    Args:
        clock: seconds; monotonic.
    """

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Take one and return 0.0; when there is none, return the seconds until there is."""
        now = self._clock()
        level, then = self._levels.pop(key, (self.rate.burst, now))
        level = min(self.rate.burst, level + (now - then) * self.rate.per_s)
        wait_s = 0.0 if level >= 1 else (1 - level) / self.rate.per_s
        self._levels[key] = (level - 1 if level >= 1 else level, now)
        while len(self._levels) > MOST_ADDRESSES:
            self._levels.popitem(last=False)
        return wait_s

    def give_back(self, key: str) -> None:
        """Undo one `take`."""
        if key in self._levels:
            level, then = self._levels[key]
            self._levels[key] = (min(self.rate.burst, level + 1), then)


class Limits:
    """The buckets of one server."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._wrong = Buckets(WRONG_PASSWORDS, clock)
        self._wrong_of_all = Buckets(WRONG_PASSWORDS_OF_ALL, clock)
        self._rates = {name: Buckets(rate, clock) for name, _, rate in RATES}

    def try_password(self, address: str) -> float:
        """Count a try before the password is looked at; return the seconds to wait, or 0.0."""
        wait_s = self._wrong.take(group_of(address))
        if wait_s:
            return wait_s
        return self._wrong_of_all.take("")

    def was_right(self, address: str) -> None:
        """Take back what `try_password` counted."""
        self._wrong.give_back(group_of(address))
        self._wrong_of_all.give_back("")

    def wait_s(self, method: str, path: str, address: str) -> float:
        """Count a request; return 0.0, or the seconds after which it may be sent again."""
        line = f"{method} {path}"
        for name, pattern, _ in RATES:
            if pattern.fullmatch(line):
                return self._rates[name].take(group_of(address))
        return 0.0


def group_of(address: str) -> str:
    """Return what is counted together: an IPv4 address, or the /64 that one IPv6 user has."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))


def inner(path: str) -> str:
    """Return the address of a route within its desk: `/cull/ID/api/x` is held to what /api/x is."""
    return DESK.sub("", path, count=1)


def most_body(method: str, path: str, upload_limit_bytes: int) -> int:
    """Return how many bytes the body of a request may have."""
    if path == "/login":
        return MOST_LOGIN_BYTES
    if path == "/api/review/ops" or path.startswith("/gradio_api/"):
        return MOST_MARKS_BYTES
    if method == "PUT" and path.startswith("/api/uploads/"):
        return upload_limit_bytes
    return MOST_BODY_BYTES


class TooLarge(Exception):
    """A body went on beyond its limit."""


class Body:
    """Receives a body no longer, and no slower, than allowed.

    Attributes:
        too_large: it went beyond its limit; whatever the app answers, the answer is 413.
    """

    def __init__(self, receive: Receive, most: int, piece_s: float = PIECE_TIMEOUT_S) -> None:
        self._receive = receive
        self._left = most
        self._piece_s = piece_s
        self._got_bytes, self._waited_s = 0, 0.0
        self._ended = False
        self.too_large = False

    async def __call__(self) -> Message:
        """Return the next message.

        Raises:
            TooLarge: more bytes came than the limit.
        """
        if self.too_large:
            raise TooLarge
        if self._ended:  # what comes now is the end of the connection, whenever that is
            return await self._receive()
        try:
            begun = time.monotonic()
            left_s = self._piece_s + self._got_bytes / SLOWEST_BYTES_S - self._waited_s
            # wait_for would make a task of each piece
            async with asyncio.timeout(min(self._piece_s, left_s)):
                message = await self._receive()
        except TimeoutError:
            self._ended = True
            return {"type": "http.disconnect"}
        self._waited_s += time.monotonic() - begun
        if message["type"] == "http.request":
            self._got_bytes += len(message.get("body", b""))
            self._left -= len(message.get("body", b""))
            self._ended = not message.get("more_body", False)
            if self._left < 0:
                self.too_large = True
                raise TooLarge
        return message
