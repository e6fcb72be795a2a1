"""BRISQUE: how unnatural a picture's local contrasts are; about 0 good, 100 bad.

Mittal, Moorthy and Bovik 2012, "No-Reference Image Quality Assessment in the Spatial Domain": 18
numbers at full and at half size, of luma whose local mean and contrast are taken out and of the
products of neighbours, by moments (Lasmar, Stitou and Berthoumieu 2009); a support vector
regression that the authors trained on the LIVE set makes one number of them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from curation.errors import WeightsMissing

Floats = npt.NDArray[np.float64]
Luma = npt.NDArray[np.uint8]

KERNEL_PX, SIGMA_PX = 7, 7 / 6
LEAST_PX = 32
# Ranges of the 36 numbers over the training pictures; they belong to the regression.
LOWEST = np.array(
    """0.336999 0.019667 0.23 -0.125959 0.000167 0.000616 0.231 -0.125873 0.000165 0.0006 0.241
    -0.128814 0.000179 0.000386 0.243 -0.13308 0.000182 0.000421 0.436998 0.016929 0.247 -0.200231
    0.000104 0.000834 0.257 -0.200017 0.000112 0.000876 0.257 -0.155072 0.000112 0.000356 0.258
    -0.154374 0.000117 0.000351""".split(),
    np.float64,
)
HIGHEST = np.array(
    """9.999411 0.807472 1.644021 0.202917 0.712384 0.468672 1.644021 0.169548 0.713132 0.467896
    1.553016 0.101368 0.687324 0.533087 1.554016 0.101 0.689177 0.533133 3.639918 0.800955 1.096995
    0.175286 0.755547 0.39927 1.095995 0.155928 0.751488 0.402398 1.041992 0.093209 0.623516
    0.532925 1.042992 0.093714 0.621958 0.534484""".split(),
    np.float64,
)


class Regression:
    """The support vector regression, as libsvm stores it, with a radial kernel.

    Args:
        path: a libsvm model file of 36 inputs.

    Raises:
        WeightsMissing: when the file is something else.
    """

    def __init__(self, path: Path) -> None:
        try:
            head, _, body = path.read_text(encoding="ascii").partition("\nSV\n")
            said = dict(line.split(" ", 1) for line in head.splitlines())
            self.gamma, self.rho = float(said["gamma"]), float(said["rho"])
            lines = [line.split() for line in body.splitlines() if line]
            self.weights = np.array([float(words[0]) for words in lines])
            self.vectors = np.zeros((len(lines), len(LOWEST)))
            for row, words in zip(self.vectors, lines, strict=True):
                for word in words[1:]:
                    at, _, value = word.partition(":")
                    row[int(at) - 1] = float(value)
        except (OSError, ValueError, KeyError, IndexError) as error:
            raise WeightsMissing(f"{path} is no BRISQUE model: {error}") from error

    def __call__(self, features: Floats) -> float:
        """Return the score of 36 features."""
        scaled = 2 * (features - LOWEST) / (HIGHEST - LOWEST) - 1
        near = np.exp(-self.gamma * ((self.vectors - scaled) ** 2).sum(axis=1))
        return float(self.weights @ near - self.rho)


def features(luma: Luma) -> Floats | None:
    """Return the 36 numbers of a picture, None for one too small or too flat to have them."""
    if min(luma.shape) < LEAST_PX:
        return None
    whole = luma.astype(np.float32)
    half = cv2.resize(whole, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_CUBIC)
    found = [number for grey in (whole, half) for number in _eighteen(np.asarray(grey))]
    made = np.array(found)
    return made if np.isfinite(made).all() else None


def _eighteen(grey: npt.NDArray[np.float32]) -> list[float]:
    size, border = (KERNEL_PX, KERNEL_PX), cv2.BORDER_REPLICATE
    mean = cv2.GaussianBlur(grey, size, SIGMA_PX, borderType=border)
    square = cv2.GaussianBlur(grey * grey, size, SIGMA_PX, borderType=border)
    spread = np.sqrt(np.abs(square - mean * mean))
    even = (grey - mean) / (spread + 1)
    shape, _, left, right = _fit(even)
    found = [shape, (left + right) / 2]
    for a, b in (
        (even[:, :-1], even[:, 1:]),
        (even[:-1], even[1:]),
        (even[:-1, :-1], even[1:, 1:]),
        (even[1:, :-1], even[:-1, 1:]),
    ):
        found += _fit(a * b)
    return found


@cache
def _shapes() -> tuple[Floats, Floats, Floats, Floats]:
    """Return shapes 0.2 to 10, and of each gamma(1/a), gamma(2/a), gamma(3/a)."""
    from math import gamma

    shape = np.arange(0.2, 10.0005, 0.001)
    one, two, three = (np.array([gamma(k / a) for a in shape]) for k in (1, 2, 3))
    return shape, one, two, three


def _fit(values: npt.NDArray[np.float32]) -> list[float]:
    """Return shape, mean, and left and right variance of an asymmetric generalised Gaussian."""
    below, above = values[values < 0], values[values >= 0]
    if not len(below) or not len(above):
        return [float("nan")] * 4
    left = float(np.mean(np.square(below), dtype=np.float64))
    right = float(np.mean(np.square(above), dtype=np.float64))
    power = float(np.mean(np.square(values), dtype=np.float64))
    if min(left, right, power) <= 0:
        return [float("nan")] * 4
    skew = np.sqrt(left / right)
    ratio = float(np.mean(np.abs(values), dtype=np.float64)) ** 2 / power
    ratio *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    shape, one, two, three = _shapes()
    at = int(np.argmin((two**2 / (one * three) - ratio) ** 2))
    scale = np.sqrt(one[at] / three[at])
    mean = (np.sqrt(right) - np.sqrt(left)) * scale * two[at] / one[at]
    return [float(shape[at]), float(mean), left, right]
