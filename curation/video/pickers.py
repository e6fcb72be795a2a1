"""Which of the pictures that pass by become stills, one class a sampling mode."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from curation.params import ExtractParams
from curation.records import VideoInfo
from curation.video.index import PacketIndex
from curation.video.readers import Decoded
from curation.video.sampling import Windows, is_nth
from curation.video.still import Measures, measure


@dataclass(frozen=True)
class Pick:
    """A picture that was chosen."""

    decoded: Decoded
    measures: Measures


class Picker(ABC):
    """Choose among pictures in order: for each, `close_before`, then `take`; `finish` at the end.

    Attributes:
        window: number of the last time window seen, for modes that have windows.
        is_open: a later picture may still replace one that was seen.
    """

    window: int | None = None
    is_open: bool = False

    def close_before(self, decoded: Decoded) -> Pick | None:
        """Return the still that is certain now that this picture comes."""
        return None

    @abstractmethod
    def take(self, decoded: Decoded) -> Pick | None:
        """Look at a picture; return it if it is a still whatever comes."""

    def finish(self) -> Pick | None:
        """Return the still that waited for better ones."""
        return None


class Sharpest(Picker):
    """The sharpest picture of each window; the first of equals."""

    def __init__(self, fps: float, info: VideoInfo) -> None:
        self._windows = Windows(info.start_pts, info.time_base, fps)
        self.best: Pick | None = None

    def close_before(self, decoded: Decoded) -> Pick | None:
        """Return the best of the window that this picture leaves."""
        if self.best is None or self._windows.of(decoded.pts) == self.window:
            return None
        return self.finish()

    def take(self, decoded: Decoded) -> Pick | None:
        """Remember the picture if it is the sharpest so far."""
        self.window = self._windows.of(decoded.pts)
        measures = measure(decoded)
        if self.best is None or measures.sharpness > self.best.measures.sharpness:
            self.best = Pick(decoded, measures)
        self.is_open = True
        return None

    def finish(self) -> Pick | None:
        """Return the best of the open window."""
        best, self.best, self.is_open = self.best, None, False
        return best


class AtRate(Picker):
    """The first picture at or after each k / fps seconds; one may serve several."""

    def __init__(self, fps: float, info: VideoInfo) -> None:
        self._windows = Windows(info.start_pts, info.time_base, fps)

    def take(self, decoded: Decoded) -> Pick | None:
        """Return the picture if a target time lies between it and the one before."""
        window = self._windows.of(decoded.pts)
        if self.window is not None and window <= self.window:
            return None
        self.window = window
        return Pick(decoded, measure(decoded))


class EveryNth(Picker):
    """Each n-th picture of the file, counted in presentation order."""

    def __init__(self, every: int, index: PacketIndex) -> None:
        self.every, self.index = every, index

    def take(self, decoded: Decoded) -> Pick | None:
        """Return the picture if its number divides."""
        if not is_nth(self.index.ordinal(decoded.pts), self.every):
            return None
        return Pick(decoded, measure(decoded))


class All(Picker):
    """Every picture that comes."""

    def take(self, decoded: Decoded) -> Pick | None:
        """Return the picture."""
        return Pick(decoded, measure(decoded))


def make_picker(params: ExtractParams, info: VideoInfo, index: PacketIndex) -> Picker:
    """Return the picker of a sampling mode; mode "keyframes" picks all that the reader gives."""
    if params.mode == "sharpest":
        return Sharpest(params.fps, info)
    if params.mode == "fps":
        return AtRate(params.fps, info)
    if params.mode == "every":
        return EveryNth(params.every, index)
    return All()
