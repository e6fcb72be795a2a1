"""All pairs of frames that repeat each other, found at once: by time, by look, by video."""

from __future__ import annotations

import numpy as np

from curation.decide.columns import Ints
from curation.decide.dedup import Repeats
from curation.decide.near import TooManyPairs, pairs_within
from curation.decide.stars import Pairs
from curation.decide.times import ranges
from curation.decide.within_pairs import pairs_of_videos


def all_pairs(repeats: Repeats, most: int) -> Pairs | None:
    """Return every pair that `Repeats.cover` would take for alike; None when there are more than
    `most`, or more than that have to be looked at.

    Taking frames best first asks for the like of each keeper and so never sees most pairs; here
    all are wanted, whatever the order. They come from one search over the hashes (see `near`)
    and one comparison of each pair within a video.
    """
    n = len(repeats.phash)
    try:
        parts = [_close_in_time(repeats, most), _close_in_look(repeats, most)]
        if repeats.within is not None:
            parts.append(pairs_of_videos(repeats.within, most))
    except TooManyPairs:
        return None
    matched = repeats.pair_keys
    key = np.concatenate([matched[matched // n < matched % n], *(
        np.minimum(one, other) * n + np.maximum(one, other) for one, other in parts
    )]) if n else np.zeros(0, np.int64)
    # One pair may have been found by its time as well as by its look.
    key.sort()
    key = key[np.flatnonzero(np.diff(key, prepend=-1))]
    if len(key) > most:
        return None
    return Pairs(n, (key // max(1, n)).astype(np.int32), (key % max(1, n)).astype(np.int32))


def _close_in_time(repeats: Repeats, most: int) -> tuple[Ints, Ints]:
    """Return pairs of one shot at most burst_s apart."""
    here = repeats.by_time
    place = np.arange(len(here))
    count = repeats.burst_high[here] - place - 1
    if int(count.sum()) > most:
        raise TooManyPairs(f"more than {most:,} pairs of one burst")
    return np.repeat(here, count), here[ranges(place + 1, count)]


def _close_in_look(repeats: Repeats, most: int) -> tuple[Ints, Ints]:
    """Return pairs whose hashes are close, of two videos or of such that nothing tells apart."""
    frames = np.flatnonzero(repeats.hashed)
    params = repeats.params
    radius = max(params.near_hash, params.burst_hash)
    near = pairs_within(repeats.phash[frames], radius, most=most)
    one, other = frames[near.one], frames[near.other]
    if params.burst_hash > params.near_hash:
        good = np.flatnonzero(
            (near.distance <= params.near_hash) | repeats.is_burst(one, other)
        )
        one, other = one[good], other[good]
    counts = repeats.unsettled(one, other)
    return one[counts], other[counts]
