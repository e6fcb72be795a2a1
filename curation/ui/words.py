"""The words and numbers that all pages use alike."""

from __future__ import annotations

import html

from curation.ui import export_words
from curation.ui.toolkit_words import TITLES

STATES = {
    "queued": "Waiting",
    "running": "Running",
    "done": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "interrupted": "Interrupted",
}
VERBS = {
    "extract": "Extract",
    "sort": "Sort",
    "rank": "Score & rank",
    "apply": "Apply marks",
    "unapply": "Take marks back",
    "download": "Download links",
    "add": "Add from a place",
    **export_words.VERBS,
    **TITLES,
}
"""What a job is called; the tab of that work where it has one."""

TABS = {
    "ingest": "Ingest",
    "extract": "Extract",
    "sort": "Sort",
    "rank": "Score & rank",
    "results": "Results",
    "review": "Review",
    "export": "Export",
    "toolkit": "Toolkit",
    "cull": "Cull",
}

STAGES = {
    "probe": "Looking at the files",
    "download": "Downloading",
    "add": "Taking in",
    "extract": "Extracting",
    "triage": "Looking for near copies",
    "measure": "Measuring",
    "verify": "Comparing alike frames",
    "sort": "Putting into pools",
    "rank": "Deciding",
    "pictures": "Reading pictures",
    "group": "Comparing photos",
    **export_words.STAGES,
}
"""What a running job says that it does."""


def text(value: object) -> str:
    """Return a value fit for HTML; also for Gradio's templates, which know braces and dollars."""
    escaped = html.escape(str(value), quote=True)
    for sign in "{}$`":
        escaped = escaped.replace(sign, f"&#{ord(sign)};")
    return escaped


def count(number: float, noun: str) -> str:
    """Return 1 frame, 2 frames, 1,234,567 frames."""
    return f"{number:,.0f} {noun}" + ("" if number == 1 else "s")


def plain(size_bytes: int) -> str:
    """Return a size as people say it: 512 MB, 3.4 GB, 1.2 TB."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9)):
        if size_bytes >= scale:
            value = size_bytes / scale
            return f"{value:.1f} {unit}" if value < 100 else f"{value:,.0f} {unit}"
    return f"{size_bytes / 1e6:,.0f} MB"
