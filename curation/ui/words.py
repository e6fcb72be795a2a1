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
