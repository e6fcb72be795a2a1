"""Grounds for leaving two like pictures to a person, whatever the rules prefer.

A picture that was made on purpose beside another one is no worse copy of it: another exposure of a
bracket, another layer of a focus stack, another processing of one shot, another day. No measure
here is certain, so each only ever turns "reject" into "tie".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from curation.photos.capture import COPY, EXIF, Capture

if TYPE_CHECKING:
    from curation.cull.library import Library, Photo

UNREAD = "?"
"""What the edit of a picture begins with whose sidecar cannot be read."""
BRACKET_S = 10.0
"""Longest pause between shots of one bracket, beside the longer exposure itself."""
LEAST_EV, LEAST_RATIO = 0.1, 2 ** (1 / 6)
"""Exposures that differ by less than this (steps of a camera are 1/3 EV) do not differ."""
APART_S = 3600.0
"""A view that is seen again after more than this is another picture."""
STRUCTURE = 0.25
"""Share of the sharpest neighbourhood of both pictures above which one has something to see."""
ELSEWHERE = 0.05
"""Share of the neighbourhoods with structure in which the softer picture must lead: so of 113 pairs
of frames of clips (1.6 s, the softer one by .15 and more) and of 600 that were blurred and moved by
up to 40 px none is a stack, and 22 of 23 with one half blurred and the other are."""
ALIKE_BITS, ALIKE_LUMA, ALIKE_CLIPPED, ALIKE_CHROMA = 2, 3.0, 0.02, 4.0
"""Between a picture and its reduced or recompressed copy: bits of 64, levels of 255, a share."""
ASPECT_ROOM = 0.02
EDITED_NAME = re.compile(r"[-_ ](?:edit|edited|bearbeitet|retouched)(?:[-_ ]?\d+)?$", re.I)
EDITED_IPHONE = re.compile(r"^IMG_E(?=\d)", re.I)


def one_shot(one: Photo, other: Photo) -> bool:
    """Return whether nothing says that two pictures were taken at two moments."""
    a, b = one.capture, other.capture
    if a.source == b.source == EXIF and a.taken_s is not None and b.taken_s is not None:
        # Whole hours apart and only one of the two knows its offset: the same clock.
        apart = abs(a.taken_s - b.taken_s)
        if apart > 0.001 and not (a.utc != b.utc and apart % 900 < 0.001):
            return False
    same_series = (one.path.parent, a.prefix) == (other.path.parent, b.prefix)
    return not (same_series and a.number is not None and a.number != b.number)


def same_moment(one: Photo, other: Photo) -> bool:
    """Return whether the camera's own words, or a name as of an edit, say they are one shot."""
    a, b = one.capture, other.capture
    if not one_shot(one, other):
        return False
    if _name(one) != _name(other) and _base(one) == _base(other):
        return True
    if not (a.source == b.source == EXIF and a.camera == b.camera and a.taken_s is not None):
        return False
    # Whole seconds are no proof: a camera takes many pictures in one.
    return (a.subsec and b.subsec) or (a.number is not None and a.number == b.number)


def reworked(library: Library, best: int, other: int) -> bool:
    """Return whether two files of one shot differ by more than their size and compression.

    A copy is plain when it shows the same in the same tones and is smaller, or bears the same name.
    """
    one, two = library.photos[best], library.photos[other]
    prints, at = library.prints, [best, other]
    plain = (
        int(np.bitwise_count(prints.phash[best] ^ prints.phash[other])) <= ALIKE_BITS
        and abs(float(np.diff(prints.luma_mean[at])[0])) <= ALIKE_LUMA
        and abs(float(np.diff(prints.clipped_frac[at])[0])) <= ALIKE_CLIPPED
        and abs(float(np.diff(prints.chroma[at])[0])) <= ALIKE_CHROMA
        and abs(one.width * two.height / (two.width * one.height) - 1) <= ASPECT_ROOM
    )
    smaller = two.width * two.height < one.width * one.height
    return not (plain and (smaller or _name(one) == _name(two)))


