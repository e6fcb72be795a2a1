"""Thousands of different photographs for a large catalogue, cut from a few seconds of video.

Scenes of ten pictures each: one crop, tint and light of a clip, a few frames apart, so that the
pictures of a scene look alike and scenes do not. Each bears its number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from curation import samples
from curation.errors import WeightsMissing
from tests import videos

Rgb = npt.NDArray[np.uint8]
PER_SCENE = 10
FULL_WH, THUMB_WH = (1280, 720), (320, 180)
FULL_QUALITY, THUMB_QUALITY = 85, 80
FACE_XYXY = (0.37, 0.22, 0.65, 0.70)
"""Where the man's face is in the clip with him, as shares of the picture."""
FACE_PX = (500.0, 150.0, 750.0, 470.0)
"""Where pictures of faces have it."""


@dataclass(frozen=True, slots=True)
class Made:
    """One picture: both JPEGs, and the mean luma of its thumbnail."""

    full: bytes
    thumb: bytes
    luma: float


def sources() -> tuple[Path, Path]:
    """Return a clip with a person and one without: the samples, or drawn ones without them."""
    try:
        found = {path.name: path for path in samples.paths()}
    except WeightsMissing:
        return videos.clip("cuts").path, videos.clip("long").path
    person = next(path for name, path in found.items() if "carphone" in name)
    return person, next(path for path in found.values() if path != person)


@cache
def _frames(path: Path) -> tuple[Rgb, ...]:
    """Return at most 250 frames of a clip."""
    with av.open(str(path)) as container:
        decoded = container.decode(video=0)
        return tuple(
            frame.to_ndarray(format="rgb24") for _, frame in zip(range(250), decoded, strict=False)
        )


def scene(number: int, face: str) -> Callable[[int], Rgb]:
    """Return what draws picture k of a scene as (720, 1280, 3) RGB.

    Args:
        face: "close" for a large face, "far" for a person among other things, "" for nobody.
    """
    rng = np.random.default_rng(number)
    frames = _frames(sources()[0 if face else 1])
    first, step = int(rng.integers(len(frames))), int(rng.integers(1, 4))
    gains = rng.uniform(0.75, 1.2, 3) * rng.uniform(0.55, 1.25)
    mirrored = bool(rng.random() < 0.5)
    height, width = frames[0].shape[:2]
    if face == "close":
        x0, y0, x1, y1 = np.array(FACE_XYXY) * (width, height, width, height)
        zoom = (FACE_PX[3] - FACE_PX[1]) / (y1 - y0)
        aim = ((FACE_PX[0] + FACE_PX[2]) / 2, (FACE_PX[1] + FACE_PX[3]) / 2)
        left, top = (x0 + x1) / 2 - aim[0] / zoom, (y0 + y1) / 2 - aim[1] / zoom
    else:
        share = rng.uniform(0.85, 1.0) if face else rng.uniform(0.35, 1.0)
        zoom = FULL_WH[0] / (width * share)
        left = rng.uniform(0, max(width - FULL_WH[0] / zoom, 0))
        top = rng.uniform(0, max(height - FULL_WH[1] / zoom, 0))

    def draw(k: int) -> Rgb:
        rgb = frames[(first + k * step) % len(frames)]
        drift = (left + 0.4 * k, top + 0.2 * k)
        turn = np.array([[zoom, 0, -zoom * drift[0]], [0, zoom, -zoom * drift[1]]])
        made = cv2.warpAffine(
            rgb, turn, FULL_WH, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        made = np.clip(made * gains, 0, 255).astype(np.uint8)
        return np.ascontiguousarray(made[:, ::-1]) if mirrored and face != "close" else made

    return draw


def make(first: int, count: int, face: str) -> list[Made]:
    """Return at most one scene's pictures, with numbers from `first`, which begins the scene."""
    made = []
    draw = scene(first // PER_SCENE, face)
    for number in range(first, first + count):
        rgb = draw(number - first)
        for colour, thick in (((0, 0, 0), 6), ((255, 255, 255), 2)):
            cv2.putText(rgb, f"{number:04d}", (24, 690), cv2.FONT_HERSHEY_SIMPLEX, 1.6, colour,
                        thick, cv2.LINE_AA)
        small = cv2.resize(rgb, THUMB_WH, interpolation=cv2.INTER_AREA)
        made.append(
            Made(_jpeg(rgb, FULL_QUALITY), _jpeg(small, THUMB_QUALITY),
                 float(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).mean()))
        )
    return made


def _jpeg(rgb: Rgb, quality: int) -> bytes:
    import simplejpeg

    return bytes(simplejpeg.encode_jpeg(rgb, quality=quality, colorspace="RGB"))


def looped(source: Path, path: Path, least_s: float) -> None:
    """Write a video that repeats a clip, without coding it again, for at least so many seconds."""
    import ffmpeg

    from bench import ffmpeg as ffmpeg_program

    with av.open(str(source)) as container:
        once_s = container.duration / av.time_base
    graph = ffmpeg.input(str(source), stream_loop=int(least_s / once_s) + 1)
    ffmpeg_program.run(graph.output(str(path), c="copy", an=None, map="0:v:0"))
