"""Which frames repeat a better one: star groups whose centre is the keeper, never chains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curation.decide.columns import Bools, Columns, Floats, Ints
from curation.decide.hamming import HammingIndex, Hashes, Subset
from curation.decide.likeness import Likeness
from curation.decide.times import micros, ranges, segments
from curation.decide.within import Within

if TYPE_CHECKING:
    from curation.params import DedupParams

KEPT, EXACT, BURST, NEAR, SUBJECT, CROP = range(6)
LIMITS = ("burst_s", "burst_hash", "near_hash", "near_look", "near_pose", "near_expression",
          "near_head")
"""Parameters that repetition depends on."""

_FIRST_BLOCK, _LARGEST_BLOCK = 32, 2048
_PAIR_LIMIT = 4_000_000
_SHOT_BITS = 40


@dataclass(frozen=True, slots=True)
class Groups:
    """Star groups.

    Attributes:
        keeper: (n,) position of the frame that stands for each; its own where it stands itself.
        kind: (n,) KEPT, EXACT, BURST, NEAR, SUBJECT or CROP: how the frame repeats its keeper.
    """

    keeper: Ints
    kind: Ints


def group(
    columns: Columns, best_first: Ints, params: DedupParams, pairs: Ints | None = None
) -> Groups:
    """Cover frames by stars, see `Repeats`."""
    return Repeats(columns, params, pairs).cover(best_first)


class Repeats:
    """Frames that are prepared for being covered by stars, in one order or another.

    Two frames are alike when they are

    * of one burst: same video and shot, and at most burst_s apart or within burst_hash bits;
    * the same picture: within near_hash bits, any videos (equal pixels have equal hashes);
    * the same subject again: same video, a subject that looks the same in the same pose, with
      the same expression (see Likeness);
    * one picture cropped or zoomed: pairs that geometry verified.

    Within one video only nearness in time stands by itself; for the others pose, expression or
    head angle must not clearly differ, or a talking head would be one picture for an hour.
    Frames for which none of that was measured are judged by time and hash alone.

    "Alike" is not transitive: a pan changes a little with each frame. Therefore a frame only
    ever falls to a keeper that it is itself alike to, and no two keepers are alike (culling
    research, section 4: stars against chains).

    The work across videos is one neighbour query per keeper, so a thousand copies of one picture
    cost one query, and 240,000 different pictures take seconds. Within a video every pair is
    compared once, at most 2300 frames apart.
    """

    def __init__(
        self, columns: Columns, params: DedupParams, pairs: Ints | None = None,
        wide: int | None = None, least_look: Floats | None = None,
    ) -> None:
        """Sort times and hashes, read the measures of subjects.

        Args:
            columns: n frames with video, shot, time_s, phash, has_phash, pixels, and what
                Likeness reads.
            params: distances.
            pairs: (m, 2) positions of frames that geometry found to be one picture.
            wide: take for alike whatever can be so among some of the frames: subjects this many
                chunks apart (see Within).
            least_look: as in Likeness.
        """
        self.params = params
        self.hashed = columns.flags("has_phash")
        self.phash: Hashes = columns.ints("phash").view(np.uint64)
        self.pixels = columns.ints("pixels")
        self.has_pixels = self.hashed & ("pixels" in columns)
        self.segment = segments(columns)
        self.time_us = micros(columns.floats("time_s"))
        self.burst_us = round(params.burst_s * 1e6)
        self.likeness = Likeness(columns, params, least_look)
        self.video = columns.ints("video")
        self.within: Within | None = None
        if self.likeness.measured.any():
            self.within = Within(
                self.video,
                self.segment,
                self.time_us,
                self.phash,
                self.hashed,
                self.likeness,
                params,
                wide,
            )
        self._sort_times()
        self._sort_hashes()
        self._sort_pairs(np.zeros((0, 2), np.int64) if pairs is None else pairs)
        self._whole: Subset | None = None

    def cover(self, best_first: Ints) -> Groups:
        """Cover all frames: best first, each frame not yet covered keeps and covers its like.

        Args:
            best_first: (n,) positions, best score first, ties already broken.
        """
        self._begin(best_first)
        self._take_blocks()
        return Groups(self.keeper, self.kind)

    def _begin(self, best_first: Ints) -> None:
        n = len(self.phash)
        self.order = best_first
        self.rank: Ints = np.empty(n, np.int64)
        self.rank[best_first] = np.arange(n)
        self.alive: Bools = np.ones(n, np.bool_)
        self.keeper: Ints = np.arange(n)
        self.kind: Ints = np.zeros(n, np.int64)
        if self._whole is None:
            self._whole = self._make_index(np.arange(len(self.unique_hashes)))
        self.index = self._whole

    def alike(self, one: Ints, other: Ints) -> Bools:
        """Return (k,) whether pairs of positions are alike, one pair at a time.

        What `cover` goes by, apart from the reach inside very long videos (see Within).
        """
        same_video = self.video[one] == self.video[other]
        in_time, close = self.close(one, other)
        told_apart, again = np.zeros((2, len(one)), np.bool_)
        told_apart[same_video] = self.likeness.differ(one[same_video], other[same_video])
        again[same_video] = self.likeness.again(one[same_video], other[same_video])
        return np.asarray(in_time | again | (close & ~told_apart))

    def close(self, one: Ints, other: Ints) -> tuple[Bools, Bools]:
        """Return (k,) whether pairs are of one moment, and whether their pictures are close."""
        same_shot = self.segment[one] == self.segment[other]
        limit = np.where(
            same_shot, max(self.params.near_hash, self.params.burst_hash), self.params.near_hash
        )
        bits = np.bitwise_count(self.phash[one] ^ self.phash[other])
        close = self.hashed[one] & self.hashed[other] & (bits <= limit)
        close |= self._matched_pair(one, other)
        in_time = same_shot & (np.abs(self.time_us[one] - self.time_us[other]) <= self.burst_us)
        return np.asarray(in_time), np.asarray(close)

    def _matched_pair(self, one: Ints, other: Ints) -> Bools:
        if not len(self.pair_keys):
            return np.zeros(len(one), np.bool_)
        return np.isin(one * len(self.phash) + other, self.pair_keys)

    def _take_blocks(self) -> None:
        """Take frames best first in blocks; blocks are small while keepers cover many."""
        at, size = 0, _FIRST_BLOCK
        while at < len(self.order):
            ahead = self.order[at : at + 4 * size]
            block = ahead[self.alive[ahead]][:size]
            if not len(block):
                at += len(ahead)
                continue
            pairs = self._alike(block)
            while pairs is None:
                size = max(1, len(block) // 4)
                block = block[:size]
                pairs = self._alike(block)
            n_covered = self._settle(block, *pairs)
            at = int(self.rank[block[-1]]) + 1
            if n_covered < 4 * len(block) and len(pairs[0]) < _PAIR_LIMIT // 16:
                size = min(_LARGEST_BLOCK, 2 * size)
            elif n_covered > 64 * len(block):
                size = max(_FIRST_BLOCK, size // 2)
            self._shrink_index()

    def _settle(self, block: Ints, source: Ints, other: Ints) -> int:
        """Settle a block: find its keepers in order and give them all that is like them.

        Args:
            block: frames, best first.
            source, other: pairs (position in block, frame) of frames that are alike.
        """
        slot = np.searchsorted(self.rank[block], self.rank[other])
        slot = np.where(slot < len(block), slot, 0)
        within = (block[slot] == other) & (slot > source)
        keeps = np.ones(len(block), np.bool_)
        inner = np.flatnonzero(within)
        inner = inner[np.argsort(source[inner], kind="stable")]
        heads, starts = np.unique(source[inner], return_index=True)
        ends = np.append(starts, len(inner))[1:]
        for head, start, end in zip(heads.tolist(), starts.tolist(), ends.tolist(), strict=True):
            if keeps[head]:
                keeps[slot[inner[start:end]]] = False

        self.alive[block[keeps]] = False
        covers = np.flatnonzero(keeps[source] & self.alive[other])
        # A frame like two keepers goes to the better one: written last, as numpy keeps the last.
        covers = covers[np.argsort(-source[covers], kind="stable")]
        losers, keepers = other[covers], block[source[covers]]
        self.keeper[losers] = keepers
        lost = np.unique(losers)
        self.alive[lost] = False
        self.kind[lost] = self.kinds(lost, self.keeper[lost])
        return len(lost)

    def kinds(self, loser: Ints, keeper: Ints) -> Ints:
        """Name each repetition by the strongest relation that holds."""
        same_pixels = (
            self.has_pixels[loser]
            & self.has_pixels[keeper]
            & (self.pixels[loser] == self.pixels[keeper])
            & (self.phash[loser] == self.phash[keeper])
        )
        bits = np.bitwise_count(self.phash[loser] ^ self.phash[keeper])
        near = self.hashed[loser] & self.hashed[keeper] & (bits <= self.params.near_hash)
        matched = self._matched_pair(loser, keeper)
        return np.select(
            [same_pixels, self.is_burst(loser, keeper), near, matched],
            [EXACT, BURST, NEAR, CROP],
            SUBJECT,
        )

    def is_burst(self, a: Ints, b: Ints) -> Bools:
        """Return (k,) whether pairs are of one shot, and close in time or look."""
        close = np.abs(self.time_us[a] - self.time_us[b]) <= self.burst_us
        bits = np.bitwise_count(self.phash[a] ^ self.phash[b])
        close |= self.hashed[a] & self.hashed[b] & (bits <= self.params.burst_hash)
        return np.asarray((self.segment[a] == self.segment[b]) & close)

    def _alike(self, block: Ints) -> tuple[Ints, Ints] | None:
        """Return pairs (position in block, frame) that are alike; None when there are too many."""
        limit = _PAIR_LIMIT if len(block) > 1 else None
        close = self._close_in_time(block, limit)
        if close is None:
            return None
        near = self._close_in_look(block, limit)
        if near is None:
            return None
        parts = [close, near, self._matched(block)]
        if self.within is not None:
            inside = self.within.neighbours(block, self.alive, limit)
            if inside is None:
                return None
            parts.append(inside)
        source, other = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
        # Frames that come earlier are settled; frames that are gone need no second keeper.
        useful = self.alive[other] & (self.rank[other] > self.rank[block[source]])
        return source[useful], other[useful]

    def _close_in_time(self, block: Ints, limit: int | None) -> tuple[Ints, Ints] | None:
        low, high = self.burst_low[block], self.burst_high[block]
        count = high - low
        if limit is not None and int(count.sum()) > limit:
            return None
        return np.repeat(np.arange(len(block)), count), self.by_time[ranges(low, count)]

    def _close_in_look(self, block: Ints, limit: int | None) -> tuple[Ints, Ints] | None:
        hashed = np.flatnonzero(self.hashed[block])
        group_of = self.hash_group[block[hashed]]
        found = self.index.hashes.neighbours(self.index.row[group_of], limit)
        if found is None:
            return None
        # Every hash is its own neighbour too: other frames may share it.
        query = np.concatenate((found[0], np.arange(len(hashed))))
        hashes = np.concatenate((self.index.group[found[1]], group_of))
        low = self.group_start[hashes]
        count = self.group_start[hashes + 1] - low
        if limit is not None and int(count.sum()) > limit:
            return None
        source = hashed[np.repeat(query, count)]
        other = self.by_hash[ranges(low, count)]
        if self.params.burst_hash > self.params.near_hash:
            frame = block[source]
            bits = np.bitwise_count(self.phash[frame] ^ self.phash[other])
            alike = (bits <= self.params.near_hash) | self.is_burst(frame, other)
            source, other = source[alike], other[alike]
        if self.within is None:
            return source, other
        good = np.flatnonzero(self.alive[other])
        good = good[self.unsettled(block[source[good]], other[good])]
        return source[good], other[good]

    def unsettled(self, one: Ints, other: Ints) -> Bools:
        """Return (k,) which pairs of close looks count: neither those that `within` answers for,
        nor those of one video that differ."""
        good = np.ones(len(one), np.bool_)
        if self.within is None:
            return good
        good[self.within.settles(one, other)] = False
        inside = np.flatnonzero(good & (self.within.number[one] == self.within.number[other]))
        good[inside] = ~self.likeness.differ(one[inside], other[inside])
        return good

    def _matched(self, block: Ints) -> tuple[Ints, Ints]:
        low = self.pair_start[block]
        count = self.pair_start[block + 1] - low
        return np.repeat(np.arange(len(block)), count), self.pair_other[ranges(low, count)]

    def _sort_pairs(self, pairs: Ints) -> None:
        """Prepare, for every frame, those it was matched with and does not differ from."""
        same_video = self.video[pairs[:, 0]] == self.video[pairs[:, 1]]
        differ = same_video.copy()
        differ[same_video] = self.likeness.differ(*pairs[same_video].T)
        both = np.concatenate([pairs[~differ], pairs[~differ][:, ::-1]])
        both = both[np.argsort(both[:, 0], kind="stable")]
        n = len(self.phash)
        self.pair_start: Ints = np.searchsorted(both[:, 0], np.arange(n + 1))
        self.pair_other: Ints = both[:, 1]
        self.pair_keys: Ints = both[:, 0] * n + both[:, 1]

    def _sort_times(self) -> None:
        """Prepare, for every frame, the range of frames of its shot within burst_s."""
        key = (self.segment << _SHOT_BITS) + self.time_us
        self.by_time: Ints = np.argsort(key, kind="stable")
        ordered = key[self.by_time]
        floor = self.segment << _SHOT_BITS
        ceiling = floor + (1 << _SHOT_BITS) - 1
        self.burst_low = np.searchsorted(ordered, np.maximum(key - self.burst_us, floor), "left")
        self.burst_high = np.searchsorted(
            ordered, np.minimum(key + self.burst_us, ceiling), "right"
        )

    def _sort_hashes(self) -> None:
        """Prepare the frames of every different hash."""
        frames = np.flatnonzero(self.hashed)
        unique, groups = np.unique(self.phash[frames], return_inverse=True)
        self.hash_group: Ints = np.full(len(self.phash), -1, np.int64)
        self.hash_group[frames] = groups
        self.by_hash: Ints = frames[np.argsort(groups, kind="stable")]
        self.group_start: Ints = np.zeros(len(unique) + 1, np.int64)
        np.cumsum(np.bincount(groups, minlength=len(unique)), out=self.group_start[1:])
        self.unique_hashes = unique

    def _make_index(self, groups: Ints) -> Subset:
        radius = max(self.params.near_hash, self.params.burst_hash)
        row: Ints = np.full(len(self.unique_hashes), -1, np.int64)
        row[groups] = np.arange(len(groups))
        return Subset(HammingIndex(self.unique_hashes[groups], radius), groups, row)

    def _shrink_index(self) -> None:
        """Forget hashes whose frames are all settled, once that is most of them."""
        n_alive = int(np.count_nonzero(self.alive))
        if 2 * n_alive < len(self.index.group):
            living = np.unique(self.hash_group[self.alive & self.hashed])
            if 2 * len(living) < len(self.index.group):
                self.index = self._make_index(living)
