"""A machine's share of many videos: each through the same verbs, each packed into its own part."""

from __future__ import annotations

import hashlib
import json
import resource
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from curation.engine.extract import extract
from curation.engine.looking import register
from curation.engine.machine import pick_workers, require_space
from curation.engine.measure import measure
from curation.engine.meter import Meter
from curation.engine.part_store import PartStore
from curation.engine.parts import (
    FAILED,
    POISON,
    STILLS,
    VIDEO,
    WHOLE,
    Manifest,
    Settings,
    maker,
    part_name,
    scrubbed,
    write_part,
)
from curation.engine.scratch import private_datastore
from curation.errors import StoreError
from curation.params import ExtractParams, MeasureParams
from curation.records import Progress
from curation.store.catalogue import Catalogue
from curation.store.origins import origin_of
from curation.store.quarantine import QuarantineTable
from curation.store.sources import SourceFile, SourceTable
from curation.store.videos import VideoTable, info_to_json

GROUP_FILES, GROUP_BYTES = 4, 1 << 30
"""Videos that a worker process gets at once, at most: models are loaded once a group, and a machine
that is lost takes one group of each worker with it."""


@dataclass(frozen=True, slots=True)
class Job:
    """A file to work on.

    Attributes:
        path: on this machine.
        source: below what the user named: the same on every machine, unlike the path.
    """

    path: Path
    source: str
    size_bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path, source: str) -> Job:
        """Return the job of a file; OSError when it cannot be looked at."""
        stat = path.stat()
        return cls(path, source, stat.st_size, stat.st_mtime_ns)

    def check(self) -> None:
        """Raise StoreError when this machine does not see the file, or sees another one."""
        try:
            stat = self.path.stat()
        except OSError as error:
            raise StoreError(f"this machine does not see {self.path}: {error.strerror}") from error
        if stat.st_size != self.size_bytes:
            raise StoreError(f"{self.path} is of another size on this machine")

    @property
    def alias(self) -> str:
        """Return what the file is known as without reading it: name and size, and time."""
        return f"{likely(self.path.name, self.size_bytes)}-{_short(str(self.mtime_ns), 4)}"


def likely(name: str, size_bytes: int) -> str:
    """Return the part of an alias that a copy on another machine is sure to share."""
    return _short(f"{name}\0{size_bytes}", 8)


