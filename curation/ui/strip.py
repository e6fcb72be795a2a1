"""The line under the title: what runs, how much room the disk has, what is no longer up to date."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from curation.cli.terminal import duration
from curation.engine.machine import LEAST_FREE_BYTES
from curation.sources import offered, videos_in
from curation.store.jobs import Job
from curation.store.pictures import frames_revision
from curation.store.staleness import Stale, stale
from curation.studio import Studio
from curation.ui import commands
from curation.ui.words import STATES, VERBS, text
from curation.words import count, size

LITTLE_BYTES = 10 << 30
COUNTED_AGAIN_S = 5.0
BEGIN = "<a class='chip plain' href='?tab=ingest'>Add a video to begin</a>"


@dataclass(frozen=True, slots=True)
class Status:
    """What the strip tells.

    Attributes:
        jobs: those that wait or run, the running one first.
        free_bytes: room on the datastore's disk, None when it does not say.
        is_empty: there is neither a frame nor a video to take one from.
    """

    jobs: tuple[Job, ...]
    free_bytes: int | None
    stale: Stale
    is_empty: bool = False


class Clerk:
    """Finds out the status; what must be counted is counted only when it can have changed."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._counted: tuple[object, float, Stale] | None = None

    def status(self, jobs: Sequence[Job]) -> Status:
        """Return how things stand.

        Args:
            jobs: the latest ones.
        """
        is_open = sorted((j for j in jobs if j.is_open), key=lambda j: (j.state != "running", j.id))
        try:
            free = shutil.disk_usage(self._studio.root).free
        except OSError:
            free = None
        found = self._stale()
        is_empty = not found.unextracted and not frames_revision(self._studio.catalogue)[1]
        return Status(tuple(is_open), free, found, is_empty)

    def _stale(self) -> Stale:
        try:
            ranked_s: float | None = (self._studio.root / "ranked.csv").stat().st_mtime
        except OSError:
            ranked_s = None
        revision = frames_revision(self._studio.catalogue)
        key = (ranked_s, revision, self._studio.decisions.revision())
        now = time.monotonic()
        # Marks change without any of these; counting them a few seconds late harms nobody.
        if (
            self._counted is None
            or self._counted[0] != key
            or now - self._counted[1] > COUNTED_AGAIN_S
        ):
            found = stale(self._studio.catalogue, ranked_s)
            found = replace(found, unextracted=found.unextracted + self._unseen())
            self._counted = (key, now, found)
        return self._counted[2]


    def _unseen(self) -> int:
        """Return how many videos lie in the folders that no extraction has looked at."""
        there, _ = offered(self._studio.root, ())
        for folder in commands.added_folders(self._studio):
            there += videos_in(folder)
        known = {file.path for file in self._studio.sources.files()}
        return len(set(there) - known)


def strip(status: Status) -> str:
    """Return the line as HTML."""
    coming = {job.verb for job in status.jobs}
    stale_now = [BEGIN] if status.is_empty else _stale_links(status.stale, coming)
    parts = [_jobs(status.jobs), _disk(status.free_bytes), *stale_now]
    return f"<div class='strip'>{''.join(parts)}</div>"


def _jobs(jobs: Sequence[Job]) -> str:
    if not jobs:
        return "<span class='chip idle'>No job running</span>"
    first, waiting = jobs[0], len(jobs) - 1
    share = f" {100 * first.done / first.total:.0f} %" if first.total and first.done else ""
    left = f", {duration(first.eta_s)} left" if first.eta_s else ""
    said = f"{STATES[first.state]}: {VERBS.get(first.verb, first.verb)}{share}{left}"
    more = f"<span class='chip queued'>{waiting} waiting</span>" if waiting else ""
    # Verbs without a tab of their own have nothing to open.
    chip = f"<span class='chip {first.state}'>{text(said)}</span>"
    return chip + more


def _disk(free_bytes: int | None) -> str:
    if free_bytes is None:
        return ""
    kind, more = "plain", ""
    if free_bytes < 2 * LEAST_FREE_BYTES:
        kind, more = "bad", ": jobs stop until there is room"
    elif free_bytes < LITTLE_BYTES:
        kind = "soft"
    said = f"{size(free_bytes)} free on the disk{more}"
    return f"<span class='chip {kind}'>{text(said)}</span>"


def _stale_links(found: Stale, coming: set[str]) -> list[str]:
    """Return what is not up to date and no waiting or running job (`coming`) sees to."""
    told = [
        ("extract", found.unextracted, "video", "not extracted yet"),
        ("sort", found.unsorted, "frame", "not sorted yet"),
        ("rank", found.unranked, "frame", "not ranked yet"),
        ("rank", found.marked_faces, "face mark", "newer than the ranking"),
        ("review", found.marks, "mark", "not applied yet"),
    ]
    links = [
        f"<a class='chip soft' href='?tab={tab}'>{text(count(number, noun))} {text(rest)}</a>"
        for tab, number, noun, rest in told
        if number and tab not in coming
    ]
    return links or ([] if coming else ["<span class='chip good'>Up to date</span>"])
