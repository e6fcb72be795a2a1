"""The default reader: one single-threaded FFmpeg decoder, fed packet by packet.

A damaged packet costs its pictures, not the file. Interlaced files pass whole through bwdif.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator, Set
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import av.error
import av.filter
import numpy as np

from curation.params import ExtractParams
from curation.records import VideoInfo
from curation.video import picture
from curation.video.index import PacketIndex, build_index, packets
from curation.video.probe import open_container, picture_stream
from curation.video.readers.base import Decoded, Picture, Reader, small_size
from curation.video.skipping import Watcher, leaves

DAMAGE = (av.error.FFmpegError, EOFError)
NEVER = -(1 << 63)
DEEPEST = 4
LONGEST_SMEAR_S = 10
"""After damage pictures are distrusted until the next keyframe, but no longer than this."""


def _not_memory(error: Exception) -> None:
    """Let a lack of memory be what it is: counted as damage it would cost every picture."""
    if isinstance(error, MemoryError):
        raise error


@dataclass(frozen=True, slots=True)
class PyavDecoded(Decoded):
    """A picture still in the decoder's format."""

    frame: Any
    look: picture.Look
    made: list[Picture] = field(default_factory=list, compare=False, repr=False)

    def luma(self) -> Picture:
        """Return a view of the luma plane."""
        return picture.luma_view(self.frame)[0]

    def small_luma(self) -> Picture:
        """Return the luma halved; made once."""
        if not self.made:
            self.made.append(np.asarray(picture.halved(self.luma(), picture.MEASURE_PX), np.uint8))
        return self.made[0]

    def small_planes(self, max_side: int) -> tuple[Picture, Picture, Picture]:
        """Shrink by area averaging."""
        size_wh = small_size(self.frame.width, self.frame.height, max_side)
        return picture.small_planes(self.frame, size_wh, self.small_luma())

    def rgb(self) -> Picture:
        """Convert to what a person should see."""
        return picture.to_rgb(self.frame, self.look)


class Deinterlacer:
    """bwdif over a run of frames; one frame out for each frame in, times kept."""

    def __init__(self, time_base: Any, every: bool) -> None:
        """Prepare; the graph is built from the first frame.

        Args:
            every: treat all frames, not only those that the decoder calls interlaced.
        """
        self.time_base = time_base
        self.which = "all" if every else "interlaced"
        self.shape: tuple[int, int, str] | None = None
        self.graph: Any = None

    def push(self, frame: Any) -> Iterator[Any]:
        """Take a frame, or None at the end; yield those that are ready."""
        if frame is not None:
            shape = (frame.width, frame.height, frame.format.name)
            if shape != self.shape:
                yield from self.push(None)
                self._build(shape, frame)
        elif self.graph is None:
            return
        self.graph.vpush(frame)
        with contextlib.suppress(av.error.BlockingIOError, EOFError):
            while True:
                out = self.graph.vpull()
                out.pts = round(out.pts * out.time_base / self.time_base)
                yield out
        if frame is None:
            self.graph, self.shape = None, None

    def _build(self, shape: tuple[int, int, str], frame: Any) -> None:
        """Make the filter graph for frames of one size and format."""
        self.graph, self.shape = av.filter.Graph(), shape
        self.graph.threads = 1
        source = self.graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=self.time_base
        )
        weave = self.graph.add("bwdif", f"mode=send_frame:parity=auto:deint={self.which}")
        sink = self.graph.add("buffersink")
        source.link_to(weave)
        weave.link_to(sink)
        self.graph.configure()


