"""A small trained network read from JSON: the blur of a face out of its features; numpy only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Layer = tuple[Floats, Floats]

HEAD = Path(__file__).parent / "heads" / "focus_blur.json"
CLIP = 4.0
"""Features further than this many spreads from the middle count as this far: a picture unlike
any that was trained on may not run off along a line."""


@dataclass(frozen=True, slots=True)
class BlurNet:
    """The mean of a few multi-layer perceptrons of one shape.

    Attributes:
        centre, spread: (f,) of the features that were trained on.
        nets: per net its layers (weights (in, out), biases (out,)), SiLU between them.
    """

    centre: Floats
    spread: Floats
    nets: tuple[tuple[Layer, ...], ...]

    @staticmethod
    def load(path: Path, features: tuple[str, ...]) -> BlurNet:
        """Read {"features", "centre", "spread", "nets": [[[weights, biases] ...] ...]}.

        Raises:
            ValueError: the file was trained for other features than `features`.
        """
        tables: dict[str, Any] = json.loads(path.read_text())
        if tuple(tables["features"]) != features:
            raise ValueError(f"{path.name} does not fit focus_features.FEATURES: train it again")
        nets = tuple(
            tuple((np.array(weights), np.array(biases)) for weights, biases in net)
            for net in tables["nets"]
        )
        return BlurNet(np.array(tables["centre"]), np.array(tables["spread"]), nets)

    def predict(self, rows: npt.NDArray[np.floating[Any]]) -> Floats:
        """Return blur along its strongest and its weakest axis, sigma in pixels of a 128-px face.

        Args:
            rows: (m, f) features.

        Returns:
            (m, 2) at least 0; the second is at most the first.
        """
        with np.errstate(over="ignore"):
            rows = (np.asarray(rows, np.float64) - self.centre) / self.spread
            given = np.clip(rows, -CLIP, CLIP)
            total = np.zeros((len(given), 2))
            for net in self.nets:
                values = given
                for weights, biases in net[:-1]:
                    values = values @ weights + biases
                    values = values / (1 + np.exp(-values))
                weights, biases = net[-1]
                total += values @ weights + biases
        # Trained on square roots: an error of 0.2 px matters near 0 and hardly at 4.
        roots = np.maximum(total / len(self.nets), 0.0)
        return np.stack([roots[:, 0] ** 2, roots.min(axis=1) ** 2], axis=1)
