"""A long video in pieces that several workers extract at once, with the rows of an undivided run.

A piece begins where an undivided run would end a chunk: at the first picture of a 10 s stretch that
also begins a sampling window. All that such a run knows there follows from the packet times, but
three things: how many pictures were sound, how many were damaged, and how the last still looked.
So a piece begins with a supposed carry, and `joins` compares it with the true one as soon as the
piece before has come to its end. Where they differ (damage near the border, or a first still that
repeats the last one before it) the supposition is dropped and the video goes on undivided.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from curation.params import ExtractParams
from curation.video.carry import Carry
from curation.video.readers import open_reader
from curation.video.sampling import Windows, asked_range
from curation.video.shots import REACH, WARM
from curation.video.still import CELLS

if TYPE_CHECKING:
    from curation.video.extract import Chunk, ExtractTask

MODES = ("sharpest", "fps", "every")


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece.

    Attributes:
        carry: to begin with; None for the beginning of the video.
        last_pts: last picture before the next piece, None for the end.
    """

    carry: bytes | None
    last_pts: int | None


def may_divide(params: ExtractParams) -> bool:
    """Return whether a sampling mode can be extracted in pieces."""
    return params.mode in MODES and params.reader == "pyav"


def plan(task: ExtractTask, count: int) -> list[Piece]:
    """Return up to `count` pieces of about one length that make up a task; one if it is too short.

    Reads the packets of the file.
    """
    from curation.video.extract import CHUNK_S

    whole = [Piece(task.carry, None)]
    info, params, digest = task.info, task.params, task.digest()
    begun = Carry(digest) if task.carry is None else Carry.unpack(task.carry, digest)
    if count < 2 or begun.damaged or info.interlaced or not may_divide(params):
        return whole
    with open_reader(task.path, info, params.reader) as reader:
        index, left = reader.index, reader.leaves(params)
    first, last = asked_range(params, info)
    pts = index.pts[(index.pts >= first) & (index.pts <= (index.pts[-1] if last is None else last))]
    pts = pts[~np.isin(pts, np.fromiter(left, np.int64, len(left)))]
    windows = Windows(info.start_pts, info.time_base, params.fps)
    stretch = Windows(info.start_pts, info.time_base / CHUNK_S, 1)
    windowed = params.mode != "every"
    start = 0 if begun.after_pts is None else int(np.searchsorted(pts, begun.after_pts, "right"))
    pieces, carry, next_at = [], task.carry, start + (len(pts) - start) / count
    for i in range(max(start, 0) + 2 * WARM, len(pts)):
        here, before = int(pts[i]), int(pts[i - 1])
        if i < next_at or stretch.of(here) == stretch.of(before) or index.landing(here) is None:
            continue
        if windowed and windows.of(here) == windows.of(before):
            continue
        pieces.append(Piece(carry, before))
        supposed = Carry(
            digest,
            after_pts=before,
            recent_pts=[int(p) for p in pts[i - WARM : i]],
            scored_pts=int(pts[i - REACH]),
            window=windows.of(before) if windowed else None,
        )
        carry = supposed.pack()
        next_at = i + (len(pts) - start) / count
    return [*pieces, Piece(carry, None)]


def ends(chunk: Chunk, piece: Piece, digest: str) -> bool:
    """Return whether a piece is over with a chunk."""
    after = Carry.unpack(chunk.carry, digest).after_pts
    return piece.last_pts is not None and after is not None and after >= piece.last_pts


def joins(true: bytes, piece: Piece, first_still: bytes | None, task: ExtractTask) -> bool:
    """Return whether a piece goes on where the one before has truly ended.

    Args:
        true: carry of the last chunk before the piece.
        first_still: signature of the first still that the piece has stored, None if it has none.
    """
    if piece.carry is None:
        return False
    digest = task.digest()
    have, want = Carry.unpack(true, digest), Carry.unpack(piece.carry, digest)
    if have.damaged or have != replace(
        want, decoded=have.decoded, damaged=have.damaged, last_still=have.last_still
    ):
        return False
    if have.last_still is None or first_still is None:
        return True
    cells = np.frombuffer(first_still, np.uint8).reshape(CELLS, CELLS)
    change = np.abs(cells.astype(np.int16) - have.last_still).max()
    return bool(change > task.params.frozen_change)


def joined(chunk: Chunk, true: bytes, task: ExtractTask) -> Chunk:
    """Return a chunk of a piece as an undivided run would have given it.

    Args:
        true: carry at the end of the piece before.
    """
    digest = task.digest()
    before, carry = Carry.unpack(true, digest), Carry.unpack(chunk.carry, digest)
    carry.decoded += before.decoded
    carry.damaged += before.damaged
    if carry.last_still is None:
        carry.last_still = before.last_still
    return replace(chunk, carry=carry.pack(), decoded=carry.decoded, errors=carry.damaged)
