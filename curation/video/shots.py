"""Shot boundaries: one number per picture, and scenedetect's adaptive decision over them.

The number is measured while decoding and stored; the decision is a pure function of the stored
numbers, so that a threshold can move without decoding and a resumed extraction cuts as an
undisturbed one.

PySceneDetect's own content measure is the mean change of hue, saturation and value between
neighbours. It fires on a flash, a light switched on, a torn picture and the noisy hues of dark
fades, and hardly reacts to grey pictures. Ours keeps its scale (15 may be a cut, see
`shot_min_content`) and differs in three ways. Changes of luma count fully only where the structure
of the picture, the correlation of its gradients, changes as well. Dark pictures are lifted first.
And a picture's number is the least over all pairs of up to `REACH` apart that straddle its
beginning: a cut parts every such pair, a flash of three pictures does not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from curation.params import ExtractParams
from curation.records import VideoInfo

Scores = npt.NDArray[np.float32]
Ticks = npt.NDArray[np.int64]
Planes = Sequence[npt.NDArray[np.uint8]]

SMALL_PX = 160
REACH = 4
WARM = 2 * REACH - 1
"""Pictures before a place that must be seen again for its number to come out the same."""

STRUCTURE_WH = (40, 23)
SCALE, FLAT_LUMA, FLAT_CHROMA, CHROMA_WEIGHT = 0.4, 0.1, 0.5, 2.0
STRUCTURE_POWER, STRUCTURE_FLOOR = 0.8, 12.0
LIFT_TO, LIFT_MOST = 90.0, 4.0

REPEAT = 0.3
"""Number under which a picture repeats the one before."""
REPEAT_S = 0.2


@dataclass(frozen=True)
class Shot:
    """One shot; no counts from 0, end_pts is where the next one begins."""

    no: int
    start_pts: int
    end_pts: int
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is kept of a picture to compare others with it."""

    luma: npt.NDArray[np.uint8]
    colours: npt.NDArray[np.uint8]
    mean: float
    gradient: npt.NDArray[np.float32]
    energy: float


class CutMeter:
    """Measure how much each picture differs from those before it, with a delay of REACH - 1.

    Feed it every picture in order; it yields (pts, number). The first picture's number is 0.
    """

    def __init__(self) -> None:
        self._seen: deque[_Seen] = deque(maxlen=REACH)
        self._open: deque[tuple[int, float]] = deque()

    def push(self, pts: int, planes: Planes) -> Iterator[tuple[int, float]]:
        """Take a picture as three small planes; yield numbers that are now settled.

        Args:
            planes: Y', Cr, Cb, each (h, w) uint8 of a longer side of SMALL_PX.
        """
        new = _look(planes)
        self._open.append((pts, float("inf") if self._seen else 0.0))
        for back, old in enumerate(reversed(self._seen), start=1):
            change = _change(old, new)
            # A pair `back` apart straddles the beginnings of the last `back` pictures.
            for i in range(len(self._open) - 1, max(len(self._open) - 1 - back, -1), -1):
                self._open[i] = (self._open[i][0], min(self._open[i][1], change))
        self._seen.append(new)
        while len(self._open) >= REACH:
            yield self._open.popleft()

    def flush(self) -> Iterator[tuple[int, float]]:
        """Yield the numbers of the last pictures, for which no more will come."""
        while self._open:
            yield self._open.popleft()


def _look(planes: Planes) -> _Seen:
    """Prepare a picture for comparing."""
    luma = planes[0]
    tall = luma.shape[0] > luma.shape[1]
    size = STRUCTURE_WH[::-1] if tall else STRUCTURE_WH
    coarse = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
    gradient = np.empty((2, *coarse.shape), np.float32)
    cv2.Sobel(coarse, cv2.CV_32F, 1, 0, dst=gradient[0], scale=0.25)
    cv2.Sobel(coarse, cv2.CV_32F, 0, 1, dst=gradient[1], scale=0.25)
    flat = gradient.ravel()
    colours = np.concatenate(planes[1:])
    return _Seen(luma, colours, cv2.mean(luma)[0], flat, float(flat @ flat) / len(flat))


