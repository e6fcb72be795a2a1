"""Whoever starts jobs: through the studio's queue, by resuming, cancelling, and by the scripts."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from dataclasses import dataclass

import httpx

from curation.errors import CurationError
from curation.store.catalogue import Catalogue
from curation.store.jobs import OPEN, JobTable
from tests.chaos.diary import Diary
from tests.chaos.house import LONGEST_S, ROOT, House

FPS = "5"
WORDS = {
    "extract": ["--fps", FPS, "--workers", "2"],
    "sort": ["--recipe", str(ROOT / "recipes" / "small.yaml"), "--workers", "2"],
    "rank": ["--recipe", str(ROOT / "recipes" / "small.yaml")],
    "apply": [],
    "unapply": [],
}
OFTEN = {"extract": 8, "sort": 2, "rank": 3, "apply": 2, "unapply": 1}


@dataclass(slots=True)
class Boss:
    """Starts, cancels and resumes; `at_last` runs what makes everything whole."""

    house: House
    diary: Diary
    rng: random.Random

    def live(self, stop: threading.Event) -> None:
        """Keep the queue busy until told to stop."""
        while not stop.wait(self.rng.uniform(0.5, 4)):
            jobs = self.house.rows("SELECT id, verb, state FROM job ORDER BY id DESC LIMIT 5")
            verb = self.rng.choices(list(OFTEN), list(OFTEN.values()))[0]
            if self.rng.random() < 0.06:
                code = self.house.finish("-m", "curation", verb, *WORDS[verb], "--datastore",
                                         self.house.datastore)  # fmt: skip
                self.diary.count(f"{verb} by hand ended {code}")
            elif jobs and jobs[0]["state"] in OPEN:
                if self.rng.random() < 0.08:
                    self._ask(f"/api/jobs/{jobs[0]['id']}/cancel")
            elif jobs and self.rng.random() < 0.5:
                self._ask(f"/api/jobs/{jobs[0]['id']}/resume")
            else:
                self._add(verb)

    def _ask(self, path: str) -> None:
        try:
            with self.house.client() as line:
                status = line.post(path).status_code
            self.diary.count(f"{path.rpartition('/')[2]} {status}")
        except httpx.HTTPError:
            self.diary.count("jobs asked for in vain")

    def _add(self, verb: str, *more: str) -> int:
        try:
            catalogue = Catalogue(self.house.datastore)
            try:
                made = JobTable(catalogue).add(verb, [*WORDS[verb], *more])
            finally:
                catalogue.close()
            self.diary.count(f"{verb} queued")
            return made
        except (CurationError, sqlite3.Error):
            self.diary.count("jobs not queued: the disk is full, or the catalogue busy")
            return 0

    def at_last(self) -> None:
        """Run extract, sort and rank in peace, after what is in the queue still."""
        calm = (("extract", "--retry-quarantined"), ("sort", "--retry-failed"), ("rank",))
        for verb, *more in calm:
            until = time.monotonic() + LONGEST_S
            while not (made := self._add(verb, *more)) and time.monotonic() < until:
                time.sleep(0.5)
            while time.monotonic() < until:
                rows = self.house.rows("SELECT state, error FROM job WHERE id = ?", made)
                if rows and rows[0]["state"] not in OPEN:
                    break
                time.sleep(0.5)
            else:
                self.diary.fail(f"the last {verb} (job {made}) did not end in {LONGEST_S:.0f} s")
                return
            if rows[0]["state"] != "done":
                self.diary.fail(f"the last {verb} ended {rows[0]['state']}: {rows[0]['error']}")
