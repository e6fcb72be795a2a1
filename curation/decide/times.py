"""Times and shots as whole numbers, and ranges of them."""

from __future__ import annotations

import numpy as np

from curation.decide.columns import Columns, Floats, Ints


def segments(columns: Columns) -> Ints:
    """Number the shots of all videos; a video without shots is one, a frame without time its own.
    """
    video, shot = columns.ints("video"), columns.ints("shot", -1)
    order = np.lexsort((shot, video))
    new = np.ones(columns.n, np.int64)
    if columns.n:
        new[0] = 0
        new[1:] = (np.diff(video[order]) != 0) | (np.diff(shot[order]) != 0)
    segment = np.empty(columns.n, np.int64)
    segment[order] = np.cumsum(new)
    timeless = np.flatnonzero(~np.isfinite(columns.floats("time_s")))
    segment[timeless] = columns.n + np.arange(len(timeless))
    return segment


def micros(time_s: Floats) -> Ints:
    """Return times in whole microseconds from the first, so that equal gaps compare equal."""
    known = np.isfinite(time_s)
    first = float(time_s[known].min()) if known.any() else 0.0
    return np.rint(np.where(known, time_s - first, 0.0) * 1e6).astype(np.int64)


def ranges(low: Ints, count: Ints) -> Ints:
    """Return low[0], low[0] + 1, ... for every range, one after the other."""
    ends = np.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) - np.repeat(ends - count, count) + np.repeat(low, count)
