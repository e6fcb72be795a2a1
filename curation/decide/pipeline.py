"""From measured columns to decisions: pure, deterministic, milliseconds per thousand frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from curation.decide import dedup, face_condition, gates, picking, pools, rank, who
from curation.decide.columns import AnyArray, Columns, Floats, Ints, Objects
from curation.decide.ledger import Details, Ledger, Texts
from curation.decide.prepared import Prepared, close_unmeasured

if TYPE_CHECKING:
    from curation.params import PoolParams, RankParams


@dataclass(frozen=True, slots=True)
class Decisions:
    """What was decided about n frames, in the order of the input.

    Attributes:
        pool: (n,) object, one of pools.POOLS.
        verdict: (n,) object: picked, rejected or review.
        reason: (n,) object: a code of reasons.REASONS.
        detail: (n,) object: the reason in words, with number and limit.
        score: (n,) float64 0..1; NaN outside the pools that picks come from.
        rank: (n,) int64: 1.. within a pool for picked frames, else 0.
        parts: by name, (n,) float64; NaN where a part does not apply.
        keeper: (n,) int64: frame_id of the frame that a duplicate repeats, else 0.
        person: (n,) int64: who it is, numbered by first appearance; -1 where nobody knows.
        rival: (n,) int64: frame_id of the pick that took this frame's place, else 0.
        names: names of persons, by number, as far as somebody named them.
    """

    pool: Objects
    verdict: Objects
    reason: Objects
    detail: Objects | Details
    score: Floats
    rank: Ints
    parts: dict[str, Floats] = field(default_factory=dict)
    keeper: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    person: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    rival: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    names: Mapping[int, str] = field(default_factory=dict)


def decide(
    data: Mapping[str, AnyArray] | Columns | Prepared,
    params: RankParams,
    video_names: Mapping[int, str] | None = None,
    pairs: Mapping[str, AnyArray] | None = None,
) -> Decisions:
    """Decide about every frame: picked, or rejected or sent to review for exactly one reason.

    The reasons apply in the order of reasons.ORDER. The outcome does not depend on the order of
    the rows: ties are broken by (video, pts).

    Args:
        data: columns of one length; absent columns count as missing everywhere. Or `Prepared`
            ones, about which the next decision costs little.
        params: every threshold, cap and weight.
        video_names: names by video number, for the texts of duplicates.
        pairs: frames that matching compared: a, b (frame ids), inliers, cover. Prepared columns
            hold theirs.

    Raises:
        ValueError: columns differ in length, or extract_reason holds an unknown code; or pairs
            come with columns that were prepared with others.
    """
    if not isinstance(data, Prepared):
        data = Prepared(data, pairs)
    elif pairs is not None and pairs is not data.pairs:
        raise ValueError("the columns were prepared with other pairs; give these to Prepared")
    return _decided(data, params, video_names or {})


def _decided(ready: Prepared, params: RankParams, names: Mapping[int, str]) -> Decisions:
    columns, pool = ready.columns, ready.pool(params)
    faces, assigned = ready.faces(params), ready.assigned(params)
    crop = ready.crop(params)
    ledger = Ledger(ready.n)
    ledger.absorb(ready.unmeasured)
    gates.close_false_faces(faces.columns, params, ledger)
    ledger.absorb(assigned.ledger)
    gates.close_exposure(columns, params, ledger)
    gates.close_bodies(columns, pool, params, crop, ready.image_share, ledger)
    face_condition.close_faces(columns, params, ledger)
    gates.close_focus(columns, pool, params, ledger)
    gates.close_unsure_faces(faces.columns, params, ledger)
    who.close_others(faces.person, faces.names, params, ledger)

    scored, keeper = _close_repeats(ready, pool, params, ledger, names)
    person = faces.person
    rival = picking.close_quota(
        columns, pool, person, scored.total, params, ledger, names, faces.names
    )
    ranks, passed_by = picking.close_top(columns, pool, scored, params, ledger, names)
    rival = np.where(rival >= 0, rival, passed_by)
    frame_id = columns.ints("frame_id")

    parts = scored.parts | {
        **_judged(columns),
        "false_p": faces.judged.p,
        "false_p_still": faces.judged.p_still,
        "false_p_flat": faces.judged.p_flat,
        "pose_area_image": ready.image_share,
        "active_frac": columns.floats("active_frac"),
        "pose_area_crop": crop.area,
        "crop_height": crop.height,
        "crop_px": np.where(np.isfinite(crop.area), crop.short_px, np.nan),
        **_flags(assigned),
        **_taste(columns),
    }

    def given(values: AnyArray, kept: bool = False) -> AnyArray:
        """Return values in the order of the given rows; never the arrays that are kept."""
        if ready.in_order:
            return values.copy() if kept else values
        back = np.empty_like(values)
        back[ready.order] = values
        return back

    return Decisions(
        pool=given(pools.NAMES[pool]),
        verdict=given(ledger.verdicts()),
        reason=given(ledger.code),
        detail=ledger.detail.inner(given(np.arange(ready.n))),
        score=given(scored.total),
        rank=given(ranks),
        parts={
            name: given(part, kept=name not in scored.parts) for name, part in parts.items()
        },
        keeper=given(keeper),
        person=given(person, kept=True),
        rival=given(np.where(rival >= 0, frame_id[rival], 0)),
        names=faces.names,
    )


def assign(data: Mapping[str, AnyArray] | Columns, params: PoolParams) -> Decisions:
    """Decide pools only: what 02 shows before anything is ranked.

    Frames of the pools that picks come from are in review as "not_ranked".
    """
    columns = Columns.of(data)
    ledger = Ledger(columns.n)
    close_unmeasured(columns, ledger)
    assigned = pools.assign(columns, params)
    pool = assigned.pool
    pool[columns.present("extract_reason")] = "none"
    ledger.absorb(assigned.ledger)
    ledger.close(ledger.open.copy(), "not_ranked", pool=pool)
    return Decisions(
        pool=pool,
        verdict=ledger.verdicts(),
        reason=ledger.code,
        detail=ledger.detail,
        score=np.full(columns.n, np.nan),
        rank=np.zeros(columns.n, np.int64),
        parts=_flags(assigned) | _judged(columns),
        keeper=np.zeros(columns.n, np.int64),
        person=np.full(columns.n, -1, np.int64),
        rival=np.zeros(columns.n, np.int64),
    )


def _flags(assigned: pools.Pools) -> dict[str, Floats]:
    """Return what is said of bodies besides their pool, 1 where it holds, else NaN."""
    flags = ("three_quarter", "seated", "behind")
    return {name: np.where(getattr(assigned, name), 1.0, np.nan) for name in flags}


def _judged(columns: Columns) -> dict[str, Floats]:
    """Return the focus that faces are held to: a page draws it, and no column has it."""
    return {"face_focus": gates.face_focus(columns)}


def _taste(columns: Columns) -> dict[str, Floats]:
    """Return how likely a person keeps each frame, and how sure that is, where anybody rated."""
    if rank.TASTE not in columns:
        return {}
    return {"taste_p": columns.floats("taste"), "taste_sd": columns.floats("taste_sd")}


def _close_repeats(
    ready: Prepared,
    pool: pools.Numbers,
    params: RankParams,
    ledger: Ledger,
    video_names: Mapping[int, str],
) -> tuple[rank.Score, Ints]:
    """Score all frames and close those that repeat a better one; return keepers as frame ids.

    Percentiles are taken over frames that do not repeat each other, or a thousand copies of one
    frame would move everybody's. Which frames those are is settled first, by absolute scores.
    """
    columns, absolute = ready.columns, ready.best_first(params)
    rows = np.flatnonzero(ledger.open)
    repeats, known = ready.repeats(rows, params)
    reference = np.zeros(columns.n, np.bool_)
    position = np.zeros(columns.n, np.int64)
    position[known] = np.arange(len(known))
    first = repeats.kept(position[absolute[ledger.open[absolute]]])
    reference[known[first]] = True
    scored = rank.score(ready.parts(params), reference, params)
    groups = repeats.cover(position[rows[rank.best_first(scored.total[rows])]])

    keeper = np.arange(columns.n)
    keeper[known] = known[groups.keeper]
    kind = np.zeros(columns.n, np.int64)
    kind[known] = groups.kind
    names = picking.moments(columns, keeper, video_names)
    bits, bit_texts = _bits_apart(columns, keeper)
    apart = np.abs(columns.floats("time_s") - columns.floats("time_s")[keeper])
    ledger.close(kind == dedup.EXACT, "duplicate_exact", keeper=names)
    ledger.close(kind == dedup.BURST, "duplicate_burst", keeper=names, value=apart, bits=bit_texts)
    ledger.close(kind == dedup.NEAR, "duplicate_near", keeper=names, value=bits,
                 limit=params.near_hash)
    ledger.close(kind == dedup.SUBJECT, "duplicate_subject", keeper=names, value=apart)
    ledger.close(kind == dedup.CROP, "duplicate_crop", keeper=names)
    frame_id = columns.ints("frame_id")
    return scored, np.where(kind != dedup.KEPT, frame_id[keeper], 0)


def _bits_apart(columns: Columns, keeper: Ints) -> tuple[Texts, Texts]:
    """Return how many bits of their hashes lie between rows and their keepers: numbers, texts."""
    phash = columns.ints("phash").view(np.uint64)  # bitwise_count takes abs() of signed numbers
    hashed = columns.flags("has_phash")

    def numbers(rows: Ints) -> list[int]:
        found: list[int] = np.bitwise_count(phash[rows] ^ phash[keeper[rows]]).tolist()
        return found

    def texts(rows: Ints) -> list[str]:
        return [f"{bits} bits" if known else "no hash"
                for bits, known in zip(numbers(rows), hashed[rows].tolist(), strict=True)]

    return numbers, texts
