"""Videos as real cameras, phones, discs and broadcasters make them; made at test time.

    camera("phone").path, .pts          see RECIPES; the number of each frame is drawn in it
    boxed(number)                       a letterboxed picture: BOX is the part that is picture

What is general (rates, offsets, rotations, ranges) is in tests/videos.py; here is what is odd.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from bench import ffmpeg as ffmpeg_program
from tests import videos
from tests.videos import Clip, Rgb, draw, encode, make, to_yuv420

BOX = (0, 24, 320, 156)
PILLARS = (64, 0, 256, 180)
NITS = (50.0, 203.0, 400.0, 1000.0, 4000.0)
"""Light of the grey columns of `patches`, left to right."""
X265 = "log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:repeat-headers=1"
MASTERED = (
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L({light},50):"
)
LOGO = (slice(12, 30), slice(272, 306))


def pq(nits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the PQ signal of light, by SMPTE ST 2084."""
    p = (nits / 10000.0) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * p) / (1 + 2392 / 128 * p)) ** (2523 / 32)


def patches(path: Path, metadata: str) -> Clip:
    """Make an HDR10 video of grey columns of NITS."""
    light = np.repeat(np.array(NITS), 64)[None].repeat(180, axis=0)
    signal = pq(light)[..., None].repeat(3, axis=2)
    picture = to_yuv420(signal, "bt2020", bits=10)
    options = {"x265-params": f"{X265}:{metadata}", "crf": "8", "preset": "ultrafast"}
    encode(path, [picture] * 8, range(0, 8 * 512, 512), codec="libx265", tag="pq", options=options)
    return Clip(path, tuple(range(0, 8 * 512, 512)), Fraction(1, 12800))


def columns_of(rgb: Rgb) -> list[float]:
    """Return the mean level of each column of `patches`."""
    return [float(rgb[40:140, 64 * i + 16 : 64 * i + 48].mean()) for i in range(len(NITS))]


