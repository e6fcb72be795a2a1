"""Which frames a person should rate next."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from curation.learn.taste_model import Head

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

UNCERTAIN, RANDOM = "uncertain", "random"
RANDOM_EVERY = 3
"""One of so many proposals is drawn by chance: on those, and only on those, accuracy is honest."""
MOST = 3000
"""Frames that are looked at for a choice; of more, so many drawn by chance."""


def choose(
    head: Head, x: npt.NDArray[np.floating], free: Rows, count: int, rng: np.random.Generator,
    already: int = 0,
) -> list[tuple[int, str]]:
    """Return frames to rate, each with why it is asked about.

    Two of three are those that would most lower the doubt about all frames (V-optimal design,
    Cohn 1996, "Neural network exploration using optimal experiment design"): each is chosen as
    if those before it were rated already, so that they are diverse.

    Args:
        head: what is known so far.
        x: (n, p) features of all frames that count.
        free: rows of x that may be asked about.
        count: how many, at most as many as are free.
        already: proposals made before, so that every third of all is random.
    """
    left = np.array(free if len(free) <= MOST else rng.choice(free, MOST, replace=False))
    everybody = x if len(x) <= MOST else x[rng.choice(len(x), MOST, replace=False)]
    known = np.asarray(everybody, np.float64)
    moment = known.T @ known / max(len(known), 1)
    covariance = head.covariance.copy()
    chosen: list[tuple[int, str]] = []
    for number in range(already, already + min(count, len(left))):
        by_chance = number % RANDOM_EVERY == RANDOM_EVERY - 1
        mine = np.asarray(x[left], np.float64)
        if by_chance:
            at = int(rng.integers(len(left)))
        else:
            reach = mine @ covariance
            doubt = np.einsum("ij,ij->i", reach, mine)
            gain = np.einsum("ij,jk,ik->i", reach, moment, reach, optimize=True)
            at = int(np.argmax(gain / (doubt + head.noise)))
        one = mine[at] @ covariance
        covariance -= np.outer(one, one) / (one @ mine[at] + head.noise)
        chosen.append((int(left[at]), RANDOM if by_chance else UNCERTAIN))
        left = np.delete(left, at)
    return chosen
