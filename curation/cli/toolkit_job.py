"""A toolkit verb as a job of the studio: what its row may hold, and what the page can show."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from curation.records import Progress
from curation.store.catalogue import Catalogue
from curation.store.jobs import JobWatcher

MOST = 600
"""Entries of each list of a summary that a job's row keeps; 200,000 would be read every second."""
KEPT_PREVIEWS = 12


def previews(root: Path, job: int) -> Path:
    """Return the folder of the pictures that a job's dry run made for showing."""
    return root / "previews" / f"toolkit-{job}"


def extra(root: Path, job: int, verb: str) -> dict[str, Any]:
    """Return what a job's Context is given; older previews are thrown away.

    Args:
        root: the studio's datastore.
    """
    from curation.toolkit.preview import teller

    if verb == "run":
        return {}  # its steps have plans of their own, and tell them in words
    shown = sorted((root / "previews").glob("toolkit-*"), key=lambda path: path.stat().st_mtime)
    for old in shown[:-KEPT_PREVIEWS]:
        shutil.rmtree(old, ignore_errors=True)
    return {"tell": teller(previews(root, job), MOST)}


def trimmed(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return a summary with its long lists cut, and how long they were as `totals`."""
    totals = {key: len(value) for key, value in summary.items() if isinstance(value, list | tuple)}
    cut = {
        key: list(value)[:MOST] if isinstance(value, list | tuple) else value
        for key, value in summary.items()
    }
    return {**cut, "totals": totals}


class ToolkitWatcher:
    """A JobWatcher whose row stays small.

    Raises:
        CurationError: when there is no such job.
    """

    def __init__(self, catalogue: Catalogue, job_id: int) -> None:
        self._watcher = JobWatcher(catalogue, job_id)

    def show(self, beat: Progress) -> None:
        """Take note of one beat; KeyboardInterrupt when somebody asked the job to stop."""
        if beat.summary is not None:
            beat = replace(beat, summary=trimmed(beat.summary))
        self._watcher.show(beat)

    def close(self) -> None:
        """Record how the run ended."""
        self._watcher.close()


@contextmanager
def watched(options: argparse.Namespace) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Yield what is told the answer of a command that takes no time; its job's row has it then."""
    if options.job is None or options.datastore is None:
        yield lambda answer: None
        return
    catalogue = Catalogue(options.datastore)
    try:
        watcher = ToolkitWatcher(catalogue, options.job)
        try:
            yield lambda answer: watcher.show(Progress("undo", unit="files", summary=answer))
        finally:
            watcher.close()
    finally:
        catalogue.close()
