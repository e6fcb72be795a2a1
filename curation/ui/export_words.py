"""Sentences of the Export tab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.words import count, size

VERBS = {"export": "Export", "report": "Report"}
STAGES = {
    "export": "Writing the set",
    "remake": "Making full pictures",
    "report": "Counting",
}


def sentence(summary: Mapping[str, Any]) -> str:
    """Return the end of an export or a report in one or two sentences."""
    if summary.get("verb") == "report":
        return f"The report tells of {count(summary.get('frames', 0), 'frame')}."
    made, kept = summary.get("made", 0), summary.get("kept", 0)
    parts = [f"{made:,} written" + (f" ({size(summary.get('bytes', 0))})" if made else "")]
    parts += [f"{kept:,} were there"] if kept else []
    parts += [f"{summary['gone']:,} no longer asked for are gone"] if summary.get("gone") else []
    sides = ", ".join(f"{side} {n:,}" for side, n in summary.get("splits", {}).items())
    said = f"{count(summary.get('pictures', 0), 'picture')} in {summary.get('out', '')}: "
    notes = " ".join(f"Note: {note}." for note in summary.get("notes", ()))
    told = [f"{said}{', '.join(parts)}.", f"{sides}." if sides else "", notes]
    return " ".join(filter(None, told))
