"""format: pictures in another file format, without alpha, grey, or without side data."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

from curation.errors import ImageUnreadable
from curation.params import tunable
from curation.photos import formats
from curation.toolkit import pixels
from curation.toolkit import sidecar as sc
from curation.toolkit.facts import size_wh
from curation.toolkit.plan import Write
from curation.toolkit.verbs import Beats, Context, FromToParams, Verb

KINDS = {"jpg": formats.JPEG, "png": formats.PNG, "webp": formats.WEBP}


class FormatParams(FromToParams):
    """What pictures are written as."""

    format: Literal["keep", "jpg", "png", "webp"] = tunable(
        "keep", "file format; keep writes what can be written, and PNG for the others",
        short="-f", basic=True,
    )  # fmt: skip
    quality: int = tunable(
        95, "quality of JPEG and WebP", ge=1, le=100, short="-q", basic=True
    )
    compress_level: int = tunable(
        0, "compression of PNG: 0 is fastest to read, 9 is smallest", ge=0, le=9, basic=True
    )
    strip_metadata: bool = tunable(
        False, "leave out EXIF, XMP and colour profile; colours become sRGB first", basic=True
    )
    channels: Literal["keep", "rgb", "grayscale"] = tunable(
        "keep", "rgb and grayscale take alpha away", short="-c", basic=True
    )
    background: str = tunable("white", "colour that what is clear is laid on", basic=True)


def converted(path: Path, kind: str, params: FormatParams) -> bytes:
    """Return a picture file in another format.

    Upright (EXIF orientation done), 8 bits; of a moving picture the first. Colours stay in their
    profile unless that is stripped or the picture turns grey.

    Raises:
        ImageUnreadable: naming the file.
    """
    loaded = pixels.load(path)
    if params.strip_metadata:
        loaded = loaded.bare()
    if params.channels != "keep" or kind not in pixels.ALPHA:
        flat = pixels.flattened(loaded.image, params.background)
        loaded = pixels.Loaded(flat, loaded.exif, loaded.icc, loaded.xmp)
    wanted = {"rgb": "RGB", "grayscale": "L"}.get(params.channels, loaded.image.mode)
    if loaded.image.mode != wanted:
        srgb = pixels.to_srgb(loaded.image, loaded.icc)
        loaded = pixels.Loaded(srgb.convert(wanted), loaded.exif, None, loaded.xmp)
    return pixels.encode(loaded, kind, params.quality, params.compress_level)


def run(ctx: Context, params: FormatParams) -> Beats:
    """Write every picture anew."""
    pixels.colour(params.background)
    to, plan = ctx.target(params.to), ctx.plan()
    pics = pixels.sources(ctx, params.from_dirs, to)
    kinds = [KINDS.get(params.format) or pixels.kind_of(pic.path) for pic in pics]
    wanted = [
        (pixels.name_of(pic.path, kind=kind), pic.path)
        for pic, kind in zip(pics, kinds, strict=True)
    ]
    names = ctx.workdir.names(to, wanted)
    where = dict(zip(pics, zip(names, kinds, strict=True), strict=True))
    for pic, sidecar in ctx.sidecars(pics, plan):
        try:
            size_wh(pic.path)
        except ImageUnreadable as error:
            plan.fail(pic.path, error)
            continue
        name, kind = where[pic]
        plan.add(
            Write(
                to / name,
                make=partial(converted, pic.path, kind, params),
                sidecar=sc.carry(sidecar, "recode"),
                source=pic.path,
                fp=pixels.fp(params, pic, sidecar),
                reason=f"{ctx.workdir.shown(pic.path)} as {kind}",
            )
        )
    yield from ctx.carry_out(plan, pictures=len(pics))


VERB = Verb(
    "format",
    FormatParams,
    run,
    "Write pictures as JPEG, PNG or WebP, upright, with or without alpha and side data.",
)
