"""What is the same all over a video: burnt-in black bars, and marks in its corners.

A few pictures from all over the file are looked at, never the whole of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from curation.video.index import PacketIndex, packets
from curation.video.picture import halved, luma_view

Gray = npt.NDArray[np.uint8]
Shares = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]

LOOKS, FEW_KEYFRAMES = 16, 8
PIXELS_AT_MOST, PICTURES = 200_000_000, (12, 120)
"""A file with few keyframes is decoded from its beginning, for so many pixels and pictures."""

BLACK, LIMITED_BLACK = 5, 20
"""Luma up to which a place is black, in full and in limited range: coding leaves some noise in
bars; what is merely dark, as a night sky, is lighter."""
EMPTY = 0.02
"""Share of a line that may be lit in a bar: specks of noise."""
FILLED = 0.5
"""Share of a line that is lit where the picture begins. Subtitles in a bar light less."""
DARK_PICTURES = 0.4
"""Share of pictures in which each line of a bar is black: others may carry subtitles."""
STEPPING_PICTURES = 0.3
"""Share of pictures that must step from black to picture at the very same line, with no ramp:
a night sky does not."""
LIT_PICTURE = 0.1
LEAST_LIT = 3
UNEQUAL = 0.01
"""Share of the height or width by which two bars that face each other may differ."""
LEAST_BAR, LEAST_BAR_PX = 0.008, 4
LEAST_PICTURE = 0.2
SAMPLES = 256

MARK_PX = 320
STRONG, STEADY = 24.0, 0.85
MARK_LOOKS = 6
CORNER = 0.25
LEAST_MARK_PX = 24
SAME_SCENE = 0.5
"""Correlation of two pictures from which they show one scene. Where most do, what stands still is
the room and not a mark."""


@dataclass(frozen=True)
class Survey:
    """What was found, in coded pixels.

    Attributes:
        active: left, top, right, bottom of the picture without bars; None where it has none.
        marks: corners, as coded, with a mark that never moves: (right?, bottom?).
    """

    active: Box | None
    marks: tuple[tuple[bool, bool], ...]


class _Profile:
    """How much of each line and each column of one picture is lit."""

    def __init__(self, luma: Gray, full: bool) -> None:
        height, width = luma.shape
        level = BLACK if full else LIMITED_BLACK
        across, down = max(width // SAMPLES, 1), max(height // SAMPLES, 1)
        self.lines = (luma[:, ::across] > level).mean(axis=1, dtype=np.float32)
        self.columns = (luma[::down] > level).mean(axis=0, dtype=np.float32)


def survey(container: Any, stream: Any, index: PacketIndex, full: bool) -> Survey:
    """Look at some pictures of an open file.

    Args:
        full: luma spans 0..255 instead of 16..235.
    """
    profiles: list[_Profile] = []
    small: list[Gray] = []
    size: tuple[int, int] | None = None
    for frame in _pictures(container, stream, index):
        if size is None:
            size = (frame.width, frame.height)
        if size != (frame.width, frame.height):
            continue
        luma, made = luma_view(frame)
        profiles.append(_Profile(luma, full or made))
        small.append(_shrunk(luma))
    if size is None:
        return Survey(None, ())
    active = active_area(profiles, size)
    return Survey(active, marks(small, _scaled(active, size, small[0].shape)))


def _pictures(container: Any, stream: Any, index: PacketIndex) -> Iterator[Any]:
    """Yield up to LOOKS sound pictures from all over a file, or from the beginning of a short
    one."""
    keys = index.keyframe_pts
    if index.timed and len(keys) >= FEW_KEYFRAMES:
        # The first and last are titles and ends more often than not.
        places = np.unique(np.linspace(0, len(keys) - 1, LOOKS + 2).astype(int)[1:-1])
        for place in places:
            yield from _at(container, stream, int(keys[place]))
        return
    context = stream.codec_context
    most = PIXELS_AT_MOST // max(context.width * context.height, 1)
    most = min(max(most, PICTURES[0]), PICTURES[1], len(index.pts))
    yield from islice(_decoded(container, stream), 0, most, max(most // LOOKS, 1))


def _at(container: Any, stream: Any, pts: int) -> Iterator[Any]:
    """Yield the first sound picture of a keyframe, if there is one."""
    import av.error

    try:
        container.seek(pts, stream=stream)
    except (av.error.FFmpegError, EOFError) as error:
        if isinstance(error, MemoryError):
            raise
        return
    stream.codec_context.flush_buffers()
    yield from islice(_decoded(container, stream), 1)


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Yield sound pictures from where a file stands."""
    import av.error

    for packet in packets(container, stream):
        try:
            frames = stream.codec_context.decode(packet if packet.size else None)
        except (av.error.FFmpegError, EOFError) as error:
            if isinstance(error, MemoryError):
                raise
            continue
        yield from (frame for frame in frames if not frame.is_corrupt)


def _shrunk(luma: Gray) -> Gray:
    """Return a picture of MARK_PX on its longer side."""
    height, width = luma.shape
    scale = MARK_PX / max(height, width)
    size_wh = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = halved(luma, MARK_PX)
    return np.asarray(cv2.resize(small, size_wh, interpolation=cv2.INTER_AREA), np.uint8)


