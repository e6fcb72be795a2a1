"""frame: pictures resized to a width and height, by stretching, cropping or padding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from curation.errors import ImageUnreadable, ParamError
from curation.params import tunable
from curation.toolkit import pixels
from curation.toolkit import sidecar as sc
from curation.toolkit.facts import size_wh
from curation.toolkit.plan import Write
from curation.toolkit.verbs import Beats, Context, FromToParams, Verb

Gravity = Literal["center", "top", "bottom", "left", "right"]
LARGEST_PX = 16_384
BLUR_SHARE = 0.05
"""Radius of the blurred filling, as a share of the longer side."""


class FrameParams(FromToParams):
    """What size pictures get, and how."""

    width: int | None = tunable(
        None, "width; alone, the height follows", ge=1, le=LARGEST_PX, unit="px", short="-W",
        basic=True,
    )  # fmt: skip
    height: int | None = tunable(
        None, "height; alone, the width follows", ge=1, le=LARGEST_PX, unit="px", short="-H",
        basic=True,
    )  # fmt: skip
    mode: Literal["stretch", "crop", "pad"] = tunable(
        "crop", "with both sides given: distort, cut what stands over, or fill what is missing",
        short="-m", basic=True,
    )  # fmt: skip
    gravity: Gravity = tunable(
        "center", "what a crop keeps, and where padding puts the picture", short="-g", basic=True
    )
    fill: Literal["color", "edge", "reflect", "blur"] = tunable(
        "color", "what padding is filled with", short="-f", basic=True
    )
    fill_color: str = tunable("#000000", "colour of the padding", basic=True)
    trim: bool = tunable(False, "first cut borders of one colour away", basic=True)
    trim_tolerance: int = tunable(
        8, "largest difference (of 255) within a border", ge=0, le=255
    )
    margin: str = tunable(
        "0", "padding on every side, in pixels or as N% of the shorter side; mode pad, both sides"
    )
    quality: int = tunable(95, "quality of JPEG and WebP", ge=1, le=100, short="-q")
    compress_level: int = tunable(0, "compression of PNG, 0-9", ge=0, le=9)


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where a picture goes.

    Attributes:
        cut: (x0, y0, x1, y1) of the trimmed picture that is used, in its pixels, not whole ones.
        scaled_wh: size of that part in the new picture.
        at_xy: where its corner lies in the new picture.
        size_wh: of the new picture.
    """

    cut: tuple[float, float, float, float]
    scaled_wh: tuple[int, int]
    at_xy: tuple[int, int]
    size_wh: tuple[int, int]


def margin_px(text: str, width: int, height: int) -> int:
    """Return a margin of "12" or "5%" in pixels.

    Raises:
        ParamError: when it is neither, or nothing would be left of the picture.
    """
    number = text.strip().removesuffix("%").strip() or "0"
    try:
        value = float(number)
    except ValueError:
        raise ParamError(f"--margin {text!r} is no number", "pixels as in 12, or 5%") from None
    px = round(value * min(width, height) / 100 if text.strip().endswith("%") else value)
    if not 0 <= px * 2 < min(width, height):
        raise ParamError(f"--margin {text} leaves nothing of {width} x {height} pixels")
    return px


def geometry(size: tuple[int, int], params: FrameParams) -> Geometry:
    """Return where a picture of (width, height) pixels goes."""
    w, h = size
    whole = (0.0, 0.0, float(w), float(h))
    if params.width is None or params.height is None:
        scale = params.width / w if params.width else (params.height or h) / h
        new = (params.width or max(1, round(w * scale)), params.height or max(1, round(h * scale)))
        return Geometry(whole, new, (0, 0), new)
    new = (params.width, params.height)
    if params.mode == "stretch":
        return Geometry(whole, new, (0, 0), new)
    along_x, along_y = _shares(params.gravity)
    if params.mode == "crop":
        scale = max(new[0] / w, new[1] / h)
        # Rounding must not make the part larger than the whole: 128 / (128 / 103) is over 103.
        part_w, part_h = min(new[0] / scale, w), min(new[1] / scale, h)
        x, y = (w - part_w) * along_x, (h - part_h) * along_y
        return Geometry((x, y, min(x + part_w, w), min(y + part_h, h)), new, (0, 0), new)
    margin = margin_px(params.margin, *new)
    room_w, room_h = new[0] - 2 * margin, new[1] - 2 * margin
    scale = min(room_w / w, room_h / h)
    scaled = (
        min(room_w, max(1, round(w * scale))),
        min(room_h, max(1, round(h * scale))),
    )
    at = (
        margin + round((room_w - scaled[0]) * along_x),
        margin + round((room_h - scaled[1]) * along_y),
    )
    return Geometry(whole, scaled, at, new)


def _shares(gravity: str) -> tuple[float, float]:
    return {"left": 0.0, "right": 1.0}.get(gravity, 0.5), {"top": 0.0, "bottom": 1.0}.get(
        gravity, 0.5
    )


def border(pixels_hwc: npt.NDArray[np.uint8], tolerance: int) -> tuple[int, int, int, int]:
    """Return (x0, y0, x1, y1) of what lies within borders of one colour; all when it is all one.

    Each side has a colour of its own, the median of its outermost line. Lines belong to the
    border while no pixel of theirs differs from it by more than the tolerance.
    """
    h, w = pixels_hwc.shape[:2]
    flat = pixels_hwc.reshape(h, w, -1).astype(np.int16)
    box = [0, 0, w, h]
    for axis, last in ((0, False), (0, True), (1, False), (1, True)):
        lines = flat[box[1] : box[3], box[0] : box[2]]
        lines = lines if axis == 0 else lines.transpose(1, 0, 2)
        lines = lines[::-1] if last else lines
        colour = np.median(lines[0], axis=0)
        inside = (np.abs(lines - colour) > tolerance).any(axis=(1, 2))
        if not inside.any():
            return 0, 0, w, h
        step = int(inside.argmax())
        at = 1 - axis + (2 if last else 0)
        box[at] += -step if last else step
    return box[0], box[1], box[2], box[3]


