"""The review workspace as a page of its own: the same modules as in the studio's tab, no Gradio."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

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
<link rel="modulepreload" href="ui/review/main.js">
<style>html, body { height: 100%; margin: 0; background: #101316; overflow: hidden; }
html:not(.dark) body { background: #f4f5f6; } main { height: 100%; }</style>
<script>
const asked = new URLSearchParams(location.search).get('__theme');
const prefers = matchMedia('(prefers-color-scheme: light)').matches;
const light = asked === 'light' || (asked !== 'dark' && prefers);
document.documentElement.classList.toggle('dark', !light);
</script>
</head>
<body>
<main id="review"></main>
<noscript>Reviewing needs JavaScript.</noscript>
<script type="module">
import { mount } from './ui/review/main.js';
mount(document.getElementById('review'), { focus: true });
</script>
</body>
</html>
"""


def make_page_router() -> APIRouter:
    """Return the route of the page; everything it shows comes from /api/review."""
    router = APIRouter()

    @router.get("/review", response_class=HTMLResponse)
    def review() -> HTMLResponse:
        return HTMLResponse(PAGE, headers={"cache-control": "private, no-cache"})

    return router
