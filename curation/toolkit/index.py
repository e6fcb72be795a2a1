"""The index of a work dir: which content a file has, and what was measured of that content.

A file is read when its size, time or inode differ from what is stored, and never twice for one
question: 200,000 known files cost a stat and a look-up each. Numbers belong to contents, so that
renamed, moved and copied files keep theirs, and a file changed behind our back loses them.

    index = Index(ctx.workdir, ctx.catalogue)
    found = yield from index.look(ctx.verb, pics, ["phash"], ctx.workers)
    found.content[path], found.numbers[path]["phash"], found.failed[path]

Other verbs keep what they compute beside it, by content: `recall` and `remember`.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Container, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation.engine.machine import pick_workers, require_space
from curation.engine.meter import Meter
from curation.engine.pool import Event, Pool
from curation.engine.prints import RACY_NS, Stat, stat_of
from curation.errors import ImageUnreadable, NoSpace
from curation.records import Progress, Value
from curation.store.catalogue import Catalogue
from curation.store.toolkit_index import Answer, FileRow, IndexTable
from curation.toolkit import measures
from curation.toolkit.measures import Numbers
from curation.toolkit.workdir import Pic, WorkDir

BATCH, CHUNK = 4, 256
TRIES = 3


@dataclass(slots=True)
class Found:
    """What a look at pictures gave.

    Attributes:
        content: hex digest of each file's bytes.
        numbers: by path, then by measure; what failed is not in it.
        failed: reason by path, of files that could not be read or measured.
        read: files that had to be read.
    """

    content: dict[Path, str] = field(default_factory=dict)
    numbers: dict[Path, dict[str, Numbers]] = field(default_factory=dict)
    failed: dict[Path, str] = field(default_factory=dict)
    read: set[Path] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Task:
    """Files on their way to a worker, with what is to be measured; nothing: only their content."""

    files: tuple[Path, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reading of a file gave.

    Attributes:
        error: why there are no numbers; of the file when content is empty, else of its content.
    """

    path: Path
    stat: Stat = (0, 0, 0)
    content: str = ""
    numbers: Mapping[str, Numbers] = field(default_factory=dict)
    error: str | None = None


def content_id(data: bytes) -> str:
    """Return the name of a content: blake2b of the bytes, 16 bytes in hex."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def make_reader() -> Any:
    """Return the worker's side: each file becomes a Reading."""
    from curation.engine.machine import single_threaded

    single_threaded()

    def handler(task: Task) -> Iterator[Reading]:
        for path in task.files:
            yield read(path, task.names)

    return handler


def read(path: Path, names: tuple[str, ...]) -> Reading:
    """Read a file once and measure it; whatever is wrong with it is in the answer."""
    from curation.photos.decode import read_bytes

    try:
        for _ in range(TRIES):
            before = stat_of(path)
            kind, data = read_bytes(path)
            if before == stat_of(path) and len(data) == before[0]:
                break
        else:
            return Reading(path, error="changes while it is being read; run this again later")
    except ImageUnreadable as error:
        return Reading(path, error=error.message)
    except OSError as error:
        return Reading(path, error=f"cannot be read: {error.strerror or error}")
    content = content_id(data)
    if not names:
        return Reading(path, before, content)
    try:
        return Reading(path, before, content, _measured(kind, data, names))
    except ImageUnreadable as error:
        return Reading(path, before, content, error=error.message)
    except MemoryError:
        return Reading(path, error="needs more memory than there is")
    except Exception as error:  # one file must not cost the others of its batch
        return Reading(path, error=f"cannot be measured: {type(error).__name__}: {error}")


def _measured(kind: str, data: bytes, names: tuple[str, ...]) -> Mapping[str, Numbers]:
    import cv2

    from curation.toolkit.views import Views

    cv2.setNumThreads(1)
    return measures.run(names, Views(kind, data))


