"""Reading files once: their content, and the print of contents that are new."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.engine.machine import pick_workers, require_space
from curation.engine.meter import Meter
from curation.engine.pool import Event, Pool
from curation.engine.prints import RACY_NS, Stat, row_of, stat_of
from curation.errors import ImageUnreadable, NoSpace
from curation.photos.prints import FP
from curation.photos.scan import PictureFile
from curation.records import Progress
from curation.store.catalogue import Catalogue
from curation.store.prints import PrintRow, PrintTable
from curation.store.toolkit_index import FileRow, IndexTable
from curation.toolkit.index import TRIES, content_id, sort_out
from curation.toolkit.workdir import WorkDir

BATCH, CHUNK = 4, 256


@dataclass(frozen=True, slots=True)
class Task:
    """Files on their way to a worker; without `measure` only their content is asked for."""

    files: tuple[Path, ...]
    measure: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reading of a file gave.

    Attributes:
        row: what its content tells, or its error; None when only the content was asked for.
        error: why the file has no content: it could not be read at all.
    """

    path: Path
    stat: Stat = (0, 0, 0)
    content: str = ""
    row: PrintRow | None = None
    error: str = ""


def make_reader() -> Any:
    """Return the worker's side: each file becomes a Reading."""
    from curation.engine.machine import single_threaded

    single_threaded()
    import cv2

    cv2.setNumThreads(1)

    def handler(task: Task) -> Iterator[Reading]:
        for path in task.files:
            yield read(path, task.measure)

    return handler


def read(path: Path, measure: bool = True) -> Reading:
    """Read a file once; whatever is wrong with it is in the answer."""
    from curation.photos.decode import read_bytes
    from curation.photos.picture import look

    content = ""
    before: Stat = (0, 0, 0)
    try:
        for _ in range(TRIES):
            before = stat_of(path)
            kind, data = read_bytes(path)
            if before == stat_of(path) and len(data) == before[0]:
                break
        else:
            return Reading(path, error="changes while it is being read; run this again later")
        content = content_id(data)
        if not measure:
            return Reading(path, before, content)
        return Reading(path, before, content, row_of(look(kind, data)))
    except ImageUnreadable as error:
        if not content:
            return Reading(path, error=error.message)
        return Reading(path, before, content, PrintRow(content, error=error.message))
    except OSError as error:
        return Reading(path, error=f"cannot be read: {error.strerror or error}")
    except MemoryError:
        return Reading(path, error="needs more memory than there is")
    except Exception as error:  # one file must not cost the others of its batch
        return Reading(path, error=f"cannot be read: {type(error).__name__}: {error}")


class Readings:
    """What is known of the files of folders, by the index of the work dir."""

    def __init__(self, workdir: WorkDir, catalogue: Catalogue) -> None:
        self.workdir = workdir
        self.table = IndexTable(catalogue)
        self.prints = PrintTable(catalogue, FP)
        self._waiting: list[Reading] = []

    def look(
        self,
        verb: str,
        files: Sequence[PictureFile],
        failed: dict[Path, str],
        workers: int = 0,
        *,
        force: bool = False,
    ) -> Generator[Progress, None, Mapping[Path, str]]:
        """Return the content of each file; all of them have a row in `prints` afterwards.

        Args:
            failed: takes the reason of files that could not be read.

        Raises:
            NoSpace: when the disk is full.
        """
        contents: dict[Path, str] = {}
        paths = [file.path for file in files]
        unknown, moved = sort_out(self.workdir, self.table, paths, contents, failed)
        meter = Meter(verb, len(unknown) + len(moved), "photos")
        tasks = [*_tasks(moved, False), *_tasks(unknown, True)]
        yield from self._run(tasks, meter, contents, failed, workers)
        fresh = set(unknown)
        left = self._left(contents, fresh if force else None)
        meter.total += len(left)
        yield from self._run(_tasks(left, True), meter, contents, failed, workers)
        return contents

    def _key(self, path: Path) -> bytes:
        return os.fsencode(self.workdir.stored(path))

    def _left(self, contents: Mapping[Path, str], but: set[Path] | None) -> list[Path]:
        """Return one file for each content that has no print; with `but`, all but those."""
        have = {row.content for row in self.prints.rows(contents.values())}
        left: dict[str, Path] = {}
        for path, content in contents.items():
            if content not in have if but is None else path not in but:
                left.setdefault(content, path)
        return list(left.values())

    def _run(
        self,
        tasks: Sequence[Task],
        meter: Meter,
        contents: dict[Path, str],
        failed: dict[Path, str],
        workers: int,
    ) -> Iterator[Progress]:
        if not tasks:
            return
        require_space(self.table.catalogue.root)
        yield meter.beat()
        with Pool[Task](make_reader, pick_workers(workers, len(tasks))) as pool:
            answered: set[Path] = set()
            for event in pool.run(tasks):
                for reading in _readings(event, pool, answered):
                    if reading.content:
                        contents[reading.path] = reading.content
                        self._keep(reading)
                    else:
                        failed[reading.path] = reading.error
                    yield meter.beat(1, note=reading.path.name)
        self._flush()

    def _keep(self, reading: Reading) -> None:
        self._waiting.append(reading)
        if len(self._waiting) >= CHUNK:
            self._flush()

    def _flush(self) -> None:
        now = time.time_ns()
        files, rows = [], []
        for r in self._waiting:
            size, mtime, inode = r.stat
            # Stored with a time that no file has: it is read again next time.
            sure = mtime if now - mtime > RACY_NS else -1
            files.append(FileRow(self._key(r.path), size, sure, inode, r.content))
            if r.row is not None:
                rows.append(r.row)
        self._waiting.clear()
        if files:
            self.table.put_files(files)
        if rows:
            self.prints.put(rows)


def _tasks(files: Sequence[Path], measure: bool) -> list[Task]:
    return [Task(tuple(files[at : at + BATCH]), measure) for at in range(0, len(files), BATCH)]


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
            pool.again(Task((path,), event.task.measure))
        return
    reason = event.error.message if event.error else "unknown"
    for path in left:
        yield Reading(path, error=f"ended its reader: {reason}")
