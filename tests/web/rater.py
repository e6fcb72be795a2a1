"""Somebody who rates frames by a taste of their own, as browsers do."""

from __future__ import annotations

import uuid

import numpy as np

from curation.learn.taste_pool import Pool, pool_of
from curation.store.columns import load
from curation.store.mark_ops import MarkOps, Op
from curation.studio import Studio


class Rater:
    """Likes some looks and some measures, and gives five levels of stars with a little noise.

    Attributes:
        worth: by frame id, what frames are truly worth to them.
    """

    def __init__(self, studio: Studio, seed: int = 0) -> None:
        self.studio, self.client = studio, f"browser-{seed}"
        self.pool: Pool = pool_of(studio.catalogue, load(studio.catalogue))
        rng = np.random.default_rng(seed)
        names = self.pool.basis.features
        liked = [i for i, name in enumerate(names) if name.startswith(("look_", "part_", "eye_"))]
        x = np.asarray(self.pool.x, np.float64)
        inside = np.flatnonzero(self.pool.picked_from)
        worth = x[:, liked] @ (rng.normal(size=len(liked)) * (0.3 + (np.arange(len(liked)) < 9)))
        worth = (worth - worth[inside].mean()) / worth[inside].std()
        self.frames = self.pool.frame_id[inside]
        self.worth = dict(zip(self.pool.frame_id.tolist(), worth.tolist(), strict=True))
        noisy = worth + rng.normal(0, 0.3, len(worth))
        levels = 1 + np.digitize(noisy, np.quantile(noisy[inside], (0.2, 0.4, 0.6, 0.8)))
        self.stars = dict(zip(self.pool.frame_id.tolist(), levels.tolist(), strict=True))

    def rate(self, frame_ids: list[int]) -> None:
        """Give stars to frames, one at a time."""
        MarkOps(self.studio.catalogue).apply(self.client, "Kim", [
            Op(uuid.uuid4().hex, "stars", self.stars[frame], np.array([frame], np.int64))
            for frame in frame_ids
        ])

    def some(self, count: int, seed: int = 1) -> list[int]:
        """Return frames drawn by chance."""
        drawn = np.random.default_rng(seed).choice(self.frames, count, replace=False)
        return [int(frame) for frame in drawn]
