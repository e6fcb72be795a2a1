"""Picture files read once by workers: their content, and what is to be told of it.

    for reading in read_all(tell, tasks_of(paths, "phash"), workers):
        reading.content, reading.told, reading.error

`tell(kind, data, asked)` is a module's own function: it runs in a worker process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from curation.engine.machine import pick_workers, require_space
from curation.engine.pool import Event, Pool
from curation.engine.prints import Stat, stat_of, sure_time
from curation.errors import ImageUnreadable, NoSpace
from curation.photos.content import content_id
from curation.store.toolkit_index import FileRow

BATCH = 4
TRIES = 3

Tell = Callable[[str, bytes, tuple[str, ...]], Any]
"""What is to be told of a content: from its format, its bytes and the names of what is asked.

It raises ImageUnreadable for what is wrong with the content itself.
"""


@dataclass(frozen=True, slots=True)
class Task:
    """Files on their way to a worker, with what is asked of them; nothing: only their content."""

    files: tuple[Path, ...]
    asked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reading of a file gave.

    Attributes:
        stat: of the file that was read.
        content: its name, see photos.content; "" when the file could not be read.
        told: what was asked; None when nothing was, or on an error.
        error: what is wrong with the file, or with its content where that is known.
    """

    path: Path
    stat: Stat = (0, 0, 0)
    content: str = ""
    told: Any = None
    error: str = ""


def read(path: Path, tell: Tell, asked: tuple[str, ...] = ()) -> Reading:
    """Read a file once and tell what is asked; whatever is wrong with it is in the answer."""
    from curation.photos.decode import read_bytes

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
        return Reading(path, before, content, tell(kind, data, asked) if asked else None)
    except ImageUnreadable as error:
        return Reading(path, before, content, error=error.message)
    except OSError as error:
        return Reading(path, error=f"cannot be read: {error.strerror or error}")
    except MemoryError:
        return Reading(path, error="needs more memory than there is")
    except Exception as error:  # one file must not cost the others of its batch
        return Reading(path, error=f"cannot be read: {type(error).__name__}: {error}")


def tasks_of(files: Sequence[Path], *asked: str) -> list[Task]:
    """Return files in batches for workers."""
    return [Task(tuple(files[at : at + BATCH]), asked) for at in range(0, len(files), BATCH)]


def read_all(tell: Tell, tasks: Sequence[Task], workers: int, room: Path) -> Iterator[Reading]:
    """Yield a reading of each file, in any order; one that ends its reader costs itself alone.

    Args:
        workers: how many processes; 0 fits them to the machine.
        room: where what is told will be stored.

    Raises:
        NoSpace: when the disk is full.
    """
    if not tasks:
        return
    require_space(room)
    with Pool[Task](partial(_make_reader, tell), pick_workers(workers, len(tasks))) as pool:
        answered: set[Path] = set()
        for event in pool.run(tasks):
            yield from _readings(event, pool, answered)


def file_rows(readings: Iterable[Reading], key: Callable[[Path], bytes]) -> list[FileRow]:
    """Return what the index of a folder keeps of files that were read."""
    now = time.time_ns()
    return [
        FileRow(key(one.path), one.stat[0], sure_time(one.stat, now), one.stat[2], one.content)
        for one in readings
    ]


def _make_reader(tell: Tell) -> Any:
    """Return the worker's side: each file becomes a Reading."""
    from curation.engine.machine import single_threaded

    single_threaded()

    def handler(task: Task) -> Iterator[Reading]:
        for path in task.files:
            yield read(path, tell, task.asked)

    return handler


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
            pool.again(Task((path,), event.task.asked))
        return
    reason = event.error.message if event.error else "unknown"
    for path in left:
        yield Reading(path, error=f"ended its reader: {reason}")
