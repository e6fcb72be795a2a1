"""The search compiled by numba; imported by `near_engine` alone, when there is enough to search.

The inner loops count first and look closer only where something was counted: a loop that counts
has no branch, so that the compiler compares eight hashes at once where the core can.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

_F = TypeVar("_F", bound=Callable[..., Any])
Words = npt.NDArray[np.uint64]
Longs = npt.NDArray[np.int64]

_BLOCK = 512
_FIVES, _THREES, _ONES = 0x5555555555555555, 0x3333333333333333, 0x0101010101010101
_LOW_HALVES = 0x0F0F0F0F0F0F0F0F
_numba: Any = import_module("numba")


def _compiled(function: _F) -> _F:
    """Return the compiled function, kept on disk where a place for that is writable."""
    try:
        return _numba.njit(cache=True, nogil=True)(function)  # type: ignore[no-any-return]
    except (RuntimeError, OSError):  # a read-only installation and home: compile each time
        return _numba.njit(nogil=True)(function)  # type: ignore[no-any-return]


@_compiled
def _ones(word: Any) -> Any:
    """Return the number of set bits of a uint64; the compiler knows this form."""
    word = word - ((word >> np.uint64(1)) & np.uint64(_FIVES))
    word = (word & np.uint64(_THREES)) + ((word >> np.uint64(2)) & np.uint64(_THREES))
    word = (word + (word >> np.uint64(4))) & np.uint64(_LOW_HALVES)
    return (word * np.uint64(_ONES)) >> np.uint64(56)


@_compiled
def _count(table: Words, low: int, high: int, query: Words, radius: int, apart: Any) -> int:
    """Return how many of table[:, low:high] are near; with several words, `apart` gets how far."""
    # Slices from zero: an index that might be negative would keep the loops from being unrolled.
    reach = np.uint64(radius)
    count = np.uint64(0)
    row = table[0, low:high]
    only = query[0]
    if table.shape[0] == 1:
        for at in range(len(row)):
            count += np.uint64(1) if _ones(only ^ row[at]) <= reach else np.uint64(0)
        return int(count)
    for at in range(len(row)):
        apart[at] = _ones(only ^ row[at])
    for word in range(1, table.shape[0]):
        row = table[word, low:high]
        more = query[word]
        for at in range(len(row)):
            apart[at] += _ones(more ^ row[at])
    for at in range(len(row)):
        count += np.uint64(1) if apart[at] <= reach else np.uint64(0)
    return int(count)


@_compiled
def _measure(row: Words, word: Any, apart: Any) -> None:
    """Write how far hashes of one word are."""
    for at in range(len(row)):
        apart[at] = _ones(word ^ row[at])


@_compiled
def _fresh(table: Words, at: int, query: Words, band: int, reaches: Longs) -> bool:
    """Return whether no band before this one brings the two together."""
    for before in range(band):
        differ = table[before >> 2, at] ^ query[before >> 2]
        key = (differ >> np.uint64(16 * (before & 3))) & np.uint64(0xFFFF)
        if np.int64(_ones(key)) <= reaches[before]:
            return False
    return True


@_compiled
def _emit(
    table: Words, rows: Longs, low: int, high: int, query: Words, row: int, radius: int,
    band: int, reaches: Longs, apart: Any, found: int, one: Longs, other: Longs, distance: Any,
) -> int:
    """Write the near ones of table[:, low:high] to the pairs; return how many pairs there are."""
    at = low
    reach = np.uint64(radius)
    while at < high:
        end = min(at + _BLOCK, high)
        if _count(table, at, end, query, radius, apart) > 0:
            if len(query) == 1:
                _measure(table[0, at:end], query[0], apart)
            for here in range(at, end):
                bits = apart[here - at]
                if bits <= reach and _fresh(table, here, query, band, reaches):
                    one[found] = min(row, rows[here])
                    other[found] = max(row, rows[here])
                    distance[found] = bits
                    found += 1
        at = end
    return found


@_compiled
def band_pairs(
    table: Words, order: Longs, starts: Longs, masks: Longs, radius: int, band: int,
    reaches: Longs, buffer: Words, buffer_rows: Longs,
    at_key: int, at_place: int, one: Longs, other: Longs, distance: Any,
) -> tuple[int, int, int]:
    """Write pairs that one band brings together until they fill the room for them.

    Args:
        table: (words, m) hashes sorted by their key in this band.
        order: (m,) their rows.
        starts: (keys + 1,) where each key begins.
        masks: flips of keys, the first of them none.
        radius, band, reaches: see near_bands.Plan.
        buffer, buffer_rows: room for m hashes and their rows.
        at_key, at_place: where to go on: the key, and the place in `table`.
        one, other, distance: room for at least m pairs.

    Returns:
        number of pairs written, the key and the place to go on from; the key after the last one
        when all is done.
    """
    keys = len(starts) - 1
    words = table.shape[0]
    apart = np.zeros(_BLOCK, np.uint64)
    query = np.zeros(words, np.uint64)
    reach = np.uint64(radius)
    found = 0
    for key in range(at_key, keys):
        low, high = starts[key], starts[key + 1]
        if low == high:
            continue
        # The bucket and all it is compared with are brought together once, then read in one go.
        size = 0
        for flip in range(len(masks)):
            there = key ^ masks[flip]
            if there < key:
                continue
            for at in range(starts[there], starts[there + 1]):
                for word in range(words):
                    buffer[word, size] = table[word, at]
                buffer_rows[size] = order[at]
                size += 1
        for place in range(max(low, at_place), high):
            begin = place - low + 1
            if found + size - begin > len(one):
                return found, key, place
            if words == 1:
                only = table[0, place]
                count = np.uint64(0)
                row = buffer[0, begin:size]
                for at in range(len(row)):
                    count += np.uint64(1) if _ones(only ^ row[at]) <= reach else np.uint64(0)
                if count == 0:
                    continue
            for word in range(words):
                query[word] = table[word, place]
            found = _emit(buffer, buffer_rows, begin, size, query, order[place], radius, band,
                          reaches, apart, found, one, other, distance)  # fmt: skip
    return found, keys, 0


@_compiled
def cover(
    table: Words, tables: Any, keys: Any, orders: Any, starts: Longs, ends: Longs, masks: Longs,
    mask_starts: Longs, radius: int, safe: Any, keeper: Longs, far: Longs,
) -> None:
    """Give each row, best first, the first one before it that stands and is near.

    Args:
        table: (m, words) hashes, best first.
        tables: (bands, may, words) hashes of `orders`: a bucket is read in one go.
        keys: (bands, m) key of each row.
        orders: (bands, may) rows that may fall, by key; those that fell or stand are taken out
            of large buckets on the way.
        starts, ends: (bands, keys) where each key begins and ends in it.
        masks, mask_starts: flips of keys, band after band.
        radius: bits.
        safe: (m,) bool: never falls, and is in no bucket.
        keeper, far: (m,) -1 and 0 at first: the keeper of each row and its distance.
    """
    words = table.shape[1]
    query = np.zeros(words, np.uint64)
    for row in range(len(table)):
        if keeper[row] >= 0:
            continue
        keeper[row] = row
        query[:] = table[row]
        for band in range(len(keys)):
            for flip in range(mask_starts[band], mask_starts[band + 1]):
                key = np.int64(keys[band, row]) ^ masks[flip]
                low, high = starts[band, key], ends[band, key]
                large = high - low > 64
                kept = low
                for at in range(low, high):
                    # Whether a row is settled is far away in memory: asked only where it pays.
                    if large and keeper[orders[band, at]] >= 0:
                        continue
                    bits = np.int64(0)
                    for word in range(words):
                        bits += np.int64(_ones(query[word] ^ tables[band, at, word]))
                    if bits <= radius and keeper[orders[band, at]] < 0:
                        keeper[orders[band, at]] = row
                        far[orders[band, at]] = bits
                    elif large:
                        orders[band, kept] = orders[band, at]
                        tables[band, kept] = tables[band, at]
                        kept += 1
                if large:
                    ends[band, key] = kept
