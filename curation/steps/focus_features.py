"""Numbers that say how sharp a small grey picture is; OpenCV and numpy only.

All of them look at a face of a fixed size, 128 px: raw gradient energies of native crops say more
about the size and the contrast of a face than about its focus.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from curation.steps.focus_spectrum import SPECTRUM_FEATURES, spectrum_features

Grey = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.uint8]
Tensor = tuple[float, float, float]

FACE_PX = 128
DETAIL_PX = 256
OFIQ_KERNELS = (1, 3, 5, 7, 9)
BOX_KERNELS = (3, 5, 7)
AXIS_PAIRS = ("fine", "mid", "raw", "smooth", "native")
LEAST_SIDE_PX = 24
ELLIPSE = 0.9
_NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)

FEATURES: tuple[str, ...] = (
    *(f"laplacian_{k}_{part}" for k in OFIQ_KERNELS for part in ("mean", "std")),
    *(f"box_{k}_{part}" for k in BOX_KERNELS for part in ("mean", "std")),
    *(f"sobel_xy_{k}_{part}" for k in OFIQ_KERNELS for part in ("mean", "std")),
    "tenengrad_rel",
    "tenengrad_rel_least_axis",
    "dog_fine_mid",
    "dog_mid_coarse",
    "dog_fine_mid_p90",
    "reblur_ratio",
    "edge_reblur_p50",
    "edge_reblur_p85",
    "noise_rel",
    *(f"axis_{pair}_{part}" for pair in AXIS_PAIRS for part in ("low", "high")),
    *SPECTRUM_FEATURES,
)
"""Logs of 26 numbers of OFIQ's sharpness measure, nine ratios without contrast, ten ratios by
axis, 37 numbers of spectrum and blocks."""


def face_square(xyxy_px: Floats) -> npt.NDArray[np.float64]:
    """Return the square that focus is judged on, x0 y0 x1 y1 in pixels.

    Its side is the geometric mean of the box's sides and it stands on the box's lower edge: the
    tall boxes of YuNet and the square ones of other detectors then cover the same part of a face
    at the same scale (medians over 66 portraits: side 1.01, lower edge 0.01 face widths apart).
    """
    x0, y0, x1, y1 = (float(v) for v in xyxy_px)
    side = float(np.sqrt(max(x1 - x0, 0.0) * max(y1 - y0, 0.0)))
    middle = (x0 + x1) / 2
    return np.array([middle - side / 2, y1 - side, middle + side / 2, y1])


def grey_crop(rgb: npt.NDArray[np.uint8], xyxy_px: Floats, scale: float) -> Grey | None:
    """Return the grey crop of a box at a scale, or None where too little is in the picture.

    Reduced by area averaging, enlarged by cubic interpolation; (h, w) float32, 0..255.
    """
    h, w = rgb.shape[:2]
    x0, y0 = (max(round(float(v)), 0) for v in xyxy_px[:2])
    x1, y1 = min(round(float(xyxy_px[2])), w), min(round(float(xyxy_px[3])), h)
    wide, tall = round((x1 - x0) * scale), round((y1 - y0) * scale)
    if min(wide, tall) < LEAST_SIDE_PX or min(x1 - x0, y1 - y0) < 2:
        return None
    how = cv2.INTER_AREA if scale <= 1 else cv2.INTER_CUBIC
    grey = cv2.cvtColor(np.ascontiguousarray(rgb[y0:y1, x0:x1]), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (wide, tall), interpolation=how), np.float32)


def face_crop(rgb: npt.NDArray[np.uint8], xyxy_px: Floats) -> Grey | None:
    """Return the face at 128 px, grey; smaller where the picture's edge cuts it."""
    square = face_square(xyxy_px)
    side = float(square[2] - square[0])
    return grey_crop(rgb, square, FACE_PX / side) if side >= 2 else None


def detail_crop(rgb: npt.NDArray[np.uint8], xyxy_px: Floats) -> Grey | None:
    """Return the face at native size, but not above 256 px nor under 128, grey.

    Blur under 1 px of a 128-px face is decided by what the reduction to 128 px throws away.
    """
    square = face_square(xyxy_px)
    side = float(square[2] - square[0])
    if side < 2:
        return None
    return grey_crop(rgb, square, min(DETAIL_PX / side, max(FACE_PX / side, 1.0)))


def blurred(grey: Grey, sigma_px: float) -> Grey:
    """Return a picture after a Gaussian blur."""
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma_px), np.float32)


def bands(grey: Grey) -> tuple[Grey, Grey]:
    """Return the fine (sigma .8 to 1.6 px) and the coarse (1.6 to 3.2 px) detail of a picture."""
    a, b, c = (blurred(grey, sigma) for sigma in (0.8, 1.6, 3.2))
    return a - b, b - c


