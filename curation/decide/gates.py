"""What disqualifies a frame: darkness, a small body, a soft or small face, a false face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curation.decide.area import Picture, picture_of
from curation.decide.columns import AnyArray, Bools, Columns, Floats, Ints
from curation.decide.focus import blur_of_s, combine
from curation.decide.ledger import Ledger, Texts
from curation.decide.pools import among

if TYPE_CHECKING:
    from curation.params import GateParams

ASPECTS = (("2:3 crop", 2 / 3), ("3:4 crop", 3 / 4), ("1:1 crop", 1.0))
"""Export shapes as width / height."""


@dataclass(frozen=True, slots=True)
class Crop:
    """The best export crop of each frame, and the person in it; NaN without a person box.

    Attributes:
        area: share of the crop that the person fills.
        height: height of the person as a share of the crop's.
        short_px: short side of the crop.
        kept: share of the person's box, with its margin, that lies inside the crop.
        margin: how far the worst of the four is above its limit (1 = just good enough).
        binding: index into BINDING of that worst one.
        aspect: index into ASPECTS.
    """

    area: Floats
    height: Floats
    short_px: Floats
    kept: Floats
    margin: Floats
    binding: np.ndarray[tuple[int], np.dtype[np.int64]]
    aspect: np.ndarray[tuple[int], np.dtype[np.int64]]

    @property
    def measured(self) -> tuple[Floats, ...]:
        """The measures that BINDING is about."""
        return self.kept, self.short_px, self.area, self.height


BINDING = ("crop_fit", "crop_px", "pose_area", "crop_height")
"""Reasons of an export crop, in the order of its four measures; see `Crop.measured`."""


def crop_limits(params: GateParams) -> tuple[float, ...]:
    """Return the limits of BINDING."""
    return params.crop_keep, float(params.min_px), params.pose_area, params.crop_height


def best_crop(data: Mapping[str, AnyArray] | Columns, params: GateParams) -> Crop:
    """Return the export crop that shows the main person best.

    For each aspect the crop is the largest that the picture holds, placed around the person's
    box with its margin. The best aspect is the one whose weakest measure is furthest above its
    limit, so an aspect that passes everything always wins over one that does not.
    """
    return best_of(crops(Columns.of(data), params), params)


def crops(columns: Columns, params: GateParams) -> Floats:
    """Return (aspects, 4, n): kept, short_px, area and height of each export shape; see Crop."""
    picture = picture_of(columns)
    width, height = picture.width, picture.height
    x0, y0, x1, y1 = _person_box(columns, picture)
    wide = _grown(x0, x1, width, params.crop_margin)
    tall = _grown(y0, y1, height, params.crop_margin)
    wanted = (wide[1] - wide[0]) * (tall[1] - tall[0])
    per_aspect = []
    for _, aspect in ASPECTS:
        crop_h = np.minimum(height, width / aspect)
        crop_w = crop_h * aspect
        left, top = _start(*wide, crop_w, width), _start(*tall, crop_h, height)
        held = _overlap(*wide, left, crop_w) * _overlap(*tall, top, crop_h)
        person_w, person_h = _overlap(x0, x1, left, crop_w), _overlap(y0, y1, top, crop_h)
        with np.errstate(divide="ignore", invalid="ignore"):
            kept = held / wanted
            area = person_w * person_h / (crop_w * crop_h)
            measured = (kept, np.minimum(crop_w, crop_h), area, person_h / crop_h)
        per_aspect.append(np.stack(measured))
    return np.stack(per_aspect)


def best_of(measures: Floats, params: GateParams) -> Crop:
    """Return the best of `crops` by the limits of these parameters."""
    limits = crop_limits(params)
    n = measures.shape[2]
    margins, bindings = np.empty((len(ASPECTS), n)), np.empty((len(ASPECTS), n), np.int64)
    for aspect, of_shape in enumerate(measures):
        ratios = np.full((len(limits), n), np.inf)
        for ratio, values, limit in zip(ratios, of_shape, limits, strict=True):
            if limit > 0:
                with np.errstate(over="ignore"):
                    np.divide(values, limit, out=ratio)
            ratio[~np.isfinite(values)] = -np.inf
        margins[aspect], bindings[aspect] = ratios.min(axis=0), ratios.argmin(axis=0)
    # Equal margins (limits of 0, say) go to the crop that the person fills most.
    area = np.nan_to_num(measures[:, 2], nan=-1.0)
    best, most, filled = np.zeros(n, np.int64), margins[0].copy(), area[0].copy()
    for aspect in range(1, len(ASPECTS)):
        level = margins[aspect]
        better = (level > most) | ((level == most) & (area[aspect] > filled))
        best[better], most[better], filled[better] = aspect, level[better], area[aspect][better]
    rows = np.arange(n)
    chosen = measures[best, :, rows]
    return Crop(
        area=chosen[:, 2],
        height=chosen[:, 3],
        short_px=chosen[:, 1],
        kept=chosen[:, 0],
        margin=most,
        binding=bindings[best, rows],
        aspect=best,
    )


def image_share(data: Mapping[str, AnyArray] | Columns) -> Floats:
    """Return the share of the image that the box of visible keypoints fills (the literal rule)."""
    columns = Columns.of(data)
    x0, y0, x1, y1 = (columns.floats(f"pose_{side}") for side in ("x0", "y0", "x1", "y1"))
    picture = picture_of(columns)
    image = picture.width * picture.height
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.maximum(x1 - x0, 0) * np.maximum(y1 - y0, 0) / image)


def face_px(columns: Columns) -> Floats:
    """Return the short side of the main face in pixels of the stored picture; NaN without one."""
    sides = np.minimum(
        columns.floats("face_x1") - columns.floats("face_x0"),
        columns.floats("face_y1") - columns.floats("face_y0"),
    )
    measured = columns.floats("focus_px")
    return np.where(np.isfinite(measured), measured, sides)


def judged_by_face(columns: Columns, params: GateParams) -> Bools:
    """Where the face is large enough for its focus to mean something."""
    large = face_px(columns) >= params.min_face_px
    return np.asarray(large & np.isfinite(columns.floats("focus_s")))


def face_focus(columns: Columns) -> Floats:
    """Return the focus of the face on the scale of S: the S that is typical of its blur.

    S alone calls smooth skin soft (15 of 137 sharp portraits) and motion sharp (28 % at 2 px of
    blur). The blur that `combine` makes of S and the learned measure errs in 5 and in none; it
    is read back on the scale of S because limits are given on it. S itself without the latter.
    """
    return columns.once("face_focus", lambda: _typical_focus(columns))


def _typical_focus(columns: Columns) -> Floats:
    s, learned = columns.floats("focus_s"), columns.floats("focus_blur_px")
    blur_px = -combine(s, learned, np.full(columns.n, np.nan))
    scale = np.linspace(-6.0, 3.0, 1801)
    typical = np.interp(blur_px, blur_of_s(scale)[::-1], scale[::-1])
    return np.where(np.isfinite(s) & np.isfinite(learned), typical, s)


def close_false_faces(columns: Columns, params: GateParams, ledger: Ledger) -> None:
    """Reject frames whose main face is taken for a drawing, statue or poster."""
    false_p = columns.floats("false_p")
    where = np.asarray(false_p >= params.false_face)
    ledger.close(where, "false_face", value=false_p, limit=params.false_face, cue=_cues(columns))


def review_limit(params: GateParams) -> float:
    """Return the probability from which a face goes to review: never above what rejects it."""
    return min(params.false_face_review, params.false_face)


def close_unsure_faces(columns: Columns, params: GateParams, ledger: Ledger) -> None:
    """Send frames to review whose face may be false; call it after every other gate."""
    false_p = columns.floats("false_p")
    limit = review_limit(params)
    where = np.asarray(false_p >= limit)
    ledger.close(where, "false_face_unsure", value=false_p, limit=limit, cue=_cues(columns))


def close_exposure(columns: Columns, params: GateParams, ledger: Ledger) -> None:
    """Reject pictures that are as good as black or white."""
    luma = columns.floats("luma_mean")
    ledger.close(
        np.asarray(luma < params.min_brightness), "too_dark",
        value=luma, limit=params.min_brightness,
    )
    ledger.close(
        np.asarray(luma > params.max_brightness), "too_bright",
        value=luma, limit=params.max_brightness,
    )


def close_bodies(
    columns: Columns, pool: AnyArray, params: GateParams, crop: Crop, image: Floats, ledger: Ledger
) -> None:
    """Reject bodies that are too small: in the best export crop, or in the whole image."""
    body = is_body(pool)
    if params.pose_area_of == "image":
        share = np.nan_to_num(image)
        ledger.close(
            np.asarray(body & (share < params.pose_area)), "pose_area",
            value=share, limit=params.pose_area, crop="image",
        )
        return
    names = np.array([name for name, _ in ASPECTS], object)[crop.aspect]
    failed = body & ~(crop.margin >= 1)
    held = zip(BINDING, crop.measured, crop_limits(params), strict=True)
    for index, (code, value, limit) in enumerate(held):
        ledger.close(
            failed & (crop.binding == index), code,
            value=np.nan_to_num(value), limit=limit, crop=names,
        )


def close_focus(columns: Columns, pool: AnyArray, params: GateParams, ledger: Ledger) -> None:
    """Reject soft pictures: by the face, or by the torso of a body whose face is too small."""
    body = is_body(pool)
    by_face = judged_by_face(columns, params)
    size = face_px(columns)
    torso = columns.floats("focus_body")
    focus, gap = face_focus(columns), columns.floats("focus_gap")

    small = ~body & (size < params.min_face_px)
    ledger.close(small, "face_too_small", value=size, limit=params.min_face_px)
    unjudged = ~by_face & ~(body & np.isfinite(torso))
    ledger.close(unjudged & (size < params.min_face_px), "face_too_small",
                 value=size, limit=params.min_face_px)
    ledger.close(unjudged, "focus_unknown")
    ledger.close(by_face & (focus < params.min_focus), "soft",
                 value=focus, limit=params.min_focus)
    ledger.close(by_face & (gap > params.max_focus_gap), "background_sharper",
                 value=gap, limit=params.max_focus_gap)
    ledger.close(~by_face & (torso < params.min_body_focus), "body_soft", value=torso,
                 limit=params.min_body_focus, face=_sizes(size))


def is_body(pool: AnyArray) -> Bools:
    """Return (n,) bool: the pools that show more than a face."""
    return among(pool, "upper_body", "full_body")


def _person_box(
    columns: Columns, picture: Picture
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the person's box inside the picture, from its upper left corner; the box of keypoints
    where there is none."""
    sides = []
    across, down = (picture.left, picture.width), (picture.top, picture.height)
    for side, (start, size) in (("x0", across), ("y0", down), ("x1", across), ("y1", down)):
        person, pose = columns.floats(f"person_{side}"), columns.floats(f"pose_{side}")
        sides.append(np.clip(np.where(np.isfinite(person), person, pose) - start, 0, size))
    return sides[0], sides[1], sides[2], sides[3]


