"""Pairs of one video compared by compiled code; imported by `within_pairs` alone.

What `Within._compare` does by matrices is done here pair by pair, the cheapest question first:
most pairs differ by the angle of the head, and nothing else of them is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

import numpy as np

from curation.decide.near_kernels import _ones

_F = TypeVar("_F", bound=Callable[..., Any])
_numba: Any = import_module("numba")
_SUMS = {"reassoc", "nsz", "contract"}
"""What lets the compiler add eight products at once; nothing that treats NaN as a number."""


def _compiled(function: _F) -> _F:
    """Return the compiled function, kept on disk where a place for that is writable."""
    try:
        return _numba.njit(cache=True, nogil=True, fastmath=_SUMS)(function)  # type: ignore[no-any-return]
    except (RuntimeError, OSError):  # a read-only installation and home: compile each time
        return _numba.njit(nogil=True, fastmath=_SUMS)(function)  # type: ignore[no-any-return]


@_compiled
def _turned(one: Any, other: Any, limit: float) -> bool:
    """Return whether two heads, three angles each, lie further apart than the limit."""
    for axis in range(3):
        turn = abs(one[axis] - other[axis])
        if turn > limit and turn < 360 - limit:
            return True
    return False


@_compiled
def _square(one: Any, other: Any) -> Any:
    """Return the squared distance of two vectors."""
    total = np.float32(0)
    for at in range(len(one)):
        apart = one[at] - other[at]
        total += apart * apart
    return total


@_compiled
def _product(one: Any, other: Any) -> Any:
    """Return the dot product of two vectors."""
    total = np.float32(0)
    for at in range(len(one)):
        total += one[at] * other[at]
    return total


@_compiled
def _joints(seen: Any, there: Any) -> Any:
    """Return how many joints are seen in both."""
    count = np.float32(0)
    for joint in range(len(seen)):
        count += seen[joint] * there[joint]
    return count


@_compiled
def _moved(a: Any, b: Any, seen: Any, there: Any, count: Any, least: float) -> bool:
    """Return whether figures still lie apart after the best shift and zoom (see Likeness)."""
    spread_a, spread_b, common = 0.0, 0.0, 0.0
    for axis in range(2):
        sum_a, sum_b, square_a, square_b, both = 0.0, 0.0, 0.0, 0.0, 0.0
        for joint in range(len(seen)):
            weight = seen[joint] * there[joint]
            x, y = weight * a[joint, axis], weight * b[joint, axis]
            sum_a += x
            sum_b += y
            square_a += x * x
            square_b += y * y
            both += x * y
        spread_a += square_a - sum_a * sum_a / count
        spread_b += square_b - sum_b * sum_b / count
        common += both - sum_a * sum_b / count
    return common <= 0 or common * common < least * max(spread_a * spread_b, 0.0)


@_compiled
def video_pairs(
    members: Any, phash: Any, hashed: Any, segment: Any, bits: Any, limits: Any,
    has_look: Any, look: Any, look_row: Any, least_look: Any,
    has_expression: Any, expression: Any, expression_row: Any,
    has_head: Any, head: Any, seen: Any, points: Any,
    first: int, second: int, one: Any, other: Any,
) -> tuple[int, int, int]:
    """Write pairs of places in `members` that are alike, from the pair (first, second) on.

    Args:
        members: (k,) rows of a video's frames in order of time; the traits are by row.
        look_row, expression_row: where in `look` and `expression` each row's vector is.
        bits: near_hash, burst_hash, least joints, chunk, reach in chunks.
        limits: squared distance of expressions, degrees of heads, share of poses.
        one, other: room for the answer.

    Returns:
        how many were written, and the pair to go on from; first is k - 1 or more when all is done.
    """
    count, k = 0, len(members)
    near, burst, joints, chunk, reach = bits[0], bits[1], bits[2], bits[3], bits[4]
    while first < k - 1:
        a = members[first]
        end = min(k, (first // chunk + reach + 1) * chunk)
        while second < end:
            if count == len(one):
                return count, first, second
            b = members[second]
            place = second
            second += 1
            close = False
            if hashed[a] and hashed[b]:
                apart = _ones(phash[a] ^ phash[b])
                close = apart <= near or (apart <= burst and segment[a] == segment[b])
            if not close and not (has_look[a] and has_look[b]):
                continue
            known = False
            if has_head[a] and has_head[b]:
                if _turned(head[a], head[b], limits[1]):
                    continue
                known = True
            # A look costs less than an expression and a pose; where it settles nothing, they do.
            if not close and _product(look[look_row[a]], look[look_row[b]]) < least_look[a]:
                continue
            if has_expression[a] and has_expression[b]:
                changed = _square(expression[expression_row[a]], expression[expression_row[b]])
                if changed > limits[0]:
                    continue
                known = True
            shared = _joints(seen[a], seen[b])
            if shared >= joints:
                if _moved(points[a], points[b], seen[a], seen[b], shared, limits[2]):
                    continue
                known = True
            if known or close:
                one[count] = first
                other[count] = place
                count += 1
        first += 1
        second = first + 1
    return count, first, second
