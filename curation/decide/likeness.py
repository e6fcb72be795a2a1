"""Do two frames show the same moment of the same subject? Look, pose, expression, head angle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from curation.decide.columns import (
    BLOCK_ROWS,
    AnyArray,
    Bools,
    Columns,
    Floats,
    Ints,
    Placed,
)

if TYPE_CHECKING:
    from curation.params import DedupParams

JOINTS = (0, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
"""Nose, ears, shoulders, elbows, wrists, hips, knees, ankles: hands and feet are too uncertain,
and eleven points on the head would outvote the body."""
LEAST_JOINTS = 6
"""More than head and shoulders: those say less than the head's angles, and jitter more."""
LAYOUT = 33
ANGLES = ("yaw_deg", "pitch_deg", "roll_deg")

LEAST_PAIRS, SAMPLE = 200, 400
STRANGER = 99.0
"""Percentile of likeness between different shots that is taken for "not the same"."""
LOOK_RANGE = (0.80, 0.97)

Half = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Compared:
    """How far pairs are from each other, (k,) each; NaN where one of the two was not measured.

    Attributes:
        look: cosine of the subjects' appearance.
        pose: root mean square movement of joints seen in both, after the best shift and zoom,
            as a share of the figure's own root mean square size.
        expression: root mean square difference of blendshapes.
        head_deg: largest difference of yaw, pitch and roll.
    """

    look: Floats
    pose: Floats
    expression: Floats
    head_deg: Floats


