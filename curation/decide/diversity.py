"""How alike candidates look, and picks that are good without being alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation.decide.columns import AnyArray, Bools, Columns, Floats, Ints, Objects

TRAITS = ("appearance", "pose", "turn", "expression")
WEIGHTS = {
    "face": (0.4, 0.0, 0.3, 0.3),
    "upper_body": (0.4, 0.3, 0.2, 0.1),
    "full_body": (0.5, 0.5, 0.0, 0.0),
}
"""What counts for how much, in the order of TRAITS. The torso of a close-up is guessed, so a face
differs by the turn of its head; a body that is seen whole, by its pose."""

JOINTS = {
    "upper_body": (0, 11, 12, 13, 14, 15, 16, 23, 24),
    "full_body": (0, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28),
}
"""Nose, shoulders, elbows, wrists, hips, and knees and ankles where they can be seen."""

POSE_WIDTH = 0.25
"""Torso lengths of joint distance (root mean square) at which poses are .61 alike."""
TURN_WIDTH_DEG = (25.0, 18.0, 25.0)
"""Yaw, pitch and roll that make heads .61 alike."""
EXPRESSION_WIDTH = 0.12
"""Root mean square of blendshape differences at which expressions are .61 alike."""

_BLOCK = 128
_TIE = 1e-12
"""What each place costs, so that equals are taken in their order."""


class Looks:
    """Likeness of n candidates, 0..1, from what is known of both; the unknown is not alike.

    Appearance is a cosine, counted from the mean cosine of all candidates on: vectors of any
    network share a direction, and only what exceeds it tells pictures apart. The others are
    Gaussian in the distance, so that small differences count little and large ones all the same.
    """

    def __init__(self, columns: Columns, pool: Objects, rows: Ints) -> None:
        """Gather the traits of some rows.

        Args:
            columns: may hold `appearance`, `pose_shape` and `expression` (float16 as bytes),
                `yaw_deg`, `pitch_deg` and `roll_deg`.
            pool: (all rows,) pools.
            rows: (n,) positions of the candidates in the columns.
        """
        self.weight = np.array(
            [WEIGHTS.get(name, (0.0,) * len(TRAITS)) for name in pool[rows].tolist()], np.float32
        ).reshape(len(rows), len(TRAITS))
        appearance, seen = _vectors(columns, "appearance", rows)
        self.unit = _unit(appearance)
        self.floor = _mean_cosine(self.unit[seen])
        pose, posed = _pose(columns, pool, rows)
        turn = np.stack(
            [columns.floats(f"{axis}_deg")[rows] for axis in ("yaw", "pitch", "roll")], axis=1
        ) / np.array(TURN_WIDTH_DEG)
        turned = np.asarray(np.isfinite(turn).all(axis=1), np.bool_)
        expression, shown = _vectors(columns, "expression", rows)
        expression = expression / (EXPRESSION_WIDTH * np.sqrt(max(1, expression.shape[1])))
        self.points = (
            pose.astype(np.float32),
            np.where(turned[:, None], turn, 0.0).astype(np.float32),
            expression.astype(np.float32),
        )
        self.known = np.stack([seen, posed, turned, shown], axis=1)

    @property
    def useful(self) -> bool:
        """Whether anything is known that could make two candidates alike."""
        return bool((self.known & (self.weight > 0)).any())

    def traits(self, rows: Ints, others: Ints) -> Floats:
        """Return (traits, rows, others) likeness; 0 where a trait of either is unknown."""
        cosine = self.unit[rows] @ self.unit[others].T
        alike = [np.clip((cosine - self.floor) / (1 - self.floor), 0, 1)]
        for points in self.points:
            a, b = points[rows], points[others]
            squared = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None, :] - 2 * a @ b.T
            alike.append(np.exp(-np.maximum(squared, 0) / 2))
        known = self.known[rows].T[:, :, None] & self.known[others].T[:, None, :]
        return np.asarray(np.stack(alike) * known, np.float64)

    def alike(self, rows: Ints, others: Ints) -> Floats:
        """Return (rows, others) likeness, weighed as the pool of the row asks."""
        weight = self.weight[rows].T[:, :, None]
        return np.asarray((self.traits(rows, others) * weight).sum(axis=0))

    def texts(self, rows: Ints, others: Ints) -> list[str]:
        """Return e.g. "appearance 0.97, turn 0.90" for every row and its one other."""
        cosine = (self.unit[rows] * self.unit[others]).sum(axis=1)
        found = [np.clip((cosine - self.floor) / (1 - self.floor), 0, 1)]
        for points in self.points:
            found.append(np.exp(-np.square(points[rows] - points[others]).sum(axis=1) / 2))
        counts = (self.weight[rows] > 0) & self.known[rows] & self.known[others]
        return [
            ", ".join(f"{TRAITS[i]} {values[i]:.2f}" for i in range(len(TRAITS)) if counted[i])
            for values, counted in zip(np.stack(found, axis=1).tolist(), counts.tolist(),
                                       strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which of n candidates have a place, and whom the others lost it to.

    Attributes:
        picked: (n,) bool.
        passed: (n,) bool: better than some pick, but too much like others.
        rival: (n,) position of the pick that a passed one is most like, of the worst pick for
            the others that are not picked; -1 for picks.
        likeness: (n,) to the rival; NaN where it decided nothing.
    """

    picked: Bools
    passed: Bools
    rival: Ints
    likeness: Floats


