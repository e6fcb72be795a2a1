"""People's marks over the machine's decisions: what they say holds, the rest closes up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from curation.decide.reasons import REASONS

PICKED, REJECTED = "picked_by_hand", "rejected_by_hand"


def overlay(
    rows: Iterable[Mapping[str, Any]], marks: Mapping[int, tuple[int, int]]
) -> Iterator[dict[str, Any]]:
    """Yield the decisions that marks make different.

    A pick is picked and a reject is out, whatever the machine says. Within a pool picks with more
    stars come first; then those of the machine in its order, then the others by score.

    Args:
        rows: the machine's decision about every frame that it picked or that has a mark.
        marks: frame id -> (flag -1..1, stars 0..5).
    """
    pools: dict[str, list[dict[str, Any]]] = {}
    before = {row["frame_id"]: dict(row) for row in rows}
    after = {}
    for frame_id, row in before.items():
        flag, _ = marks.get(frame_id, (0, 0))
        new = after[frame_id] = _marked(row, flag) if flag else dict(row)
        if new["verdict"] == "picked":
            pools.setdefault(new["pool"], []).append(new)
    for picks in pools.values():
        picks.sort(key=lambda row: _place(row, marks.get(row["frame_id"], (0, 0))[1]))
        for rank, row in enumerate(picks, start=1):
            row["rank"] = rank
    yield from (row for frame_id, row in after.items() if row != before[frame_id])


def _marked(row: Mapping[str, Any], flag: int) -> dict[str, Any]:
    reason = REASONS[PICKED if flag > 0 else REJECTED]
    found = reason.template.format(machine=row["detail"] or row["reason"])
    rank = row["rank"] if flag > 0 else None
    return {
        **row, "verdict": reason.verdict, "reason": reason.code, "detail": found, "rank": rank
    }


def _place(row: Mapping[str, Any], stars: int) -> tuple[Any, ...]:
    rank, score = row["rank"], row["score"]
    return (
        -stars,
        math.inf if rank is None else rank,
        math.inf if score is None else -score,
        row["frame_id"],
    )