def framed(
    path: Path, params: FrameParams, sidecar: Mapping[str, Any]
) -> tuple[bytes, sc.Sidecar]:
    """Return a picture file at its new size, and its sidecar.

    Lanczos, which averages when it makes smaller.

    Raises:
        ImageUnreadable: naming the file.
    """
    from PIL import Image

    loaded = pixels.load(path)
    image = loaded.image
    x0, y0 = 0, 0
    if params.trim:
        box = border(np.asarray(image), params.trim_tolerance)
        x0, y0 = box[:2]
        image = image.crop(box)
    where = geometry(image.size, params)
    pixels.check_px(*where.size_wh, path)
    part = image.resize(where.scaled_wh, Image.Resampling.LANCZOS, box=where.cut)
    made = part if part.size == where.size_wh else _padded(part, image, where, params)
    scale = (
        where.scaled_wh[0] / (where.cut[2] - where.cut[0]),
        where.scaled_wh[1] / (where.cut[3] - where.cut[1]),
    )
    beside = sc.carry(
        sidecar,
        "frame",
        scale_xy=scale,
        offset_px=(
            where.at_xy[0] - (where.cut[0] + x0) * scale[0],
            where.at_xy[1] - (where.cut[1] + y0) * scale[1],
        ),
        size_wh=where.size_wh,
    )
    new = pixels.Loaded(made, loaded.exif, loaded.icc, loaded.xmp)
    kind = pixels.kind_of(path)
    return pixels.encode(new, kind, params.quality, params.compress_level), beside


def _padded(part: Any, whole: Any, where: Geometry, params: FrameParams) -> Any:
    """Return a scaled picture in the middle of its padding."""
    from PIL import Image, ImageFilter

    (w, h), (x, y) = where.size_wh, where.at_xy
    if params.fill == "color":
        fill = pixels.colour(params.fill_color)
        has_alpha = part.mode in ("LA", "RGBA")
        grey = part.mode in ("L", "LA") and len(set(fill[:3])) == 1
        mode = ("LA" if has_alpha else "L") if grey else ("RGBA" if has_alpha else "RGB")
        shown = ((fill[0], fill[3]) if has_alpha else fill[0]) if grey else fill[: len(mode)]
        made = Image.new(mode, (w, h), shown)
        made.paste(part.convert(mode), (x, y))
        return made
    if params.fill == "blur":
        scale = max(w / whole.width, h / whole.height)
        cut_w, cut_h = min(w / scale, whole.width), min(h / scale, whole.height)
        left, top = (whole.width - cut_w) / 2, (whole.height - cut_h) / 2
        box = (left, top, min(left + cut_w, whole.width), min(top + cut_h, whole.height))
        made = whole.resize((w, h), Image.Resampling.BILINEAR, box=box)
        made = made.filter(ImageFilter.GaussianBlur(max(w, h) * BLUR_SHARE))
        made.paste(part, (x, y))
        return made
    before, after = (y, h - y - part.height), (x, w - x - part.width)
    values = np.asarray(part)
    sides = (before, after, (0, 0))[: values.ndim]
    how: Literal["edge", "reflect"] = "edge" if params.fill == "edge" else "reflect"
    return Image.fromarray(np.pad(values, sides, mode=how))


def run(ctx: Context, params: FrameParams) -> Beats:
    """Resize every picture."""
    if params.width is None and params.height is None:
        raise ParamError("no size is given", "--width, --height, or both")
    pixels.colour(params.fill_color)
    if params.margin.strip() not in ("", "0", "0%"):
        if params.mode != "pad" or params.width is None or params.height is None:
            raise ParamError("--margin needs --mode pad, --width and --height")
        margin_px(params.margin, params.width, params.height)
    to, plan = ctx.target(params.to), ctx.plan()
    pics = pixels.sources(ctx, params.from_dirs, to)
    names = ctx.workdir.names(to, [(pixels.name_of(pic.path), pic.path) for pic in pics])
    where = dict(zip(pics, names, strict=True))
    for pic, sidecar in ctx.sidecars(pics, plan):
        try:
            size = size_wh(pic.path)
            if not params.trim:
                pixels.check_px(*geometry(size, params).size_wh, pic.path)
        except ImageUnreadable as error:
            plan.fail(pic.path, error)
            continue
        told = f"{size[0]} x {size[1]}, trimmed" if params.trim else f"{size[0]} x {size[1]}"
        new = (params.width or "?", params.height or "?")
        if not params.trim:
            new = geometry(size, params).size_wh
        plan.add(
            Write(
                to / where[pic],
                make=partial(framed, pic.path, params, sidecar),
                sidecar={},  # known when it is made: trimming decides where boxes go
                source=pic.path,
                fp=pixels.fp(params, pic, sidecar),
                reason=f"{told} -> {new[0]} x {new[1]} by {params.mode}",
            )
        )
    yield from ctx.carry_out(plan, pictures=len(pics))


VERB = Verb(
    "frame", FrameParams, run, "Resize pictures by stretching, cropping or padding."
)
