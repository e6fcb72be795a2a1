"""Driving extraction: many videos, one worker process each, one transaction a chunk."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from curation.engine import limits, pieces
from curation.engine.looking import is_poison
from curation.engine.machine import cores, pick_workers, require_space
from curation.engine.meter import Meter
from curation.engine.pool import Event, Pool
from curation.errors import NoSpace, StoreError
from curation.params import ExtractParams
from curation.records import Progress
from curation.store import still_sums
from curation.store.catalogue import Catalogue
from curation.store.packs import Packs
from curation.store.proxies import WHOLE, Proxy, ProxyPacks
from curation.store.quarantine import Quarantined, QuarantineTable
from curation.store.videos import (
    ExtractionState,
    FrameRow,
    ShotRow,
    VideoTable,
)
from curation.video.sampling import is_frame_name

if TYPE_CHECKING:
    from curation.video.extract import Chunk, ExtractedFrame, ExtractTask
    from curation.video.pieces import Piece


def make_extractor() -> Any:
    """Return the worker's side of extraction."""
    from curation.engine.machine import single_threaded

    single_threaded()
    from curation.video.extract import extract_video
    from curation.video.pieces import ends, plan
    from curation.video.pulse import listen
    from curation.video.readers import pyav  # noqa: F401  # no part of what a video costs

    listen(limits.pulse)

    def handler(task: VideoTask) -> Iterator[Chunk | list[Piece]]:
        if task.count > 1:
            yield plan(task.task, task.count)
            return
        folder, most = task.task.out_dir, limits.stills_bytes(task.task.info.size_bytes)
        written = sum(path.stat().st_size for path in folder.iterdir())
        for chunk in extract_video(task.task):
            # Before it is handed over: the stills of a piece are then moved to the video's.
            written += sum(_written(task.task, frame) for frame in chunk.frames)
            yield chunk
            if written > most:
                raise limits.OverLimit(f"its stills take more than {most >> 20} MB")
            if task.piece is not None and ends(chunk, task.piece, task.task.digest()):
                return

    return handler


def _written(task: ExtractTask, frame: ExtractedFrame) -> int:
    """Return how many bytes a still takes."""
    small = len(frame.proxy or b"")
    if frame.file is None or not (frame.proxy is None or task.spool):
        return small
    return small + (task.out_dir / frame.file).stat().st_size


@dataclass(frozen=True, slots=True)
class VideoTask:
    """One video on its way to a worker.

    Attributes:
        count: into how many pieces to divide it; with more than one nothing else is done.
        number, piece: which of its pieces to extract, None for all of it.
    """

    video_id: int
    name: str
    task: ExtractTask
    deaths: int = 0
    count: int = 1
    number: int | None = None
    piece: Piece | None = None


def extracting_s(task: VideoTask) -> float:
    """Return the seconds that a video's extraction may take."""
    info = task.task.info
    return limits.extracting_s(info.n_frames, info.width, info.height, info.size_bytes)


def extract(
    catalogue: Catalogue, video_ids: Sequence[int], params: ExtractParams, spool: bool = False
) -> Iterator[Progress]:
    """Extract videos, going on where an earlier run with the same parameters stopped.

    Args:
        spool: write full-size JPEGs also where they are not to be kept; see engine.one_pass.
    """
    driver = _Driver(catalogue, params, spool)
    unfinished = [i for i in video_ids if not driver.is_done(i)]
    shut = {i: row for i in unfinished if (row := driver.quarantined(i)) is not None}
    todo = [i for i in unfinished if i not in shut]
    total_s = sum(driver.length_s(i) for i in todo)
    meter = Meter("extract", total_s, "s of video", sum(driver.reached_s(i) for i in todo))
    for row in shut.values():
        yield meter.beat(failed=(str(row.path), row.sentence()))
    if todo:
        yield meter.beat()
        size = pick_workers(params.workers, driver.divide(todo))
        with Pool[VideoTask](make_extractor, size, limits.decoding(extracting_s)) as pool:
            for event in pool.run(driver.tasks(todo)):
                yield from driver.hear(event, pool, meter)
    for video_id, reason in driver.refused.items():
        yield driver.give_up(video_id, reason, meter)
    frames, dropped = driver.counts(video_ids)
    yield meter.beat(
        summary={
            "videos": len(video_ids),
            "extracted": len(todo),
            "frames": frames,
            "dropped": dropped,
            "failed": len(driver.failed),
            "quarantined": len(shut) + driver.poisoned,
        }
    )


