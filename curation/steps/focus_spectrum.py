"""What the spectrum and the blocks of a small grey picture say about its blur."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Weights = npt.NDArray[np.float32]

FACE_EDGES = (0.03, 0.06, 0.10, 0.15, 0.20, 0.26, 0.33, 0.41, 0.50)
DETAIL_EDGES = (0.06, 0.12, 0.18, 0.25, 0.33, 0.41, 0.50)
"""Limits of the rings, in cycles a pixel of the crop."""

BASE_RING = 1
BLOCK_PX = 8
_FLOOR = 0.01


def _ring_names(prefix: str, edges: tuple[float, ...]) -> tuple[str, ...]:
    rings = range(len(edges) - 1)
    return tuple(f"{prefix}_{part}_{i}" for part in ("low", "high") for i in rings)


SPECTRUM_FEATURES: tuple[str, ...] = (
    *_ring_names("ring", FACE_EDGES),
    "ring_base",
    *_ring_names("native_ring", DETAIL_EDGES),
    "native_size",
    *(f"block_ratio_p{q}" for q in (10, 50, 80, 95)),
    *(f"block_fine_p{q}" for q in (10, 50, 95)),
)


@lru_cache(maxsize=4)
def _rings(n: int, edges: tuple[float, ...]) -> tuple[npt.NDArray[np.int64], Weights]:
    """Return the cells of an n x n half spectrum that lie in a ring, and weights (cells, 3 rings).

    The three of a ring make its energy a tensor by direction: xx, yy and xy.
    """
    fy, fx = np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None, :]
    radius = np.maximum(np.hypot(fx, fy), 1e-9)
    twice = np.where((fx > 0) & (fx < 0.5), 2.0, 1.0)  # half of the spectrum is not stored
    rows = []
    for low, high in pairwise(edges):
        ring = ((radius >= low) & (radius < high)) * twice
        ring /= ring.sum()
        rows += [(ring * a * b / radius**2).ravel() for a, b in ((fx, fx), (fy, fy), (fx, fy))]
    weights = np.array(rows)
    used = np.flatnonzero(np.abs(weights).sum(axis=0) > 0)
    return used, np.ascontiguousarray(weights[:, used].T, np.float32)


def _by_ring(grey: Grey, n: int, edges: tuple[float, ...]) -> tuple[Grey, Grey]:
    """Return the log energy of each ring across and along its strongest direction."""
    grey = grey[:n, :n]
    window = np.outer(np.hanning(grey.shape[0] + 2)[1:-1], np.hanning(grey.shape[1] + 2)[1:-1])
    window = (window / np.sqrt((window**2).sum())).astype(np.float32)
    mean = float((grey * window).sum() / window.sum())
    padded = np.zeros((n, n), np.float32)
    padded[: grey.shape[0], : grey.shape[1]] = (grey - mean) * window
    spectrum = np.fft.rfft2(padded)
    used, weights = _rings(n, edges)
    cells: Any = spectrum.ravel()[used]
    power = (cells.real**2 + cells.imag**2).astype(np.float32)
    xx, yy, xy = (power @ weights).reshape(-1, 3).T
    trace, spread = xx + yy, np.sqrt((xx - yy) ** 2 + 4 * xy**2)
    low, high = np.maximum((trace - spread) / 2, 0.0), (trace + spread) / 2
    return np.log(low + _FLOOR), np.log(high + _FLOOR)


def _blocks(fine: Grey, coarse: Grey, inside: Mask) -> list[float]:
    """Return quantiles over 8 x 8 blocks: the sharpest tell the blur, the plainest the noise."""
    size = (max(1, fine.shape[1] // BLOCK_PX), max(1, fine.shape[0] // BLOCK_PX))
    whole = cv2.resize(inside.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    e1, e2 = (
        cv2.resize(band * band, size, interpolation=cv2.INTER_AREA)[whole]
        for band in (fine, coarse)
    )
    ratio = np.quantile(np.log(e1 + 0.05) - np.log(e2 + 1.0), (0.10, 0.50, 0.80, 0.95))
    energy = np.log(np.quantile(e1, (0.10, 0.50, 0.95)) + _FLOOR)
    return [*ratio.tolist(), *energy.tolist()]


def spectrum_features(
    grey: Grey, detail: Grey, fine: Grey, coarse: Grey, inside: Mask, sizes_px: tuple[int, int]
) -> list[float]:
    """Return the numbers named by SPECTRUM_FEATURES.

    All energies are relative to that of one coarse ring of the face, so contrast cancels out.
    Blur bends the spectrum down from the far rings on, noise lifts them to one level, JPEG cuts
    them off; motion bends it in one direction only, which the two numbers of a ring tell apart.

    Args:
        grey: the face at `sizes_px[0]`. detail: the face near its native size, at most
            `sizes_px[1]`. fine, coarse: difference-of-Gaussian bands of grey, see
            `focus_features.bands`. inside: where grey is face.
    """
    low, high = _by_ring(grey, sizes_px[0], FACE_EDGES)
    native_low, native_high = _by_ring(detail, sizes_px[1], DETAIL_EDGES)
    base = float(high[BASE_RING])
    blocks = _blocks(fine, coarse, inside)
    return [
        *(low - base).tolist(),
        *(high - base).tolist(),
        base,
        *(native_low - base).tolist(),
        *(native_high - base).tolist(),
        float(np.log(min(detail.shape) / sizes_px[0])),
        *blocks[:4],
        *(value - base for value in blocks[4:]),
    ]
