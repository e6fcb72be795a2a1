"""Pairs of frames that a matcher compared: do they show the same view?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.store.catalogue import Catalogue

COLUMNS = ("a", "b", "inliers", "cover")


class PairTable:
    """The compared pairs of one catalogue; a pair is compared once by each matcher."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def put(self, rows: Iterable[tuple[int, int, int, float]], fp: str) -> None:
        """Store (a, b, inliers, cover) of pairs as one transaction, replacing older answers.

        Args:
            rows: frame ids in any order, matches that one homography explains, and the share of
                the smaller picture that looks alike once the two are aligned.
            fp: fingerprint of the matcher.
        """
        with self.catalogue.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO pair (a, b, fp, inliers, cover) VALUES (?, ?, ?, ?, ?)",
                [(min(a, b), max(a, b), fp, n, cover) for a, b, n, cover in rows],
            )

    def known(self, fp: str) -> set[tuple[int, int]]:
        """Return the pairs that this matcher has answered, smaller frame id first."""
        rows = self.catalogue.db.execute("SELECT a, b FROM pair WHERE fp = ?", (fp,))
        return {(int(row["a"]), int(row["b"])) for row in rows}

    def load(self) -> dict[str, npt.NDArray[Any]]:
        """Return all pairs as columns: a and b (int64 frame ids), inliers, cover (float64)."""
        rows = self.catalogue.db.execute("SELECT a, b, inliers, cover FROM pair ORDER BY a, b")
        table = [tuple(row) for row in rows]
        kinds = (np.int64, np.int64, np.float64, np.float64)
        return {
            name: np.array([row[i] for row in table], kind)
            for i, (name, kind) in enumerate(zip(COLUMNS, kinds, strict=True))
        }
