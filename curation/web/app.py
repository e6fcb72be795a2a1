"""The server: the studio's routes behind their guard, the pages mounted last."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles

from curation.errors import CurationError
from curation.web.review_page import make_page_router
from curation.web.routes import make_router
from curation.web.security import Guard
from curation.web.site import Settings, Site

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
<link rel="stylesheet" href="ui/review/review.css">
<link rel="stylesheet" href="ui/review/review_panels.css">
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

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        site.start()
        yield
        site.stop()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = site
    # No origin may read across sites; that this stands here also switches Gradio's own rule off.
    app.add_middleware(CORSMiddleware, allow_origins=[])
    app.add_middleware(Guard, rules=settings.rules)
    app.include_router(make_router(site))
    app.include_router(make_page_router())
    static = Path(str(files("curation.ui"))) / "static"
    app.mount("/ui", StaticFiles(directory=static), name="ui")
    return _with_pages(app, site, static) if with_pages else app


def _with_pages(app: FastAPI, site: Site, static: Path) -> FastAPI:
    os.environ.update(QUIET)
    import gradio

    from curation.ui.page import build
    from curation.ui.theme import theme

    return gradio.mount_gradio_app(  # type: ignore[no-any-return]
        app,
        build(site),
        path="/",
        theme=theme(),
        css_paths=[static / "studio.css", static / "toolkit.css"],
        head=HEAD,
        favicon_path=str(static / "favicon.svg"),
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        show_error=False,
        ssr_mode=False,
        mcp_server=False,
    )


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until interrupted; jobs go on after that.

    Raises:
        CurationError: when the address cannot be used.
    """
    import uvicorn

    app = create_app(settings)
    try:
        uvicorn.run(
            app,
            host=host,
            port=port,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
    except SystemExit as error:
        raise CurationError(
            f"cannot listen on {host}:{port}", "choose another --port, or end what uses this one"
        ) from error
