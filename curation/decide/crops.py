"""Proposals of crops: the best window of each shape, exact to the pixel, that cuts no face.

Windows of the shape are laid over the picture at some sizes and many places; those whose side runs
through any face are left out, those that lose a main face are taken only when nothing else is
left; what is left is scored (see crop_score). How sure the choice is: the margin to the best crop
that shows something else, as a share of how far crops of this picture differ at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from curation.decide.crop_ratio import Px, Shape
from curation.decide.crop_scene import Face, Floats, Ints, Scene
from curation.decide.crop_score import Scorer

REVISION = "1"
"""Raise it when the same scene would give other crops."""
PLACES = 25
"""Places tried along an axis, before those at the sides of faces and the finer ones."""
SIZES = (1.0, 0.94, 0.88, 0.82, 0.76, 0.7, 0.64, 0.58, 0.52)
FACE_AIR = 0.04
"""Room between a face and the side of a crop, in heights of the face."""
DISTINCT = 0.8
"""Share of the smaller of two crops that is in both, under which they are different choices: a
tighter crop of the same is a matter of taste."""
LEAST_SPREAD = 0.12
"""Crops that differ by less than this have no clear best one, whatever the margin."""

BAD = 0.9
"""How wrong headroom or a cut limb is, of 1, from which a person should look."""

Verdict = Literal["proposed", "review"]


@dataclass(frozen=True, slots=True)
class Crop:
    """A proposal.

    Attributes:
        ratio: name of its shape.
        px: x, y, width, height in upright pixels; width : height is exactly the shape.
        score: sum of the weighted parts.
        confidence: 0 to 1.
        verdict: "review" when a person should look; `why` says what for.
        why: what is special about it, in words; empty for an ordinary one.
        parts: what speaks for and against it, see crop_score.WEIGHTS.
    """

    ratio: str
    px: Px
    score: float
    confidence: float
    verdict: Verdict
    why: str = ""
    parts: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NoCrop:
    """Why there is no crop of a shape."""

    ratio: str
    why: str


def propose(
    scene: Scene, shape: Shape, *, sure: float = 0.2, tightest: float = 0.7
) -> Crop | NoCrop:
    """Return the best crop of a shape.

    Args:
        sure: confidence under which the verdict is "review".
        tightest: least width of a crop, as a share of the widest of its shape.
    """
    most = shape.most(scene.size_wh)
    if most < 1:
        return NoCrop(shape.name, f"the picture is smaller than {shape.w} x {shape.h} pixels")
    windows = _windows(scene, shape, most, tightest)
    whole = windows[~cuts_a_face(windows, scene)]
    if not len(whole):  # a crowd: beside any of its faces there may be a way through
        windows = _windows(scene, shape, most, 1.0, most_faces=len(scene.faces))
        whole = windows[~cuts_a_face(windows, scene)]
    if not len(whole):
        return NoCrop(shape.name, f"every {shape.name} crop would cut a face")
    kept, held = _with_main_faces(whole, scene)
    left_out = len(scene.main_faces) - len(held)
    if left_out and left_out == len(scene.main_faces):
        return NoCrop(shape.name, f"the face does not fit into a {shape.name} crop")
    scorer = Scorer(scene, float(most * shape.w) * (most * shape.h), held)
    kept = _finer(kept, scene, scorer, held)
    parts = scorer(kept.astype(np.float64))
    total = parts.total
    # Of equals the one nearest the middle, then the first: the same on every machine.
    best = _best(total, kept, scene)
    confidence = _confidence(total, kept, best)
    if left_out:
        confidence *= 1 - left_out / len(scene.main_faces)
    left, top, right, bottom = (int(v) for v in kept[best])
    shown = {name: round(float(part[best]), 4) for name, part in parts.of.items()}
    why = ""
    if left_out:
        why = f"{left_out} of {len(scene.main_faces)} faces do not fit"
    elif confidence < sure:
        why = f"another crop is about as good: {confidence:.2f} < {sure:g}"
    elif shown.get("headroom", 0.0) <= -BAD:
        why = "a head has too little or too much room above it in every crop of this shape"
    elif shown.get("limbs", 0.0) <= -BAD:
        why = "somebody is cut at a joint in every good crop of this shape"
    return Crop(
        shape.name,
        (left, top, right - left, bottom - top),
        round(float(total[best]), 4),
        round(confidence, 4),
        "review" if why else "proposed",
        why,
        shown,
    )


def cuts_a_face(windows: Ints, scene: Scene) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return (n,) whether a side of a window runs through a face; sides of the picture do not."""
    wide, tall = scene.size_wh
    left, top, right, bottom = windows.T
    cut = np.zeros(len(windows), bool)
    for face in scene.faces:
        if not face.is_likely:
            continue
        x0, y0, x1, y1 = face.box
        x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, wide), min(y1, tall)
        if x1 <= x0 or y1 <= y0:
            continue
        inside = (left <= x0) & (top <= y0) & (right >= x1) & (bottom >= y1)
        outside = (left >= x1) | (top >= y1) | (right <= x0) | (bottom <= y0)
        cut |= ~(inside | outside)
    return cut


