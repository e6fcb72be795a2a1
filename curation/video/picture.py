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


@dataclass(frozen=True)
class Look:
    """What must be done to a decoded picture of one file.

    Attributes:
        matrix: swscale's number of the Y'CbCr matrix.
        full: luma spans 0..255 instead of 16..235.
        hdr: "pq", "hlg" or "".
        wide: primaries are BT.2020.
    """

    rotation_deg: int
    sar: Fraction
    matrix: int
    full: bool
    hdr: str
    wide: bool


def look_of(info: VideoInfo) -> Look:
    """Return how pictures of a file are shown; what it leaves unsaid goes by its size, as in
    players: BT.709 from 1280 wide or 577 high, else BT.601."""
    large = info.width >= 1280 or info.height > 576
    matrix = MATRIX_CODES.get(info.color_space, 1 if large else 5)
    wide = info.color_primaries == "bt2020" or bool(info.hdr)
    return Look(info.rotation_deg, info.sar, matrix, info.color_range == "full", info.hdr, wide)


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
    pixels = frame.format
    planar = not pixels.is_rgb and len(pixels.components) > 0 and pixels.name != "pal8"
    bits = pixels.components[0].bits if planar else 0
    step = 1 if bits == 8 else 2
    packed = planar and frame.planes[0].line_size < frame.width * step
    if planar and not packed and not pixels.is_big_endian and _luma_alone(pixels.name):
        plane = frame.planes[0]
        shape = (-1, plane.line_size // step)
        if bits == 8:
            rows = np.frombuffer(plane, np.uint8).reshape(shape)
            return rows[: frame.height, : frame.width], False
        deep = np.frombuffer(plane, np.uint16).reshape(shape)[: frame.height, : frame.width]
        return (deep >> (bits - 8)).astype(np.uint8), False
    gray = frame.reformat(format="gray", dst_color_range=FULL, threads=1)
    return luma_view(gray)[0], True


def _luma_alone(name: str) -> bool:
    """Return whether the first plane of a pixel format is nothing but luma in the low bits."""
    return name.startswith(("yuv4", "yuvj4", "yuva4", "gray", "nv12", "nv16", "nv21", "nv24"))


def small_bgr(frame: Any, size_wh: tuple[int, int]) -> Rgb:
    """Return a small BGR picture for comparing neighbours: colours are steady, not exact."""
    name = frame.format.name
    if name not in ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p"):
        small = frame.reformat(*size_wh, "bgr24", interpolation="AREA", threads=1)
        return np.asarray(small.to_ndarray())
    planes = []
    for number in (0, 2, 1):  # Y, Cr, Cb
        plane = frame.planes[number]
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        view = rows[: plane.height, : plane.width]
        planes.append(cv2.resize(view, size_wh, interpolation=cv2.INTER_AREA))
    return np.asarray(cv2.cvtColor(cv2.merge(planes), cv2.COLOR_YCrCb2BGR), np.uint8)


def to_rgb(frame: Any, look: Look) -> Rgb:
    """Return the (h, w, 3) uint8 picture of a PyAV frame as a person should see it."""
    source = {"src_color_range": FULL if look.full else 1, "dst_color_range": FULL}
    if frame.format.is_rgb:
        source = {}
    else:
        source["src_colorspace"] = look.matrix
    if look.hdr or look.wide:
        deep = frame.reformat(format="rgb48le", interpolation=BICUBIC, threads=1, **source)
        return turn(square(tonemap.to_sdr(deep.to_ndarray(), look.hdr), look), look)
    size_wh = display_size(frame.width, frame.height, look.sar, 0)
    plain = frame.reformat(*size_wh, "rgb24", interpolation=BICUBIC, threads=1, **source)
    return turn(plain.to_ndarray(), look)


def square(rgb: Rgb, look: Look) -> Rgb:
    """Return a picture in coded orientation, stretched to square pixels."""
    size_wh = display_size(rgb.shape[1], rgb.shape[0], look.sar, 0)
    if size_wh == (rgb.shape[1], rgb.shape[0]):
        return rgb
    return np.asarray(cv2.resize(rgb, size_wh, interpolation=cv2.INTER_CUBIC), np.uint8)


def turn(rgb: Rgb, look: Look) -> Rgb:
    """Return a picture in coded orientation, turned upright."""
    if look.rotation_deg in TURNS:
        rgb = np.asarray(cv2.rotate(rgb, TURNS[look.rotation_deg]), np.uint8)
    return np.ascontiguousarray(rgb)
