"""Columns with everything that is measured of people: looks, poses, expressions, identities."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tests.unit.decide.columns import Columns, catalogue

Bools = npt.NDArray[np.bool_]
Packed = tuple[npt.NDArray[np.uint8], Bools]

PER_SHOT = 20
ALL_JOINTS = float((1 << 33) - 1)


class AsStored(Columns):
    """Columns that give vectors side by side, as the store's files do."""

    def __init__(self, columns: Columns) -> None:
        super().__init__(columns)
        self._packs: dict[str, Packed] = {}

    def put(self, name: str, vectors: npt.NDArray[np.float32], known: Bools) -> None:
        """Add a column of vectors for the rows that are known to have one."""
        raw = vectors.astype("<f2").view(np.uint8)
        raw[~known] = 0
        self._packs[name] = raw, known
        self[name] = np.full(len(raw), None, object)
        for row in np.flatnonzero(known).tolist():
            self[name][row] = raw[row].tobytes()

    def packed(self, name: str) -> Packed | None:
        """Return a column of vectors as (n, size) uint8, and which rows have one."""
        return self._packs.get(name)


def rich(videos: int, per_video: int, seed: int = 0) -> AsStored:
    """Return `catalogue` with vectors that wander within a shot and jump between shots.

    Args:
        videos, per_video: how many; frames of a video in multiples of PER_SHOT.
    """
    made = AsStored(catalogue(videos, per_video, seed))
    n, rng = videos * per_video, np.random.default_rng(seed + 1)
    somebody = np.asarray(made["n_faces"] > 0)
    video = made["video"] - 1
    _, scene = np.unique(made["video"] * 100_000 + made["shot"], return_inverse=True)

    def wandering(size: int, wide: float, step: float, by: npt.NDArray[np.int64]) -> Any:
        base = rng.normal(0, wide, (int(by.max()) + 1, size)).astype(np.float32)[by]
        steps = rng.normal(0, step, (n, size)).astype(np.float32)
        steps[::PER_SHOT] = 0
        return base + steps.reshape(-1, PER_SHOT, size).cumsum(axis=1).reshape(n, size)

    look = wandering(96, 0.6, 0.08, video) + wandering(96, 0.5, 0.02, scene)
    identity = wandering(128, 1.0, 0.02, video)
    made.put("appearance", look / np.linalg.norm(look, axis=1, keepdims=True), np.ones(n, np.bool_))
    made.put("identity", identity / np.linalg.norm(identity, axis=1, keepdims=True), somebody)
    made.put("pose_shape", wandering(66, 0.4, 0.02, scene), somebody)
    made.put("expression", np.clip(np.abs(wandering(52, 0.15, 0.04, scene)), 0, 1), somebody)
    made["joints_seen"] = np.where(somebody, ALL_JOINTS, np.nan)
    for name in ("yaw_deg", "pitch_deg", "roll_deg"):
        made[name] = np.where(somebody, wandering(1, 15.0, 3.0, scene)[:, 0], np.nan)
    return made
