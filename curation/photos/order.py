"""The order of a folder's pictures, and places in it that stay when others come between."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from curation.sources import natural

GAP = 1 << 20
"""Between neighbours of a new folder: room for pictures that come later."""

SCENE_S = 20.0
"""Pictures taken further apart than this belong to different scenes."""


def sort_key(name: str, taken_s: float | None) -> tuple[bool, float, list[tuple[int, int | str]]]:
    """Return what pictures are sorted by: the time taken, then the name; those without last."""
    return taken_s is None, taken_s or 0.0, natural(Path(name))


def places(given: Sequence[int | None]) -> list[int]:
    """Return a rising place for each picture, in order, keeping those that have one.

    Where there is no room left, or the given ones do not rise, all are dealt anew, GAP apart.
    """
    kept = [place for place in given if place is not None]
    if kept and all(a < b for a, b in pairwise(kept)):
        found = _filled(given)
        if found[0] >= 0 and all(a < b for a, b in pairwise(found)):
            return found
    return [n * GAP for n in range(1, len(given) + 1)]


def _filled(given: Sequence[int | None]) -> list[int]:
    found: list[int] = []
    low, at = 0, 0
    while at < len(given):
        end = next((i for i in range(at, len(given)) if given[i] is not None), len(given))
        high = given[end] if end < len(given) else None
        count = end - at
        if high is None:
            found += [low + GAP * n for n in range(1, count + 1)]
            break
        found += [low + (high - low) * n // (count + 1) for n in range(1, count + 1)]
        found.append(high)
        low, at = high, end + 1
    return found


def times_s(taken_s: Sequence[float | None]) -> list[float]:
    """Return seconds since the first picture; those without a time stand a second apart."""
    known = [time for time in taken_s if time is not None]
    last, found = -1.0, []
    for time in taken_s:
        last = last + 1.0 if time is None else time - known[0]
        found.append(last)
    return found


def scenes(taken_s: Sequence[float | None]) -> list[tuple[int, int]]:
    """Return first and last index of each run of pictures taken within SCENE_S of the one before.

    A picture without a time is a scene of its own.
    """
    if not taken_s:
        return []
    starts = [0]
    for i, (before, now) in enumerate(pairwise(taken_s), start=1):
        if before is None or now is None or now - before > SCENE_S:
            starts.append(i)
    return list(zip(starts, [*(start - 1 for start in starts[1:]), len(taken_s) - 1], strict=True))
