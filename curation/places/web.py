"""Asking the web by range: public addresses only, sizes and times capped, connections kept.

A name is looked up once for a connection, every address that it has must be public, and the
connection goes to one of just those. Proxies, cookies and .netrc are not used.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin

from curation.places.place import PlaceError
from curation.public_only import AddressRefused, checked, own_addresses, why_not

AGENT = "frame-curation-studio"
BLOCK = 1 << 20
TIMEOUT_S = 20.0
REQUEST_S, SLOWEST_BYTES_S = 60.0, 20_000
MOST_REDIRECTS = 5
MOVED = (301, 302, 303, 307, 308)


@dataclass(slots=True)
class Reply:
    """The beginning of an answer; `url` is where it came from, after redirects."""

    url: str
    status: int
    headers: Mapping[str, str]
    blocks: Iterator[bytes]

    def body(self, most_bytes: int) -> bytes:
        """Return all of it.

        Raises:
            PlaceError: it is longer than it may be, or breaks off.
        """
        found = bytearray()
        for block in self.blocks:
            found += block
            if len(found) > most_bytes:
                raise PlaceError(f"answers with more than {most_bytes:,} bytes")
        return bytes(found)


class Web:
    """Who asks. `open_to` lets tests, and an endpoint that an operator typed, be asked."""

    def __init__(self, open_to: tuple[tuple[str, int], ...] = ()) -> None:
        self.open_to = open_to
        self._kept: dict[tuple[str, str, int], http.client.HTTPConnection] = {}

    def close(self) -> None:
        """Close all connections."""
        for connection in self._kept.values():
            connection.close()
        self._kept.clear()

    @contextmanager
    def ask(
        self, url: str, headers: Mapping[str, str] | None = None, *, method: str = "GET",
        body: bytes | None = None, most_bytes: int = BLOCK, follow: bool = True,
    ) -> Iterator[Reply]:  # fmt: skip
        """Ask once, and after redirects if they are to be followed.

        Args:
            most_bytes: how much is expected; together with SLOWEST_BYTES_S it bounds the time.
            follow: False wherever a token is sent.

        Raises:
            PlaceError: it may not be asked, does not answer, or breaks off.
        """
        at = url
        for _ in range(MOST_REDIRECTS + 1):
            with self._once(at, headers or {}, method, body, most_bytes) as reply:
                where = reply.headers.get("location", "")
                if not (follow and reply.status in MOVED and where):
                    yield reply
                    return
            new = urljoin(at, where.encode("latin-1", "replace").decode("utf-8", "replace"))
            if at.startswith("https:") and not new.startswith("https:"):
                raise PlaceError("redirects from https to something else")
            at = new
        raise PlaceError(f"redirects more than {MOST_REDIRECTS} times")

    @contextmanager
    def _once(
        self, url: str, headers: Mapping[str, str], method: str, body: bytes | None, most: int
    ) -> Iterator[Reply]:
        try:
            parts = checked(quote(url, safe="/?&=%:@!$'()*+,;~-._#[]"))
        except AddressRefused as error:
            raise PlaceError(f"may not be asked: {error.message}") from None
        connection = self._connected(parts)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = {"User-Agent": AGENT, "Accept-Encoding": "identity", **headers}
        # A server that sends letter by letter never runs into the socket's own limit.
        ended = threading.Event()
        guard = threading.Timer(REQUEST_S + most / SLOWEST_BYTES_S, _end, (connection, ended))
        guard.daemon = True
        guard.start()
        done = False
        try:
            connection.request(method, path, body=body, headers=sent)
            reply = connection.getresponse()
            if reply.headers.get("Content-Encoding", "identity") != "identity":
                raise PlaceError("packs its answers although it was asked not to")
            _in_time(ended)
            told = {name.lower(): value for name, value in reply.headers.items()}
            yield Reply(url, reply.status, told, _blocks(reply, ended))
            done = reply.isclosed()
        except (http.client.HTTPException, OSError) as error:
            raise PlaceError(f"breaks off: {type(error).__name__}") from None
        finally:
            guard.cancel()
            if not done:  # what is unread would be taken for the next answer
                self._drop(connection)

    def _connected(self, parts: SplitResult) -> http.client.HTTPConnection:
        host, secure = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        kept = self._kept.get((parts.scheme, host, port))
        if kept is not None and kept.sock is not None:
            return kept
        tried = ""
        for address in self._addresses(host, port):
            try:
                plain = socket.create_connection((address, port), TIMEOUT_S)
            except OSError as error:
                tried = error.strerror or type(error).__name__
                continue
            made = http.client.HTTPConnection(_ascii(host), port, timeout=TIMEOUT_S)
            made.sock = plain
            if secure:
                made.default_port = 443  # so that the Host header names no port
                try:
                    context = ssl.create_default_context()
                    made.sock = context.wrap_socket(plain, server_hostname=host)
                except OSError as error:
                    plain.close()
                    raise PlaceError(f"{host} cannot be trusted: {type(error).__name__}") from None
            made.auto_open = 0  # a second connection would look the name up again
            self._kept[parts.scheme, host, port] = made
            return made
        raise PlaceError(f"{host} does not answer: {tried}")

    def _addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host; each of them may be asked."""
        try:
            rows = socket.getaddrinfo(_ascii(host), port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise PlaceError(f"{host} is not found") from None
        own = own_addresses()
        found = list(dict.fromkeys(str(row[4][0]) for row in rows))
        for address in found:
            if (address, port) not in self.open_to and (why := why_not(address, port, own)):
                raise PlaceError(f"{host} may not be asked: {why}")
        return found

    def _drop(self, connection: http.client.HTTPConnection) -> None:
        connection.close()
        for where, kept in list(self._kept.items()):
            if kept is connection:
                del self._kept[where]


def _in_time(ended: threading.Event) -> None:
    """Refuse an answer that we ended ourselves: it looks like one that came to its end."""
    if ended.is_set():
        raise PlaceError("breaks off: it takes too long")


def _blocks(reply: http.client.HTTPResponse, ended: threading.Event) -> Iterator[bytes]:
    """Yield an answer's body; http.client takes one that ends too early for whole in read1."""
    left = reply.length
    while block := reply.read1(BLOCK):
        left = None if left is None else left - len(block)
        yield block
    _in_time(ended)
    if left:
        raise http.client.IncompleteRead(b"", left)
    reply.close()


def _end(connection: http.client.HTTPConnection, ended: threading.Event) -> None:
    ended.set()
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _ascii(host: str) -> str:
    return host if ":" in host else host.encode("idna").decode()
