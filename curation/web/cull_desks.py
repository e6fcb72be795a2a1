"""Folders of photos that the studio culls: each has a catalogue of its own, and routes of its own.

A folder's groups, marks and journal lie in FOLDER/.curation, whoever looks at them: `cull FOLDER`
on the command line, or the studio's Cull tab. The tab's workspace talks to the same routes as ever,
below /cull/<id>/; an id stands for a folder that the server offers, never for a path.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from curation.errors import CurationError
from curation.store.catalogue import FILE_NAME, OUR_FOLDER

if TYPE_CHECKING:
    from curation.web.site import Site

PREFIX = "/cull"
MOST_OPEN = 4
"""Folders that are open at once: each may hold three helper processes."""
Make = Callable[[Path], "tuple[Any, ASGIApp]"]


def id_of(place: Path) -> str:
    """Return what stands for a folder in addresses."""
    return hashlib.blake2b(str(place.resolve()).encode("utf-8", "surrogateescape"),
                           digest_size=8).hexdigest()  # fmt: skip


@dataclass(slots=True)
class _Open:
    site: Any
    app: ASGIApp


class CullDesks:
    """Serves the folders of photos below the server's input folders.

    Args:
        site: of the server; its places say which folders are offered.
        make: makes the site of a catalogue and its routes, which are not started yet.
    """

    def __init__(self, site: Site, make: Make) -> None:
        self._site, self._make = site, make
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._lock = threading.Lock()

    def place(self, key: str) -> Path | None:
        """Return the offered folder of an id, when it was read already."""
        for place in self._site.places.offered().values():
            if id_of(place) == key and (place / OUR_FOLDER / FILE_NAME).is_file():
                return place
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the folder that its address names."""
        root = scope.get("root_path", "")
        key, _, _ = scope["path"].removeprefix(root).lstrip("/").partition("/")
        app = None
        if scope["type"] == "http":
            known = self._open.get(key)
            # Opening a folder looks for it on the disk: no other request waits for that.
            try:
                app = known.app if known else await run_in_threadpool(self._app, key)
            except CurationError as error:  # a link in its place, or nothing may be written there
                await PlainTextResponse(str(error), 409)(scope, receive, send)
                return
        if app is None:
            await PlainTextResponse("there is no such folder", 404)(scope, receive, send)
            return
        await app({**scope, "root_path": f"{root}/{key}", "app_root_path": ""}, receive, send)

    def _app(self, key: str) -> ASGIApp | None:
        with self._lock:
            if key in self._open:
                self._open.move_to_end(key)
                return self._open[key].app
            place = self.place(key)
            if place is None:
                return None
            site, app = self._make(place / OUR_FOLDER)
            site.start()
            self._open[key] = _Open(site, app)
            old = [self._open.popitem(last=False)[1] for _ in range(len(self._open) - MOST_OPEN)]
        for one in old:
            one.site.stop()
        return app

    def close(self) -> None:
        """Let go of all folders."""
        with self._lock:
            gone, self._open = list(self._open.values()), OrderedDict()
        for one in gone:
            one.site.stop()


def plain_app(routes: Any) -> FastAPI:
    """Return an application of some routes; the server's guard stands before it."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(routes)
    return app
