"""Pictures with texture at every scale, made at test time."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Rgb = npt.NDArray[np.uint8]


def scenery(seed: int, size_wh: tuple[int, int] = (480, 360)) -> Rgb:
    """Return a picture of shapes over clouds: (h, w, 3) uint8, another one for each seed."""
    rng = np.random.default_rng(seed)
    w, h = size_wh
    picture = np.zeros((h, w, 3), np.float32)
    for cells in (4, 12, 40):
        noise = rng.uniform(-50, 50, (cells, cells, 3)).astype(np.float32)
        picture += cv2.resize(noise, (w, h), interpolation=cv2.INTER_CUBIC)
    made = np.clip(picture + 128, 0, 255).astype(np.uint8)
    for _ in range(60):
        x, y, size = (int(rng.integers(0, limit)) for limit in (w, h, 40))
        colour = tuple(int(v) for v in rng.integers(0, 256, 3))
        if rng.random() < 0.5:
            cv2.circle(made, (x, y), size // 2 + 2, colour, -1)
        else:
            cv2.rectangle(made, (x, y), (x + size, y + size // 2), colour, -1)
    return made


def crop(rgb: Rgb, share: float, left: float = 0.5, top: float = 0.5) -> Rgb:
    """Return a part with sides of this share, placed 0 (left, top) to 1 (right, bottom)."""
    h, w = rgb.shape[:2]
    tall, wide = round(h * share), round(w * share)
    y, x = round((h - tall) * top), round((w - wide) * left)
    return np.ascontiguousarray(rgb[y : y + tall, x : x + wide])
