"""A learned change of coordinates from the 1280 numbers of the embedder to a few that matter."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.errors import WeightsMissing

Vectors = npt.NDArray[np.float32]


class Projection:
    """Turn vectors into shorter unit vectors whose dot product tells pictures apart.

    Directions in which small edits of one picture move it count less, those in which different
    pictures differ count more: learned whitening (Mikolajczyk and Matas 2007; Radenovic et al.
    2018, "Fine-tuning CNN image retrieval with no human annotation", section 3.5).

    Args:
        path: JSON with "mean" and "basis", each {"shape": [...], "float16": base64 of
            little-endian half floats}; written by train/appearance_projection.py.

    Raises:
        WeightsMissing: the file is absent or is no projection.
    """

    def __init__(self, path: Path) -> None:
        """Read the file."""
        try:
            data: dict[str, Any] = json.loads(path.read_text())
            self.mean, self.basis = unpacked(data["mean"]), unpacked(data["basis"])
            if self.basis.ndim != 2 or self.mean.shape != self.basis.shape[:1]:
                raise ValueError(f"mean {self.mean.shape} and basis {self.basis.shape} disagree")
            self._basis = self.basis.astype(np.float64)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WeightsMissing(
                f"{path} holds no projection: {error}",
                "install the program again, or run python -m train.appearance_projection",
            ) from error

    def __call__(self, vectors: Vectors) -> Vectors:
        """Return (n, d) float32 unit vectors of (n, D) vectors.

        Summed in float64: the order of a sum hangs on n, and what it changes is rounded away.
        """
        moved = (np.asarray(vectors, np.float64) - self.mean) @ self._basis
        length = np.linalg.norm(moved, axis=1, keepdims=True)
        return np.asarray(moved / np.maximum(length, 1e-9), np.float32)


def packed(values: npt.ArrayLike) -> dict[str, Any]:
    """Return an array as a JSON value of half floats."""
    array = np.asarray(values, "<f2")
    return {
        "shape": list(array.shape),
        "float16": base64.b64encode(array.tobytes()).decode("ascii"),
    }


def unpacked(value: dict[str, Any]) -> Vectors:
    """Return the array that `packed` wrote, float32; ValueError or KeyError where it did not."""
    raw = base64.b64decode(value["float16"], validate=True)
    return np.frombuffer(raw, "<f2").reshape(value["shape"]).astype(np.float32)
