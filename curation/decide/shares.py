"""How the places of a pool are shared among videos."""

from __future__ import annotations

import heapq

import numpy as np

from curation.decide.columns import Floats, Ints

SECONDS_A_FRAME = 1.0
"""The most of a video that one usable frame stands for."""


def usable_seconds(time_s: Floats) -> float:
    """Return how much of a video its usable frames stand for, counting close ones once."""
    if not len(time_s):
        return 0.0
    steps = np.diff(np.sort(time_s))
    return SECONDS_A_FRAME + float(np.minimum(steps, SECONDS_A_FRAME).sum())


def usable_seconds_of(group: Ints, time_s: Floats, groups: int) -> Floats:
    """Return (groups,) `usable_seconds` of every group at once.

    Args:
        group: (n,) 0..groups - 1.
        time_s: (n,) seconds.
    """
    order = np.argsort(time_s)
    narrow = np.int16 if groups < 1 << 15 else np.int32  # of 16 bits in one look at each
    order = order[np.argsort(group[order].astype(narrow), kind="stable")]
    ordered, group = time_s[order], group[order]
    steps = np.minimum(np.diff(ordered), SECONDS_A_FRAME)
    steps[np.diff(group) != 0] = 0.0
    found = np.bincount(group[1:], steps, groups).astype(np.float64)
    found[np.bincount(group, minlength=groups) > 0] += SECONDS_A_FRAME
    return found


def water_fill(usable_s: Floats, cap: Ints, total: int) -> Ints:
    """Share places among videos by the root of their usable seconds (science, section C).

    K_v = min(cap_v, round(total * sqrt(s_v) / sum sqrt(s))), where what a full video leaves goes
    to the others (Webster's divisor method, so that roundings add up). No video with a usable
    frame is left out: which of them the pool has room for is for their scores to say.

    Args:
        usable_s: (v,) seconds.
        cap: (v,) the most that each may take.
        total: places.

    Returns:
        (v,) places.
    """
    given = np.minimum(cap, 1) * (usable_s > 0)
    left = min(total, int(cap[usable_s > 0].sum())) - int(given.sum())
    weight = np.sqrt(usable_s).tolist()
    claims = [
        (-weight[i] / (given[i] + 0.5), i) for i in range(len(cap)) if 0 < given[i] < cap[i]
    ]
    heapq.heapify(claims)
    while left > 0 and claims:
        i = heapq.heappop(claims)[1]
        given[i] += 1
        left -= 1
        if given[i] < cap[i]:
            heapq.heappush(claims, (-weight[i] / (given[i] + 0.5), i))
    return np.asarray(given, np.int64)
