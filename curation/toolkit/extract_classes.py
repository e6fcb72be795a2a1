"""extract-classes: what detect found, cut out; boxes of the crop are those of the crop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from curation.errors import ImageUnreadable, InputError, ParamError
from curation.params import tunable
from curation.toolkit import crops, pixels
from curation.toolkit import sidecar as sc
from curation.toolkit.facts import size_wh
from curation.toolkit.finding import sources
from curation.toolkit.plan import Made, Plan, Write
from curation.toolkit.verbs import Beats, Context, FromToParams, Verb
from curation.toolkit.workdir import Pic

Box = tuple[int, int, int, int]


class ExtractClassesParams(FromToParams):
    """Which findings are cut out, and how."""

    classes: tuple[str, ...] = tunable(
        (), "classes that detect looked for", basic=True, short="-c", required=True
    )
    margin: float = tunable(
        0.0, "room on all four sides, as a share of the box's larger side", ge=0, le=5, basic=True
    )
    square: bool = tunable(False, "cut squares: the shorter side grows", basic=True)
    min_score: float = tunable(0.0, "least score of a finding", ge=0, le=1, basic=True)
    min_size: int = tunable(1, "least shorter side of a crop", ge=1, le=65_535, unit="px")
    skip_partial: bool = tunable(
        False, "leave out crops that would reach beyond the picture", basic=True
    )
    format: crops.Ending = tunable("jpg", "format of the crops", short="-F")
    quality: int = tunable(95, "quality of JPEG and WebP", ge=1, le=100, short="-q")


@dataclass(frozen=True, slots=True)
class _Piece:
    """One crop to be made: its name before clashes are settled, and where it lies."""

    name: str
    pic: Pic
    sidecar: Mapping[str, Any]
    box: Box
    size_wh: tuple[int, int]
    reason: str


def run(ctx: Context, params: ExtractClassesParams) -> Beats:
    """Cut findings out; the summary has `crops`, `partial`, `small` and `weak` ones left out."""
    words = list(dict.fromkeys(" ".join(w.lower().split()) for w in params.classes if w.strip()))
    if not words:
        raise ParamError("--classes names nothing", 'as in --classes "chair,dog"')
    to, plan = ctx.target(params.to), ctx.plan()
    pics = sources(ctx, params.from_dirs, to)
    left_out = {"weak": 0, "partial": 0, "small": 0}
    pieces: list[_Piece] = []
    having = 0
    for pic, sidecar in ctx.sidecars(pics, plan):
        classes = sidecar.get("classes") or {}
        found = {word: good for word in words if (good := _boxes(classes.get(word)))}
        if not found:
            continue
        having += 1
        try:
            size = size_wh(pic.path)
        except ImageUnreadable as error:
            plan.fail(pic.path, error)
            continue
        for word, scored in found.items():
            pieces += _pieces(pic, sidecar, size, word, scored, params, left_out)
    if not having and not plan.failed:
        raise InputError(
            f"none of {len(pics)} pictures has {' or '.join(words)} in its sidecar",
            f'python -m curation detect --from {params.from_dirs} --classes "{",".join(words)}"',
        )
    _fill(ctx, plan, params, to, pieces)
    told = {why: n for why, n in left_out.items() if n}
    yield from ctx.carry_out(plan, pictures=len(pics), crops=len(pieces), left_out=told)


def _boxes(found: Any) -> list[tuple[float, list[float]]]:
    """Return (score, box) of a class in a sidecar; what is no box is left out."""
    good: list[tuple[float, list[float]]] = []
    for item in found if isinstance(found, list) else ():
        box = item.get("box") if isinstance(item, Mapping) else None
        if isinstance(box, list) and len(box) == 4 and all(isinstance(v, int | float) for v in box):
            score = item.get("score")
            good.append((float(score) if isinstance(score, int | float) else 1.0, box))
    return good


def _pieces(
    pic: Pic,
    sidecar: Mapping[str, Any],
    size: tuple[int, int],
    word: str,
    scored: Sequence[tuple[float, list[float]]],
    params: ExtractClassesParams,
    left_out: dict[str, int],
) -> list[_Piece]:
    pieces: list[_Piece] = []
    strong = [(score, box) for score, box in scored if score >= params.min_score]
    left_out["weak"] += len(scored) - len(strong)
    stem = f"{pic.path.stem}_{crops.safe(word)}"
    for number, (score, raw) in enumerate(strong, start=1):
        box, whole = place(raw, size, params.square, params.margin)
        if params.skip_partial and not whole:
            left_out["partial"] += 1
        elif min(box[2] - box[0], box[3] - box[1]) < params.min_size:
            left_out["small"] += 1
        else:
            name = crops.numbered(stem, number, len(strong), params.format)
            pieces.append(_Piece(name, pic, sidecar, box, size, f"{word} {score:.2f}"))
    return pieces


def place(
    box: Sequence[float], size_wh: tuple[int, int], square: bool, margin: float
) -> tuple[Box, bool]:
    """Return the crop of a box in whole pixels, and whether it lay inside the picture.

    The shorter side grows about the centre, then the margin is added; a square that reaches beyond
    the picture is moved inside, and is as large as the picture allows; any other crop is cut.

    Args:
        margin: on each side, as a share of the larger side.
    """
    w, h = size_wh
    x0, y0, x1, y1 = (float(v) for v in box)
    cx, cy, wide, tall = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0
    if square:
        wide = tall = max(wide, tall)
    room = margin * max(wide, tall)
    wide, tall = wide + 2 * room, tall + 2 * room
    left, top = round(cx - wide / 2), round(cy - tall / 2)
    right, bottom = left + round(wide), top + round(tall)
    inside = left >= 0 and top >= 0 and right <= w and bottom <= h
    if square:
        side = min(right - left, w, h)
        left, top = round(cx - side / 2), round(cy - side / 2)
        left, top = min(max(left, 0), w - side), min(max(top, 0), h - side)
        return (left, top, left + side, top + side), inside
    return (max(left, 0), max(top, 0), min(right, w), min(bottom, h)), inside


def _fill(
    ctx: Context,
    plan: Plan,
    params: ExtractClassesParams,
    to: Path,
    pieces: Sequence[_Piece],
) -> None:
    names = ctx.workdir.names(to, [(piece.name, piece.pic.path) for piece in pieces])
    recent = crops.Recent(pixels.load)
    for piece, name in zip(pieces, names, strict=True):
        x0, y0, x1, y1 = piece.box
        beside = sc.carry(piece.sidecar, "crop", offset_px=(-x0, -y0), size_wh=(x1 - x0, y1 - y0))
        plan.add(
            Write(
                to / name,
                make=partial(_cut, recent, piece, params),
                sidecar={**beside, "crop": {"box": list(piece.box)}},
                source=piece.pic.path,
                fp=pixels.fp(params, piece.pic, piece.sidecar, piece.box),
                reason=f"{piece.reason} of {ctx.workdir.shown(piece.pic.path)}",
            )
        )


def _cut(
    recent: crops.Recent[pixels.Loaded], piece: _Piece, params: ExtractClassesParams
) -> Made:
    image = recent.of(piece.pic.path).image
    if image.size != piece.size_wh:
        raise ImageUnreadable(f"{piece.pic.path} changed while it was being cut; run this again")
    part = pixels.Loaded(image.crop(piece.box), None, recent.of(piece.pic.path).icc).bare()
    return crops.encoded(part.image, params.format, params.quality)


VERB = Verb("extract-classes", ExtractClassesParams, run, "Cut out what detect found.")