def sort_out(
    workdir: WorkDir,
    table: IndexTable,
    paths: Sequence[Path],
    contents: dict[Path, str],
    failed: dict[Path, str],
    claims: Container[Path] = (),
) -> tuple[list[Path], list[Path]]:
    """Return (files never seen, files that may be known ones under a new name).

    Args:
        contents: takes the contents of files that are as they were.
        failed: takes the reasons of files that are not there or may not be looked at.
        claims: files of which something else says what they are.
    """
    unknown: list[Path] = []
    moved: list[Path] = []
    looks: set[tuple[int, int]] | None = None
    known = table.files(os.fsencode(workdir.stored(path)) for path in paths)
    for path, row in zip(paths, known, strict=True):
        try:
            stat = stat_of(path)
        except OSError as error:
            failed[path] = f"cannot be read: {error.strerror or error}"
            continue
        if row is not None and (row.size_bytes, row.mtime_ns, row.inode) == stat:
            contents[path] = row.content
            continue
        looks = table.looks() if looks is None else looks
        same = row is not None and row.size_bytes == stat[0]
        (moved if same or path in claims or stat[:2] in looks else unknown).append(path)
    return unknown, moved


class Index:
    """What is known of the files of a work dir."""

    def __init__(self, workdir: WorkDir, catalogue: Catalogue) -> None:
        self.workdir = workdir
        self.table = IndexTable(catalogue)
        self._waiting: list[Reading] = []

    def look(
        self,
        verb: str,
        pics: Sequence[Pic],
        names: Sequence[str] = (),
        workers: int = 0,
        *,
        force: bool = False,
        claims: Mapping[Path, tuple[str, Mapping[str, Numbers]]] | None = None,
    ) -> Generator[Progress, None, Found]:
        """Find out contents, and the numbers of measures; read only what must be read.

        Args:
            verb: stage of the beats.
            names: measures; `size` is kept along with any that is measured.
            force: measure again whatever is stored.
            claims: what sidecars say was measured, and of which content; believed of that
                content, where nothing is stored.

        Raises:
            NoSpace: when the disk is full.
        """
        asked = tuple(dict.fromkeys([*names, "size"])) if names else ()
        fps = {name: measures.measure_of(name).fp for name in asked}
        wanted = tuple(names)
        claims = claims or {}
        self._believe(claims, fps)
        found = Found()
        unknown, moved = sort_out(
            self.workdir,
            self.table,
            [pic.path for pic in pics],
            found.content,
            found.failed,
            claims,
        )
        meter = Meter(verb, len(unknown) + len(moved), "pictures")
        measured: set[str] = set()
        tasks = [*_tasks(moved, ()), *_tasks(unknown, asked)]
        yield from self._run(tasks, meter, found, fps, workers, measured)
        self._recall(found, fps, measured if force else None)
        again = self._left(pics, found, wanted)
        meter.total += sum(len(files) for files in again.values())
        more = [task for lacking, files in again.items() for task in _tasks(files, lacking)]
        yield from self._run(more, meter, found, fps, workers, measured)
        if more:
            self._recall(found, fps, None)
        return found

    def recall(self, name: str, fp: str, contents: Iterable[str]) -> dict[str, Value]:
        """Return what was remembered of contents under a name; errors are left out."""
        return {
            content: answers[name].value
            for content, answers in self.table.answers(contents, [(name, fp)])
            if name in answers and answers[name].error is None
        }

    def remember(self, name: str, fp: str, values: Mapping[str, Value]) -> None:
        """Keep what was computed of contents: numbers, text or bytes."""
        self.table.put_answers({(c, name, fp): Answer(value) for c, value in values.items()})

    # -- inside ---------------------------------------------------------------------------------

    def _key(self, path: Path) -> bytes:
        return os.fsencode(self.workdir.stored(path))

    def _believe(
        self, claims: Mapping[Path, tuple[str, Mapping[str, Numbers]]], fps: Mapping[str, str]
    ) -> None:
        rows = {
            (content, name, fps[name]): Answer(json.dumps(numbers))
            for content, by_name in claims.values()
            for name, numbers in by_name.items()
            if name in fps
        }
        if rows:
            self.table.put_answers(rows, keep=True)

    def _run(
        self,
        tasks: Sequence[Task],
        meter: Meter,
        found: Found,
        fps: Mapping[str, str],
        workers: int,
        measured: set[str],
    ) -> Iterator[Progress]:
        if not tasks:
            return
        require_space(self.table.catalogue.root)
        yield meter.beat()
        with Pool[Task](make_reader, pick_workers(workers, len(tasks))) as pool:
            answered: set[Path] = set()
            for event in pool.run(tasks):
                for reading in _readings(event, pool, answered):
                    self._keep(reading, found, fps, measured)
                    found.read.add(reading.path)
                    yield meter.beat(1, note=reading.path.name)
        self._flush(fps)

    def _keep(
        self, reading: Reading, found: Found, fps: Mapping[str, str], measured: set[str]
    ) -> None:
        path = reading.path
        if not reading.content:
            found.failed[path] = reading.error or "cannot be read"
            return
        found.content[path] = reading.content
        if reading.numbers or reading.error:
            measured.add(reading.content)
        self._waiting.append(reading)
        if len(self._waiting) >= CHUNK:
            self._flush(fps)

    def _flush(self, fps: Mapping[str, str]) -> None:
        rows, answers = [], {}
        now = time.time_ns()
        for r in self._waiting:
            size, mtime, inode = r.stat
            # Stored with a time that no file has: it is read again next time.
            sure = mtime if now - mtime > RACY_NS else -1
            rows.append(FileRow(self._key(r.path), size, sure, inode, r.content))
            for name, numbers in r.numbers.items():
                answers[r.content, name, fps[name]] = Answer(json.dumps(numbers))
            if r.error:
                answers |= {(r.content, n, fp): Answer(error=r.error) for n, fp in fps.items()}
        self._waiting.clear()
        if rows:
            self.table.put_files(rows)
        if answers:
            self.table.put_answers(answers)

    def _recall(self, found: Found, fps: Mapping[str, str], only: set[str] | None) -> None:
        """Fill in stored numbers; of `only` these contents when that is given."""
        if not fps:
            return
        paths: dict[str, list[Path]] = {}
        for path, content in found.content.items():
            if only is None or content in only:
                paths.setdefault(content, []).append(path)
        for content, answers in self.table.answers(paths, fps.items()):
            for path in paths[content]:
                errors = [a.error for a in answers.values() if a.error is not None]
                if errors:
                    found.failed[path] = errors[0]
                found.numbers[path] = {
                    name: json.loads(str(answer.value))
                    for name, answer in answers.items()
                    if answer.error is None
                }

    def _left(
        self, pics: Sequence[Pic], found: Found, names: Sequence[str]
    ) -> dict[tuple[str, ...], list[Path]]:
        """Return files by what is still to measure of them, one file for each content."""
        left: dict[tuple[str, ...], list[Path]] = {}
        seen: set[str] = set()
        for pic in pics:
            content = found.content.get(pic.path)
            if content is None or content in seen or pic.path in found.failed:
                continue
            seen.add(content)
            have = found.numbers.get(pic.path, {})
            lacking = tuple(name for name in names if name not in have)
            if lacking:
                left.setdefault((*lacking, "size"), []).append(pic.path)
        return left


def _tasks(files: Sequence[Path], names: tuple[str, ...]) -> list[Task]:
    return [Task(tuple(files[at : at + BATCH]), names) for at in range(0, len(files), BATCH)]


def _readings(event: Event[Task], pool: Pool[Task], answered: set[Path]) -> Iterator[Reading]:
    """Yield the readings of an event; files whose worker died are tried one at a time."""
    if event.kind == "item":
        answered.add(event.message.path)
        yield event.message
        return
    if event.kind == "done":
        return
    if isinstance(event.error, NoSpace):
        raise event.error
    left = [path for path in event.task.files if path not in answered]
    if event.kind == "died" and len(event.task.files) > 1:
        for path in left:
            pool.again(Task((path,), event.task.names))
        return
    reason = event.error.message if event.error else "unknown"
    for path in left:
        yield Reading(path, error=f"ended its reader: {reason}")

