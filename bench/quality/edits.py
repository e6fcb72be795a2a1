"""Nine things that happen to a picture on its way through the world; seeded."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
KINDS = (
    "recompressed", "half size", "brighter", "gamma", "crop 95 %", "crop 85 %", "soft", "noise",
    "caption",
)


def edits(rgb: Image, seed: int) -> Iterator[tuple[str, Image]]:
    """Yield (kind, picture) of each edit; (h, w, 3) uint8 RGB in and out.

    Crops keep 95 or 85 % of each side, from a place that chance picks: centred crops would be
    the easier half of the truth.
    """
    rng = np.random.default_rng(seed)
    h, w = rgb.shape[:2]
    yield "recompressed", _jpeg(rgb, 35)
    yield "half size", cv2.resize(rgb, (max(1, w // 2), max(1, h // 2)), interpolation=3)
    yield "brighter", cv2.convertScaleAbs(rgb, alpha=1, beta=25)
    yield "gamma", (255 * (rgb / 255.0) ** 1.5).astype(np.uint8)
    for percent in (95, 85):
        tall, wide = (round(side * percent / 100) for side in (h, w))
        top, left = int(rng.integers(0, h - tall + 1)), int(rng.integers(0, w - wide + 1))
        yield f"crop {percent} %", np.ascontiguousarray(rgb[top : top + tall, left : left + wide])
    yield "soft", cv2.GaussianBlur(rgb, (0, 0), max(h, w) / 400)
    yield "noise", np.clip(rgb + rng.normal(0, 10, rgb.shape), 0, 255).astype(np.uint8)
    yield "caption", _captioned(rgb)


def _jpeg(rgb: Image, quality: int) -> Image:
    _, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    bgr = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(bgr[..., ::-1])


def _captioned(rgb: Image) -> Image:
    h, w = rgb.shape[:2]
    out = rgb.copy()
    where = (w // 20, h - h // 12)
    white, thick = (255, 255, 255), max(1, w // 200)
    cv2.putText(out, "sample text", where, cv2.FONT_HERSHEY_SIMPLEX, w / 400, white, thick)
    return out
