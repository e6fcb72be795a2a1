"""What lets a request in: the password (Basic), the token (Bearer), or a session's cookie.

A session is a random number in a cookie; only its keyed digest is stored. The key is made of the
password and the token, so that changing either ends all sessions. Sessions are kept in the
catalogue: a restart of the server logs nobody out.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable
from typing import Protocol

SESSION_S = 7 * 24 * 3600
MOST_SESSIONS = 500
LONGEST_NAME = 60
SHORTEST_PASSWORD, SHORTEST_TOKEN = 8, 16
"""Characters, where others than this machine can reach the port."""
TOKEN_USER = "token"
SETTING = "web.sessions"


class Memory(Protocol):
    """Where small values are kept: the catalogue."""

    def remember(self, key: str, value: object) -> None:
        """Store a JSON value under a name."""

    def recall(self, key: str, default: object = None) -> object:
        """Return a stored value."""


def same(given: bytes, wanted: str) -> bool:
    """Compare two secrets in a time that tells neither where they differ nor how long they are."""
    return hmac.compare_digest(
        hashlib.sha256(given).digest(), hashlib.sha256(wanted.encode()).digest()
    )


def plain_name(name: str) -> str:
    """Return a name as it may stand in a log: one short line without control characters."""
    kept = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in name)
    return " ".join(kept.split())[:LONGEST_NAME]


def cookie_name(host: str) -> str:
    """Return the cookie of a server; cookies know no ports, and two studios may share a host."""
    port = host.rpartition(":")[2]
    return f"studio_{port}" if port.isdecimal() else "studio"


def cookie_of(header: str, name: str) -> str:
    """Return the value of a cookie, "" when it is not among those that were sent."""
    for part in header.split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return ""


def set_cookie(name: str, value: str, age_s: int, is_tls: bool) -> str:
    """Return a Set-Cookie header: for no script, for no request that another site begins."""
    secure = "; Secure" if is_tls else ""
    return f"{name}={value}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}"


class Door:
    """Knows the secrets and the sessions of a server; open when it has no secret.

    Args:
        memory: keeps sessions; None keeps them in this process only.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        password: str | None,
        token: str | None,
        memory: Memory | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._password, self._token = password, token
        self._memory = memory
        self._clock = clock
        self._guarding = threading.Lock()
        self._key = hashlib.sha256(f"{password or ''}\0{token or ''}".encode()).digest()
        stored = memory.recall(SETTING, {}) if memory is not None and self.is_locked else {}
        self._sessions: dict[str, tuple[str, float]] = {
            digest: (str(who), float(ends_s))
            for digest, (who, ends_s) in (stored if isinstance(stored, dict) else {}).items()
        }

    @property
    def is_locked(self) -> bool:
        """Return whether anybody is asked for anything."""
        return bool(self._password or self._token)

    def is_secret(self, given: str) -> bool:
        """Return whether a text is the password or the token."""
        raw = given.encode("utf-8", "surrogateescape")
        found = [same(raw, secret) for secret in (self._password, self._token) if secret]
        return any(found)

    def is_token(self, header: str) -> bool:
        """Return whether an Authorization header holds the token, one too long to be guessed."""
        scheme, _, given = header.partition(" ")
        if scheme.lower() != "bearer" or not self._token or len(self._token) < SHORTEST_TOKEN:
            return False
        return same(given.strip().encode(), self._token)

    def header_name(self, header: str) -> str | None:
        """Return who an Authorization header lets in; None when it does not."""
        scheme, _, coded = header.partition(" ")
        if scheme.lower() == "bearer":
            right = self._token is not None and same(coded.strip().encode(), self._token)
            return TOKEN_USER if right else None
        if scheme.lower() != "basic" or not self._password:
            return None
        try:
            user, colon, given = base64.b64decode(coded, validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return None
        if not colon or not same(given, self._password):
            return None
        return plain_name(user.decode("utf-8", "replace"))

    def session_name(self, cookie: str) -> str | None:
        """Return whose session a cookie is; None when it is none, or over."""
        if not cookie or len(cookie) > 200:
            return None
        found = self._sessions.get(self._digest(cookie))
        return found[0] if found is not None and found[1] > self._clock() else None

    def open_session(self, who: str) -> str:
        """Begin a session and return its cookie's value."""
        cookie = secrets.token_urlsafe(32)
        now = self._clock()
        with self._guarding:
            kept = [(d, s) for d, s in self._sessions.items() if s[1] > now]
            kept = sorted(kept, key=lambda one: one[1][1])[-(MOST_SESSIONS - 1) :]
            made = dict(kept)
            made[self._digest(cookie)] = (plain_name(who), now + SESSION_S)
            self._keep(made)
        return cookie

    def close_session(self, cookie: str) -> None:
        """End a session."""
        with self._guarding:
            made = dict(self._sessions)
            if made.pop(self._digest(cookie), None) is not None:
                self._keep(made)

    def _keep(self, sessions: dict[str, tuple[str, float]]) -> None:
        self._sessions = sessions
        if self._memory is not None:
            self._memory.remember(SETTING, sessions)

    def _digest(self, cookie: str) -> str:
        return hmac.new(self._key, cookie.encode("utf-8", "replace"), "sha256").hexdigest()
