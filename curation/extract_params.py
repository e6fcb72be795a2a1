"""The tunables of a run and of 01, apart for their length; curation.params gives them on."""

from __future__ import annotations

from typing import Any, Literal

from curation.tunables import Params, tunable


class RunParams(Params):
    """How a run uses the machine; never changes a number."""

    workers: int = tunable(0, "worker processes; 0 picks one per core", ge=0, le=256, cached=False)


class ExtractParams(RunParams):
    """01: which frames of a video are stored."""

    mode: Literal["sharpest", "every", "fps", "keyframes", "shots"] = tunable(
        "sharpest",
        "sharpest frame of each time window, every n-th frame, a fixed rate, keyframes, "
        "or start, middle and end of each shot",
        basic=True,
    )
    fps: float = tunable(
        2.0,
        "windows per second (sharpest) or frames per second (fps)",
        ge=0.01,
        le=120,
        unit="1/s",
        basic=True,
    )
    every: int = tunable(
        25, "store each n-th frame (mode every)", ge=1, le=100_000, unit="frames", basic=True
    )
    start_s: float | None = tunable(None, "first moment to look at", ge=0, unit="s", basic=True)
    end_s: float | None = tunable(None, "last moment to look at", ge=0, unit="s", basic=True)
    chapter: int = tunable(
        0, "look at this chapter of the video only, counted from 1; 0 for all of it", ge=0, le=1000,
        later=True,
    )
    stream: int = tunable(
        0,
        "which of several picture streams, counted from 1; 0 takes the best, another one takes "
        "its place",
        ge=0,
        le=99,
        cached=False,
    )
    bars: Literal["skip", "keep"] = tunable(
        "skip", "leave black bars that are burnt in out of all measures, or count them as picture",
        later=True,
    )
    exact: bool = tunable(
        False,
        "decode every picture, also those that no other is built on and that are coded worst; "
        "without it they are passed over in H.264 and HEVC (modes sharpest and fps)",
    )
    reader: Literal["pyav", "decord"] = tunable(
        "pyav", "decoder; decord only for files whose times are finite and rising"
    )
    shot_threshold: float = tunable(
        3.0, "how far a cut must stand out from its neighbours (AdaptiveDetector)", ge=1, le=20
    )
    shot_min_content: float = tunable(
        15.0, "least change of picture content that can be a cut", ge=0, le=255
    )
    shot_min_s: float = tunable(0.3, "shortest shot", ge=0, le=60, unit="s")
    black_level: float = tunable(
        12.0, "mean luma (0-255) under which a flat frame is black", ge=0, le=255
    )
    blank_spread: float = tunable(
        3.0, "standard deviation of luma under which a frame is blank", ge=0, le=128
    )
    frozen_change: float = tunable(
        2.0,
        "largest change of any of 64 x 64 luma cells under which a frame repeats the one before",
        ge=0,
        le=255,
    )
    full_frames: Literal["all", "picks"] = tunable(
        "all",
        "keep every frame at full size on disk, or small pictures of all and make full-size ones "
        "from the video when they are needed: for picks, exports and on request",
        cached=False,
    )
    jpeg_quality: int = tunable(95, "quality of the stored JPEG", ge=50, le=100)
    thumb_px: int = tunable(320, "longer side of a thumbnail", ge=64, le=1024, unit="px")

    @property
    def may_skip(self) -> bool:
        """Whether pictures may be passed over where a file allows it."""
        return not self.exact and self.mode in ("sharpest", "fps") and self.reader == "pyav"

    def cache_dict(self) -> dict[str, Any]:
        """Return what can change a result; what was made before `exact` was a choice is exact."""
        values = super().cache_dict()
        if not self.may_skip:
            values.pop("exact")
        return values

    def told(self) -> str:
        """Return all values as JSON, but for those that only say how a run uses the machine."""
        return self.model_dump_json(exclude=set(RunParams.model_fields))
