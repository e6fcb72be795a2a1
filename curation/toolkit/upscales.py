"""Is the larger of two like pictures only the smaller one, enlarged?

A picture that was taken large holds detail that its reduced copy cannot; an enlarged one does not.
That detail is what the larger picture's spectrum has beyond the highest frequency of the smaller
one; it is set against the same share of the smaller one's own spectrum. Natural
pictures lose about half of their contrast with each octave, so that a true original keeps a good
part; interpolation leaves next to nothing. What an AI upscaler invents passes for detail: such
pictures are known by the `upscale` of their sidecar.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from curation.errors import CurationError

Grey = npt.NDArray[np.float32]

VERSION = "1"
LEAST_FACTOR = 1.5
"""Enlarged less than this, interpolation and detail cannot be told apart."""
ASPECT_ROOM = 0.02
LEAST_LIKENESS = 0.95
LEAST_DETAIL = 0.5
"""Detail of the larger picture times the factor, as a share of the smaller one's, under which it is
enlarged. On frames of two clips and made pictures, JPEGs of quality 80 to 95: originals twice as
large as their copies have 0.62 to 2.2, enlarged copies 0.26 to 0.5, those with hard edges 0.66 (not
recognised: the rule errs towards the larger picture)."""
MOST_PX = 1024
GUARD = 1.1
"""Just beyond the smaller one's highest frequency interpolation leaves a little."""


def is_upscale(large: Grey, small: Grey) -> bool:
    """Return whether `large` shows nothing that `small` does not; False where it cannot be told.

    Args:
        large, small: luma, (h, w) float32 of 0-255; the sizes decide nothing if they are close.
    """
    import cv2

    (h, w), (tall, wide) = large.shape, small.shape
    factor = float(np.sqrt(h * w / (tall * wide)))
    if factor < LEAST_FACTOR or abs((w / h) / (wide / tall) - 1) > ASPECT_ROOM:
        return False
    reduced = cv2.resize(large, (wide, tall), interpolation=cv2.INTER_AREA)
    if np.corrcoef(reduced.ravel(), small.ravel())[0, 1] < LEAST_LIKENESS:
        return False
    # Beyond what the smaller one can hold; and the same share of the smaller one's own spectrum.
    return _beyond(large, 1 / factor) * factor < LEAST_DETAIL * _beyond(small, 1 / factor)


def _beyond(grey: Grey, share: float) -> float:
    """Return the RMS of a picture's middle in frequencies beyond a share of the highest."""
    h, w = grey.shape
    tall, wide = min(h, MOST_PX), min(w, MOST_PX)
    top, left = (h - tall) // 2, (w - wide) // 2
    part = grey[top : top + tall, left : left + wide]
    # Without a window the jump from the right edge to the left would count as detail.
    window = np.hanning(tall)[:, None] * np.hanning(wide)[None, :]
    power = np.abs(np.fft.rfft2((part - part.mean()) * window)) ** 2
    y, x = np.abs(np.fft.fftfreq(tall))[:, None], np.fft.rfftfreq(wide)[None, :]
    outside = np.maximum(y, x) > min(0.5 * share * GUARD, 0.45)
    return float(np.sqrt(power[outside].sum() / (window**2).sum() / power.size))


def luma_of(path: Path) -> Grey:
    """Return the luma of a picture file.

    Raises:
        ImageUnreadable: saying what is wrong with it.
    """
    from curation.photos.decode import read_bytes
    from curation.toolkit.views import Views

    return Views(*read_bytes(path)).grey.astype(np.float32)


def asked(task: tuple[Path, Path]) -> bool:
    """Return `is_upscale` of two files, larger first; False for one that cannot be read."""
    try:
        return is_upscale(luma_of(task[0]), luma_of(task[1]))
    except CurationError:
        return False
