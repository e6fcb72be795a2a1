"""The server: the studio's routes behind their guard, the pages mounted last."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles

from curation.errors import CurationError, NoSpace
from curation.web.answers import HeadAsGet, add_answers
from curation.web.audit_page import make_audit_router
from curation.web.cull_desks import PREFIX, CullDesks, plain_app
from curation.web.review_page import make_page_router
from curation.web.routes import make_router
from curation.web.security import Guard, check_exposure
from curation.web.site import SECRETS, Settings, Site, forget

QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}
"""Set before Gradio is imported: nothing phones home."""

HEAD = """
<script type="module" src="ui/lightbox.js"></script>
<script type="module" src="ui/toolkit.js"></script>
<script type="module" src="ui/cull_tab.js"></script>
<link rel="stylesheet" href="ui/review/review.css">
<link rel="stylesheet" href="ui/review/review_panels.css">
<link rel="stylesheet" href="ui/review/cull.css">
<link rel="stylesheet" href="ui/review/crops.css">
<link rel="stylesheet" href="ui/review/learn.css">
"""
"""The workspace's rules are linked: those that Gradio is given get its own names before theirs."""

SHUTDOWN_S = 3


def create_app(settings: Settings, with_pages: bool = True) -> FastAPI:
    """Return the server of one datastore.

    Args:
        with_pages: False leaves Gradio out, for tests of the routes alone.

    Raises:
        StoreError: when the datastore cannot be used.
    """
    site = Site(settings)

    def folder_site(root: Path) -> tuple[Site, FastAPI]:
        own = Site(Settings(root, (root.parent,), settings.rules, settings.upload_limit_bytes))
        return own, plain_app(make_router(own, uploads=False))

    desks = CullDesks(site, folder_site)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        site.start()
        yield
        desks.close()
        site.stop()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = site
    app.add_exception_handler(NoSpace, _no_room)
    add_answers(app)
    app.add_middleware(HeadAsGet)
    # No origin may read across sites; that this stands here also switches Gradio's own rule off.
    app.add_middleware(CORSMiddleware, allow_origins=[])
    app.add_middleware(
        Guard,
        rules=settings.rules,
        door=site.door,
        trail=site.trail,
        upload_limit_bytes=settings.upload_limit_bytes,
    )
    app.include_router(make_router(site))
    app.include_router(make_page_router())
    app.include_router(make_audit_router(site))
    static = Path(str(files("curation.ui"))) / "static"
    app.mount("/ui", StaticFiles(directory=static), name="ui")
    app.mount(PREFIX, desks, name="cull")
    return _with_pages(app, site, static) if with_pages else app


def _no_room(_: Request, error: Exception) -> Response:
    """Say that the disk is full: pages keep what they could not say, and send it again."""
    return JSONResponse({"detail": str(error)}, 507, {"retry-after": "5"})


def _with_pages(app: FastAPI, site: Site, static: Path) -> FastAPI:
    os.environ.update(QUIET)
    # By itself it takes one folder of /tmp for all users: the second one could not start.
    os.environ.setdefault("GRADIO_TEMP_DIR", str(site.studio.root / "previews" / "gradio"))
    site.make_ready()  # meanwhile: to load Gradio takes seconds, too
    import gradio

    from curation.ui.page import build
    from curation.ui.theme import theme

    return gradio.mount_gradio_app(  # type: ignore[no-any-return]
        app,
        build(site),
        path="/",
        theme=theme(),
        css_paths=[static / "studio.css", static / "toolkit.css", static / "export.css"],
        head=HEAD,
        favicon_path=str(static / "favicon.svg"),
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        show_error=False,
        ssr_mode=False,
        mcp_server=False,
    )


def serve(settings: Settings, host: str, port: int, open_to_all: bool = False) -> None:
    """Serve until interrupted; jobs go on after that.

    Args:
        open_to_all: others than this machine may come in without being asked for anything.

    Raises:
        CurationError: when the address cannot be used, or others could use the studio unasked.
    """
    import uvicorn

    from curation.web.connections import make_protocol

    if warning := check_exposure(host, settings.rules, open_to_all):
        print(warning, file=sys.stderr)
    for name in SECRETS:  # processes that decode strangers' files inherit what is left here
        forget(name)
        forget(f"{name}_FILE")
    _try_address(host, port)  # before what takes seconds
    app = create_app(settings)
    try:
        uvicorn.run(
            app,
            host=host,
            port=port,
            log_level="warning",
            server_header=False,
            http=make_protocol(),
            ws="none",  # nothing here speaks it
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
    except SystemExit as error:
        raise _cannot_listen(host, port) from error


def _try_address(host: str, port: int) -> None:
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            with socket.socket(family, kind, protocol) as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                tried.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:  # the server itself says what else may be wrong
            raise _cannot_listen(host, port, ", another program does") from error


def _cannot_listen(host: str, port: int, why: str = "") -> CurationError:
    return CurationError(
        f"cannot listen on {host}:{port}{why}",
        "end what uses it, or choose another --port; with make: make run ARGS=\"--port 7861\"",
    )
