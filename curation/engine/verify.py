"""Compare likely pairs of frames point by point, in worker processes, each pair once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from curation.engine import limits
from curation.engine.active import cut
from curation.engine.batch import load_frame
from curation.engine.candidates import candidates
from curation.engine.machine import pick_workers, single_threaded
from curation.engine.meter import Meter
from curation.engine.pool import Event, Pool, is_poison
from curation.engine.remake import lacking, let_go, remake
from curation.errors import ImageUnreadable
from curation.params import VerifyParams
from curation.records import Frame, Progress
from curation.steps.matching import Match, Matcher, make_matcher
from curation.store.catalogue import Catalogue
from curation.store.columns import load
from curation.store.pairs import PairTable
from curation.store.videos import VideoTable

PAIRS_A_WORKER, TASKS_A_WORKER = 64, 4
MOST_A_TASK = 256
"""Pairs of a task follow each other: the longer it is, the fewer pictures two workers both need."""
REMEMBERED = 64
"""Pictures whose points a worker keeps; see `together`."""
Row = tuple[int, int, int, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Pairs of stored pictures for a worker; `deaths`: how often one ended over this very pair."""

    pairs: tuple[tuple[Frame, Frame], ...]
    deaths: int = 0


def comparing_s(task: Comparison) -> float:
    """Return the seconds that a comparison may take."""
    return limits.pictures_s((f.width, f.height) for pair in task.pairs for f in pair)


class PairRunner:
    """The worker's side: a matcher, and the points of pictures seen lately."""

    def __init__(self, matcher: str, weights: Path | None) -> None:
        single_threaded()
        self.matcher: Matcher = make_matcher(matcher, weights)
        self._features: OrderedDict[int, Any] = OrderedDict()

    def __call__(self, task: Comparison) -> Iterator[tuple[list[Row], list[tuple[str, str]]]]:
        """Yield rows (a, b, inliers, cover), and (item, reason) of pictures that fail."""
        rows: list[Row] = []
        failed: list[tuple[str, str]] = []
        for a, b in task.pairs:
            try:
                match = self._compare(a, b)
                limits.pulse()
            except ImageUnreadable as error:
                failed.append((f"{a.path.name} against {b.path.name}", str(error)))
            else:
                rows.append((a.id, b.id, match.inliers, match.cover))
        yield rows, failed

    def _compare(self, a: Frame, b: Frame) -> Match:
        return self.matcher.match(self._points(a), self._points(b))

    def _points(self, frame: Frame) -> Any:
        if frame.id in self._features:
            self._features.move_to_end(frame.id)
        else:
            self._features[frame.id] = self.matcher.features(cut(load_frame(frame), frame))
            if len(self._features) > REMEMBERED:
                self._features.popitem(last=False)
        return self._features[frame.id]


def verify(catalogue: Catalogue, params: VerifyParams) -> Iterator[Progress]:
    """Compare the likeliest pairs that this matcher has not answered yet.

    Every finished batch is stored, so that a run that was stopped goes on where it was. A pair
    that kills its worker is stored as no match; one with an unreadable picture is reported.

    Raises:
        WeightsMissing: before the first pair, when the matcher lacks its file.
    """
    if not params.verify or not params.verify_pairs:
        return
    weights = Path(params.matcher_weights) if params.matcher_weights else None
    table = PairTable(catalogue)
    fp = make_matcher(params.matcher, weights).fp
    todo = _open_pairs(catalogue, table, fp, params)
    meter = Meter("verify", len(todo), "pairs")
    matched = failed = 0
    made: list[int] = []
    if todo:
        # Pairs jump to and fro: decoding to each frame alone would cost more than comparing.
        made = [frame.id for frame in lacking(catalogue, {i for pair in todo for i in pair})]
        for beat in remake(catalogue, made, params.workers) if made else ():
            if beat.summary is None and beat.failed is None:
                yield beat
        yield meter.beat(note="comparing frames that may be one picture")
        size = pick_workers(params.workers, -(-len(todo) // PAIRS_A_WORKER))
        at_once = min(MOST_A_TASK, -(-len(todo) // (TASKS_A_WORKER * size)))
        most = limits.measuring(comparing_s)
        with Pool[Comparison](partial(PairRunner, params.matcher, weights), size, most) as pool:
            for event in pool.run(_batches(catalogue, todo, at_once)):
                rows, wrong = _answers(event, pool)
                table.put(rows, fp)
                matched += sum(row[2] > 0 for row in rows)
                failed += len(wrong)
                for item in wrong:
                    yield meter.beat(failed=item)
                if event.kind == "done":
                    yield meter.beat(len(event.task.pairs))
    if made:
        let_go(catalogue, made)
    yield meter.beat(summary={"compared": len(todo) - failed, "matched": matched})


def _open_pairs(
    catalogue: Catalogue, table: PairTable, fp: str, params: VerifyParams
) -> list[tuple[int, int]]:
    """Return (frame id, frame id) of pairs to compare, in the order of `together`."""
    columns = load(catalogue)
    ids = columns["frame_id"]
    found = ids[candidates(columns, params)]
    known = table.known(fp)
    pairs = [(min(a, b), max(a, b)) for a, b in found.tolist()[: params.verify_pairs]]
    return together([pair for pair in pairs if pair not in known])


def together(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return pairs in an order in which the same pictures meet soon again.

    Numbered so that neighbours have near numbers (reverse Cuthill-McKee, 1969), pictures are
    needed over short stretches, and a worker that keeps the points of a few finds each once.
    """
    if not pairs:
        return []
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    ids, ends = np.unique(np.array(pairs, np.int64), return_inverse=True)
    one, other = ends.reshape(-1, 2).T
    links = csr_array(
        (np.ones(2 * len(one), np.int8), (np.append(one, other), np.append(other, one))),
        shape=(len(ids), len(ids)),
    )
    place = np.empty(len(ids), np.int64)
    place[reverse_cuthill_mckee(links, symmetric_mode=True)] = np.arange(len(ids))
    near, far = np.sort(place[np.stack([one, other])], axis=0)
    return [pairs[i] for i in np.lexsort((near, far)).tolist()]


def _batches(
    catalogue: Catalogue, pairs: Sequence[tuple[int, int]], at_once: int
) -> Iterator[Comparison]:
    videos = VideoTable(catalogue)
    for low in range(0, len(pairs), at_once):
        part = pairs[low : low + at_once]
        ids = sorted({frame_id for pair in part for frame_id in pair})
        frames = {frame.id: frame for frame in videos.frames(ids)}
        yield Comparison(
            tuple((frames[a], frames[b]) for a, b in part if a in frames and b in frames)
        )


def _answers(
    event: Event[Comparison], pool: Pool[Comparison]
) -> tuple[list[Row], list[tuple[str, str]]]:
    if event.kind == "item":
        rows, failed = event.message
        return list(rows), list(failed)
    if is_poison(event):
        if len(event.task.pairs) > 1:
            for pair in event.task.pairs:
                pool.again(Comparison((pair,)))
        elif not event.task.deaths:
            pool.alone(replace(event.task, deaths=1))
        else:
            a, b = event.task.pairs[0]
            item = f"{a.path.name} against {b.path.name}"
            return [(a.id, b.id, 0, 0.0)], [(item, str(event.error))]
    elif event.kind == "failed" and event.error is not None:
        raise event.error
    return [], []
