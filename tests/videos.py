"""Short real videos made at test time, with the frame number drawn so that a machine can read it.

    clip("cfr25").path            a file, made once per session and shared: do not change it
    clip("cfr25").pts[7]          the PTS that frame 7 was given, in ticks of .time_base
    read_number(rgb)              the number in any upright picture of any size: the frame's ordinal
    make(path, n=40, rotation=90) your own
    BAD                           name -> what is wrong: files that must be refused by name

The number is 16 bits of Gray code (one cell changes from picture to picture: no number looks like a
cut) as light and dark cells, each with its complement below, to survive JPEG, scaling and tone
mapping; the same number stands under it for people.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from bench import ffmpeg as ffmpeg_program
from tests.leftovers import own_folder

Rgb = npt.NDArray[np.uint8]
SIZE = (320, 180)
COLUMNS = 8
LEFT, RIGHT, TOP, BOTTOM = 0.06, 0.94, 0.05, 0.49  # the code's place, as shares of the picture
BIT, PAPER = (225, 35), 128
PAPERS = (25, -60, 70, -90)
HUES = ((0.9, 1.0, 0.8), (1.0, 0.45, 0.3), (0.35, 0.6, 1.0), (0.4, 1.0, 0.5))
PATCHES = ((128, 128, 128), (180, 60, 50), (60, 150, 70), (50, 80, 170))
"""Colours of the row of flat patches at the bottom, left to right."""


@dataclass(frozen=True)
class Clip:
    """A file and the truth about it: pts[i] belongs to the frame that shows number i."""

    path: Path
    pts: tuple[int, ...]
    time_base: Fraction
    cuts: tuple[int, ...] = ()


def cells(height: int, width: int) -> list[list[tuple[slice, slice]]]:
    """Return the 4 x 8 cells of the code: two rows of bits, two of complements."""
    ys = np.linspace(TOP, BOTTOM, 5) * height
    xs = np.linspace(LEFT, RIGHT, COLUMNS + 1) * width
    return [
        [
            (slice(round(y0), round(y1)), slice(round(x0), round(x1)))
            for x0, x1 in itertools.pairwise(xs)
        ]
        for y0, y1 in itertools.pairwise(ys)
    ]


def draw(number: int, size_wh: tuple[int, int] = SIZE, *, scene: int = 0, move: float | None = None
         ) -> Rgb:
    """Return a picture that shows a number.

    Args:
        scene: another number gives another background, as after a cut.
        move: how far the moving bar is, in steps; by default the number.
    """
    width, height = size_wh
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    step = number if move is None else move
    wave = 30 * np.sin((x + 2 * step) / (5 + 4 * (scene % 3))) * np.sin(y / (7 + 5 * (scene % 2)))
    level = (PAPER + PAPERS[scene % 4] + wave)[..., None] * np.array(HUES[scene % 4])
    rgb = np.clip(level, 0, 255).astype(np.uint8)
    bar = (step * width * 0.02) % width
    rgb[int(height * 0.52) : int(height * 0.84), (x[0] - bar) % width < width * 0.12] = 240
    cv2.putText(rgb, str(number), (int(width * 0.3), int(height * 0.8)), cv2.FONT_HERSHEY_SIMPLEX,
                height / 120, (10, 10, 10), max(1, height // 90))
    for i, colour in enumerate(PATCHES):
        columns = slice(round(width * i / len(PATCHES)), round(width * (i + 1) / len(PATCHES)))
        rgb[round(height * 0.86) :, columns] = colour
    code = number ^ number >> 1
    bits = [code >> i & 1 for i in range(2 * COLUMNS)]
    for r, row in enumerate(cells(height, width)):
        for c, where in enumerate(row):
            bit = bits[(r % 2) * COLUMNS + c] ^ (r >= 2)
            rgb[where] = BIT[0] if bit else BIT[1]
    return rgb


def read_number(rgb: npt.NDArray[Any]) -> int:
    """Return the number drawn in an upright picture of any size; ValueError if there is none."""
    grid = cells(*rgb.shape[:2])
    level = np.array([[_inner(rgb[where]).mean() for where in row] for row in grid])
    gap = (level[:2] - level[2:]).ravel()
    if np.abs(gap).min() < 40:
        raise ValueError(f"no number in this picture: least contrast {np.abs(gap).min():.0f}")
    code = sum(1 << i for i, value in enumerate(gap) if value > 0)
    for shift in (8, 4, 2, 1):
        code ^= code >> shift
    return int(code)


def patch_colours(rgb: Rgb) -> npt.NDArray[np.float64]:
    """Return the (4, 3) mean colours of the flat patches of an upright picture."""
    height = rgb.shape[0]
    strip = rgb[round(height * 0.9) : round(height * 0.97)]
    parts = np.array_split(strip, len(PATCHES), axis=1)
    return np.array([_inner(part).reshape(-1, 3).mean(0) for part in parts])


def combing(rgb: Rgb) -> float:
    """Return how much neighbouring lines differ against lines two apart, in the moving bar."""
    height = rgb.shape[0]
    part = rgb[int(height * 0.54) : int(height * 0.82)].astype(np.float32).mean(-1)
    near, far = np.abs(part[1:] - part[:-1]).mean(), np.abs(part[2:] - part[:-2]).mean()
    return float(near / (far + 1.0))


def _inner(cell: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the middle of a cell, away from blurred edges."""
    h, w = cell.shape[:2]
    return cell[h // 4 : max(h - h // 4, h // 4 + 1), w // 4 : max(w - w // 4, w // 4 + 1)]


KR_KB = {"bt709": (0.2126, 0.0722), "bt601": (0.299, 0.114), "bt2020": (0.2627, 0.0593)}
TAGS = {  # H.273 code points of (primaries, transfer, matrix)
    "bt709": (1, 1, 1), "bt601": (6, 6, 6), "pq": (9, 16, 9), "hlg": (9, 18, 9), "": (2, 2, 2),
}


def to_yuv420(rgb: npt.NDArray[Any], matrix: str, *, full: bool = False, bits: int = 8
              ) -> npt.NDArray[Any]:
    """Return (h * 3 / 2, w) planar Y'CbCr of R'G'B' in 0..1 (BT.709 / BT.601 / BT.2020 NCL)."""
    kr, kb = KR_KB[matrix]
    luma = rgb @ np.array([kr, 1 - kr - kb, kb])
    blue = (rgb[..., 2] - luma) / (2 - 2 * kb)
    red = (rgb[..., 0] - luma) / (2 - 2 * kr)
    half = (rgb.shape[0] // 2, 2, rgb.shape[1] // 2, 2)
    blue, red = (c.reshape(half).mean((1, 3)) for c in (blue, red))
    scale = 1 << (bits - 8)
    top = (1 << bits) - 1
    y = luma * top if full else (16 + 219 * luma) * scale
    cb, cr = (128 * scale + (c * top if full else c * 224 * scale) for c in (blue, red))
    flat = np.concatenate([plane.ravel() for plane in (y, cb, cr)])
    dtype = np.uint8 if bits == 8 else np.uint16
    return np.clip(np.round(flat), 0, top).astype(dtype).reshape(-1, rgb.shape[1])


def to_hdr(rgb: Rgb, kind: str) -> npt.NDArray[np.float64]:
    """Return PQ or HLG BT.2020 signal in 0..1 of an SDR picture, white at 203 cd/m2 (BT.2408)."""
    to_2020 = np.array(
        [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
    )
    nits = np.clip(((rgb / 255.0) ** 2.4) @ to_2020.T, 0, 1) * 203.0
    if kind == "pq":  # SMPTE ST 2084
        p = (nits / 10000.0) ** (2610 / 16384)
        return ((3424 / 4096 + 2413 / 128 * p) / (1 + 2392 / 128 * p)) ** (2523 / 32)
    light = nits / 1000.0  # BT.2100 HLG: inverse OOTF of a 1000 cd/m2 display, then the OETF
    luma = np.maximum(light @ np.array([0.2627, 0.6780, 0.0593]), 1e-9)[..., None]
    scene = light * luma ** (1 / 1.2 - 1)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    high = a * np.log(np.maximum(12 * scene - b, 1e-9)) + c
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


def encode(path: Path, pictures: Iterable[npt.NDArray[Any]], times: Sequence[int], *,
           time_base: Fraction = Fraction(1, 12800), codec: str = "libx264", rate: Any = 25,
           options: dict[str, str] | None = None, muxer: dict[str, str] | None = None,
           rotation: int = 0, sar: Fraction = Fraction(1), tag: str = "bt709",
           full: bool = False, mirror: bool = False) -> None:
    """Encode pictures, (h, w, 3) RGB or planar Y'CbCr of `to_yuv420`, at the given ticks."""
    container, stream = av.open(str(path), "w", options=muxer or {}), None
    for picture, pts in zip(pictures, times, strict=True):
        if picture.ndim == 3:
            matrix = tag if tag in KR_KB else "bt601"
            picture = to_yuv420(picture / 255.0, matrix, full=full)
        deep = picture.dtype == np.uint16
        frame = av.VideoFrame.from_ndarray(picture, "yuv420p10le" if deep else "yuv420p")
        if stream is None:
            stream = container.add_stream(codec, rate=rate, options=options or {})
            stream.width, stream.height = frame.width, frame.height
            stream.pix_fmt = frame.format.name
            context = stream.codec_context
            stream.time_base = context.time_base = time_base
            context.color_primaries, context.color_trc, context.colorspace = TAGS[tag]
            context.color_range = 2 if full else 1
            context.sample_aspect_ratio = sar
            stream.set_display_rotation(-rotation, hflip=mirror)
        frame.pts, frame.time_base = pts, time_base
        frame.color_primaries, frame.color_trc, frame.colorspace = TAGS[tag]
        frame.color_range = 2 if full else 1
        container.mux(stream.encode(frame))
    if stream is not None:
        container.mux(stream.encode(None))
    container.close()


X264 = {"g": "12", "bf": "0", "crf": "16", "preset": "veryfast", "threads": "1"}


def make(path: Path, n: int = 60, *, size_wh: tuple[int, int] = SIZE, rotation: int = 0,
         ticks: Sequence[int] | None = None, time_base: Fraction = Fraction(1, 12800),
         fps: Fraction = Fraction(25), cuts: Sequence[int] = (), start: int = 0,
         change: Callable[[int, Rgb], Rgb] | None = None, options: dict[str, str] | None = None,
         hdr: str = "", **how: Any) -> Clip:
    """Make a video of n numbered frames.

    Args:
        size_wh: upright size in pixels; a rotated video is coded lying down.
        rotation: clockwise turn that a player must apply: 0, 90, 180, 270.
        ticks: PTS of each frame; by default regular at `fps` from `start`.
        cuts: numbers of the frames at which another scene begins.
        change: called with (number, picture) to replace a picture.
        hdr: "pq" or "hlg" for 10-bit BT.2020.
        how: anything that `encode` takes.
    """
    if ticks is None:
        ticks = [start + round(i / fps / time_base) for i in range(n)]

    def pictures() -> Iterable[npt.NDArray[Any]]:
        for i in range(n):
            rgb = draw(i, size_wh, scene=sum(i >= cut for cut in cuts))
            rgb = rgb if change is None else change(i, rgb)
            rgb = np.ascontiguousarray(np.rot90(rgb, rotation // 90))
            yield to_yuv420(to_hdr(rgb, hdr), "bt2020", bits=10) if hdr else rgb

    if hdr:
        names = {"pq": "smpte2084", "hlg": "arib-std-b67"}
        params = f"log-level=error:colorprim=bt2020:transfer={names[hdr]}:colormatrix=bt2020nc"
        how |= {"codec": "libx265", "tag": hdr}
        options = {"x265-params": params, "crf": "12", "preset": "ultrafast", **(options or {})}
    elif how.get("codec", "libx264") == "libx264":
        options = X264 | (options or {})
    encode(path, pictures(), ticks, time_base=time_base, rate=fps, rotation=rotation,
           options=options, **how)
    return Clip(path, tuple(ticks), time_base, tuple(cuts))


def interlaced(path: Path, n: int = 40) -> Clip:
    """Make top-field-first MPEG-2 whose fields are moments of their own, by the ffmpeg program."""
    import ffmpeg

    size = (320, 192)
    frames = []
    for i in range(n):
        woven = draw(i, size, move=2 * i)
        woven[1::2] = draw(i, size, move=2 * i + 1)[1::2]
        frames.append(woven.tobytes())
    spec = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s=f"{size[0]}x{size[1]}", r=25)
    spec = spec.filter("setfield", "tff").output(
        str(path), vcodec="mpeg2video", pix_fmt="yuv420p", flags="+ildct+ilme", bf=2, g=12,
        **{"qscale:v": 2})
    ffmpeg_program.run(spec, b"".join(frames))
    return Clip(path, (), Fraction(1, 90000))


def audio_only(path: Path) -> None:
    """Write one second of silence."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac", rate=44100)
        for i in range(40):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 44100, i * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def flip_bytes(source: Path, path: Path, count: int = 60, seed: int = 1) -> None:
    """Copy a file with some bytes of its middle changed."""
    data = bytearray(source.read_bytes())
    rng = np.random.default_rng(seed)
    for at in rng.integers(len(data) // 4, len(data) * 3 // 4, count):
        data[at] ^= 0xFF
    path.write_bytes(bytes(data))


FASTSTART = {"movflags": "+faststart"}
OPEN_GOP = {"bf": "3", "g": "12", "x264-params": "open-gop=1:b-adapt=0:scenecut=0"}


def _vfr_ticks(n: int) -> list[int]:
    """Return 90 kHz ticks whose steps wander between 20 ms and 0.25 s."""
    steps = [(3003, 1800, 6006, 22500, 4500)[i * 7 % 5] for i in range(n)]
    return list(np.cumsum([0, *steps[:-1]]).tolist())


def _still(i: int, rgb: Rgb) -> Rgb:
    """Make 20-39 black, 40-59 grey, and hold picture 60 until 84."""
    if 20 <= i < 60:
        return np.full_like(rgb, 0 if i < 40 else 120)
    return draw(60, (rgb.shape[1], rgb.shape[0])) if 60 <= i < 85 else rgb


RECIPES: dict[str, Callable[[Path], Clip]] = {
    "cfr25": lambda d: make(d / "cfr25.mp4"),
    "ntsc": lambda d: make(d / "ntsc.mp4", fps=Fraction(30000, 1001),
                           time_base=Fraction(1, 30000), options={"bf": "2"}),
    "vfr": lambda d: make(d / "vfr.mp4", ticks=_vfr_ticks(60), time_base=Fraction(1, 90000),
                          options={"bf": "2"}),
    "b_frames": lambda d: make(d / "b_frames.mp4", options={"bf": "3", "b-pyramid": "normal"}),
    "open_gop": lambda d: make(d / "open_gop.mkv", 72, options=OPEN_GOP,
                               time_base=Fraction(1, 1000)),
    "mkv_5s": lambda d: make(d / "mkv_5s.mkv", start=5000, time_base=Fraction(1, 1000)),
    "ts": lambda d: make(d / "ts.ts", start=126000, time_base=Fraction(1, 90000),
                         options={"bf": "2"}),
    "rotated90": lambda d: make(d / "rotated90.mp4", rotation=90),
    "rotated180": lambda d: make(d / "rotated180.mp4", rotation=180),
    "rotated270": lambda d: make(d / "rotated270.mp4", rotation=270, size_wh=(180, 320)),
    "anamorphic": lambda d: make(d / "anamorphic.mp4", size_wh=(240, 180), sar=Fraction(4, 3)),
    "pq": lambda d: make(d / "pq.mp4", 30, hdr="pq"),
    "hlg": lambda d: make(d / "hlg.mp4", 30, hdr="hlg"),
    "bt601": lambda d: make(d / "bt601.mp4", 12, tag="bt601"),
    "full_range": lambda d: make(d / "full_range.mp4", 12, full=True),
    "vp9": lambda d: make(d / "vp9.webm", 40, codec="libvpx-vp9", time_base=Fraction(1, 1000),
                          options={"g": "10", "cpu-used": "8", "deadline": "realtime", "b": "1M"}),
    "avi": lambda d: make(d / "avi.avi", codec="mpeg4", time_base=Fraction(1, 25), tag="bt601",
                          options={"g": "12", "qmin": "2", "qmax": "4", "bf": "2"}),
    "cuts": lambda d: make(d / "cuts.mp4", 120, cuts=(30, 55, 90)),
    "stills": lambda d: make(d / "stills.mp4", 110, change=_still),
    "long": lambda d: make(d / "long.mp4", 900, cuts=(140, 410, 700),
                           options={"bf": "2", "g": "50", "crf": "23"}),
    "interlaced": lambda d: interlaced(d / "interlaced.mpg"),
}
BAD = {
    "empty.mp4": "empty",
    "text.mp4": "text",
    "audio_only.m4a": "sound",
    "zero_frames.mp4": "no picture",
    "no_moov.mp4": "moov",
    "playlist.mp4": "text",
    "noise.mp4": "not a video",
}


@cache
def folder() -> Path:
    """Return the session's folder of made videos."""
    return own_folder("curation-videos")


@cache
def clip(name: str) -> Clip:
    """Return a good video by name (see RECIPES), made on first use."""
    return RECIPES[name](folder())


@cache
def damaged(name: str) -> Path:
    """Return a partly readable copy: "truncated" (cut at 60 %) or "flipped" (changed bytes)."""
    whole = make(folder() / "whole.mp4", 120, options={"bf": "2", "g": "24"}, muxer=FASTSTART).path
    path = folder() / f"{name}.mp4"
    if name == "truncated":
        path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    else:
        flip_bytes(whole, path)
    return path


@cache
def bad(name: str) -> Path:
    """Return a file that must be refused; see BAD."""
    path = folder() / name
    if name == "empty.mp4":
        path.write_bytes(b"")
    elif name == "text.mp4":
        path.write_text("This is a letter, not a video.\n" * 40)
    elif name == "audio_only.m4a":
        audio_only(path)
    elif name == "zero_frames.mp4":
        whole = folder() / "one.mp4"
        make(whole, 1)
        path.write_bytes(_without_samples(whole.read_bytes()))
    elif name == "no_moov.mp4":
        path.write_bytes(clip("cfr25").path.read_bytes()[:5000])
    elif name == "playlist.mp4":
        good = clip("cfr25").path
        path.write_text(f"ffconcat version 1.0\nfile {good.name}\n")
    else:
        path.write_bytes(np.random.default_rng(0).bytes(20000))
    return path


def _without_samples(data: bytes) -> bytes:
    """Return an MP4 with empty sample tables."""
    out = bytearray(data)
    for box, skip in ((b"stts", 8), (b"stsz", 12), (b"stsc", 8), (b"stco", 8), (b"stss", 8)):
        at = data.find(box)
        if at > 0:
            out[at + skip : at + skip + 4] = b"\0\0\0\0"
    return bytes(out)
