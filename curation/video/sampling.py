"""When to take a still: pure arithmetic on exact times, and the name of its file."""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from math import ceil, floor

from curation.errors import NoSuchChapter
from curation.params import ExtractParams
from curation.records import VideoInfo

STEM_BYTES = 120
"""Longest stem in bytes; a file name may have 255, and .part and a rank are added to ours."""


def exact(value: float) -> Fraction:
    """Return a parameter as the decimal a person wrote: 29.97 is 2997/100, not its binary
    neighbour."""
    return Fraction(str(value))


def window_of(pts: int, start_pts: int, time_base: Fraction, fps: float) -> int:
    """Return the number of the time window that a picture falls in.

    Windows of 1 / fps seconds follow each other from the first picture of the file on, whatever
    part of it is looked at; the arithmetic is exact, so a picture on a border is in the later one.
    """
    return Windows(start_pts, time_base, fps).of(pts)


class Windows:
    """`window_of` for many pictures of one file, in whole numbers: the same result, faster."""

    def __init__(self, start_pts: int, time_base: Fraction, fps: float) -> None:
        rate = Fraction(time_base) * exact(fps)
        self._start, self._up, self._down = start_pts, rate.numerator, rate.denominator

    def of(self, pts: int) -> int:
        """Return the number of the window that a picture falls in."""
        return (pts - self._start) * self._up // self._down


def is_nth(ordinal: int, every: int) -> bool:
    """Return whether the picture is one of each `every`, the file's first among them."""
    return ordinal % every == 0


def range_pts(
    start_s: float | None, end_s: float | None, start_pts: int, time_base: Fraction
) -> tuple[int, int | None]:
    """Return (first PTS, last PTS or None) of a part of a file.

    Args:
        start_s, end_s: seconds from the file's first picture, as a player shows them.
    """
    first = start_pts if start_s is None else start_pts + ceil(exact(start_s) / time_base)
    last = None if end_s is None else start_pts + floor(exact(end_s) / time_base)
    return first, last


def asked_range(params: ExtractParams, info: VideoInfo) -> tuple[int, int | None]:
    """Return (first PTS, last PTS or None) of what is asked of a video: a chapter, a part of it
    from one moment to another, or both.

    A chapter ends before the first picture of the next one.

    Raises:
        NoSuchChapter: naming the chapters that there are.
    """
    first, last = range_pts(params.start_s, params.end_s, info.start_pts, info.time_base)
    if params.chapter == 0:
        return first, last
    if params.chapter > len(info.chapters):
        titles = ", ".join(f"{no} {c.title}" for no, c in enumerate(info.chapters[:20], 1))
        there = f"only {len(info.chapters)}: {titles}" if titles else "it has none"
        raise NoSuchChapter(f"{info.path}: has no chapter {params.chapter}, {there}")
    chapter = info.chapters[params.chapter - 1]
    begin, _ = range_pts(chapter.start_s, None, info.start_pts, info.time_base)
    behind, _ = range_pts(chapter.end_s, None, info.start_pts, info.time_base)
    return max(first, begin), behind - 1 if last is None else min(last, behind - 1)


def safe_stem(stem: str) -> str:
    """Return a file's stem, fit for any file system: letters, digits, dot, minus, underscore."""
    text = unicodedata.normalize("NFC", stem)
    text = re.sub(r"[^\w.-]+", "_", text).strip("._-")
    while len(text.encode()) > STEM_BYTES:
        text = text[:-1].rstrip("._-")
    return text or "video"


def frame_name(stem: str, ordinal: int, time_s: float) -> str:
    """Return the file name of a still: `clip_f000123_4.100s.jpg`.

    It ends in "s", never in "_" and digits, which photo tools take for a version of another file.

    Args:
        stem: the video's file name without suffix.
        ordinal: the picture's place in presentation order, from 0.
        time_s: its time in the container, in seconds.
    """
    return f"{safe_stem(stem)}_f{ordinal:06d}_{time_s:.3f}s.jpg"


def is_frame_name(stem: str, name: str) -> bool:
    """Return whether `frame_name` gives this name to a still of a video, whatever its time."""
    rest = name.removeprefix(f"{safe_stem(stem)}_f")
    return rest != name and re.fullmatch(r"\d{6,}_-?\d+\.\d{3}s\.jpg", rest) is not None


def shot_picks(pts: list[int]) -> list[int]:
    """Return the first, middle and last of the rising times of a shot, each once.

    The middle is the picture nearest to half its time, the earlier of two.
    """
    if not pts:
        return []
    half = Fraction(pts[0] + pts[-1], 2)
    middle = min(pts, key=lambda p: (abs(p - half), p))
    return sorted({pts[0], middle, pts[-1]})
