"""Stills at exact times: which stretches of a file to decode for them, and the pictures themselves.

    for run in decode_plan(index, [900, 1800, 250_000]):
        run.landing, run.targets       # decode from that keyframe on until the last target
    with StillMaker(source) as maker:
        jpeg = maker.jpeg(pts)         # the bytes that extraction wrote, or would have written

Extraction's second pass and everything that makes a picture again go by the same plan, so both
give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from curation.errors import CurationError, VideoUnreadable
from curation.places import pointer
from curation.records import StillSource
from curation.video.index import PacketIndex
from curation.video.pulse import beat
from curation.video.readers import Decoded, Reader, open_reader
from curation.video.still import chroma_of, jpeg

HINT = "put the same file back, or extract the new one"


class VideoGone(CurationError):
    """The file that a still was taken from is not there any more, or is another one."""


class NoSuchStill(CurationError):
    """The file gives no picture at that time."""


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch to decode without a break.

    Attributes:
        landing: PTS of the keyframe to seek to, None for the beginning of the file.
        targets: rising PTS of the pictures wanted from it.
    """

    landing: int | None
    targets: tuple[int, ...]

    def pictures(self, index: PacketIndex) -> int:
        """Return how many pictures are decoded for it."""
        first = 0 if self.landing is None else index.ordinal(self.landing)
        return index.ordinal(self.targets[-1]) - first + 1


def decode_plan(index: PacketIndex, targets: Sequence[int], seek: bool = True) -> list[Run]:
    """Return what to decode for pictures at rising times, each stretch once.

    A new run begins where pictures between two targets can be passed over: where the keyframe to
    decode the next one from lies behind the last one. Seeking for each target alone would decode
    half of its group of pictures every time.

    Args:
        seek: False for a file with damage: only a decode from its beginning gives what the first
            one gave.
    """
    runs: list[Run] = []
    for target in targets:
        landing = index.landing(target) if seek else None
        if runs and (landing is None or landing <= runs[-1].targets[-1]):
            runs[-1] = Run(runs[-1].landing, (*runs[-1].targets, target))
        else:
            runs.append(Run(landing, (target,)))
    return runs


def pictures_at(
    reader: Reader, targets: Sequence[int], seek: bool = True, keyframes_only: bool = False
) -> Iterator[Decoded]:
    """Yield the pictures of a file at rising times; one that damage took is left out.

    Args:
        keyframes_only: as they came out of an extraction of keyframes, each decoded alone.
    """
    if keyframes_only:
        runs = [Run(None, tuple(targets))] if targets else []
    else:
        runs = decode_plan(reader.index, targets, seek)
    for run in runs:
        wanted, last = set(run.targets), run.targets[-1]
        for decoded in reader.frames(run.targets[0], keyframes_only, seek):
            beat()
            if decoded.pts in wanted:
                yield decoded
            if decoded.pts >= last:
                break


def check_source(source: StillSource) -> None:
    """Make sure that the file of a video is the one that its stills were taken from.

    Raises:
        VideoGone: it is not there, or holds something else now.
    """
    path = source.info.path
    try:
        size = pointer.size_bytes(path)
        time = path.stat().st_mtime_ns
    except (OSError, CurationError) as error:
        raise VideoGone(f"{path}: is gone, so its pictures cannot be made", HINT) from error
    if source.info.size_bytes and size != source.info.size_bytes:
        raise VideoGone(f"{path}: is another file than the one that was extracted", HINT)
    if source.mtime_ns != time and not _is_same(path, source):
        raise VideoGone(f"{path}: was changed since it was extracted", HINT)


def _is_same(path: Path, source: StillSource) -> bool:
    """Return whether a file of another time has the content that it had."""
    from curation.video.probe import content_key, stream_key

    key = content_key(path)
    return source.info.key in (key, stream_key(key, source.info.stream_no))


class StillMaker:
    """Makes the stills of one video again; best asked in the order of time.

    It keeps the file open where it stopped: the next still may lie a little further on.

    Raises:
        VideoGone: the file is not there, or not the same.
        VideoUnreadable: it cannot be opened any more.
    """

    def __init__(self, source: StillSource) -> None:
        check_source(source)
        self.source, info = source, source.info
        self.chroma = chroma_of(info.pixel_format)
        self.reader = open_reader(info.path, info, source.reader)
        self._frames: Iterator[Decoded] | None = None
        self._ahead: Decoded | None = None

    def jpegs(self, targets: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """Yield (PTS, JPEG) of pictures at rising times; one that is not found is left out."""
        self._frames = self._ahead = None
        for decoded in pictures_at(
            self.reader, targets, self.source.seek, self.source.keyframes_only
        ):
            yield decoded.pts, self._jpeg(decoded)

    def jpeg(self, pts: int) -> bytes:
        """Return the JPEG of one picture.

        Raises:
            NoSuchStill: the file gives no picture at that time.
        """
        decoded = self._go_to(pts)
        if decoded is None or decoded.pts != pts:
            info = self.source.info
            raise NoSuchStill(
                f"{info.path}: gives no picture at {float(pts * info.time_base):.3f} s any more",
                "extract it again",
            )
        return self._jpeg(decoded)

    def _go_to(self, pts: int) -> Decoded | None:
        """Return the first picture from a time on: further on, or from a keyframe."""
        at = None if self._ahead is None else self._ahead.pts
        landing = None
        if self.source.seek and not self.source.keyframes_only:
            landing = self.reader.index.landing(pts)
        if self._frames is None or at is None or pts < at or (landing is not None and at < landing):
            self._frames = self.reader.frames(pts, self.source.keyframes_only, self.source.seek)
            self._ahead = next(self._frames, None)
        while self._ahead is not None and self._ahead.pts < pts:
            beat()
            self._ahead = next(self._frames, None)
        return self._ahead

    def _jpeg(self, decoded: Decoded) -> bytes:
        return jpeg(decoded.rgb(), self.source.jpeg_quality, self.chroma)

    def close(self) -> None:
        """Close the file."""
        self._frames = self._ahead = None
        self.reader.close()

    def __enter__(self) -> Self:
        """Return the maker."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()


__all__ = [
    "NoSuchStill", "Run", "StillMaker", "VideoGone", "VideoUnreadable", "check_source",
    "decode_plan", "pictures_at",
]
