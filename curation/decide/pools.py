"""Which pool a frame belongs to: face, upper_body, full_body, or beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curation.decide.columns import AnyArray, Bools, Columns, Floats, Objects
from curation.decide.reasons import Ledger

if TYPE_CHECKING:
    from curation.params import PoolParams

PICK_POOLS = ("face", "upper_body", "full_body")
POOLS = (*PICK_POOLS, "review_multi_person", "no_person", "cut_off", "none")


@dataclass(frozen=True, slots=True)
class Pools:
    """The pool of each frame, with the reason where it is not one that picks come from.

    Attributes:
        pool: (n,) object, one of POOLS.
        reason, detail: (n,) object, "" for the pools that picks come from.
        three_quarter: (n,) bool; upper bodies that are cut at the knee.
        posed: (n,) bool; a pose that agrees with a detected person or face.
        required: (n,) mean visibility of the joints that the pool asks for; NaN without a pose.
    """

    pool: Objects
    reason: Objects
    detail: Objects
    three_quarter: Bools
    posed: Bools
    required: Floats


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What can be seen, per frame: masks of length n."""

    face: Bools
    raw_pose: Bools
    pose: Bools
    people: Bools
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
    pose networks draw whole bodies onto ships and dogs.

    Args:
        data: measured columns of n frames.
        params: thresholds.
    """
    columns = Columns.of(data)
    seen = _evidence(columns, params)
    ledger = Ledger(columns.n)
    pool: Objects = np.full(columns.n, "none", object)

    measured = np.isfinite(columns.floats("n_faces")) | np.isfinite(columns.floats("n_poses"))
    lone = seen.face & ~seen.pose
    close_up = _close_up(columns, params)
    body, required = _body_pool(columns, seen, params)
    lower = seen.knees | seen.ankles | seen.hips
    headless = seen.pose & lower & ~seen.head & ~seen.shoulders & ~seen.face

    _close(ledger, pool, measured & ~seen.face & ~seen.raw_pose, "no_person", "no_person",
           what="no face and no pose")
    invented = ~seen.face & seen.raw_pose & ~seen.pose
    for name, limit in (("pose_agreement", params.pose_agreement),
                        ("person_score", params.faceless_person)):
        value = np.nan_to_num(columns.floats(name))
        _close(ledger, pool, invented & (value < limit), "no_person", "pose_invented",
               what=name, value=value, limit=limit)
    doubtful = lone & ~close_up & ~seen.people & ~_second_opinion(columns)
    _close(ledger, pool, doubtful, "no_person", "no_person",
           what=_face_texts(columns, lone, "and nothing else of a person"))

    other = columns.floats("other_height_ratio")
    several = (other >= params.second_person) & (other > 0) & ~_only_bystanders(columns, seen)
    _close(ledger, pool, measured & several, "review_multi_person", "multi_person",
           value=other, limit=params.second_person)

    head_cut = columns.flags("cut_head") & (seen.pose | seen.face)
    _close(ledger, pool, head_cut | headless, "cut_off", "cut_off",
           what="the picture's edge cuts the head")
    _close(ledger, pool, _half_lost(columns, seen, body), "cut_off", "cut_off",
           what="the picture's edge cuts half of the body")

    unclear = lone & ~close_up
    _close(ledger, pool, unclear, "none", "pool_unclear",
           what=_face_texts(columns, unclear, "without a pose"))
    _close(ledger, pool, seen.pose & (body == ""), "none", "pool_unclear",
           what="a pose with neither face nor shoulders in the picture")

    rest = ledger.open & measured
    pool[rest & lone] = "face"
    pool[rest & seen.pose] = body[rest & seen.pose]
    three_quarter = np.asarray((pool == "upper_body") & seen.knees & ~seen.ankles, np.bool_)
    return Pools(pool, ledger.code, ledger.detail, three_quarter, seen.pose, required)


def _evidence(columns: Columns, params: PoolParams) -> _Evidence:
    raw_pose = np.isfinite(columns.floats("pose_index"))
    face = np.isfinite(columns.floats("face_index"))
    agrees = columns.floats("pose_agreement") >= params.pose_agreement
    agrees &= face | (columns.floats("person_score") >= params.faceless_person)

    def visible(joint: str) -> Bools:
        return np.asarray(raw_pose & (columns.floats(f"vis_{joint}") >= params.visibility))

    return _Evidence(
        face=face,
        raw_pose=raw_pose,
        pose=raw_pose & agrees,
        people=columns.floats("n_people") > 0,
        shoulders=visible("shoulder"),
        hips=visible("hip"),
        knees=visible("knee"),
        ankles=visible("ankle"),
        head=visible("head"),
    )


def _body_pool(
    columns: Columns, seen: _Evidence, params: PoolParams
) -> tuple[Objects, Floats]:
    """Return the pool that the pose alone speaks for, "" where it speaks for none."""
    full = seen.hips & seen.ankles
    upper = seen.hips | seen.knees | seen.ankles
    shoulder, hip, knee, ankle = (
        columns.floats(f"vis_{joint}") for joint in ("shoulder", "hip", "knee", "ankle")
    )
    of_full = _mean(shoulder, hip, ankle)
    of_upper = _mean(shoulder, np.fmax(hip, knee))
    full &= of_full >= params.required_visibility
    upper &= of_upper >= params.required_visibility

    bust = seen.shoulders & _close_up(columns, params) & _ends_at_chest(columns, params)
    body: Objects = np.full(columns.n, "", object)
    required = np.where(seen.pose, np.fmax(shoulder, columns.floats("vis_head")), np.nan)
    # From the weakest claim to the strongest.
    body[seen.face] = "face"
    body[seen.shoulders & ~(bust & seen.face)] = "upper_body"
    body[upper] = "upper_body"
    body[full] = "full_body"
    required = np.where(upper, of_upper, required)
    required = np.where(full, of_full, required)
    return body, required


def _close_up(columns: Columns, params: PoolParams) -> Bools:
    """Where the face fills enough of the picture to be the subject by itself."""
    tall = columns.floats("face_height_frac") >= params.face_close_up
    large = columns.floats("face_area_frac") >= params.lone_face_area
    return np.asarray(tall | large)


def _ends_at_chest(columns: Columns, params: PoolParams) -> Bools:
    """Where the picture ends above mid-chest, about one face height under the shoulders."""
    return np.asarray(columns.floats("below_shoulder_faces") <= params.chest_faces)


def _only_bystanders(columns: Columns, seen: _Evidence) -> Bools:
    """Where a portrait of head and shoulders has people behind it of whom no face is seen.

    All boxes end at the lower edge there, so their heights say nothing about sizes.
    """
    portrait = seen.face & ~(seen.hips | seen.knees | seen.ankles)
    return np.asarray(portrait & (columns.floats("n_faces") == 1))


def _half_lost(columns: Columns, seen: _Evidence, body: Objects) -> Bools:
    """Where the edge at the side takes one shoulder and one hip of a body with it."""
    both = np.fmax(columns.floats("vis_shoulder_both"), columns.floats("vis_hip_both"))
    is_body = np.asarray((body == "upper_body") | (body == "full_body"), np.bool_)
    return np.asarray(columns.flags("cut_side") & seen.pose & is_body & (both <= 0))


def _second_opinion(columns: Columns) -> Bools:
    """Where the second face detector also saw the main face."""
    return np.asarray(columns.floats("face_second") > 0)


def _face_texts(columns: Columns, where: Bools, tail: str) -> Objects:
    texts: Objects = np.full(columns.n, "", object)
    heights = columns.floats("face_height_frac")
    for row in np.flatnonzero(where):
        texts[row] = f"a face of {heights[row]:.2f} of the picture height {tail}"
    return texts


def _mean(*parts: Floats) -> Floats:
    """Return the mean over parts; a missing part counts as unseen."""
    return np.asarray(sum(np.nan_to_num(part) for part in parts) / len(parts))


def _close(
    ledger: Ledger, pool: Objects, where: Bools, name: str, code: str, **fields: object
) -> None:
    pool[where & ledger.open] = name
    ledger.close(where, code, **fields)