class Likeness:
    """Measures that tell apart moments which whole-picture hashes confuse.

    A tripod, a person who talks: the hash sees one picture for minutes. What distinguishes its
    frames is what the person does. Two frames *differ* when pose, expression or head angle was
    measured in both and moved by more than its limit. They are the *same subject again* when
    the video is the same, the subject looks the same, at least one of the three was measured
    in both, and none of them moved. Where nothing was measured neither holds.

    What "looks the same" means is learned from each video: more alike than 99 % of the pairs
    from different shots (science research, section F: no constant transfers). A video of one
    shot, or few frames, uses near_look.

    Attributes:
        measured: (n,) whether a frame has pose, expression or head angle at all.
        least_look: (n,) likeness from which the frame's video takes subjects for the same.
    """

    def __init__(
        self, columns: Columns, params: DedupParams, least_look: Floats | None = None
    ) -> None:
        """Read the blobs.

        Args:
            columns: n frames with video, shot, appearance, pose_shape, joints_seen, expression
                and head angles, as far as they were measured.
            params: limits.
            least_look: (n,) as the attribute, learned from these frames and others of their
                videos; None to learn it from these.
        """
        self.params = params
        self.look, self.has_look = columns.placed("appearance")
        self.expression, self.has_expression = columns.placed("expression")
        self.head_deg = np.stack([columns.floats(name) for name in ANGLES], axis=1).astype(
            np.float32
        )
        self.has_head: Bools = np.asarray(np.isfinite(self.head_deg).all(axis=1))
        self.seen, self.points = _figures(columns)
        self.has_pose: Bools = np.asarray(self.seen.sum(axis=1) >= LEAST_JOINTS)
        self.measured: Bools = self.has_expression | self.has_head | self.has_pose
        self.video, self.shot = columns.ints("video"), columns.ints("shot", -1)
        self.least_look: Floats = self._learn() if least_look is None else least_look

    def compare(self, one: Ints, other: Ints) -> Compared:
        """Return the distances of pairs of positions, (k,) each."""
        wide = np.full(len(one), np.nan)
        look, pose, expression, head = (wide.copy() for _ in range(4))
        both: Bools = np.asarray(self.has_look[one] & self.has_look[other])
        look[both] = np.einsum("kd,kd->k", self.look[one[both]], self.look[other[both]])
        both = self.has_expression[one] & self.has_expression[other]
        if both.any():
            apart = self.expression[one[both]] - self.expression[other[both]]
            expression[both] = np.sqrt(np.square(apart).mean(axis=1))
        both = self.has_head[one] & self.has_head[other]
        turn = np.abs(self.head_deg[one[both]] - self.head_deg[other[both]])
        head[both] = np.minimum(turn, 360 - turn).max(axis=1)
        seen = self.seen[one] * self.seen[other]
        both = np.asarray(seen.sum(axis=1) >= LEAST_JOINTS)
        pose[both] = _moved(self.points[one[both]], self.points[other[both]], seen[both])
        return Compared(look, pose, expression, head)

    def differ(self, one: Ints, other: Ints) -> Bools:
        """Return (k,) whether pairs of positions clearly show different moments."""
        return self._judge(one, other)[0]

    def again(self, one: Ints, other: Ints) -> Bools:
        """Return (k,) whether pairs of positions of one video show the same subject again."""
        return self._judge(one, other)[1]

    def _judge(self, one: Ints, other: Ints) -> tuple[Bools, Bools]:
        differ, again = np.zeros((2, len(one)), np.bool_)
        for at in range(0, len(one), _ROWS):
            part = slice(at, at + _ROWS)
            far = self.compare(one[part], other[part])
            measured = np.isfinite([far.pose, far.expression, far.head_deg]).any(axis=0)
            differ[part] = np.asarray(
                (far.pose > self.params.near_pose)
                | (far.expression > self.params.near_expression)
                | (far.head_deg > self.params.near_head)
            )
            look = far.look >= self.least_look[one[part]]
            again[part] = np.asarray(measured & look & ~differ[part])
        return differ, again

    def grid(self, rows: Ints, others: Ints) -> tuple[Bools, Bools]:
        """Compare each of some frames with each of others, of one video.

        Returns:
            two (rows, others) bool: they differ; they are the same subject again.
        """
        differ = np.zeros((len(rows), len(others)), np.bool_)
        known = np.zeros_like(differ)
        if self.has_expression[rows].any() and self.has_expression[others].any():
            both = self.has_expression[rows, None] & self.has_expression[None, others]
            limit = self.params.near_expression**2 * self.expression.width
            differ |= both & (_square_distance(self.expression, rows, others) > limit)
            known |= both
        if self.has_head[rows].any() and self.has_head[others].any():
            both = self.has_head[rows, None] & self.has_head[None, others]
            for angle in self.head_deg.T:
                turn = np.abs(angle[rows, None] - angle[None, others])
                far = (turn > self.params.near_head) & (turn < 360 - self.params.near_head)
                differ |= both & far
            known |= both
        if self.has_pose[rows].any() and self.has_pose[others].any():
            both, moved = self._pose_grid(rows, others)
            differ |= both & moved
            known |= both
        alike = known & ~differ
        if not alike.any():
            return differ, alike
        alike &= self.has_look[rows, None] & self.has_look[None, others]
        least = self.least_look[rows, None].astype(np.float32)
        alike &= self.look[rows] @ self.look[others].T >= least
        return differ, alike

    def _pose_grid(self, rows: Ints, others: Ints) -> tuple[Bools, Bools]:
        """Return which pairs have joints in common, and whether those moved."""
        seen, there = self.seen[rows], self.seen[others]
        count = seen @ there.T
        both = count >= LEAST_JOINTS
        if not both.any():
            return both, both
        a, b = self.points[rows], self.points[others]
        share = np.maximum(count, 1)
        spread_a = np.square(a).sum(axis=2) @ there.T
        spread_b = seen @ np.square(b).sum(axis=2).T
        common = np.zeros_like(count)
        for axis in (0, 1):
            middle_a, middle_b = a[:, :, axis] @ there.T, seen @ b[:, :, axis].T
            spread_a -= middle_a * middle_a / share
            spread_b -= middle_b * middle_b / share
            common += a[:, :, axis] @ b[:, :, axis].T - middle_a * middle_b / share
        least = (1 - self.params.near_pose**2) * np.maximum(spread_a * spread_b, 0)
        return both, (common <= 0) | (common * common < least)

    def _learn(self) -> Floats:
        """Return (n,) likeness from which subjects of a frame's video count as the same."""
        least = np.full(len(self.video), self.params.near_look)
        rows = np.flatnonzero(self.has_look)
        if not len(rows):
            return least
        rows = rows[np.argsort(self.video[rows], kind="stable")]
        edges = np.flatnonzero(np.diff(self.video[rows])) + 1
        for mine in np.split(rows, edges):
            some = mine[np.linspace(0, len(mine) - 1, min(len(mine), SAMPLE)).astype(np.int64)]
            least[mine] = self._look_of_strangers(some)
        return least

    def _look_of_strangers(self, some: Ints) -> float:
        """Return the likeness that hardly any pair from different shots of a video reaches."""
        apart = self.shot[some, None] < self.shot[None, some]
        if np.count_nonzero(apart) < LEAST_PAIRS:
            return self.params.near_look
        looks = (self.look[some] @ self.look[some].T)[apart]
        return min(max(_percentile(looks, STRANGER), LOOK_RANGE[0]), LOOK_RANGE[1])


