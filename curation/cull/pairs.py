"""Which pictures of a library are to be set beside each other, by each of the modes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from curation.decide.bursts import Moments, bursts, pairs_inside
from curation.decide.near import (
    Near,
    TooManyPairs,
    joined,
    pairs_within,
    stars_within,
    turned_pairs,
)

if TYPE_CHECKING:
    from curation.cull.library import Library, Photo

Ints = npt.NDArray[np.int64]

RADIUS = {64: {"phash": 8, "dhash": 8, "ahash": 4, "whash": 4},
          256: {"phash": 44, "dhash": 36, "ahash": 20, "whash": 16}}  # fmt: skip
"""Bits within which two pictures are one, by size and kind of hash, when nobody says. Of 160 photos
and nine edits of each (shared bench, neardup) these find .83 to .89 of the edits - all of JPEG of
quality 35, half the size, light, blur, noise; of crops to 95 % most, to 85 % few - and join hardly
more of the other pairs than 4 bits of a pHash do; ahash and whash soon would."""
COPIES = 200
"""Copies of one picture of which every pair is held."""
MOST_PAIRS = 20_000_000
"""Pairs that are held at once: 360 MB."""
BURST_BITS = 18
"""Bits of a 64-bit pHash within which two pictures of one burst show the same scene. Frames of nine
clips, 0.2 s apart: from 22 bits on other views come in, under 18 the moves of a person fall out."""


def of_keys(library: Library, order: Callable[[], Ints]) -> Near:
    """Return pairs of the same picture, whatever its metadata: distance 0.

    Args:
        order: asked for the photos best first, when there are many copies of one: then each is
            paired with the best of them only.
    """
    n = len(library.photos)
    if not n:
        return joined([], 0, np.uint16)
    _, which = np.unique(
        np.array([photo.key for photo in library.photos], dtype=object), return_inverse=True
    )
    sizes = np.bincount(which)
    few, many = (sizes > 1) & (sizes <= COPIES), sizes > COPIES
    near = [_labelled(np.where(few[which], which, -1), n)]
    if many.any():
        best = order()
        first = np.empty(len(sizes), np.int64)
        first[which[best[::-1]]] = best[::-1]  # the last that is written is the best
        rows = np.flatnonzero(many[which] & (first[which] != np.arange(n)))
        near.append(_star(first[which[rows]], rows, np.zeros(len(rows), np.uint16)))
    return joined(near, n, np.uint16)


def of_hashes(
    library: Library, name: str, bits: int, radius: int, *, order: Callable[[], Ints],
    turned: bool = False, most: int = MOST_PAIRS,
) -> Near:
    """Return pairs whose hashes are within a radius; flat pictures' bits are noise: they have none.

    Args:
        name: phash, dhash, ahash or whash.
        bits: 64 or 256.
        radius: in bits.
        turned: also when one is turned or mirrored; by the 64-bit pHash.
        order: asked for the photos best first when there are more pairs than `most`: then each
            is paired with the one that keeps it only. The groups are the same.
    """
    prints = library.prints
    rows = np.flatnonzero(~prints.flat)
    if turned:
        found = turned_pairs(np.ascontiguousarray(prints.turned[rows]), radius)
        return Near(rows[found.one], rows[found.other], found.distance.astype(np.uint16))
    hashes = np.ascontiguousarray(prints.bits(name, bits)[rows])
    try:
        found = pairs_within(hashes, radius, most=most)
    except TooManyPairs:
        return _dense(prints.bits(name, bits), rows, radius, order())
    return Near(rows[found.one], rows[found.other], found.distance.astype(np.uint16))


def _dense(hashes: npt.NDArray[np.uint64], rows: Ints, radius: int, order: Ints) -> Near:
    """Return each picture's pair with its keeper, found without holding all pairs."""
    best = order[np.isin(order, rows)]
    at, apart = stars_within(hashes[best], radius, most=0)
    lost = at != np.arange(len(best))
    return _star(best[at[lost]], best[lost], apart[lost].astype(np.uint16))


