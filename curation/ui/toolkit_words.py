"""Words of the Toolkit tab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.words import count

TITLES = {
    "select": "Select", "annotate": "Annotate", "rename": "Rename", "validate": "Validate",
    "analyze": "Analyze", "dedup": "Find duplicates", "detect": "Detect objects",
    "extract-faces": "Extract faces", "extract-classes": "Extract objects",
    "extract-frames": "Extract frames of videos", "cluster": "Cluster", "augment": "Augment",
    "format": "Change format", "frame": "Resize, crop, pad", "fetch": "Fetch from the web",
    "review-apply": "Apply the review", "run": "Run a workflow", "undo": "Take back",
    "group": "Find groups", "cull": "Find groups",
}  # fmt: skip
"""What a verb is called; its word on the command line stands beside it."""


def called(word: str) -> str:
    """Return a verb's title, with its word where that is another one."""
    title = TITLES.get(word, word)
    return title if title.lower() == word else f"{title} ({word})"


WORDS_OF = {
    "copy": "Copy",
    "move": "Move",
    "write": "New",
    "replace": "Replace",
    "remove": "Remove",
    "edit": "Note",
}
"""What is done to a file."""


def sentence(summary: Mapping[str, Any]) -> str:
    """Return a toolkit verb's summary, or that of undo, in one line."""
    totals = summary.get("totals") or {}
    failed = totals.get("failed_items", len(summary.get("failed_items", ())))
    tail = f" {failed:,} failed." if failed else ""
    if "runs" in summary and "in" not in summary:
        lines = summary.get("lines") or ["Nothing was taken back"]
        return f"{str(lines[0]).capitalize()}.{tail}"
    if "in_no_group" in summary:
        ties = f", {summary.get('ties', 0):,} too near to call" if summary.get("ties") else ""
        return (
            f"{count(summary.get('groups', 0), 'group')} in "
            f"{count(summary.get('photos', 0), 'photo')}: "
            f"{summary.get('rejected', 0):,} could go{ties}.{tail}"
        )
    if "passed" in summary:
        return "All checks passed." if summary["passed"] else "Not all checks passed."
    if summary.get("dry_run"):
        would = totals.get("would", len(summary.get("would", ())))
        said = f"{count(would, 'thing')} would change" if would else "Nothing would change"
        return f"{said}; nothing is changed yet.{tail}"
    if "done" in summary:
        return f"{summary['done']:,} done, {summary.get('skipped', 0):,} as it was.{tail}"
    return f"Done.{tail}"
