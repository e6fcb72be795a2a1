"""How alike candidates look, and picks that are good without being alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from curation.decide.columns import AnyArray, Bools, Columns, Floats, Ints, Vectors
from curation.decide.pools import NAMES, numbers_of

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

_POSE_SIZE = 66
_TABLE = np.array([WEIGHTS.get(name, (0.0,) * len(TRAITS)) for name in NAMES], np.float32)
"""Weights by position in POOLS; the last row for no pool."""
_POSED = np.array([name in JOINTS for name in NAMES])


def _pose_scale() -> Vectors:
    """Return (pools, 66) what joints are multiplied with: 0 for those that do not count."""
    scale = np.zeros((len(NAMES), _POSE_SIZE), np.float32)
    for at, name in enumerate(NAMES):
        for joint in JOINTS.get(name, ()):
            scale[at, 2 * joint : 2 * joint + 2] = 1 / (POSE_WIDTH * np.sqrt(len(JOINTS[name])))
    return scale


_POSE_SCALE = _pose_scale()
_BLOCK, _FEW = 128, 512
_TIE = 1e-12
"""What each place costs, so that equals are taken in their order."""


class Looks:
    """Likeness of n candidates, 0..1, from what is known of both; the unknown is not alike.

    Appearance is a cosine, counted from the mean cosine of all candidates on: vectors of any
    network share a direction, and only what exceeds it tells pictures apart. The others are
    Gaussian in the distance, so that small differences count little and large ones all the same.
    """

    def __init__(self, columns: Columns, pool: AnyArray, rows: Ints) -> None:
        """Look up what is known of some rows; their vectors are read when they are compared.

        Args:
            columns: may hold `appearance`, `pose_shape` and `expression` (float16 as bytes),
                `yaw_deg`, `pitch_deg` and `roll_deg`.
            pool: (all rows,) pools, by name or by position in POOLS.
            rows: (n,) positions of the candidates in the columns.
        """
        self.rows = rows
        self._number = numbers_of(pool[rows])
        self._look, _ = columns.vectors("appearance")
        self._shape, _ = columns.vectors("pose_shape")
        self._expression, _ = columns.vectors("expression")
        self._turn = columns.once("turn", lambda: _turns(columns))
        self.known = columns.once("traits", lambda: _known(columns, self._turn))[rows]
        self.known[:, 1] &= _POSED[self._number]
        self._floor: float | None = None

    @property
    def weight(self) -> Vectors:
        """(n, traits) what counts for how much in the candidate's pool."""
        return np.asarray(_TABLE[self._number])

    @property
    def floor(self) -> float:
        """The mean cosine of the candidates' appearances, 0..0.95; what is over it counts."""
        if self._floor is None:
            self._floor = _mean_cosine(self._units(np.flatnonzero(self.known[:, 0])))
        return self._floor

    def _units(self, at: Ints) -> Vectors:
        """Return (k, d) appearances of length 1; zero where unknown."""
        return _unit(self._look[self.rows[at]])

    def _points(self, at: Ints) -> Iterator[Vectors]:
        """Yield pose, turn and expression of candidates, scaled so that the squared distance is
        that of the Gaussian."""
        rows = self.rows[at]
        if self._shape.shape[1] == _POSE_SIZE:
            yield self._shape[rows] * _POSE_SCALE[self._number[at]]
        else:
            yield np.zeros((len(at), 0), np.float32)
        yield np.where(self.known[at, 2][:, None], self._turn[rows], 0.0).astype(np.float32)
        width = EXPRESSION_WIDTH * np.sqrt(max(1, self._expression.shape[1]))
        yield self._expression[rows] / np.float32(width)

    @property
    def useful(self) -> bool:
        """Whether anything is known that could make two candidates alike."""
        some = slice(0, 1000)  # most often these tell
        return any(bool((self.known[part] & (_TABLE[self._number[part]] > 0)).any())
                   for part in (some, slice(None)))

    def traits(self, rows: Ints, others: Ints) -> Floats:
        """Return (traits, rows, others) likeness; 0 where a trait of either is unknown."""
        cosine = self._units(rows) @ self._units(others).T
        alike = [np.clip((cosine - self.floor) / (1 - self.floor), 0, 1)]
        for a, b in zip(self._points(rows), self._points(others), strict=True):
            squared = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None, :] - 2 * a @ b.T
            alike.append(np.exp(-np.maximum(squared, 0) / 2))
        known = self.known[rows].T[:, :, None] & self.known[others].T[:, None, :]
        return np.asarray(np.stack(alike) * known, np.float64)

    def alike(self, rows: Ints, others: Ints) -> Floats:
        """Return (rows, others) likeness, weighed as the pool of the row asks."""
        weight = _TABLE[self._number[rows]].T[:, :, None]
        return np.asarray((self.traits(rows, others) * weight).sum(axis=0))

    def texts(self, rows: Ints, others: Ints) -> list[str]:
        """Return e.g. "appearance 0.97, turn 0.90" for every row and its one other."""
        cosine = (self._units(rows) * self._units(others)).sum(axis=1)
        found = [np.clip((cosine - self.floor) / (1 - self.floor), 0, 1)]
        for a, b in zip(self._points(rows), self._points(others), strict=True):
            found.append(np.exp(-np.square(a - b).sum(axis=1) / 2))
        counts = (_TABLE[self._number[rows]] > 0) & self.known[rows] & self.known[others]
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
    if n <= _FEW:
        return _greedy_of_few(base, looks.alike(np.arange(n), np.arange(n)), places, weight)
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


def _greedy_of_few(base: Floats, alike: Floats, places: int, weight: float) -> Ints:
    """Return the same for candidates of whom all pairs, (n, n), are compared at once."""
    most, gone = np.zeros(len(base)), np.zeros(len(base))
    picks: list[int] = []
    for _ in range(places):
        best = int((base - weight * most - gone).argmax())
        picks.append(best)
        gone[best] = np.inf
        np.maximum(most, alike[:, best], out=most)
    return np.array(picks, np.int64)


def _known(columns: Columns, turn: Floats) -> Bools:
    """Return (n, traits) of which frames each trait is known."""
    shape, shaped = columns.vectors("pose_shape")
    return np.stack([
        columns.vectors("appearance")[1],
        shaped & (shape.shape[1] == _POSE_SIZE),
        np.isfinite(turn).all(axis=1),
        columns.vectors("expression")[1],
    ], axis=1)


def _turns(columns: Columns) -> Floats:
    """Return (n, 3) angles of the head in widths of their Gaussian."""
    angles = [columns.floats(f"{axis}_deg") for axis in ("yaw", "pitch", "roll")]
    return np.asarray(np.stack(angles, axis=1) / np.array(TURN_WIDTH_DEG))


def _unit(vectors: AnyArray) -> AnyArray:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True) if vectors.shape[1] else 1.0
    return np.asarray(vectors / np.maximum(norms, 1e-9), np.float32)


def _mean_cosine(unit: AnyArray) -> float:
    """Return the mean cosine of all pairs, 0..0.95, without looking at the pairs."""
    n = len(unit)
    if n < 2:
        return 0.0
    # A product with ones adds up in blocks, as exactly as is needed and ten times as fast.
    total = float(np.square((np.ones(n, np.float32) @ unit).astype(np.float64)).sum())
    return float(np.clip((total - n) / (n * (n - 1)), 0.0, 0.95))
