"""How well expected ratings agree with given ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from curation.learn.taste_read import stars_of

Floats = npt.NDArray[np.float64]

LEVELS = 5
TOP = 60
PAIRS = 20_000
BINS = 10


def ranks(values: Floats) -> Floats:
    """Return (n,) places from 0; equal values share the mean of theirs."""
    _, at, count = np.unique(values, return_inverse=True, return_counts=True)
    high = np.cumsum(count)
    return np.asarray((high - (count + 1) / 2)[at])


def spearman(a: Floats, b: Floats) -> float:
    """Return the rank correlation, -1..1; NaN where one of them does not vary."""
    if len(a) < 2:
        return float("nan")
    x, y = ranks(a), ranks(b)
    x, y = x - x.mean(), y - y.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size > 0 else float("nan")


def kappa(expected: Floats, stars: Floats) -> float:
    """Return the quadratically weighted kappa (Cohen 1968) of expected and given stars.

    Args:
        expected: (n,) ratings in the head's unit.
        stars: (n,) 1..5.
    """
    a = np.rint(stars_of(expected)).astype(int) - 1
    b = np.clip(np.rint(stars), 1, LEVELS).astype(int) - 1
    seen = np.zeros((LEVELS, LEVELS))
    np.add.at(seen, (a, b), 1.0)
    chance = np.outer(seen.sum(1), seen.sum(0)) / max(seen.sum(), 1)
    apart = (np.arange(LEVELS)[:, None] - np.arange(LEVELS)[None, :]) ** 2
    wrong = float((apart * chance).sum())
    return 1 - float((apart * seen).sum()) / wrong if wrong > 0 else float("nan")


def pairwise(expected: Floats, stars: Floats, seed: int = 0) -> float:
    """Return the share of random pairs of unlike stars that are put in their order."""
    if len(stars) < 2:
        return float("nan")
    rng = np.random.default_rng(seed)
    i, j = rng.integers(len(stars), size=(2, PAIRS))
    unlike = stars[i] != stars[j]
    if not unlike.any():
        return float("nan")
    way = (expected[i] - expected[j]) * (stars[i] - stars[j])
    return float(((way > 0) + 0.5 * (way == 0))[unlike].mean())


def ndcg(expected: Floats, stars: Floats, top: int = TOP) -> float:
    """Return the discounted gain of the best `top` (Jarvelin and Kekalainen 2002), 0..1."""
    gain = 2.0 ** (stars - 1) - 1
    k = min(top, len(gain))
    if not k or not gain.any():
        return float("nan")
    fall = 1 / np.log2(np.arange(k) + 2)
    got = gain[np.argsort(-expected, kind="stable")[:k]] @ fall
    return float(got / (np.sort(gain)[::-1][:k] @ fall))


def reliability(p: Floats, kept: Floats, trust: Floats) -> list[list[float]]:
    """Return [mean probability, share that was kept, frames] of bins of equally many frames."""
    return [
        [round(float(np.average(values[rows], weights=trust[rows])), 4) for values in (p, kept)]
        + [float(len(rows))]
        for rows in np.array_split(np.argsort(p, kind="stable"), min(BINS, max(len(p), 1)))
        if len(rows) and trust[rows].sum() > 0
    ]


def calibration_error(p: Floats, kept: Floats, trust: Floats) -> float:
    """Return the expected calibration error over BINS bins of equally many frames, 0..1."""
    if not len(p):
        return float("nan")
    total = 0.0
    for rows in np.array_split(np.argsort(p, kind="stable"), min(BINS, len(p))):
        weight = trust[rows].sum()
        gap = (trust[rows] @ p[rows] - trust[rows] @ kept[rows]) / max(weight, 1e-12)
        total += weight * abs(float(gap))
    return float(total / trust.sum())