class PyavReader(Reader):
    """Read a file with PyAV."""

    index: PacketIndex

    def __init__(self, path: Path, info: VideoInfo) -> None:
        """Open the file and read its packet times."""
        self.path, self.info = path, info
        self.look = picture.look_of(info)
        self.errors, self._bad_until, self._bad_until_key = 0, NEVER, False
        with open_container(path) as container:
            stream = picture_stream(container, path, info.stream_no)
            self._watcher = Watcher.of(stream)
            see = None if self._watcher is None else self._watcher.see
            self.index = build_index(container, stream, see)
            # Flagged by the container but not by the decoder: every frame must be treated.
            self.weave_all = info.interlaced and stream.codec_context.field_order > 1
        self._stack = ExitStack()
        self._container: Any = None
        self._stream: Any = None
        self._leave: Set[int] = frozenset()

    def close(self) -> None:
        """Close the file."""
        self._stack.close()
        self._container = self._stream = None

    def _rewind(self) -> None:
        """Open the file afresh: not every container can seek back to its beginning."""
        self._stack.close()
        self.errors, self._bad_until, self._bad_until_key = 0, NEVER, False
        self._container = self._stack.enter_context(open_container(self.path))
        self._stream = picture_stream(self._container, self.path, self.info.stream_no)

    def leaves(self, params: ExtractParams) -> frozenset[int]:
        """Return what no other picture is built on; see Reader.leaves."""
        if not self.index.timed:  # times are counted by pictures, so none may be missing
            return frozenset()
        return leaves(self._watcher, self.info, params)

    def frames(
        self,
        start_pts: int | None = None,
        keyframes_only: bool = False,
        seek: bool = True,
        leave: Set[int] = frozenset(),
    ) -> Iterator[Decoded]:
        """Yield pictures; see Reader.frames."""
        self._leave = leave
        if keyframes_only and self.index.timed:
            judged: Iterator[tuple[Any, bool]] = (
                (frame, frame.is_corrupt) for frame in self._keyframes(start_pts)
            )
        else:
            judged = self._judged(self._full(start_pts, seek))
        last = None
        for frame, smeared in judged:
            if start_pts is not None and frame.pts < start_pts:
                self.errors = 0
                continue
            if last is not None and frame.pts <= last:
                self.errors += 1
                continue
            if keyframes_only and not frame.key_frame:
                continue
            last = frame.pts
            yield self._wrap(frame, smeared)

    def _judged(self, frames: Iterator[Any]) -> Iterator[tuple[Any, bool]]:
        """Yield (frame, whether to distrust it).

        A picture shown before a damaged one may have been decoded after it and lean on it, so as
        many are held back as the codec reorders.
        """
        held: deque[tuple[Any, bool]] = deque()
        for frame in frames:
            depth = min(self._stream.codec_context.reorder_depth or 0, DEEPEST)
            if frame.is_corrupt:
                self._distrust(frame.pts)
            elif frame.key_frame:
                self._bad_until_key = False
            smeared = frame.is_corrupt or self._bad_until_key or frame.pts < self._bad_until
            if smeared:
                held = deque((earlier, True) for earlier, _ in held)
            held.append((frame, smeared))
            while len(held) > depth:
                yield held.popleft()
        yield from held

    def _distrust(self, pts: int | None) -> None:
        """Note damage at a time: what follows leans on it until the next keyframe."""
        if pts is None or not self.index.timed:
            self._bad_until_key = True
            return
        keys = self.index.keyframe_pts
        later = int(np.searchsorted(keys, pts, side="right"))
        until = pts + round(LONGEST_SMEAR_S / self.index.time_base)
        if later < len(keys):
            until = min(until, int(keys[later]))
        self._bad_until = max(self._bad_until, until)

    def _wrap(self, frame: Any, smeared: bool) -> Decoded:
        """Return a frame as the contract's picture."""
        return PyavDecoded(
            frame.pts,
            self.index.time_s(frame.pts),
            bool(frame.key_frame),
            smeared,
            self.look.full or frame.format.is_rgb,
            frame,
            self.look,
        )

    def _full(self, start_pts: int | None, seek: bool) -> Iterator[Any]:
        """Yield all frames from start_pts on, or from before it where seeking is not safe."""
        landing = self.index.landing(start_pts) if start_pts is not None and seek else None
        if landing is not None and start_pts is not None:
            frames = self._pass(landing)
            head = self._skip(frames, start_pts, landing)
            if head is not None:
                yield head
                yield from frames
                return
        yield from self._pass(None)

    def _skip(self, frames: Iterator[Any], start_pts: int, landing: int) -> Any:
        """Return the first frame from start_pts on, or None if the seek overshot or did harm."""
        first = True
        for frame in frames:
            if first and frame.pts > landing:
                return None
            if frame.pts >= start_pts:
                return None if self.errors else frame
            if frame.is_corrupt and frame.pts >= landing:
                return None
            first = False
        return None

    def _pass(self, landing: int | None) -> Iterator[Any]:
        """Yield progressive frames with times, from a keyframe or from the beginning."""
        self._rewind()
        if landing is not None:
            try:
                self._container.seek(landing, stream=self._stream)
            except DAMAGE:
                return
        yield from self._woven(self._timed(self._decode()))

    def _decode(self) -> Iterator[Any]:
        """Yield frames packet by packet; count those that fail."""
        context, leave, leaving = self._stream.codec_context, self._leave, False
        for packet in packets(self._container, self._stream):
            if (packet.pts in leave) != leaving:
                leaving = not leaving
                # The decoder still sees the packet: it may bring new parameters.
                context.skip_frame = "NONREF" if leaving else "DEFAULT"
            try:
                frames = context.decode(packet if packet.size else None)
            except DAMAGE as error:
                _not_memory(error)
                self.errors += packet.size > 0
                self._distrust(packet.pts)
                continue
            yield from frames
            if packet.size == 0:
                return

    def _timed(self, frames: Iterator[Any]) -> Iterator[Any]:
        """Yield frames that have a PTS; where the file tells none, count."""
        for count, frame in enumerate(frames):
            if not self.index.timed:
                if count >= len(self.index.pts):
                    return
                frame.pts = int(self.index.pts[count])
            if frame.pts is None:
                self.errors += 1
                continue
            yield frame

    def _woven(self, frames: Iterator[Any]) -> Iterator[Any]:
        """Yield progressive frames."""
        if not self.info.interlaced:
            yield from frames
            return
        filter_ = Deinterlacer(self.index.time_base, self.weave_all)
        for frame in frames:
            yield from filter_.push(frame)
        yield from filter_.push(None)

    def _keyframes(self, start_pts: int | None) -> Iterator[Any]:
        """Yield keyframes, each decoded alone: VP9's decoder knows no skipping, so packets are
        chosen, and a flush after each keeps it from waiting for the pictures between."""
        self._rewind()
        context = self._stream.codec_context
        for packet in packets(self._container, self._stream):
            if not packet.size or not packet.is_keyframe or packet.pts is None:
                continue
            if packet.is_discard or (start_pts is not None and packet.pts < start_pts):
                continue
            try:
                frames = [*context.decode(packet), *context.decode(None)]
            except DAMAGE as error:
                _not_memory(error)
                self.errors += 1
                frames = []
            context.flush_buffers()
            for frame in frames[:1]:
                if frame.pts is None:
                    frame.pts = packet.pts
                yield from self._alone(frame)

    def _alone(self, frame: Any) -> Iterator[Any]:
        """Yield one frame made progressive without its neighbours."""
        if not self.info.interlaced:
            yield frame
            return
        filter_ = Deinterlacer(self.index.time_base, self.weave_all)
        yield from filter_.push(frame)
        yield from filter_.push(None)


