"""Which picture of a group stays: ordered rules; the first that tells decides, and by how much.

A rule that measures has a room for noise: inside it neither picture is better, and the next rule is
asked. Where no rule tells two pictures apart they are a tie, which no machine rejects; nor is one
that was made on purpose beside the other (cull.grounds).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from curation.cull import grounds
from curation.cull.grounds import one_shot, same_moment
from curation.cull.pairs import together
from curation.errors import ParamError
from curation.store.cull import Verdict

if TYPE_CHECKING:
    from curation.cull.library import Library, Photo
    from curation.decide.near import Near

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

RULES: dict[str, str] = {
    "marks": "picked by hand, or not rejected by hand",
    "stars": "of more stars",
    "edited": "edited in a photo editor, as its sidecar says",
    "reference": "in a reference folder",
    "raw": "with a RAW file",
    "original": "not enlarged from another one",
    "resolution": "of more pixels",
    "eyes": "with open eyes",
    "sharpness": "sharper",
    "clipped": "less clipped",
    "size": "of more bytes, when both are one shot",
}
"""Rules in order, and what the winner by each is. `marks` is always first."""
DEFAULT = tuple(RULES)
ROOM_PIXELS, ROOM_CLIPPED, ROOM_BYTES = 0.02, 0.03, 0.1
"""Within these (shares; of clipped a difference of shares) two pictures are alike: a RAW file's
borders, a cloud that moved, the same quality of JPEG."""
NOISE = 0.15
"""Of 30 frames of a clip that stands still the sharpest leads the softest by .14."""
FACE_NOISE = 1.6
"""By how much more the sharpness of faces swings: a smile or wide eyes make it .14 larger, motion
that is seen at once takes .2 to .36 away."""
FACE_GROWS, FACE_MOVES = 1.5, 1.5
"""Faces larger, or farther apart in face sizes, than this may be two people's."""
PROCESSED = ("sharpness", "clipped")
"""Rules by which two files of one shot differ only if one was worked on; a machine cannot tell
sharpened from sharp."""
REWORKED = ("edited", "raw", "resolution", "size")
"""Rules that tell nothing of two files of one shot if one was worked on."""
ASIDE = ("edited", "raw", "original", "resolution")
"""Rules that say nothing of what two shots show: open eyes and sharpness may speak against them."""
EYES_SHUT, EYES_OPEN = 0.5, 0.7
"""`eye_open` under which eyes are shut, as in decide.face_condition, and from which they are open;
what is between says nothing."""


@dataclass(slots=True)
class Said:
    """What people and other steps said of n pictures of a library: arrays (n,).

    Attributes:
        flag: int8: 1 picked by hand, -1 rejected by hand.
        stars: int8: 0 for none, up to 5; -1 where an editor's file says "rejected".
        eyes: float64: how open the eyes of the main face are, 0..1; NaN where it is not measured.
        subject: float64: sharpness of the main face; NaN where none is known.
        enlarged: bool: it is another one of these, enlarged.
        face: float64 (n, 4): its box, x0, y0, x1, y1 in shares of the longer side; NaN likewise.
        edits: which edit a picture's sidecars hold, by its place; see cull.edits. Others: none.
    """

    flag: npt.NDArray[np.int8]
    stars: npt.NDArray[np.int8]
    eyes: Floats
    subject: Floats
    face: Floats
    enlarged: npt.NDArray[np.bool_]
    edits: dict[int, str] = field(default_factory=dict)

    @classmethod
    def nothing(cls, n: int) -> Said:
        """Return that nobody said anything of n pictures."""
        none = np.full((n, 6), np.nan)
        return cls(
            np.zeros(n, np.int8), np.zeros(n, np.int8), none[:, 0].copy(), none[:, 1].copy(),
            none[:, 2:].copy(), np.zeros(n, np.bool_),
        )  # fmt: skip

    def edited(self, at: int) -> bool:
        """Return whether a picture is known to be edited."""
        edit = self.edits.get(at, "")
        return bool(edit) and not edit.startswith(grounds.UNREAD)

    def same_face(self, a: int, b: int) -> bool:
        """Return whether two pictures have a main face at about the same place and size."""
        one, other = self.face[a], self.face[b]
        if not (np.isfinite(one).all() and np.isfinite(other).all()):
            return False
        sizes = [float(np.sqrt((box[2] - box[0]) * (box[3] - box[1]))) for box in (one, other)]
        apart = float(np.hypot(*((one[:2] + one[2:]) - (other[:2] + other[2:])))) / 2
        return max(sizes) <= FACE_GROWS * min(sizes) and apart <= FACE_MOVES * min(sizes)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is to become of a picture beside its keeper.

    Attributes:
        rule: that decided; "" for a tie.
        margin: share by which the keeper leads by that rule; None where it is no number.
        doubt: it is a tie though a rule prefers the keeper, or before any was asked.
    """

    verdict: Verdict
    reason: str
    rule: str = ""
    margin: float | None = None
    doubt: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What one rule says of two pictures: 1 the first is better, -1 the second, 0 neither."""

    sign: int
    text: str = ""
    margin: float | None = None


