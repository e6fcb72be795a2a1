"""Everything that a server holds: one datastore, its jobs, its helper, its uploads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from curation.errors import CurationError
from curation.sources import videos_in
from curation.store.pictures import PictureTable, frames_revision
from curation.studio import Studio
from curation.web.helper import Helper, Table
from curation.web.jobs import JobManager
from curation.web.security import Rules
from curation.web.toolkit_changes import Changes
from curation.web.toolkit_pictures import Pictures
from curation.web.toolkit_places import Places
from curation.web.uploads import Uploads

UPLOAD_LIMIT_GB = 50.0
MOST_FOLDERS = 500
MANY_FRAMES = 20_000
"""Stored frames from which the review's table is made ready when the server starts."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person decides before the server starts.

    Attributes:
        input_dirs: folders of this machine below which videos may be added.
        upload_limit_bytes: largest file that the browser may send.
    """

    datastore: Path
    input_dirs: tuple[Path, ...] = ()
    rules: Rules = field(default_factory=Rules)
    upload_limit_bytes: int = int(UPLOAD_LIMIT_GB * 1e9)

    @staticmethod
    def from_environment(
        datastore: Path, input_dirs: tuple[Path, ...], env: Mapping[str, str] = os.environ
    ) -> Settings:
        """Return settings with what CURATION_... variables say.

        Raises:
            CurationError: a folder that is none, or a number that is none.
        """
        for folder in input_dirs:
            if not folder.is_dir():
                raise CurationError(f"--input-dir {folder}: there is no such folder")
        hosts = env.get("CURATION_ALLOWED_HOSTS", "").lower().replace(",", " ").split()
        limit = env.get("CURATION_UPLOAD_LIMIT_GB", "") or str(UPLOAD_LIMIT_GB)
        try:
            limit_bytes = int(float(limit) * 1e9)
        except ValueError as error:
            raise CurationError(f"CURATION_UPLOAD_LIMIT_GB={limit} is not a number") from error
        rules = Rules(frozenset(hosts), env.get("CURATION_PASSWORD") or None)
        return Settings(datastore, input_dirs, rules, limit_bytes)


class Site:
    """The parts of one server; nothing runs before `start`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.studio = Studio(settings.datastore)
        self.pictures = PictureTable(self.studio.catalogue)
        self.jobs = JobManager(self.studio.root)
        # Two, so that looking at a large file does not hold up a slider.
        self.prober = Helper(self.studio.root)
        self.trials = Helper(self.studio.root)
        # A third, so that opening the workspace waits for neither.
        self.review = Helper(self.studio.root)
        self.places = Places(settings.input_dirs, self.studio.root)
        self.changes = Changes(self.places, self.studio.root)
        self.shower = Pictures(self.studio.root)
        self.uploads = Uploads(
            self.studio.sources, self.studio.videos, self.prober, settings.upload_limit_bytes
        )

    def start(self) -> None:
        """Follow earlier jobs and serve the queue."""
        self.jobs.start()
        if frames_revision(self.studio.catalogue)[0] >= MANY_FRAMES:
            self.review.submit(Table())  # takes seconds: before somebody waits for it

    def stop(self) -> None:
        """Let go; running jobs go on by themselves."""
        self.jobs.stop()
        self.prober.close()
        self.trials.close()
        self.review.close()
        self.shower.close()

    def offered_folders(self) -> dict[str, Path]:
        """Return the folders below the input folders that hold videos, by the name that is shown.

        The browser sends back a name of this list, never a path.
        """
        found: dict[str, Path] = {}
        for top in self.settings.input_dirs:
            top = top.resolve()
            folders = (Path(folder) for folder, _, _ in os.walk(top))
            for folder in folders:
                if len(found) >= MOST_FOLDERS:
                    return found
                count = sum(1 for video in videos_in(folder) if video.parent == folder)
                if count:
                    inside = folder.relative_to(top)
                    name = top.name if folder == top else f"{top.name}/{inside.as_posix()}"
                    found.setdefault(f"{name} ({count})", folder)
        return found
