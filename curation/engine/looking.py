"""Looking at files: which are videos, what each holds; one that ends its worker costs itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from curation.engine import limits
from curation.engine.machine import pick_workers
from curation.engine.meter import Meter
from curation.engine.pool import Event, Pool
from curation.errors import CurationError, NoSuchStream
from curation.places import pointer
from curation.records import Progress, VideoInfo
from curation.store.catalogue import Catalogue
from curation.store.quarantine import QuarantineTable
from curation.store.sources import SourceFile, SourceTable, stat_of
from curation.store.videos import VideoTable


def make_prober(stream: int = 0) -> Any:
    """Return the worker's side of looking at a file: content hash, container, packet index.

    Args:
        stream: which of its picture streams, from 1; 0 for the best.
    """
    import av  # noqa: F401  # here, so that it is no part of what a file costs

    from curation.video.probe import probe
    from curation.video.pulse import listen

    listen(limits.pulse)

    def handler(task: SourceFile) -> Iterator[tuple[tuple[int, int], VideoInfo]]:
        stat = task.path.stat()
        yield (stat.st_size, stat.st_mtime_ns), probe(task.path, number=stream)

    return handler


def looking_s(file: SourceFile) -> float:
    """Return the seconds that looking at a file may take."""
    try:
        return limits.looking_s(pointer.size_bytes(file.path))
    except (OSError, CurationError):
        return limits.looking_s(0)


def register(
    catalogue: Catalogue,
    files: Sequence[SourceFile],
    workers: int,
    again: Collection[Path] = (),
    stream: int = 0,
) -> Iterator[Progress]:
    """Look at files that are new, changed or known by an old record; record what they are.

    A file that is no video becomes a row with its reason; the others go on. One that ends its
    worker is looked at once more, alone, and then quarantined. What is known of the first files is
    recorded while the others are looked at, in their order, so that videos have the same numbers
    however often this is stopped and goes on.

    Args:
        again: files to look at whether or not they have changed.
        stream: which picture stream of each file, from 1; 0 for the best.
    """
    table, quarantine = SourceTable(catalogue), QuarantineTable(catalogue)
    fresh = [
        file
        for file in files
        if stat_of(file.path) != (file.size_bytes, file.mtime_ns)
        or file.path in again
        or _is_to_be_read(catalogue, file, stream)
    ]
    died: set[Path] = set()
    meter = Meter("probe", len(fresh), "files")
    found: dict[Path, tuple[tuple[int, int], VideoInfo | str]] = {}
    settled = 0
    if fresh:
        yield meter.beat()
        size, most = pick_workers(workers, len(fresh)), limits.decoding(looking_s)
        with Pool[SourceFile](partial(make_prober, stream), size, most) as pool:
            for event in pool.run(fresh):
                file = event.task
                if event.kind == "item":
                    found[file.path] = event.message
                    while settled < len(fresh) and fresh[settled].path in found:
                        table.settle_file(fresh[settled], *found[fresh[settled].path])
                        settled += 1
                    continue
                if is_poison(event) and file.path not in died:
                    died.add(file.path)
                    pool.alone(file)
                    continue
                if event.kind in ("failed", "died") and event.error is not None:
                    said = event.error.message
                    if is_poison(event):
                        said = quarantine.put(file.path, "probe", said).sentence()
                    # Of an unknown time: without --stream the next run looks again.
                    lacking = isinstance(event.error, NoSuchStream)
                    stat = None if lacking else stat_of(file.path)
                    found[file.path] = (stat or (0, 0), said)
                yield meter.beat(1, note=file.path.name)
        for file in fresh[settled:]:
            table.settle_file(file, *found[file.path])
    for file in (table.file(f.path) for f in files):
        if file.error:
            yield meter.beat(failed=(str(file.path), file.error))


def _is_to_be_read(catalogue: Catalogue, file: SourceFile, stream: int) -> bool:
    """Return whether a file is known by another picture stream than the one asked for, or by a
    record of an older program, which looked for less."""
    if file.video_id is None:
        return False
    info = VideoTable(catalogue).info(file.video_id)
    if not info.streams:
        return True
    best = next((one.no for one in info.streams if one.best), 0)
    return (stream or best) != info.stream_no


def is_poison(event: Event[Any]) -> bool:
    """Return whether a task ended its worker, or was stopped before it did."""
    return event.kind == "died" or isinstance(event.error, limits.OverLimit)
