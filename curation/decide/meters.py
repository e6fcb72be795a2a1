"""Which measure each threshold with a slider is held against: one list for all pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from curation.decide.face_condition import CONDITIONS, in_words

if TYPE_CHECKING:
    from curation.params import GateParams

BODIES = ("upper_body", "full_body")
EVERY = ("face", *BODIES)


@dataclass(frozen=True, slots=True)
class Meter:
    """A threshold and the measure that it is held against.

    Attributes:
        param: name of the tunable.
        source: column, or part of a decision; see `column`.
        title: of the measure, for people.
        least: whether values under the threshold fail; else values above it.
        pools: pools that it decides about; empty for all frames.
        magnitude: whether the sign of the measure is left out.
        strict: whether the threshold itself fails.
        sized: whether only faces of `min_face_px` and more are held against it.
    """

    param: str
    source: str
    title: str
    least: bool
    pools: tuple[str, ...] = EVERY
    magnitude: bool = False
    strict: bool = False
    sized: bool = False

    def column(self, params: GateParams) -> str:
        """Return the name of the measure, which other settings may choose."""
        return self.source.format(pose_area_of=params.pose_area_of)


METERS = (
    Meter("pose_area", "pose_area_{pose_area_of}", "Pose area", True, BODIES),
    Meter("min_focus", "face_focus", "Focus of the face", True, sized=True),
    Meter("max_focus_gap", "focus_gap", "Background sharper than the face by", False, sized=True),
    Meter("min_face_px", "focus_px", "Face, short side in px", True),
    Meter("false_face", "false_p", "Probability of a false face", False, strict=True),
    *(
        Meter(one.param, one.column, one.title, one.least, magnitude=one.magnitude, sized=True)
        for one in CONDITIONS
        if one.param != "max_face_luma"  # brightness has one slider, of its lower limit
    ),
    Meter("second_person", "other_height_ratio", "Presence of another person", False, (),
          strict=True),
    Meter("min_brightness", "luma_mean", "Brightness", True, ()),
)
NAMES = {meter.param: in_words(meter.title) for meter in METERS}
"""What is said of the measure of a threshold."""
