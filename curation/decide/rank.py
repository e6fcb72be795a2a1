"""What makes a frame better than another of its pool: declared weights over calibrated parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from curation.decide.columns import AnyArray, Bools, Columns, Floats, Ints
from curation.decide.focus import combine
from curation.decide.gates import Crop, face_px, is_body, judged_by_face
from curation.decide.pools import PICK_POOLS, among

if TYPE_CHECKING:
    from curation.params import GateParams, ScoreParams

PARTS = ("focus", "pose", "face", "exposure")
TASTE = "taste"
"""What a person would keep, learned from ratings; a part only where somebody rated."""
EVERY = (*PARTS, TASTE)

POOL_TRUST = 10.0
"""Frames of a pool at which its own percentiles weigh as much as the absolute calibration."""

TORSO_TRUST = 0.7
"""The most that focus can be where only the torso speaks for it."""

JOINTS = {
    "face": ("head", "shoulder"),
    "upper_body": ("head", "shoulder", "hip"),
    "full_body": ("head", "shoulder", "hip", "knee", "ankle"),
}


@dataclass(frozen=True, slots=True)
class Score:
    """Scores of n frames.

    Attributes:
        total: (n,) 0..1; NaN outside the pools that picks come from.
        parts: by name, (n,) 0..1; NaN where nothing was measured.
    """

    total: Floats
    parts: dict[str, Floats]


@dataclass(frozen=True, slots=True)
class Graded:
    """One part of the scores of the k frames of a pool.

    Attributes:
        rows: (k,) of the frames, rising.
        values: (k,) absolute, 0..1; NaN where nothing was measured.
        grade: (k,) place of each among all different values; for NaN their number.
        grades: how many different values there are.
    """

    rows: Ints
    values: Floats
    grade: npt.NDArray[np.int32]
    grades: int

    @staticmethod
    def of(rows: Ints, values: Floats) -> Graded:
        """Sort the values."""
        known = np.isfinite(values)
        different, grade = np.unique(values[known], return_inverse=True)
        grades = np.full(len(values), len(different), np.int32)
        grades[known] = grade
        return Graded(rows, values, grades, len(different))


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the scores of n frames, ready for percentiles.

    Attributes:
        values: (n,) absolute, 0..1; NaN where nothing was measured.
        pools: the frames of each of PICK_POOLS.
    """

    values: Floats
    pools: tuple[Graded, ...]

    @staticmethod
    def of(values: Floats, pool: AnyArray) -> Part:
        """Sort the values of each pool, given by name or by position in POOLS."""
        inside = [np.flatnonzero(among(pool, name)) for name in PICK_POOLS]
        return Part(values, tuple(Graded.of(rows, values[rows]) for rows in inside))


def score(
    parts: Mapping[str, Part], reference: Bools, params: ScoreParams
) -> Score:
    """Weigh the parts of each frame against the frames of its pool.

    Each part becomes its percentile among the reference frames of the pool, so that weights
    mean what they say whatever the spread of a part, and one extreme frame moves nobody. With
    few reference frames the percentile is blended with the absolute value: n of them give it
    the weight n / (n + POOL_TRUST). Parts that are missing leave their weight to the others.

    Args:
        parts: absolute parts by name. They compare frames of any run, and choose keepers among
            duplicates in small pools, where percentiles mean little.
        reference: (n,) bool; frames that percentiles are taken over.
        params: the weights.
    """
    n = len(reference)
    known = _known(parts)
    relative = {name: np.full(n, np.nan) for name in known}
    total = np.full(n, np.nan)
    for number in range(len(PICK_POOLS)):
        rows = parts[PARTS[0]].pools[number].rows
        peers = reference[rows]
        of_pool = {name: _blend(parts[name].pools[number], peers) for name in known}
        for name, values in of_pool.items():
            relative[name][rows] = values
        total[rows] = _weighted(of_pool, params)
    return Score(total, relative)


def best_first(total: Floats) -> Ints:
    """Return positions by falling score, NaN last; ties keep their order."""
    falling = -np.nan_to_num(total, nan=-1.0)
    # Twice as fast as a stable sort where processors sort eight numbers at once: any order first,
    # then equals, by the number of their run and their position.
    order = np.argsort(falling)
    ordered = falling[order]
    run = np.zeros(len(order), np.int64)
    np.cumsum(ordered[1:] != ordered[:-1], out=run[1:])
    key = run * len(order) + order
    key.sort()
    return np.asarray(key - run * len(order))


def absolute_total(parts: dict[str, Floats], params: ScoreParams) -> Floats:
    """Return the weighted mean of absolute parts, (n,) 0..1; 0 where nothing is known."""
    return _weighted(parts, params)


