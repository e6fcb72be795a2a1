"""Which frames no detector needs to look at: clearly blurred ones, and near copies of sharper ones.

Decided from thumbnails and from what extraction measured, before a JPEG is read. Frames that are
black, blank or frozen were left out by extraction already.

On 648 frames of 31 labelled clips the softest pick has a sharpness of 17.5. 40 sharp portraits
begin at 53, and blurred by 4 px at 640 px they end at 2.5: `triage_blur` is 2. Of those frames 7
are near copies up to a change of 6, none of them a pick; up to 8 one pick is lost, to 10 two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from curation.params import TriageParams
from curation.records import Measured, Value
from curation.steps.base import Item, Step

CELLS = 64
BLURRED, NEAR_COPY = "blurred", "near_copy"

Cells = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Still:
    """What is known of a frame before anybody looks at it.

    Attributes:
        shot: number of its shot.
        sharpness: variance of the Laplacian, from extraction; None where it was not measured.
        cells: (64, 64) mean luma of as many cells, None for a frame without thumbnail.
    """

    pts: int
    time_s: float
    shot: int
    sharpness: float | None
    cells: Cells | None


class Triage(Step):
    """Say of each frame of a video whether it is left out; None where it is looked at.

    triage: "blurred" or "near_copy". triage_value, triage_limit: the number that decided, and what
    it was held against. triage_pts, triage_at_s: the sharper frame that a copy repeats.

    It is no step of the registry: it speaks of the frames of a video together, see `sort_out`.
    """

    name = "triage"
    version = "1"
    produces: ClassVar[Mapping[str, type]] = {
        "triage": str,
        "triage_value": float,
        "triage_limit": float,
        "triage_pts": int,
        "triage_at_s": float,
    }
    Params = TriageParams
    params: TriageParams

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Return that each is looked at: a picture alone repeats nothing."""
        return [Measured(self.alive()) for _ in items]

    def alive(self) -> dict[str, Value]:
        """Return the row of a frame that is looked at."""
        return dict.fromkeys(self.produces)

    def sort_out(self, stills: Sequence[Still]) -> list[Measured]:
        """Return a row for each frame of one video.

        Within a shot frames are taken from the sharpest on. One whose 64 x 64 cells all differ by
        at most `triage_change` from those of a frame that was taken, at most `triage_s` away, is a
        copy of it. So every stretch of `triage_s` keeps a frame, however still it is: who is a
        picture on a wall is told by time.
        """
        rows = [self.alive() for _ in stills]
        if not self.params.triage:
            return [Measured(row) for row in rows]
        by_shot: dict[int, list[int]] = {}
        for i, still in enumerate(stills):
            if still.sharpness is None or still.cells is None:
                continue
            if still.sharpness < self.params.triage_blur:
                rows[i] |= {"triage": BLURRED, "triage_value": float(still.sharpness),
                            "triage_limit": self.params.triage_blur}  # fmt: skip
            else:
                by_shot.setdefault(still.shot, []).append(i)
        for members in by_shot.values():
            self._copies(stills, sorted(members, key=lambda i: _sharpest_first(stills[i])), rows)
        return [Measured(row) for row in rows]

    def _copies(
        self, stills: Sequence[Still], members: Sequence[int], rows: list[dict[str, Value]]
    ) -> None:
        taken: list[Still] = []
        for i in members:
            still = stills[i]
            beside = [
                (float(np.abs(still.cells - one.cells).max()), one)
                for one in taken
                if still.cells is not None and one.cells is not None
                and abs(still.time_s - one.time_s) <= self.params.triage_s
            ]  # fmt: skip
            change, keeper = min(beside, key=lambda pair: pair[0], default=(np.inf, still))
            if change > self.params.triage_change:
                taken.append(still)
            else:
                rows[i] |= {"triage": NEAR_COPY, "triage_value": change,
                            "triage_limit": self.params.triage_change,
                            "triage_pts": keeper.pts, "triage_at_s": keeper.time_s}  # fmt: skip


def _sharpest_first(still: Still) -> tuple[float, int]:
    return -(still.sharpness or 0.0), still.pts


def cells_of(thumb: bytes | None) -> Cells | None:
    """Return the (64, 64) mean luma of a JPEG's cells; None where there is none to read."""
    if thumb is None:
        return None
    import cv2
    import simplejpeg

    try:
        grey = simplejpeg.decode_jpeg(thumb, colorspace="GRAY")[:, :, 0]
    except ValueError:
        return None
    how = cv2.INTER_AREA if min(grey.shape) >= CELLS else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, (CELLS, CELLS), interpolation=how), np.int16)
