"""Boosted regression trees kept as plain arrays: read from JSON, evaluated by numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

LEAF = -1


@dataclass(frozen=True, slots=True)
class Trees:
    """A sum of regression trees.

    Attributes:
        start: what is added to every answer.
        feature: (t, n) int64 column asked at each node; -1 at leaves and at padding.
        number: (t, n) float64 threshold at a node, value at a leaf.
        left: (t, n) int64 child for values <= threshold, itself at a leaf; right is left + 1.
        depth: most questions on a way from root to leaf.
    """

    start: float
    feature: npt.NDArray[np.int64]
    number: npt.NDArray[np.float64]
    left: npt.NDArray[np.int64]
    depth: int

    @staticmethod
    def from_json(tables: Mapping[str, Any]) -> Trees:
        """Build from {"start", "depth", "trees": [[feature...], [number...], [left...]]...}.

        Raises:
            ValueError: a tree whose three lists differ in length, or that points outside itself.
        """
        trees = tables["trees"]
        nodes = max(len(tree[0]) for tree in trees)
        feature = np.full((len(trees), nodes), LEAF, np.int64)
        number = np.zeros((len(trees), nodes))
        left = np.tile(np.arange(nodes), (len(trees), 1))
        for row, (ask, value, child) in enumerate(trees):
            n = len(ask)
            if len(value) != n or len(child) != n or max(child) >= n:
                raise ValueError(f"tree {row} is not whole")
            feature[row, :n], number[row, :n], left[row, :n] = ask, value, child
        return Trees(float(tables["start"]), feature, number, left, int(tables["depth"]))

    def predict(self, rows: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """Return the answer for each row of features; (m, f) -> (m,)."""
        rows = np.asarray(rows, np.float64)
        tree = np.arange(len(self.feature))[None, :]
        row = np.arange(len(rows))[:, None]
        at = np.zeros((len(rows), len(self.feature)), np.int64)
        for _ in range(self.depth):
            ask = self.feature[tree, at]
            inner = ask != LEAF
            beyond = rows[row, np.where(inner, ask, 0)] > self.number[tree, at]
            at = self.left[tree, at] + (inner & beyond)
        return np.asarray(self.start + self.number[tree, at].sum(axis=1))
