"""From a head's numbers to what people read: the probability that they would keep a frame."""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, sqrt

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MIDDLE, SPREAD = 3.0, 1.25
"""Stars that a rating of 0 stands for, and stars a unit."""
KEEP = 3.5
"""Stars from which a frame counts as one to keep."""
TRUST = 60.0
"""Ratings at which the learned calibration weighs as much as the assumed one."""
LEAST = 20

_GRID = np.linspace(-8, 8, 4097)
_NORMAL = np.array([0.5 * (1 + erf(z / sqrt(2))) for z in _GRID])


def rating_of(stars: npt.ArrayLike) -> Floats:
    """Return stars as ratings of spread about 1."""
    return np.asarray((np.asarray(stars, np.float64) - MIDDLE) / SPREAD)


def stars_of(rating: npt.ArrayLike) -> Floats:
    """Return ratings as stars, 1..5, not rounded."""
    return np.asarray(np.clip(np.asarray(rating, np.float64) * SPREAD + MIDDLE, 1, 5))


def assumed(expected: Floats, doubt: Floats, noise: float) -> Floats:
    """Return (n,) the probability that a rating lies above KEEP, if ratings were normal.

    Args:
        expected, doubt: (n,) means and standard deviations of what frames are worth.
        noise: variance of one rating.
    """
    at = (expected - float(rating_of(KEEP))) / np.sqrt(doubt**2 + noise)
    return np.asarray(np.interp(at, _GRID, _NORMAL))


@dataclass(frozen=True, slots=True)
class Calibration:
    """What an assumed probability turned out to be, on frames that were left out.

    Attributes:
        assumed, found: (k,) rising knots, 0..1; none changes nothing.
        share: 0..1, how much of the answer is what was found.
    """

    assumed: Floats
    found: Floats
    share: float

    @staticmethod
    def none() -> Calibration:
        """Return one that changes nothing."""
        return Calibration(np.zeros(0), np.zeros(0), 0.0)

    @staticmethod
    def learn(p: Floats, kept: Floats, trust: Floats) -> Calibration:
        """Learn by isotonic regression (pool adjacent violators, Ayer et al. 1955).

        Args:
            p: (n,) assumed probabilities of ratings that were not learned from.
            kept: (n,) 1 where the person kept the frame, 0 where not, 0.5 undecided.
            trust: (n,) weights of the ratings.
        """
        if len(p) < LEAST:
            return Calibration.none()
        order = np.argsort(p, kind="stable")
        blocks: list[list[float]] = []  # weight, sum of p, sum of kept
        for row in order.tolist():
            blocks.append([trust[row], trust[row] * p[row], trust[row] * kept[row]])
            while len(blocks) > 1 and (
                blocks[-2][2] * blocks[-1][0] >= blocks[-1][2] * blocks[-2][0]
            ):
                last = blocks.pop()
                blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
        made = np.array(blocks)
        share = float(len(p) / (len(p) + TRUST))
        return Calibration(made[:, 1] / made[:, 0], made[:, 2] / made[:, 0], share)

    def __call__(self, p: Floats) -> Floats:
        """Return (n,) calibrated probabilities; they rise where p rises."""
        if not len(self.assumed):
            return p
        return np.asarray(self.share * np.interp(p, self.assumed, self.found)
                          + (1 - self.share) * p)
