"""Marks as pages send them: checked, told which frames are meant, written; in either process.

A few frames are marked by the server at once. What concerns many, or a query, goes to the helper
process, so that no picture waits behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from curation.errors import CurationError
from curation.store.catalogue import Catalogue
from curation.store.mark_ops import MarkOps, Op, Step, existing
from curation.store.marks import Ids, MarkTable

MOST_OPS = 500
MOST_ITEMS = 400_000
FEW = 2_000
"""Frames up to which an op is done in the server itself: some milliseconds."""
MOST_NOTE, MOST_TAG, MOST_WORD = 4000, 60, 80
LARGEST_ID = 2**53 - 1

Select = Callable[[dict[str, Any]], Ids]


class AskedOp(BaseModel):
    """One op as a page sends it; exactly one of frames, ranges and query says on what."""

    model_config = ConfigDict(extra="ignore", strict=True)

    id: str = Field(min_length=1, max_length=MOST_WORD)
    kind: Literal["flag", "stars", "label", "tag", "untag", "note"]
    value: int | str
    frames: list[int] | None = Field(None, max_length=MOST_ITEMS)
    ranges: list[list[int]] | None = Field(None, max_length=MOST_ITEMS)
    query: dict[str, Any] | None = None
    expect: int | None = None


class AskedOps(BaseModel):
    """Ops of one browser, in their order."""

    model_config = ConfigDict(extra="ignore", strict=True)

    client: str = Field(min_length=1, max_length=MOST_WORD)
    who: str = Field("", max_length=MOST_WORD)
    ops: list[AskedOp] = Field(max_length=MOST_OPS)

    def is_small(self) -> bool:
        """Return whether the server may do it at once."""
        if any(op.query is not None for op in self.ops):
            return False
        named = sum(len(op.frames or ()) for op in self.ops)
        spans = [abs(r[-1] - r[0]) + 1 for op in self.ops for r in op.ranges or () if r]
        return named + sum(spans) <= FEW


def in_words(asked: AskedOps) -> dict[str, Any]:
    """Return what ops say, short enough for a log: kinds, values, how many frames."""
    kinds = sorted({op.kind for op in asked.ops})
    values = list(dict.fromkeys(str(op.value)[:60] for op in asked.ops))[:10]
    spans = sum(abs(r[-1] - r[0]) + 1 for op in asked.ops for r in op.ranges or () if r)
    frames = sum(len(op.frames or ()) for op in asked.ops) + spans
    told = {"ops": len(asked.ops), "kinds": kinds, "values": values, "frames": frames}
    if any(op.query is not None for op in asked.ops):
        told["by_query"] = True
    first = next((op.frames[0] for op in asked.ops if op.frames), None)
    return told | ({"first_frame": first} if first is not None else {}) | (
        {"signed": asked.who} if asked.who else {}
    )


class AskedClient(BaseModel):
    """Which browser wants its last op undone, or done again; of the same id only once."""

    model_config = ConfigDict(extra="ignore", strict=True)

    client: str = Field(min_length=1, max_length=MOST_WORD)
    id: str = Field("", max_length=MOST_WORD)


@dataclass(frozen=True, slots=True)
class Write:
    """Ask to do ops; answered with what the page is told."""

    asked: AskedOps


@dataclass(frozen=True, slots=True)
class Back:
    """Ask to undo a browser's last op, or to redo; answered with a store.mark_ops.Step."""

    client: str
    redo: bool
    step_id: str = ""


class Refused(CurationError):
    """An op that cannot be done; sending it again will not help."""


def do(catalogue: Catalogue, asked: AskedOps, select: Select | None = None) -> dict[str, Any]:
    """Do ops, all or none, and return what the page is told.

    Args:
        select: finds the frames of a query.

    Raises:
        Refused: one of them cannot be done; none is.
    """
    ops = [Op(op.id, op.kind, _value(op), _frames(catalogue, op, select)) for op in asked.ops]
    outcomes = MarkOps(catalogue).apply(asked.client, asked.who, ops)
    return {
        "revision": MarkTable(catalogue).revision(),
        "results": [asdict(outcome) for outcome in outcomes],
    }


def back(catalogue: Catalogue, asked: Back) -> Step:
    """Undo a browser's last op, or do it again.

    Raises:
        NothingThere: when there is none.
    """
    ops = MarkOps(catalogue)
    return (ops.redo if asked.redo else ops.undo)(asked.client, asked.step_id)


def _value(op: AskedOp) -> int | str:
    value = op.value
    if op.kind in ("flag", "stars", "label"):
        low, high = (-1, 1) if op.kind == "flag" else (0, 5)
        if not isinstance(value, int) or not low <= value <= high:
            raise Refused(f"{op.kind} is a number from {low} to {high}, not {value!r}")
        return value
    if not isinstance(value, str):
        raise Refused(f"a {op.kind} is a text, not {value!r}")
    most = MOST_NOTE if op.kind == "note" else MOST_TAG
    text = value.strip()
    if len(text) > most:
        raise Refused(f"this {op.kind} has {len(text)} letters, at most {most} are kept")
    if not text and op.kind != "note":
        raise Refused("a tag has at least one letter")
    return text


def _frames(catalogue: Catalogue, op: AskedOp, select: Select | None) -> Ids:
    if sum(named is not None for named in (op.frames, op.ranges, op.query)) != 1:
        raise Refused("say on which frames: by frames, by ranges or by a query")
    if op.query is not None:
        found = _selected(op.query, select)
    elif op.ranges is not None:
        found = MarkTable(catalogue).between(_ranges(op.ranges))
    else:
        found, missing = existing(catalogue, _ids(op.frames or []))
        if len(missing):
            raise Refused(f"there is no frame {missing[0]} any more; reload the page")
    if op.expect is not None and op.expect != len(found):
        raise Refused(
            f"the page meant {op.expect:,} frames and there are {len(found):,} now;"
            " nothing is marked: look again, then repeat it"
        )
    return found


def _selected(query: dict[str, Any], select: Select | None) -> Ids:
    if select is None:
        raise Refused("queries are not understood here")
    try:
        return np.sort(np.asarray(select(query), np.int64))
    except (CurationError, ValueError, KeyError) as error:
        raise Refused(f"this selection is not understood: {error}") from error


def _ranges(ranges: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    for pair in ranges:
        if len(pair) != 2 or not all(0 <= end <= LARGEST_ID for end in pair):
            raise Refused("a range is [first frame, last frame]")
    return [(pair[0], pair[1]) for pair in ranges]


def _ids(frames: list[int]) -> list[int]:
    if not all(0 <= frame <= LARGEST_ID for frame in frames):
        raise Refused("frames are named by their numbers")
    return frames