def _star(keeper: Ints, other: Ints, distance: npt.NDArray[np.uint16]) -> Near:
    return Near(np.minimum(keeper, other), np.maximum(keeper, other), distance)


def of_bursts(
    library: Library, gap_s: float, radius: int, *, most_s: float, most: int
) -> Near:
    """Return pairs taken in one go that show the same scene; flat pictures have none."""
    labels = bursts(moments(library.photos), gap_s, most_s=most_s, most=most)
    labels[library.prints.flat] = -1
    phash = library.prints.phash
    parts = []
    for one, other in pairs_inside(labels):
        apart = np.bitwise_count(phash[one] ^ phash[other])
        good = apart <= radius
        parts.append(Near(np.minimum(one, other)[good], np.maximum(one, other)[good],
                          apart[good].astype(np.uint16)))  # fmt: skip
    return joined(parts, len(labels), np.uint16)


def moments(photos: Sequence[Photo]) -> Moments:
    """Return when and with what photos were taken, as numbers.

    A time that is only the file's own is none: copying sets it.
    """
    camera: dict[Any, int] = {}
    series: dict[Any, int] = {}
    rows = []
    for photo in photos:
        shot = photo.capture
        timed = shot.source != "mtime" and shot.taken_s is not None
        # Clocks with and without a known offset cannot be compared; no camera: within a folder.
        known = (*shot.camera, shot.utc if timed else None)
        body = known if any(shot.camera) else (*known, str(photo.path.parent))
        rows.append((
            shot.taken_s if timed else np.nan,
            camera.setdefault(body, len(camera)),
            series.setdefault((str(photo.path.parent), shot.prefix), len(series)),
            -1 if shot.number is None else shot.number,
        ))  # fmt: skip
    table = np.array(rows, np.float64).reshape(-1, 4).T
    return Moments(table[0], *(column.astype(np.int64) for column in table[1:]))


def merged(parts: Sequence[Near], n: int) -> Near:
    """Return every pair once, at its least distance."""
    near = joined(parts, n, np.result_type(np.uint16, *(part.distance for part in parts)))
    order = np.lexsort((near.distance, near.other, near.one))
    near = near.where(order)
    fresh = np.ones(len(near), np.bool_)
    fresh[1:] = (np.diff(near.one) != 0) | (np.diff(near.other) != 0)
    return near.where(fresh)


def without(near: Near, library: Library, refused: set[tuple[str, str]]) -> Near:
    """Return the pairs that nobody said are no duplicates."""
    if not refused or not len(near):
        return near
    said = {key for pair in refused for key in pair}
    known = np.array([photo.key in said for photo in library.photos], np.bool_)
    asked = np.flatnonzero(known[near.one] & known[near.other])
    keys = [photo.key for photo in library.photos]
    gone = [
        int(at) for at in asked
        if pair_of(keys[near.one[at]], keys[near.other[at]]) in refused
    ]  # fmt: skip
    good = np.ones(len(near), np.bool_)
    good[gone] = False
    return near.where(good)


def pair_of(a: str, b: str) -> tuple[str, str]:
    """Return two keys as refused pairs have them."""
    return min(a, b), max(a, b)


def together(n: int, one: Ints, other: Ints) -> Ints:
    """Return the least position that each of n hangs together with by pairs: (n,)."""
    label = np.arange(n)
    while True:
        least = np.minimum(label[one], label[other])
        new = label.copy()
        np.minimum.at(new, label[one], least)
        np.minimum.at(new, label[other], least)
        new = new[new]
        if (new == label).all():
            return label
        label = new


def _labelled(labels: Ints, n: int) -> Near:
    parts = [
        Near(np.minimum(one, other), np.maximum(one, other), np.zeros(len(one), np.uint16))
        for one, other in pairs_inside(labels)
    ]
    return joined(parts, n, np.uint16)
