"""Answers to requests that no page of ours makes: always one of below 500, always readable."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from curation.errors import CurationError

LONGEST = 300


def in_words(error: CurationError) -> str:
    """Return what happened and what to do next, as pages show it."""
    return f"{error.message}; {error.hint}" if error.hint else error.message


def add_answers(app: FastAPI) -> None:
    """Have an app answer what would otherwise end in a "500 Internal Server Error"."""
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(OverflowError, _too_large)
    app.add_exception_handler(UnicodeEncodeError, _no_text)


class HeadAsGet:
    """Answers HEAD as GET would be, without the body: routes of ours are declared for GET alone."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; Gradio's own addresses are streams and answer HEAD themselves."""
        if scope.get("method") != "HEAD" or "/gradio_api" in scope["path"]:
            await self.app(scope, receive, send)
            return
        ended = False

        async def send_head(message: Message) -> None:
            nonlocal ended
            if message["type"] == "http.response.start":
                await send(message)
            elif not ended:  # the first piece is the last: a server ends what waits for more
                ended = True
                await send({"type": "http.response.body", "body": b""})

        await self.app({**scope, "method": "GET"}, receive, send_head)


def _answer(status: int, detail: Any, headers: Any = None) -> Response:
    """Return JSON in ASCII: half a surrogate pair has no UTF-8, and JSON knows no NaN."""
    body = json.dumps({"detail": detail}, allow_nan=False)
    return Response(body, status, headers, "application/json")


def _not_valid(_: Request, error: Exception) -> Response:
    """Say what is wrong, without the value: it may be a NaN, or eight megabytes."""
    assert isinstance(error, RequestValidationError)
    told = [
        {
            "loc": [str(part)[:LONGEST] for part in found["loc"]],
            "msg": str(found["msg"])[:LONGEST],
            "type": str(found["type"]),
        }
        for found in error.errors()[:20]
    ]
    return _answer(422, told)


def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code in (204, 304):
        return Response(status_code=error.status_code, headers=error.headers)
    return _answer(error.status_code, error.detail, error.headers)


def _too_large(_: Request, __: Exception) -> Response:
    return _answer(404, "there is nothing of so large a number")


def _no_text(_: Request, __: Exception) -> Response:
    return _answer(422, "a text in it is no text: it holds half a letter (a lone surrogate)")
