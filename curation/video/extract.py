"""Stills of one video, in chunks that can each be committed: resuming gives the same as going on.

    for chunk in extract_video(ExtractTask(path, out_dir, info, params)):
        commit(chunk)                       # files are on disk already
    ...
    extract_video(ExtractTask(path, out_dir, info, params, carry=last_committed.carry))

A chunk ends with a 10 s stretch of video or after 64 stills, and never inside a sampling window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curation.errors import VideoUnreadable
from curation.params import ExtractParams
from curation.records import FileSum, VideoInfo
from curation.video.carry import Carry
from curation.video.pickers import Pick, Picker, make_picker
from curation.video.plan import pictures_at
from curation.video.pulse import beat
from curation.video.readers import Reader, open_reader
from curation.video.sampling import asked_range, frame_name, shot_picks
from curation.video.shots import SMALL_PX, WARM, CutMeter, Shot, find_cuts, finish_shots
from curation.video.still import (
    PROXY_PX,
    PROXY_QUALITY,
    chroma_of,
    flaw,
    jpeg,
    measure,
    save,
    thumbnail,
)

__all__ = ["Chunk", "ExtractTask", "ExtractedFrame", "Shot", "extract_video", "finish_shots"]

CHUNK_S, CHUNK_STILLS = 10, 64


@dataclass(frozen=True)
class ExtractTask:
    """One video to extract; everything in it can be sent to another process.

    Attributes:
        carry: of the last committed chunk, to go on after it.
        spool: write JPEGs at full size for a while, although they are not to be kept.
    """

    path: Path
    out_dir: Path
    info: VideoInfo
    params: ExtractParams
    carry: bytes | None = None
    spool: bool = False

    def digest(self) -> str:
        """Return what a carry must agree with."""
        return f"{self.info.key}:{self.params.digest()}"


@dataclass(frozen=True)
class ExtractedFrame:
    """One sampled picture: what becomes a file in the task's folder, or why it does not.

    Attributes:
        ordinal: the picture's place in presentation order in the file.
        file: name that the JPEG has once it is made, None when there is a reason.
        reason: "black", "blank", "frozen" or None.
        width, height: of the picture as stored, in pixels.
        sharpness: variance of the Laplacian at 640 to 1279 px.
        thumb: a small JPEG, None when there is a reason.
        proxy: a less small one when no JPEG was made at full size.
        made: what that file is, None where none was made.
    """

    pts: int
    time_s: float
    ordinal: int
    file: str | None
    reason: str | None
    width: int
    height: int
    sharpness: float
    luma_mean: float
    luma_std: float
    thumb: bytes | None
    proxy: bytes | None = None
    made: FileSum | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Chunk:
    """What one stretch of a video gave.

    Attributes:
        score_pts, scores: (n,) the cut meter's numbers that became certain.
        carry: all that is needed to go on after this chunk.
        time_s: seconds of the asked range that are done.
        decoded, errors: sound pictures, and packets or pictures lost to damage, up to here.
        shots: on the last chunk of a run that began at the beginning; else use finish_shots.
        first_still: signature of its first stored still, None without one.
    """

    frames: list[ExtractedFrame]
    score_pts: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
    carry: bytes
    time_s: float
    decoded: int
    errors: int
    done: bool
    shots: list[Shot] = field(default_factory=list)
    first_still: bytes | None = None


def extract_video(task: ExtractTask) -> Iterator[Chunk]:
    """Yield the stills of a video, chunk by chunk, from its beginning or after task.carry.

    Raises:
        VideoUnreadable: when no picture at all can be decoded.
        NoSpace: when the disk is full.
    """
    with open_reader(task.path, task.info, task.params.reader) as reader:
        yield from _Extraction(task, reader).run()


class _Extraction:
    """One pass (or two, for shots) over one video."""

    def __init__(self, task: ExtractTask, reader: Reader) -> None:
        self.task, self.reader = task, reader
        self.info, self.params = task.info, task.params
        digest = task.digest()
        self.state = Carry(digest) if task.carry is None else Carry.unpack(task.carry, digest)
        self.whole = task.carry is None
        self.chunk_at = self.state.after_pts
        self.first_pts, self.last_pts = asked_range(self.params, self.info)
        # Frames of all streams of a file may share a folder.
        other = any(s.no == self.info.stream_no and not s.best for s in self.info.streams)
        self.stem = task.path.stem + (f"_stream{self.info.stream_no}" if other else "")
        self.chroma = chroma_of(self.info.pixel_format)
        self.leave = reader.leaves(task.params)
        self.frames: list[ExtractedFrame] = []
        self.first_still: bytes | None = None
        self.numbers: list[tuple[int, float]] = []
        self.all_numbers: list[tuple[int, float]] = []

    def run(self) -> Iterator[Chunk]:
        """Yield chunks; see extract_video."""
        if self.params.mode == "shots":
            yield from self._by_shots()
            return
        yield from self._pass(make_picker(self.params, self.info, self.reader.index), self.state)
        yield self._last_chunk()

    def _by_shots(self) -> Iterator[Chunk]:
        """Find the shots in a first pass, take their stills in a second."""
        if self.state.targets is None:
            # The cuts need all numbers, which a carry does not hold: measure again from the
            # beginning, and keep quiet about what was committed.
            done_pts, self.state = self.state.after_pts, Carry(self.state.task)
            self.chunk_at = None
            for chunk in self._pass(None, self.state):
                if done_pts is None or (self.state.after_pts or 0) > done_pts:
                    yield chunk
            pts, scores = self._arrays(self.all_numbers)
            edges = [*find_cuts(pts, scores, self.info, self.params), None]
            self.state.targets = []
            begin = 0
            for edge in edges:
                end = len(pts) if edge is None else int(np.searchsorted(pts, edge))
                self.state.targets += shot_picks([int(p) for p in pts[begin:end]])
                begin = end
            yield self._chunk(done=False)
        yield from self._second_pass(self.state.targets)
        yield self._last_chunk()

    def _second_pass(self, targets: list[int]) -> Iterator[Chunk]:
        """Take the stills at exact times, decoding no more than a plan needs."""
        seek = not self.state.damaged
        for decoded in pictures_at(self.reader, list(targets), seek):
            if not decoded.corrupt:
                self._keep(Pick(decoded, measure(decoded)))
            while targets and targets[0] <= decoded.pts:
                targets.pop(0)
            if len(self.frames) >= CHUNK_STILLS:
                yield self._chunk(done=False)
        targets.clear()

    def _pass(self, picker: Picker | None, state: Carry) -> Iterator[Chunk]:
        """Decode, measure and pick over the range; yield full chunks, keep the rest."""
        keyframes_only = self.params.mode == "keyframes"
        meter = None if keyframes_only else CutMeter()
        recent = deque(state.recent_pts, WARM)
        if picker is not None:
            picker.window = state.window
        begin = self.first_pts if state.after_pts is None else (recent or [state.after_pts])[0]
        lost_before, resumed = state.damaged, state.after_pts
        hidden = None
        found = self.reader.frames(begin, keyframes_only, not state.damaged, self.leave)
        for decoded in found:
            beat()
            if resumed is not None and decoded.pts <= resumed:
                if meter is not None and not decoded.corrupt:
                    self._note(meter.push(decoded.pts, decoded.small_planes(SMALL_PX)))
                continue
            if self.last_pts is not None and decoded.pts > self.last_pts:
                break
            if hidden is None:
                # What was lost on the way to the first new picture is in the carry already.
                hidden = self.reader.errors if resumed is not None else 0
            state.damaged = max(state.damaged, lost_before + self.reader.errors - hidden)
            if decoded.corrupt:
                lost_before += 1
                state.damaged += 1
                state.after_pts = decoded.pts
                continue
            if picker is not None:
                self._keep(picker.close_before(decoded))
            if self._full(decoded.pts, picker):
                state.recent_pts = list(recent)
                yield self._chunk(done=False)
            if meter is not None:
                self._note(meter.push(decoded.pts, decoded.small_planes(SMALL_PX)))
            if picker is not None:
                self._keep(picker.take(decoded))
                state.window = picker.window
            recent.append(decoded.pts)
            state.after_pts = decoded.pts
            state.decoded += 1
        if picker is not None:
            self._keep(picker.finish())
        if meter is not None:
            self._note(meter.flush())
        state.recent_pts = list(recent)
        if hidden is not None:
            state.damaged = max(state.damaged, lost_before + self.reader.errors - hidden)

    def _full(self, next_pts: int, picker: Picker | None) -> bool:
        """Return whether a chunk ends before a picture."""
        after = self.state.after_pts
        if after is None or after == self.chunk_at or (picker is not None and picker.is_open):
            return False
        if len(self.frames) >= CHUNK_STILLS:
            return True
        return self._stretch(next_pts) > self._stretch(after)

    def _stretch(self, pts: int) -> int:
        """Return the number of the 10 s stretch that a picture is in."""
        base = self.info.time_base
        return (pts - self.info.start_pts) * base.numerator // (base.denominator * CHUNK_S)

    def _note(self, numbers: Iterator[tuple[int, float]]) -> None:
        """Keep the cut meter's numbers that are new."""
        for pts, number in numbers:
            if self.state.scored_pts is None or pts > self.state.scored_pts:
                self.numbers.append((pts, number))
                self.state.scored_pts = pts
                if self.whole or self.params.mode == "shots":
                    self.all_numbers.append((pts, number))

    def _keep(self, pick: Pick | None) -> None:
        """Write a still, or note why not."""
        if pick is None:
            return
        decoded, found = pick.decoded, pick.measures
        ordinal = self.reader.index.ordinal(decoded.pts)
        reason = flaw(found, self.state.last_still, self.params)
        width, height = self.info.display_wh
        name, thumb, proxy, made = None, None, None, None
        if reason is None:
            rgb = decoded.rgb()
            height, width = rgb.shape[:2]
            name = frame_name(self.stem, ordinal, decoded.time_s)
            kept = self.params.full_frames == "all"
            if kept or self.task.spool:
                data = jpeg(rgb, self.params.jpeg_quality, self.chroma)
                saved = save(data, self.task.out_dir / name)
                made = saved if kept else None
            else:
                # One of an earlier extraction may have been made with other settings.
                (self.task.out_dir / name).unlink(missing_ok=True)
            proxy = None if kept else thumbnail(rgb, PROXY_PX, PROXY_QUALITY)
            thumb = thumbnail(rgb, self.params.thumb_px)
            self.state.last_still = found.signature
            self.first_still = self.first_still or found.signature.tobytes()
        self.frames.append(
            ExtractedFrame(
                decoded.pts, decoded.time_s, ordinal, name, reason, width, height,
                found.sharpness, found.luma_mean, found.luma_std, thumb, proxy, made,
            )
        )

    def _chunk(self, done: bool) -> Chunk:
        """Hand over what has come together since the last chunk."""
        state = self.state
        pts, scores = self._arrays(self.numbers)
        after = state.after_pts if state.after_pts is not None else self.first_pts
        time_s = max(float((after - self.first_pts) * self.info.time_base), 0.0)
        chunk = Chunk(
            self.frames, pts, scores, state.pack(), time_s, state.decoded, state.damaged, done,
            first_still=self.first_still,
        )  # fmt: skip
        self.first_still = None
        self.frames, self.numbers, self.chunk_at = [], [], state.after_pts
        return chunk

    def _last_chunk(self) -> Chunk:
        """Hand over the rest, with the shots where all numbers are at hand."""
        if self.state.decoded == 0:
            raise VideoUnreadable(f"{self.task.path}: {self._why_nothing()}")
        chunk = self._chunk(done=True)
        if self.whole and self.all_numbers:
            pts, scores = self._arrays(self.all_numbers)
            chunk.shots.extend(finish_shots(pts, scores, self.info, self.params))
        return chunk

    def _why_nothing(self) -> str:
        """Say why there is not one picture."""
        start, end = self.params.start_s, self.params.end_s
        if self.state.damaged == 0 and (start is not None or end is not None):
            until = f"{self.info.duration_s:.1f} s" if end is None else f"{end:g} s"
            return f"has no picture from {start or 0:g} s to {until}"
        return f"none of its {self.info.n_frames} pictures can be decoded"

    @staticmethod
    def _arrays(
        numbers: list[tuple[int, float]],
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return times and numbers as arrays."""
        pts = np.array([pts for pts, _ in numbers], np.int64)
        return pts, np.array([number for _, number in numbers], np.float32)
