"""Small pictures laid over each other by the plane motion that fits best; numpy, in batches."""

from __future__ import annotations

import numpy as np

from curation.decide.columns import Bools, Floats

COARSE_STEPS, FINE_STEPS = 10, 8
DAMPING = 1e-3
LEAST_SHARE = 0.3
"""Share of a picture that must be seen in both for a fit to mean something."""


def overlay(one: Floats, other: Floats, seen: Bools, other_seen: Bools) -> tuple[Floats, Bools]:
    """Return `other` as seen from `one`, and which of its pixels are known; (b, s, s) each.

    Inverse compositional Gauss-Newton for a homography, coarse to fine, on pictures of mean 0
    and variance 1, so that light does not count. Source: Baker and Matthews 2004, Lucas-Kanade
    20 Years On, with the normalisation of Evangelidis and Psarakis 2008 (ECC).

    Args:
        one, other: (b, s, s) grey levels, s even.
        seen, other_seen: where they show something.
    """
    half_one, half_seen = _half(one, seen)
    half_other, half_other_seen = _half(other, other_seen)
    warp = np.broadcast_to(np.eye(3), (len(one), 3, 3)).copy()
    warp = _fit(half_one, half_other, half_seen, half_other_seen, warp, COARSE_STEPS)
    # The pixel of a picture of twice the size lies at 2 x + 0.5.
    finer = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])
    warp = finer @ warp @ np.linalg.inv(finer)
    warp = _fit(one, other, seen, other_seen, warp, FINE_STEPS)
    return _sample(other, other_seen, warp)


def _half(pictures: Floats, seen: Bools) -> tuple[Floats, Bools]:
    """Return pictures of half the size, blurred by the averaging of four."""
    b, s = pictures.shape[:2]
    blocks = pictures.reshape(b, s // 2, 2, s // 2, 2).mean(axis=(2, 4))
    return blocks, np.asarray(seen.reshape(b, s // 2, 2, s // 2, 2).all(axis=(2, 4)))


def _fit(
    one: Floats, other: Floats, seen: Bools, other_seen: Bools, warp: Floats, steps: int
) -> Floats:
    """Return (b, 3, 3) maps from pixels of one to pixels of other, bettered by some steps."""
    b, s = one.shape[:2]
    fixed, weight = _normal(one, seen)
    down, across = np.gradient(fixed, axis=(1, 2))
    y, x = (axis.ravel() for axis in np.mgrid[0:s, 0:s].astype(np.float32))
    # Coordinates of about one keep the equations well conditioned.
    u, v = (x - s / 2) / (s / 2), (y - s / 2) / (s / 2)
    gx = (across.reshape(b, -1) * weight).astype(np.float32)
    gy = (down.reshape(b, -1) * weight).astype(np.float32)
    turn = -(u * gx + v * gy)
    slope = np.stack(
        [gx * u, gx * v, gx, gy * u, gy * v, gy, turn * u, turn * v], axis=1
    )
    hessian = slope @ slope.transpose(0, 2, 1)
    trace = np.trace(hessian, axis1=1, axis2=2)[:, None, None]
    solver = np.linalg.inv(hessian + (DAMPING * trace / 8 + 1e-6) * np.eye(8))
    unit = np.array([[s / 2, 0, s / 2], [0, s / 2, s / 2], [0, 0, 1]])
    back = np.linalg.inv(unit)
    target = fixed.reshape(b, -1)
    for _ in range(steps):
        moved, known = _sample(other, other_seen, warp)
        both = known & seen
        level, share = _normal(moved, both)
        error = (level.reshape(b, -1) - target) * share
        change = (solver @ (slope @ error[..., None].astype(np.float32)))[..., 0] / (s / 2)
        step = np.tile(np.eye(3), (b, 1, 1))
        step[:, 0] += change[:, 0:3]
        step[:, 1] += change[:, 3:6]
        step[:, 2, :2] += change[:, 6:8]
        enough = both.reshape(b, -1).mean(axis=1) > LEAST_SHARE / 2
        moved_by = unit @ np.linalg.inv(step) @ back
        bettered = warp @ moved_by
        bettered /= bettered[:, 2:, 2:]
        fine = enough & np.isfinite(bettered).all(axis=(1, 2))
        warp = np.where(fine[:, None, None], bettered, warp)
    return warp


def _normal(pictures: Floats, seen: Bools) -> tuple[Floats, Floats]:
    """Return pictures of mean 0 and variance 1 where seen, 0 elsewhere, and the (b, s*s) mask."""
    mask = seen.reshape(len(seen), -1).astype(np.float32)
    flat = pictures.reshape(len(pictures), -1)
    count = np.maximum(mask.sum(axis=1, keepdims=True), 1)
    centred = (flat - (flat * mask).sum(axis=1, keepdims=True) / count) * mask
    spread = np.sqrt((centred**2).sum(axis=1, keepdims=True) / count)
    level = centred / np.maximum(spread, 1.0)
    return level.reshape(pictures.shape).astype(np.float64), mask.astype(np.float64)


def _sample(pictures: Floats, seen: Bools, warp: Floats) -> tuple[Floats, Bools]:
    """Return pictures looked up at the mapped places, bilinear, and where they are known."""
    b, s = pictures.shape[:2]
    y, x = (axis.ravel() for axis in np.mgrid[0:s, 0:s].astype(np.float64))
    at = warp @ np.stack([x, y, np.ones_like(x)])
    depth = np.where(np.abs(at[:, 2]) < 1e-6, 1e-6, at[:, 2])
    px, py = at[:, 0] / depth, at[:, 1] / depth
    inside = (px >= 0) & (px <= s - 1) & (py >= 0) & (py <= s - 1) & (at[:, 2] > 0)
    px, py = np.clip(np.nan_to_num(px), 0, s - 1.001), np.clip(np.nan_to_num(py), 0, s - 1.001)
    left, top = px.astype(np.int64), py.astype(np.int64)
    fx, fy = (px - left).astype(np.float32), (py - top).astype(np.float32)
    corner = top * s + left + np.arange(b)[:, None] * s * s
    flat = pictures.ravel()
    upper = flat[corner] * (1 - fx) + flat[corner + 1] * fx
    lower = flat[corner + s] * (1 - fx) + flat[corner + s + 1] * fx
    known = seen.ravel()
    whole = known[corner] & known[corner + 1] & known[corner + s] & known[corner + s + 1]
    out = upper * (1 - fy) + lower * fy
    return out.reshape(pictures.shape), np.asarray((whole & inside).reshape(pictures.shape))
