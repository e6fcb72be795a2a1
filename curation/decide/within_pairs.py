"""The pairs of `Within`, of all videos: compiled where there is much to compare, else by numpy."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from curation.decide.columns import Ints
from curation.decide.likeness import LEAST_JOINTS
from curation.decide.near import TooManyPairs
from curation.decide.near_engine import Engine
from curation.decide.within import CHUNK, Within

MUCH = 4_000_000
"""Pairs to compare from which the compiler is worth loading (half a second)."""
_ROOM = 1 << 18


def pairs_of_videos(within: Within, most: int, engine: Engine = "auto") -> tuple[Ints, Ints]:
    """Return all pairs of frames that `within` finds alike, each once.

    Args:
        most: refuse to hold more pairs than this.
        engine: "numba" or "numpy" where it must be that one. Both go by the same limits; they
            add up in another order, so a pair may fall to either side of one by rounding.

    Raises:
        TooManyPairs: when there are more than `most`.
    """
    sizes = np.diff(within.starts)
    reach = (within.reach + 1) * CHUNK
    much = int((sizes * np.minimum(sizes, reach)).sum()) // 2 > MUCH
    module = kernels() if engine == "numba" or (engine == "auto" and much) else None
    if engine == "numba" and module is None:
        import_module("curation.decide.within_kernels")
    return _listed(within, most) if module is None else _compiled(module, within, most)


@cache
def kernels() -> Any:
    """Return the compiled module, None where numba is missing or broken."""
    try:
        return import_module("curation.decide.within_kernels")
    except Exception:  # whatever a broken installation of a compiler raises; numpy answers too
        return None


def _listed(within: Within, most: int) -> tuple[Ints, Ints]:
    alive = np.ones(len(within.number), np.bool_)
    ones, others, count = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], 0
    for low, high in zip(within.starts[:-1].tolist(), within.starts[1:].tolist(), strict=True):
        for at in range(low, high, CHUNK):
            block = within.by_video[at : min(at + CHUNK, high)]
            found = within.neighbours(block, alive, None)
            if found is None:
                continue
            one, other = block[found[0]], found[1]
            good = one < other
            ones.append(one[good])
            others.append(other[good])
            count += len(ones[-1])
            if count > most:
                raise TooManyPairs(f"more than {most:,} pairs of one subject")
    return np.concatenate(ones), np.concatenate(others)


def _compiled(module: Any, within: Within, most: int) -> tuple[Ints, Ints]:
    likeness, params = within.likeness, within.params
    limits = np.array([
        params.near_expression**2 * likeness.expression.width, params.near_head,
        1 - params.near_pose**2,
    ])
    bits = np.array([params.near_hash, params.burst_hash, LEAST_JOINTS, CHUNK, within.reach])
    traits = (
        likeness.has_look, likeness.look.every, likeness.look.rows,
        likeness.least_look.astype(np.float32), likeness.has_expression,
        likeness.expression.every, likeness.expression.rows, likeness.has_head, likeness.head_deg,
        likeness.seen, likeness.points,
    )
    one, other = np.empty((2, _ROOM), np.int32)
    ones, others, count = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], 0
    for low, high in zip(within.starts[:-1].tolist(), within.starts[1:].tolist(), strict=True):
        members = within.by_video[low:high]
        if not within.judged[members[:1]].any():
            continue
        first, second = 0, 1
        while first < len(members) - 1:
            found, first, second = module.video_pairs(
                members, within.phash, within.hashed, within.segment, bits, limits, *traits,
                first, second, one, other,
            )
            ones.append(members[one[:found]])
            others.append(members[other[:found]])
            count += found
            if count > most:
                raise TooManyPairs(f"more than {most:,} pairs of one subject")
    return np.concatenate(ones), np.concatenate(others)
