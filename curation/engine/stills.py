"""The one place that gives a frame's JPEG and its pixels, whether or not a file of it lies there.

A stored JPEG is a cache of (video, PTS). With `--full-frames picks` there is none until somebody
needs it, and one that was lost is no loss either: the video is decoded again by plan, to the same
bytes. Only processes that may die ask here: a video is a stranger's program.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from curation.errors import CurationError, ImageUnreadable
from curation.records import Frame, StillSource

if TYPE_CHECKING:
    from curation.steps.base import RgbImage
    from curation.video.plan import StillMaker

KEPT_OPEN = 3
"""Videos that stay open: reading the packet times of a long one again takes seconds."""
REFUSED_S = 10.0
"""How long a video that could not be used is not tried again."""

Key = tuple[str, str]
"""Path and content: copies of a video are told apart, for one of them may go."""


Stat = tuple[int, int, int] | None


def _stat(path: Path) -> Stat:
    """Return what tells whether a file is the one that was opened."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


class Stills:
    """Makes stills of several videos; quick when asked in the order of time."""

    def __init__(self) -> None:
        self._open: OrderedDict[Key, tuple[StillMaker, Stat]] = OrderedDict()
        self._refused: dict[Key, tuple[float, CurationError]] = {}

    def jpeg(self, frame: Frame) -> bytes:
        """Return the JPEG of a frame.

        Raises:
            ImageUnreadable: naming the file, and what to do.
        """
        source = frame.source
        if source is None or frame.path.is_file():
            try:
                return frame.path.read_bytes()
            except OSError as error:
                raise ImageUnreadable(
                    f"{frame.path}: {error.strerror or error}", "extract its video again"
                ) from error
        try:
            return self._maker(source).jpeg(frame.pts)
        except CurationError as error:
            raise ImageUnreadable(error.message, error.hint) from error

    def _maker(self, source: StillSource) -> StillMaker:
        from curation.video.plan import StillMaker

        key = (str(source.info.path), source.info.key)
        now = _stat(source.info.path)
        if key in self._open:
            maker, seen = self._open.pop(key)
            if seen == now:
                self._open[key] = maker, seen
                return maker
            maker.close()  # another file lies there now
        refused = self._refused.get(key)
        if refused is not None and time.monotonic() - refused[0] < REFUSED_S:
            raise refused[1]
        try:
            made = StillMaker(source)
        except CurationError as error:
            self._refused[key] = (time.monotonic(), error)
            raise
        self._open[key] = made, now
        if len(self._open) > KEPT_OPEN:
            self._open.popitem(last=False)[1][0].close()
        return made

    def close(self) -> None:
        """Close all videos."""
        while self._open:
            self._open.popitem()[1][0].close()


_stills = Stills()


def made_rgb(frame: Frame) -> RgbImage:
    """Return the pixels of a frame's JPEG, which is made now and not kept: (h, w, 3) uint8.

    Raises:
        ImageUnreadable: naming the file, and what to do.
    """
    import simplejpeg

    from curation.engine.limits import pulse
    from curation.video.pulse import listen

    listen(pulse)
    return np.asarray(simplejpeg.decode_jpeg(_stills.jpeg(frame), colorspace="RGB"))