def _gradient(grey: Grey) -> tuple[Grey, Grey]:
    gx = np.asarray(cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3), np.float32)
    gy = np.asarray(cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3), np.float32)
    return gx, gy


def _tensor(gx: Grey, gy: Grey) -> Tensor:
    """Return the structure tensor Jxx, Jyy, Jxy, averaged over the picture."""
    n = gx.size
    x, y = gx.ravel(), gy.ravel()
    return float(x @ x) / n, float(y @ y) / n, float(x @ y) / n


def sharpness(grey: Grey) -> float:
    """Return S: about 0.7 for a sharp face at 128 px, 0 soft, -1.1 at blur sigma 2 px.

    S = log(T / (var + 25) + 0.02) + log(E1 / E2), with T the Tenengrad (mean squared Sobel
    gradient) and E1, E2 the energies of two difference-of-Gaussian bands. Contrast cancels out,
    and noise counts in var as much as in T.
    """
    jxx, jyy, _ = _tensor(*_gradient(grey))
    fine, coarse = bands(grey)
    tenengrad = np.log((jxx + jyy) / (float(grey.var()) + 25.0) + 0.02)
    ratio = np.log(np.mean(fine * fine) + 1e-3) - np.log(np.mean(coarse * coarse) + 1e-3)
    return float(tenengrad + ratio)


def coherence(grey: Grey) -> float:
    """Return how much all edges run one way, 0..1: high in motion blur, in stripes and in rain."""
    jxx, jyy, jxy = _tensor(*_gradient(grey))
    return float(np.sqrt((jxx - jyy) ** 2 + 4 * jxy**2) / max(jxx + jyy, 1e-6))


def face_mask(shape: tuple[int, ...]) -> Mask:
    """Return the ellipse of a face crop, 255 inside: what lies in the corners is not the face."""
    rows, cols = shape[:2]
    mask = np.zeros((rows, cols), np.uint8)
    axes = (round(cols * ELLIPSE / 2), round(rows * ELLIPSE / 2))
    cv2.ellipse(mask, (cols // 2, rows // 2), axes, 0, 0, 360, 255, -1)
    return mask


def _mean_std(values: Grey, mask: Mask) -> tuple[float, float]:
    mean, std = cv2.meanStdDev(values, mask=mask)
    return float(mean[0, 0]), float(std[0, 0])


def _ofiq(grey: Grey, mask: Mask) -> list[float]:
    """Return the 26 numbers of OFIQ's sharpness component (ISO/IEC 29794-5, BSI OFIQ)."""
    smooth = cv2.GaussianBlur(grey, (3, 3), 0)
    out: list[float] = []
    for k in OFIQ_KERNELS:
        out += _mean_std(np.abs(cv2.Laplacian(smooth, cv2.CV_32F, ksize=k)), mask)
    for k in BOX_KERNELS:
        out += _mean_std(np.abs(grey - cv2.blur(grey, (k, k))), mask)
    for k in OFIQ_KERNELS:
        out += _mean_std(np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 1, ksize=k)), mask)
    return out


def _tensor_of(picture: Grey, inside: npt.NDArray[np.bool_]) -> Tensor:
    gx, gy = _gradient(picture)
    return _tensor(gx[inside], gy[inside])


