"""Driving extraction: many videos, one worker process each, one transaction a chunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curation.engine.machine import pick_workers, require_space
from curation.engine.meter import Meter
from curation.engine.pool import Event, Pool
from curation.errors import NoSpace
from curation.params import ExtractParams
from curation.records import Progress, VideoInfo
from curation.store.catalogue import Catalogue
from curation.store.packs import Packs
from curation.store.sources import SourceFile, SourceTable
from curation.store.videos import (
    ExtractionState,
    FrameRow,
    ShotRow,
    VideoTable,
)

if TYPE_CHECKING:
    from curation.video.extract import Chunk, ExtractTask


def make_prober() -> Any:
    """Return the worker's side of looking at a file: content hash, container, packet index."""
    from curation.video.probe import probe

    def handler(task: SourceFile) -> Iterator[tuple[tuple[int, int], VideoInfo]]:
        stat = task.path.stat()
        yield (stat.st_size, stat.st_mtime_ns), probe(task.path)

    return handler


def make_extractor() -> Any:
    """Return the worker's side of extraction."""
    from curation.engine.machine import single_threaded

    single_threaded()
    from curation.video.extract import extract_video

    def handler(task: VideoTask) -> Iterator[Chunk]:
        yield from extract_video(task.task)

    return handler


@dataclass(frozen=True, slots=True)
class VideoTask:
    """One video on its way to a worker."""

    video_id: int
    name: str
    task: ExtractTask
    deaths: int = 0


def register(catalogue: Catalogue, files: Sequence[SourceFile], workers: int) -> Iterator[Progress]:
    """Look at files that are new or changed and record what they are.

    A file that is no video becomes a row with its reason; the others go on.
    """
    table = SourceTable(catalogue)
    fresh = [file for file in files if _stat(file.path) != (file.size_bytes, file.mtime_ns)]
    meter = Meter("probe", len(fresh), "files")
    found: dict[Path, tuple[tuple[int, int], VideoInfo | str]] = {}
    if fresh:
        yield meter.beat()
        with Pool[SourceFile](make_prober, pick_workers(workers, len(fresh))) as pool:
            for event in pool.run(fresh):
                file = event.task
                if event.kind == "item":
                    found[file.path] = event.message
                    continue
                if event.kind in ("failed", "died") and event.error is not None:
                    found[file.path] = (_stat(file.path) or (0, 0), event.error.message)
                yield meter.beat(1, note=file.path.name)
        for file in fresh:
            stat, outcome = found[file.path]
            table.settle_file(file, stat, outcome)
    for file in (table.file(f.path) for f in files):
        if file.error:
            yield meter.beat(failed=(str(file.path), file.error))


def _stat(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def extract(
    catalogue: Catalogue, video_ids: Sequence[int], params: ExtractParams
) -> Iterator[Progress]:
    """Extract videos, going on where an earlier run with the same parameters stopped."""
    driver = _Driver(catalogue, params)
    todo = [i for i in video_ids if not driver.is_done(i)]
    total_s = sum(driver.length_s(i) for i in todo)
    meter = Meter("extract", total_s, "s of video", sum(driver.reached_s(i) for i in todo))
    if todo:
        yield meter.beat()
        size = pick_workers(params.workers, len(todo))
        with Pool[VideoTask](make_extractor, size) as pool:
            for event in pool.run(driver.task(i) for i in todo):
                yield from driver.hear(event, pool, meter)
    frames, dropped = driver.counts(video_ids)
    yield meter.beat(
        summary={
            "videos": len(video_ids),
            "extracted": len(todo),
            "frames": frames,
            "dropped": dropped,
            "failed": len(driver.failed),
        }
    )


class _Driver:
    """Keeps the catalogue and the thumbnail packs in step with what workers send."""

    def __init__(self, catalogue: Catalogue, params: ExtractParams) -> None:
        self.catalogue, self.params = catalogue, params
        self.table = VideoTable(catalogue)
        self.packs = Packs(catalogue)
        self.fp = params.digest()
        self.failed: dict[int, str] = {}
        self._names: dict[int, str] = {}
        self._at: dict[int, float] = {}

    def state(self, video_id: int) -> ExtractionState | None:
        """Return how far a video has come with these parameters, None if with others."""
        state = self.table.extraction(video_id)
        return state if state is not None and state.fp == self.fp else None

    def is_done(self, video_id: int) -> bool:
        state = self.state(video_id)
        return state is not None and state.done and state.failure is None

    def length_s(self, video_id: int) -> float:
        duration = self.table.info(video_id).duration_s
        end = min(duration, self.params.end_s or duration)
        return max(0.0, end - (self.params.start_s or 0.0))

    def reached_s(self, video_id: int) -> float:
        state = self.state(video_id)
        return state.time_s if state else 0.0

    def task(self, video_id: int) -> VideoTask:
        """Return what a worker needs to begin or to go on with a video."""
        from curation.video.extract import ExtractTask

        require_space(self.catalogue.root)
        state = self.state(video_id)
        if state is None or state.failure is not None:
            self.table.begin_extraction(video_id, self.fp, self.params.model_dump_json())
            state = None
        info = self.table.info(video_id)
        out_dir = self.table.output_dir(video_id)
        out_dir.mkdir(parents=True, exist_ok=True)
        for stale in out_dir.glob("*.part"):
            stale.unlink()
        self.packs.cut(video_id)
        self._names[video_id] = info.path.name
        self._at[video_id] = state.time_s if state else 0.0
        carry = state.carry if state else None
        return VideoTask(
            video_id, info.path.name, ExtractTask(info.path, out_dir, info, self.params, carry)
        )

    def hear(
        self, event: Event[VideoTask], pool: Pool[VideoTask], meter: Meter
    ) -> Iterator[Progress]:
        """Store what a worker sent and say how far things are."""
        task, video_id = event.task, event.task.video_id
        if event.kind == "item":
            chunk: Chunk = event.message
            self._store(video_id, chunk)
            step, self._at[video_id] = chunk.time_s - self._at[video_id], chunk.time_s
            yield meter.beat(max(0.0, step), note=task.name)
        elif event.kind == "done":
            return
        elif event.kind == "died" and task.deaths == 0:
            pool.again(replace(self.task(video_id), deaths=1))
        elif isinstance(event.error, NoSpace):
            raise event.error
        else:
            reason = event.error.message if event.error else "unknown"
            self.table.finish_extraction(video_id, self._shots(video_id, None), reason)
            self.failed[video_id] = reason
            yield meter.beat(failed=(str(task.task.path), reason))

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
        self.table.add_chunk(
            video_id,
            rows,
            chunk.score_pts,
            chunk.scores,
            (chunk.carry, chunk.time_s, chunk.decoded, chunk.errors),
            thumbs_at,
            self._shots(video_id, chunk) if chunk.done else None,
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
