"""From measured columns to decisions: pure, deterministic, milliseconds per thousand frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from curation.decide import dedup, face_condition, falseface, gates, picking, pools, rank, tracks
from curation.decide.columns import AnyArray, Columns, Floats, Ints, Objects
from curation.decide.likeness import verified
from curation.decide.reasons import Ledger

if TYPE_CHECKING:
    from curation.params import PoolParams, RankParams

EXTRACT_CODES = ("black", "blank", "frozen", "not_sampled")


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
    """

    pool: Objects
    verdict: Objects
    reason: Objects
    detail: Objects
    score: Floats
    rank: Ints
    parts: dict[str, Floats] = field(default_factory=dict)
    keeper: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    person: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    rival: Ints = field(default_factory=lambda: np.zeros(0, np.int64))


def decide(
    data: Mapping[str, AnyArray] | Columns,
    params: RankParams,
    video_names: Mapping[int, str] | None = None,
    pairs: Mapping[str, AnyArray] | None = None,
) -> Decisions:
    """Decide about every frame: picked, or rejected or sent to review for exactly one reason.

    The reasons apply in the order of reasons.ORDER. The outcome does not depend on the order of
    the rows: ties are broken by (video, pts).

    Args:
        data: columns of one length; absent columns count as missing everywhere.
        params: every threshold, cap and weight.
        video_names: names by video number, for the texts of duplicates.
        pairs: frames that matching compared: a, b (frame ids), inliers, cover.

    Raises:
        ValueError: columns differ in length, or extract_reason holds an unknown code.
    """
    given = Columns.of(data)
    order, columns = _canonical(given)
    seen = tracks.follow(columns, params)
    person = seen.person
    judged = falseface.judge(columns, seen.track, params)
    # A track stands or falls as one; the score of a frame goes by its own look.
    of_track = columns.having(false_p=judged.p, false_cue=judged.cue)
    columns = columns.having(false_p=1 / (1 + np.exp(-falseface.looks(columns))))
    ledger = Ledger(columns.n)
    _close_unmeasured(columns, ledger)
    gates.close_false_faces(of_track, params, ledger)
    assigned = pools.assign(columns, params)
    pool = assigned.pool.copy()
    pool[columns.present("extract_reason")] = "none"
    ledger.absorb(assigned.reason, assigned.detail)
    crop, image = gates.best_crop(columns, params), gates.image_share(columns)
    gates.close_exposure(columns, params, ledger)
    gates.close_bodies(columns, pool, params, crop, image, ledger)
    face_condition.close_faces(columns, params, ledger)
    gates.close_focus(columns, pool, params, ledger)
    gates.close_unsure_faces(of_track, params, ledger)

    absolute = rank.calibrated(columns, pool, crop, params)
    scored, keeper = _close_repeats(
        columns, pool, absolute, params, ledger, video_names or {}, pairs or {}
    )
    names = video_names or {}
    rival = picking.close_quota(columns, pool, person, scored.total, params, ledger, names)
    ranks, passed_by = picking.close_top(columns, pool, scored, params, ledger, names)
    rival = np.where(rival >= 0, rival, passed_by)
    frame_id = columns.ints("frame_id")

    parts = scored.parts | {
        "false_p": judged.p,
        "false_p_still": judged.p_still,
        "false_p_flat": judged.p_flat,
        "pose_area_image": image,
        "pose_area_crop": crop.area,
        "crop_height": crop.height,
        "crop_px": np.where(np.isfinite(crop.area), crop.short_px, np.nan),
        **_flags(assigned),
    }
    return Decisions(
        pool=_scatter(order, pool),
        verdict=_scatter(order, ledger.verdicts()),
        reason=_scatter(order, ledger.code),
        detail=_scatter(order, ledger.detail),
        score=_scatter(order, scored.total),
        rank=_scatter(order, ranks),
        parts={name: _scatter(order, part) for name, part in parts.items()},
        keeper=_scatter(order, keeper),
        person=_scatter(order, person),
        rival=_scatter(order, np.where(rival >= 0, frame_id[rival], 0)),
    )


def assign(data: Mapping[str, AnyArray] | Columns, params: PoolParams) -> Decisions:
    """Decide pools only: what 02 shows before anything is ranked.

    Frames of the pools that picks come from are in review as "not_ranked".
    """
    columns = Columns.of(data)
    ledger = Ledger(columns.n)
    _close_unmeasured(columns, ledger)
    assigned = pools.assign(columns, params)
    pool = assigned.pool.copy()
    pool[columns.present("extract_reason")] = "none"
    ledger.absorb(assigned.reason, assigned.detail)
    ledger.close(ledger.open, "not_ranked", pool=pool)
    return Decisions(
        pool=pool,
        verdict=ledger.verdicts(),
        reason=ledger.code,
        detail=ledger.detail,
        score=np.full(columns.n, np.nan),
        rank=np.zeros(columns.n, np.int64),
        parts=_flags(assigned),
        keeper=np.zeros(columns.n, np.int64),
        person=np.full(columns.n, -1, np.int64),
        rival=np.zeros(columns.n, np.int64),
    )