def _grown(low: Floats, high: Floats, image: Floats, margin: float) -> tuple[Floats, Floats]:
    """Return an interval with its margin on both sides, as far as the image has room."""
    room = margin * (high - low)
    return np.clip(low - room, 0, image), np.clip(high + room, 0, image)


def _start(low: Floats, high: Floats, crop: Floats, image: Floats) -> Floats:
    """Return where a crop of this length starts that is placed around the middle of low..high."""
    return np.asarray(np.clip((low + high) / 2 - crop / 2, 0, image - crop))


def _overlap(low: Floats, high: Floats, start: Floats, crop: Floats) -> Floats:
    """Return the length of low..high that lies in the crop."""
    return np.asarray(np.clip(np.minimum(high, start + crop) - np.maximum(low, start), 0, None))


def _cues(columns: Columns) -> Texts:
    """Return texts such as ", painted look"."""
    cues = columns.objects("false_cue")

    def texts(rows: Ints) -> list[str]:
        return [f", {cue}" if cue and cue == cue else "" for cue in cues[rows].tolist()]

    return texts


def _sizes(size: Floats) -> Texts:
    """Return texts such as "41 px", "not seen" where there is no face."""

    def texts(rows: Ints) -> list[str]:
        return [f"{px:.0f} px" if np.isfinite(px) else "not seen" for px in size[rows].tolist()]

    return texts
