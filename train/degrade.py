"""Ways a picture loses quality, each with known strength; OpenCV and numpy only."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Kernel = npt.NDArray[np.float32]
Rng = np.random.Generator

KINDS = ("gauss", "disc", "motion", "ghost", "curve")


def _kernel_of_points(xy: npt.NDArray[np.float64]) -> Kernel:
    """Return a kernel of equal weights at fractional points about the centre, summing to 1."""
    half = int(np.ceil(np.abs(xy).max())) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1))
    low = np.floor(xy).astype(int)
    part = xy - low
    for dx in (0, 1):
        for dy in (0, 1):
            weight = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1])
            np.add.at(kernel, (low[:, 1] + dy + half, low[:, 0] + dx + half), weight)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _disc(radius_px: float) -> Kernel:
    half = int(np.ceil(radius_px))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    weight = np.clip(radius_px + 0.5 - np.hypot(x, y), 0, 1)
    return np.asarray(weight / weight.sum(), np.float32)


def kernel(kind: str, sigma_px: float, rng: Rng) -> Kernel:
    """Return a blur kernel with this standard deviation along its strongest axis.

    gauss and disc (a lens out of focus: sigma is half the radius) blur both axes alike. motion
    (a line), ghost (3, 5 or 9 shifted copies, as averaged frames leave) and curve (a bent line,
    as a shaken hand draws) blur along one axis of any angle, curve a little across it as well.
    """
    if kind == "gauss":
        half = int(np.ceil(3.5 * sigma_px)) + 1
        line = np.exp(-(np.arange(-half, half + 1.0) ** 2) / (2 * sigma_px**2))
        weight = np.outer(line, line)
        return np.asarray(weight / weight.sum(), np.float32)
    if kind == "disc":
        return _disc(2 * sigma_px)
    count = int(rng.choice([3, 5, 9])) if kind == "ghost" else 16 + 8 * int(sigma_px)
    steps = np.linspace(-0.5, 0.5, count)
    angle = rng.uniform(0, np.pi)
    along = steps / steps.std()
    across = rng.uniform(0.1, 0.5) * (along**2 - 1) if kind == "curve" else np.zeros(count)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return _kernel_of_points(sigma_px * np.stack([along, across], axis=1) @ turn)


def spread_px(weight: Kernel) -> tuple[float, float]:
    """Return the standard deviation of a kernel along its strongest and its weakest axis."""
    h, w = weight.shape
    total = float(weight.sum())
    y, x = np.mgrid[:h, :w].astype(np.float64)
    x -= (weight * x).sum() / total
    y -= (weight * y).sum() / total
    xx, yy, xy = (float((weight * a * b).sum()) / total for a, b in ((x, x), (y, y), (x, y)))
    root = np.sqrt((xx - yy) ** 2 + 4 * xy**2)
    high, low = (xx + yy + root) / 2, max((xx + yy - root) / 2, 0.0)
    return float(np.sqrt(high)), float(np.sqrt(low))


def smear(image: Image, weight: Kernel) -> Image:
    """Return the image convolved with a kernel."""
    return np.asarray(cv2.filter2D(image, -1, weight, borderType=cv2.BORDER_REFLECT), np.uint8)


def blur(image: Image, kind: str, sigma_px: float, rng: Rng) -> Image:
    """Return the image blurred by `kernel`; unchanged under 0.01 px."""
    return image if sigma_px < 0.01 else smear(image, kernel(kind, sigma_px, rng))


def noisy(image: Image, sigma: float, rng: Rng) -> Image:
    """Return the image with Gaussian noise of this many grey levels."""
    return np.asarray(np.clip(image + rng.normal(0, sigma, image.shape), 0, 255), np.uint8)


def jpeg(image: Image, quality: int) -> Image:
    """Return the image after a JPEG round trip."""
    coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def contrast(image: Image, factor: float, middle: float) -> Image:
    """Return the image with its distance from grey 128 multiplied, about a new middle."""
    changed = (image.astype(np.float32) - 128) * factor + middle
    return np.asarray(np.clip(changed, 0, 255), np.uint8)


def shrunk(image: Image, scale: float) -> Image:
    """Return the image reduced by area averaging."""
    size = (max(2, round(image.shape[1] * scale)), max(2, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
