"""Everything that a server holds: one datastore, its jobs, its helper, its uploads."""

from __future__ import annotations

import ctypes
import ipaddress
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from curation.errors import CurationError
from curation.places import keys
from curation.sources import videos_in
from curation.store.audit import AuditTable
from curation.store.pictures import PictureTable, frames_revision
from curation.studio import Studio
from curation.web.audit import Trail
from curation.web.helper import Helper, Table
from curation.web.jobs import JobManager
from curation.web.security import Rules
from curation.web.token import Door
from curation.web.toolkit_changes import Changes
from curation.web.toolkit_pictures import Pictures
from curation.web.toolkit_places import Places
from curation.web.uploads import Uploads

UPLOAD_LIMIT_GB = 50.0
MOST_FOLDERS = 500
SECRETS = ("CURATION_PASSWORD", "CURATION_TOKEN")
MANY_FRAMES = 20_000
"""Stored frames from which the review's table is made ready when the server starts."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person decides before the server starts.

    Attributes:
        input_dirs: folders of this machine below which videos may be added.
        upload_limit_bytes: largest file that the browser may send.
        quota_bytes: most that the datastore's own videos may have together; 0 is no limit.
        trusted_proxies: addresses and networks whose X-Forwarded-For and -Proto are believed.
    """

    datastore: Path
    input_dirs: tuple[Path, ...] = ()
    rules: Rules = field(default_factory=Rules)
    upload_limit_bytes: int = int(UPLOAD_LIMIT_GB * 1e9)
    quota_bytes: int = 0
    trusted_proxies: tuple[str, ...] = ()

    @staticmethod
    def from_environment(
        datastore: Path, input_dirs: tuple[Path, ...], env: Mapping[str, str] = os.environ
    ) -> Settings:
        """Return settings with what CURATION_... variables say.

        Raises:
            CurationError: a folder that is none, a number that is none, a proxy that is no
            address, or a secret's file that cannot be read.
        """
        for folder in input_dirs:
            if not folder.is_dir():
                raise CurationError(f"--input-dir {folder}: there is no such folder")
        for name in filter(None, env.get(keys.LISTED, "").split(os.pathsep)):
            try:
                keys.found(Path(name.strip()), datastore)
                keys.offered(env)
            except keys.KeyRefused as error:
                raise CurationError(f"{keys.LISTED}: {name}: {error.message}", error.hint) from None
        hosts = env.get("CURATION_ALLOWED_HOSTS", "").lower().replace(",", " ").split()
        limit_bytes = _gigabytes(env, "CURATION_UPLOAD_LIMIT_GB", UPLOAD_LIMIT_GB)
        quota_bytes = _gigabytes(env, "CURATION_QUOTA_GB", 0)
        password, token = (_secret(env, name) for name in SECRETS)
        rules = Rules(frozenset(hosts), password, token)
        proxies = _proxies(env.get("FORWARDED_ALLOW_IPS", ""))
        return Settings(datastore, input_dirs, rules, limit_bytes, quota_bytes, proxies)


def _proxies(said: str) -> tuple[str, ...]:
    """Return the addresses and networks of a list."""
    found = tuple(said.replace(",", " ").split())
    for one in found:
        try:
            if not ipaddress.ip_network(one).prefixlen:
                raise ValueError("that is everybody")
        except ValueError as error:
            raise CurationError(
                f"FORWARDED_ALLOW_IPS: {one} is neither an address nor a small network",
                "name the proxy alone, as 127.0.0.1 or 172.18.0.0/16: whoever is named there says "
                "where a request comes from",
            ) from error
    return found


def forget(name: str) -> None:
    """Take a variable out of this process's environment, and its value out of its memory.

    What a process was started with is in /proc/PID/environ as long as it lives, whatever it does
    to its environment: a decoder that reads a file of that name would find it.
    """
    with suppress(OSError, AttributeError):
        getenv = ctypes.CDLL(None).getenv
        getenv.restype = ctypes.c_void_p
        if at := getenv(os.fsencode(name)):
            ctypes.memset(at, 0, len(ctypes.string_at(at)))
    os.environ.pop(name, None)


def _gigabytes(env: Mapping[str, str], name: str, default: float) -> int:
    """Return the bytes of a variable in GB."""
    said = env.get(name, "") or str(default)
    try:
        found = float(said)
    except ValueError as error:
        raise CurationError(f"{name}={said} is not a number") from error
    if not 0 <= found < 1e9:
        raise CurationError(f"{name}={said} must lie between 0 and 1e9")
    return int(found * 1e9)


def _secret(env: Mapping[str, str], name: str) -> str | None:
    """Return a secret from NAME, or from the file that NAME_FILE names (a Docker secret)."""
    file = env.get(f"{name}_FILE")
    if not file:
        return env.get(name) or None
    try:
        found = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CurationError(f"{name}_FILE={file} cannot be read: {error}") from error
    if not found:
        raise CurationError(f"{name}_FILE={file} is empty", "write the secret into it")
    return found


class Site:
    """The parts of one server; nothing runs before `make_ready` or `start`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.studio = Studio(settings.datastore)
        self.pictures = PictureTable(self.studio.catalogue)
        self.trail = Trail(AuditTable(self.studio.catalogue))
        rules = settings.rules
        self.door = Door(rules.password, rules.token, self.studio.catalogue)
        self.jobs = JobManager(self.studio.root, note=self.trail.job)
        # Two, so that looking at a large file does not hold up a slider.
        self.prober = Helper(self.studio.root)
        self.trials = Helper(self.studio.root)
        # A third, so that opening the workspace waits for neither.
        self.review = Helper(self.studio.root)
        self._readied = False
        self.places = Places(settings.input_dirs, self.studio.root)
        self.changes = Changes(self.places, self.studio.root)
        self.shower = Pictures(self.studio.root)
        self.uploads = Uploads(
            self.studio.sources,
            self.studio.videos,
            self.prober,
            settings.upload_limit_bytes,
            settings.quota_bytes,
        )

    def start(self) -> None:
        """Follow earlier jobs and serve the queue."""
        self.jobs.start()
        left = partial(self.uploads.finish_left, self.trail.note)
        threading.Thread(target=left, name="uploads", daemon=True).start()
        self.make_ready()

    def make_ready(self) -> None:
        """Have the table of a large review made, once: it takes seconds, and nobody waits yet."""
        if not self._readied and frames_revision(self.studio.catalogue)[0] >= MANY_FRAMES:
            self.review.submit(Table())
        self._readied = True

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
