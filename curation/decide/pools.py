"""Which pool a frame belongs to: face, upper_body, full_body, or beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from curation.decide.columns import AnyArray, Bools, Columns, Floats, Ints, Objects
from curation.decide.ledger import Details, Ledger, Texts

if TYPE_CHECKING:
    from curation.params import PoolParams

Numbers = npt.NDArray[np.int8]

PICK_POOLS = ("face", "upper_body", "full_body")
POOLS = (*PICK_POOLS, "review_multi_person", "no_person", "cut_off", "none")
NAMES: Objects = np.array([*POOLS, ""], object)
"""Names by position, the last for -1: no pool."""

TORSO_FACES = 2.4
"""Face heights from shoulders to hips; for frames measured before `torso_share` was."""
STRONG_BOX, FAIR_BOX = 0.7, 0.5
"""Scores from which a person box is somebody by itself, or vouches for a face: boxes on things
reach 0.43, those of people with a face lie under 0.5 once in twenty."""
HEAD_RISE, HEAD_TORSOS = 0.4, 0.2
"""What a pose without a face must reach, see _faceless_limits."""
HIPS, KNEES = (23, 24), (25, 26)
SEATED_DROP = 0.5
"""Torso lengths that the lower knee hangs under its hip: 0.7 to 0.9 upright."""


@dataclass(frozen=True, slots=True)
class Pools:
    """The pool of each frame, with the reason where it is not one that picks come from.

    Attributes:
        number: (n,) position of the pool in POOLS.
        ledger: the reasons of frames outside the pools that picks come from.
        three_quarter: (n,) bool; upper bodies that are cut at the knee.
        seated: (n,) bool; a pose whose thighs do not hang: sitting, crouching, lying.
        behind: (n,) bool; a pose whose shoulders are seen from behind, and no face.
        posed: (n,) bool; a pose that agrees with a detected person or face.
        required: (n,) mean visibility of the joints that the pool asks for; NaN without a pose.
    """

    number: Numbers
    ledger: Ledger
    three_quarter: Bools
    seated: Bools
    behind: Bools
    posed: Bools
    required: Floats

    @property
    def pool(self) -> Objects:
        """(n,) object, one of POOLS."""
        return np.asarray(NAMES[self.number])

    @property
    def reason(self) -> Objects:
        """(n,) object, "" for the pools that picks come from."""
        return self.ledger.code

    @property
    def detail(self) -> Details:
        """(n,) texts, "" for the pools that picks come from."""
        return self.ledger.detail


def numbers_of(pool: AnyArray) -> Numbers:
    """Return (n,) positions in POOLS of pools by name, -1 for others; positions as they are."""
    if pool.dtype != object:
        return pool.astype(np.int8, copy=False)
    number = {name: at for at, name in enumerate(POOLS)}
    return np.fromiter((number.get(name, -1) for name in pool.tolist()), np.int8, len(pool))


def among(pool: AnyArray, *names: str) -> Bools:
    """Return (n,) bool: where a pool, its name or its position in POOLS, is one of these."""
    found = np.zeros(len(pool), np.bool_)
    for name in names:
        found |= pool == (name if pool.dtype == object else POOLS.index(name))
    return found


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What can be seen, per frame: masks of length n."""

    raw_face: Bools
    face: Bools
    raw_pose: Bools
    pose: Bools
    shoulders: Bools
    hips: Bools
    knees: Bools
    ankles: Bools
    head: Bools


