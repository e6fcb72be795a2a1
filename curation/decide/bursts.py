"""Which pictures were taken in one go: by the camera's clock, or by the numbers of their names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
NONE = -1


@dataclass(frozen=True, slots=True)
class Moments:
    """When, with what and where n pictures were taken: arrays (n,).

    Attributes:
        taken_s: seconds since 1970; NaN where only the name tells an order.
        camera: equal numbers are one camera with one lens and one kind of clock (offset known or
            not): only their times can be compared.
        series: equal numbers are one folder with one way to begin a name, IMG_ as an example.
        number: of the name, IMG_0123 is 123; -1 for none.
    """

    taken_s: Floats
    camera: Ints
    series: Ints
    number: Ints


def bursts(
    moments: Moments, gap_s: float, *, most_s: float = 60.0, most: int = 100
) -> Ints:
    """Return the burst of each picture: (n,), -1 for one taken alone.

    Pictures of one camera follow each other within `gap_s`; of those without a time, numbers of one
    series follow each other without a gap. A row that is longer than `most_s` or has more pictures
    than `most` (a time-lapse) is cut at its longest pause, in the middle where all are equal,
    until its parts are short enough. The order of the pictures changes nothing but the numbers.
    """
    n = len(moments.taken_s)
    timed = np.isfinite(moments.taken_s)
    labels = np.full(n, NONE, np.int64)
    fresh = 0
    for members in _timed(moments, np.flatnonzero(timed), gap_s):
        for part in _cut(members, moments.taken_s[members], most_s, most):
            labels[part] = fresh
            fresh += 1
    for members in _numbered(moments, np.flatnonzero(~timed & (moments.number >= 0))):
        for part in _cut(members, moments.number[members].astype(np.float64), np.inf, most):
            labels[part] = fresh
            fresh += 1
    return labels


def pairs_inside(labels: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Yield all pairs (one, other) of pictures of one burst, one < other, burst after burst."""
    order = np.argsort(labels, kind="stable")
    order = order[labels[order] >= 0]
    if not len(order):
        return
    for members in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        i, j = np.triu_indices(len(members), k=1)
        yield members[i], members[j]


def _timed(moments: Moments, rows: Ints, gap_s: float) -> Iterator[Ints]:
    """Yield rows of at least two, sorted by time: sub-seconds first, then names."""
    camera, taken_s = moments.camera[rows], moments.taken_s[rows]
    order = np.lexsort((moments.number[rows], moments.series[rows], taken_s, camera))
    same = np.diff(camera[order]) == 0
    yield from _rows(rows[order], same & (np.diff(taken_s[order]) <= gap_s))


def _numbered(moments: Moments, rows: Ints) -> Iterator[Ints]:
    series, number = moments.series[rows], moments.number[rows]
    order = np.lexsort((number, moments.camera[rows], series))
    same = (np.diff(series[order]) == 0) & (np.diff(moments.camera[rows][order]) == 0)
    yield from _rows(rows[order], same & (np.diff(number[order]) <= 1))


def _rows(ordered: Ints, joined: Bools) -> Iterator[Ints]:
    if len(ordered):
        for members in np.split(ordered, np.flatnonzero(~joined) + 1):
            if len(members) > 1:
                yield members


def _cut(members: Ints, at: Floats, most_span: float, most: int) -> Iterator[Ints]:
    """Yield parts of at least two that are short enough; `at` ascends."""
    left = [(0, len(members))]
    while left:
        low, high = left.pop()
        if high - low < 2:
            continue
        if high - low <= most and at[high - 1] - at[low] <= most_span:
            yield members[low:high]
            continue
        pauses = np.diff(at[low:high])
        longest = np.flatnonzero(pauses >= pauses.max() - 1e-6)
        middle = (high - low - 2) / 2
        cut = low + 1 + int(longest[np.argmin(np.abs(longest - middle))])
        left += [(cut, high), (low, cut)]
