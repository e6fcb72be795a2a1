"""The records that travel between rooms: frozen, validated, numpy only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Value = float | int | str | bytes | None
"""What one signal column can hold; missing is None, never a sentinel."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A named part of a video, in seconds from the file's first picture, as a player counts."""

    title: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class PictureStream:
    """One of the picture streams of a file, cover art not counted.

    Attributes:
        no: its place among them, from 1: what `--stream` takes.
        width, height: coded size in pixels.
        title: what the file calls it, or "".
        best: the one that is used where nobody chooses.
    """

    no: int
    codec: str
    width: int
    height: int
    fps: Fraction | None
    title: str
    best: bool


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a container says about its picture stream, before a frame is decoded.

    Attributes:
        key: hex digest of the file's content: moving or renaming a video changes nothing.
        width, height: coded size in pixels, before rotation and sample aspect.
        display_wh: size in pixels of a stored frame: rotated, square pixels.
        rotation_deg: clockwise turn that makes the picture upright: 0, 90, 180 or 270.
        mirrored: left and right change places after that turn, as selfie cameras ask for.
        sar: sample aspect ratio of the coded picture.
        fps: average rate as the container tells it; None when it does not.
        time_base: seconds per PTS tick.
        start_pts: PTS of the first frame, in ticks; may be negative or far from zero.
        n_frames: number of picture packets counted in the file.
        hdr: "pq", "hlg" or "" for standard range.
        peak_nits: brightest light that the file promises, in cd/m2; None where it is silent.
        stream_no: which of `streams` this is about; 0 in records of older versions: the best.
        active_xyxy_px: the picture without burnt-in black bars, in pixels of `display_wh`; None
            where there are no bars.
    """

    path: Path
    key: str
    size_bytes: int
    container: str
    codec: str
    width: int
    height: int
    display_wh: tuple[int, int]
    rotation_deg: int
    sar: Fraction
    fps: Fraction | None
    time_base: Fraction
    start_pts: int
    duration_s: float
    n_frames: int
    pixel_format: str
    color_transfer: str
    color_primaries: str
    color_space: str
    color_range: str
    hdr: str
    interlaced: bool
    variable_rate: bool
    n_video_streams: int
    has_audio: bool
    warnings: tuple[str, ...] = ()
    mirrored: bool = False
    peak_nits: float | None = None
    stream_no: int = 0
    streams: tuple[PictureStream, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    active_xyxy_px: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class FileSum:
    """A file as it was written: SHA-256 (32 bytes), size, and time of the last change."""

    sha256: bytes
    n_bytes: int
    mtime_ns: int

    def is_of(self, told: os.stat_result) -> bool:
        """Return whether a file is still that one, by size and time."""
        return told.st_size == self.n_bytes and told.st_mtime_ns == self.mtime_ns


@dataclass(frozen=True, slots=True)
class StillSource:
    """All that is needed to make the stills of a video again, byte for byte.

    Attributes:
        mtime_ns: time of the file when it was looked at; with its size it tells whether it is the
            same. None when that is not known: its content is then read.
        reader, keyframes_only, jpeg_quality: as it was extracted with.
        seek: False for a file with damage, which must be decoded from its beginning.
    """

    info: VideoInfo
    mtime_ns: int | None
    reader: str = "pyav"
    keyframes_only: bool = False
    jpeg_quality: int = 95
    seek: bool = True


@dataclass(frozen=True, slots=True)
class Frame:
    """One still, identified by where it came from rather than when we saw it.

    Attributes:
        id: row number in this catalogue; not stable between catalogues.
        key: "<video content key>:<pts>", stable everywhere.
        pts: presentation time in the stream's time base: exact, VFR-safe.
        time_s: pts in seconds, for people.
        path: absolute path of the stored JPEG, or of where it lies once it is made.
        active_xyxy_px: the part of it that is measured, without burnt-in bars; None for all of it.
        source: what to make the JPEG from when it is not there; None for a person's own picture.
    """

    id: int
    key: str
    video_id: int
    pts: int
    time_s: float
    path: Path
    width: int
    height: int
    active_xyxy_px: tuple[int, int, int, int] | None = None
    source: StillSource | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Boxes:
    """Detections in one picture, in pixels of that picture.

    Attributes:
        xyxy_px: (n, 4) float32 left, top, right, bottom.
        score: (n,) float32 in 0..1.
        label: n names.
        keypoints: (n, k, c) float32, or None; c is 2 for x, y and more for visibility, depth.
        extra: n small JSON-able mappings (second opinions, blendshapes), or None.
    """

    xyxy_px: npt.NDArray[np.float32]
    score: npt.NDArray[np.float32]
    label: tuple[str, ...]
    keypoints: npt.NDArray[np.float32] | None = None
    extra: tuple[Mapping[str, Any], ...] | None = None

    def __post_init__(self) -> None:
        """Check that all parts speak of the same number of detections."""
        n = len(self.label)
        if self.xyxy_px.shape != (n, 4) or self.xyxy_px.dtype != np.float32:
            shape, dtype = self.xyxy_px.shape, self.xyxy_px.dtype
            raise ValueError(f"xyxy_px must be ({n}, 4) float32, got {shape} {dtype}")
        if self.score.shape != (n,) or self.score.dtype != np.float32:
            raise ValueError(f"score must be ({n},) float32, got {self.score.shape}")
        if self.keypoints is not None and (
            self.keypoints.ndim != 3
            or len(self.keypoints) != n
            or self.keypoints.dtype != np.float32
        ):
            raise ValueError(f"keypoints must be ({n}, k, c) float32, got {self.keypoints.shape}")
        if self.extra is not None and len(self.extra) != n:
            raise ValueError(f"extra must have {n} entries, got {len(self.extra)}")

    def __len__(self) -> int:
        """Return the number of detections."""
        return len(self.label)

    @staticmethod
    def empty(k: int | None = None, c: int = 3) -> Boxes:
        """Return no detections, with k keypoints of c values each if k is given."""
        keypoints = None if k is None else np.zeros((0, k, c), np.float32)
        return Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), (), keypoints)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one step found in one picture: named values, and boxes if it detects."""

    signals: Mapping[str, Value] = field(default_factory=dict)
    boxes: Boxes | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """One step's answer for one frame: a measurement, or the reason there is none."""

    frame_id: int
    step: str
    measured: Measured | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """One beat of a verb: printed by a script, recorded by a job, listed by a test.

    Attributes:
        stage: what is being done, e.g. "extract".
        done, total: in `unit`; total is 0 while unknown.
        rate_per_s, eta_s: of this run; None until there is something to say.
        note: one line for a person.
        failed: the item that failed just now, with its reason, or None.
        summary: JSON-able outcome; only on the last beat.
    """

    stage: str
    done: float = 0
    total: float = 0
    unit: str = "frames"
    rate_per_s: float | None = None
    eta_s: float | None = None
    note: str = ""
    failed: tuple[str, str] | None = None
    summary: Mapping[str, Any] | None = None


def ended(verb: str, summary: Mapping[str, Any], failed: Mapping[str, str]) -> Progress:
    """Return the last beat of a verb: what it did, and each item that failed with its reason."""
    items = [{"item": item, "reason": reason} for item, reason in failed.items()]
    return Progress(verb, summary={"verb": verb, **summary, "failed_items": items})