def choose(score: Floats, looks: Looks | None, places: int, weight: float) -> Chosen:
    """Choose candidates that are good and not alike.

    Maximal marginal relevance (Carbonell & Goldstein 1998): the next pick has the largest
    (1 - weight) * score - weight * (likeness to the nearest pick). That value only falls as
    picks are added, so candidates are looked at again only when they could come next (lazy
    greedy, Minoux 1978).

    Args:
        score: (n,) 0..1, best first.
        looks: answers for the same candidates; None when nothing is known of them.
        places: most picks.
        weight: 0 takes the best scores, 1 looks at variety alone.
    """
    n = len(score)
    picked = np.zeros(n, np.bool_)
    rival, likeness = np.full(n, -1, np.int64), np.full(n, np.nan)
    if looks is None or weight <= 0 or n <= places:
        picked[:places] = True
    elif places > 0:
        picked[_greedy(score, looks, places, weight)] = True
    passed = np.zeros(n, np.bool_)
    if picked.all() or not picked.any():
        return Chosen(picked, passed, rival, likeness)
    worst = int(np.flatnonzero(picked)[-1])
    rival[~picked] = worst
    passed[:worst] = ~picked[:worst]
    if looks is not None:
        chosen = np.flatnonzero(picked)
        for rows in np.array_split(np.flatnonzero(passed), 1 + n * len(chosen) // 1_000_000):
            alike = looks.alike(rows, chosen)
            rival[rows], likeness[rows] = chosen[alike.argmax(axis=1)], alike.max(axis=1)
    return Chosen(picked, passed, rival, likeness)


def _greedy(score: Floats, looks: Looks, places: int, weight: float) -> Ints:
    """Return the positions of the picks, in the order taken."""
    n = len(score)
    base = (1 - weight) * score - _TIE * np.arange(n)
    value, most = base.copy(), np.zeros(n)
    seen = np.zeros(n, np.int64)  # how many picks a value knows of
    picks: list[int] = []
    while len(picks) < places:
        size = min(_BLOCK, n)
        block = np.argpartition(-value, size - 1)[:size] if size < n else np.arange(n)
        stale = block[(seen[block] < len(picks)) & np.isfinite(value[block])]
        for known in np.unique(seen[stale]).tolist():
            rows = stale[seen[stale] == known]
            alike = looks.alike(rows, np.array(picks[known:], np.int64)).max(axis=1)
            most[rows] = np.maximum(most[rows], alike)
        seen[stale] = len(picks)
        value[stale] = base[stale] - weight * most[stale]
        best = int(block[value[block].argmax()])
        rest = value.copy()
        rest[block] = -np.inf
        if value[best] < rest.max(initial=-np.inf):
            continue
        picks.append(best)
        value[best] = -np.inf
    return np.array(picks, np.int64)


def _vectors(columns: Columns, name: str, rows: Ints) -> tuple[AnyArray, Bools]:
    """Return (n, d) float32 of a column of float16 bytes, zeros where missing, and (n,) known."""
    found = columns.objects(name)[rows].tolist()
    sizes = [len(blob) for blob in found if isinstance(blob, bytes) and blob]
    known = np.zeros(len(found), np.bool_)
    if not sizes:
        return np.zeros((len(found), 0), np.float32), known
    # Vectors of another length come from another model and cannot be compared.
    size = max(set(sizes), key=lambda each: (sizes.count(each), each))
    vectors = np.zeros((len(found), size // 2), np.float32)
    for i, blob in enumerate(found):
        if isinstance(blob, bytes) and len(blob) == size:
            vectors[i] = np.frombuffer(blob, "<f2")
    known[:] = [isinstance(blob, bytes) and len(blob) == size for blob in found]
    known &= np.isfinite(vectors).all(axis=1)
    vectors[~known] = 0.0
    return vectors, known


def _unit(vectors: AnyArray) -> AnyArray:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True) if vectors.shape[1] else 1.0
    return np.asarray(vectors / np.maximum(norms, 1e-9), np.float32)


def _mean_cosine(unit: AnyArray) -> float:
    """Return the mean cosine of all pairs, 0..0.95, without looking at the pairs."""
    n = len(unit)
    if n < 2:
        return 0.0
    total = float(np.square(unit.astype(np.float64).sum(axis=0)).sum())
    return float(np.clip((total - n) / (n * (n - 1)), 0.0, 0.95))


def _pose(columns: Columns, pool: Objects, rows: Ints) -> tuple[AnyArray, Bools]:
    """Return (n, 66) joints scaled so that the squared distance is that of the Gaussian."""
    shape, known = _vectors(columns, "pose_shape", rows)
    scaled = np.zeros_like(shape)
    joined = np.zeros(len(rows), np.bool_)
    for name, joints in JOINTS.items():
        mine = np.asarray(pool[rows] == name, np.bool_) & known
        if shape.shape[1] != 66 or not mine.any():
            continue
        at = np.array([2 * joint + axis for joint in joints for axis in (0, 1)])
        scaled[np.ix_(np.flatnonzero(mine), at)] = shape[mine][:, at] / (
            POSE_WIDTH * np.sqrt(len(joints))
        )
        joined |= mine
    return scaled, joined
