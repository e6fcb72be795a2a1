"""High dynamic range to BT.709 pictures: light, roll-off, gamut, code values.

The chain is display-referred. PQ code values become light by the EOTF of SMPTE ST 2084; HLG by the
inverse OETF and the OOTF (gamma 1.2) of a 1000 cd/m2 display, both in ITU-R BT.2100. Light is
rolled off on the largest of R, G, B, which keeps hue, by the Hermite spline of ITU-R BT.2390
section 5.4, from the brightest light of the source to 203 cd/m2, the reference white of ITU-R
BT.2408. PQ files tell that light (MaxCLL, else the mastering display's peak); where they do not,
and for HLG, it is 1000 cd/m2: then light up to 90 cd/m2 passes unchanged, so faces and mid-greys
match the SDR grade. BT.2020 is then turned
into BT.709 (ITU-R BT.2087) and coded by the inverse of the BT.1886 EOTF (gamma 2.4), as SDR video
is.
"""

from __future__ import annotations

from functools import cache, lru_cache

import cv2
import numpy as np
import numpy.typing as npt

Rgb = npt.NDArray[np.uint8]
Light = npt.NDArray[np.float32]

PEAK_NITS, WHITE_NITS = 1000.0, 203.0
BITS = 12
ROWS = 64

BT2020_TO_709 = np.array(
    [
        [1.660491, -0.587641, -0.072850],
        [-0.124550, 1.132900, -0.008349],
        [-0.018151, -0.100579, 1.118730],
    ],
    np.float32,
)
HLG_LUMA = np.array([[0.2627, 0.6780, 0.0593]], np.float32)


def pq_to_nits(signal: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the light in cd/m2 of PQ signal values in 0..1 (ST 2084 EOTF)."""
    p = np.power(np.clip(signal, 0, 1), 32 / 2523)
    ratio = np.maximum(p - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * p)
    return np.asarray(10000.0 * np.power(ratio, 16384 / 2610))


def nits_to_pq(nits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the PQ signal in 0..1 of light in cd/m2 (inverse of the ST 2084 EOTF)."""
    y = np.power(np.clip(nits, 0, 10000) / 10000.0, 2610 / 16384)
    return np.asarray(np.power((3424 / 4096 + 2413 / 128 * y) / (1 + 2392 / 128 * y), 2523 / 32))


def hlg_to_scene(signal: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return scene light in 0..1 of HLG signal values in 0..1 (BT.2100 inverse OETF)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    low = signal * signal / 3
    return np.asarray(np.where(signal <= 0.5, low, (np.exp((signal - c) / a) + b) / 12))


def roll_off(
    nits: npt.NDArray[np.float64], peak_nits: float = PEAK_NITS
) -> npt.NDArray[np.float64]:
    """Return the light in cd/m2 that the BT.2390 EETF shows for light of a source of some peak."""
    if peak_nits <= WHITE_NITS:
        return np.minimum(nits, WHITE_NITS)
    source = float(nits_to_pq(np.array(peak_nits)))
    top = float(nits_to_pq(np.array(WHITE_NITS))) / source
    knee = 1.5 * top - 0.5
    e = np.minimum(nits_to_pq(nits) / source, 1.0)
    t = np.clip((e - knee) / (1 - knee), 0, 1)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * top
    )
    return pq_to_nits(np.where(e < knee, e, spline) * source)


def to_sdr(code: npt.NDArray[np.uint16], kind: str, peak_nits: float = PEAK_NITS) -> Rgb:
    """Return the BT.709 picture of a BT.2020 one.

    Args:
        code: (h, w, 3) uint16 R'G'B' over the full 16-bit range.
        kind: "pq", "hlg", or "" for BT.2020 with an SDR transfer, where only the gamut changes.
        peak_nits: brightest light of a PQ picture, in cd/m2.
    """
    peak_nits = PEAK_NITS if kind == "hlg" else peak_nits
    out = np.empty(code.shape, np.uint8)
    # A few rows at a time: the float planes of a 4K picture would be 100 MB each.
    for top in range(0, len(code), ROWS):
        out[top : top + ROWS] = _strip(code[top : top + ROWS], kind, peak_nits)
    return out


def _strip(code: npt.NDArray[np.uint16], kind: str, peak_nits: float) -> Rgb:
    """Map some rows. OpenCV where numpy is slow: sums and maxima over three neighbours."""
    light = np.take(_decode_table(kind), code >> (16 - BITS))  # 1.0 is reference white
    if kind == "hlg":
        luma = np.maximum(cv2.transform(light, HLG_LUMA), np.float32(1e-6))
        light *= (cv2.pow(luma, 0.2) * np.float32(PEAK_NITS / WHITE_NITS))[..., None]
    if kind:
        red, green, blue = cv2.split(light)
        top = cv2.sqrt(cv2.max(cv2.max(red, green), blue) * np.float32(WHITE_NITS / peak_nits))
        gain = _gain_table(peak_nits)
        at = np.minimum(top * np.float32(len(gain) - 1), len(gain) - 1).astype(np.intp)
        light *= np.take(gain, at)[..., None]
    light = np.clip(cv2.transform(light, BT2020_TO_709), 0, 1)
    codes = _encode_table()
    at = (cv2.sqrt(light) * np.float32(len(codes) - 1) + np.float32(0.5)).astype(np.intp)
    return np.asarray(np.take(codes, at))


@cache
def _decode_table(kind: str) -> Light:
    """Return linear light for every code value; HLG's is scene light in 0..1."""
    signal = np.arange(1 << BITS) / ((1 << BITS) - 1)
    if kind == "pq":
        return (np.minimum(pq_to_nits(signal), 10000.0) / WHITE_NITS).astype(np.float32)
    if kind == "hlg":
        return hlg_to_scene(signal).astype(np.float32)
    return np.asarray(signal**2.4, np.float32)


@lru_cache(maxsize=8)
def _gain_table(peak_nits: float) -> Light:
    """Return what light of a given maximum is multiplied by, over the root of its share of peak."""
    nits = (np.arange(4096) / 4095) ** 2 * peak_nits
    gain = roll_off(np.maximum(nits, 1e-4), peak_nits) / np.maximum(nits, 1e-4)
    return gain.astype(np.float32)


@cache
def _encode_table() -> Rgb:
    """Return the 8-bit code of linear light, over its square root."""
    light = (np.arange(8192) / 8191) ** 2
    return np.asarray(np.round(255 * light ** (1 / 2.4)), np.uint8)
