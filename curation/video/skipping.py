"""Which pictures a decoder may pass over: those that no other picture is built on.

H.264 and HEVC say so in the header of each picture's first slice. Such pictures are a third to a
half of what encoders with B-pictures write, they are coded worst, and leaving them out changes no
other picture. Nothing is left out where a sampling window could lose its only picture by it, and
nothing where something happens: a sudden move between two pictures that are far apart looks like a
cut. Packets tell without decoding: what is not as its neighbours takes many bytes, and encoders
begin a shot with a keyframe.

Sources: ITU-T H.264 7.4.1 (nal_ref_idc), ITU-T H.265 7.4.2.2 (sub-layer non-reference pictures).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.params import ExtractParams
from curation.records import VideoInfo
from curation.video.sampling import Windows, asked_range, exact

Ticks = npt.NDArray[np.int64]
CODECS = ("h264", "hevc")
NEVER = (1 << 63) - 1
SUDDEN = 3.0
"""Size of a picture that none is built on, over the median of the SOME before or behind it, from
which something happens there."""
SOME = 12
NEAR = 5
"""Pictures to each side of such a place that are all decoded: what the decision on a cut sees."""
REGULAR = 3
"""Equal distances of keyframes from which they are a habit of the encoder."""
LEAST_SHARE = 0.05
"""Share of pictures that must be passed over for it to be worth anything."""
HEVC_ALONE = range(0, 16, 2)
"""NAL unit types of HEVC pictures that no other of their sub-layer is built on."""


@dataclass
class Watcher:
    """Notes, packet by packet, which pictures others are built on.

    Attributes:
        pts, sizes, keys, alone: of each packet its time, its bytes, whether it is a keyframe's,
            whether no other picture is built on it.
        kept_layer, left_layer: highest temporal layer of the others, lowest of those alone.
    """

    codec: str
    prefix_bytes: int
    pts: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("q"))
    keys: array[int] = field(default_factory=lambda: array("b"))
    alone: array[int] = field(default_factory=lambda: array("b"))
    kept_layer: int = 0
    left_layer: int = 7

    @staticmethod
    def of(stream: Any) -> Watcher | None:
        """Return a watcher for a stream, None for a codec that tells nothing."""
        name = stream.codec_context.name
        if name not in CODECS:
            return None
        extra = bytes(stream.codec_context.extradata or b"")
        place = 4 if name == "h264" else 21
        framed = len(extra) > place and extra[0] == 1
        return Watcher(name, (extra[place] & 3) + 1 if framed else 0)

    def see(self, packet: Any) -> None:
        """Take a packet with a PTS; a damaged one says nothing and is kept."""
        alone, layer = self._stands(memoryview(packet))
        self.pts.append(packet.pts)
        self.sizes.append(packet.size)
        self.keys.append(bool(packet.is_keyframe))
        self.alone.append(alone)
        if alone:
            self.left_layer = min(self.left_layer, layer)
        else:
            self.kept_layer = max(self.kept_layer, layer)

    def _stands(self, data: memoryview) -> tuple[bool, int]:
        """Return (whether no other picture is built on this, its temporal layer)."""
        head = next(self._pictures(data), None)
        if head is None:
            return False, 0
        if self.codec == "h264":
            return head[0] & 0x60 == 0, 0
        return head[0] >> 1 & 0x3F in HEVC_ALONE, (head[1] & 7) - 1

    def _pictures(self, data: memoryview) -> Iterator[tuple[int, int]]:
        """Yield the two header bytes of NAL units that are slices of a picture."""
        last = 5 if self.codec == "h264" else 31
        for at in self._units(data):
            kind = data[at] & 0x1F if self.codec == "h264" else data[at] >> 1 & 0x3F
            if kind <= last and (kind or self.codec == "hevc"):
                yield data[at], data[at + 1]

    def _units(self, data: memoryview) -> Iterator[int]:
        """Yield where NAL units begin, as far as there are two bytes of each."""
        size = len(data)
        if self.prefix_bytes:
            at = 0
            while at + self.prefix_bytes + 2 <= size:
                length = int.from_bytes(data[at : at + self.prefix_bytes], "big")
                yield at + self.prefix_bytes
                at += self.prefix_bytes + max(length, 1)
            return
        raw, at = bytes(data), 0
        while (at := raw.find(b"\0\0\1", at)) >= 0 and at + 5 <= size:
            at += 3
            yield at

    def is_safe(self) -> bool:
        """Return whether no kept picture can be built on one that is left out.

        HEVC's flag speaks of one temporal layer: a picture of a higher one may still be built on
        it, and must then be left out as well.
        """
        return self.codec == "h264" or self.kept_layer <= self.left_layer

    def quiet(self) -> tuple[Ticks, Ticks]:
        """Return ((n,) rising times of all pictures, (k,) of those that may be left out)."""
        order = np.argsort(np.array(self.pts, np.int64), kind="stable")
        pts, sizes = (np.array(values, np.int64)[order] for values in (self.pts, self.sizes))
        alone = np.array(self.alone, np.bool_)[order]
        stirs = np.zeros(len(pts), np.bool_)
        stirs[alone] = _sudden(sizes[alone])
        stirs |= _unusual_keys(np.array(self.keys, np.bool_)[order])
        near = np.convolve(stirs, np.ones(2 * NEAR + 1, np.int64))[NEAR : NEAR + len(pts)] > 0
        twice = np.zeros(len(pts), np.bool_)  # fields of one picture, or a broken file
        twice[1:] = pts[1:] == pts[:-1]
        twice[:-1] |= twice[1:]
        return pts, pts[alone & ~near & ~twice]


def _sudden(sizes: Ticks) -> npt.NDArray[np.bool_]:
    """Return which sizes are far above those before them, or those behind them."""
    if len(sizes) < 2:
        return np.zeros(len(sizes), np.bool_)
    padded = np.pad(sizes, SOME, mode="edge")
    typical = np.median(np.lib.stride_tricks.sliding_window_view(padded, SOME), axis=1)
    before, behind = typical[: len(sizes)], typical[SOME + 1 :]
    return np.asarray(sizes >= SUDDEN * np.minimum(before, behind), np.bool_)


def _unusual_keys(keys: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return which pictures are keyframes that are not due by the encoder's habit."""
    places = np.flatnonzero(keys)
    found = np.zeros(len(keys), np.bool_)
    if len(places) > 1:
        steps = np.diff(places)
        kinds, counts = np.unique(steps, return_counts=True)
        habit = kinds[counts.argmax()] if counts.max() >= REGULAR else 0
        found[places[1:][steps != habit]] = True
    return found


def leaves(watcher: Watcher | None, info: VideoInfo, params: ExtractParams) -> frozenset[int]:
    """Return the times of the pictures to pass over.

    A pure function of file and settings: a run that goes on decodes what it would have decoded.

    Args:
        watcher: which has seen each packet.
    """
    none: frozenset[int] = frozenset()
    if not params.may_skip or info.interlaced or watcher is None or not watcher.is_safe():
        return none
    if not any(watcher.alone):
        return none
    pts, left = watcher.quiet()
    first, last = asked_range(params, info)
    pts, left = (p[(p >= first) & (p <= (last or NEVER))] for p in (pts, left))
    if len(left) <= LEAST_SHARE * len(pts):
        return none
    kept = pts[~np.isin(pts, left)]
    windows = Windows(info.start_pts, info.time_base, params.fps)
    if {windows.of(p) for p in pts.tolist()} != {windows.of(p) for p in kept.tolist()}:
        return none
    # Half a window between two at most: a window is to have some to choose from.
    gaps = np.diff(kept)[np.diff(np.searchsorted(pts, kept)) > 1]
    longest = Fraction(1, 2) / (exact(params.fps) * info.time_base)
    return frozenset(left.tolist()) if int(gaps.max(initial=0)) <= longest else none
