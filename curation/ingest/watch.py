"""Watching a folder: videos that arrive there go through a recipe, each exactly once, by content.

Nothing is kept in memory that matters. What is done is in the catalogue: a content whose round
(extract, sort, rank) ended has an origin of the kind "watch". A watcher that was killed, or a
machine that lost power, begins with the files that have none; the verbs go on where they stopped.

A video that failed has no such origin. As it is, it is tried again after a wait that doubles with
each try; when the file changes, at once; while it is quarantined, not at all. That, too, is in the
catalogue.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from curation import sources
from curation.errors import CurationError, InUse, NoSpace
from curation.params import Params, tunable
from curation.records import Progress, VideoInfo
from curation.store.retries import Failure, RetryTable

if TYPE_CHECKING:
    from curation.store.catalogue import Catalogue

KIND = "watch"
NOTED_S = 60.0
"""How often a watcher that waits says so."""
LONGEST_WAIT_S = 6 * 3600.0
"""Longest time until a video that failed is tried again."""

Stat = tuple[int, int]
Run = Callable[[Sequence[Path]], Iterator[Progress]]
"""Takes videos through the recipe."""


class WatchParams(Params):
    """watch: when a file is looked at."""

    poll_s: float = tunable(5.0, "time between two looks at the folder", ge=0.1, le=3600,
                            unit="s", basic=True)  # fmt: skip
    settle_s: float = tunable(10.0, "a file is taken when it neither grew nor changed for so long",
                              ge=0.2, le=86400, unit="s", basic=True)  # fmt: skip
    retry_s: float = tunable(60.0, "a video that failed is tried again after so long; each further "
                             "wait is twice as long, up to 6 hours",
                             ge=0.1, le=21600, unit="s")  # fmt: skip


@dataclass(slots=True)
class Arrivals:
    """Which files of a folder have come to rest.

    A copy that goes on writes: its size or its time of change moves. Only two looks that are
    settle_s apart and see the same tell that it ended; the clock of the machine, or of the disk on
    another one, may be wrong and is not asked.
    """

    settle_s: float
    clock: Callable[[], float] = time.monotonic
    _since: dict[Path, tuple[Stat, float]] = field(default_factory=dict)

    def look(self, folder: Path, outside: Path) -> tuple[dict[Path, Stat], int]:
        """Return (files at rest, how many still move).

        Args:
            outside: a folder whose files are not looked at: the datastore.

        Raises:
            OSError: the folder cannot be read.
        """
        now = self.clock()
        current: dict[Path, Stat] = {}
        for path in sources.videos_in(folder):
            # A link may name any file of this machine; whoever may put files here may not read all.
            if path.is_symlink() or path.is_relative_to(outside):
                continue
            try:
                stat = path.stat()
            except OSError:
                continue  # it went between two looks
            current[path] = (stat.st_size, stat.st_mtime_ns)
        self._since = {
            path: self._since[path]
            if path in self._since and self._since[path][0] == stat
            else (stat, now)
            for path, stat in current.items()
        }
        still = {p: stat for p, (stat, since) in self._since.items() if now - since < self.settle_s}
        rest = {path: stat for path, stat in current.items() if path not in still and stat[0] > 0}
        return rest, len(still)


@dataclass(slots=True)
class Watch:
    """One watched folder and what became of its files.

    Attributes:
        run: takes videos through the recipe.
        taken, twins: path -> content key of files that were new, and that were not.
        recipe: names it where files came from.
        stream: which picture stream the recipe takes, from 1; 0 for the best.
        failed: item -> reason, and what comes next.
        clock: tells seconds since 1970, also after a restart; may be set.
    """

    catalogue: Catalogue
    folder: Path
    params: WatchParams
    run: Run
    recipe: str = ""
    stream: int = 0
    clock: Callable[[], float] = time.time
    taken: dict[str, str] = field(default_factory=dict)
    twins: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    _seen: dict[Path, Stat] = field(default_factory=dict)
    _put_off: set[Path] = field(default_factory=set)

    def rounds(self, once: bool = False) -> Iterator[Progress]:
        """Look, and take in what came; for ever, or until nothing of what is there is left to do.

        Raises:
            CurationError: there is no such folder, or the recipe cannot be run here at all.
        """
        if not self.folder.is_dir():
            raise CurationError(f"{self.folder}: there is no such folder", "mkdir it, or mend it")
        arrivals = Arrivals(self.params.settle_s)
        pause_s = min(self.params.poll_s, self.params.settle_s / 2) if once else self.params.poll_s
        folder = Path(os.path.normpath(self.folder.absolute()))  # as the catalogue spells it
        noted, last = "", float("-inf")
        while True:
            note, failing, moving = "", "", 0
            try:
                rest, moving = arrivals.look(folder, self.catalogue.root)
                fresh, failing = self._sift(rest)
                if fresh:
                    yield from self._round(fresh)
                    self._seen |= fresh
                    _, failing = self._sift(rest)
            except (InUse, NoSpace) as error:
                note = f"{error.message}; waiting"
                moving += 1
            except OSError as error:  # a share that went away comes back
                note = f"{self.folder}: {error.strerror or error}; waiting"
                moving += 1
            if once and not moving:
                break
            note = note or f"{len(self.taken)} taken in, {moving} still arriving{failing}"
            if note != noted or time.monotonic() - last > NOTED_S:
                noted, last = note, time.monotonic()
                yield Progress("watch", len(self.taken), unit="videos", note=note)
            time.sleep(pause_s)
        yield Progress("watch", summary=self._summary())

    def _summary(self) -> dict[str, object]:
        return {
            "folder": str(self.folder),
            "taken": list(self.taken),
            "twins": list(self.twins),
            "failed": dict(self.failed),
        }

    def _sift(self, rest: Mapping[Path, Stat]) -> tuple[dict[Path, Stat], str]:
        """Return (files at rest that something is to be done about, what to say of failed ones)."""
        fresh: dict[Path, Stat] = {}
        waiting: list[float] = []
        shut = 0
        failures, now = RetryTable(self.catalogue).all(), self.clock()
        for path, stat in rest.items():
            failure = failures.get(path)
            if failure is None or failure.stat != stat:
                if self._seen.get(path) != stat:
                    fresh[path] = stat
                continue
            is_shut = self._is_quarantined(path)
            self.failed[str(path)] = _told(failure, is_shut)
            if is_shut:
                shut += 1
            elif not now < failure.again_s <= now + LONGEST_WAIT_S:  # later: the clock was set back
                fresh[path] = stat
            else:
                waiting.append(failure.again_s)
        said = f", {len(waiting)} failed, next try at {_at(min(waiting))}" if waiting else ""
        return fresh, said + (f", {shut} quarantined" if shut else "")

    def _round(self, stats: Mapping[Path, Stat]) -> Iterator[Progress]:
        """Look at files at rest, and take those whose content is new through the recipe."""
        from curation.store.origins import Origin, OriginTable

        paths = list(stats)
        yield Progress("watch", note=f"{len(paths)} new: {', '.join(p.name for p in paths[:3])}")
        self._put_off.clear()
        found = yield from self._look(stats)
        origins = OriginTable(self.catalogue)
        done = origins.keys(KIND)
        new: dict[str, Path] = {}
        for path, info in found.items():
            if info.key not in done:
                new.setdefault(info.key, path)
        for beat in self.run(list(new.values())) if new else ():
            if beat.summary is None:
                yield self._heard(beat, stats, found)
        well = {path: info.key for path, info in found.items() if path not in self._put_off}
        for path, key in well.items():
            if new.get(key) == path:
                facts = {"folder": str(self.folder), "recipe": self.recipe}
                origins.put(path, Origin(KIND, "", key, path.name, facts=facts))
                self.taken[str(path)] = key
            else:
                self.twins[str(path)] = key
            self.failed.pop(str(path), None)
        RetryTable(self.catalogue).clear(well)

    def _heard(
        self, beat: Progress, stats: Mapping[Path, Stat], found: Mapping[Path, VideoInfo]
    ) -> Progress:
        """Put off the files of a content that failed; return the beat, saying until when."""
        if beat.failed is None:
            return beat
        item, told = beat.failed
        keys = {info.key for p, info in found.items() if item in (str(p), str(info.path))}
        for path in stats:
            if str(path) == item or (path in found and found[path].key in keys):
                told = self._put_it_off(path, stats[path], beat.failed[1])
                self.failed[str(path)] = told
        if told == beat.failed[1]:  # a frame, say
            self.failed[item] = told
        return replace(beat, failed=(item, told))

    def _put_it_off(self, path: Path, stat: Stat, reason: str) -> str:
        """Record that a file failed; return the reason, and when it is tried again."""
        table, is_shut = RetryTable(self.catalogue), self._is_quarantined(path)
        failure = table.find(path)
        if failure is None or path not in self._put_off:  # once a round, however often it is said
            self._put_off.add(path)
            tries = failure.tries + 1 if failure is not None and failure.stat == stat else 1
            wait_s = min(self.params.retry_s * 2.0 ** min(tries - 1, 40), LONGEST_WAIT_S)
            # Out of quarantine it is tried at once.
            failure = Failure(path, stat, tries, 0.0 if is_shut else self.clock() + wait_s, reason)
            table.put(failure)
        return _told(failure, is_shut)

    def _is_quarantined(self, path: Path) -> bool:
        """Return whether a file is, or the one that frames of its content are taken from."""
        from curation.store.quarantine import QuarantineTable
        from curation.store.sources import SourceTable
        from curation.store.videos import VideoTable

        table = QuarantineTable(self.catalogue)
        if table.find(path) is not None:
            return True
        video_id = SourceTable(self.catalogue).file(path).video_id
        if video_id is None:
            return False
        return table.find(VideoTable(self.catalogue).info(video_id).path) is not None

    def _look(
        self, stats: Mapping[Path, Stat]
    ) -> Generator[Progress, None, dict[Path, VideoInfo]]:
        """Make files rows of the catalogue; return path -> facts of those that are videos."""
        from curation.engine.looking import register
        from curation.store.sources import SourceTable
        from curation.store.videos import VideoTable

        table, videos = SourceTable(self.catalogue), VideoTable(self.catalogue)
        with self.catalogue.writing("watch"):
            listed = []
            for folder, members in sources.by_folder(list(stats)).items():
                wanted = sources.folder_number(self.catalogue.root, folder)
                listed += table.add_files(table.add_folder(folder, wanted), members)
            failures = RetryTable(self.catalogue).all()
            again: Collection[Path] = {f.path for f in listed if f.error and f.path in failures}
            for beat in register(self.catalogue, listed, 1, again, self.stream):
                yield self._heard(beat, stats, {})
        settled = [table.file(file.path) for file in listed]
        return {f.path: videos.info(f.video_id) for f in settled if f.video_id is not None}


def _told(failure: Failure, is_shut: bool) -> str:
    """Return why a file failed and what comes next."""
    if is_shut:
        return f"{failure.reason}; left alone until then, or until the file changes"
    times = "once" if failure.tries == 1 else f"{failure.tries} times"
    again = f"again at {_at(failure.again_s)}, or at once when the file changes"
    return f"{failure.reason}; tried {times}, {again}"


def _at(time_s: float) -> str:
    return time.strftime("%H:%M", time.localtime(time_s))


def digest_of(*params: Params) -> str:
    """Return eight hex digits that name a recipe's settings."""
    text = "".join(one.model_dump_json() for one in params)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
