"""Who may talk to the studio, and what a page of it may do: see docs/security.md."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from curation.errors import CurationError
from curation.web.audit import Asking, Trail, enter, leave
from curation.web.entry import Entry, too_many
from curation.web.limits import (
    MOST_BODY_BYTES,
    MOST_HEADER_BYTES,
    MOST_TARGET_BYTES,
    Body,
    Limits,
    TooLarge,
    inner,
    most_body,
)
from curation.web.token import SHORTEST_PASSWORD, SHORTEST_TOKEN, Door, plain_name

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_PATH = "/healthz"

CSP = "; ".join(
    (
        "default-src 'self'",
        # Gradio starts from an inline script and compiles templates.
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' blob:",
        "worker-src 'self' blob:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
DOCUMENT_CSP = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'"
)
"""For a page of pictures and text that runs nothing."""

OWN_CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "worker-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
"""For pages that are ours alone: no script and no style but our own files."""

HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
UNCACHED = {"cache-control": "private, no-cache"}
"""Of an answer that says nothing of it: no proxy keeps it, and a browser asks before it is shown
again. Gradio's own scripts, whose names change with their content, are nobody's secret."""
SCRIPTS = "/assets/"

GRADIO_USED = (
    "/gradio_api/queue/",
    "/gradio_api/call/",
    "/gradio_api/info",
    "/gradio_api/run/",
    "/gradio_api/heartbeat/",
    "/gradio_api/startup-events",
    "/gradio_api/app_id",
    "/gradio_api/cancel",
    "/gradio_api/reset",
    "/gradio_api/theme.css",
)
GRADIO_CLOSED = (
    "/monitoring", "/login", "/logout", "/custom_component", "/svelte", "/openapi.json",
)
HOST = re.compile(r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.~%-]+)?\])(?::[0-9]{0,5})?")
"""A name or an IPv4 address, or an IPv6 address in brackets; then perhaps a port."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Settings of the guard.

    Attributes:
        allowed_hosts: names under which the studio may be reached, besides localhost and addresses.
        password: asked for by the login page and by Basic authentication; None asks nobody.
        token: lets programs in by `Authorization: Bearer`, and people by the login page.
    """

    allowed_hosts: frozenset[str] = frozenset()
    password: str | None = None
    token: str | None = None


def host_name(header: str) -> str:
    """Return a Host header without its port, lower case; "" when it is none."""
    found = HOST.fullmatch(header)
    return found[1].strip("[]").lower().removesuffix(".") if found else ""


def host_allowed(header: str, allowed: Iterable[str]) -> bool:
    """Return whether a Host header is ours.

    An address cannot be rebound by a foreign name server, a name can: so addresses pass, names
    only when somebody allowed them.
    """
    name = host_name(header)
    if name == "localhost" or name.endswith(".localhost") or name in allowed:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_cross_site(method: str, headers: dict[str, str]) -> bool:
    """Return whether another site's page makes a browser send a request that changes something,
    or one that makes this machine work for a picture or a script which that page may not see.

    A link elsewhere may lead here: reading by going there is allowed.
    """
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        goes = headers.get("sec-fetch-mode") == "navigate"
        goes &= headers.get("sec-fetch-dest", "document") == "document"  # and not into a frame
        return method not in SAFE_METHODS or not goes
    if site is not None or method in SAFE_METHODS:
        return False
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
    except ValueError:  # a bracket without its other half
        return True


def is_closed(path: str) -> bool:
    """Return whether a path is a Gradio endpoint that the studio does not use."""
    if path.startswith("/gradio_api"):
        return not path.startswith(GRADIO_USED)
    return path.startswith(GRADIO_CLOSED)


def is_loopback(host: str) -> bool:
    """Return whether nobody but this machine reaches a server that listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_exposure(host: str, rules: Rules, open_to_all: bool = False) -> str | None:
    """Return what to say loudly about where the studio is about to listen, None when all is well.

    Raises:
        CurationError: others could reach it, and it would ask them for nothing, or for something
            that is quickly guessed.
    """
    if is_loopback(host):
        return None
    for name, secret, least in (
        ("CURATION_PASSWORD", rules.password, SHORTEST_PASSWORD),
        ("CURATION_TOKEN", rules.token, SHORTEST_TOKEN),
    ):
        if secret and len(secret) < least:
            raise CurationError(
                f"{name} has {len(secret)} characters; where others can reach the studio it "
                f"needs {least}",
                "choose a longer one, or listen on --host 127.0.0.1",
            )
    if rules.password or rules.token:
        return None
    if open_to_all:
        return (
            f"WARNING: listening on {host} without a password. Everybody who can reach this port\n"
            "WARNING: can see every frame, add videos and start jobs. Set CURATION_PASSWORD, or\n"
            "WARNING: use --host 127.0.0.1 and reach it through a tunnel or a proxy that asks."
        )
    raise CurationError(
        f"refused to listen on {host} without a password: others could use the studio",
        "set CURATION_PASSWORD (or CURATION_TOKEN), or listen on --host 127.0.0.1; "
        "--open-to-all means it",
    )


