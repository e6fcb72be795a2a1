"""The links of a job: an address may hold a pass to what it names, so it is nobody's to read.

They are in a file that only this user can read, for as long as the job waits or runs: not among
the words of its process (`ps` shows those to everybody), not in its row, not in the log. The row
has them without their secrets. To resume a job they are remembered while this server runs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from curation.errors import CurationError
from curation.public_only import without_secrets
from curation.store.jobs import Job, JobTable, links_path

VERB = "download"
CUT = "#what-was-secret-is-not-kept"
"""Ends a link of a row that was longer; no such part is ever sent to a server."""
MOST_REMEMBERED = 100
UNSEEN_S = 60.0


def shown(link: str) -> str:
    """Return a link as it may be kept with its job."""
    plain = without_secrets(link)
    return plain if plain == link else plain + CUT


def split(job: Job) -> tuple[list[str], list[str]]:
    """Return (links as they were kept, other words) of a job's row."""
    links = [word for word in job.argv if job.verb == VERB and _is_link(word)]
    return links, [word for word in job.argv if word not in links]


def _gone() -> CurationError:
    return CurationError(
        "the links of this job held secrets, and those are not kept after its end",
        "paste the links again in the first tab, then press Check",
    )


def _is_link(word: str) -> bool:
    return "://" in word and not word.startswith("-")


def words_of(job: Job, root: Path) -> list[str]:
    """Return the words that a job is started with.

    Raises:
        CurationError: its links are gone.
    """
    links, words = split(job)
    path = links_path(root, job.id)
    if links and path.is_file():
        return ["--links-file", str(path), *words]
    if any(link.endswith(CUT) for link in links):
        raise _gone()
    return list(job.argv)


class JobLinks:
    """The files with links of one server's jobs."""

    def __init__(self, table: JobTable) -> None:
        self._table = table
        self._remembered: dict[int, tuple[str, ...]] = {}
        self._written: set[int] = set()

    def write(self, job_id: int, links: Sequence[str]) -> None:
        """Keep the links of a job that begins."""
        path = self._table.links_path(job_id)
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(made, "w", encoding="utf-8") as file:
            file.write("".join(f"{link}\n" for link in links))
        self._remembered[job_id] = tuple(links)
        for old in list(self._remembered)[:-MOST_REMEMBERED]:
            del self._remembered[old]
        self._written.add(job_id)

    def again(self, job: Job) -> tuple[list[str], list[str]]:
        """Return (links, other words) to begin a job once more.

        Raises:
            CurationError: its links held secrets, and an earlier server knew them.
        """
        kept, words = split(job)
        links = list(self._remembered.get(job.id, kept))
        if any(link.endswith(CUT) for link in links):
            raise _gone()
        return links, words

    def find(self) -> None:
        """Take over the files that an earlier server left."""
        for path in self._table.links_path(0).parent.glob("job-*.links"):
            number = path.stem.removeprefix("job-")
            if number.isdecimal():
                self._written.add(int(number))

    def drop_ended(self) -> None:
        """Delete the files of jobs that have ended."""
        for job_id in list(self._written):
            path = self._table.links_path(job_id)
            with suppress(OSError):
                if not self._is_open(job_id, path):
                    path.unlink(missing_ok=True)
                    self._written.discard(job_id)

    def _is_open(self, job_id: int, path: Path) -> bool:
        try:
            return self._table.get(job_id).is_open
        except KeyError:  # its row is just being written, or never was: the disk was full
            return path.exists() and abs(time.time() - path.stat().st_mtime) < UNSEEN_S
