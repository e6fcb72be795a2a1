"""Does a face live? What only time tells: statues do not blink, posters move as a plane."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from curation.decide.alignment import LEAST_SHARE, overlay
from curation.decide.columns import Bools, Columns, Floats, Ints

SETS = 8
"""Frames of a track that are compared, spread over its time."""
LEAST_SETS, LEAST_S = 5, 1.5
"""Under these a person may just have held still: no vote."""
LEAST_MOTION, PATIENCE_S = 0.02, 10.0
"""Path of the face, in face widths, under which nothing moved; unless for so long a time.

A freeze of a real person must not be taken for a poster, and on a tripod nothing else tells.
"""
LEAST_FACE_PX = 48.0
"""Median short side of a face under which too little of its play is to be seen: no vote."""
MOST_YAW_DEG = 50.0
"""Turned further away, the mesh is guessed and so is what moves in it."""
RIGHT_EYE, LEFT_EYE = slice(0, 16), slice(16, 32)
"""Places of the eyes in `face_shape`; see steps/landmark_shapes.py."""
PATCH_PX = 40
FACE, AROUND_FACE = (14.0, 17.0), 64.0
"""Half axes of the face in a patch that is 64 units wide, about (32, 34)."""
STRONGEST, PER_S = 5.0, 1.25
"""Log-odds that time can say at most, and for each second that it was watched: people blink and
shift every few seconds, and a stare of two seconds is no proof."""
CUES = ("eyes", "expression", "plane", "pixels")


@dataclass(frozen=True, slots=True)
class Head:
    """A logistic model of cues that stand for "false" when they are small.

    Attributes:
        names: cues it looks at.
        center, scale: of the logarithms of the cues.
        weight, bias: of the log-odds, with as many false as real tracks.
    """

    names: tuple[str, ...]
    center: tuple[float, ...]
    scale: tuple[float, ...]
    weight: tuple[float, ...]
    bias: float

    def logit(self, cues: Mapping[str, Floats]) -> Floats:
        """Return (t,) log-odds of a false face; NaN where a cue is missing."""
        x = np.stack([np.log(cues[name] + FLOOR[name]) for name in self.names], axis=1)
        scaled = (x - np.array(self.center)) / np.array(self.scale)
        return np.asarray(scaled @ np.array(self.weight) + self.bias)


FLOOR = {"eyes": 0.003, "expression": 0.01, "plane": 0.003, "pixels": 0.0005}
"""Size of each cue that is measuring noise: smaller differences mean nothing."""

HEADS: dict[str, Head] = {
    "all": Head(
        ("eyes", "expression", "plane", "pixels"), (-3.652, -1.911, -3.198, -3.745),
        (0.847, 0.73, 0.759, 1.739), (-0.668, -0.467, -0.601, -3.332), -2.716,
    ),
    "landmarks": Head(
        ("eyes", "expression", "plane"), (-3.666, -1.928, -3.213),
        (0.849, 0.739, 0.763), (-1.084, -0.977, -1.633), -1.367,
    ),
    "flat": Head(
        ("plane", "pixels"), (-3.198, -3.745), (0.759, 1.739), (-1.153, -3.572), -2.652,
    ),
    "plane": Head(("plane",), (-3.213,), (0.763,), (-3.003,), -1.104),
    "pixels": Head(("pixels",), (-3.784,), (1.756,), (-4.28,), -2.257),
    "still": Head(
        ("eyes", "expression"), (-3.666, -1.928), (0.849, 0.739), (-1.182, -2.266), -1.314,
    ),
}
"""Printed by train/flatness.py: fakes against real clips, in windows, whole and as small copies."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What time says about t tracks.

    Attributes:
        logit: (t,) log-odds of a false face, within limits; NaN where time has no vote.
        still: (t,) log-odds of "eyes and mouth never move" alone.
        flat: (t,) log-odds of "moves as a plane" alone.
        cues: (t,) each, by name; eyes: standard deviation of the eye aspect ratio; expression:
            mean of the five largest standard deviations of blendshapes; plane: 90th percentile of
            the landmarks' distance from the best homography of one frame, in eye distances;
            pixels: median of 1 - correlation of the face after laying patches over each other.
        seconds: (t,) that were watched, between first and last frame; 0 without a vote.
    """

    logit: Floats
    still: Floats
    flat: Floats
    cues: dict[str, Floats]
    seconds: Floats


def evidence(columns: Columns, track: Ints) -> Evidence:
    """Return what time says about tracks 0..max(track); see Evidence.

    Args:
        track: (n,) int64 of tracks.follow; -1 belongs to none.
    """
    count = int(track.max(initial=-1)) + 1
    cues = {name: np.full(count, np.nan) for name in CUES}
    seconds = np.zeros(count)
    time_s = columns.floats("time_s")
    for number, rows in _chosen(columns, track):
        seconds[number] = float(time_s[rows[-1]] - time_s[rows[0]])
        for name, value in _measured(columns, rows).items():
            cues[name][number] = value
    logit = first_known(cues, ("all", "landmarks", "pixels"))
    return Evidence(
        limited(logit, seconds),
        HEADS["still"].logit(cues),
        first_known(cues, ("flat", "plane", "pixels")),
        cues,
        seconds,
    )


def limited(logit: Floats, seconds: Floats) -> Floats:
    """Return log-odds within what so much time can prove."""
    return np.clip(logit, -STRONGEST, np.minimum(STRONGEST, PER_S * seconds))


def first_known(
    cues: Mapping[str, Floats], names: Sequence[str], heads: Mapping[str, Head] = HEADS
) -> Floats:
    """Return (t,) log-odds by the first of the models whose cues are all there."""
    logit = np.full(len(next(iter(cues.values()))), np.nan)
    for name in names:
        logit = np.where(np.isnan(logit), heads[name].logit(cues), logit)
    return logit


def _chosen(columns: Columns, track: Ints) -> list[tuple[int, Ints]]:
    """Return the tracks that have a vote, with the frames that are compared."""
    usable = (track >= 0) & columns.present("face_patch")
    time_s = np.nan_to_num(columns.floats("time_s"))
    wide, tall = (columns.floats(f"face_{c}1") - columns.floats(f"face_{c}0") for c in "xy")
    size_px = np.nan_to_num(np.minimum(wide, tall))
    rows = np.flatnonzero(usable)
    rows = rows[np.lexsort((columns.ints("frame_id")[rows], time_s[rows], track[rows]))]
    numbers, start, size = np.unique(track[rows], return_index=True, return_counts=True)
    found = []
    for number, first, n in zip(numbers.tolist(), start.tolist(), size.tolist(), strict=True):
        if n < LEAST_SETS:
            continue
        mine = rows[first : first + n]
        span_s = float(time_s[mine[-1]] - time_s[mine[0]])
        if np.median(size_px[mine]) < LEAST_FACE_PX:
            continue
        if span_s >= LEAST_S and (span_s >= PATIENCE_S or motion(columns, mine) >= LEAST_MOTION):
            found.append((number, mine))
    return found


def motion(columns: Columns, rows: Ints) -> float:
    """Return how far a face goes from its middle place and size, in face widths (median)."""
    box = np.stack([columns.floats(f"face_{c}")[rows] for c in ("x0", "y0", "x1", "y1")], axis=1)
    box = box[np.isfinite(box).all(axis=1)]
    if not len(box):
        return 0.0
    wide = max(float(np.median(box[:, 2] - box[:, 0])), 1.0)
    return float(np.linalg.norm(box - np.median(box, axis=0), axis=1).max()) / wide


def _measured(columns: Columns, rows: Ints) -> dict[str, float]:
    """Return the cues of one track from its frames in order of time."""
    few = rows[np.unique(np.linspace(0, len(rows) - 1, SETS).round().astype(np.int64))]
    cues = {"pixels": _remembered(_pixels, tuple(columns.objects("face_patch")[few].tolist()))}
    turned = np.abs(columns.floats("yaw_deg")[rows]) > MOST_YAW_DEG
    meshed = columns.present("face_shape")[rows] & columns.present("expression")[rows]
    rows = rows[meshed & ~turned & np.isfinite(columns.floats("eye_aspect")[rows])]
    if len(rows) < LEAST_SETS:
        return cues
    few = rows[np.unique(np.linspace(0, len(rows) - 1, SETS).round().astype(np.int64))]
    return {
        "eyes": float(np.std(columns.floats("eye_aspect")[rows])),
        "expression": _liveliness(columns.objects("expression")[rows].tolist()),
        "plane": _remembered(_plane, tuple(columns.objects("face_shape")[few].tolist())),
        **cues,
    }


_SEEN: dict[bytes, float] = {}
_MOST_SEEN = 500_000


def _remembered(measure: Callable[[tuple[bytes, ...]], float], blobs: tuple[bytes, ...]) -> float:
    """Return measure(blobs), from memory where the same was asked before.

    Laying patches over each other takes some 10 ms a track, and moving a slider asks again.
    """
    key = blake2b(measure.__name__.encode() + b"".join(blobs), digest_size=16).digest()
    if key not in _SEEN:
        if len(_SEEN) >= _MOST_SEEN:
            _SEEN.clear()
        _SEEN[key] = measure(blobs)
    return _SEEN[key]


def _liveliness(blobs: list[bytes]) -> float:
    """Return the mean of the five largest standard deviations of blendshapes over time."""
    shapes = np.stack([np.frombuffer(blob, "<f2") for blob in blobs]).astype(np.float64)
    return float(np.sort(shapes.std(axis=0))[-5:].mean())


def _plane(blobs: tuple[bytes, ...]) -> float:
    """Return how badly one face shape is a homography of the others, in eye distances.

    The reference is the frame nearest to the median shape; 90th percentile over points.
    """
    shapes = np.stack([np.frombuffer(blob, "<f2").reshape(-1, 2) for blob in blobs])
    shapes = shapes.astype(np.float64)
    normal = normalised(shapes)[0]
    middle = int(((normal - np.median(normal, axis=0)) ** 2).sum(axis=(1, 2)).argmin())
    others = np.delete(shapes, middle, axis=0)
    eyes = others[:, RIGHT_EYE].mean(axis=1) - others[:, LEFT_EYE].mean(axis=1)
    # In a turned head the eyes come together while noise does not: never less than .3 of a face.
    apart = np.maximum(np.linalg.norm(eyes, axis=1), 0.6)
    miss = np.linalg.norm(homography_misses(shapes[middle], others), axis=2)
    return float(np.percentile(miss / apart[:, None], 90))


def homography_misses(one: Floats, others: Floats) -> Floats:
    """Return (k, m, 2) distances left when the best homography takes one shape to the others.

    Normalised direct linear transform: Hartley 1997, In Defense of the Eight-Point Algorithm.

    Args:
        one: (m, 2) points.
        others: (k, m, 2) the same points in other views.
    """
    source = normalised(np.broadcast_to(one, others.shape))[0]
    target, middle, size = normalised(others)
    x, y = source[..., :1], source[..., 1:]
    u, v = target[..., :1], target[..., 1:]
    one_, none = np.ones_like(x), np.zeros_like(x)
    above = np.concatenate([x, y, one_, none, none, none, -u * x, -u * y, -u], axis=2)
    below = np.concatenate([none, none, none, x, y, one_, -v * x, -v * y, -v], axis=2)
    equations = np.concatenate([above, below], axis=1)
    values = np.linalg.eigh(equations.transpose(0, 2, 1) @ equations)[1]
    maps = values[..., 0].reshape(-1, 3, 3)
    mapped = np.concatenate([source, one_], axis=2) @ maps.transpose(0, 2, 1)
    depth = mapped[..., 2:]
    depth = np.where(np.abs(depth) < 1e-9, 1e-9, depth)
    return np.asarray(mapped[..., :2] / depth * size + middle - others)


def normalised(points: Floats) -> tuple[Floats, Floats, Floats]:
    """Return points about 0 with mean square 1 per axis, their middles and sizes; (k, m, 2)."""
    middle = points.mean(axis=1, keepdims=True)
    size = np.sqrt(((points - middle) ** 2).mean(axis=(1, 2), keepdims=True))
    size = np.maximum(size, 1e-9)
    return (points - middle) / size, middle, size


def _pixels(blobs: tuple[bytes, ...]) -> float:
    """Return the median of 1 - correlation of the face in patches laid over each other.

    The best homography of the whole patch, surroundings and all, is found first: a face that
    turns, breathes or speaks then differs, one that is printed does not. NaN for fewer than three
    patches that show enough.
    """
    patches = np.stack([
        np.frombuffer(zlib.decompress(blob), np.uint8).reshape(PATCH_PX, PATCH_PX)
        for blob in blobs
    ])
    levels, seen = _softened(patches.astype(np.float64), patches > 0)
    enough = seen.mean(axis=(1, 2)) > LEAST_SHARE
    levels, seen = levels[enough], seen[enough]
    if len(levels) < 3:
        return float("nan")
    away = ((levels - np.median(levels, axis=0)) ** 2 * seen).sum(axis=(1, 2))
    middle = int((away / seen.sum(axis=(1, 2))).argmin())
    others = np.delete(np.arange(len(levels)), middle)
    one = np.repeat(levels[middle][None], len(others), axis=0)
    one_seen = np.repeat(seen[middle][None], len(others), axis=0)
    laid, known = overlay(one, levels[others], one_seen, seen[others])
    unlike = _unlike(one, laid, known & one_seen & _face_mask())
    unlike = unlike[np.isfinite(unlike)]
    return float(np.median(unlike)) if len(unlike) >= 2 else float("nan")


def _face_mask() -> Bools:
    """Return (s, s) where the face is in a patch."""
    y, x = (np.mgrid[0:PATCH_PX, 0:PATCH_PX] + 0.5) * AROUND_FACE / PATCH_PX
    return np.asarray(((x - 32) / FACE[0]) ** 2 + ((y - 34) / FACE[1]) ** 2 < 1)


def _unlike(one: Floats, other: Floats, mask: Bools) -> Floats:
    """Return (b,) 1 - correlation inside masks; NaN where under a quarter of the face is seen."""
    weight = mask.astype(np.float64)
    count = weight.sum(axis=(1, 2))
    share = np.maximum(count, 1)[:, None, None]
    a = (one - (one * weight).sum(axis=(1, 2), keepdims=True) / share) * weight
    b = (other - (other * weight).sum(axis=(1, 2), keepdims=True) / share) * weight
    length = np.sqrt((a**2).sum(axis=(1, 2)) * (b**2).sum(axis=(1, 2)))
    with np.errstate(invalid="ignore", divide="ignore"):
        unlike = 1 - (a * b).sum(axis=(1, 2)) / length
    least = 0.25 * float(_face_mask().sum())
    return np.where((count >= least) & (length > 1e-6), unlike, np.nan)


def _softened(levels: Floats, seen: Bools) -> tuple[Floats, Bools]:
    """Return patches blurred by 1-2-1 both ways, and where that used only known pixels."""
    for axis in (1, 2):
        edges = [(0, 0), (0, 0), (0, 0)]
        edges[axis] = (1, 1)
        wide, known = np.pad(levels, edges, mode="edge"), np.pad(seen, edges, mode="edge")
        size = levels.shape[axis]
        parts = [np.take(wide, np.arange(i, i + size), axis=axis) for i in range(3)]
        levels = parts[0] / 4 + parts[1] / 2 + parts[2] / 4
        near = [np.take(known, np.arange(i, i + size), axis=axis) for i in range(3)]
        seen = np.all(near, axis=0)
    return levels, seen