def _change(old: _Seen, new: _Seen) -> float:
    """Return how much two pictures differ, on the scale of PySceneDetect's content value."""
    luma = cv2.norm(old.luma, new.luma, cv2.NORM_L1) / new.luma.size
    colour = cv2.norm(old.colours, new.colours, cv2.NORM_L1) / new.luma.size
    shared = 2 * float(old.gradient @ new.gradient) / len(new.gradient)
    alike = (shared + STRUCTURE_FLOOR) / (old.energy + new.energy + STRUCTURE_FLOOR)
    structure = float((1 - min(max(alike, 0.0), 1.0)) ** STRUCTURE_POWER)
    lift = min(max(LIFT_TO / (max(old.mean, new.mean) + 1), 1.0), LIFT_MOST)
    grays = luma * (FLAT_LUMA + structure)
    colours = CHROMA_WEIGHT * colour * (FLAT_CHROMA + structure)
    return SCALE * lift * (grays + colours)


def find_cuts(pts: Ticks, scores: Scores, info: VideoInfo, params: ExtractParams) -> list[int]:
    """Return the PTS of the first picture of every shot but the first.

    The decision is PySceneDetect's AdaptiveDetector (a picture must differ `shot_threshold` times
    as much as the two before and the two after it, and by `shot_min_content`), fed with stored
    numbers. Pictures that repeat the one before between others that move, as in animation drawn
    "on threes" or a film with frames doubled, are not counted as its neighbours.

    Args:
        pts: (n,) rising ticks.
        scores: (n,) numbers of `CutMeter`.
    """
    from scenedetect import FrameTimecode
    from scenedetect.common import Timecode

    if len(pts) == 0:
        return []
    rate = info.fps or Fraction(25)
    detector = _replay(params)
    cuts = []
    for i in np.flatnonzero(_distinct(pts, scores, info.time_base)):
        time = Timecode(int(pts[i] - pts[0]), info.time_base)
        found = detector.decide(FrameTimecode(time, rate), float(scores[i]))
        cuts += [int(cut.pts) + int(pts[0]) for cut in found]
    return cuts


def _replay(params: ExtractParams) -> Any:
    """Return an AdaptiveDetector that is given numbers in place of pictures."""
    from scenedetect.detectors import AdaptiveDetector

    class Replay(AdaptiveDetector):  # type: ignore[misc]
        """Adaptive decision over stored numbers."""

        def decide(self, time: Any, score: float) -> list[Any]:
            """Take the number of the next picture; return the cuts that are now certain."""
            self.stored = score
            return list(self.process_frame(time, np.empty(0, np.uint8)))

        def _calculate_frame_score(self, timecode: Any, frame_img: Any) -> float:
            """Return the stored number where the base class would compare pictures."""
            return self.stored

    return Replay(
        adaptive_threshold=params.shot_threshold,
        min_content_val=params.shot_min_content,
        min_scene_len=float(params.shot_min_s),
        window_width=2,
    )


def _distinct(pts: Ticks, scores: Scores, time_base: Fraction) -> npt.NDArray[np.bool_]:
    """Return which pictures count: those that change, and those that stand still for long."""
    changed = scores > REPEAT
    times = (pts - pts[0]) * float(time_base)
    moving = times[changed]
    if len(moving) == 0:
        return np.ones(len(pts), np.bool_)
    after = np.searchsorted(moving, times)
    since = times - moving[np.maximum(after - 1, 0)]
    until = moving[np.minimum(after, len(moving) - 1)] - times
    between = (after > 0) & (after < len(moving)) & (since <= REPEAT_S) & (until <= REPEAT_S)
    return np.asarray(changed | ~between, np.bool_)


def finish_shots(
    pts: Ticks, scores: Scores, info: VideoInfo, params: ExtractParams
) -> list[Shot]:
    """Return the shots of a video from all its stored numbers.

    Args:
        pts: (n,) rising ticks of every picture that was measured; empty gives no shots.
        scores: (n,) their numbers.
    """
    if len(pts) == 0:
        return []
    step = int(np.median(np.diff(pts))) if len(pts) > 1 else 1
    edges = [int(pts[0]), *find_cuts(pts, scores, info, params), int(pts[-1]) + step]
    seconds = [float(edge * info.time_base) for edge in edges]
    return [
        Shot(no, edges[no], edges[no + 1], seconds[no], seconds[no + 1])
        for no in range(len(edges) - 1)
    ]