SAME = Step(0)


def checked(rules: Sequence[str]) -> tuple[str, ...]:
    """Return rules as they are used: none twice, what people marked before all others.

    Raises:
        ParamError: for a rule that is none.
    """
    named = [rule.strip().lower() for rule in rules if rule.strip()]
    unknown = [rule for rule in named if rule not in RULES]
    if unknown:
        raise ParamError(f"there is no rule {unknown[0]!r}", f"known: {', '.join(RULES)}")
    return tuple(dict.fromkeys(("marks", *named)))


@dataclass
class Judge:
    """Puts the pictures of a library in order, and says of two why one is better.

    Args:
        said: what people said of them.
        rules: see `checked`.
        noise: share that sharpness must lead by to be more than noise.
        across_time: shots taken more than an hour apart may be rejected for each other.
    """

    library: Library
    said: Said
    rules: Sequence[str] = DEFAULT
    noise: float = NOISE
    across_time: bool = False
    _raw: list[bool] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        """Note which pictures have a RAW file."""
        self._raw = [photo.has_raw for photo in self.library.photos]

    def order(self, near: Near | None = None) -> Ints:
        """Return (n,) positions, best first; it does not hang on the order of the library.

        Numbers count in steps as wide as their noise, so that a later rule is heard where an
        earlier one only seems to tell. Where most of those that hang together have a face, the
        sharpness of faces counts, and who has none comes last; else that of the whole pictures.

        Args:
            near: pairs that are to be set beside each other.
        """
        photos, prints = self.library.photos, self.library.prints
        paths = sorted(range(len(photos)), key=lambda i: photos[i].path.as_posix())
        place = np.empty(len(photos), np.int64)
        place[paths] = np.arange(len(photos))
        pixels = np.array([p.width * p.height for p in photos], np.float64)
        sizes = np.array([p.size_bytes for p in photos], np.float64)
        sharp = self._sharp_key(near)
        by_rule: dict[str, npt.NDArray[Any]] = {
            "marks": -self.said.flag,
            "stars": -self.said.stars,
            "edited": ~np.array([self.said.edited(i) for i in range(len(photos))], np.bool_),
            "reference": ~np.array([p.reference for p in photos], np.bool_),
            "raw": ~np.array(self._raw, np.bool_),
            "original": self.said.enlarged,
            "resolution": -_steps(pixels, ROOM_PIXELS),
            "eyes": self.said.eyes < EYES_SHUT,
            "sharpness": -_steps(sharp, self.noise),
            "clipped": np.floor(_number(prints.clipped_frac) / ROOM_CLIPPED),
            "size": -sizes,
        }
        taken = np.array([_time(p) for p in photos], np.float64)
        last = [-sharp, taken, place]  # what is within noise still has an order
        return np.lexsort([*last[::-1], *[by_rule[r] for r in self.rules][::-1]]).astype(np.int64)

    def ruling(self, best: int, other: int, *, exact: bool = False) -> Ruling:
        """Return what becomes of a picture beside its keeper.

        Args:
            best, other: positions in the library; the keeper comes first in `order`.
            exact: both are the same picture: then only an edit of it makes a tie.
        """
        photo = self.library.photos[other]
        if photo.reference:
            return Ruling("keep", "it is in a reference folder, which nothing is taken from")
        if self.said.flag[other] > 0:
            return Ruling("keep", "picked by hand", "marks")
        if self.said.flag[other] < 0:
            return Ruling("reject", "rejected by hand", "marks")
        doubt = self._apart(best, other, exact)
        if doubt:
            return Ruling("tie", doubt, doubt=True)
        for rule in self.rules:
            step = self._step(rule, best, other)
            if step.sign > 0:
                doubt = "" if exact else self._doubt(rule, step, best, other)
                if doubt:
                    return Ruling("tie", doubt, "", step.margin, True)
                return Ruling("reject", f"the keeper is {step.text}", rule, step.margin)
            if step.sign < 0 and not exact:
                return Ruling("tie", f"it may be the better one: {step.text}", "", step.margin)
        if exact:
            same = self.library.photos[best].content == photo.content
            what = "the same bytes" if same else "the same picture with other metadata"
            return Ruling("reject", f"{what}; the keeper is the earlier, or first by name")
        return Ruling("tie", self._tie(best, other), "", self._margin(best, other))

    def _apart(self, best: int, other: int, exact: bool) -> str:
        """Return why no rule may reject a picture beside its keeper; "" when they may."""
        edits = self.said.edits
        lost = grounds.edit_lost(edits.get(best, ""), edits.get(other, ""))
        if lost or exact:
            return lost
        one, two = self.library.photos[best], self.library.photos[other]
        why = grounds.bracket(one.capture, two.capture)
        return why or ("" if self.across_time else grounds.another_day(one, two))

    def _doubt(self, rule: str, step: Step, best: int, other: int) -> str:
        """Return why a rule that prefers the keeper is not enough; "" when it is."""
        one, two = self.library.photos[best], self.library.photos[other]
        if same_moment(one, two):
            if rule in PROCESSED:
                return f"the same shot, processed in another way: the keeper is {step.text}"
            if rule in REWORKED and grounds.reworked(self.library, best, other):
                return f"another processing of one shot: the keeper is {step.text}"
        if rule in ASIDE and not one_shot(one, two):
            for against in ("eyes", "sharpness"):
                said = self._step(against, best, other)
                if against in self.rules and said.sign < 0:
                    return f"the keeper is {step.text}, but it is {said.text}"
            m, n = _number(self.library.prints.sharp[[best, other]]).tolist()
            if "sharpness" in self.rules and m < n * (1 - self.noise):
                whole = f"sharper as a whole: {n:.1f} over {m:.1f}"
                return f"the keeper is {step.text}, but it is {whole}"
        if rule == "sharpness" and not self.said.same_face(best, other):
            tiles = self.library.prints.tiles
            return grounds.sharper_elsewhere(tiles[best], tiles[other], self.noise)
        return ""

    def _sharp_key(self, near: Near | None) -> Floats:
        """Return numbers whose order is that of sharpness within what hangs together."""
        n = len(self.library.photos)
        faces = np.isfinite(self.said.subject)
        component = together(n, near.one, near.other) if near is not None else np.arange(n)
        sizes = np.bincount(component, minlength=n)
        share = np.bincount(component, faces, n) / np.maximum(sizes, 1)
        by_face = (share > 0.5)[component]
        faceless = np.where(faces, self.said.subject, 0.0)
        return np.where(by_face, faceless, _number(self.library.prints.sharp))

    # -- one rule ---------------------------------------------------------------------------------

    def _step(self, rule: str, a: int, b: int) -> Step:
        one, other = self.library.photos[a], self.library.photos[b]
        if rule == "marks":
            sign = _sign(float(self.said.flag[a]) - float(self.said.flag[b]))
            return Step(sign, "picked by hand" if sign > 0 else "the other is rejected by hand")
        if rule == "stars":
            m, n = int(self.said.stars[a]), int(self.said.stars[b])
            return Step(_sign(m - n), f"of more stars: {max(m, n)} over {min(m, n)}")
        if rule == "edited":
            return Step(
                int(self.said.edited(a)) - int(self.said.edited(b)), "edited in a photo editor"
            )
        if rule == "reference":
            return Step(int(one.reference) - int(other.reference), "in a reference folder")
        if rule == "raw":
            return Step(int(self._raw[a]) - int(self._raw[b]), "with a RAW file")
        if rule == "original":
            sign = int(self.said.enlarged[b]) - int(self.said.enlarged[a])
            return Step(sign, "the original: the other is enlarged" if sign > 0 else "the original")
        if rule == "resolution":
            big, small = (one, other) if _area(one) >= _area(other) else (other, one)
            return _led(
                _area(one), _area(other), ROOM_PIXELS,
                f"of more pixels: {big.width} x {big.height} over {small.width} x {small.height}",
            )  # fmt: skip
        if rule == "eyes":
            return self._eyes(a, b)
        if rule == "sharpness":
            sharp = self._sharp(a, b)
            where = self._of_face(a, b).replace(" of", " in")
            text = f"sharper{where}: {max(sharp):.1f} over {min(sharp):.1f}"
            return _led(*sharp, self._room(a, b), text, True)
        if rule == "clipped":
            return self._clipped(a, b)
        if not one_shot(one, other):
            return SAME  # of two shots, the one with more bytes may only be the noisier one
        sizes = one.size_bytes, other.size_bytes
        return _led(*sizes, ROOM_BYTES, f"of more bytes: {max(sizes):,} over {min(sizes):,}")

    def _eyes(self, a: int, b: int) -> Step:
        m, n = float(self.said.eyes[a]), float(self.said.eyes[b])
        faces = np.isfinite(self.said.face[[a, b]]).all()
        if not (min(m, n) < EYES_SHUT and max(m, n) >= EYES_OPEN):
            return SAME  # NaN is neither
        if faces and not self.said.same_face(a, b):
            return SAME  # of another person
        text = f"with open eyes: {max(m, n):.2f}, not {min(m, n):.2f}"
        return Step(_sign(m - n), text, abs(m - n))

    def _clipped(self, a: int, b: int) -> Step:
        m, n = _number(self.library.prints.clipped_frac[[a, b]]).tolist()
        if abs(m - n) <= ROOM_CLIPPED:
            return SAME
        text = f"less clipped: {min(m, n):.1%} of its pixels, not {max(m, n):.1%}"
        return Step(_sign(n - m), text, abs(m - n))

    def _sharp(self, a: int, b: int) -> tuple[float, float]:
        """Return both by their faces where both show the same one, else as a whole."""
        if self.said.same_face(a, b):
            return float(self.said.subject[a]), float(self.said.subject[b])
        sharp = _number(self.library.prints.sharp[[a, b]])
        return float(sharp[0]), float(sharp[1])

    def _margin(self, a: int, b: int) -> float:
        m, n = self._sharp(a, b)
        return 1 - min(m, n) / max(m, n) if max(m, n) > 0 else 0.0

    def _tie(self, a: int, b: int) -> str:
        m, n = self._sharp(a, b)
        return (
            f"as good as the keeper: sharpness{self._of_face(a, b)} {n:.1f} and {m:.1f}, "
            f"{self._margin(a, b):.0%} <= {self._room(a, b):.0%}"
        )

    def _of_face(self, a: int, b: int) -> str:
        return " of the face" if self.said.same_face(a, b) else ""

    def _room(self, a: int, b: int) -> float:
        return min(0.9, self.noise * (FACE_NOISE if self.said.same_face(a, b) else 1))


def _led(a: float, b: float, room: float, text: str, told: bool = False) -> Step:
    """Return who leads by more than a share of the larger number."""
    top = max(a, b)
    margin = 1 - min(a, b) / top if top > 0 else 0.0
    if margin <= room:
        return SAME
    return Step(_sign(a - b), f"{text}, {margin:.0%} > {room:.0%}" if told else text, margin)


def _sign(number: float) -> int:
    return int(number > 0) - int(number < 0)


def _area(photo: Photo) -> int:
    return photo.width * photo.height


def _time(photo: Photo) -> float:
    return math.inf if photo.capture.taken_s is None else photo.capture.taken_s


def _number(values: npt.NDArray[Any]) -> Floats:
    """Return floats, 0 where there is none."""
    return np.nan_to_num(values.astype(np.float64), nan=0.0)


def _steps(values: Floats, room: float) -> Floats:
    """Return which step of width `room` (a share) each number is on."""
    return np.floor(np.log(np.maximum(_number(values), 1e-6)) / -math.log(1 - room))
