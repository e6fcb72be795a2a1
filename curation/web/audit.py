"""Keeps who did what: every route that changes something has its line in `ACTIONS`.

The guard says who asks (`enter`), a route adds what it did (`tell`), and the row is written before
the answer goes out. What is not a route of ours, such as a button of the pages that starts a job,
calls `Trail.note`.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import Any

from curation.public_only import without_secrets
from curation.store.audit import AuditTable

log = logging.getLogger(__name__)

ACTIONS: tuple[tuple[re.Pattern[str], str | None], ...] = (
    (re.compile(r"POST /api/review/ops"), "mark"),
    (re.compile(r"POST /api/review/undo"), "mark undone"),
    (re.compile(r"POST /api/review/redo"), "mark redone"),
    (re.compile(r"PUT /api/review/views/(?P<view>[^/]+)"), "view kept"),
    (re.compile(r"DELETE /api/review/views/(?P<view>[^/]+)"), "view deleted"),
    (re.compile(r"PUT /api/faces/(?P<frame>[^/]+)"), "mark"),
    (re.compile(r"POST /api/uploads"), "upload begun"),
    (re.compile(r"POST /api/uploads/[^/]+/same"), None),  # tells when a video is complete
    (re.compile(r"POST /api/review/decide"), None),  # changes nothing
    (re.compile(r"PUT /api/uploads/(?P<upload>[^/]+)"), None),  # tells when a video is complete
    (re.compile(r"POST /api/uploads/(?P<upload>[^/]+)/same"), None),  # tells when it is here
    (re.compile(r"DELETE /api/uploads/(?P<upload>[^/]+)"), "upload deleted"),
    (re.compile(r"POST /api/review/(apply|apply/undo|thresholds)"), None),  # the job says it
    (re.compile(r"POST /api/cull/members"), None),  # changes nothing
    (re.compile(r"POST /api/cull/apart"), "no duplicates"),
    (re.compile(r"POST /api/cull/apply"), "losers moved"),
    (re.compile(r"POST /api/cull/undo"), "losers put back"),
    (re.compile(r"POST /api/crops/[^/]+/propose"), None),  # a person says nothing yet
    (re.compile(r"POST /api/crops(/(?P<frame>[^/]+))?"), "crop"),
    (re.compile(r"POST /api/taste/(proposals|run)"), None),  # a job says it, or nobody said a thing
    (re.compile(r"POST /api/taste/live"), "taste"),
    (re.compile(r"POST /api/review/pose"), None),  # changes nothing
    (re.compile(r"POST /api/people/say"), "people"),
    (re.compile(r"POST /api/people/find"), None),  # changes nothing
    (re.compile(r"POST /api/jobs/[^/]+/(cancel|resume)"), None),  # the job says it
    (re.compile(r"POST /gradio_api/.*"), None),  # buttons: what they do says it
    (re.compile(r"(POST|PUT|DELETE|PATCH) .*"), "change"),
)
"""Requests that change something -> action; None where somebody else writes the row."""


@dataclass(slots=True)
class Asking:
    """One request: who sends it, and what it was found to do."""

    who: str
    address: str
    action: str | None = None
    what: dict[str, Any] = field(default_factory=dict)


_asking: ContextVar[Asking | None] = ContextVar("asking", default=None)


def enter(asking: Asking) -> Token[Asking | None]:
    """Say who sends the request that this task and its threads now work on."""
    return _asking.set(asking)


def leave(token: Token[Asking | None]) -> None:
    """The request is answered."""
    _asking.reset(token)


def tell(action: str | None = None, **what: Any) -> None:
    """Add what the present request does to its row.

    Args:
        action: another word than that of `ACTIONS`.
    """
    asking = _asking.get()
    if asking is not None:
        asking.action = action or asking.action
        asking.what |= what


def present() -> Asking:
    """Return who sends the present request; nobody when there is none."""
    asking = _asking.get()
    if asking is not None:
        return asking
    # Gradio answers some events from tasks of its own, and keeps their request there.
    context = sys.modules.get("gradio.context")
    request = context.LocalContext.request.get(None) if context is not None else None
    inner = getattr(request, "request", None)
    found = getattr(inner, "scope", {}).get("curation.asking")
    return found if isinstance(found, Asking) else Asking("", "")


def shown_words(words: Sequence[str]) -> list[str]:
    """Return the words of a command as they may be kept: no secret in an address."""
    return [without_secrets(word) if "://" in word else word for word in words]


class Trail:
    """Writes the audit rows of one server."""

    def __init__(self, table: AuditTable) -> None:
        self.table = table

    def note(self, action: str, **what: Any) -> None:
        """Write one row about whoever sends the present request.

        What was done is done: a row that cannot be written (a full disk) is logged, not raised.
        """
        asking = present()
        self._write(asking, action, what)

    def job(self, action: str, number: int, verb: str, words: Sequence[str] = ()) -> None:
        """Write that somebody started, cancelled or resumed a job."""
        more = {"words": shown_words(words)} if words else {}
        self.note(action, job=number, verb=verb, **more)

    def refused(self, who: str, address: str, action: str, what: dict[str, Any]) -> None:
        """Write that somebody was turned away."""
        self._write(Asking(who, address), action, what)

    def answered(self, asking: Asking, method: str, path: str) -> None:
        """Write the row of a request that was answered well, when it changed something."""
        line = f"{method} {path}"
        for pattern, action in ACTIONS:
            found = pattern.fullmatch(line)
            if found:
                said = asking.action or action
                if said is not None:
                    named = {key: value for key, value in found.groupdict().items() if value}
                    where = {"request": line} if said == "change" else {}
                    self._write(asking, said, {**where, **named, **asking.what})
                return

    def _write(self, asking: Asking, action: str, what: dict[str, Any]) -> None:
        try:
            self.table.add(asking.who, asking.address, action, what)
        except Exception:
            log.exception("an audit row could not be written: %s %s", action, what)
