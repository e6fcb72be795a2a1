"""Who may talk to the studio, and what a page of it may do: see docs/security.md."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_PATH = "/healthz"
WRONG_PASSWORD_DELAY_S = 0.5

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

HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}

GRADIO_USED = (
    "/gradio_api/queue/",
    "/gradio_api/run/",
    "/gradio_api/heartbeat/",
    "/gradio_api/startup-events",
    "/gradio_api/app_id",
    "/gradio_api/cancel",
    "/gradio_api/reset",
    "/gradio_api/theme.css",
)
GRADIO_CLOSED = ("/monitoring", "/login", "/logout", "/custom_component", "/svelte")


@dataclass(frozen=True, slots=True)
class Rules:
    """Settings of the guard.

    Attributes:
        allowed_hosts: names under which the studio may be reached, besides localhost and addresses.
        password: asked for by Basic authentication; None asks nobody.
    """

    allowed_hosts: frozenset[str] = frozenset()
    password: str | None = None


def host_name(header: str) -> str:
    """Return a Host header without its port, lower case; "" when it is none."""
    try:
        return (urlsplit(f"//{header}").hostname or "").rstrip(".")
    except ValueError:
        return ""


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
    """Return whether another site's page makes a browser send a request that changes something."""
    if method in SAFE_METHODS:
        return False
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()


def is_password(header: str, password: str) -> bool:
    """Return whether an Authorization header carries the password; any user name will do."""
    scheme, _, coded = header.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = base64.b64decode(coded, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(given, password.encode())


def is_closed(path: str) -> bool:
    """Return whether a path is a Gradio endpoint that the studio does not use."""
    if path.startswith("/gradio_api"):
        return not path.startswith(GRADIO_USED)
    return path.startswith(GRADIO_CLOSED)


def exposure_warning(host: str, password: str | None) -> str | None:
    """Return what to say when the studio is reachable by others without a password."""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    if local or password:
        return None
    return (
        f"WARNING: listening on {host} without a password. Everybody who can reach this port can\n"
        "WARNING: see every frame, add videos and start jobs. Set CURATION_PASSWORD, or use\n"
        "WARNING: --host 127.0.0.1 and reach it through a tunnel or a proxy that asks who it is."
    )


class Guard:
    """Stands before every route: host, password, cross-site requests, unused endpoints, headers."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self.app = app
        self.rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer that it may not pass."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_missing(message)]
            await send(message)

        refusal = await self._refusal(scope)
        await (refusal or self.app)(scope, receive, send_with_headers)

    async def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        pairs = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"]]
        headers = dict(pairs)
        hosts = [value for name, value in pairs if name == "host"]
        if len(hosts) != 1 or not host_allowed(hosts[0], self.rules.allowed_hosts):
            return PlainTextResponse(
                "This host name is not allowed. Set CURATION_ALLOWED_HOSTS to allow it.\n", 400
            )
        password = self.rules.password
        if password and scope["path"] != OPEN_PATH:
            given = headers.get("authorization")
            if given is None or not is_password(given, password):
                if given is not None:
                    await asyncio.sleep(WRONG_PASSWORD_DELAY_S)
                return PlainTextResponse(
                    "The studio asks for its password.\n",
                    401,
                    {"www-authenticate": 'Basic realm="Frame Curation Studio", charset="UTF-8"'},
                )
        if is_cross_site(scope["method"], headers):
            return PlainTextResponse("Refused: this request comes from another site.\n", 403)
        if is_closed(scope["path"]):
            return PlainTextResponse("There is nothing here.\n", 404)
        return None


def _missing(message: Message) -> list[tuple[bytes, bytes]]:
    have = {name.lower() for name, _ in message.get("headers", ())}
    return [
        (name.encode(), value.encode())
        for name, value in HEADERS.items()
        if name.encode() not in have
    ]
