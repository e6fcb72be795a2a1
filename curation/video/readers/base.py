"""What every reader gives: pictures in presentation order, each with its container's PTS."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Set
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from curation.params import ExtractParams
from curation.video.index import PacketIndex
from curation.video.picture import MEASURE_PX, halved

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Decoded(ABC):
    """One picture. Its pixels are made when asked for; keep it no longer than needed.

    Attributes:
        pts: presentation time in ticks of the stream's time base.
        time_s: the same in seconds, on the container's axis.
        keyframe: decodes alone.
        corrupt: the decoder says that parts are damaged.
        full_range: `luma()` spans 0..255 rather than 16..235.
    """

    pts: int
    time_s: float
    keyframe: bool
    corrupt: bool
    full_range: bool

    @abstractmethod
    def luma(self) -> Picture:
        """Return (h, w) uint8 luma in coded orientation: a view, valid while this object lives."""

    def small_luma(self) -> Picture:
        """Return `luma()` halved to a longer side of 640 to 1279 px; as it is when smaller."""
        return np.asarray(halved(self.luma(), MEASURE_PX), np.uint8)

    @abstractmethod
    def small_planes(self, max_side: int) -> tuple[Picture, Picture, Picture]:
        """Return Y', Cr, Cb, each (h, w) uint8 of at most max_side, in coded orientation."""

    @abstractmethod
    def rgb(self) -> Picture:
        """Return (h, w, 3) uint8: upright, square pixels, progressive, SDR BT.709."""


class Reader(ABC):
    """An open video file.

    Attributes:
        index: times of all its pictures.
        errors: packets lost and pictures dropped so far, from the first picture asked for on.
    """

    index: PacketIndex
    errors: int = 0

    @abstractmethod
    def frames(
        self,
        start_pts: int | None = None,
        keyframes_only: bool = False,
        seek: bool = True,
        leave: Set[int] = frozenset(),
    ) -> Iterator[Decoded]:
        """Yield pictures with rising PTS, from the first at or after start_pts.

        Pictures come out as in a decode from the beginning, wherever it starts. A generator: one
        at a time on a reader.

        Args:
            keyframes_only: decode nothing but keyframes.
            seek: False to decode from the beginning whatever start_pts is.
            leave: PTS of pictures to pass over, of those that `leaves` tells.
        """

    def leaves(self, params: ExtractParams) -> frozenset[int]:
        """Return the PTS of pictures that need not be decoded; none where all must be."""
        return frozenset()

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    def __enter__(self) -> Self:
        """Return the reader."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()


def small_size(width: int, height: int, max_side: int) -> tuple[int, int]:
    """Return (width, height) shrunk to a longer side of at most max_side."""
    scale = min(1.0, max_side / max(width, height))
    return max(round(width * scale), 1), max(round(height * scale), 1)
