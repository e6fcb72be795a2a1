"""The driver's side of a video that several workers extract in pieces; see video.pieces.

What pieces give is stored strictly in their order, so that the catalogue always holds the beginning
of the video and a carry to go on with: killed at any moment, it ends as one that was not. Pieces
behind the one that is being stored wait in memory, their stills in folders of their own.
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from curation.params import ExtractParams

if TYPE_CHECKING:
    from curation.video.extract import Chunk, ExtractTask
    from curation.video.pieces import Piece

DIVIDE_S = 600.0
"""Seconds of video from which one is divided where there are fewer videos than workers, and about
the length of a piece of a longer one."""
FOLDER = ".piece"


def count(length_s: float, workers: int, params: ExtractParams) -> int:
    """Return into how many pieces to divide a video for some workers; 1 for not at all."""
    from curation.video.pieces import may_divide

    if workers < 2 or length_s <= DIVIDE_S or not may_divide(params):
        return 1
    return max(workers, round(length_s / DIVIDE_S))


def sweep(out_dir: Path) -> None:
    """Remove what pieces of an earlier run have left."""
    for folder in out_dir.glob(f"{FOLDER}*"):
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Division:
    """One video in pieces.

    Attributes:
        task: the undivided one.
        ahead: pieces given out beyond the one being stored, at most.
        true: carry of the last chunk that was stored, None before the first.
    """

    task: ExtractTask
    pieces: list[Piece]
    ahead: int
    true: bytes | None = None
    current: int = 0
    given: int = 0
    over: bool = False
    _base: bytes | None = None
    _joined: bool = True
    _waiting: dict[int, deque[Chunk]] = field(default_factory=dict)
    _ended: set[int] = field(default_factory=set)

    def ready(self) -> Iterator[tuple[int, ExtractTask]]:
        """Yield the pieces that may be given out now, each with its task."""
        while self.given < min(len(self.pieces), self.current + self.ahead + 1):
            number, self.given = self.given, self.given + 1
            folder = self.task.out_dir
            if number:
                folder = folder / f"{FOLDER}{number}"
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
            yield number, replace(self.task, out_dir=folder, carry=self.pieces[number].carry)

    def take(self, number: int, chunk: Chunk) -> None:
        """Note a chunk of a piece."""
        self._waiting.setdefault(number, deque()).append(chunk)

    def end(self, number: int) -> None:
        """Note that a piece is over."""
        self._ended.add(number)

    def storable(self) -> Iterator[Chunk]:
        """Yield what can be stored now, in order, its stills in place.

        After it `over` tells that the rest does not join: the video goes on undivided.
        """
        from curation.video.pieces import joined, joins

        while not self.over and self.current < len(self.pieces):
            waiting = self._waiting.setdefault(self.current, deque())
            ended = self.current in self._ended
            if not self._joined:
                still = next((c.first_still for c in waiting if c.first_still is not None), None)
                if still is None and not ended:
                    return
                piece = self.pieces[self.current]
                if self.true is None or not joins(self.true, piece, still, self.task):
                    self.over = True
                    return
                self._base, self._joined = self.true, True
            while waiting:
                chunk = waiting.popleft()
                if self._base is not None:
                    chunk = joined(chunk, self._base, self.task)
                    self._bring(chunk)
                self.true = chunk.carry
                yield chunk
            if not ended:
                return
            if self.current:
                shutil.rmtree(self.task.out_dir / f"{FOLDER}{self.current}", ignore_errors=True)
            self.current, self._joined = self.current + 1, False

    def _bring(self, chunk: Chunk) -> None:
        """Put the stills of a piece where those of the video are."""
        for frame in chunk.frames:
            if frame.file is None:
                continue
            made = self.task.out_dir / f"{FOLDER}{self.current}" / frame.file
            if made.exists():
                made.replace(self.task.out_dir / frame.file)
            else:  # not to be kept: nor is one of an earlier extraction
                (self.task.out_dir / frame.file).unlink(missing_ok=True)
