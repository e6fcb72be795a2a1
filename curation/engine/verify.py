"""Compare likely pairs of frames point by point, in worker processes, each pair once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from curation.engine.batch import load_rgb
from curation.engine.candidates import candidates
from curation.engine.machine import pick_workers, single_threaded
from curation.engine.meter import Meter
from curation.engine.pool import Event, Pool
from curation.errors import ImageUnreadable
from curation.params import VerifyParams
from curation.records import Progress
from curation.steps.matching import Match, Matcher, make_matcher
from curation.store.catalogue import Catalogue
from curation.store.columns import load
from curation.store.pairs import PairTable
from curation.store.videos import VideoTable

BATCH = 16
REMEMBERED = 64
"""Pictures whose points a worker keeps: pairs come sorted by their first picture."""
Row = tuple[int, int, int, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Pairs of stored pictures for a worker: (frame id, path) twice each."""

    pairs: tuple[tuple[tuple[int, Path], tuple[int, Path]], ...]


class PairRunner:
    """The worker's side: a matcher, and the points of pictures seen lately."""

    def __init__(self, matcher: str, weights: Path | None) -> None:
        single_threaded()
        import cv2

        cv2.setNumThreads(1)
        self.matcher: Matcher = make_matcher(matcher, weights)
        self._features: OrderedDict[int, Any] = OrderedDict()

    def __call__(self, task: Comparison) -> Iterator[tuple[list[Row], list[tuple[str, str]]]]:
        """Yield rows (a, b, inliers, cover), and (item, reason) of pictures that fail."""
        rows: list[Row] = []
        failed: list[tuple[str, str]] = []
        for (a, path_a), (b, path_b) in task.pairs:
            try:
                match = self._compare(a, path_a, b, path_b)
            except ImageUnreadable as error:
                failed.append((f"{path_a.name} against {path_b.name}", str(error)))
            else:
                rows.append((a, b, match.inliers, match.cover))
        yield rows, failed

    def _compare(self, a: int, path_a: Path, b: int, path_b: Path) -> Match:
        return self.matcher.match(self._points(a, path_a), self._points(b, path_b))

    def _points(self, frame_id: int, path: Path) -> Any:
        if frame_id in self._features:
            self._features.move_to_end(frame_id)
        else:
            self._features[frame_id] = self.matcher.features(load_rgb(path))
            if len(self._features) > REMEMBERED:
                self._features.popitem(last=False)
        return self._features[frame_id]


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
    if todo:
        yield meter.beat(note="comparing frames that may be one picture")
        size = pick_workers(params.workers, -(-len(todo) // (4 * BATCH)))
        with Pool[Comparison](partial(PairRunner, params.matcher, weights), size) as pool:
            for event in pool.run(_batches(catalogue, todo)):
                rows, wrong = _answers(event, pool)
                table.put(rows, fp)
                matched += sum(row[2] > 0 for row in rows)
                failed += len(wrong)
                for item in wrong:
                    yield meter.beat(failed=item)
                if event.kind == "done":
                    yield meter.beat(len(event.task.pairs))
    yield meter.beat(summary={"compared": len(todo) - failed, "matched": matched})


def _open_pairs(
    catalogue: Catalogue, table: PairTable, fp: str, params: VerifyParams
) -> list[tuple[int, int]]:
    """Return (frame id, frame id) of pairs to compare, sorted so that pictures meet again."""
    columns = load(catalogue)
    ids = columns["frame_id"]
    found = ids[candidates(columns, params)]
    known = table.known(fp)
    pairs = [(min(a, b), max(a, b)) for a, b in found.tolist()[: params.verify_pairs]]
    return sorted(pair for pair in pairs if pair not in known)


def _batches(catalogue: Catalogue, pairs: Sequence[tuple[int, int]]) -> Iterator[Comparison]:
    videos = VideoTable(catalogue)
    for low in range(0, len(pairs), BATCH):
        part = pairs[low : low + BATCH]
        ids = sorted({frame_id for pair in part for frame_id in pair})
        paths = {frame.id: frame.path for frame in videos.frames(ids)}
        yield Comparison(
            tuple(
                ((a, paths[a]), (b, paths[b])) for a, b in part if a in paths and b in paths
            )
        )


def _answers(
    event: Event[Comparison], pool: Pool[Comparison]
) -> tuple[list[Row], list[tuple[str, str]]]:
    if event.kind == "item":
        rows, failed = event.message
        return list(rows), list(failed)
    if event.kind == "failed" and event.error is not None:
        raise event.error
    if event.kind == "died":
        if len(event.task.pairs) > 1:
            for pair in event.task.pairs:
                pool.again(Comparison((pair,)))
        else:
            (a, path_a), (b, path_b) = event.task.pairs[0]
            return [(a, b, 0, 0.0)], [(f"{path_a.name} against {path_b.name}", str(event.error))]
    return [], []
