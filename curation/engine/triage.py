"""Driving the triage: before a detector looks, whole videos are sorted out by their thumbnails."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import partial

from curation.engine import limits
from curation.engine.machine import pick_workers, single_threaded
from curation.engine.meter import Meter
from curation.engine.pool import Pool
from curation.params import MeasureParams, TriageParams
from curation.records import Measured, Progress
from curation.steps.base import fingerprint
from curation.steps.triage import Still, Triage, cells_of
from curation.store.catalogue import Catalogue
from curation.store.triage import Sampled, TriageTable

log = logging.getLogger(__name__)
USEFUL = 4
"""Videos for each process, at least: one starts in the time of some thousand thumbnails."""


@dataclass(frozen=True, slots=True)
class Video:
    """The frames of one video on their way to a worker."""

    frames: tuple[Sampled, ...]


class Sorter:
    """The worker's side."""

    def __init__(self, params: TriageParams) -> None:
        single_threaded()
        self.step = Triage(params)

    def __call__(self, task: Video) -> Iterator[list[Measured]]:
        """Yield a row for each frame."""
        stills = []
        for frame in task.frames:
            cells = cells_of(frame.thumb) if self.step.params.triage else None
            limits.pulse()
            stills.append(Still(frame.pts, frame.time_s, frame.shot, frame.sharpness, cells))
        yield self.step.sort_out(stills)


def sorting_s(task: Video) -> float:
    """Return the seconds that a video may take."""
    return limits.BASE_S + 0.1 * len(task.frames)


def left_out(
    catalogue: Catalogue, params: MeasureParams
) -> Generator[Progress, None, frozenset[int]]:
    """Answer which frames are left out, for videos where that is open; return their ids.

    A video that ends its worker is looked at as a whole: its frames are measured.
    """
    shared = {name: getattr(params, name) for name in TriageParams.model_fields}
    step = Triage(TriageParams(**shared))
    table = TriageTable(catalogue, step, fingerprint(step, {}, {}))
    videos = table.open_videos()
    if videos:
        meter = Meter("triage", len(videos), "videos")
        yield meter.beat(note="looking for near copies")
        size = pick_workers(params.workers, -(-len(videos) // USEFUL))
        tasks = (Video(tuple(table.stills(video_id))) for video_id in videos)
        most = limits.measuring(sorting_s)
        with Pool[Video](partial(Sorter, step.params), size, most) as pool:
            for event in pool.run(tasks):
                if event.kind == "item":
                    table.put(event.task.frames, event.message)
                    continue
                if event.kind in ("failed", "died"):
                    log.debug("triage of a video: %s", event.error)
                    alive = [Measured(step.alive())] * len(event.task.frames)
                    table.put(event.task.frames, alive)
                yield meter.beat(1)
    return frozenset(table.left_out())