def parts_text(score_parts: dict[str, Floats], row: int) -> str:
    """Return e.g. "focus 0.91, pose 0.80, exposure 0.95 (no face measure)"."""
    known = [name for name in _known(score_parts) if np.isfinite(score_parts[name][row])]
    text = ", ".join(f"{name} {score_parts[name][row]:.2f}" for name in known)
    missing = [name for name in PARTS if name not in known]
    return f"{text} (no {' or '.join(missing)} measure)" if missing else text


def _known(parts: Mapping[str, object]) -> tuple[str, ...]:
    return EVERY if TASTE in parts else PARTS


def _weighted(parts: dict[str, Floats], params: ScoreParams) -> Floats:
    weights = {name: float(getattr(params, f"weight_{name}")) for name in _known(parts)}
    n = len(parts[PARTS[0]])
    total, weight = np.zeros(n), np.zeros(n)
    for name, value in weights.items():
        known = np.isfinite(parts[name])
        total += np.where(known, parts[name], 0.0) * value
        weight += known * value
    return np.divide(total, weight, out=np.zeros(n), where=weight > 0)


def _blend(part: Graded, peers: Bools) -> Floats:
    """Return percentiles among peers, (k,) bool (average over ties), blended with the values."""
    counts = np.bincount(part.grade[peers], minlength=part.grades + 1)
    counts[part.grades] = 0  # nobody is compared with the unknown
    n = int(counts.sum())
    if n == 0:
        return part.values
    high = np.cumsum(counts)
    trust = n / (n + POOL_TRUST)
    # Worked out by grade, of which there are fewer than frames.
    share = trust * (high - counts + high) / (2 * n)
    share[part.grades] = np.nan
    return np.asarray(share[part.grade] + (1 - trust) * part.values)


def focus(columns: Columns, pool: AnyArray, params: GateParams) -> Floats:
    """Return focus: 0.87 for a sharp face, 0.5 at a blur of 0.75 px of a 128-px face."""
    by_face = combine(
        columns.floats("focus_s"), columns.floats("focus_blur_px"), columns.floats("focus_gap")
    )
    face = _logistic(by_face, -0.75, 0.4)
    # Cloth has less fine detail than a face, so the scale starts at the torso's own limit; and a
    # face too small to judge is never as good as one that is seen to be sharp.
    torso = TORSO_TRUST * _logistic(columns.floats("focus_body"), params.min_body_focus + 0.3, 0.5)
    use_face = judged_by_face(columns, params)
    return np.where(use_face, face, np.where(is_body(pool), torso, np.nan))


def pose(columns: Columns, pool: AnyArray, crop: Crop) -> Floats:
    """Return how much of the pool's body is seen, how frontal, and how large in the crop."""
    seen = np.full(columns.n, np.nan)
    for name, joints in JOINTS.items():
        visible = _mean([(1.0, columns.floats(f"vis_{joint}")) for joint in joints])
        seen = np.where(among(pool, name), visible, seen)
    size = np.where(is_body(pool), np.clip(crop.area / 0.6, 0, 1), np.nan)
    return _mean([(0.5, seen), (0.25, columns.floats("frontal")), (0.25, size)])


def face(columns: Columns, params: GateParams) -> Floats:
    """Return the quality of the face; 0 where a measured picture shows none.

    A face that was looked for and is not there is not "unknown": pictures without a face must
    not profit from having nothing to be blamed for.
    """
    yaw = np.clip(1 - np.abs(columns.floats("yaw_deg")) / 60, 0, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.log2(face_px(columns) / params.min_face_px) / 3  # 1 at eight times the least
    quality = _mean(
        [
            (0.30, columns.floats("eye_open")),
            (0.25, yaw),
            (0.20, np.clip(size, 0, 1)),
            (0.15, np.clip((columns.floats("face_score") - 0.6) / 0.35, 0, 1)),
            (0.10, 1 - columns.floats("false_p")),
        ]
    )
    none = ~np.isfinite(columns.floats("face_index")) & np.isfinite(columns.floats("n_faces"))
    return np.where(none, 0.0, quality)


def exposure(columns: Columns) -> Floats:
    """Return closeness of the mean luma to the middle, less what is clipped."""
    middle = np.exp(-(((columns.floats("luma_mean") - 120) / 75) ** 2))
    clipped = np.nan_to_num(columns.floats("clip_low")) + np.nan_to_num(columns.floats("clip_high"))
    return np.asarray(middle * (1 - np.clip(clipped / 0.4, 0, 1)))


def _logistic(values: Floats, middle: float, width: float) -> Floats:
    return np.asarray(1 / (1 + np.exp(-(values - middle) / width)))


def _mean(weighted: list[tuple[float, Floats]]) -> Floats:
    """Return the weighted mean over what is known; NaN where nothing is."""
    n = len(weighted[0][1])
    total, weight = np.zeros(n), np.zeros(n)
    for share, values in weighted:
        known = np.isfinite(values)
        total += np.where(known, values, 0.0) * share
        weight += known * share
    mean: Floats = np.divide(total, weight, out=np.full(n, np.nan), where=weight > 0)
    return mean
