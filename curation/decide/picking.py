"""From scored candidates to ranked picks: quotas first, then variety, then the top of each pool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from curation.decide import quota, rank
from curation.decide.columns import AnyArray, Columns, Floats, Ints
from curation.decide.diversity import Looks, choose
from curation.decide.ledger import Ledger, Texts
from curation.decide.pools import NAMES, PICK_POOLS, among
from curation.decide.who import names_of

if TYPE_CHECKING:
    from curation.params import QuotaParams

FACE_GAP_SHARE = 0.5
"""Faces change faster than bodies, so theirs may lie half as far apart."""


def close_quota(
    columns: Columns,
    pool: AnyArray,
    person: Ints,
    total: Floats,
    params: QuotaParams,
    ledger: Ledger,
    video_names: Mapping[int, str],
    person_names: Mapping[int, str] | None = None,
) -> Ints:
    """Close what the quotas of its video, shot, moment and person have no room for.

    Args:
        pool: (n,) pools, by name or by position in POOLS.
        person: (n,) who it is; -1 where nobody knows.
        total: (n,) scores.
        video_names: names by video number, for the texts.
        person_names: names of persons by number, for the texts.

    Returns:
        (n,) position of the pick that took a frame's place; -1 for the others.
    """
    rows = _best_open(total, ledger)
    rows = rows[among(pool[rows], *PICK_POOLS)]
    faces = among(pool[rows], "face")
    pool_no = np.zeros(len(rows), np.int64)
    for number, name in enumerate(PICK_POOLS):
        pool_no[among(pool[rows], name)] = number
    video_no = columns.once("video number", lambda: np.unique(
        columns.ints("video"), return_inverse=True)[1])[rows]
    looks = _looks(columns, pool, rows, params)
    score = np.nan_to_num(total[rows])
    found = quota.allot(
        video_no * len(PICK_POOLS) + pool_no,
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
    place = np.full(columns.n, -1, np.int64)
    place[rows] = np.arange(len(rows))

    def taken(rows: Ints) -> list[str]:
        return found.taken_of(place[rows])

    for kind, code in enumerate(quota.CODES.tolist()):
        at = lost[found.kind[lost] == kind]
        if code in ("", "diversity"):
            continue
        value: AnyArray = found.value[at]
        limit: AnyArray = found.limit[at]
        if code != "quota_gap":
            value, limit = (np.nan_to_num(each).astype(np.int64) for each in (value, limit))
        said = {} if code != "quota_person" else {"who": names_of(person[rows[at]], person_names)}
        ledger.close_rows(rows[at], code, value=value, limit=limit, taken=taken, **said)
    at = lost[found.kind[lost] == quota.CODES.tolist().index("diversity")]
    if looks is not None:
        ledger.close_rows(rows[at], "diversity", value=found.value[at],
                          pick=moments(columns, rival, video_names),
                          shared=_shared(columns.n, rows, found.rival, looks))
    return rival


def close_top(
    columns: Columns,
    pool: AnyArray,
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
    ranks, rival = np.zeros(n, np.int64), np.full(n, -1, np.int64)
    rows = _best_open(scored.total, ledger)
    names = moments(columns, rival, video_names)
    for name in PICK_POOLS:
        mine = rows[among(pool[rows], name)]
        if not len(mine):
            continue
        crowded = len(mine) > params.top
        looks = _looks(columns, pool, mine, params) if crowded else None
        score = np.nan_to_num(scored.total[mine])
        found = choose(score, looks, params.top, params.diversity)
        ranks[mine[found.picked]] = np.arange(1, int(found.picked.sum()) + 1)
        lost = np.flatnonzero(~found.picked)
        rival[mine[lost]] = np.where(found.rival[lost] >= 0, mine[found.rival[lost]], -1)
        passed = np.flatnonzero(found.passed)
        ledger.close_rows(
            mine[passed], "diversity", value=found.likeness[passed], pick=names,
            shared="" if looks is None else _shared(n, mine, found.rival, looks),
        )
        below = np.flatnonzero(~found.picked & ~found.passed)
        ledger.close_rows(mine[below], "below_top", value=below + 1, pool=name, limit=params.top)

    def parts(picked: Ints) -> list[str]:
        return [rank.parts_text(scored.parts, row) for row in picked.tolist()]

    # A frame that is still open lies in no pool that picks come from.
    ledger.close(ledger.open & (ranks == 0), "below_top", value=0, pool=_pool_names(pool),
                 limit=params.top)
    ledger.close(ledger.open.copy(), "picked", rank=ranks, pool=_pool_names(pool), parts=parts)
    return ranks, rival


def _pool_names(pool: AnyArray) -> Texts:
    def texts(rows: Ints) -> list[str]:
        mine = pool[rows]
        return (mine if mine.dtype == object else NAMES[mine]).tolist()  # type: ignore[no-any-return]

    return texts


def _best_open(total: Floats, ledger: Ledger) -> Ints:
    """Return open rows by falling score; ties keep the order of frame keys."""
    rows = np.flatnonzero(ledger.open)
    return rows[rank.best_first(total[rows])]


def _looks(columns: Columns, pool: AnyArray, rows: Ints, params: QuotaParams) -> Looks | None:
    if params.diversity <= 0 or not len(rows):
        return None
    looks = Looks(columns, pool, rows)
    return looks if looks.useful else None


def _shared(n: int, candidates: Ints, rival: Ints, looks: Looks) -> Texts:
    """Return texts of what candidates share with their rivals.

    Args:
        n: number of all rows.
        candidates: (k,) rows; rival: (k,) positions among them; looks: of the same k.
    """
    place = np.full(n, -1, np.int64)
    place[candidates] = np.arange(len(candidates))

    def texts(rows: Ints) -> list[str]:
        return looks.texts(place[rows], rival[place[rows]])

    return texts


def moments(columns: Columns, other: Ints, video_names: Mapping[int, str]) -> Texts:
    """Return texts such as "holiday.mp4 at 12.40 s" of the frames that are named for rows.

    Args:
        other: (n,) position of the frame that is named for each row; -1 for none, which reads "".
    """
    video, time_s = columns.ints("video"), columns.floats("time_s")

    def texts(rows: Ints) -> list[str]:
        at = other[rows]
        return [
            f"{video_names.get(number, f'video {number}')} at {second:.2f} s" if there else ""
            for number, second, there in zip(
                video[at].tolist(), time_s[at].tolist(), (at >= 0).tolist(), strict=True
            )
        ]

    return texts
