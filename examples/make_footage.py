"""Make practice footage out of the two sample clips: for each of the tutorials its own.

    python -m curation samples
    python examples/make_footage.py footage               # three short videos of a shoot
    python examples/make_footage.py footage --phones      # two as a phone makes them
    python examples/make_footage.py clips --clips 12      # many short ones, two of them bad
    python examples/make_footage.py clips --clips 12 --mend

Each video is a few scenes: a stretch of a clip, cut to a frame, mirrored or not, lighter or darker.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

Scene = tuple[str, float, float, bool, float, float]
"""Clip, from s, length s, mirrored, light as a factor, what is kept of the height."""
SIZE_WH, FPS = (320, 240), 25
SHOOT: dict[str, tuple[Scene, ...]] = {
    "monday": (("drive", 0.0, 2.5, False, 1.0, 1.0), ("bikes", 0.0, 1.5, False, 1.0, 1.0)),
    "tuesday": (("bikes", 2.5, 1.5, True, 1.15, 0.9), ("drive", 1.0, 2.5, True, 0.8, 0.9)),
    "friday": (("drive", 0.5, 3.5, False, 1.2, 0.8), ("bikes", 4.5, 1.5, False, 0.9, 1.0)),
}
PHONE_WH, TICKS_PER_S = (240, 320), 90_000
STEPS = (3003, 3003, 6006, 3003, 4504)
"""Ticks from picture to picture of a phone, which waits for light: 33, 67 and 50 ms."""
PHONES: dict[str, tuple[Scene, ...]] = {
    "IMG_0412": (("drive", 0.0, 4.0, False, 1.0, 1.0), ("bikes", 2.5, 1.5, False, 1.0, 1.0)),
    "IMG_0413": (("bikes", 0.5, 1.0, True, 1.0, 1.0), ("drive", 0.0, 4.0, True, 0.85, 0.85)),
}
BOMB_PX = 8000


@cache
def clips() -> dict[str, Path]:
    """Return the sample clips by name."""
    from curation.samples import paths

    return dict(zip(("bikes", "drive"), sorted(paths()), strict=True))


def frames_of(clip: Path, start_s: float, length_s: float) -> Iterator[Any]:
    """Give each frame of a stretch of a clip as (h, w, 3) RGB."""
    import av

    with av.open(str(clip)) as file:
        for frame in file.decode(video=0):
            if start_s <= frame.time < start_s + length_s:
                yield frame.to_ndarray(format="rgb24")


def framed(rgb: Any, size_wh: tuple[int, int], mirrored: bool, light: float, kept: float) -> Any:
    """Return the middle of a frame at a size."""
    import cv2
    import numpy as np

    height = kept * min(rgb.shape[0], rgb.shape[1] * size_wh[1] / size_wh[0])
    width = height * size_wh[0] / size_wh[1]
    top, left = round((rgb.shape[0] - height) / 2), round((rgb.shape[1] - width) / 2)
    middle = rgb[top : top + round(height), left : left + round(width)]
    made = cv2.resize(middle, size_wh, interpolation=cv2.INTER_CUBIC)
    made = np.clip(made * light, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(made[:, ::-1] if mirrored else made)


def write(path: Path, scenes: Sequence[Scene], phone: bool = False) -> None:
    """Write a video; a phone's lies on its side, is to be turned by 90, and has uneven times."""
    import av
    import numpy as np

    size_wh = PHONE_WH if phone else SIZE_WH
    number = ticks = 0
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("libx264", rate=FPS)
        stream.width, stream.height = size_wh[::-1] if phone else size_wh
        stream.pix_fmt = "yuv420p"
        base = Fraction(1, TICKS_PER_S if phone else FPS)
        stream.time_base = stream.codec_context.time_base = base
        stream.options = {"crf": "14", "preset": "ultrafast", "threads": "1"}
        if phone:
            stream.set_display_rotation(-90)
        for clip, start_s, length_s, mirrored, light, kept in scenes:
            for rgb in frames_of(clips()[clip], start_s, length_s):
                picture = framed(rgb, size_wh, mirrored, light, kept)
                picture = np.ascontiguousarray(np.rot90(picture)) if phone else picture
                frame = av.VideoFrame.from_ndarray(picture)
                frame.pts, frame.time_base = ticks, base
                ticks += STEPS[number % len(STEPS)] if phone else 1
                number += 1
                file.mux(stream.encode(frame))
        file.mux(stream.encode())
    print(f"{path}: {float(ticks * base):.1f} s, {len(scenes)} scenes")


def write_many(folder: Path, count: int, mend: bool) -> None:
    """Write short clips, the middle one cut off as by a broken download, and a bomb beside them.

    Args:
        mend: only write the middle one, and whole.
    """
    broken = (count + 1) // 2
    for n in range(1, count + 1):
        path = folder / f"clip_{n:03}.mp4"
        if mend and n != broken:
            continue
        clip, length_s = ("drive", 1.2) if n % 3 else ("bikes", 1.6)
        from_s = n * 0.37 % (8.0 if clip == "bikes" else 2.8)
        write(path, [(clip, from_s, length_s, n % 2 == 0, 0.8 + n % 5 * 0.1, 1 - n % 4 * 0.06)])
        if n == broken and not mend:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            print(f"{path}: now cut off in the middle")
    if not mend:
        _write_bomb(folder / "huge.mov")


def _write_bomb(path: Path) -> None:
    """Write some kilobytes that become a picture of 8000 x 8000."""
    import av
    import numpy as np

    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("png", rate=FPS)
        stream.width = stream.height = BOMB_PX
        stream.pix_fmt = "gray"
        picture = np.full((BOMB_PX, BOMB_PX), 90, np.uint8)
        picture[: BOMB_PX // 2, : BOMB_PX // 2] = 200
        frame = av.VideoFrame.from_ndarray(picture, "gray")
        frame.pts, frame.time_base = 0, Fraction(1, FPS)
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB, {BOMB_PX} x {BOMB_PX} pixels")


def main() -> None:
    """Write the videos."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, nargs="?", default=Path("footage"))
    parser.add_argument("--phones", action="store_true", help="two videos as a phone makes them")
    parser.add_argument("--clips", type=int, default=0, metavar="N", help="N short clips")
    parser.add_argument("--mend", action="store_true", help="with --clips: the damaged one, whole")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.clips:
        write_many(options.out, options.clips, options.mend)
        return
    for name, scenes in (PHONES if options.phones else SHOOT).items():
        write(options.out / f"{name}{'.MOV' if options.phones else '.mp4'}", scenes, options.phones)


if __name__ == "__main__":
    main()
