"""The head that learns somebody's taste from a few ratings: Bayesian ridge regression.

A rating is y = x.w + noise. Before any rating w is normal around the declared weights; after them
it is normal again (Bishop 2006, "Pattern Recognition and Machine Learning", 3.3), so that every
prediction has its doubt. How far weights may stray from the declared ones and how noisy a person
rates is not tuned: all of a small grid is tried, each counts by its evidence (3.5), and the
mixture is summed up by its mean and covariance. Frames are not needed again once a head is made:
later ratings update it (`update`), and the outcome is the same as if all had come at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DECLARED, LEVEL, MEASURE, LOOK, POSE, SESSION = range(6)
"""Kinds of features: the declared score, the level of all and of each pool, technical measures,
principal components of how frames look, pose terms of each pool, who rated when."""

TRUST = 0.5
"""How far ratings follow the declared score before anybody rated: the prior mean of its weight,
where score and ratings have spread 1."""
VARIANCES = {DECLARED: 0.09, LEVEL: 0.25, SESSION: 0.06}
"""Prior variances that are not tried: of the declared score, of levels, of a rater's mood."""
MEASURE_VARIANCES = (0.01, 0.03, 0.1)
LOOK_VARIANCES = (0.01, 0.03, 0.1)
NOISES = (0.08, 0.2, 0.45)
OWN_SCALES = (0.0, 1.0)
"""What is tried: variances of the weights of measures and pose, of looks, and of ratings; and
whether components of looks count alike, or as far as the network itself spreads them, which is
what ridge regression on its vectors would believe."""


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of the weights of p features.

    Attributes:
        mean: (p,).
        covariance: (p, p).
        noise: variance of one whole rating.
    """

    mean: Floats
    covariance: Floats
    noise: float

    def predict(self, x: npt.NDArray[np.floating]) -> tuple[Floats, Floats]:
        """Return (n,) expected ratings in their unit and (n,) standard deviations of those.

        Args:
            x: (n, p) features.
        """
        values, vectors = np.linalg.eigh(self.covariance)
        root = (vectors * np.sqrt(np.maximum(values, 0))).astype(x.dtype)
        expected = np.asarray(x @ self.mean.astype(x.dtype), np.float64)
        spread = x @ root
        return expected, np.sqrt(np.einsum("ij,ij->i", spread, spread)).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed of p features before any rating.

    Attributes:
        kinds: (p,) see above.
        own: (p,) variance of each in the scale of the network it comes from, 1 in the mean of
            looks; 1 for features of other kinds.
    """

    kinds: tuple[int, ...]
    own: tuple[float, ...]

    def head(self) -> Head:
        """Return the declared score, with doubt."""
        kind = np.asarray(self.kinds)
        mean = np.where(kind == DECLARED, TRUST, 0.0)
        middle = self.variances(MEASURE_VARIANCES[1], LOOK_VARIANCES[1], OWN_SCALES[0])
        return Head(mean, np.diag(middle), NOISES[1])

    def variances(self, measure: float, look: float, own_scale: float) -> Floats:
        """Return the (p,) variances of weights."""
        of_kind = {**VARIANCES, MEASURE: measure, POSE: measure, LOOK: look}
        same = np.array([of_kind[kind] for kind in self.kinds])
        return np.asarray(same * np.asarray(self.own) ** own_scale)

    def beside(self, more: int) -> Prior:
        """Return the same with the moods of `more` sessions behind."""
        return Prior((*self.kinds, *[SESSION] * more), (*self.own, *[1.0] * more))


def fit(x: Floats, y: Floats, trust: Floats, prior: Prior) -> Head:
    """Learn from ratings, starting from the declared weights.

    Args:
        x: (n, p) features of the rated frames.
        y: (n,) ratings, spread about 1.
        trust: (n,) how much of a whole rating each counts, above 0.
        prior: of the p features.

    Raises:
        ValueError: shapes disagree, or a number is not finite.
    """
    _check(x, y, trust)
    first = prior.head()
    if not len(y):
        return first
    rest = y - x @ first.mean
    gram, pull, size = (x.T * trust) @ x, x.T @ (trust * rest), float(trust @ rest**2)
    tried = list(product(MEASURE_VARIANCES, LOOK_VARIANCES, OWN_SCALES, NOISES))
    variances = np.stack([prior.variances(*one) for *one, _ in tried])
    noises = np.array([noise for *_, noise in tried])
    precision = gram[None] / noises[:, None, None]
    diagonal = np.arange(x.shape[1])
    precision[:, diagonal, diagonal] += 1 / variances
    covariance = np.linalg.inv(precision)
    mean = np.einsum("gij,j->gi", covariance, pull) / noises[:, None]
    _, volume = np.linalg.slogdet(precision)
    evidence = -0.5 * (
        len(y) * np.log(noises) - np.log(trust).sum() + np.log(variances).sum(1) + volume
        + size / noises - np.einsum("gi,i->g", mean, pull) / noises
    )
    share = np.exp(evidence - evidence.max())
    share /= share.sum()
    middle = share @ mean
    apart = mean - middle
    spread = np.einsum("g,gij->ij", share, covariance) + (apart.T * share) @ apart
    return Head(first.mean + middle, (spread + spread.T) / 2, float(share @ noises))


def update(head: Head, x: Floats, y: Floats, trust: Floats) -> Head:
    """Return a head after more ratings, as `fit` takes them.

    Raises:
        ValueError: shapes disagree, or a number is not finite.
    """
    _check(x, y, trust)
    if not len(y):
        return head
    if x.shape[1] != len(head.mean):
        raise ValueError(f"{x.shape[1]} features, the head knows {len(head.mean)}")
    # In the space of ratings (Kalman's gain): exact however narrow the head is.
    reach = x @ head.covariance
    among = reach @ x.T + np.diag(head.noise / trust)
    gain = np.linalg.solve(among, reach).T
    covariance = head.covariance - gain @ reach
    mean = head.mean + gain @ (y - x @ head.mean)
    return Head(mean, (covariance + covariance.T) / 2, head.noise)


def _check(x: Floats, y: Floats, trust: Floats) -> None:
    if x.ndim != 2 or y.shape != (len(x),) or trust.shape != y.shape:
        raise ValueError(f"features {x.shape}, ratings {y.shape} and trust {trust.shape} disagree")
    if not (np.isfinite(x).all() and np.isfinite(y).all() and (trust > 0).all()):
        raise ValueError("features and ratings must be finite, trust above 0")
