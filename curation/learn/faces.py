"""A user's own correction of the false-face filter, learned from a few marks.

The shipped filter keeps its word: what is learned is an addition to its log-odds, nought until a
mark says otherwise, and large only for faces that look like a marked one. Face codes
(curation/steps/falseface.py) are unit vectors in which unlike faces are nearly at right angles;
two faces share what was learned by the square of their cosine. So marks on one statue turn that
statue's other frames and leave everybody else alone: on 25 clips two marks turned 85 % of a
clip's other faces and 1 % of the faces of the others, where weights on the code itself turned 3 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PRIOR_STRENGTH = 1 / 64
"""One over the variance that the log-odds of a face may have around the shipped ones. At this
strength one mark moves a face from log-odds of -4 to about 2."""
BIAS_VARIANCE = 0.3
"""Variance of the part that all faces share: what is thought of the filter as a whole."""
LARGEST_LOGIT = 6.0
"""The filter is taken to be no surer than this: a mark must be able to turn any face."""
ROUNDS = 60
SETTLED = 1e-6


@dataclass(frozen=True, slots=True)
class FaceHead:
    """What marks taught: an addition to the shipped log-odds.

    Attributes:
        codes: (n, d) face codes of the marked faces.
        weights: (n,) how much each of them moves faces like it; above 0 towards "false".
        bias: what moves every face alike.
    """

    codes: Floats
    weights: Floats
    bias: float

    @property
    def marks(self) -> int:
        """Return how many marks it was learned from."""
        return len(self.weights)


def refit(
    codes: npt.ArrayLike,
    logits: npt.ArrayLike,
    false: npt.ArrayLike,
    prior_strength: float = PRIOR_STRENGTH,
) -> FaceHead:
    """Learn the correction that the marks ask for, and no more.

    The most probable function of a Gaussian process with logistic answers and the shipped
    log-odds as its mean (Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning",
    algorithm 3.1): the target is concave, so the answer is one, whatever the order of the marks.
    A quarter of a second for 500 marks on one core.

    Args:
        codes: (n, d) face codes of the marked faces, unit length.
        logits: (n,) shipped log-odds of "false" of the same faces.
        false: (n,) True where the mark says "not a real person".
        prior_strength: precision of the prior; larger trusts the shipped filter more.

    Raises:
        ValueError: shapes disagree, a number is not finite, or the prior is not positive.
    """
    x, offset = _checked(codes, logits)
    y = np.asarray(false, np.float64)
    if y.shape != offset.shape:
        raise ValueError(f"{len(offset)} faces, marks of shape {y.shape}")
    if not prior_strength > 0:
        raise ValueError(f"prior_strength must be above 0, got {prior_strength}")
    variance = 1 / prior_strength
    kernel = variance * _alike(x, x) + BIAS_VARIANCE
    weights = np.zeros(len(y))
    best = _worth(weights, kernel, offset, y)
    for _ in range(ROUNDS if len(y) else 0):
        step = _newton(weights, kernel, offset, y) - weights
        # Far from the answer a whole step of Newton's can overshoot.
        size = 1.0
        while (worth := _worth(weights + size * step, kernel, offset, y)) < best and size > SETTLED:
            size /= 2
        if worth - best < SETTLED:
            break
        weights, best = weights + size * step, worth
    return FaceHead(x.copy(), variance * weights, BIAS_VARIANCE * float(weights.sum()))


def apply(head: FaceHead, codes: npt.ArrayLike, logits: npt.ArrayLike) -> Floats:
    """Return the (n,) log-odds after the correction; a head with no marks changes none.

    Args:
        codes: (n, d) face codes, d as the head's.
        logits: (n,) shipped log-odds.

    Raises:
        ValueError: shapes disagree or a number is not finite.
    """
    x, bounded = _checked(codes, logits)
    if head.marks == 0:
        return np.array(logits, np.float64)
    if x.shape[1] != head.codes.shape[1]:
        raise ValueError(f"codes have {x.shape[1]} numbers, the head's have {head.codes.shape[1]}")
    return np.asarray(bounded + _alike(x, head.codes) @ head.weights + head.bias)


def _checked(codes: npt.ArrayLike, logits: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return codes and log-odds as arrays, the latter no surer than a mark can turn."""
    x, shipped = np.asarray(codes, np.float64), np.asarray(logits, np.float64)
    if x.ndim != 2 or shipped.shape != x.shape[:1]:
        raise ValueError(f"codes {x.shape} and logits {shipped.shape} disagree")
    if not (np.isfinite(x).all() and np.isfinite(shipped).all()):
        raise ValueError("codes and logits must be finite: leave faces without a verdict out")
    return x, np.clip(shipped, -LARGEST_LOGIT, LARGEST_LOGIT)


def _alike(a: Floats, b: Floats) -> Floats:
    """Return how much the faces of a share with those of b: the square of their cosine."""
    return np.asarray((a @ b.T) ** 2)


def _newton(weights: Floats, kernel: Floats, offset: Floats, y: Floats) -> Floats:
    """Return the weights after a whole Newton step (algorithm 3.1, lines 4 to 7)."""
    moved = kernel @ weights
    p = 0.5 * (1 + np.tanh((offset + moved) / 2))
    curve = p * (1 - p)
    root = np.sqrt(curve)
    target = curve * moved + y - p
    inner = np.eye(len(y)) + root[:, None] * kernel * root
    return np.asarray(target - root * np.linalg.solve(inner, root * (kernel @ target)))


def _worth(weights: Floats, kernel: Floats, offset: Floats, y: Floats) -> float:
    """Return the log posterior, up to a constant."""
    moved = kernel @ weights
    z = offset + moved
    return float((y * z - np.logaddexp(0, z)).sum() - weights @ moved / 2)
