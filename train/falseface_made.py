"""Painted, drawn, printed and carved versions of real photographs, to train on as false faces.

Digital paintings, statues and prints are what the labelled sets have fewest of. Each version
keeps the person and the pose and changes only what the picture is made of, so that a head that
tells it from its source has learned the material. Oil paint and pencil were tried and taught
nothing that the sets lack; likenesses of renderings and of screens taught to suspect real
photographs of poor quality. OpenCV and numpy only; the same generator of chance gives the same
pictures.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Rng = np.random.Generator
WORKING_PX = 256
"""Longer side at which strokes and dots are drawn: their size follows the picture, not its file."""


def _bytes(values: npt.NDArray[np.floating]) -> Image:
    return np.asarray(np.clip(values, 0, 255), np.uint8)


def _unsaturated(rgb: Image) -> Floats:
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, np.float64)


def _saturated(rgb: Image, gain: float, value_gain: float = 1.0) -> Image:
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV).astype(np.float64)
    hsv[..., 1] *= gain
    hsv[..., 2] *= value_gain
    hsv = np.clip(hsv, 0, 255)
    return np.asarray(cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB), np.uint8)


def kuwahara(rgb: Image, radius_px: int) -> Image:
    """Return the picture in strokes: each pixel the mean of its calmest corner (Kuwahara 1976)."""
    colour = rgb.astype(np.float64)
    grey = _unsaturated(rgb)
    side = radius_px + 1
    means, spreads = [], []
    for dx in (0, radius_px):
        for dy in (0, radius_px):
            mean, square, tone = (
                cv2.boxFilter(
                    what, -1, (side, side), anchor=(dx, dy), borderType=cv2.BORDER_REFLECT
                )
                for what in (grey, grey * grey, colour)
            )
            spreads.append(square - mean * mean)
            means.append(tone)
    calmest = np.argmin(spreads, axis=0)[..., None]
    return _bytes(np.take_along_axis(np.array(means), calmest[None], axis=0)[0])


def quantised(rgb: Image, colours: int, rng: Rng) -> Image:
    """Return the picture in so many colours, its own ones (k-means in CIELAB)."""
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    points = lab.reshape(-1, 3).astype(np.float32)
    sample = points[rng.integers(0, len(points), min(len(points), 4000))]
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 8, 1.0)
    cv2.setRNGSeed(int(rng.integers(1 << 30)))
    empty = np.empty((0,), np.int32)
    _, _, middles = cv2.kmeans(sample, colours, empty, stop, 1, cv2.KMEANS_PP_CENTERS)
    far = ((points[:, None] - middles[None]) ** 2).sum(axis=2)
    flat = middles[far.argmin(axis=1)].reshape(lab.shape)
    return np.asarray(cv2.cvtColor(_bytes(flat), cv2.COLOR_LAB2RGB), np.uint8)


def _smoothed(rgb: Image, rounds: int, colour_sigma: float, space_px: float) -> Image:
    out = rgb
    for _ in range(rounds):
        out = np.asarray(cv2.bilateralFilter(out, 0, colour_sigma, space_px), np.uint8)
    return out


def _outlines(rgb: Image, width_px: float, threshold: float) -> Floats:
    """Return 0..1, 1 on dark lines: a thresholded difference of Gaussians (Winnemoeller 2006)."""
    grey = _unsaturated(rgb)
    fine = cv2.GaussianBlur(grey, (0, 0), width_px)
    wide = cv2.GaussianBlur(grey, (0, 0), 1.6 * width_px)
    return np.asarray(np.clip((0.98 * wide - fine) / threshold, 0, 1))


def digital_painting(rgb: Image, rng: Rng) -> Image:
    """Return a painting made on a screen: airbrushed skin, crisp edges, strong colour and light."""
    out = _smoothed(rgb, int(rng.integers(1, 4)), rng.uniform(15, 45), rng.uniform(3, 7))
    if rng.random() < 0.6:
        out = kuwahara(out, int(rng.integers(1, 4)))
    values = out.astype(np.float64)
    detail = values - cv2.GaussianBlur(values, (0, 0), rng.uniform(2, 8))
    values += rng.uniform(0.2, 1.2) * detail
    middle = rng.uniform(90, 150)
    values = middle + (values - middle) * rng.uniform(1.0, 1.4)
    return _saturated(_bytes(values), rng.uniform(1.0, 1.7))


def cartoon(rgb: Image, rng: Rng) -> Image:
    """Return a cartoon: few flat colours, dark outlines."""
    flat = _smoothed(rgb, 3, rng.uniform(30, 60), rng.uniform(3, 6))
    flat = quantised(flat, int(rng.integers(5, 16)), rng)
    lines = _outlines(_smoothed(rgb, 1, 30, 3), rng.uniform(0.8, 2.0), rng.uniform(4, 10))
    values = flat * (1 - lines[..., None] * rng.uniform(0, 1))
    return _saturated(_bytes(values), rng.uniform(0.9, 1.7))


def engraving(rgb: Image, rng: Rng) -> Image:
    """Return a print made of lines or dots: engraving, newspaper, comic."""
    y, x = np.indices(rgb.shape[:2])
    angle, period_px = rng.uniform(0, np.pi), rng.uniform(2.5, 6)
    across = (x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period_px
    along = (-x * np.sin(angle) + y * np.cos(angle)) * 2 * np.pi / period_px
    screen = np.sin(across)
    if rng.random() < 0.6:
        screen = (screen + np.sin(along)) / 2
    grey = _unsaturated(rgb) / 255
    ink = 1 / (1 + np.exp(-(grey * 2 - 1 + 0.9 * screen) * rng.uniform(2, 8)))
    paper = rng.uniform([220, 210, 180], [255, 255, 250])
    if rng.random() < 0.4:
        flat = _smoothed(rgb, 1, 40, 4).astype(np.float64)
        return _bytes(flat * (0.5 + 0.5 * ink[..., None]))
    return _bytes(ink[..., None] * paper)


def statue(rgb: Image, rng: Rng) -> Image:
    """Return the face in one material: stone, plaster, bronze or wood, polished or rough."""
    grey = _unsaturated(_smoothed(rgb, int(rng.integers(1, 4)), rng.uniform(20, 45), 4))
    even = cv2.GaussianBlur(grey, (0, 0), rgb.shape[1] / 6)
    # Brows, lips and irises lose their colour: what is left is shading.
    relief = grey - even * rng.uniform(0.3, 0.8)
    relief = (relief - relief.mean()) / max(float(relief.std()), 1.0)
    light = 0.5 + 0.16 * relief + rng.uniform(-0.1, 0.2)
    rough = cv2.GaussianBlur(rng.normal(0, 1, grey.shape), (0, 0), rng.uniform(0.6, 2.5))
    light = np.clip(light + rough / rough.std() * rng.uniform(0, 0.05), 0, 1)
    gloss = np.clip(light - rng.uniform(0.65, 0.85), 0, 1) * rng.uniform(0, 2)
    stone, bronze, wood = (235, 230, 220), (150, 115, 70), (170, 120, 80)
    material = np.array([stone, bronze, wood][int(rng.integers(3))]) * rng.uniform(0.8, 1.08, 3)
    return _bytes(light[..., None] * material + 255 * gloss[..., None])


KINDS: dict[str, Callable[[Image, Rng], Image]] = {
    "digital": digital_painting,
    "cartoon": cartoon,
    "engraving": engraving,
    "statue": statue,
}


def made(rgb: Image, kind: str, rng: Rng) -> Image:
    """Return a false version of a photograph, in the size of the photograph.

    Args:
        rgb: (h, w, 3) uint8, the face near the middle.
        kind: a key of KINDS.
        rng: where the strengths come from.

    Raises:
        KeyError: no such kind.
    """
    scale = WORKING_PX / max(rgb.shape[:2])
    size = tuple(max(8, round(side * scale)) for side in rgb.shape[1::-1])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(rgb, size, interpolation=how), np.uint8)
    out = KINDS[kind](small, rng)
    return np.asarray(cv2.resize(out, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
