"""From scored candidates to ranked picks: quotas first, then variety, then the top of each pool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from curation.decide import quota, rank
from curation.decide.columns import AnyArray, Columns, Floats, Ints, Objects
from curation.decide.diversity import Looks, choose
from curation.decide.pools import PICK_POOLS
from curation.decide.reasons import Ledger

if TYPE_CHECKING:
    from curation.params import QuotaParams

FACE_GAP_SHARE = 0.5
"""Faces change faster than bodies, so theirs may lie half as far apart."""


def close_quota(
    columns: Columns,
    pool: Objects,
    person: Ints,
    total: Floats,
    params: QuotaParams,
    ledger: Ledger,
    video_names: Mapping[int, str],
) -> Ints:
    """Close what the quotas of its video, shot, moment and person have no room for.

    Args:
        pool: (n,) pools.
        person: (n,) who it is; -1 where nobody knows.
        total: (n,) scores.
        video_names: names by video number, for the texts.

    Returns:
        (n,) position of the pick that took a frame's place; -1 for the others.
    """
    rows = _best_open(total, ledger)
    faces = np.asarray(pool[rows] == "face", np.bool_)
    numbers = {name: number for number, name in enumerate(PICK_POOLS)}
    pool_no = np.array([numbers[name] for name in pool[rows].tolist()], np.int64)
    _, video_no = np.unique(columns.ints("video")[rows], return_inverse=True)
    looks = _looks(columns, pool, rows, params)
    score = np.nan_to_num(total[rows])
    found = quota.allot(
        video_no * len(numbers) + pool_no,
        np.nan_to_num(columns.floats("time_s")[rows]),
        columns.ints("shot", -1)[rows],
        np.where(faces, params.per_video_face, params.per_video),
        np.where(faces, FACE_GAP_SHARE, 1.0),
        pool_no,
        person[rows],
        quota.Rules(params.per_person, round(params.budget * params.top)),
        None if looks is None else quota.Taste(score, looks, params.diversity),
    )
    lost = np.flatnonzero(~found.picked)
    rival = np.full(columns.n, -1, np.int64)
    rival[rows[lost]] = np.where(found.rival[lost] >= 0, rows[found.rival[lost]], -1)
    wide = _Wide(columns.n, rows)
    code = wide(found.code)
    names = _names(columns, rival, np.asarray(code == "diversity", np.bool_), video_names)
    fields = {"value": wide(found.value), "limit": wide(found.limit), "taken": wide(found.taken)}
    counts = {
        "value": np.nan_to_num(fields["value"]).astype(np.int64),
        "limit": np.nan_to_num(fields["limit"]).astype(np.int64),
        "taken": fields["taken"],
    }
    ledger.close(code == "quota_gap", "quota_gap", **fields)
    ledger.close(code == "quota_shot", "quota_shot", **counts)
    ledger.close(code == "quota_person", "quota_person", **counts)
    if looks is not None:
        at = lost[np.asarray(found.code[lost] == "diversity", np.bool_)]
        shared = _shared(columns.n, rows, at, found.rival, looks)
        ledger.close(code == "diversity", "diversity", value=fields["value"], pick=names,
                     shared=shared)
    ledger.close(code == "quota_video", "quota_video", taken=fields["taken"])
    return rival


def close_top(
    columns: Columns,
    pool: Objects,
    scored: rank.Score,
    params: QuotaParams,
    ledger: Ledger,
    video_names: Mapping[int, str],
) -> tuple[Ints, Ints]:
    """Pick the top of each pool, close everything, and rank the picks by score.

    Returns:
        (n,) ranks of picked frames, else 0; and (n,) position of the pick that took a frame's
        place, else -1.
    """
    n = columns.n
    ranks, place = np.zeros(n, np.int64), np.zeros(n, np.int64)
    rival = np.full(n, -1, np.int64)
    likeness: Floats = np.full(n, np.nan)
    passed = np.zeros(n, np.bool_)
    shared: Objects = np.full(n, "", object)
    rows = _best_open(scored.total, ledger)
    for name in PICK_POOLS:
        mine = rows[np.asarray(pool[rows] == name, np.bool_)]
        if not len(mine):
            continue
        crowded = len(mine) > params.top
        looks = _looks(columns, pool, mine, params) if crowded else None
        score = np.nan_to_num(scored.total[mine])
        found = choose(score, looks, params.top, params.diversity)
        place[mine] = np.arange(1, len(mine) + 1)
        ranks[mine[found.picked]] = np.arange(1, int(found.picked.sum()) + 1)
        lost = np.flatnonzero(~found.picked)
        rival[mine[lost]] = np.where(found.rival[lost] >= 0, mine[found.rival[lost]], -1)
        likeness[mine], passed[mine] = found.likeness, found.passed
        if looks is not None:
            shared[mine] = _shared(n, mine, np.flatnonzero(found.passed), found.rival, looks)[mine]
    names = _names(columns, rival, passed, video_names)
    ledger.close(passed, "diversity", value=likeness, pick=names, shared=shared)
    ledger.close(ledger.open & (ranks == 0), "below_top", value=place, pool=pool, limit=params.top)
    picked = np.flatnonzero(ledger.open)
    texts: Objects = np.full(n, "", object)
    texts[picked] = [rank.parts_text(scored.parts, row) for row in picked.tolist()]
    ledger.close(ledger.open.copy(), "picked", rank=ranks, pool=pool, parts=texts)
    return ranks, rival


class _Wide:
    """Put values of some rows into arrays over all rows."""

    def __init__(self, n: int, rows: Ints) -> None:
        self.n, self.rows = n, rows

    def __call__(self, values: AnyArray) -> AnyArray:
        wide = np.full(self.n, "", object) if values.dtype == object else np.zeros(
            self.n, values.dtype
        )
        wide[self.rows] = values
        return wide


def _best_open(total: Floats, ledger: Ledger) -> Ints:
    """Return open rows by falling score; ties keep the order of frame keys."""
    rows = np.flatnonzero(ledger.open)
    return rows[np.argsort(-np.nan_to_num(total[rows], nan=-1.0), kind="stable")]


def _looks(columns: Columns, pool: Objects, rows: Ints, params: QuotaParams) -> Looks | None:
    if params.diversity <= 0 or not len(rows):
        return None
    looks = Looks(columns, pool, rows)
    return looks if looks.useful else None


def _shared(n: int, rows: Ints, at: Ints, rival: Ints, looks: Looks) -> Objects:
    """Return (n,) texts of what some candidates share with their rivals."""
    texts: Objects = np.full(n, "", object)
    texts[rows[at]] = looks.texts(at, rival[at])
    return texts


def _names(
    columns: Columns, rival: Ints, where: AnyArray, video_names: Mapping[int, str]
) -> Objects:
    """Return (n,) texts such as "holiday.mp4 at 12.40 s" for the rivals of some frames."""
    texts: Objects = np.full(columns.n, "", object)
    at = np.flatnonzero(where & (rival >= 0))
    videos = columns.ints("video")[rival[at]].tolist()
    times = columns.floats("time_s")[rival[at]].tolist()
    texts[at] = [
        f"{video_names.get(video, f'video {video}')} at {time_s:.2f} s"
        for video, time_s in zip(videos, times, strict=True)
    ]
    return texts
