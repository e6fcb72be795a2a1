"""Star groups straight from hashes: for sets so dense that their pairs cannot be held."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from curation.decide.hamming import HammingIndex
from curation.decide.near_bands import COMPILED, KEY_BITS, Plan, collapsed, masks, plan_of
from curation.decide.near_engine import Engine, module_for

Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

BLOCK, MOST_PAIRS = 2048, 4_000_000


def covered(
    hashes: Hashes, radius: int, best_first: npt.ArrayLike,
    protected: npt.ArrayLike | None = None, *, engine: Engine = "auto",
    block: int = BLOCK, most: int = MOST_PAIRS,
) -> tuple[Ints, Ints]:
    """Return the keeper of each picture and how far it is: those of `near.star_groups`.

    Only pictures that stand ask for what is near them, so that a hundred thousand pictures that
    are all alike cost one question.

    Args:
        hashes: (n,) uint64, or (n, words).
        radius: bits within which two are one.
        best_first: (n,) positions.
        protected: (n,) bool, those that always stay; they come first.
        engine: as in `near.pairs_within`.
        block, most: how many numpy looks up at once, and pairs it holds at once.

    Returns:
        (n,) positions, its own where a picture stands itself; (n,) bits.
    """
    n = len(hashes)
    best = np.asarray(best_first, np.int64)
    safe = np.zeros(n, np.bool_) if protected is None else np.asarray(protected, np.bool_)
    order = np.concatenate([best[safe[best]], best[~safe[best]]])
    keeper, far = np.arange(n), np.zeros(n, np.int64)
    if not n:
        return keeper, far
    rows, chosen, which = _stand_for_all(hashes[order], int(safe.sum()))
    module = module_for(engine, len(rows))
    if module is not None:
        taken, bits = _compiled(module, rows, radius, safe[order[chosen]])
    else:
        taken, bits = _plain(rows, radius, safe[order[chosen]], block, most)
    falls = ~safe[order]
    keeper[order[falls]] = order[chosen[taken[which[falls]]]]
    far[order[falls]] = bits[which[falls]]
    return keeper, far


def _stand_for_all(hashes: Hashes, n_safe: int) -> tuple[Hashes, Ints, Ints]:
    """Return distinct hashes best first, the place of each, and which one each place has.

    Of equal hashes the first stands for all: what takes one takes the others. A protected one
    does not, as a better protected one may take the others.
    """
    parts, places, which = [], [], np.empty(len(hashes), np.int64)
    count = 0
    for low, high in ((0, n_safe), (n_safe, len(hashes))):
        distinct, first, members, starts = collapsed(hashes[low:high])
        by_rank = np.argsort(first, kind="stable")
        parts.append(distinct[by_rank])
        places.append(first[by_rank] + low)
        number = np.empty(len(first), np.int64)
        number[by_rank] = np.arange(len(first)) + count
        which[members + low] = np.repeat(number, np.diff(starts))
        count += len(first)
    return np.ascontiguousarray(np.concatenate(parts)), np.concatenate(places), which


def _compiled(module: Any, rows: Hashes, radius: int, safe: Bools) -> tuple[Ints, Ints]:
    plan = plan_of(rows, radius, COMPILED)
    keys, orders, starts, flips = _buckets(plan, safe)
    keeper, far = np.full(len(rows), -1, np.int64), np.zeros(len(rows), np.int64)
    bounds = np.cumsum([0, *(len(f) for f in flips)])
    table = np.ascontiguousarray(plan.words)
    module.cover(
        table, table[orders], keys, orders, starts[:, :-1].copy(), starts[:, 1:].copy(),
        np.concatenate(flips), bounds, radius, safe, keeper, far,
    )  # fmt: skip
    return keeper, far


def _buckets(plan: Plan, safe: Bools) -> tuple[npt.NDArray[np.uint16], Ints, Ints, list[Ints]]:
    """Return, by band, keys and rows that may fall, where each key starts, and its flips."""
    may = np.flatnonzero(~safe)
    if not plan.reaches:
        none = np.zeros((1, plan.n), np.uint16)
        return none, may[None].copy(), np.array([[0, len(may)]]), [np.zeros(1, np.int64)]
    bands = range(len(plan.reaches))
    keys = np.stack([plan.keys(band) for band in bands])
    orders = np.stack([may[np.argsort(keys[band][may], kind="stable")] for band in bands])
    counts = [np.bincount(keys[band][may], minlength=1 << KEY_BITS) for band in bands]
    starts = np.stack([np.concatenate([[0], np.cumsum(count)]) for count in counts])
    return keys, orders, starts, [masks(reach).astype(np.int64) for reach in plan.reaches]


def _plain(
    rows: Hashes, radius: int, safe: Bools, block: int, most: int
) -> tuple[Ints, Ints]:
    """Settle rows best first, a block of questions at a time."""
    keeper, far = np.full(len(rows), -1, np.int64), np.zeros(len(rows), np.int64)
    index = HammingIndex(rows[:, 0].copy(), radius) if rows.shape[1] == 1 else None
    at = 0
    while at < len(rows):
        asked = at + np.flatnonzero(keeper[at : at + block * 8] < 0)[:block]
        if not len(asked):
            at += block * 8
            continue
        found = None if index is None else index.neighbours(asked, most)
        while found is None and len(asked) > 1:
            asked = asked[: max(1, len(asked) // 8)]
            found = None if index is None else index.neighbours(asked, most)
        query, other = found if found is not None else _scan(rows, asked, radius)
        order = np.argsort(query, kind="stable")
        other = other[order]
        edges = np.searchsorted(query[order], np.arange(len(asked) + 1))
        for i, row in enumerate(asked.tolist()):
            if keeper[row] >= 0:
                continue
            keeper[row] = row
            near = other[edges[i] : edges[i + 1]]
            near = near[(keeper[near] < 0) & ~safe[near]]
            keeper[near] = row
            far[near] = np.bitwise_count(rows[near] ^ rows[row]).sum(axis=1, dtype=np.int64)
        at = int(asked[-1]) + 1
    return keeper, far


def _scan(rows: Hashes, asked: Ints, radius: int) -> tuple[Ints, Ints]:
    bits = np.bitwise_count(rows ^ rows[asked[0]]).sum(axis=1, dtype=np.uint16)
    other = np.flatnonzero(bits <= radius)
    return np.zeros(len(other), np.int64), other
