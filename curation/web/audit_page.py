"""`/audit`: who changed what, as a plain page and as JSON. It runs no script."""

from __future__ import annotations

import html
import json
import time
from typing import Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from curation.store.audit import Entry
from curation.web.security import OWN_CSP
from curation.web.site import Site

ROWS = 200
HEADERS = {"content-security-policy": OWN_CSP, "cache-control": "no-store"}
LARGEST_ID = 2**63 - 1


def make_audit_router(site: Site) -> APIRouter:
    """Return the routes of the log; nothing here changes it."""
    router = APIRouter()
    table = site.trail.table
    before_query = Query(None, ge=1, le=LARGEST_ID)

    @router.get("/api/audit")
    def rows(
        before: int | None = before_query,
        action: str = Query("", max_length=60),
        who: str = Query("", max_length=60),
        limit: int = Query(ROWS, ge=1, le=1000),
    ) -> list[dict[str, Any]]:
        return [row.to_dict() for row in table.listing(limit, before, action, who)]

    @router.get("/audit", response_class=HTMLResponse)
    def page(before: int | None = before_query) -> HTMLResponse:
        found = table.listing(ROWS, before)
        return HTMLResponse(page_of(found, site.door.is_locked), headers=HEADERS)

    return router


def page_of(rows: list[Entry], has_login: bool) -> str:
    """Return the page of some rows, newest first."""
    lines = "".join(_line(row) for row in rows)
    older = (
        f"<a href='audit?before={rows[-1].id}'>Older</a>" if len(rows) == ROWS else ""
    )
    leave = (
        "<form method='post' action='logout'><button>Log out</button></form>" if has_login else ""
    )
    empty = "" if rows else "<p class='dim'>Nobody has changed anything yet.</p>"
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<title>Who did what - Frame Curation Studio</title>"
        "<link rel='icon' href='ui/favicon.svg'>"
        "<link rel='stylesheet' href='ui/audit.css'></head><body><header>"
        "<h1>Who did what</h1><a href='./'>Back to the studio</a>"
        f"{leave}</header><main><table><thead><tr><th scope='col'>When (server)</th>"
        "<th scope='col'>Who</th><th scope='col'>From</th><th scope='col'>Did</th>"
        f"<th scope='col'>What</th></tr></thead><tbody>{lines}</tbody></table>{empty}{older}"
        "</main></body></html>"
    )


def _line(row: Entry) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row.made_s))
    cells = (when, row.who or "-", row.address or "this machine", row.action, in_words(row))
    return f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"


def in_words(row: Entry) -> str:
    """Return what was done, in one line."""
    return ", ".join(
        f"{key.replace('_', ' ')} {value if isinstance(value, str) else json.dumps(value)}"
        for key, value in row.what.items()
    )
