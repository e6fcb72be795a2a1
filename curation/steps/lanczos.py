"""Pillow's LANCZOS reduction to a few pixels, bit for bit, in a quarter of its time.

Pillow works with whole numbers (libImaging/Resample.c): weights of 22 bits, sums shifted down and
cut to 0..255. Here the sums over a row are one product of matrices in float32; where such a sum
lies too near to a step for its precision, it is taken again in whole numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

BITS = 22
LOBES = 3.0
MIDDLE = 128
"""Taken off the pixels, so that float32 has smaller numbers to sum."""
ERROR_PER_PIXEL = 1e-5
"""Bound of a sum's error per pixel of a row: 2^-24 * 128 * the sum of the weights' sizes (1.3)."""


def reduced(grey: Grey, sizes_wh: Sequence[tuple[int, int]]) -> list[Grey]:
    """Return Image.resize(size, LANCZOS) of a picture (h, w) uint8 for each size."""
    return stacked(rows(grey, sizes_wh), sizes_wh)


def rows(grey: Grey, sizes_wh: Sequence[tuple[int, int]]) -> Grey:
    """Return a picture, or some rows of it, with each row reduced to each width, side by side."""
    n = grey.shape[1]
    exact, rough, offset = _tables(n, tuple(w for w, _ in sizes_wh))
    sums = (grey.astype(np.float32) - MIDDLE) @ rough + offset
    whole = np.floor(sums)
    share = sums - whole
    unsure = max(1e-3, ERROR_PER_PIXEL * n)
    out: Grey = np.clip(whole, 0, 255).astype(np.uint8)
    r, c = np.nonzero((share < unsure) | (share > 1 - unsure))
    if len(r):
        out[r, c] = _shifted(np.einsum("ij,ij->i", grey[r].astype(np.int64), exact[c]))
    return out


def stacked(reduced_rows: Grey, sizes_wh: Sequence[tuple[int, int]]) -> list[Grey]:
    """Return the pictures of each size from all rows, as `rows` gave them."""
    ends = np.cumsum([w for w, _ in sizes_wh])[:-1]
    return [
        # Whole numbers under 2^53, so that the product in float64 is exact.
        _shifted((_weights(len(part), tall).astype(np.float64) @ part).astype(np.int64))
        for (_, tall), part in zip(sizes_wh, np.split(reduced_rows, ends, axis=1), strict=True)
    ]


def _shifted(sums: Ints) -> Grey:
    whole: Ints = (sums + (1 << (BITS - 1))) >> BITS
    return np.clip(whole, 0, 255).astype(np.uint8)


@lru_cache(maxsize=8)
def _tables(n: int, wides: tuple[int, ...]) -> tuple[Ints, Floats, Floats]:
    """Return weights (sum of wides, n) as whole numbers, (n, sum of wides) as shares, offsets."""
    exact = np.concatenate([_weights(n, wide) for wide in wides])
    rough = np.ascontiguousarray((exact.T / (1 << BITS)).astype(np.float32))
    offset = MIDDLE * exact.sum(axis=1) / (1 << BITS) + 0.5
    return exact, rough, offset.astype(np.float32)


@lru_cache(maxsize=32)
def _weights(n: int, m: int) -> Ints:
    """Return Pillow's weights (m, n) for n pixels reduced, or enlarged, to m."""
    scale = n / m
    wider = max(scale, 1.0)
    reach = LOBES * wider
    found = np.zeros((m, n), np.int64)
    for i in range(m):
        middle = (i + 0.5) * scale
        low, high = max(int(middle - reach + 0.5), 0), min(int(middle + reach + 0.5), n)
        taps = [_lanczos((j + low - middle + 0.5) * (1 / wider)) for j in range(high - low)]
        total = 0.0
        for tap in taps:
            total += tap
        one = 1 << BITS
        found[i, low:high] = [
            int((-0.5 if tap < 0 else 0.5) + tap * (1 / total) * one) for tap in taps
        ]
    return found


def _lanczos(x: float) -> float:
    return _sinc(x) * _sinc(x / LOBES) if -LOBES <= x < LOBES else 0.0


def _sinc(x: float) -> float:
    return 1.0 if x == 0 else math.sin(x * math.pi) / (x * math.pi)
