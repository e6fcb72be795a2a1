"""Photos compared by what a network sees in them, and point by point: crops, zooms, new views."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curation.decide.near import Near, joined
from curation.decide.near_cosine import likest, pairs_alike
from curation.engine.machine import pick_workers, single_threaded
from curation.engine.meter import Meter
from curation.engine.pool import Pool
from curation.errors import ImageUnreadable
from curation.params import RankParams
from curation.records import Progress
from curation.toolkit.index import Index
from curation.toolkit.verbs import Context

if TYPE_CHECKING:
    from curation.cull.library import Library
    from curation.toolkit.embedders import Embedder

PACKAGED, CLIP = 0.86, 0.92
"""Least cosines of one picture: of the packaged MobileNetV2 strangers reach .76, sharpened, shrunk
and faded copies .85 and more; of CLIP it is what its users take, and a guess."""
WORTH_A_LOOK, NEIGHBOURS = 0.6, 8
"""Least cosine, and how many neighbours, from which photos are compared point by point."""
_RANKED = RankParams()
INLIERS, COVER = _RANKED.same_inliers, _RANKED.same_cover
"""Matched points, and share of the smaller picture, from which two are one."""
BATCH, REMEMBERED = 8, 64


@dataclass(frozen=True, slots=True)
class Pair:
    """Two files on their way to a worker."""

    one: Path
    other: Path


@dataclass(frozen=True, slots=True)
class Batch:
    """Pairs that are compared by one worker, one after another."""

    pairs: tuple[Pair, ...]


def of_looks(
    ctx: Context, library: Library, model: Embedder, least: float
) -> Generator[Progress, None, Near]:
    """Return pairs that a network takes for alike: distance 1 - cosine, float32."""
    from curation.toolkit.cluster import embed

    photos = library.photos
    plan = ctx.plan()  # what has no vector was read before: it stands alone, it does not fail
    content = {photo.path: photo.content for photo in photos}
    found = yield from embed(ctx, model, Index(ctx.workdir, ctx.catalogue), content, plan)
    rows = [i for i, photo in enumerate(photos)
            if found.get(photo.content) is not None and not library.prints.flat[i]]  # fmt: skip
    if not rows:
        return joined([], len(photos), np.float32)
    near = pairs_alike(np.stack([_vector(found, photos[i].content) for i in rows]), least)
    at = np.array(rows, np.int64)
    return Near(at[near.one], at[near.other], near.distance)


def of_points(
    ctx: Context, library: Library, model: Embedder, known: Near, most: int
) -> Generator[Progress, None, tuple[Near, str]]:
    """Return pairs in which one picture is the other, cropped, zoomed or scaled: 1 - cover.

    Each photo is compared with the few that look likest, by SIFT points and one homography; each
    pair once ever.

    Args:
        known: pairs that need no look.
        most: comparisons in one run, likest first.

    Returns:
        the pairs, and what was left out, for people.
    """
    from curation.steps.matching import make_matcher

    n = len(library.photos)
    looks = likest((yield from of_looks(ctx, library, model, WORTH_A_LOOK)), n, NEIGHBOURS)
    fresh = looks.where(~np.isin(looks.one * n + looks.other, known.one * n + known.other))
    fresh = fresh.where(np.argsort(fresh.distance, kind="stable"))
    left = max(0, len(fresh) - most)
    fresh = fresh.where(np.arange(len(fresh)) < most)
    answers = yield from _compared(ctx, library, fresh, make_matcher("sift").fp)
    good = np.array([a[0] >= INLIERS and a[1] >= COVER for a in answers], np.bool_)
    cover = np.array([a[1] for a in answers], np.float32)
    near = Near(fresh.one[good], fresh.other[good], np.clip(1 - cover[good], 0, 1))
    note = f"{left:,} less likely pairs were not compared; raise --compare" if left else ""
    return joined([near], n, np.float32), note


class Comparer:
    """The worker's side: a matcher, and the points of pictures seen lately."""

    def __init__(self) -> None:
        single_threaded()
        import cv2

        from curation.steps.matching import make_matcher

        cv2.setNumThreads(1)
        self.matcher = make_matcher("sift")
        self._points: OrderedDict[Path, Any] = OrderedDict()

    def __call__(self, task: Batch) -> Iterator[list[tuple[int, float]]]:
        """Yield (inliers, cover) of each pair; one that cannot be read does not match."""
        found = []
        for pair in task.pairs:
            try:
                match = self.matcher.match(self._of(pair.one), self._of(pair.other))
                found.append((match.inliers, round(match.cover, 5)))
            except (ImageUnreadable, OSError):
                found.append((0, 0.0))
        yield found

    def _of(self, path: Path) -> Any:
        from curation.photos.decode import opened, pixels, read_bytes
        from curation.steps.matching import WORK_PX

        if path not in self._points:
            self._points[path] = self.matcher.features(
                pixels(opened(*read_bytes(path)), WORK_PX)
            )
            if len(self._points) > REMEMBERED:
                self._points.popitem(last=False)
        self._points.move_to_end(path)
        return self._points[path]


def _compared(
    ctx: Context, library: Library, near: Near, fp: str
) -> Generator[Progress, None, list[tuple[int, float]]]:
    """Return (inliers, cover) of each pair; answers are kept by the two contents."""
    index = Index(ctx.workdir, ctx.catalogue)
    photos = library.photos
    # The first by content asks: the answer is found again whatever the order of the files.
    asked = [
        tuple(sorted((photos[a].content, photos[b].content)))
        for a, b in zip(near.one.tolist(), near.other.tolist(), strict=True)
    ]
    path = {photo.content: photo.path for photo in photos}
    by_first: dict[str, list[str]] = {}
    for first, second in asked:
        by_first.setdefault(first, []).append(second)
    answers: dict[tuple[str, ...], tuple[int, float]] = {}
    for first, others in by_first.items():
        for second, value in index.recall(f"points:{first}", fp, others).items():
            inliers, cover = str(value).split()
            answers[first, second] = int(inliers), float(cover)
    todo = sorted(pair for pair in dict.fromkeys(asked) if pair not in answers)
    meter = Meter(ctx.verb, len(todo), "pairs")
    parts = [todo[at : at + BATCH] for at in range(0, len(todo), BATCH)]
    batches = {Batch(tuple(Pair(path[a], path[b]) for a, b in part)): part for part in parts}
    if batches:
        with Pool[Batch](partial(Comparer), pick_workers(ctx.workers, len(batches))) as pool:
            for event in pool.run(list(batches)):
                if event.kind == "item":
                    for pair, found in zip(batches[event.task], event.message, strict=True):
                        answers[pair] = found
                        index.remember(f"points:{pair[0]}", fp,
                                       {pair[1]: f"{found[0]} {found[1]}"})  # fmt: skip
                else:
                    yield meter.beat(len(event.task.pairs))
    return [answers.get(pair, (0, 0.0)) for pair in asked]


def _vector(found: Mapping[str, Any], content: str) -> Any:
    return np.asarray(found[content], np.float32)
