"""Every frame of a clip, small: to find which one a program's picture is, and how sharp it was.

Programs name their pictures in ways of their own and code them at qualities of their own, so a
picture is looked up among the frames of its clip and measured there, the same for everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

SMALL = (64, 36)
AROUND_S = 0.5


@dataclass(frozen=True)
class Film:
    """A clip.

    Attributes:
        small: frames x pixels, float32, grey, all of SMALL whatever their shape was.
        sharpness: variance of the Laplacian of each frame, whole and at its size.
        rate: frames a second.
    """

    small: npt.NDArray[np.float32]
    sharpness: npt.NDArray[np.float64]
    rate: float

    def frame_of(self, path: Path) -> int:
        """Return the number of the frame that is most like a picture."""
        picture = cv2.imread(str(path))
        if picture is None:
            raise ValueError(f"{path.name} cannot be read")
        apart = np.abs(self.small - _small(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))).mean(axis=1)
        return int(apart.argmin())

    def is_soft(self, frame: int) -> bool:
        """Return whether most frames within half a second are sharper."""
        reach = round(AROUND_S * self.rate)
        around = self.sharpness[max(0, frame - reach) : frame + reach + 1]
        return bool(self.sharpness[frame] < np.median(around))


def read(path: Path) -> Film:
    """Read a clip.

    Raises:
        ValueError: it has no frame that can be read.
    """
    capture = cv2.VideoCapture(str(path))
    rate = float(capture.get(cv2.CAP_PROP_FPS))
    small, sharpness = [], []
    while True:
        good, picture = capture.read()
        if not good:
            break
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        small.append(_small(grey))
        sharpness.append(float(cv2.Laplacian(grey, cv2.CV_64F).var()))
    if not small:
        raise ValueError(f"{path.name} has no frame")
    return Film(np.stack(small), np.asarray(sharpness), rate)


def _small(grey: Any) -> npt.NDArray[np.float32]:
    shrunk = cv2.resize(grey, SMALL, interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, np.float32).reshape(-1)
