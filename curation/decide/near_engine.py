"""Which engine searches: compiled code where there is much to do and numba can be had."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from curation.decide.near_bands import COMPILED, KEY_BITS, PLAIN, Ints, Plan, masks, plan_of
from curation.decide.near_numpy import numpy_chunks

Engine = Literal["auto", "numba", "numpy"]
Chunk = tuple[Ints, Ints, npt.NDArray[Any]]

FEW = 10_000
"""Hashes up to which numpy is done before numba is loaded (half a second)."""


@cache
def kernels() -> Any:
    """Return the compiled module, None where numba is missing or broken."""
    try:
        return import_module("curation.decide.near_kernels")
    except Exception:  # whatever a broken installation of a compiler raises; numpy answers too
        return None


def module_for(engine: Engine, n: int) -> Any:
    """Return the compiled module for a set of n hashes, None where numpy is to search.

    Raises:
        ModuleNotFoundError: engine "numba" without numba.
        ValueError: for an engine that there is not.
    """
    if engine not in ("auto", "numba", "numpy"):
        raise ValueError(f"there is no engine {engine!r}: auto, numba or numpy")
    if engine == "numba":
        import_module("curation.decide.near_kernels")
    few = engine == "auto" and n <= FEW
    return None if engine == "numpy" or few else kernels()


def chunks(
    words: npt.NDArray[np.uint64], radius: int, engine: Engine, chunk: int
) -> Iterator[Chunk]:
    """Yield (one, other, distance) of pairs of rows within the radius, each once, one < other.

    Args:
        words: (m, words) distinct hashes.

    Raises:
        ModuleNotFoundError: engine "numba" without numba.
    """
    module = module_for(engine, len(words))
    if module is None:
        yield from numpy_chunks(plan_of(words, radius, PLAIN), chunk)
    else:
        yield from _compiled_chunks(module, plan_of(words, radius, COMPILED), chunk)


def _compiled_chunks(module: Any, plan: Plan, chunk: int) -> Iterator[Chunk]:
    dtype = np.uint8 if plan.words.shape[1] == 1 else np.uint16
    room = max(chunk, plan.n)
    one, other = np.empty((2, room), np.int64)
    distance = np.empty(room, dtype)
    reaches = np.array(plan.reaches, np.int64)
    buffer = np.empty((plan.words.shape[1], plan.n), np.uint64)
    rows = np.empty(buffer.shape[1], np.int64)
    for band in range(max(1, len(plan.reaches))):
        table, order, starts, flips = _sorted(plan, band)
        key, place = 0, 0
        while key < len(starts) - 1:
            found, key, place = module.band_pairs(
                table, order, starts, flips, plan.radius, band, reaches, buffer, rows,
                key, place, one, other, distance,
            )  # fmt: skip
            if found:
                yield one[:found].copy(), other[:found].copy(), distance[:found].copy()


def _sorted(
    plan: Plan, band: int
) -> tuple[npt.NDArray[np.uint64], Ints, Ints, Ints]:
    """Return a band's table, order, starts and masks; one bucket of all where none is planned."""
    if not plan.reaches:
        table = np.ascontiguousarray(plan.words.T)
        return table, np.arange(plan.n), np.array([0, plan.n]), np.zeros(1, np.int64)
    keys = plan.keys(band)
    order = np.argsort(keys, kind="stable").astype(np.int64)
    starts = np.zeros((1 << KEY_BITS) + 1, np.int64)
    np.cumsum(np.bincount(keys, minlength=1 << KEY_BITS), out=starts[1:])
    table = np.ascontiguousarray(plan.words[order].T)
    return table, order, starts, masks(plan.reaches[band]).astype(np.int64)
