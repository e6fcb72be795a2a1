"""The main face of a frame at its own size, for frames that are not kept at full size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curation.records import Boxes, Result
from curation.store.proxies import FACE, Proxy

STEP = "faces"
MARGIN, MOST_PX, QUALITY = 0.2, 512, 85
"""Room around the face as a share of its box; longer side; a JPEG of it takes some 10 to 30 kB."""


@dataclass(frozen=True, slots=True)
class FaceCrops:
    """What a worker cut out: frame id and its face."""

    found: tuple[tuple[int, Proxy], ...]


def face_crops(
    results: Sequence[Result], pictures: Mapping[int, npt.NDArray[np.uint8] | None]
) -> FaceCrops:
    """Return the largest face of each picture in which faces were just found.

    Args:
        results: with places in pixels of the whole frame.
        pictures: frame id -> (h, w, 3) uint8.
    """
    from curation.video.still import jpeg

    found: list[tuple[int, Proxy]] = []
    for result in results:
        picture, measured = pictures.get(result.frame_id), result.measured
        if result.step != STEP or picture is None or measured is None or measured.boxes is None:
            continue
        if not len(measured.boxes):
            continue
        x0, y0, x1, y1 = place = _place(measured.boxes, picture.shape[1], picture.shape[0])
        crop = np.ascontiguousarray(picture[y0:y1, x0:x1])
        if crop.size:
            found.append((result.frame_id, Proxy(FACE, place, jpeg(crop, QUALITY, "444"))))
    return FaceCrops(tuple(found))


def _place(boxes: Boxes, width: int, height: int) -> tuple[int, int, int, int]:
    """Return the place of the largest face with some room around it, in whole pixels."""
    sides = boxes.xyxy_px[:, 2:] - boxes.xyxy_px[:, :2]
    x0, y0, x1, y1 = (float(v) for v in boxes.xyxy_px[int(np.prod(sides, axis=1).argmax())])
    across, down = (x0 + x1) / 2, (y0 + y1) / 2
    half_w, half_h = (min((0.5 + MARGIN) * side, MOST_PX / 2) for side in (x1 - x0, y1 - y0))
    left, top = max(round(across - half_w), 0), max(round(down - half_h), 0)
    return (
        left, top,
        max(min(round(across + half_w), width), left), max(min(round(down + half_h), height), top),
    )  # fmt: skip