def assign(data: Mapping[str, AnyArray] | Columns, params: PoolParams) -> Pools:
    """Sort frames into pools by what is visible of the main subject.

    A joint is visible when either side of it is, inside the picture: measured on 175 single
    people this rule is right for 96 %, "both sides" for 90 % (a hidden ankle makes an upper body
    of a full one). A pose counts only when a detected person or face agrees with it, because
    pose networks draw whole bodies onto ships and dogs; a face only when a person box
    or the second detector vouches for it, because dogs and squirrels have faces too.

    Args:
        data: measured columns of n frames.
        params: thresholds.
    """
    columns = Columns.of(data)
    seen = _evidence(columns, params)
    ledger = Ledger(columns.n)
    pool = np.full(columns.n, POOLS.index("none"), np.int8)

    measured = np.isfinite(columns.floats("n_faces")) | np.isfinite(columns.floats("n_poses"))
    lone = seen.face & ~seen.pose
    close_up = _close_up(columns, params)
    body, required = _body_pool(columns, seen, params)
    lower = seen.knees | seen.ankles | seen.hips
    headless = seen.pose & lower & ~seen.head & ~seen.shoulders & ~seen.face

    doubtful = seen.raw_face & ~seen.face & ~seen.pose
    _close(ledger, pool, doubtful, "no_person", "no_person",
           what=_face_texts(columns, "that no other detector vouches for"))
    boxed = ~seen.raw_face & ~seen.raw_pose & (columns.floats("person_score") >= STRONG_BOX)
    nothing = measured & ~seen.raw_face & ~seen.raw_pose & ~boxed
    _close(ledger, pool, nothing, "no_person", "no_person", what="no face and no pose")
    _close_invented(ledger, pool, columns, seen, params)

    other = _others(columns, seen)
    several = (other >= params.second_person) & (other > 0)
    _close(ledger, pool, measured & several, "review_multi_person", "multi_person",
           value=other, limit=params.second_person)

    head_cut = columns.flags("cut_head") & (seen.pose | seen.face | boxed)
    _close(ledger, pool, head_cut | headless, "cut_off", "cut_off",
           what="the picture's edge cuts the head")
    _close(ledger, pool, _half_lost(columns, seen, body), "cut_off", "cut_off",
           what="the picture's edge cuts half of the body")

    _close(ledger, pool, measured & boxed, "none", "pool_unclear",
           what="a person box with neither face nor pose")
    unclear = lone & ~close_up
    _close(ledger, pool, unclear, "none", "pool_unclear",
           what=_face_texts(columns, "without a pose"))
    _close(ledger, pool, seen.pose & (body < 0), "none", "pool_unclear",
           what="a pose with neither face nor shoulders in the picture")

    rest = ledger.open & measured
    pool[rest & lone] = POOLS.index("face")
    pool[rest & seen.pose] = body[rest & seen.pose]
    three_quarter = among(pool, "upper_body") & seen.knees
    return Pools(pool, ledger, three_quarter, _seated(columns, seen), _behind(columns, seen),
                 seen.pose, required)


def _evidence(columns: Columns, params: PoolParams) -> _Evidence:
    raw_pose = np.isfinite(columns.floats("pose_index"))
    raw_face = np.isfinite(columns.floats("face_index"))
    face = raw_face & _vouched(columns, params)
    agrees = columns.floats("pose_agreement") >= params.pose_agreement
    for name, limit in _faceless_limits(params):
        agrees &= face | ~_below(columns, name, limit)

    def visible(joint: str) -> Bools:
        return np.asarray(raw_pose & (columns.floats(f"vis_{joint}") >= params.visibility))

    return _Evidence(
        raw_face=raw_face,
        face=face,
        raw_pose=raw_pose,
        pose=raw_pose & agrees,
        shoulders=visible("shoulder"),
        hips=visible("hip"),
        knees=visible("knee"),
        ankles=visible("ankle"),
        head=visible("head"),
    )


def _vouched(columns: Columns, params: PoolParams) -> Bools:
    """Where something besides the face detector says that the main face is a person's.

    The second detector and any person box in the picture together; the second alone where it
    is sure, and without it a fair box of the face's own body. Of 661 faces of people all have a
    box and 660 a second opinion; of 7 of animals none has a box.
    """
    second = columns.floats("face_second")
    nobody = columns.floats("n_people") <= 0
    fair = columns.floats("person_score") >= FAIR_BOX
    return np.asarray(np.where(np.isfinite(second), ~nobody | (second >= params.sure_second), fair))


def _body_pool(
    columns: Columns, seen: _Evidence, params: PoolParams
) -> tuple[Numbers, Floats]:
    """Return the pool that the pose alone speaks for, -1 where it speaks for none.

    A whole body has no foot outside the picture: legs that it cuts are squeezed into it, one
    ankle at a time.
    """
    full = seen.hips & seen.ankles & ~columns.flags("cut_feet")
    upper = seen.hips | seen.knees | seen.ankles
    shoulder, hip, knee, ankle = (
        columns.floats(f"vis_{joint}") for joint in ("shoulder", "hip", "knee", "ankle")
    )
    of_full = _mean(shoulder, hip, ankle)
    of_upper = _mean(shoulder, np.fmax(hip, knee))
    full &= of_full >= params.required_visibility
    upper &= of_upper >= params.required_visibility

    bust = seen.shoulders & _close_up(columns, params) & _ends_at_chest(columns, params)
    body = np.full(columns.n, -1, np.int8)
    required = np.where(seen.pose, np.fmax(shoulder, columns.floats("vis_head")), np.nan)
    # From the weakest claim to the strongest.
    body[seen.face] = POOLS.index("face")
    body[seen.shoulders & ~(bust & seen.face)] = POOLS.index("upper_body")
    body[upper] = POOLS.index("upper_body")
    body[full] = POOLS.index("full_body")
    required = np.where(upper, of_upper, required)
    required = np.where(full, of_full, required)
    return body, required


def _close_up(columns: Columns, params: PoolParams) -> Bools:
    """Where the face fills enough of the picture to be the subject by itself."""
    tall = columns.floats("face_height_frac") >= params.face_close_up
    large = columns.floats("face_area_frac") >= params.lone_face_area
    return np.asarray(tall | large)