def _windows(
    scene: Scene, shape: Shape, most: int, tightest: float, most_faces: int = 8
) -> Ints:
    """Return candidate windows (n, 4) inside the picture, each exactly of the shape."""
    wide, tall = scene.size_wh
    made = []
    faces = sorted(scene.faces, key=lambda face: (-face.height, face.box))[:most_faces]
    sizes = {max(1, int(most * size)) for size in SIZES if size >= tightest or size == SIZES[0]}
    for k in sorted(sizes, reverse=True):
        w, h = k * shape.w, k * shape.h
        xs = _places(wide - w, w, [(f.box[0], f.box[2], f.height) for f in faces])
        ys = _places(tall - h, h, [(f.box[1], f.box[3], f.height) for f in faces])
        x, y = (grid.ravel() for grid in np.meshgrid(xs, ys))
        made.append(np.stack([x, y, x + w, y + h], axis=1))
    return np.concatenate(made)


def _places(room: int, size: int, spans: list[tuple[float, float, float]]) -> Ints:
    """Return places of a window's low side: evenly, and so that it begins or ends beside faces.

    Args:
        room: largest place.
        spans: low and high side of faces, and their heights.
    """
    places = np.linspace(0, room, PLACES if room >= PLACES else room + 1)
    beside: list[float] = []
    for low, high, tall in spans:
        air = FACE_AIR * tall
        beside += [np.floor(low - air), np.ceil(high + air)]
        beside += [np.ceil(high + air) - size, np.floor(low - air) - size]
        # Faces that touch leave no air between them.
        beside += [np.floor(low), np.ceil(high), np.ceil(high) - size, np.floor(low) - size]
    every = np.rint(np.concatenate([places, np.array(beside, np.float64)])).astype(np.int64)
    return np.unique(np.clip(every, 0, room))


def _with_main_faces(windows: Ints, scene: Scene) -> tuple[Ints, tuple[Face, ...]]:
    """Return the windows that hold main faces, largest first, and those that they hold."""
    kept: Ints = windows
    held: list[Face] = []
    for face in scene.main_faces:
        holding = kept[_holds(kept, face)]
        if len(holding):
            kept = holding
            held.append(face)
    return kept, tuple(held)


def _holds(windows: Ints, face: Face) -> np.ndarray[Any, np.dtype[np.bool_]]:
    middle_x, middle_y = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
    left, top, right, bottom = windows.T
    return np.asarray(
        (left <= middle_x) & (middle_x <= right) & (top <= middle_y) & (middle_y <= bottom)
    )


def _finer(windows: Ints, scene: Scene, scorer: Scorer, faces: tuple[Face, ...]) -> Ints:
    """Return the windows with finer ones around the best few, by the same rules."""
    total = scorer(windows.astype(np.float64)).total
    first = np.argsort(-total, kind="stable")[:3]
    wide, tall = scene.size_wh
    more = [windows]
    for left, top, right, bottom in windows[first]:
        w, h = int(right - left), int(bottom - top)
        step_x, step_y = (max(1, (all_ - one) // PLACES) for all_, one in ((wide, w), (tall, h)))
        shifts = np.linspace(-1, 1, 9)
        xs = np.unique(np.clip(np.rint(left + shifts * step_x).astype(np.int64), 0, wide - w))
        ys = np.unique(np.clip(np.rint(top + shifts * step_y).astype(np.int64), 0, tall - h))
        x, y = (grid.ravel() for grid in np.meshgrid(xs, ys))
        more.append(np.stack([x, y, x + w, y + h], axis=1))
    every = np.unique(np.concatenate(more), axis=0)
    every = every[~cuts_a_face(every, scene)]
    for face in faces:
        every = np.asarray(every[_holds(every, face)])
    return every


def _best(total: Floats, windows: Ints, scene: Scene) -> int:
    rounded = np.round(total, 9)
    middle = np.abs(windows[:, :2] + windows[:, 2:] - np.array(scene.size_wh)).sum(axis=1)
    return int(np.lexsort((windows[:, 1], windows[:, 0], middle, -rounded))[0])


def _confidence(total: Floats, windows: Ints, best: int) -> float:
    """Return 0 to 1: margin to the best distinct crop, as a share of how far crops differ."""
    others = _shared(windows, windows[best]) < DISTINCT
    if not others.any():
        return 1.0  # every crop of this shape shows about the same
    margin = float(total[best] - total[others].max())
    spread = float(total[best] - np.percentile(total, 10))
    return float(np.clip(margin / max(spread, LEAST_SPREAD), 0, 1))


def _shared(windows: Ints, one: Ints) -> Floats:
    low = np.maximum(windows[:, :2], one[:2])
    high = np.minimum(windows[:, 2:], one[2:])
    common = np.prod(np.maximum(high - low, 0), axis=1).astype(np.float64)
    areas = np.prod(windows[:, 2:] - windows[:, :2], axis=1)
    return np.asarray(common / np.maximum(np.minimum(areas, np.prod(one[2:] - one[:2])), 1))