def _flags(assigned: pools.Pools) -> dict[str, Floats]:
    """Return what is said of bodies besides their pool, 1 where it holds, else NaN."""
    flags = ("three_quarter", "seated", "behind")
    return {name: np.where(getattr(assigned, name), 1.0, np.nan) for name in flags}


def _canonical(given: Columns) -> tuple[Ints, Columns]:
    """Return the order by frame key, and the columns in it."""
    order = np.lexsort((given.ints("frame_id"), given.ints("pts"), given.ints("video")))
    if np.array_equal(order, np.arange(given.n)):
        return order, given
    return order, given.take(order)


def _scatter(order: Ints, values: AnyArray) -> AnyArray:
    """Undo `_canonical` for one array."""
    back = np.empty_like(values)
    back[order] = values
    return back


def _close_unmeasured(columns: Columns, ledger: Ledger) -> None:
    said = columns.objects("extract_reason")
    held = columns.present("extract_reason")
    unknown = {str(code) for code in said[held].tolist()} - set(EXTRACT_CODES)
    if unknown:
        raise ValueError(f"extract_reason holds unknown codes: {sorted(unknown)}")
    for code in EXTRACT_CODES:
        ledger.close(held & np.asarray(said == code, np.bool_), code)
    ledger.close(columns.present("error"), "measure_failed", error=columns.objects("error"))
    counts = ("n_faces", "n_people", "n_poses")
    blind = ~np.any([np.isfinite(columns.floats(name)) for name in counts], axis=0)
    ledger.close(np.asarray(blind), "not_measured")


def _close_repeats(
    columns: Columns,
    pool: Objects,
    absolute: dict[str, Floats],
    params: RankParams,
    ledger: Ledger,
    video_names: Mapping[int, str],
    pairs: Mapping[str, AnyArray],
) -> tuple[rank.Score, Ints]:
    """Score all frames and close those that repeat a better one; return keepers as frame ids.

    Percentiles are taken over frames that do not repeat each other, or a thousand copies of one
    frame would move everybody's. Which frames those are is settled first, by absolute scores.
    """
    rows = np.flatnonzero(ledger.open)
    survivors = columns.take(rows)
    repeats = dedup.Repeats(survivors, params, verified(pairs, survivors.ints("frame_id"), params))
    first = repeats.cover(_best_first(rank.absolute_total(absolute, params)[rows]))
    reference = np.zeros(columns.n, np.bool_)
    reference[rows[first.kind == dedup.KEPT]] = True
    scored = rank.score(absolute, pool, reference, params)
    groups = repeats.cover(_best_first(scored.total[rows]))

    keeper = np.arange(columns.n)
    keeper[rows] = rows[groups.keeper]
    kind = np.zeros(columns.n, np.int64)
    kind[rows] = groups.kind
    lost = np.flatnonzero(kind != dedup.KEPT)
    names = _keeper_texts(columns, keeper, lost, video_names)
    phash = columns.ints("phash").view(np.uint64)  # bitwise_count takes abs() of signed numbers
    bits = np.bitwise_count(phash ^ phash[keeper])
    apart = np.abs(columns.floats("time_s") - columns.floats("time_s")[keeper])
    hashed = columns.flags("has_phash")
    bit_texts: Objects = np.full(columns.n, "", object)
    bit_texts[lost] = [f"{b} bits" if h else "no hash"
                       for b, h in zip(bits[lost].tolist(), hashed[lost].tolist(), strict=True)]
    ledger.close(kind == dedup.EXACT, "duplicate_exact", keeper=names)
    ledger.close(kind == dedup.BURST, "duplicate_burst", keeper=names, value=apart, bits=bit_texts)
    ledger.close(kind == dedup.NEAR, "duplicate_near", keeper=names, value=bits.astype(np.int64),
                 limit=params.near_hash)
    ledger.close(kind == dedup.SUBJECT, "duplicate_subject", keeper=names, value=apart)
    ledger.close(kind == dedup.CROP, "duplicate_crop", keeper=names)
    frame_id = columns.ints("frame_id")
    return scored, np.where(kind != dedup.KEPT, frame_id[keeper], 0)


def _keeper_texts(
    columns: Columns, keeper: Ints, lost: Ints, video_names: Mapping[int, str]
) -> Objects:
    """Return (n,) texts such as "holiday.mp4 at 12.40 s" for the frames that lost."""
    texts: Objects = np.full(columns.n, "", object)
    videos = columns.ints("video")[keeper[lost]].tolist()
    times = columns.floats("time_s")[keeper[lost]].tolist()
    texts[lost] = [
        f"{video_names.get(video, f'video {video}')} at {time_s:.2f} s"
        for video, time_s in zip(videos, times, strict=True)
    ]
    return texts


def _best_first(total: Floats) -> Ints:
    """Return positions by falling score; ties keep the order of frame keys."""
    return np.argsort(-np.nan_to_num(total, nan=-1.0), kind="stable")