class Guard:
    """Stands before every route: host, who it is, other sites, closed endpoints, limits, audit.

    Args:
        door: knows the secrets and sessions.
        trail: keeps who did what; None keeps nothing.
        upload_limit_bytes: largest body of an upload's piece.
    """

    def __init__(
        self,
        app: ASGIApp,
        rules: Rules,
        door: Door | None = None,
        trail: Trail | None = None,
        upload_limit_bytes: int = MOST_BODY_BYTES,
        limits: Limits | None = None,
    ) -> None:
        self.app = app
        self.rules = rules
        self.door = door or Door(rules.password, rules.token)
        self.trail = trail
        self.upload_limit_bytes = upload_limit_bytes
        self.limits = limits or Limits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer that it may not pass."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method, path = scope["method"], inner(scope["path"])
        address = plain_name(str((scope.get("client") or ("",))[0]))  # a proxy's header may say it
        asking = Asking("", address)
        scope["curation.asking"] = asking
        body = Body(receive, most_body(method, path, self.upload_limit_bytes))
        begun = False

        async def send_checked(message: Message) -> None:
            nonlocal begun
            if body.too_large and not begun:
                return  # 413 below, whatever was made of the half of a body
            if message["type"] == "http.response.start":
                begun = True
                if message["status"] < 400 and method not in SAFE_METHODS and self.trail:
                    await run_in_threadpool(self.trail.answered, asking, method, path)
                message["headers"] = [*message.get("headers", ()), *_missing(message, path)]
            await send(message)

        token = enter(asking)
        try:
            refusal = await self._refusal(scope, body, asking)
            await (refusal or self.app)(scope, body, send_checked)
        except TooLarge:
            pass
        finally:
            leave(token)
        if body.too_large and not begun:
            body.too_large = False
            await too_large()(scope, receive, send_checked)

    async def _refusal(self, scope: Scope, body: Body, asking: Asking) -> Response | None:
        """Return the answer to a request that may not pass, or that the guard answers itself."""
        method, path = scope["method"], scope["path"]
        pairs = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"]]
        headers = dict(pairs)
        hosts = [value for name, value in pairs if name == "host"]
        if len(hosts) != 1 or not host_allowed(hosts[0], self.rules.allowed_hosts):
            return PlainTextResponse(
                "This host name is not allowed. Set CURATION_ALLOWED_HOSTS to allow it.\n", 400
            )
        if sum(len(k) + len(v) for k, v in pairs) > MOST_HEADER_BYTES:
            return PlainTextResponse("Refused: the headers are too long.\n", 431)
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MOST_TARGET_BYTES:
            return PlainTextResponse("Refused: the address is too long.\n", 414)
        if is_cross_site(method, headers):
            return PlainTextResponse("Refused: this request comes from another site.\n", 403)
        if self.door.is_locked and path != OPEN_PATH:
            entry = Entry(self.door, self.limits, self.trail, scope, headers)
            answer = await entry.answer(body, asking)
            if answer is not None:
                return answer
        if is_closed(path):
            return PlainTextResponse("There is nothing here.\n", 404)
        wait_s = self.limits.wait_s(method, inner(path), asking.address)
        if wait_s:
            return too_many(wait_s)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > most_body(
            method, inner(path), self.upload_limit_bytes
        ):
            return too_large()
        return None


def too_large() -> Response:
    """Return the answer to a body beyond its limit; the rest of it is not read."""
    return PlainTextResponse("Refused: more bytes than allowed.\n", 413, {"connection": "close"})


def _missing(message: Message, path: str) -> list[tuple[bytes, bytes]]:
    have = {name.lower() for name, _ in message.get("headers", ())}
    wanted = HEADERS if path.startswith(SCRIPTS) else HEADERS | UNCACHED
    return [
        (name.encode(), value.encode())
        for name, value in wanted.items()
        if name.encode() not in have
    ]
