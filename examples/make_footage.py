"""Make practice footage: a shoot of several videos in miniature, out of the two sample clips.

    python -m curation samples
    python examples/make_footage.py footage

Each video is a few scenes: a stretch of a clip, cut to a frame, mirrored or not, lighter or darker.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, FPS = 320, 240, 25
SHOOT: dict[str, tuple[tuple[str, float, float, bool, float, float], ...]] = {
    # clip, from s, length s, mirrored, light as a factor, what is kept of the height
    "monday": (("drive", 0.0, 2.5, False, 1.0, 1.0), ("bikes", 0.0, 1.5, False, 1.0, 1.0)),
    "tuesday": (("bikes", 2.5, 1.5, True, 1.15, 0.9), ("drive", 1.0, 2.5, True, 0.8, 0.9)),
    "friday": (("drive", 0.5, 3.5, False, 1.2, 0.8), ("bikes", 4.5, 1.5, False, 0.9, 1.0)),
}


def frames_of(clip: Path, start_s: float, length_s: float) -> Iterator[Any]:
    """Give each frame of a stretch of a clip as (h, w, 3) RGB."""
    import av

    with av.open(str(clip)) as file:
        for frame in file.decode(video=0):
            if start_s <= frame.time < start_s + length_s:
                yield frame.to_ndarray(format="rgb24")


def framed(rgb: Any, mirrored: bool, light: float, kept: float) -> Any:
    """Return the middle of a frame at the size of the footage."""
    import cv2
    import numpy as np

    height = kept * min(rgb.shape[0], rgb.shape[1] * HEIGHT / WIDTH)
    width = height * WIDTH / HEIGHT
    top, left = round((rgb.shape[0] - height) / 2), round((rgb.shape[1] - width) / 2)
    middle = rgb[top : top + round(height), left : left + round(width)]
    made = cv2.resize(middle, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    made = np.clip(made * light, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(made[:, ::-1] if mirrored else made)


def main() -> None:
    """Write the videos."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, nargs="?", default=Path("footage"))
    options = parser.parse_args()

    import av

    from curation.samples import paths

    clips = dict(zip(("bikes", "drive"), sorted(paths()), strict=True))
    options.out.mkdir(parents=True, exist_ok=True)
    for name, scenes in SHOOT.items():
        path = options.out / f"{name}.mp4"
        with av.open(str(path), "w") as file:
            stream: Any = file.add_stream("libx264", rate=FPS)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.codec_context.time_base = Fraction(1, FPS)
            stream.options = {"crf": "14", "preset": "ultrafast", "threads": "1"}
            number = 0
            for clip, start_s, length_s, mirrored, light, kept in scenes:
                for rgb in frames_of(clips[clip], start_s, length_s):
                    frame = av.VideoFrame.from_ndarray(framed(rgb, mirrored, light, kept))
                    frame.pts, number = number, number + 1
                    file.mux(stream.encode(frame))
            file.mux(stream.encode())
        print(f"{path}: {number / FPS:.1f} s, {len(scenes)} scenes")


if __name__ == "__main__":
    main()
