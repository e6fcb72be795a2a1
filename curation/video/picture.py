"""One decoded picture, as a person should see it: upright, square pixels, right colours."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from curation.records import VideoInfo
from curation.video import tonemap

Rgb = npt.NDArray[np.uint8]
Gray = npt.NDArray[np.uint8]

MATRIX_CODES = {"bt709": 1, "fcc": 4, "bt470bg": 5, "smpte170m": 5, "smpte240m": 7, "bt2020nc": 9,
                "bt2020c": 9}
TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
BICUBIC, FULL = 4, 2
MEASURE_PX = 640


@dataclass(frozen=True)
class Look:
    """What must be done to a decoded picture of one file.

    Attributes:
        matrix: swscale's number of the Y'CbCr matrix.
        full: luma spans 0..255 instead of 16..235.
        hdr: "pq", "hlg" or "".
        wide: primaries are BT.2020.
        mirrored: left and right change places after the turn.
        peak_nits: brightest light of a PQ picture, in cd/m2.
    """

    rotation_deg: int
    sar: Fraction
    matrix: int
    full: bool
    hdr: str
    wide: bool
    mirrored: bool = False
    peak_nits: float = tonemap.PEAK_NITS


def look_of(info: VideoInfo) -> Look:
    """Return how pictures of a file are shown; what it leaves unsaid goes by its size, as in
    players: BT.709 from 1280 wide or 577 high, else BT.601."""
    large = info.width >= 1280 or info.height > 576
    matrix = MATRIX_CODES.get(info.color_space, 1 if large else 5)
    wide = info.color_primaries == "bt2020" or bool(info.hdr)
    return Look(
        info.rotation_deg, info.sar, matrix, info.color_range == "full", info.hdr, wide,
        info.mirrored, info.peak_nits or tonemap.PEAK_NITS,
    )


def display_size(width: int, height: int, sar: Fraction, rotation_deg: int) -> tuple[int, int]:
    """Return (width, height) in square pixels, upright; the short axis is stretched, so that no
    line is lost."""
    if sar > 1:
        width = round(width * sar)
    elif sar < 1:
        height = round(height / sar)
    return (height, width) if rotation_deg in (90, 270) else (width, height)


def luma_view(frame: Any) -> tuple[Gray, bool]:
    """Return ((h, w) uint8 luma of a PyAV frame as coded, whether it was made from R'G'B').

    A view of the decoder's memory for 8-bit planar formats: use it while the frame lives.
    """
    alone, bits, _ = _kind(frame.format)
    if alone:
        luma = _plane(frame, 0)
        if bits > 8:
            luma = cv2.convertScaleAbs(luma, alpha=1 / (1 << (bits - 8)))
        return np.asarray(luma, np.uint8), False
    gray = frame.reformat(format="gray", dst_color_range=FULL, threads=1)
    return np.asarray(_plane(gray, 0), np.uint8), True


def _kind(pixels: Any) -> tuple[bool, int, bool]:
    """Return of a pixel format: whether the first plane is luma in the low bits and no more, bits
    of a sample, whether colours lie in planes of their own. Asking PyAV each time would cost as
    much as measuring."""
    found = _kinds.get(pixels.name)
    if found is None:
        bits = pixels.components[0].bits
        little = not pixels.is_big_endian
        luma = ("yuv4", "yuvj4", "yuva4", "gray", "nv12", "nv16", "nv21", "nv24")
        found = (
            pixels.name.startswith(luma) and little,
            bits,
            pixels.name.startswith(("yuv4", "yuvj4")) and little,
        )
        _kinds[pixels.name] = found
    return found


_kinds: dict[str, tuple[bool, int, bool]] = {}


def _plane(frame: Any, number: int) -> npt.NDArray[Any]:
    """Return a view of a plane with one sample of 8 or 16 bits a place."""
    plane = frame.planes[number]
    samples = np.frombuffer(plane, np.uint8 if _kind(frame.format)[1] == 8 else np.uint16)
    rows = samples.reshape(-1, plane.line_size // samples.itemsize)
    return rows[: plane.height, : plane.width]


def halved(plane: npt.NDArray[Any], least: int) -> npt.NDArray[Any]:
    """Return a plane halved, by the mean of 2 x 2, as long as its longer side keeps `least`.

    Halving has a fast path in OpenCV: ten times the speed of shrinking to a third.
    """
    while max(plane.shape[:2]) >= 2 * least and min(plane.shape[:2]) >= 2:
        height, width = plane.shape[0] // 2, plane.shape[1] // 2
        even = plane[: 2 * height, : 2 * width]
        plane = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
    return plane


def small_planes(frame: Any, size_wh: tuple[int, int], luma: Gray) -> tuple[Gray, Gray, Gray]:
    """Return Y', Cr and Cb of a small picture for comparing neighbours: steady, not exact.

    Args:
        luma: the frame's, halved or not: reading all of it twice would cost more than the rest.
    """
    if not _kind(frame.format)[2]:
        small = frame.reformat(*size_wh, "bgr24", interpolation="AREA", threads=1)
        return planes_of(small.to_ndarray())
    red, blue = (_small_colour(frame, number, size_wh) for number in (2, 1))
    return _shrunk(luma, size_wh), red, blue


def planes_of(bgr: Rgb) -> tuple[Gray, Gray, Gray]:
    """Return Y', Cr and Cb of a B, G, R picture."""
    luma, red, blue = cv2.split(cv2.cvtColor(bgr, cv2.COLOR_BGR2YCrCb))
    return np.asarray(luma, np.uint8), np.asarray(red, np.uint8), np.asarray(blue, np.uint8)


def _small_colour(frame: Any, number: int, size_wh: tuple[int, int]) -> Gray:
    """Return a colour plane shrunk. Of a large one four samples stand for each small one's area:
    reading all of it would take twice as long, and codecs have smoothed it."""
    plane = _plane(frame, number)
    height, width = plane.shape
    if width >= 4 * size_wh[0] and height >= 4 * size_wh[1]:
        double = (2 * size_wh[0], 2 * size_wh[1])
        plane = cv2.resize(plane, double, interpolation=cv2.INTER_NEAREST)
    if plane.dtype == np.uint16:
        plane = cv2.convertScaleAbs(plane, alpha=256 / (1 << _kind(frame.format)[1]))
    return _shrunk(np.asarray(plane, np.uint8), size_wh)


def _shrunk(plane: Gray, size_wh: tuple[int, int]) -> Gray:
    """Return a plane of a size, by the mean over areas."""
    small = cv2.resize(halved(plane, max(size_wh)), size_wh, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def to_rgb(frame: Any, look: Look) -> Rgb:
    """Return the (h, w, 3) uint8 picture of a PyAV frame as a person should see it."""
    source = {"src_color_range": FULL if look.full else 1, "dst_color_range": FULL}
    if frame.format.is_rgb:
        source = {}
    else:
        source["src_colorspace"] = look.matrix
    # Converted at the coded size: swscale's own scaling darkens, and this way both readers agree.
    if look.hdr or look.wide:
        deep = frame.reformat(format="rgb48le", interpolation=BICUBIC, threads=1, **source)
        return turn(square(tonemap.to_sdr(deep.to_ndarray(), look.hdr, look.peak_nits), look), look)
    plain = frame.reformat(format="rgb24", interpolation=BICUBIC, threads=1, **source)
    return turn(square(plain.to_ndarray(), look), look)


def square(rgb: Rgb, look: Look) -> Rgb:
    """Return a picture in coded orientation, stretched to square pixels."""
    size_wh = display_size(rgb.shape[1], rgb.shape[0], look.sar, 0)
    if size_wh == (rgb.shape[1], rgb.shape[0]):
        return rgb
    return np.asarray(cv2.resize(rgb, size_wh, interpolation=cv2.INTER_CUBIC), np.uint8)


def turn(rgb: Rgb, look: Look) -> Rgb:
    """Return a picture in coded orientation, turned upright and mirrored where that is asked."""
    if look.rotation_deg in TURNS:
        rgb = np.asarray(cv2.rotate(rgb, TURNS[look.rotation_deg]), np.uint8)
    return np.ascontiguousarray(rgb[:, ::-1] if look.mirrored else rgb)


def shown_box(
    xyxy: tuple[int, int, int, int], coded_wh: tuple[int, int], look: Look
) -> tuple[int, int, int, int]:
    """Return where a box of coded pixels lies in the picture as shown."""
    wide, tall = display_size(*coded_wh, look.sar, 0)
    across, down = wide / coded_wh[0], tall / coded_wh[1]
    x0, y0, x1, y1 = (
        round(xyxy[0] * across), round(xyxy[1] * down),
        round(xyxy[2] * across), round(xyxy[3] * down),
    )
    for _ in range(look.rotation_deg // 90):
        x0, y0, x1, y1 = tall - y1, x0, tall - y0, x1
        wide, tall = tall, wide
    return (wide - x1, y0, wide - x0, y1) if look.mirrored else (x0, y0, x1, y1)