def active_area(profiles: Sequence[_Profile], size_wh: tuple[int, int]) -> Box | None:
    """Return the picture without black bars, None where there are none.

    A bar is black over its whole length but for subtitles, and the picture begins behind it with
    one step at one line, the same all over the video. Pictures that are dark say nothing.
    """
    width, height = size_wh
    lit = [p for p in profiles if min(p.lines.mean(), p.columns.mean()) >= LIT_PICTURE]
    if len(lit) < min(LEAST_LIT, len(profiles)) or not lit:
        return None
    lines = np.stack([p.lines for p in lit])
    columns = np.stack([p.columns for p in lit])
    # Columns of a letterboxed picture are lit over a part of their height only, and so are lines.
    tall, wide = (float(np.median((s > EMPTY).mean(axis=1))) for s in (lines, columns))
    above, below = _pair(_bar(lines, wide), _bar(lines[:, ::-1], wide), height)
    before, behind = _pair(_bar(columns, tall), _bar(columns[:, ::-1], tall), width)
    top, bottom, left, right = above, height - below, before, width - behind
    if right - left < LEAST_PICTURE * width or bottom - top < LEAST_PICTURE * height:
        return None
    found = (left, top, right, bottom)
    return None if found == (0, 0, width, height) else found


def _pair(one: int, other: int, room: int) -> tuple[int, int]:
    """Return two bars that face each other, (0, 0) unless they are equal.

    A black sky, wall or stage lies on one side; who stands before it must not be cut.
    """
    return (one, other) if abs(one - other) <= max(2, UNEQUAL * room) and one and other else (0, 0)


def _bar(shares: Shares, room: float) -> int:
    """Return the lines of the bar at the beginning of (pictures, lines) lit shares; 0 for none.

    Args:
        room: share of a line that the picture can light at all.
    """
    n = shares.shape[1]
    black = shares <= EMPTY
    is_bar = (black.mean(axis=0) >= DARK_PICTURES) & (shares.max(axis=0) < FILLED * room)
    edge = n if is_bar.all() else int(np.argmin(is_bar))
    if edge < max(LEAST_BAR * n, LEAST_BAR_PX) or edge > (1 - LEAST_PICTURE) * n:
        return 0
    reach = max(round(0.01 * n), 4)
    outside = black[:, max(edge - reach, 0) : max(edge - 1, 1)].all(axis=1)
    inside = shares[:, edge : edge + reach].max(axis=1) >= FILLED * room
    stepping = int((outside & inside).sum())
    if stepping < max(STEPPING_PICTURES * len(shares), min(2, len(shares))):
        return 0
    # The line on the edge is half bar where the picture was scaled, and chroma bleeds by one.
    return edge + 1


def _scaled(active: Box | None, size_wh: tuple[int, int], shape: tuple[int, ...]) -> Box:
    """Return the active area in pixels of the small pictures, a little inside its edges."""
    height, width = shape
    if active is None:
        return (0, 0, width, height)
    across, down = width / size_wh[0], height / size_wh[1]
    return (
        int(active[0] * across) + 2, int(active[1] * down) + 2,
        int(active[2] * across) - 2, int(active[3] * down) - 2,
    )


def marks(small: Sequence[Gray], area: Box) -> tuple[tuple[bool, bool], ...]:
    """Return the corners in which a mark stands still while the picture moves, as a
    broadcaster's does.

    An edge that is drawn over all pictures has one gradient in all of them: its mean is as long
    as the mean of its lengths. Nothing is said of a video of one scene.

    Args:
        small: pictures of one size from all over the video.
        area: left, top, right, bottom of the picture in them.
    """
    x0, y0, x1, y1 = area
    if len(small) < MARK_LOOKS or x1 - x0 < 64 or y1 - y0 < 64:
        return ()
    if np.median(_likeness([picture[y0:y1, x0:x1] for picture in small])) >= SAME_SCENE:
        return ()
    total = np.zeros((2, y1 - y0, x1 - x0), np.float32)
    length = np.zeros((y1 - y0, x1 - x0), np.float32)
    for picture in small:
        part = np.ascontiguousarray(picture[y0:y1, x0:x1])
        dx, dy = (cv2.Sobel(part, cv2.CV_32F, d, 1 - d, scale=0.25) for d in (1, 0))
        total += np.stack([dx, dy])
        length += cv2.magnitude(dx, dy)
    mean, typical = cv2.magnitude(total[0], total[1]) / len(small), length / len(small)
    strong = mean > STRONG / 4
    steady = strong & (mean > STEADY * typical)
    tall, wide = steady.shape
    corner = round(CORNER * tall), round(CORNER * wide)
    middle = (slice(corner[0], tall - corner[0]), slice(corner[1], wide - corner[1]))
    rest = float(steady[middle].mean())
    found = []
    for low in (False, True):
        for right in (False, True):
            rows = slice(tall - corner[0], tall) if low else slice(0, corner[0])
            part = steady[rows, wide - corner[1] :] if right else steady[rows, : corner[1]]
            if part.sum() >= LEAST_MARK_PX and part.mean() > 8 * rest:
                found.append((right, low))
    return tuple(found)


def _likeness(pictures: Sequence[Gray]) -> list[float]:
    """Return the correlation of each picture with the one before, coarsely seen."""
    coarse = [
        cv2.resize(p, (32, 18), interpolation=cv2.INTER_AREA).astype(np.float64) for p in pictures
    ]
    coarse = [(c - c.mean()) / (c.std() + 1e-6) for c in coarse]
    return [float((a * b).mean()) for a, b in pairwise(coarse)]