def boxed(number: int, rgb: Rgb) -> Rgb:
    """Return a letterboxed picture: some dark, some with subtitles in the lower bar."""
    shown = np.zeros_like(rgb)
    x0, y0, x1, y1 = BOX
    shown[y0:y1, x0:x1] = draw(number, (x1 - x0, y1 - y0), scene=number // 9)
    if 24 <= number < 48:
        shown[y0:y1, x0:x1] //= 12
    if number % 11 == 0:
        cv2.putText(shown, "what was said", (110, 172), cv2.FONT_HERSHEY_SIMPLEX, 0.4,
                    (240, 240, 240))
    return shown


def pillared(number: int, rgb: Rgb) -> Rgb:
    """Return a picture between black columns."""
    shown = np.zeros_like(rgb)
    x0, y0, x1, y1 = PILLARS
    shown[y0:y1, x0:x1] = draw(number, (x1 - x0, y1 - y0), scene=number // 9)
    return shown


def night(number: int, rgb: Rgb) -> Rgb:
    """Return a black sky that a town lights from below, with a horizon that is no line."""
    y, x = np.mgrid[0 : rgb.shape[0], 0 : rgb.shape[1]]
    ridge = 90 + 25 * np.sin((x + 6 * number) / 30) + 10 * np.sin(x / 7)
    shown = np.where((y > ridge)[..., None], draw(number, rgb.shape[1::-1]), 0)
    return np.asarray(shown, np.uint8)


def on_black(number: int, rgb: Rgb) -> Rgb:
    """Return somebody who sits still before black cloth."""
    shown = np.zeros_like(rgb)
    cv2.ellipse(shown, (160, 80), (32, 44), 0, 0, 360, (200, 160, 140), -1)
    shown[124:, 80:240] = draw(number, (160, 56))
    return shown


def scenes(number: int, rgb: Rgb, logo: bool = True, still: bool = False) -> Rgb:
    """Return textures of another scene in each picture, with a mark over them all."""
    rng = np.random.default_rng(7 if still else number)
    rough = rng.integers(30, 220, (12, 20, 3)).astype(np.uint8)
    shown = np.asarray(cv2.resize(rough, rgb.shape[1::-1], interpolation=cv2.INTER_CUBIC))
    if logo:
        shown[LOGO] = (235, 235, 235)
        cv2.putText(shown, "7", (282, 27), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (10, 10, 90), 2)
    return shown


def room(number: int, rgb: Rgb) -> Rgb:
    """Return somebody who moves about before a wall with a picture on it."""
    shown = np.full_like(rgb, 150)
    cv2.ellipse(shown, (150 + number * 13 % 20, 120), (40, 50), 0, 0, 360, (60, 60, 90), -1)
    shown = np.asarray(cv2.GaussianBlur(shown, (0, 0), 12), np.uint8)
    cv2.rectangle(shown, (262, 10), (306, 34), (40, 20, 10), 4)
    return shown


def dv(path: Path, n: int = 25) -> Clip:
    """Make PAL DV: 720 x 576, bottom field first, pixels that are not square."""
    import ffmpeg

    frames = []
    for i in range(n):
        woven = draw(i, (720, 576), move=2 * i + 1)
        woven[1::2] = draw(i, (720, 576), move=2 * i)[1::2]
        frames.append(woven.tobytes())
    spec = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s="720x576", r=25)
    spec = spec.filter("setfield", "bff").filter("setdar", "4/3")
    spec = spec.output(str(path), vcodec="dvvideo", pix_fmt="yuv420p", flags="+ildct+ilme")
    ffmpeg_program.run(spec, b"".join(frames))
    return Clip(path, (), Fraction(1, 25))


def trimmed(path: Path) -> Clip:
    """Cut a video at picture 20 without coding it anew: an edit list hides 12 to 19."""
    import ffmpeg

    whole = videos.clip("b_frames").path
    spec = ffmpeg.input(str(whole), ss=0.8).output(str(path), c="copy", f="mp4")
    ffmpeg_program.run(spec)
    return Clip(path, (), Fraction(1, 12800))


def uhd60(path: Path, n: int = 12) -> Clip:
    """Make 3840 x 2160 at 60 pictures a second."""
    ticks = [i * 1000 for i in range(n)]

    def larger(planes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        parts = np.split(planes.ravel(), np.cumsum([320 * 180, 160 * 90]))
        shapes = ((180, 320), (90, 160), (90, 160))
        grown = [p.reshape(s).repeat(12, 0).repeat(12, 1).ravel()
                 for p, s in zip(parts, shapes, strict=True)]
        return np.concatenate(grown).reshape(-1, 3840)

    pictures = (larger(to_yuv420(draw(i) / 255.0, "bt709")) for i in range(n))
    encode(path, pictures, ticks, time_base=Fraction(1, 60000), rate=60,
           options={"preset": "ultrafast", "crf": "24", "threads": "1"})
    return Clip(path, tuple(ticks), Fraction(1, 60000))


def ten_bits(path: Path, n: int = 12) -> Clip:
    """Make standard-range BT.709 with 10 bits."""
    pictures = (to_yuv420(draw(i) / 255.0, "bt709", bits=10) for i in range(n))
    ticks = [i * 512 for i in range(n)]
    encode(path, pictures, ticks, codec="libx265", tag="bt709",
           options={"x265-params": "log-level=error", "crf": "12", "preset": "ultrafast"})
    return Clip(path, tuple(ticks), Fraction(1, 12800))


def two_streams(path: Path, n: int = 30) -> Clip:
    """Make a file with a large picture stream and a small one, whose numbers begin at 100."""
    sizes, firsts = ((320, 180), (240, 180)), (0, 100)
    with av.open(str(path), "w") as container:
        streams: list[Any] = []
        for width, height in sizes:
            stream: Any = container.add_stream("libx264", rate=25, options=videos.X264)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
            streams.append(stream)
        for i in range(n):
            for stream, size, first in zip(streams, sizes, firsts, strict=True):
                planes = to_yuv420(draw(first + i, size) / 255.0, "bt601")
                frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
                frame.pts, frame.time_base = i * 40, Fraction(1, 1000)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    return Clip(path, tuple(i * 40 for i in range(n)), Fraction(1, 1000))


def with_chapters(source: Path, path: Path, times_s: Sequence[tuple[float, float, str]]) -> Path:
    """Copy a video with chapters, given in seconds of the container's own clock."""
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        new.set_chapters([
            {"id": no, "start": round(begin * 1000), "end": round(end * 1000),
             "time_base": Fraction(1, 1000), "metadata": {"title": title}}
            for no, (begin, end, title) in enumerate(times_s, 1)
        ])
        for packet in old.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                new.mux(packet)
    return path


PARTS = ((0.0, 0.8, "Opening"), (0.8, 1.6, "Middle"), (1.6, 2.4, "End"))
LATER = tuple((begin + 5, end + 5, title) for begin, end, title in PARTS)


def _mirrored(rotation: int) -> Callable[[Path], Clip]:
    size_wh = (180, 320) if rotation % 180 else (320, 180)
    return lambda d: make(
        d / f"mirrored{rotation}.mp4", 12, rotation=rotation, mirror=True, size_wh=size_wh,
        change=lambda _, rgb: np.ascontiguousarray(rgb[:, ::-1]))


RECIPES: dict[str, Callable[[Path], Clip]] = {
    "phone": lambda d: make(d / "phone.mov", ticks=videos._vfr_ticks(60), rotation=90,
                            size_wh=(180, 320), time_base=Fraction(1, 90000), full=True,
                            options={"bf": "2"}),
    **{f"mirrored{rotation}": _mirrored(rotation) for rotation in (0, 90, 180, 270)},
    "dv": lambda d: dv(d / "tape.dv"),
    "dv_avi": lambda d: dv(d / "tape.avi"),
    "trimmed": lambda d: trimmed(d / "trimmed.mp4"),
    "late": lambda d: make(d / "late.mp4", 20, start=12800),
    "uhd60": lambda d: uhd60(d / "uhd60.mp4"),
    "ten_bits": lambda d: ten_bits(d / "ten_bits.mp4"),
    "two_streams": lambda d: two_streams(d / "two_streams.mp4"),
    "chapters": lambda d: Clip(with_chapters(videos.clip("cfr25").path, d / "chapters.mp4", PARTS),
                               videos.clip("cfr25").pts, Fraction(1, 12800)),
    "chapters_mkv": lambda d: Clip(
        with_chapters(videos.clip("mkv_5s").path, d / "chapters.mkv", LATER),
        videos.clip("mkv_5s").pts, Fraction(1, 1000)),
    "hdr_untold": lambda d: patches(d / "hdr_untold.mp4", "no-info=1"),
    "hdr_400": lambda d: patches(d / "hdr_400.mp4", "max-cll=400,200"),
    "hdr_4000": lambda d: patches(
        d / "hdr_4000.mp4", MASTERED.format(light=40000000) + "no-info=1"),
    "hdr_lying": lambda d: patches(
        d / "hdr_lying.mp4", MASTERED.format(light=10000000) + "max-cll=60000,200"),
    "letterbox": lambda d: make(d / "letterbox.mp4", 96, change=boxed),
    "pillarbox": lambda d: make(d / "pillarbox.mp4", 40, change=pillared),
    "letterbox_pq": lambda d: make(d / "letterbox_pq.mp4", 24, change=boxed, hdr="pq"),
    "letterbox_turned": lambda d: make(d / "letterbox_turned.mp4", 40, change=boxed, rotation=90,
                                       sar=Fraction(4, 3)),
    "night": lambda d: make(d / "night.mp4", 60, change=night),
    "on_black": lambda d: make(d / "on_black.mp4", 60, change=on_black),
    "logo": lambda d: make(d / "logo.mp4", 40, change=scenes, options={"g": "2"}),
    "no_logo": lambda d: make(d / "no_logo.mp4", 40, options={"g": "2"},
                              change=lambda i, rgb: scenes(i, rgb, logo=False)),
    "room": lambda d: make(d / "room.mp4", 40, change=room, options={"g": "2"}),
    "still_logo": lambda d: make(d / "still_logo.mp4", 40, options={"g": "2"},
                                 change=lambda i, rgb: scenes(i, rgb, still=True)),
}


@cache
def camera(name: str) -> Clip:
    """Return a video by name, made on first use; shared, so do not change it."""
    return RECIPES[name](videos.folder())
