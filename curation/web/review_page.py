"""The review workspace as a page of its own: the same modules as in the studio's tab, no Gradio."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from curation.web.security import OWN_CSP

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light">
<title>Review - Frame Curation Studio</title>
<link rel="icon" href="ui/favicon.svg">
<link rel="stylesheet" href="ui/review/review.css">
<link rel="stylesheet" href="ui/review/review_panels.css">
<link rel="stylesheet" href="ui/review/cull.css">
<link rel="modulepreload" href="ui/review/main.js">
<link rel="stylesheet" href="ui/review/page.css">
<script src="ui/review/theme.js"></script>
</head>
<body>
<main id="review"></main>
<noscript>Reviewing needs JavaScript.</noscript>
<script type="module" src="ui/review/page.js"></script>
</body>
</html>
"""
HEADERS = {"cache-control": "private, no-cache", "content-security-policy": OWN_CSP}


def make_page_router() -> APIRouter:
    """Return the route of the page; everything it shows comes from /api/review."""
    router = APIRouter()

    @router.get("/review", response_class=HTMLResponse)
    def review() -> HTMLResponse:
        return HTMLResponse(PAGE, headers=HEADERS)

    return router
