"""How a request of a locked studio gets in: a session, a password, a token, or the login page."""

from __future__ import annotations

import asyncio
import math
from urllib.parse import parse_qs, quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Scope

from curation.web import login
from curation.web.audit import Asking, Trail
from curation.web.limits import Body, Limits
from curation.web.token import (
    SESSION_S,
    TOKEN_USER,
    Door,
    cookie_name,
    cookie_of,
    plain_name,
    set_cookie,
)

WRONG_PASSWORD_DELAY_S = 0.5
LOGIN, LOGOUT = "/login", "/logout"
PAGE_HEADERS = {"content-security-policy": login.LOGIN_CSP, "cache-control": "no-store"}


def too_many(wait_s: float) -> Response:
    """Return the answer to somebody who asks too often."""
    after = {"retry-after": str(max(1, math.ceil(wait_s)))}
    return PlainTextResponse("Too many of these; wait a little.\n", 429, after)


class Entry:
    """One request at the door.

    Args:
        headers: lower case names.
    """

    def __init__(
        self, door: Door, limits: Limits, trail: Trail | None, scope: Scope, headers: dict[str, str]
    ) -> None:
        self._door, self._limits, self._trail = door, limits, trail
        self._method, self._path = scope["method"], scope["path"]
        self._is_tls = scope.get("scheme") == "https"
        self._target = self._path + (
            f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        )
        self._headers = headers
        self._cookie_name = cookie_name(headers.get("host", ""))
        self._cookie = cookie_of(headers.get("cookie", ""), self._cookie_name)

    async def answer(self, body: Body, asking: Asking) -> Response | None:
        """Return None to let the request in, its sender named in `asking`; else the answer."""
        if self._path == LOGIN and self._method in ("GET", "HEAD"):
            asked = parse_qs(self._target.partition("?")[2]).get("next", ["/"])[0]
            return HTMLResponse(login.page(login.onward_of(asked)), headers=PAGE_HEADERS)
        if self._path == LOGIN and self._method == "POST":
            return await self._log_in(body, asking)
        name = self._door.session_name(self._cookie)
        if name is not None:
            asking.who = name
            return await self._log_out(asking) if self._path == LOGOUT else None
        given = self._headers.get("authorization")
        if given is None:
            return self._ask()
        # Before it is counted: a stranger behind the same address must not shut a program out. Its
        # length is what keeps it from being guessed, not the count.
        if self._door.is_token(given):
            asking.who = TOKEN_USER
            return None
        wait_s = self._limits.try_password(asking.address)
        if wait_s:
            return too_many(wait_s)
        name = self._door.header_name(given)
        if name is None:
            await self._was_wrong(asking)
            return self._ask()
        self._limits.was_right(asking.address)
        asking.who = name
        return None

    def _ask(self) -> Response:
        mode = self._headers.get("sec-fetch-mode")
        is_page = mode == "navigate" or (
            mode is None and "text/html" in self._headers.get("accept", "")
        )
        if self._method == "GET" and is_page and "authorization" not in self._headers:
            onward = quote(login.onward_of(self._target), safe="/")
            return RedirectResponse(
                f"{LOGIN}?next={onward}", 303, {"cache-control": "no-store"}
            )
        # A page whose session ended must not make the browser open its own password window.
        challenge = {"www-authenticate": 'Basic realm="Frame Curation Studio", charset="UTF-8"'}
        return PlainTextResponse(
            "The studio asks for its password.\n", 401, challenge if mode is None else {}
        )

    async def _log_in(self, body: Body, asking: Asking) -> Response:
        form = await _form(body)
        onward = login.onward_of(form.get("next", "/"))
        wait_s = self._limits.try_password(asking.address)
        if wait_s:
            said = "Too many wrong passwords. Wait a minute, then try again."
            after = {"retry-after": str(math.ceil(wait_s))}
            return HTMLResponse(login.page(onward, said), 429, {**PAGE_HEADERS, **after})
        if not self._door.is_secret(form.get("password", "")):
            asking.who = plain_name(form.get("name", ""))
            await self._was_wrong(asking)
            said = "That is not the password."
            return HTMLResponse(login.page(onward, said), 401, PAGE_HEADERS)
        self._limits.was_right(asking.address)
        asking.who = plain_name(form.get("name", ""))
        asking.action = "login"
        # A new number each time: one that somebody planted before is worth nothing.
        cookie = await run_in_threadpool(self._door.open_session, asking.who)
        header = set_cookie(self._cookie_name, cookie, SESSION_S, self._is_tls)
        return RedirectResponse(onward, 303, {"set-cookie": header, "cache-control": "no-store"})

    async def _log_out(self, asking: Asking) -> Response:
        if self._method != "POST":
            return PlainTextResponse("There is nothing here.\n", 404)
        asking.action = "logout"
        await run_in_threadpool(self._door.close_session, self._cookie)
        header = set_cookie(self._cookie_name, "", 0, self._is_tls)
        # Pictures that a browser may keep for a year are private again when somebody leaves.
        headers = {"set-cookie": header, "cache-control": "no-store", "clear-site-data": '"cache"'}
        return RedirectResponse(LOGIN, 303, headers)

    async def _was_wrong(self, asking: Asking) -> None:
        if self._trail is not None:
            refused = (asking.who, asking.address, "login refused", {"path": self._path})
            await run_in_threadpool(self._trail.refused, *refused)
        await asyncio.sleep(WRONG_PASSWORD_DELAY_S)


async def _form(body: Body) -> dict[str, str]:
    """Return the fields of a form; TooLarge passes through."""
    data = b""
    while True:
        message = await body()
        if message["type"] != "http.request":
            return {}
        data += message.get("body", b"")
        if not message.get("more_body", False):
            break
    try:
        found = parse_qs(data.decode("utf-8", "replace"), max_num_fields=10)
    except ValueError:
        return {}
    return {key: values[0] for key, values in found.items()}