def _edge_reblur(grey: Grey, smooth: Grey, inside: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return median and 85th percentile over edges of gradient before / after a second blur.

    A step edge of blur sigma re-blurred by s loses a factor sqrt(1 + (s / sigma)^2) of its
    gradient, whatever its height (Zhuo and Sim 2011, "Defocus map estimation").
    """
    gx, gy = _gradient(grey)
    before = np.hypot(gx, gy)[inside]
    sx, sy = _gradient(smooth)
    edges = before > np.quantile(before, 0.90)
    ratio = before[edges] / (np.hypot(sx, sy)[inside][edges] + 1.0)
    if not len(ratio):
        return 1.0, 1.0
    middle, high = np.quantile(ratio, (0.5, 0.85))
    return float(middle), float(high)


def _axis_ratio(tensor: Tensor, base: Tensor) -> list[float]:
    """Return the log of the least and the greatest gradient energy relative to a base, by axis.

    These are the generalised eigenvalues of two structure tensors. Motion smears one axis only:
    its energy falls against that of the coarser base, while that of the other axis stays.
    """
    (axx, ayy, axy), (bxx, byy, bxy) = tensor, base
    bxx, byy, axx, ayy = bxx + 0.5, byy + 0.5, axx + 0.005, ayy + 0.005
    area = bxx * byy - bxy * bxy
    half_trace = (axx * byy + ayy * bxx - 2 * axy * bxy) / (2 * area)
    root = np.sqrt(max(half_trace**2 - (axx * ayy - axy * axy) / area, 0.0))
    high = half_trace + root
    # The product of both is exact; their difference would lose the digits of a small one.
    low = (axx * ayy - axy * axy) / (area * high)
    return [float(np.log(max(low, 1e-9))), float(np.log(high))]


def weak_axis_deg(grey: Grey) -> float:
    """Return the direction along which fine detail is weakest against coarse, 0 to 180 degrees.

    0 is sideways, 90 up and down, y points down. After motion it is the direction of the motion:
    a face has more edges one way than the other, so only against the coarser band of the same
    face does the direction tell.
    """
    inside = face_mask(grey.shape) > 0
    (axx, ayy, axy), (bxx, byy, bxy) = (_tensor_of(band, inside) for band in bands(grey))
    fine = np.array([[axx + 0.005, axy], [axy, ayy + 0.005]])
    coarse = np.array([[bxx + 0.5, bxy], [bxy, byy + 0.5]])
    values, vectors = np.linalg.eig(np.linalg.solve(coarse, fine))
    x, y = np.real(vectors[:, int(np.argmin(np.real(values)))])
    return float(np.degrees(np.arctan2(y, x)) % 180.0)


def _steps(grey: Grey, inside: npt.NDArray[np.bool_]) -> float:
    """Return the sum of differences of neighbours."""
    across, down = np.abs(np.diff(grey, axis=1)), np.abs(np.diff(grey, axis=0))
    return float(across[inside[:, 1:]].sum() + down[inside[1:]].sum())


def _ratios(grey: Grey, smooths: Sequence[Grey], inside: npt.NDArray[np.bool_]) -> list[float]:
    """Return nine ratios and four pairs by axis; smooths: grey blurred by .8, 1.6, 3.2, 6.4 px."""
    var = float(grey[inside].var()) + 25.0
    a, b, c, d = smooths
    wholes = (a - b, b - c, c - d)
    fine, mid, coarse = (band[inside] for band in wholes)
    e1, e2, e3 = (float(e @ e) / e.size + 1e-3 for e in (fine, mid, coarse))
    h1, h2 = (float(np.quantile(e * e, 0.9)) + 1e-3 for e in (fine, mid))
    raw, smooth = _tensor_of(grey, inside), _tensor_of(b, inside)
    jxx, jyy, jxy = raw
    least = (jxx + jyy - np.sqrt((jxx - jyy) ** 2 + 4 * jxy**2)) / 2
    by_band = [_tensor_of(band, inside) for band in wholes]
    pairs = (by_band[:2], by_band[1:], (raw, smooth), (smooth, _tensor_of(c, inside)))
    blurrier = np.asarray(cv2.blur(grey, (9, 9)), np.float32)
    noise = float(np.mean(np.abs(cv2.filter2D(grey, cv2.CV_32F, _NOISE_KERNEL))[inside]))
    return [
        float(np.log((jxx + jyy) / var + 0.02)),
        float(np.log(least / var + 0.02)),
        float(np.log(e1 / e2)),
        float(np.log(e2 / e3)),
        float(np.log(h1 / h2)),
        _steps(blurrier, inside) / (_steps(grey, inside) + 1.0),
        *_edge_reblur(grey, b, inside),
        float(np.log(noise * np.sqrt(np.pi / 2) / 6 / np.sqrt(var) + 1e-3)),
        *(value for tensor, base in pairs for value in _axis_ratio(tensor, base)),
    ]


def _native(detail: Grey) -> list[float]:
    inside = face_mask(detail.shape) > 0
    fine, coarse = (_tensor_of(band, inside) for band in bands(detail))
    return _axis_ratio(fine, coarse)


def features(grey: Grey, detail: Grey) -> npt.NDArray[np.float32]:
    """Return the regressor's input, taken inside the face's ellipse: (82,) float32, see FEATURES.

    Unlike S these see nothing of the corners, so a sharp background beside a blurred cheek does
    not count as sharp.

    Args:
        grey: face_crop. detail: detail_crop of the same face.
    """
    mask = face_mask(grey.shape)
    inside = mask > 0
    # Energies span decades; on a log scale a change of contrast is a shift.
    ofiq = np.log(np.array(_ofiq(grey, mask)) + 0.1).tolist()
    smooths = [blurred(grey, sigma) for sigma in (0.8, 1.6, 3.2, 6.4)]
    a, b, c, _ = smooths
    spectrum = spectrum_features(grey, detail, a - b, b - c, inside, (FACE_PX, DETAIL_PX))
    ratios = _ratios(grey, smooths, inside)
    return np.array(ofiq + ratios + _native(detail) + spectrum, np.float32)
