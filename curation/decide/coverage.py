"""What a picked set holds, and what it lacks although or because of what was filmed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from curation.decide.columns import AnyArray, Bools, Columns, Floats
from curation.decide.reasons import ORDER
from curation.decide.who import listed, wanted

if TYPE_CHECKING:
    from curation.decide.pipeline import Decisions

UNUSABLE = frozenset({
    "black", "blank", "frozen", "not_sampled", "blurred", "near_copy", "measure_failed",
    "not_measured", "false_face", "no_person", "pose_invented",
})
"""Reasons of frames that show nobody: no choice of thresholds makes them candidates."""

THREE_QUARTER_DEG, PROFILE_DEG, TILT_DEG = 20.0, 50.0, 15.0
SMILES, OPEN_MOUTH, SHUT_EYES = 0.5, 0.3, 0.5
DARK_LUMA, BRIGHT_LUMA = 60.0, 180.0
TURNED_AWAY = 0.1
"""`frontal` under which the shoulders do not face the camera; without a face: from behind."""

MEASURED = frozenset({"turn of the head", "tilt of the head", "expression", "light"})
"""Axes that nothing can be said about where the measure is missing."""

NOT_MISSED = frozenset({"shut eyes"})
"""Kinds that are counted, but whose absence is nothing to be told about."""

SMILE_SHAPES = (44, 45)
"""mouthSmileLeft and mouthSmileRight among the 52 blendshapes of FaceLandmarker."""


MANY = {"person": "people", "video": "videos"}
"""Axes that may have any number of kinds, and what these are called."""
BINS_SHOWN, LACKS_SHOWN = 12, 5


@dataclass(frozen=True, slots=True)
class Bin:
    """One kind of frame.

    Attributes:
        name: as in "left profile".
        available: usable frames of this kind.
        picked: picks of this kind.
    """

    name: str
    available: int
    picked: int


@dataclass(frozen=True, slots=True)
class Axis:
    """One way to tell frames apart.

    Attributes:
        name: what is told apart.
        known: usable frames where it is known.
        bins: its kinds, in their natural order.
    """

    name: str
    known: int
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class Lack:
    """A kind of frame that no pick shows.

    Attributes:
        axis, bin: which.
        text: in plain words.
        candidates: usable frames of this kind.
        best: frame id of the one that came furthest, None without candidates.
        reason: code of why that one was not picked, "" without candidates.
    """

    axis: str
    bin: str
    text: str
    candidates: int
    best: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the picks hold and lack.

    Attributes:
        picked: number of picks.
        available: number of usable frames.
    """

    picked: int
    available: int
    axes: tuple[Axis, ...]
    lacking: tuple[Lack, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and dicts; `brief` and `lines` are for people, see `brief`."""
        return asdict(self) | {"brief": asdict(self.brief()), "lines": self.to_text()}

    def brief(self) -> Coverage:
        """Return what a person can read: of many people and videos those with most frames.

        What is left out is one row, and one sentence of what lacks, that count it.
        """
        lacking = [lack for lack in self.lacking if lack.axis not in MANY]
        for name in MANY:
            found = [lack for lack in self.lacking if lack.axis == name]
            found.sort(key=lambda lack: -lack.candidates)
            most = LACKS_SHOWN if len(found) > LACKS_SHOWN + 1 else len(found)
            lacking += found[:most]
            if found[most:]:
                text = f"nothing of {len(found) - most} more {MANY[name]}"
                count = sum(lack.candidates for lack in found[most:])
                lacking.append(Lack(name, "", f"{text}; {count} candidates", count, None, ""))
        axes = tuple(_brief(axis) if axis.name in MANY else axis for axis in self.axes)
        return Coverage(self.picked, self.available, axes, tuple(lacking))

    def to_text(self) -> list[str]:
        """Return lines for a terminal: what `brief` has."""
        return self.brief()._lines()

    def _lines(self) -> list[str]:
        lines = [f"{self.picked} picks of {self.available} usable frames"]
        for axis in self.axes:
            lines += ["", f"{axis.name}: known of {axis.known} usable frames"]
            lines += [f"  {one.name:<24} {one.picked:>6} of {one.available}" for one in axis.bins]
        lines += ["", "what the picks lack:" if self.lacking else "the picks lack nothing listed"]
        return lines + [f"  {lack.text}" for lack in self.lacking]


def _brief(axis: Axis) -> Axis:
    """Return an axis without kinds that have no usable frame, and of many the largest."""
    bins = [one for one in axis.bins if one.available]
    if len(bins) > BINS_SHOWN + 1:
        bins.sort(key=lambda one: -one.available)
        rest = bins[BINS_SHOWN:]
        with_picks = sum(one.picked > 0 for one in rest)
        bins[BINS_SHOWN:] = [Bin(
            f"{len(rest)} more {MANY[axis.name]}, {with_picks} with picks",
            sum(one.available for one in rest), sum(one.picked for one in rest),
        )]
    return Axis(axis.name, axis.known, tuple(bins))


def coverage(
    data: Mapping[str, AnyArray] | Columns,
    decisions: Decisions,
    video_names: Mapping[int, str] | None = None,
    person: str = "",
) -> Coverage:
    """Count the picks against what could have been picked, kind by kind.

    Args:
        data: the columns that were decided about, n rows.
        decisions: what was decided, in their order.
        video_names: names by video number, for the texts.
        person: names of the people that were asked for, as in RankParams: frames of others are
            no candidates then.
    """
    columns = Columns.of(data)
    usable = ~np.isin(decisions.reason.astype(str), list(UNUSABLE))
    picked = np.asarray(decisions.verdict == "picked", np.bool_)
    asked = listed(person)
    if asked and len(decisions.person) == columns.n:
        usable &= np.isin(decisions.person, wanted(asked, decisions.names))
    usable |= picked
    furthest = _furthest_first(decisions)
    names = video_names or {}
    axes, lacking = [], []
    for name, kinds in _axes(columns, decisions, names):
        known = usable & np.any([mask for _, mask in kinds], axis=0) if kinds else usable & False
        bins = tuple(
            Bin(kind, int((mask & usable).sum()), int((mask & picked).sum()))
            for kind, mask in kinds
        )
        axes.append(Axis(name, int(known.sum()), bins))
        if name in MEASURED and not known.any():
            text = f"{name}: not measured on any usable frame"
            lacking.append(Lack(name, "", text, 0, None, ""))
            continue
        for (_, mask), one in zip(kinds, bins, strict=True):
            if one.picked or one.name in NOT_MISSED:
                continue
            if not one.available and name in ("person", "video"):
                continue
            rows = furthest[(mask & usable)[furthest]]
            best = int(rows[0]) if len(rows) else None
            lacking.append(_lack(columns, decisions, names, name, one, best, int(picked.sum())))
    axes.append(_shots(columns, usable, picked))
    return Coverage(int(picked.sum()), int(usable.sum()), tuple(axes), tuple(lacking))


def kinds(
    data: Mapping[str, AnyArray] | Columns,
    decisions: Decisions,
    video_names: Mapping[int, str] | None = None,
) -> dict[str, dict[str, Bools]]:
    """Return axis -> kind -> (n,) bool: which frames are of which kind, as `coverage` counts."""
    return {
        axis: dict(found)
        for axis, found in _axes(Columns.of(data), decisions, video_names or {})
    }


def _axes(
    columns: Columns, decisions: Decisions, names: Mapping[int, str]
) -> Iterator[tuple[str, list[tuple[str, Bools]]]]:
    """Yield (axis, [(kind, (n,) mask)])."""
    pool = decisions.pool
    body = np.asarray((pool == "upper_body") | (pool == "full_body"), np.bool_)
    faceless = ~np.isfinite(columns.floats("face_index"))
    # Where the shoulders were not judged, a body without a face is not known to be from behind.
    turned = body & faceless & (columns.floats("frontal") <= TURNED_AWAY)
    behind = np.nan_to_num(decisions.parts.get("behind", np.where(turned, 1.0, np.nan))) > 0
    three_quarter = np.nan_to_num(decisions.parts.get("three_quarter", np.zeros(columns.n))) > 0
    yaw, pitch = columns.floats("yaw_deg"), columns.floats("pitch_deg")
    yield "turn of the head", _ranges(yaw, (
        ("left profile", -np.inf, -PROFILE_DEG),
        ("left three-quarter", -PROFILE_DEG, -THREE_QUARTER_DEG),
        ("front", -THREE_QUARTER_DEG, THREE_QUARTER_DEG),
        ("right three-quarter", THREE_QUARTER_DEG, PROFILE_DEG),
        ("right profile", PROFILE_DEG, np.inf),
    ))
    yield "tilt of the head", _ranges(pitch, (
        ("face looking down", -np.inf, -TILT_DEG),
        ("level face", -TILT_DEG, TILT_DEG),
        ("face looking up", TILT_DEG, np.inf),
    ))
    yield "framing", [
        ("face", np.asarray(pool == "face", np.bool_)),
        ("upper body", np.asarray((pool == "upper_body") & ~three_quarter, np.bool_)),
        ("three-quarter body", np.asarray((pool == "upper_body") & three_quarter, np.bool_)),
        ("full body", np.asarray(pool == "full_body", np.bool_)),
    ]
    yield "seen from behind", [
        ("upper body from behind", np.asarray(behind & (pool == "upper_body"), np.bool_)),
        ("full body from behind", np.asarray(behind & (pool == "full_body"), np.bool_)),
    ]
    smile, mouth, eyes = _smile(columns), columns.floats("mouth_open"), columns.floats("eye_open")
    yield "expression", [
        ("smile", np.asarray(smile >= SMILES)),
        ("straight face", np.asarray(smile < SMILES)),
        ("open mouth", np.asarray(mouth >= OPEN_MOUTH)),
        ("shut eyes", np.asarray(eyes < SHUT_EYES)),
    ]
    yield "light", _ranges(columns.floats("luma_mean"), (
        ("dark or night picture", -np.inf, DARK_LUMA),
        ("picture in middle light", DARK_LUMA, BRIGHT_LUMA),
        ("bright picture", BRIGHT_LUMA, np.inf),
    ))
    person = decisions.person if len(decisions.person) == columns.n else np.full(columns.n, -1)
    yield "person", [
        (decisions.names.get(number) or f"person {number}", np.asarray(person == number))
        for number in np.unique(person[person >= 0]).tolist()
    ]
    video = columns.ints("video")
    yield "video", [
        (names.get(number, f"video {number}"), np.asarray(video == number))
        for number in np.unique(video).tolist()
    ]


def _ranges(
    values: Floats, kinds: tuple[tuple[str, float, float], ...]
) -> list[tuple[str, Bools]]:
    """Return masks of low < value < high, with what lies on a border in the outer kind."""
    return [
        (name, np.asarray(
            (values >= low if low >= 0 else values > low)
            & (values <= high if high < 0 else values < high)
        ))
        for name, low, high in kinds
    ]


def _smile(columns: Columns) -> Floats:
    """Return (n,) 0..1: the stored measure, else the mean of both smile blendshapes."""
    smile = columns.floats("smile").copy()
    blobs = columns.objects("expression")
    for row in np.flatnonzero(~np.isfinite(smile) & columns.present("expression")):
        shapes = np.frombuffer(blobs[row], "<f2")
        if len(shapes) > max(SMILE_SHAPES):
            smile[row] = float(shapes[list(SMILE_SHAPES)].astype(np.float64).mean())
    return smile


def _furthest_first(decisions: Decisions) -> AnyArray:
    """Return rows by how late they were stopped, then by score."""
    at = {code: number for number, code in enumerate(ORDER)}
    stage = np.array([at[code] for code in decisions.reason.tolist()], np.int64)
    return np.lexsort((-np.nan_to_num(decisions.score, nan=-1.0), -stage))


def _lack(
    columns: Columns,
    decisions: Decisions,
    names: Mapping[int, str],
    axis: str,
    one: Bin,
    best: int | None,
    picked: int,
) -> Lack:
    head = f"no {one.name} among {picked} picks"
    if axis in ("person", "video"):
        head = f"nothing of {one.name} among {picked} picks"
    if best is None:
        return Lack(axis, one.name, f"{head}, nor in the footage", 0, None, "")
    frame_id = int(columns.ints("frame_id")[best])
    video = int(columns.ints("video")[best])
    where = f"{names.get(video, f'video {video}')} at {columns.floats('time_s')[best]:.2f} s"
    reason = str(decisions.reason[best])
    candidates = f"{one.available} candidate{'s' if one.available > 1 else ''}"
    verdict = "waits for review" if decisions.verdict[best] == "review" else "rejected"
    text = (
        f"{head}; {candidates}, best: frame {frame_id} ({where}), {verdict} because "
        f"{reason}: {decisions.detail[best]}"
    )
    return Lack(axis, one.name, text, one.available, frame_id, reason)


def _shots(columns: Columns, usable: Bools, picked: Bools) -> Axis:
    """Return how many shots with usable frames gave a pick."""
    shot, video = columns.ints("shot", -1), columns.ints("video")
    known = shot >= 0
    pairs = np.stack([video, shot], axis=1)
    have = len(np.unique(pairs[known & usable], axis=0))
    gave = len(np.unique(pairs[known & picked], axis=0))
    return Axis("shots", int((known & usable).sum()), (Bin("shots with a pick", have, gave),))
