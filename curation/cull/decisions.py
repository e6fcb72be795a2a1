"""Groups of the last run as decisions about the review's frames: stacks, verdicts, reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from curation.decide.reasons import REASONS
from curation.store.catalogue import Catalogue
from curation.store.cull import CullTable, Group, Member, Run
from curation.store.decisions import DecisionRow, DecisionTable

POOL = "none"
"""Pool of a photo that was not sorted by who is in it."""
PARTS = ("sharpness", "margin", "clipped", "eyes", "stars")
"""Facts of a member that a decision keeps as what its score is made of."""


def decide_frames(catalogue: Catalogue) -> int:
    """Let the review's frames say what the last run of `group` found; return how many do.

    Every frame whose file was looked at gets a decision; the keeper of its group is its stack.
    Frames of other files keep theirs. Without a run or a review nothing happens.
    """
    table, decisions = CullTable(catalogue), DecisionTable(catalogue)
    latest, frames = table.latest(), table.frames()
    if latest is None or not frames:
        return 0
    run, groups = latest
    before = {row["frame_id"]: row for row in decisions.each()}
    pools = {frame: row["pool"] for frame, row in before.items()}
    rows = {row.frame_id: row for row in _rows(run, groups, frames, pools)}
    folders = [Path(folder).expanduser().absolute() for folder in run.folders]
    for path, frame in frames.items():
        if frame not in rows and any(path.is_relative_to(folder) for folder in folders):
            rows[frame] = _row(frame, pools.get(frame, POOL), "cull_alone")
    for frame, row in before.items():
        if frame not in rows:
            rows[frame] = DecisionRow(**{k: row[k] for k in DecisionRow.__slots__})
    decisions.replace(rows[frame] for frame in sorted(rows))
    return len(rows)


def _rows(
    run: Run, groups: list[Group], frames: Mapping[Path, int], pools: Mapping[int, str]
) -> Iterator[DecisionRow]:
    """Yield a row for each member that has a frame, by its file or by its twins'."""
    for group in groups:
        known = [(member, _frame(member, frames)) for member in group.members]
        keeper = known[0][1]
        for rank, (member, frame) in enumerate(known):
            if frame is not None:
                yield _told(run, group, member, frame, keeper, rank, pools.get(frame, POOL))


def _told(
    run: Run, group: Group, member: Member, frame: int, keeper: int | None, rank: int, pool: str
) -> DecisionRow:
    facts = member.facts
    code = {"keep": "cull_kept", "tie": "cull_tie", "reject": f"cull_{_kind(group, member)}"}[
        member.verdict
    ]
    code = "cull_best" if rank == 0 and member.verdict == "keep" else code
    fields: dict[str, Any] = {
        "why": member.reason,
        "keeper": group.keeper.path.name,
        "value": "?" if member.distance is None else f"{member.distance:g}",
        "limit": _limit(run, group),
    }
    # A keeper must be on top of its stack: scores fall with the rank.
    score = 1.0 / (1 + rank)
    parts = {name: float(facts[name]) for name in PARTS if facts.get(name) is not None}
    return _row(
        frame, pool, code, fields, score=score, rank=rank + 1 if member.verdict == "keep" else None,
        keeper=None if rank == 0 else keeper, parts=parts,
    )  # fmt: skip


def _row(
    frame: int, pool: str, code: str, fields: Mapping[str, Any] | None = None, *,
    score: float | None = None, rank: int | None = None, keeper: int | None = None,
    parts: Mapping[str, float] | None = None,
) -> DecisionRow:
    reason = REASONS[code]
    detail = reason.template.format(**(fields or {}))
    detail = detail.encode("utf-8", "backslashreplace").decode()  # a name need not be text
    return DecisionRow(
        frame, pool, reason.verdict, code, detail, score, rank, keeper, dict(parts or {})
    )


def _frame(member: Member, frames: Mapping[Path, int]) -> int | None:
    files = [member.path, *(member.path.with_name(name) for name in member.facts.get("with", ()))]
    return next((frames[file] for file in files if file in frames), None)


def _kind(group: Group, member: Member) -> str:
    if group.kind == "exact" or member.facts.get("same"):
        return "exact"
    return "burst" if group.kind == "burst" else "near"


def _limit(run: Run, group: Group) -> str:
    limit = run.params.get("limits", {}).get(group.kind)
    return "?" if limit is None else f"{limit:g}"
