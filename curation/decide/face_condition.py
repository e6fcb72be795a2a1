"""What the face does and how it is lit: eyes, mouth, smile, turn of the head, light, the edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curation.decide.columns import Bools, Columns, Floats
from curation.decide.gates import face_px
from curation.decide.ledger import Ledger

if TYPE_CHECKING:
    from curation.params import RankParams


def in_words(title: str) -> str:
    """Return a title as it reads inside a sentence."""
    return title[:1].lower() + title[1:]


@dataclass(frozen=True, slots=True)
class Condition:
    """One measure of a face and the tunable that it is held against.

    Attributes:
        code: the reason that closes a frame; see reasons.REASONS.
        column: the stored measure.
        param: name of the tunable.
        title: of the measure, for people.
        least: whether values under the limit fail; else values above it.
        magnitude: whether the sign is left out (a turn to either side).
    """

    code: str
    column: str
    param: str
    title: str
    least: bool
    magnitude: bool = False

    @property
    def name(self) -> str:
        """The title inside a sentence."""
        return in_words(self.title)


CONDITIONS = (
    Condition("face_cut", "face_inside", "min_face_inside", "Share of the face in the picture",
              least=True),
    Condition("eyes_shut", "eye_open", "min_eye_open", "Eyes open", least=True),
    Condition("mouth_open", "mouth_open", "max_mouth_open", "Mouth open", least=False),
    Condition("no_smile", "smile", "min_smile", "Smile", least=True),
    Condition("turned_away", "yaw_deg", "max_yaw", "Turn of the head in degrees",
              least=False, magnitude=True),
    Condition("head_up_or_down", "pitch_deg", "max_pitch", "Head up or down in degrees",
              least=False, magnitude=True),
    Condition("head_tilted", "roll_deg", "max_roll", "Tilt of the head in degrees",
              least=False, magnitude=True),
    Condition("face_dark", "face_luma", "min_face_luma", "Brightness of the face", least=True),
    Condition("face_bright", "face_luma", "max_face_luma", "Brightness of the face", least=False),
    Condition("face_blown", "face_clip_high", "max_face_blown",
              "Share of the face that is blown out", least=False),
    Condition("face_uneven", "face_evenness", "min_face_evenness",
              "Evenness of the light on the face", least=True),
)


def measured(columns: Columns, condition: Condition) -> Floats:
    """Return (n,) the values that a condition is about; NaN where unknown."""
    values = columns.floats(condition.column)
    return np.abs(values) if condition.magnitude else values


def judged(columns: Columns, params: RankParams) -> Bools:
    """Where the face is large enough for such measures to mean something."""
    return np.asarray(face_px(columns) >= params.min_face_px)


def close_faces(columns: Columns, params: RankParams, ledger: Ledger) -> None:
    """Reject frames whose face is large enough to judge and fails a condition; NaN passes."""
    large = judged(columns, params)
    for condition in CONDITIONS:
        values, limit = measured(columns, condition), float(getattr(params, condition.param))
        failed = values < limit if condition.least else values > limit
        ledger.close(np.asarray(large & failed), condition.code, value=values, limit=limit)
