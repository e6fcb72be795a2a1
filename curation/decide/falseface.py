"""One verdict on each face: how it looks, whether it lives over time, what a person said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curation.decide import flatness
from curation.decide.area import picture_of
from curation.decide.columns import Bools, Columns, Floats, Ints, Objects

if TYPE_CHECKING:
    from curation.params import TrackParams

ANIMATED_SHARE = 0.5
"""Share of drawn and rendered faces that move like living ones: cartoons and games talk."""
NO_MESH_LOGIT = 1.0
"""What it counts that the landmark model finds no face: 3 % of real faces lack a mesh."""
MARKED_LOGIT = 7.0
"""What a person's mark counts: more than all measures together can say."""
LIMIT = 12.0
FLAT_WORDS = "flat: moves as a plane"
STILL_WORDS = "rigid: eyes and mouth never move"
NO_MESH_WORDS = "no face for the landmark model"
MARKED_WORDS = {True: "marked as false", False: "marked as real"}


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether the main face of each of n frames is a real person's.

    Attributes:
        p: (n,) probability that it is not, the same for all frames of a track; NaN where nothing
            is known.
        cue: (n,) object, what speaks loudest for "false" in words; None where p is NaN.
        p_still: (n,) probability by eyes and mouth over time alone; NaN where time has no vote.
        p_flat: (n,) probability by the motion as a plane alone; NaN where time has no vote.
    """

    p: Floats
    cue: Objects
    p_still: Floats
    p_flat: Floats


def judge(columns: Columns, track: Ints, params: TrackParams) -> Judged:
    """Judge each track as a whole: the median look of its frames, and what time says.

    A face is false in two ways, whose odds add up. Drawn or made, by the median look of its
    frames; time counts half, because drawings can be animated. Or a photograph of a real face,
    which look cannot tell: `poster_share` to begin with, times the evidence of time. Without
    frames enough time says nothing. A track without a mesh is a little more likely to be false.
    Frames outside tracks are judged alone. A mark of a person decides about the whole track; of
    marks that differ, the majority, then "false".

    Args:
        track: (n,) int64 of tracks.follow, -1 for none.
    """
    time = flatness.evidence(columns, track)
    # Frames outside tracks are tracks of their own here.
    unit = np.where(track >= 0, track, track.max(initial=-1) + 1 + np.arange(columns.n))
    _, unit = np.unique(unit, return_inverse=True)
    look = _medians(looks(columns), unit)
    absent = np.nan_to_num(_averages(_meshless(columns), unit))
    vote = _of_track(time.logit, track)
    marks = _averages(columns.floats("false_mark"), unit)
    known = np.isfinite(look) | np.isfinite(vote) | np.isfinite(marks)
    drawn, photographed = odds(look + NO_MESH_LOGIT * absent, vote, params.poster_share)
    marked = np.where(marks >= 0.5, MARKED_LOGIT, -MARKED_LOGIT)
    total = np.where(np.isfinite(marks), marked, np.log(drawn + photographed + 1e-9))
    p = np.where(known, _probability(total), np.nan)
    still, flat = _of_track(time.still, track), _of_track(time.flat, track)
    voted = np.isfinite(vote)
    return Judged(
        p,
        _cues(columns, known, drawn < photographed, flat >= still, look, marks),
        np.where(voted, _probability(still), np.nan),
        np.where(voted, _probability(flat), np.nan),
    )


def looks(columns: Columns) -> Floats:
    """Return (n,) log-odds of a false face by look: false_logit, else those of false_p."""
    own = columns.floats("false_logit")
    p = np.clip(columns.floats("false_p"), 1e-4, 1 - 1e-4)
    return np.clip(np.where(np.isfinite(own), own, np.log(p / (1 - p))), -LIMIT, LIMIT)


def _meshless(columns: Columns) -> Floats:
    """Return (n,) 1 where the landmark model found no face, 0 where it did.

    NaN where the edge explains it: with a quarter of a real face cut off there is no mesh.
    """
    mesh = columns.floats("mesh")
    picture = picture_of(columns)
    with np.errstate(invalid="ignore"):
        cut = columns.floats("face_x0") <= picture.left + 1
        cut |= columns.floats("face_y0") <= picture.top + 1
        cut |= columns.floats("face_x1") >= picture.right - 1
        cut |= columns.floats("face_y1") >= picture.bottom - 1
    return np.where(np.isfinite(mesh) & ~(cut & (mesh == 0)), mesh == 0, np.nan)


def odds(look: Floats, vote: Floats, share: float) -> tuple[Floats, Floats]:
    """Return (n,) odds of a drawn face and of a photographed one against a living one."""
    ratio = np.exp(np.where(np.isfinite(vote), vote, 0.0))
    drawn = np.where(np.isfinite(look), np.exp(look), 0.0)
    drawn *= ANIMATED_SHARE + (1 - ANIMATED_SHARE) * ratio
    photographed = np.where(np.isfinite(vote), share / max(1 - share, 1e-9) * ratio, 0.0)
    return drawn, photographed


def _cues(
    columns: Columns, known: Bools, by_time: Bools, flat: Bools, look: Floats, marks: Floats
) -> Objects:
    """Return (n,) the words of the strongest cue of each frame."""
    words = columns.objects("false_cue").copy()
    words[_meshless(columns) == 1] = NO_MESH_WORDS
    seen = np.isfinite(look) & columns.present("false_cue")
    words[seen] = columns.objects("false_cue")[seen]
    words[by_time] = np.where(flat, FLAT_WORDS, STILL_WORDS)[by_time]
    words[marks >= 0.5] = MARKED_WORDS[True]
    words[marks < 0.5] = MARKED_WORDS[False]
    words[~known] = None
    return words


def _of_track(values: Floats, track: Ints) -> Floats:
    """Return (n,) the value of each frame's track, NaN outside tracks."""
    return np.append(values, np.nan)[track]


def _averages(values: Floats, unit: Ints) -> Floats:
    """Return (n,) the mean of the finite values of each frame's unit, NaN where there is none."""
    fine = np.isfinite(values)
    count = np.bincount(unit, fine)
    total = np.bincount(unit, np.where(fine, values, 0.0))
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan)[unit])


def _medians(values: Floats, unit: Ints) -> Floats:
    """Return (n,) the median of the finite values of each frame's unit, NaN without any."""
    rows = np.flatnonzero(np.isfinite(values))
    rows = rows[np.lexsort((values[rows], unit[rows]))]
    middle = np.full(int(unit.max(initial=-1)) + 1, np.nan)
    numbers, start, size = np.unique(unit[rows], return_index=True, return_counts=True)
    low, high = rows[start + (size - 1) // 2], rows[start + size // 2]
    middle[numbers] = (values[low] + values[high]) / 2
    return middle[unit]


def _probability(logit: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-logit)))
