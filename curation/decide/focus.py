"""One number for focus out of the raw measures; numpy only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.float64]

# Median S of 66 sharp portraits at each blur level, S falling; beyond both ends a straight line
# goes on, so that of two sharp faces the one of higher S still wins.
_S = np.array([-5.3, -2.50, -1.85, -1.20, -0.75, -0.20, 0.40, 0.70, 2.70])
_BLUR_PX = np.array([10.8, 4.5, 3.0, 2.0, 1.5, 1.0, 0.5, 0.0, -2.5])

SHARE_OF_S = 0.2
GUARD_PX = 1.0
SHARE_OF_GAP = 0.5


def blur_of_s(s: npt.ArrayLike) -> Column:
    """Return the blur, in pixels of a 128-px face, at which S is typical; NaN stays NaN."""
    return np.asarray(np.interp(np.asarray(s, np.float64), _S, _BLUR_PX))


def combine(s: npt.ArrayLike, blur_px: npt.ArrayLike, gap: npt.ArrayLike) -> Column:
    """Return focus: 0 for a sharp face, minus the blur in pixels of a 128-px face.

    The learned blur leads, because it compares best between faces, and S has a fifth of the
    say, because it orders frames of one face best (real motion blur; bench/quality measures both).
    Where S alone tells of 1 px more blur than the blend, S less 1 px is believed. Half of `gap`
    is taken off: a background sharper than the face. Rises with s, falls with blur_px and gap;
    a little above 0 for very crisp faces.

    Args:
        s: focus_s. blur_px: focus_blur_px. gap: focus_gap. Arrays of one shape; NaN is missing.
            Without a gap nothing is taken off; one of s and blur_px is enough.

    Returns:
        float64 of that shape, NaN where both s and blur_px are missing.
    """
    by_s = blur_of_s(s)
    learned = np.asarray(blur_px, np.float64)
    by_s, learned = np.broadcast_arrays(by_s, learned)
    blend = (1 - SHARE_OF_S) * learned + SHARE_OF_S * by_s
    blur = np.where(np.isnan(learned), by_s, np.where(np.isnan(by_s), learned, blend))
    blur = np.fmax(blur, by_s - GUARD_PX)
    return np.asarray(-blur - SHARE_OF_GAP * np.nan_to_num(np.asarray(gap, np.float64)))
