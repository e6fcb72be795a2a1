"""Downloads from strangers: public addresses only, sizes and times capped, parts gone on with.

A name is looked up once, every address that it has must be public, and the connection goes to one
of just those: a name that points inside, at once or on a second look-up, reaches nothing. The
same holds for each redirect. Proxies of the environment are not used: they would look names up.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, quote, urljoin

from curation import public_only
from curation.errors import CurationError, NoSpace, lacks_room
from curation.public_only import public

MOST_REDIRECTS = 5
BLOCK = 1 << 16
AGENT = "frame-curation-studio"
SLOWEST_BYTES_S = 2_000
"""A server that sends less than this on average is given up on."""

Allowed = Callable[[str], bool]
"""Whether an address may be connected to."""


class FetchError(CurationError):
    """A download that failed for good; the message says why."""


class Busy(FetchError):
    """A server that asks to come back later.

    Attributes:
        wait_s: how long it asks to wait, None when it does not say.
    """

    def __init__(self, message: str, wait_s: float | None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Limits:
    """What a download may cost."""

    most_bytes: int
    timeout_s: float


def checked(url: str) -> SplitResult:
    """Return the parts of an address that may be asked.

    Raises:
        FetchError: for anything but http and https with a host, or with a password in it.
    """
    try:
        return public_only.checked(url)
    except public_only.AddressRefused as error:
        raise FetchError(error.message) from None


def addresses(host: str, port: int, allowed: Allowed) -> list[str]:
    """Return the addresses of a host; all of them must be allowed.

    Raises:
        FetchError: when there is none, or one is not public.
    """
    try:
        name = host if ":" in host else host.encode("idna").decode()
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchError(f"{host} is not found: {error}") from error
    known = list(dict.fromkeys(str(row[4][0]) for row in found))
    inside = [address for address in known if not allowed(address)]
    if inside or not known:
        raise FetchError(f"{host} is {', '.join(inside) or 'nowhere'}, which is not public")
    return known


def download(url: str, part: Path, limits: Limits, allowed: Allowed = public) -> None:
    """Bring what an address holds into a file, going on where an earlier try ended.

    Beside the part lies `<part>.json` with what tells whether it is still the same thing.

    Raises:
        Busy: when the server says so; the part stays.
        FetchError: otherwise; what can be gone on with stays.
        NoSpace: when the disk is full.
    """
    at = url
    for _ in range(MOST_REDIRECTS + 1):
        moved = _ask(at, part, limits, allowed)
        if moved is None:
            return
        new = urljoin(at, moved)
        if checked(new).scheme == "http" and checked(at).scheme == "https":
            raise FetchError(f"redirects from https to {new[:100]}")
        at = new
    raise FetchError(f"redirects more than {MOST_REDIRECTS} times")


def _ask(url: str, part: Path, limits: Limits, allowed: Allowed) -> str | None:
    """Ask once; return where it redirects to, None when the part is whole."""
    parts = checked(url)
    have, tag = _had(part, url)
    headers = {"User-Agent": AGENT, "Accept": "image/*", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": tag}
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = _connected(parts, limits, allowed)
    # A server that sends its headers letter by letter never runs into the socket's own limit.
    guard = threading.Timer(3 * limits.timeout_s, _end, (connection.sock,))
    guard.start()
    try:
        connection.request("GET", _ascii(path), headers=headers)
        reply = connection.getresponse()
        guard.cancel()
        if reply.status in (301, 302, 303, 307, 308):
            where = reply.headers.get("Location")
            if not where:
                raise FetchError(f"answers {reply.status} without saying where to")
            # Headers are read as Latin-1, whatever bytes they hold.
            return _ascii(where.strip().encode("latin-1", "replace"))
        if reply.status in (429, 503):
            raise Busy(f"answers {reply.status}", _wait_s(reply.headers.get("Retry-After")))
        if reply.status == 416:  # the part is not of what is there now
            part.unlink(missing_ok=True)
            return url
        if reply.status not in (200, 206):
            raise FetchError(f"answers {reply.status} {reply.reason}")
        if reply.status == 206:
            if not reply.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                raise FetchError("answers another part than was asked for")
        else:
            have = 0
        _receive(reply, part, url, have, limits)
        return None
    except (http.client.HTTPException, ssl.SSLError, TimeoutError, ConnectionError) as error:
        raise FetchError(f"breaks off: {type(error).__name__}: {error}") from error
    finally:
        guard.cancel()
        connection.close()


def _end(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


def _receive(
    reply: http.client.HTTPResponse, part: Path, url: str, have: int, limits: Limits
) -> None:
    length = reply.headers.get("Content-Length", "")
    whole = have + int(length) if length.isdecimal() else None
    if whole is not None and whole > limits.most_bytes:
        raise FetchError(f"has {whole >> 20:,} MB; at most {limits.most_bytes >> 20:,} are fetched")
    tag = reply.headers.get("ETag") or reply.headers.get("Last-Modified") or ""
    beside = part.with_name(part.name + ".json")
    begun, size = time.monotonic(), have
    try:
        with part.open("r+b" if have and part.exists() else "wb") as sink:
            sink.truncate(have)
            sink.seek(have)
            # A weak tag does not promise the same bytes: such a part is not gone on with.
            sound = tag if not tag.startswith("W/") else ""
            beside.write_text(json.dumps({"url": url, "tag": sound}))
            while block := reply.read1(BLOCK):
                size += len(block)
                if size > limits.most_bytes:
                    raise FetchError(f"has more than {limits.most_bytes >> 20:,} MB")
                sink.write(block)
                took_s = time.monotonic() - begun
                if took_s > limits.timeout_s and size - have < took_s * SLOWEST_BYTES_S:
                    raise FetchError("sends too slowly")
            sink.flush()
            os.fsync(sink.fileno())
    except FetchError:
        if size > limits.most_bytes:
            part.unlink(missing_ok=True)
            beside.unlink(missing_ok=True)
        raise
    except OSError as error:
        if lacks_room(error):
            raise NoSpace(f"the disk is full at {part}", "make room, type it again") from error
        raise
    if whole is not None and size < whole:
        raise FetchError(f"breaks off after {size:,} of {whole:,} bytes")


def _had(part: Path, url: str) -> tuple[int, str]:
    """Return bytes of a part that can be gone on with and what must still hold; 0 when none can."""
    try:
        said = json.loads(part.with_name(part.name + ".json").read_text())
        size = part.stat().st_size
        if said["url"] == url and said["tag"] and size:
            return size, str(said["tag"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return 0, ""


def _connected(
    parts: SplitResult, limits: Limits, allowed: Allowed
) -> http.client.HTTPConnection:
    """Return a connection to one of the addresses that were checked, and to no other."""
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    tried = ""
    for address in addresses(host, port, allowed):
        try:
            plain = socket.create_connection((address, port), limits.timeout_s)
        except OSError as error:
            tried = f"{address}: {error}"
            continue
        made = http.client.HTTPConnection(_named(host), port, timeout=limits.timeout_s)
        made.sock = plain
        if parts.scheme == "https":
            made.default_port = 443  # so that the Host header names no port
            try:
                context = ssl.create_default_context()
                made.sock = context.wrap_socket(plain, server_hostname=host)
            except OSError as error:
                plain.close()
                raise FetchError(f"{host} cannot be trusted: {error}") from error
        made.auto_open = 0  # a second connection would look the name up again
        return made
    raise FetchError(f"{host} does not answer: {tried}")


def _named(host: str) -> str:
    return host if ":" in host else host.encode("idna").decode()


def _ascii(text: str | bytes) -> str:
    """Return the path of an address with what is not ASCII as %XX; what is encoded stays so."""
    return quote(text, safe="/?&=%:@!$'()*+,;~-._#[]")


def _wait_s(said: str | None) -> float | None:
    if said is None:
        return None
    if said.strip().isdecimal():
        return float(said.strip())
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