def edit_lost(keeper: str, loser: str) -> str:
    """Return what would be lost of an editor's work; "" when nothing is.

    Args:
        keeper, loser: which edit each has: "" for none; see cull.edits.
    """
    if not loser or loser == keeper:
        return ""
    if loser.startswith(UNREAD):
        return "its sidecar cannot be read: an edit may be in it"
    if keeper and not keeper.startswith(UNREAD):
        return "both are edited, each in its own way"
    return "it is edited in a photo editor, the keeper is not"


def bracket(one: Capture, other: Capture) -> str:
    """Return why two pictures are of one exposure bracket; "" when they are not."""
    if one.camera != other.camera:
        return ""
    apart = apart_s(one, other)
    times = one.exposure_s or 0.0, other.exposure_s or 0.0
    if apart is not None and apart > BRACKET_S + max(times):
        return ""
    said = "a bracket: exposures differ on purpose"
    a, b = one.bias_ev, other.bias_ev
    if a is not None and b is not None and abs(a - b) >= LEAST_EV:
        return f"{said}, {a:+.1f} and {b:+.1f} EV"
    if (one.bracket or other.bracket) and max(times) > min(times) * LEAST_RATIO > 0:
        return f"{said}, {times[0]:.4g} and {times[1]:.4g} s"
    return ""


def apart_s(one: Capture, other: Capture) -> float | None:
    """Return the seconds between two pictures by their EXIF; None when it does not say."""
    if not one.source == other.source == EXIF:
        return None
    # Only clocks that both know their offset are set beside each other as UTC.
    both = one.utc and other.utc
    a, b = (one.taken_s, other.taken_s) if both else (one.clock_s, other.clock_s)
    return None if a is None or b is None else abs(a - b)


def another_day(one: Photo, other: Photo) -> str:
    """Return how long after each other two shots were taken if that is long; else ""."""
    apart = apart_s(one.capture, other.capture)
    if apart is None or apart <= APART_S or one_shot(one, other):
        return ""
    days, hours = round(apart / 86400), round(apart / 3600)
    if hours < 24:
        return f"taken {hours} hour{'s' * (hours > 1)} apart"
    return f"taken {days} day{'s' * (days > 1)} apart"


def sharper_elsewhere(
    keeper: npt.NDArray[np.float32], loser: npt.NDArray[np.float32], noise: float
) -> str:
    """Return where the picture that is softer as a whole leads; "" when it does nowhere.

    Each tile counts with the eight around it, and must lead over those beside it too: what moved
    a little between two shots is no lead. A frame that is softer everywhere leads nowhere.

    Args:
        keeper, loser: (64,) sharpness of 8 x 8 tiles, row by row.
        noise: share that it must lead by.
    """
    one, other = _neighbourhoods(keeper), _neighbourhoods(loser)
    top = np.maximum(one, other)
    seen = top >= STRUCTURE * top.max()
    around = _blocks(one).max(axis=0)
    ahead = int((seen & (other * (1 - noise) > around)).sum())
    tiles = int(seen.sum())
    if top.max() <= 0 or ahead <= ELSEWHERE * tiles:
        return ""
    return f"sharper in another place: it leads in {ahead} of {tiles} parts of the picture"


def _neighbourhoods(tiles: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the root mean square of each tile and those around it."""
    side = int(np.sqrt(len(tiles)))
    squares = np.nan_to_num(tiles.astype(np.float64)).reshape(side, side) ** 2
    return np.asarray(np.sqrt(_blocks(squares).mean(axis=0)), np.float64)


def _blocks(table: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return each number of a (side, side) table and the eight around it: (9, side, side)."""
    padded, side = np.pad(table, 1, mode="edge"), len(table)
    return np.stack([padded[y : y + side, x : x + side] for y in range(3) for x in range(3)])


def _name(photo: Photo) -> str:
    return COPY.sub("", photo.path.stem).casefold()


def _base(photo: Photo) -> str:
    """Return a file's name without what says that it is an edit."""
    return EDITED_NAME.sub("", EDITED_IPHONE.sub("IMG_", COPY.sub("", photo.path.stem))).casefold()