def _percentile(values: Half, percent: float) -> float:
    """Return np.percentile of (k,) finite values, k > 0, in a third of its time."""
    at = percent / 100 * (len(values) - 1)
    below = int(at)
    above = min(below + 1, len(values) - 1)
    ordered = np.partition(values, (below, above))
    low, high = float(ordered[below]), float(ordered[above])
    return low + (high - low) * (at - below)


_ROWS = 1 << 18


def verified(
    pairs: Mapping[str, AnyArray], frame_id: Ints, params: DedupParams
) -> Ints:
    """Return (m, 2) positions of pairs that matching found to be one picture.

    Args:
        pairs: columns a, b (frame ids), inliers, cover; frames that are not asked about, and
            pairs that matched too little, are left out.
        frame_id: (n,) ids of the frames that are asked about.
        params: how much is enough.
    """
    if not pairs or not len(pairs["a"]) or not len(frame_id):
        return np.zeros((0, 2), np.int64)
    good = (pairs["inliers"] >= params.same_inliers) & (pairs["cover"] >= params.same_cover)
    ends = np.stack([pairs["a"][good], pairs["b"][good]], axis=1).astype(np.int64)
    order = np.argsort(frame_id, kind="stable")
    at = np.minimum(np.searchsorted(frame_id[order], ends), len(frame_id) - 1)
    found = order[at]
    return np.asarray(found[(frame_id[found] == ends).all(axis=1)], np.int64)


def _figures(columns: Columns) -> tuple[Half, Half]:
    """Return (n, joints) 1 for the joints that were seen, and (n, joints, 2) where these are."""
    shape, has_shape = columns.placed("pose_shape")
    bits = columns.floats("joints_seen")
    known = np.isfinite(bits) & has_shape & (shape.width == 2 * LAYOUT)
    seen = np.zeros((columns.n, len(JOINTS)), np.float32)
    points = np.zeros((columns.n, len(JOINTS), 2), np.float32)
    posed = np.flatnonzero(known)
    for start in range(0, len(posed), BLOCK_ROWS):
        some = posed[start : start + BLOCK_ROWS]
        mine = (bits[some].astype(np.int64)[:, None] >> np.array(JOINTS)) & 1
        seen[some] = mine
        points[some] = shape[some].reshape(-1, LAYOUT, 2)[:, JOINTS] * mine[:, :, None]
    return seen, points


def _square_distance(vectors: Placed, rows: Ints, others: Ints) -> Half:
    a, b = vectors[rows], vectors[others]
    square = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None, :]
    return np.asarray(square - 2 * (a @ b.T))


def _moved(a: Half, b: Half, seen: Half) -> Half:
    """Return (k,) what is left of the figure's size after the best shift and zoom.

    Procrustes without rotation: a figure that leans over is another pose. With centred points
    the residual of the best zoom is size * sqrt(1 - r^2), r their correlation.
    """
    count = seen.sum(axis=1)[:, None, None]
    weight = seen[:, :, None]
    a = (a - (a * weight).sum(axis=1, keepdims=True) / count) * weight
    b = (b - (b * weight).sum(axis=1, keepdims=True) / count) * weight
    size = np.sqrt(np.square(a).sum(axis=(1, 2)) * np.square(b).sum(axis=(1, 2)))
    r = np.clip((a * b).sum(axis=(1, 2)) / np.maximum(size, 1e-9), 0, 1)
    return np.asarray(np.sqrt(1 - r * r), np.float32)
