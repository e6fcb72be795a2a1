"""The opt-in reader: decord, for well-behaved files only.

decord reads a file in order here and never seeks: on open GOPs and on streams without an index its
seeking returns other pictures than it was asked for. It also gives no sign of damage, knows no
deinterlacing and no wide gamut, and counts times from zero; what it cannot do right is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from curation.errors import StepUnavailable, VideoUnreadable
from curation.records import VideoInfo
from curation.video import picture
from curation.video.index import build_index
from curation.video.probe import open_container, picture_stream
from curation.video.readers.base import Decoded, Picture, Reader, small_size

HINT = "--reader pyav"
STREAMS = ("mpegts", "mpeg", "flv")
SAME_PICTURE = 12.0
"""Mean difference of 8-bit luma under which two decoders show the same picture."""


@dataclass(frozen=True, slots=True)
class DecordDecoded(Decoded):
    """A picture that decord has converted and turned upright."""

    upright: Picture
    look: picture.Look

    def luma(self) -> Picture:
        """Return the luma of the converted picture; decord has turned it upright."""
        return np.asarray(cv2.cvtColor(self.upright, cv2.COLOR_RGB2GRAY), np.uint8)

    def small_planes(self, max_side: int) -> tuple[Picture, Picture, Picture]:
        """Shrink by area averaging; decord has turned it upright."""
        height, width = self.upright.shape[:2]
        size_wh = small_size(width, height, max_side)
        small = cv2.resize(self.upright, size_wh, interpolation=cv2.INTER_AREA)
        return picture.planes_of(np.asarray(small[..., ::-1], np.uint8))

    def rgb(self) -> Picture:
        """Stretch to square pixels."""
        return picture.square(self.upright, self.look)


class DecordReader(Reader):
    """Read a file with decord."""

    def __init__(self, path: Path, info: VideoInfo) -> None:
        """Open the file; refuse it where decord would give other pictures or times than PyAV.

        Raises:
            StepUnavailable: when decord is not installed.
            VideoUnreadable: when the file is not for decord.
        """
        try:
            import decord
        except ImportError as error:
            raise StepUnavailable(
                f"the decord reader is not installed: {error}", "pip install decord"
            ) from error
        _refuse_unfit(path, info)
        self.path, self.info, self.errors = path, info, 0
        look = picture.look_of(info)
        # decord turns pictures itself, so what is left is to stretch the other axis.
        sideways = info.rotation_deg in (90, 270)
        self.look = picture.Look(
            0, 1 / look.sar if sideways else look.sar, look.matrix, True, "", False
        )
        with open_container(path) as container:
            self.index = build_index(container, picture_stream(container, path, info.stream_no))
        if not self.index.timed:
            raise VideoUnreadable(f"{path}: decord needs picture times, it tells none", HINT)
        self._decord = decord
        # decord's own errors share no base with anything but Exception.
        self._damage = (decord.DECORDError, decord.DECORDLimitReachedError, RuntimeError)
        self._check(self._open())

    def _open(self) -> Any:
        """Return a decoder at the first picture."""
        try:
            context = self._decord.cpu(0)
            return self._decord.VideoReader(str(self.path), ctx=context, num_threads=1)
        except (*self._damage, AssertionError, TypeError) as error:
            raise VideoUnreadable(f"{self.path}: decord cannot open it", HINT) from error

    def _check(self, video: Any) -> None:
        """Refuse a file whose times or first picture decord gets wrong."""
        pts = self.index.pts
        if len(video) != len(pts):
            raise VideoUnreadable(
                f"{self.path}: decord counts {len(video)} pictures, there are {len(pts)}", HINT
            )
        told = video.get_frame_timestamp(np.arange(len(pts)))[:, 0].astype(np.float64)
        if not np.isfinite(told).all() or (np.diff(told) <= 0).any():
            raise VideoUnreadable(
                f"{self.path}: decord's picture times are not finite and rising", HINT
            )
        true = (pts - pts[0]) * float(self.index.time_base)
        step = float(np.median(np.diff(true))) if len(true) > 1 else 1.0
        if np.abs(told - told[0] - true).max() > 0.25 * step + 1e-6 * true[-1]:
            raise VideoUnreadable(f"{self.path}: decord's picture times are wrong", HINT)
        from curation.video.readers.pyav import PyavReader

        with PyavReader(self.path, self.info) as reader:
            want = next(reader.frames(), None)
            have = self._picture(video)
            if want is None or have is None or not _alike(want.rgb(), have, self.look):
                raise VideoUnreadable(f"{self.path}: decord's first picture is another", HINT)

    def close(self) -> None:
        """Nothing stays open between passes."""

    def frames(
        self,
        start_pts: int | None = None,
        keyframes_only: bool = False,
        seek: bool = True,
        leave: Set[int] = frozenset(),
    ) -> Iterator[Decoded]:
        """Yield pictures; see Reader.frames. Always decodes from the beginning, and everything.

        Raises:
            VideoUnreadable: where the file is damaged.
        """
        self.errors = 0
        video = self._open()
        pts = self.index.pts
        first = 0 if start_pts is None else int(np.searchsorted(pts, start_pts))
        keys = set(self.index.keyframe_pts.tolist())
        for i in range(len(pts)):
            wanted = i >= first and (not keyframes_only or int(pts[i]) in keys)
            rgb = self._picture(video)
            if rgb is None:
                at = self.index.time_s(int(pts[i]))
                raise VideoUnreadable(f"{self.path}: decord cannot read on at {at:.3f} s", HINT)
            if wanted:
                yield DecordDecoded(
                    int(pts[i]), self.index.time_s(int(pts[i])), int(pts[i]) in keys, False, True,
                    rgb, self.look,
                )

    def _picture(self, video: Any) -> Picture | None:
        """Return the next picture, or None where decord gives up."""
        try:
            return np.asarray(video.next().asnumpy(), np.uint8)
        except (*self._damage, StopIteration):
            return None


def _refuse_unfit(path: Path, info: VideoInfo) -> None:
    """Refuse what decord has no treatment for."""
    if info.hdr or info.color_primaries == "bt2020":
        raise VideoUnreadable(f"{path}: decord cannot show its wide colours", HINT)
    if not info.color_space and picture.look_of(info).matrix == picture.MATRIX_CODES["bt709"]:
        raise VideoUnreadable(f"{path}: decord would take its untagged HD colours for SD", HINT)
    if info.mirrored:
        raise VideoUnreadable(f"{path}: decord cannot mirror", HINT)
    if any(not stream.best and stream.no == info.stream_no for stream in info.streams):
        raise VideoUnreadable(f"{path}: decord reads the best picture stream only", HINT)
    if info.interlaced:
        raise VideoUnreadable(f"{path}: decord cannot deinterlace", HINT)
    if any(name in info.container.split(",") for name in STREAMS):
        raise VideoUnreadable(f"{path}: decord loses pictures of {info.container} streams", HINT)


def _alike(want: Picture, have: Picture, look: picture.Look) -> bool:
    """Return whether two decoders' pictures show the same."""
    have = picture.square(have, look)
    if want.shape != have.shape:
        return False
    grays = [cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) for rgb in (want, have)]
    return bool(np.abs(grays[0] - grays[1]).mean() < SAME_PICTURE)
