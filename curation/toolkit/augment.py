"""augment: mirrored and turned copies of pictures, beside the pictures themselves."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from curation.errors import ImageUnreadable, ParamError
from curation.params import tunable
from curation.toolkit import pixels
from curation.toolkit import sidecar as sc
from curation.toolkit.facts import size_wh
from curation.toolkit.plan import Copy, Write
from curation.toolkit.verbs import Beats, Context, FromToParams, Verb

WAYS = {"flipX": (True, False), "flipY": (False, True), "flipXY": (True, True)}
"""Ending of the name -> (left and right change places, top and bottom change places)."""


class AugmentParams(FromToParams):
    """Which copies are made."""

    flip_x: bool = tunable(False, "mirror left and right", short="--flipX", basic=True)
    flip_y: bool = tunable(False, "mirror top and bottom", short="--flipY", basic=True)
    flip_xy: bool = tunable(
        False, "both, which is half a turn", short="--flipXY", basic=True
    )
    no_copy: bool = tunable(False, "leave the pictures themselves out", basic=True)
    quality: int = tunable(95, "quality of JPEG and WebP", ge=1, le=100, short="-q")
    compress_level: int = tunable(0, "compression of PNG, 0-9", ge=0, le=9)


def flipped(path: Path, way: str, quality: int, compress_level: int) -> bytes:
    """Return a picture file mirrored, in its own format.

    Raises:
        ImageUnreadable: naming the file.
    """
    from PIL import Image

    turns = {
        "flipX": Image.Transpose.FLIP_LEFT_RIGHT,
        "flipY": Image.Transpose.FLIP_TOP_BOTTOM,
        "flipXY": Image.Transpose.ROTATE_180,
    }
    was = pixels.load(path)
    made = pixels.Loaded(was.image.transpose(turns[way]), was.exif, was.icc, was.xmp)
    return pixels.encode(made, pixels.kind_of(path), quality, compress_level)


def run(ctx: Context, params: AugmentParams) -> Beats:
    """Copy and mirror pictures."""
    ways = [
        way
        for way, asked in zip(WAYS, (params.flip_x, params.flip_y, params.flip_xy), strict=True)
        if asked
    ]
    if not ways:
        raise ParamError("nothing to do", "give at least one of --flipX --flipY --flipXY")
    pics, to, plan = ctx.pictures(params.from_dirs), ctx.target(params.to), ctx.plan()
    # --to may be among --from; what an earlier run put there is not mirrored again.
    pics = [
        pic
        for pic in pics
        if not (pic.path.is_relative_to(to) and pixels.made_by(pic.path) == "augment")
    ]
    turned = [(pic, way) for pic in pics for way in ways]
    copied = [] if params.no_copy else [pic for pic in pics if pic.path.parent != to]
    wanted = [(pic.path.name, pic.path) for pic in copied]
    wanted += [(pixels.name_of(pic.path, f"_{way}"), pic.path) for pic, way in turned]
    names = ctx.workdir.names(to, wanted)
    kept = dict(zip([pic.path for pic in copied], names, strict=False))
    made = dict(zip(turned, names[len(copied) :], strict=True))
    for pic, sidecar in ctx.sidecars(pics, plan):
        try:
            size = size_wh(pic.path)
        except ImageUnreadable as error:
            plan.fail(pic.path, error)
            continue
        if pic.path in kept:
            plan.add(Copy(pic.path, to / kept[pic.path], reason="as it is"))
        for way in ways:
            mirror_x, mirror_y = WAYS[way]
            plan.add(
                Write(
                    to / made[pic, way],
                    make=partial(flipped, pic.path, way, params.quality, params.compress_level),
                    sidecar=sc.carry(
                        sidecar, "flip", size_wh=size, mirror_x=mirror_x, mirror_y=mirror_y
                    ),
                    source=pic.path,
                    fp=pixels.fp(params, pic, sidecar, way),
                    reason=f"{ctx.workdir.shown(pic.path)} by {way}",
                )
            )
    yield from ctx.carry_out(plan, pictures=len(pics), ways=", ".join(ways))


VERB = Verb(
    "augment", AugmentParams, run, "Make mirrored and half-turned copies of pictures."
)