def _short(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()


def share(jobs: Iterable[Job], number: int, of: int) -> list[Job]:
    """Return the jobs of one of several machines: every n-th, the largest first.

    All machines must list the same files; where lists differ, some work is done twice and none
    is harmed.

    Args:
        number: which machine, from 1.
    """
    ordered = sorted(jobs, key=lambda job: (-job.size_bytes, job.source))
    return ordered[number - 1 :: of]


def groups(jobs: Sequence[Job], workers: int, slots: int = 1) -> list[tuple[Job, ...]]:
    """Return jobs in the groups in which they are done.

    Args:
        workers: processes of one machine that share a group.
        slots: machines that want some; each should get several groups.
    """
    most = max(1, min(GROUP_FILES * workers, len(jobs) // (4 * slots) if slots > 1 else len(jobs)))
    found: list[tuple[Job, ...]] = []
    group: list[Job] = []
    for job in jobs:
        size = sum(one.size_bytes for one in group)
        if group and (len(group) >= most or size + job.size_bytes > GROUP_BYTES * workers):
            found.append(tuple(group))
            group = []
        group.append(job)
    return [*found, tuple(group)] if group else found


class Shelf:
    """The parts of one set of settings in a store.

    Attributes:
        parts: id -> how it ended, of all parts that were there when it was opened and since.
        aliases: alias -> ids of files known by it.
    """

    def __init__(
        self, store: PartStore, settings: Settings, scratch: Path, listing: bool = True
    ) -> None:
        """Open the shelf.

        Args:
            scratch: folder for a moment's files.
            listing: False for who makes some parts of ten thousand: they are not listed.
        """
        self.store, self.settings, self.scratch = store, settings, scratch
        self.digest = settings.digest
        self.parts: dict[str, str] = {}
        self.aliases: dict[str, set[str]] = {}
        self.whole = listing
        if listing:
            self._look()

    def _look(self) -> None:
        """List what is there; say what the settings are, when nobody has yet."""
        names = self.store.names()
        self.parts, self.aliases = listed(names, self.digest)
        if f"{self.digest}/settings.json" not in names:
            told = json.dumps(self.settings.to_dict(), indent=1, sort_keys=True).encode()
            self.store.put_bytes(told, f"{self.digest}/settings.json", self.scratch)

    def is_done(self, job: Job, retry_quarantined: bool = False) -> bool:
        """Return whether there is nothing to do for a file; what failed is tried again."""
        states = {self.parts[i] for i in self.aliases.get(job.alias, ()) if i in self.parts}
        return WHOLE in states or (POISON in states and not retry_quarantined)

    def has(self, part_id: str) -> bool:
        """Return whether a whole part is there."""
        if self.whole or part_id in self.parts:
            return self.parts.get(part_id) == WHOLE
        return self.store.exists(part_name(part_id, self.digest, WHOLE))

    def put(self, file: Path, manifest: Manifest, jobs: Iterable[Job]) -> None:
        """Store a part, then by which files it is known."""
        self.store.put(file, manifest.file_name)
        before = self.parts.get(manifest.id)
        if before not in (None, manifest.state):
            self.store.remove(part_name(manifest.id, self.digest, str(before)))
        self.parts[manifest.id] = manifest.state
        for job in jobs:
            self.know(job, manifest.id)

    def know(self, job: Job, part_id: str) -> None:
        """Remember by which file a part is known, so that it need not be read again."""
        if part_id not in self.aliases.setdefault(job.alias, set()):
            name = f"{self.digest}/known/{job.alias}.{part_id}"
            self.store.put_bytes(b"", name, self.scratch)
            self.aliases[job.alias].add(part_id)


def listed(names: Iterable[str], digest: str) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Return id -> state and alias -> ids of the parts of a digest, from a listing."""
    parts: dict[str, str] = {}
    aliases: dict[str, set[str]] = {}
    for name in names:
        folder, _, rest = name.partition("/")
        if folder != digest:
            continue
        if rest.startswith("known/"):
            alias, _, part_id = rest.removeprefix("known/").partition(".")
            aliases.setdefault(alias, set()).add(part_id)
            continue
        part_id, found, end = rest.rpartition(f"-{digest}")
        for state in (FAILED, POISON, WHOLE):
            # A part that is whole says more than one of an earlier try.
            named = found and end == f"{state}.zip" and "/" not in part_id  # a person's folder
            if named and parts.get(part_id) != WHOLE:
                parts[part_id] = state
    return parts, aliases


@dataclass
class Tally:
    """What became of some jobs.

    Attributes:
        failed: source -> reason.
        cpu_s: seconds of the processor, with all children; video_s: seconds of video they gave.
    """

    parts: int = 0
    skipped: int = 0
    frames: int = 0
    stills: int = 0
    part_bytes: int = 0
    cpu_s: float = 0.0
    video_s: float = 0.0
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, told: dict[str, Any]) -> None:
        """Add another one, as a dict."""
        for name, value in told.items():
            mine = getattr(self, name)
            setattr(self, name, {**mine, **value} if isinstance(value, dict) else mine + value)


def work(
    jobs: Sequence[Job], shelf: Shelf, scratch: Path, retry_quarantined: bool = False
) -> Iterator[Progress]:
    """Do jobs on this machine, with all its cores; those whose part is there are skipped.

    Raises:
        NoSpace, StoreError: a disk or the store of parts cannot be used.
    """
    todo = [job for job in jobs if not shelf.is_done(job, retry_quarantined)]
    tally = Tally(skipped=len(jobs) - len(todo))
    meter = Meter("work", len(jobs), "videos", tally.skipped)
    workers = pick_workers(shelf.settings.params.workers, max(1, len(todo)))
    for group in groups(todo, workers):
        for beat in produce(group, shelf, scratch, workers):
            if beat.summary is None:
                yield beat
            else:
                tally.add(dict(beat.summary))
        yield meter.beat(len(group))
    yield meter.beat(summary=asdict(tally))


def produce(
    group: Sequence[Job], shelf: Shelf, scratch: Path, workers: int
) -> Iterator[Progress]:
    """Make the parts of a few videos in a datastore of their own; the summary is a Tally."""
    settings, tally, begun = shelf.settings, Tally(), _cpu_s()
    named = _short("\n".join(f"{job.path}\0{job.alias}" for job in group), 8)
    params = settings.with_workers(workers)
    with private_datastore(scratch, f"{settings.digest}-{named}") as catalogue:
        files = _offer(catalogue, group)
        for beat in register(catalogue, list(files.values()), workers, (), params.stream):
            yield beat
        packer = _Packer(catalogue, shelf, tally)
        videos: dict[int, list[Job]] = {}
        for job in group:
            file = packer.sources.file(job.path)
            if file.video_id is None:
                packer.refused(job, file.error or "it was not looked at")
            else:
                videos.setdefault(file.video_id, []).append(job)
        todo = [video for video, jobs in videos.items() if not packer.there(video, jobs)]
        for stage in (
            # A part carries its stills: who gathers it may not have the video.
            extract(catalogue, todo, _with_stills(params.narrow(ExtractParams))),
            measure(catalogue, params.narrow(MeasureParams)),
        ):
            for beat in stage:
                if beat.summary is None:
                    yield beat
        for video in todo:
            packer.pack(video, videos[video])
            yield Progress("pack", note=videos[video][0].path.name, unit="parts")
    tally.cpu_s = round(_cpu_s() - begun, 2)
    yield Progress("work", summary=asdict(tally))


def _with_stills(params: ExtractParams) -> ExtractParams:
    return params.model_copy(update={"full_frames": "all"})


def _cpu_s() -> float:
    """Return the processor time of this process and of all its children that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def _offer(catalogue: Catalogue, group: Sequence[Job]) -> dict[Path, SourceFile]:
    table = SourceTable(catalogue)
    found: dict[Path, SourceFile] = {}
    for job in group:
        number = table.add_folder(job.path.parent)
        for file in table.add_files(number, [job.path]):
            found[job.path] = file
    return found


class _Packer:
    """Turns what a private datastore holds into parts."""

    def __init__(self, catalogue: Catalogue, shelf: Shelf, tally: Tally) -> None:
        self.catalogue, self.shelf, self.tally = catalogue, shelf, tally
        self.sources, self.videos = SourceTable(catalogue), VideoTable(catalogue)
        self.quarantine = QuarantineTable(catalogue)

    def there(self, video_id: int, jobs: Sequence[Job]) -> bool:
        """Return whether a video's part is there already, made of a file of another name."""
        key = self.videos.info(video_id).key
        if not self.shelf.has(key):
            return False
        for job in jobs:
            self.shelf.know(job, key)
        self.tally.skipped += len(jobs)
        return True

    def refused(self, job: Job, reason: str) -> None:
        """Pack the reason why a file is no video."""
        held = self.quarantine.find(job.path)
        words = {str(job.path): VIDEO}
        manifest = Manifest(
            f"file-{job.alias}", self.shelf.digest, job.path.name, job.source, job.size_bytes,
            job.mtime_ns, job.path.stem, scrubbed(reason, words),
            None if held is None else (held.stage, scrubbed(held.reason, words)),
            None, origin_of(job.path), made_by=maker(),
        )  # fmt: skip
        self._write(manifest, None, words, [job])
        self.tally.failed[job.source] = reason

    def pack(self, video_id: int, jobs: Sequence[Job]) -> None:
        """Pack a video that was extracted and measured, or as much as there is of it."""
        info, state = self.videos.info(video_id), self.videos.extraction(video_id)
        if state is None:
            raise StoreError(f"{info.path}: was not extracted")
        job = next((one for one in jobs if one.path == info.path), jobs[0])
        words = {str(info.path): VIDEO, str(self.videos.output_dir(video_id)): STILLS}
        held = self.quarantine.find(info.path)
        frames, dropped = self.videos.frame_counts([video_id])
        manifest = Manifest(
            info.key, self.shelf.digest, job.path.name, job.source, job.size_bytes, job.mtime_ns,
            info.path.stem,
            None if state.failure is None else scrubbed(state.failure, words),
            None if held is None else (held.stage, scrubbed(held.reason, words)),
            info_to_json(info), origin_of(job.path), frames + dropped, frames, maker(),
        )  # fmt: skip
        self._write(manifest, video_id, words, jobs)
        self.tally.frames += frames + dropped
        self.tally.stills += frames
        self.tally.video_s += state.time_s
        if state.failure is not None:
            self.tally.failed[job.source] = state.failure

    def _write(
        self, manifest: Manifest, video_id: int | None, words: dict[str, str], jobs: Sequence[Job]
    ) -> None:
        target = self.catalogue.root / f"{manifest.id}.zip"
        require_space(self.catalogue.root)
        write_part(
            target, manifest, None if video_id is None else self.catalogue, video_id,
            self.shelf.settings, words,
        )  # fmt: skip
        self.shelf.put(target, manifest, jobs)
        self.tally.parts += 1
        self.tally.part_bytes += target.stat().st_size
        target.unlink()


def poisoned(job: Job, digest: str, reason: str) -> Manifest:
    """Return the manifest of a file that ended a whole worker, twice, so that nothing is known."""
    return Manifest(
        f"file-{job.alias}", digest, job.path.name, job.source, job.size_bytes, job.mtime_ns,
        job.path.stem, f"quarantined: {reason}, twice, once alone; --retry-quarantined tries it"
        " again", ("extract", reason), None, origin_of(job.path), made_by=maker(),
    )  # fmt: skip
