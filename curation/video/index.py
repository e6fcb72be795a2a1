"""The packet index: when every picture of a file is shown, known without decoding one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.errors import VideoUnreadable
from curation.video.pulse import beat

Ticks = npt.NDArray[np.int64]

TIMED_SHARE = 0.45
"""Share of packets with a PTS from which a file's times are believed. Field-coded H.264 gives one
to every second packet; AVI with B-frames to none."""


MOST_PACKETS = 10_000_000
"""Pictures that a file may have: 46 hours at 60 a second. A header of a few bytes can promise
thousands of millions, and each would cost memory here."""


@dataclass(frozen=True)
class PacketIndex:
    """Times of all pictures of one stream, in presentation order.

    Attributes:
        pts: (n,) rising ticks of `time_base`; n pictures are promised, damage may cost some.
        keyframe_pts: (k,) rising ticks of the pictures that decode alone.
        end_pts: when the last picture ends.
        timed: False when the packets carry no PTS; the i-th decoded picture is then given pts[i].
    """

    pts: Ticks
    keyframe_pts: Ticks
    end_pts: int
    time_base: Fraction
    timed: bool

    @property
    def start_pts(self) -> int:
        """Return the PTS of the first picture."""
        return int(self.pts[0])

    @property
    def duration_s(self) -> float:
        """Return the seconds from the first picture to the end of the last."""
        return float((self.end_pts - self.start_pts) * self.time_base)

    def ordinal(self, pts: int) -> int:
        """Return the place of a picture in presentation order, from 0."""
        return max(int(np.searchsorted(self.pts, pts, side="right")) - 1, 0)

    def time_s(self, pts: int) -> float:
        """Return a PTS in seconds, on the container's own axis."""
        return float(pts * self.time_base)

    def landing(self, pts: int) -> int | None:
        """Return the keyframe to decode from so that the pictures from `pts` on come out as in a
        full decode, or None for the beginning.

        It is the keyframe before the one that governs `pts`: pictures that follow an open keyframe
        may lean on what precedes it, and a deinterlacer needs a neighbour.
        """
        governing = int(np.searchsorted(self.keyframe_pts, pts, side="right")) - 1
        if not self.timed or governing < 2:
            return None
        return int(self.keyframe_pts[governing - 1])

    def variable_rate(self) -> bool:
        """Return whether steps between pictures differ by more than rounding (1.5 ms) explains."""
        if len(self.pts) < 3:
            return False
        steps = np.diff(self.pts)
        return float((steps.max() - steps.min()) * self.time_base) > 0.0015


def packets(container: Any, stream: Any) -> Any:
    """Yield the packets of a stream, the last one empty, over read errors where that is possible.

    PyAV's own generator ends at the first error; a damaged file may have good packets behind it.
    """
    import av.error

    left = 1000
    while left:
        try:
            for packet in container.demux(stream):
                beat()
                yield packet
            return
        except IndexError:
            # A stream that begins within the file, as in broadcasts: PyAV knows the first ones only
            # and stumbles over each packet of it.
            continue
        except (av.error.FFmpegError, OSError) as error:
            if isinstance(error, MemoryError):  # no damage: the next packet needs as much
                raise
            left -= 1


def build_index(
    container: Any, stream: Any, see: Callable[[Any], None] | None = None
) -> PacketIndex:
    """Read all packets of a stream, freshly opened, and return their times.

    Packets that an edit list discards are no pictures. The result has no entries when there is no
    packet with content.

    Args:
        see: called with each packet of a picture that has a time.

    Raises:
        VideoUnreadable: when there is no end of them.
    """
    shown, decoded, keys, last_steps = [], [], [], {}
    count = 0
    for packet in packets(container, stream):
        if packet.size == 0 or packet.is_discard:
            continue
        count += 1
        if count > MOST_PACKETS:
            name = container.name.removeprefix("file:")
            raise VideoUnreadable(f"{name}: claims more than {MOST_PACKETS:,} pictures")
        if packet.pts is not None:
            shown.append(packet.pts)
            last_steps[packet.pts] = packet.duration or 0
            if see is not None:
                see(packet)
            if packet.is_keyframe:
                keys.append(packet.pts)
        if packet.dts is not None:
            decoded.append(packet.dts)
    time_base = Fraction(stream.time_base)
    pts = np.unique(np.array(shown, np.int64))
    # AVI stores no times: with B-frames FFmpeg guesses them from the order, at times wrongly.
    guessed = container.format.name == "avi" and shown != decoded
    timed = len(pts) >= TIMED_SHARE * count and not guessed
    if not timed:
        pts = _made_up(count, decoded, stream, time_base)
        keys = []
    step = last_steps.get(int(pts[-1]), 0) if len(pts) else 0
    if step <= 0:
        step = int(np.median(np.diff(pts))) if len(pts) > 1 else _step(stream, time_base)
    end_pts = int(pts[-1]) + step if len(pts) else 0
    return PacketIndex(pts, np.unique(np.array(keys, np.int64)), end_pts, time_base, timed)


def _step(stream: Any, time_base: Fraction) -> int:
    """Return the ticks of one picture at the stream's average rate, at least 1."""
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    return max(round(1 / (Fraction(rate) * time_base)), 1)


def _made_up(count: int, decoded: list[int], stream: Any, time_base: Fraction) -> Ticks:
    """Return times for a file that tells none: its decode times in order, else a regular grid."""
    times = np.unique(np.array(decoded, np.int64))
    if len(times) == count:
        return times
    return np.arange(count, dtype=np.int64) * _step(stream, time_base)