class _Driver:
    """Keeps the catalogue and the thumbnail packs in step with what workers send."""

    def __init__(
        self, catalogue: Catalogue, params: ExtractParams, spool: bool = False
    ) -> None:
        self.catalogue, self.params, self.spool = catalogue, params, spool
        self.table = VideoTable(catalogue)
        self.packs = Packs(catalogue)
        self.proxies = ProxyPacks(catalogue)
        self.fp = params.digest()
        # What was extracted exactly answers the looser question too, and is gone on with exactly.
        exact = params.model_copy(update={"exact": True})
        self.answers = {self.fp: params, exact.digest(): exact}
        self.quarantine = QuarantineTable(catalogue)
        self.failed: dict[int, str] = {}
        self.refused: dict[int, str] = {}
        self.poisoned = 0
        self._names: dict[int, str] = {}
        self._at: dict[int, float] = {}
        self._counts: dict[int, int] = {}
        self._divisions: dict[int, pieces.Division] = {}

    def divide(self, video_ids: Sequence[int]) -> int:
        """Decide which videos to divide, and return how many tasks there will be."""
        workers = self.params.workers or cores()
        if len(video_ids) < workers:
            for i in video_ids:
                left_s = self.length_s(i) - self.reached_s(i)
                self._counts[i] = pieces.count(left_s, workers, self.params)
        return sum(self._counts.get(i, 1) for i in video_ids)

    def state(self, video_id: int) -> ExtractionState | None:
        """Return how far a video has come with these parameters, None if with others."""
        state = self.table.extraction(video_id)
        return state if state is not None and state.fp in self.answers else None

    def is_done(self, video_id: int) -> bool:
        state = self.state(video_id)
        return state is not None and state.done and state.failure is None

    def quarantined(self, video_id: int) -> Quarantined | None:
        """Return why a video is left alone, None when it is not."""
        return self.quarantine.find(self.table.info(video_id).path)

    def length_s(self, video_id: int) -> float:
        info, number = self.table.info(video_id), self.params.chapter
        start, end = self.params.start_s or 0.0, self.params.end_s or info.duration_s
        if 0 < number <= len(info.chapters):
            chapter = info.chapters[number - 1]
            start, end = max(start, chapter.start_s), min(end, chapter.end_s)
        return max(0.0, min(end, info.duration_s) - start)

    def reached_s(self, video_id: int) -> float:
        state = self.state(video_id)
        return state.time_s if state else 0.0

    def task(self, video_id: int) -> VideoTask:
        """Return what a worker needs to begin or to go on with a video."""
        from curation.video.extract import ExtractTask

        require_space(self.catalogue.root)
        state = self.state(video_id)
        if state is None or state.failure is not None:
            self.table.begin_extraction(video_id, self.fp, self.params.told())
            state = None
        info = self.table.info(video_id)
        out_dir = self.table.output_dir(video_id)
        self._sweep(video_id)
        out_dir.mkdir(parents=True, exist_ok=True)
        self._names[video_id] = info.path.name
        self._at[video_id] = state.time_s if state else 0.0
        carry = state.carry if state else None
        params = self.answers[state.fp] if state else self.params
        return VideoTask(
            video_id, info.path.name,
            ExtractTask(info.path, out_dir, info, params, carry, self.spool),
        )  # fmt: skip

    def tasks(self, video_ids: Sequence[int]) -> Iterator[VideoTask]:
        """Yield the tasks of videos; one whose folder cannot be used costs itself."""
        for video_id in video_ids:
            try:
                yield replace(self.task(video_id), count=self._counts.get(video_id, 1))
            except (StoreError, OSError) as error:
                self.refused[video_id] = str(error)

    def hear(
        self, event: Event[VideoTask], pool: Pool[VideoTask], meter: Meter
    ) -> Iterator[Progress]:
        """Store what a worker sent and say how far things are."""
        task, video_id = event.task, event.task.video_id
        if task.number is not None and not isinstance(event.error, NoSpace):
            yield from self._hear_piece(event, pool, meter)
        elif event.kind == "item" and task.count > 1:
            division = pieces.Division(task.task, event.message, self.params.workers or cores())
            self._divisions[video_id] = division
            self._give(task, division, pool)
        elif event.kind == "item":
            yield self._advance(task, event.message, meter)
        elif event.kind == "done":
            return
        elif is_poison(event) and task.deaths == 0:
            pool.alone(replace(self.task(video_id), deaths=1))
        elif isinstance(event.error, NoSpace):
            raise event.error
        else:
            reason = event.error.message if event.error else "unknown"
            if is_poison(event):
                self.poisoned += 1
                reason = self.quarantine.put(task.task.path, "extract", reason).sentence()
            with contextlib.suppress(OSError, StoreError):  # what stays there costs no other video
                self._sweep(video_id)
            yield self.give_up(video_id, reason, meter)

    def _advance(self, task: VideoTask, chunk: Chunk, meter: Meter) -> Progress:
        """Store a chunk and say how far things are."""
        self._store(task.video_id, chunk)
        step = chunk.time_s - self._at[task.video_id]
        self._at[task.video_id] = chunk.time_s
        return meter.beat(max(0.0, step), note=task.name)

    def _give(self, task: VideoTask, division: pieces.Division, pool: Pool[VideoTask]) -> None:
        """Give out the pieces of a video that are due."""
        for number, own in division.ready():
            piece = division.pieces[number]
            pool.again(replace(task, task=own, count=1, number=number, piece=piece))

    def _hear_piece(
        self, event: Event[VideoTask], pool: Pool[VideoTask], meter: Meter
    ) -> Iterator[Progress]:
        """Store what has come together of a divided video; without a piece it goes on undivided."""
        task, number = event.task, event.task.number
        division = self._divisions.get(task.video_id)
        if division is None or number is None:
            return  # of a division that was dropped
        if event.kind == "item":
            division.take(number, event.message)
        elif event.kind == "done":
            division.end(number)
        for chunk in division.storable():
            yield self._advance(task, chunk, meter)
        if event.kind in ("failed", "died") or division.over:
            del self._divisions[task.video_id]
            rest = self.task(task.video_id)
            if is_poison(event):
                pool.alone(replace(rest, deaths=1))
            else:
                pool.again(rest)
            return
        self._give(task, division, pool)

    def _sweep(self, video_id: int) -> None:
        """Remove what a worker has left that ended before it could hand it over."""
        folder = self.table.output_dir(video_id)
        if folder.is_symlink():
            raise StoreError(f"{folder}: is a link, so its frames would lie elsewhere: remove it")
        for stale in folder.glob("*.part"):
            stale.unlink()
        pieces.sweep(folder)
        stored, stem = self.table.files(video_id), self.table.info(video_id).path.stem
        for path in folder.glob("*.jpg"):
            if is_frame_name(stem, path.name) and self.catalogue.relative(path) not in stored:
                path.unlink()
        self.packs.cut(video_id)
        self.proxies.cut(video_id)

    def give_up(self, video_id: int, reason: str, meter: Meter) -> Progress:
        """Close a video with what there is of it, and say why."""
        self.table.finish_extraction(video_id, self._shots(video_id, None), reason)
        self.failed[video_id] = reason
        return meter.beat(failed=(str(self.table.info(video_id).path), reason))

    def _store(self, video_id: int, chunk: Chunk) -> None:
        folder = self.table.output_dir(video_id)
        rows = [
            FrameRow(
                f.pts,
                f.time_s,
                f.ordinal,
                None if f.file is None else self.catalogue.relative(folder / f.file),
                f.width,
                f.height,
                f.reason,
                f.sharpness,
                f.luma_mean,
                f.luma_std,
                f.thumb,
            )
            for f in chunk.frames
        ]
        thumbs_at = self.packs.append(video_id, [row.thumb for row in rows])
        proxies = {
            f.pts: Proxy(WHOLE, (0, 0, f.width, f.height), f.proxy)
            for f in chunk.frames
            if f.proxy is not None
        }
        proxies_at = self.proxies.append(video_id, list(proxies.values())) if proxies else []

        def also(db: sqlite3.Connection, ids: Mapping[int, int]) -> None:
            found = zip(proxies.items(), proxies_at, strict=True)
            self.proxies.record(db, ((ids[pts], proxy, at) for (pts, proxy), at in found))
            still_sums.record(db, ((ids[f.pts], f.made) for f in chunk.frames if f.made))

        self.table.add_chunk(
            video_id,
            rows,
            chunk.score_pts,
            chunk.scores,
            (chunk.carry, chunk.time_s, chunk.decoded, chunk.errors),
            thumbs_at,
            self._shots(video_id, chunk) if chunk.done else None,
            also,
        )

    def _shots(self, video_id: int, last: Chunk | None) -> list[ShotRow]:
        """Find the shots from the stored scores and those of a last chunk."""
        from curation.video.extract import finish_shots

        pts, scores = self.table.shot_scores(video_id)
        if last is not None:
            pts = np.concatenate([pts, last.score_pts])
            scores = np.concatenate([scores, last.scores])
        if not len(pts):
            return []
        found = finish_shots(pts, scores, self.table.info(video_id), self.params)
        return [(s.no, s.start_pts, s.end_pts, s.start_s, s.end_s) for s in found]

    def counts(self, video_ids: Sequence[int]) -> tuple[int, int]:
        """Return how many frames were stored and how many dropped as black, blank or frozen."""
        return self.table.frame_counts(video_ids)
