"""Star groups over near pairs: the best stands, and takes only what is near itself."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

DENSE = 256
"""Neighbours from which a picture is called dense: a group there says little but "all alike"."""


class Pairs(Protocol):
    """Pairs with a distance, as `near.Near` has them."""

    @property
    def one(self) -> Ints:
        """Return (k,) positions."""

    @property
    def other(self) -> Ints:
        """Return (k,) positions."""

    @property
    def distance(self) -> npt.NDArray[Any]:
        """Return (k,) distances."""


@dataclass(frozen=True, slots=True)
class Stars:
    """Groups without chains.

    Attributes:
        keeper: (n,) position of the picture that stands for each; its own where it stands itself.
        distance: (n,) to the keeper, 0 for keepers.
        diameter: (n,) of the group that a position keeps, see `star_groups`; 0 elsewhere.
        chained: (n,) bool: the group has near ones outside, so that joining all that is near
            would have made it larger. The same for all of a group.
        dense: (n,) bool: more than DENSE near ones.
    """

    keeper: Ints
    distance: npt.NDArray[Any]
    diameter: npt.NDArray[Any]
    chained: Bools
    dense: Bools


def star_groups(
    n: int, near: Pairs, best_first: npt.ArrayLike, protected: npt.ArrayLike | None = None
) -> Stars:
    """Cover pictures by stars: best first, who is not covered keeps and covers what is near it.

    So every loser is near a picture that stays, and no two keepers are near each other unless both
    are protected. Of several keepers the best one takes a picture. "Near" is not transitive: a
    pan changes a little with each frame, and connected components would make it one group.

    Args:
        n: pictures.
        near: pairs that are near, each once, in any order.
        best_first: (n,) positions, best first, ties already broken: the answer hangs on nothing
            else.
        protected: (n,) bool: those that always stay (pinned, or of a reference folder). They come
            before all others.

    Returns:
        groups; the diameter is the largest distance between two members where every pair of them
        is near, else the most it can be: twice the way over the keeper (triangle inequality).
    """
    best = np.asarray(best_first, np.int64)
    safe = np.zeros(n, np.bool_) if protected is None else np.asarray(protected, np.bool_)
    if len(best) != n or len(safe) != n:
        raise ValueError(f"{n} pictures, but {len(best)} in order and {len(safe)} protected or not")
    order = np.concatenate([best[safe[best]], best[~safe[best]]])
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    one, other = np.asarray(near.one, np.int64), np.asarray(near.other, np.int64)
    better = np.where(place[one] < place[other], one, other)
    worse = one + other - better
    keeper, distance = _covered(n, order, place, safe, better, worse, near.distance)
    return _told(n, keeper, distance, one, other, near.distance)


def _covered(
    n: int, order: Ints, place: Ints, safe: Bools, better: Ints, worse: Ints,
    distance: npt.NDArray[Any],
) -> tuple[Ints, npt.NDArray[Any]]:
    """Return the keeper of each, and how far it is."""
    # Only pairs whose worse one may fall; by place of the better one, so that it comes in turn.
    may = np.flatnonzero(~safe[worse])
    may = may[np.lexsort((place[worse[may]], place[better[may]]))]
    better, worse, apart = better[may], worse[may], distance[may]
    keeper = np.full(n, -1, np.int64)
    far = np.zeros(n, distance.dtype)
    turn = place[better]
    edges = np.flatnonzero(np.diff(turn, prepend=-1))
    bounds = [*edges.tolist(), len(better)]
    for low, high in pairwise(bounds):
        head = better[low]
        if keeper[head] >= 0:
            continue
        keeper[head] = head
        losers = worse[low:high]
        free = keeper[losers] < 0
        keeper[losers[free]] = head
        far[losers[free]] = apart[low:high][free]
    alone = keeper < 0
    keeper[alone] = np.flatnonzero(alone)
    return keeper, far


def _told(
    n: int, keeper: Ints, far: npt.NDArray[Any], one: Ints, other: Ints,
    distance: npt.NDArray[Any],
) -> Stars:
    """Return stars with what is to be said of them."""
    sizes = np.bincount(keeper, minlength=n)
    inside = keeper[one] == keeper[other]
    chained = np.zeros(n, np.bool_)
    chained[keeper[one[~inside]]] = True
    chained[keeper[other[~inside]]] = True
    wide = np.int64 if far.dtype.kind in "ui" else np.float64
    diameter = np.zeros(n, wide)
    centre = keeper[one[inside]]
    np.maximum.at(diameter, centre, distance[inside].astype(wide))
    pairs = np.bincount(centre, minlength=n)
    # The two farthest from the keeper bound what is between any two.
    most = np.zeros(n, wide)
    by = np.lexsort((-far.astype(np.float64), keeper))
    heads = np.flatnonzero(np.diff(keeper[by], prepend=-1))
    lost = heads[sizes[keeper[by[heads]]] > 2]
    most[keeper[by[lost]]] = far[by[lost]].astype(wide) + far[by[lost + 1]].astype(wide)
    open_ = pairs < sizes * (sizes - 1) // 2
    diameter = np.where(open_, np.maximum(diameter, most), diameter)
    degree = np.bincount(one, minlength=n) + np.bincount(other, minlength=n)
    return Stars(keeper, far, diameter, chained[keeper], degree > DENSE)
