"""The part of a stored frame that is picture: all of it but burnt-in bars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation.decide.columns import Columns, Floats


@dataclass(frozen=True, slots=True)
class Picture:
    """Where the picture lies in each stored frame, in its pixels; (n,) each."""

    left: Floats
    top: Floats
    width: Floats
    height: Floats

    @property
    def right(self) -> Floats:
        """Return where it ends."""
        return np.asarray(self.left + self.width)

    @property
    def bottom(self) -> Floats:
        """Return where it ends."""
        return np.asarray(self.top + self.height)


def picture_of(columns: Columns) -> Picture:
    """Return the picture's place; the whole frame where nothing is known of bars."""
    whole = (
        np.zeros(columns.n), np.zeros(columns.n), columns.floats("width"), columns.floats("height")
    )
    left, top, right, bottom = (
        np.where(np.isfinite(told), told, side)
        for told, side in zip(
            (columns.floats(f"active_{corner}") for corner in ("x0", "y0", "x1", "y1")),
            whole,
            strict=True,
        )
    )
    return Picture(left, top, right - left, bottom - top)
