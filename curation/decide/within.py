"""Which frames of one video repeat each other: every pair compared, once, and kept as bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from curation.decide.columns import Bools, Ints
from curation.decide.hamming import Hashes
from curation.decide.likeness import Likeness

if TYPE_CHECKING:
    from curation.params import DedupParams

CHUNK = 256
REACH = 8
"""Chunks before and after its own that a frame is compared with: all of a video of up to 2300
frames, a quarter of an hour either way of a longer one. Beyond it only hashes speak."""

Bits = npt.NDArray[np.uint8]


class Within:
    """Neighbours inside one video, where pose and expression can overrule the hash.

    Alike are frames that show the same subject again (see Likeness), and frames whose hashes
    are close unless pose, expression or head angle clearly differ. The relation depends on no
    order, so it is worked out once per video, when first asked for.
    """

    def __init__(
        self,
        video: Ints,
        segment: Ints,
        time_us: Ints,
        phash: Hashes,
        hashed: Bools,
        likeness: Likeness,
        params: DedupParams,
        reach: int | None = None,
    ) -> None:
        """Sort frames by video and time; all arrays are (n,).

        Args:
            reach: chunks before and after its own that a frame is compared with, REACH by
                default. With another one, only what the last video was asked for is kept.
        """
        self.likeness, self.params = likeness, params
        self.reach, self._keeps = (REACH, True) if reach is None else (reach, False)
        self.segment, self.phash, self.hashed = segment, phash, hashed
        self.by_video: Ints = np.lexsort((time_us, video))
        ordered = video[self.by_video]
        edges = np.flatnonzero(np.diff(ordered)) + 1
        self.starts: Ints = np.concatenate([[0], edges, [len(video)]]).astype(np.int64)
        self.number: Ints = np.zeros(len(video), np.int64)
        self.number[self.by_video] = np.searchsorted(edges, np.arange(len(video)), "right")
        self.place: Ints = np.zeros(len(video), np.int64)
        self.place[self.by_video] = np.arange(len(video)) - self.starts[self.number[self.by_video]]
        measured = np.bincount(self.number[likeness.measured], minlength=len(self.starts) - 1)
        self.judged: Bools = (measured >= 2)[self.number] if len(video) else measured > 1
        self._relations: dict[int, list[Bits]] = {}

    def settles(self, one: Ints, other: Ints) -> Bools:
        """Return (k,) whether the pairs are among those that `neighbours` answers for."""
        near = np.abs(self.place[one] // CHUNK - self.place[other] // CHUNK) <= self.reach
        return np.asarray((self.number[one] == self.number[other]) & self.judged[one] & near)

    def neighbours(self, block: Ints, alive: Bools, limit: int | None) -> tuple[Ints, Ints] | None:
        """Return pairs (position in block, frame), self excluded; None when there are too many.

        Args:
            block: frames.
            alive: (n,) frames that may be answered.
            limit: most pairs.
        """
        sources: list[Ints] = []
        others: list[Ints] = []
        n_pairs = 0
        asked = np.flatnonzero(self.judged[block])
        asked = asked[np.lexsort((self.place[block[asked]], self.number[block[asked]]))]
        cell = self.number[block[asked]] * (1 << 32) + self.place[block[asked]] // CHUNK
        for at in np.split(asked, np.flatnonzero(np.diff(cell)) + 1):
            if not len(at):
                continue
            video, place = int(self.number[block[at[0]]]), self.place[block[at]]
            chunk = int(place[0]) // CHUNK
            members = self._window(video, chunk)
            packed = self._relation(video)[chunk][place - chunk * CHUNK]
            found = np.unpackbits(packed, axis=1, count=len(members)).view(np.bool_)
            row, column = np.nonzero(found & alive[members])
            n_pairs += len(row)
            if limit is not None and n_pairs > limit:
                return None
            sources.append(at[row])
            others.append(members[column])
        none = np.zeros(0, np.int64)
        return np.concatenate([none, *sources]), np.concatenate([none, *others])

    def _members(self, video: int, low: int, high: int) -> Ints:
        start, end = int(self.starts[video]), int(self.starts[video + 1])
        return self.by_video[start + low : min(end, start + high)]

    def _window(self, video: int, chunk: int) -> Ints:
        low = max(0, chunk - self.reach)
        return self._members(video, low * CHUNK, (chunk + self.reach + 1) * CHUNK)

    def _relation(self, video: int) -> list[Bits]:
        """Return for each chunk of a video its rows of bits over the chunk's window."""
        if video not in self._relations:
            if not self._keeps:
                self._relations.clear()
            n_frames = int(self.starts[video + 1] - self.starts[video])
            chunks = range(-(-n_frames // CHUNK))
            if len(chunks) <= self.reach + 1:
                self._relations[video] = self._whole(video, n_frames)
            else:
                self._relations[video] = [
                    np.packbits(
                        self._compare(
                            self._members(video, c * CHUNK, (c + 1) * CHUNK),
                            self._window(video, c),
                        ),
                        axis=1,
                    )
                    for c in chunks
                ]
        return self._relations[video]

    def _whole(self, video: int, n_frames: int) -> list[Bits]:
        """Return all rows of a video that fits one window; each pair is compared only once."""
        alike = np.zeros((n_frames, n_frames), np.bool_)
        for low in range(0, n_frames, CHUNK):
            rows = self._members(video, low, low + CHUNK)
            others = self._members(video, low, n_frames)
            part = self._compare(rows, others)
            alike[low : low + len(rows), low:] = part
            alike[low:, low : low + len(rows)] = part.T
        packed = np.packbits(alike, axis=1)
        return [packed[low : low + CHUNK] for low in range(0, n_frames, CHUNK)]

    def _compare(self, rows: Ints, others: Ints) -> Bools:
        """Return (rows, others) bool: alike, apart from nearness in time."""
        differ, alike = self.likeness.grid(rows, others)
        bits = np.bitwise_count(self.phash[rows, None] ^ self.phash[None, others])
        close = bits <= self.params.near_hash
        if self.params.burst_hash > self.params.near_hash:
            same_shot = self.segment[rows, None] == self.segment[None, others]
            close |= (bits <= self.params.burst_hash) & same_shot
        close &= ~differ
        close &= self.hashed[rows, None] & self.hashed[None, others]
        found = alike | close
        found &= rows[:, None] != others[None, :]
        return np.asarray(found)