def _ends_at_chest(columns: Columns, params: PoolParams) -> Bools:
    """Where the picture ends in the upper part of the torso."""
    share = columns.floats("torso_share")
    by_face = columns.floats("below_shoulder_faces") / TORSO_FACES
    share = np.where(np.isfinite(share), share, by_face)
    return np.asarray(share <= params.chest_share)


def _faceless_limits(params: PoolParams) -> tuple[tuple[str, float], ...]:
    """Return what a pose without a face must reach, as column and limit.

    Poses are invented onto arms, knees and hands, inside person boxes that detectors draw
    around them: their joints are doubtful, and their heads lie low in the box or sit on the
    shoulders. Of 135 real poses with the face kept from the rule, all have the nose above 0.43
    of the box and 0.2 to 0.54 torso lengths from the shoulders, and a score over 0.65.
    """
    return (
        ("person_score", params.faceless_person),
        ("pose_score", params.required_visibility),
        ("head_rise", HEAD_RISE),
        ("head_torsos", HEAD_TORSOS),
    )


def _below(columns: Columns, name: str, limit: float) -> Bools:
    """Where a measure is under its limit; without a person box its score is 0."""
    value = columns.floats(name)
    if name == "person_score":
        value = np.nan_to_num(value)
    return np.asarray(value < limit)


def _close_invented(
    ledger: Ledger, pool: Numbers, columns: Columns, seen: _Evidence, params: PoolParams
) -> None:
    """Close frames in which a pose has no face and no sound person under it."""
    invented = ~seen.face & seen.raw_pose & ~seen.pose
    agreement = np.nan_to_num(columns.floats("pose_agreement"))
    _close(ledger, pool, invented & (agreement < params.pose_agreement), "no_person",
           "pose_invented", what="pose_agreement", value=agreement, limit=params.pose_agreement)
    for name, limit in _faceless_limits(params):
        _close(ledger, pool, invented & _below(columns, name, limit), "no_person",
               "pose_invented", what=name, value=np.nan_to_num(columns.floats(name)), limit=limit)


def _others(columns: Columns, seen: _Evidence) -> Floats:
    """Return how present the most present other person is, 0..; NaN in an empty picture.

    Behind a portrait of head and shoulders only those count whose face is seen: all boxes end
    at the lower edge there, so their heights say nothing about sizes.
    """
    portrait = seen.face & ~(seen.hips | seen.knees | seen.ankles)
    faceless = np.where(portrait, np.nan, columns.floats("other_body_ratio"))
    return np.fmax(columns.floats("other_height_ratio"), faceless)


def _behind(columns: Columns, seen: _Evidence) -> Bools:
    """Where somebody's back is seen: the left shoulder is on the left, and no face."""
    return np.asarray(seen.pose & ~seen.face & (columns.floats("frontal") <= 0))


def _seated(columns: Columns, seen: _Evidence) -> Bools:
    """Where both knees hang less than half a torso length under the hips."""
    seated = np.zeros(columns.n, np.bool_)
    shapes = columns.objects("pose_shape")
    known = seen.pose & (seen.knees | seen.ankles)
    rows = [row for row in np.flatnonzero(known) if isinstance(shapes[row], bytes)]
    if rows:
        flat = np.frombuffer(b"".join(shapes[row] for row in rows), "<f2")
        y = flat.reshape(len(rows), -1, 2)[:, :, 1].astype(np.float64)
        drop = y[:, list(KNEES)] - y[:, list(HIPS)]
        seated[rows] = drop.max(axis=1) < SEATED_DROP
    return seated


def _half_lost(columns: Columns, seen: _Evidence, body: Numbers) -> Bools:
    """Where the edge at the side takes one shoulder and one hip of a body with it."""
    both = np.fmax(columns.floats("vis_shoulder_both"), columns.floats("vis_hip_both"))
    is_body = among(body, "upper_body", "full_body")
    return np.asarray(columns.flags("cut_side") & seen.pose & is_body & (both <= 0))


def _face_texts(columns: Columns, tail: str) -> Texts:
    heights = columns.floats("face_height_frac")

    def texts(rows: Ints) -> list[str]:
        return [f"a face of {height:.2f} of the picture height {tail}"
                for height in heights[rows].tolist()]

    return texts


def _mean(*parts: Floats) -> Floats:
    """Return the mean over parts; a missing part counts as unseen."""
    return np.asarray(sum(np.nan_to_num(part) for part in parts) / len(parts))


def _close(
    ledger: Ledger, pool: Numbers, where: Bools, name: str, code: str, **fields: object
) -> None:
    pool[where & ledger.open] = POOLS.index(name)
    ledger.close(where, code, **fields)
