"""Driving the making of stills whose files are not there: by plan, in workers, each video once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curation.engine import limits
from curation.engine.machine import pick_workers, require_space, single_threaded
from curation.engine.meter import Meter
from curation.engine.pool import Event, Pool, is_poison
from curation.errors import NoSpace, StoreError
from curation.records import Frame, Progress, StillSource
from curation.store.catalogue import Catalogue
from curation.store.integrity import state_of
from curation.store.proxies import ProxyPacks
from curation.store.videos import VideoTable

LEAST_PART = 64
"""Stills from which a video is shared among several workers."""
NOT_FOUND = "its video gives no picture at that time any more: extract it again"


@dataclass(frozen=True, slots=True)
class Making:
    """Stills of one video for a worker.

    Attributes:
        stills: (frame id, PTS, where its JPEG goes), rising.
        deaths: how often a worker ended over them.
    """

    source: StillSource
    stills: tuple[tuple[int, int, Path], ...]
    deaths: int = 0


def make_maker() -> Any:
    """Return the worker's side: it makes the files of one video after the other."""
    single_threaded()
    from curation.video.plan import StillMaker
    from curation.video.pulse import listen
    from curation.video.still import save

    listen(limits.pulse)

    def handler(task: Making) -> Iterator[tuple[int, int]]:
        where = {pts: (frame_id, path) for frame_id, pts, path in task.stills}
        with StillMaker(task.source) as maker:
            for pts, data in maker.jpegs(sorted(where)):
                frame_id, path = where[pts]
                save(data, path)
                yield frame_id, len(data)

    return handler


def making_s(task: Making) -> float:
    """Return the seconds that stills of a video may take."""
    info = task.source.info
    return limits.extracting_s(info.n_frames, info.width, info.height, info.size_bytes)


def lacking(catalogue: Catalogue, frame_ids: Collection[int] | None = None) -> list[Frame]:
    """Return the sampled frames whose JPEG is not there or is cut off, all or of those given.

    A person's own pictures are not among them: they are nobody's to make.
    """
    ids = None if frame_ids is None else list(frame_ids)
    frames = VideoTable(catalogue).frames(ids)
    return [frame for frame in frames if frame.source is not None and state_of(frame.path)]


def remake(
    catalogue: Catalogue, frame_ids: Collection[int] | None = None, workers: int = 0
) -> Iterator[Progress]:
    """Make the JPEGs that are not there, with the bytes that extraction wrote or would have.

    A video that is gone, changed or kills its worker costs its own stills. The summary holds
    made, bytes and `not_made`: frame id -> reason.

    Args:
        frame_ids: of these frames only; None means all that are sampled.

    Raises:
        NoSpace: the disk is full; what was made stays.
    """
    todo = {frame.id: frame for frame in lacking(catalogue, frame_ids)}
    meter = Meter("remake", len(todo), "pictures")
    left, made_bytes = dict(todo), 0
    not_made: dict[int, str] = {}
    if todo:
        require_space(catalogue.root)
        size = pick_workers(workers, -(-len(todo) // LEAST_PART))
        yield meter.beat()
        tasks = list(_makings(catalogue, todo.values(), size, not_made))
        with Pool[Making](make_maker, size, limits.decoding(making_s)) as pool:
            for event in pool.run(tasks):
                if event.kind == "item":
                    frame_id, written = event.message
                    made_bytes += written
                    left.pop(frame_id, None)
                    yield meter.beat(1, note=event.task.source.info.path.name)
                    continue
                rest = tuple(still for still in event.task.stills if still[0] in left)
                reason = _reason(event)
                if reason and is_poison(event) and not event.task.deaths:
                    # Once more with nobody beside it: it may have been another who took the memory.
                    pool.alone(replace(event.task, stills=rest, deaths=1))
                    continue
                not_made |= {frame_id: reason or NOT_FOUND for frame_id, _, _ in rest}
    for said in dict.fromkeys(not_made.values()):
        names = [todo[i].path.name for i, reason in not_made.items() if reason == said]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield meter.beat(failed=(names[0] + more, said))
    yield meter.beat(
        summary={
            "made": len(todo) - len(not_made), "bytes": made_bytes, "lacking": len(todo),
            "not_made": not_made,
        }
    )  # fmt: skip


def _reason(event: Event[Making]) -> str:
    """Return why a task ended early, "" when it did not."""
    if event.kind == "done":
        return ""
    if isinstance(event.error, NoSpace):
        raise event.error
    if event.error is None:
        return "unknown"
    if is_poison(event):
        return f"{event.task.source.info.path}: {event.error.message}, twice, once alone"
    return str(event.error)


def _makings(
    catalogue: Catalogue, frames: Collection[Frame], workers: int, refused: dict[int, str]
) -> Iterator[Making]:
    """Yield tasks, those of a long list of one video in several parts.

    Args:
        refused: gets the frames of videos whose folder cannot be used.
    """
    videos: dict[int, list[Frame]] = {}
    for frame in frames:
        videos.setdefault(frame.video_id, []).append(frame)
    parts = max(1, workers // max(len(videos), 1))
    for found in videos.values():
        try:
            for folder in {frame.path.parent for frame in found}:
                _usable(catalogue, folder)
        except (StoreError, OSError) as error:
            refused |= {frame.id: str(error) for frame in found}
            continue
        source = found[0].source
        if source is None:
            continue
        size = max(LEAST_PART, -(-len(found) // parts))
        for low in range(0, len(found), size):
            part = found[low : low + size]
            yield Making(source, tuple((frame.id, frame.pts, frame.path) for frame in part))


def _usable(catalogue: Catalogue, folder: Path) -> None:
    """Make sure that a folder of stills is there, inside the datastore."""
    if folder.is_symlink() or not catalogue.contains(folder):
        raise StoreError(f"{folder}: lies elsewhere, so no frames are put there")
    folder.mkdir(parents=True, exist_ok=True)


def let_go(catalogue: Catalogue, frame_ids: Collection[int]) -> None:
    """Remove full-size JPEGs of frames that have a small picture, but those that ranked/ shows."""
    small = ProxyPacks(catalogue).having(list(frame_ids))
    for frame in VideoTable(catalogue).frames(sorted(small)):
        with suppress(OSError):
            # With a second name it is shown somewhere, and removing this one would free nothing.
            if catalogue.contains(frame.path) and frame.path.stat().st_nlink == 1:
                frame.path.unlink()


def make_missing(
    catalogue: Catalogue, frame_ids: Sequence[int], workers: int = 0
) -> dict[int, str]:
    """Make the JPEGs of some frames that are not there; return frame id -> why one is still not.

    Raises:
        NoSpace: the disk is full.
    """
    not_made: dict[int, str] = {}
    for beat in remake(catalogue, frame_ids, workers):
        if beat.summary is not None:
            not_made = dict(beat.summary["not_made"])
    return not_made
