"""Which frames repeat each other whatever thresholds leave of them: found once, asked often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curation.decide import within
from curation.decide.columns import Bools, Columns, Ints
from curation.decide.dedup import KEPT, Groups, Repeats
from curation.decide.repeat_pairs import all_pairs
from curation.decide.stars import Pairs, keepers, kept

if TYPE_CHECKING:
    from curation.params import DedupParams

LIMITS = ("burst_s", "burst_hash", "near_hash", "near_look", "near_pose", "near_expression",
          "near_head", "same_inliers", "same_cover")
"""Parameters that repetition depends on."""

MOST_PAIRS = 24_000_000
"""Pairs that are kept; of more, frames are asked for their like again and again."""
WIDE = 32
"""Chunks of a long video in which pairs are looked for: those that are left of a video lie
closer together, so that they are compared over more of it (see Within)."""


@dataclass(frozen=True, slots=True)
class Among:
    """Some frames, and which of them repeat each other.

    Attributes:
        repeats: of these frames, or of more.
        pairs: of these frames; None where there are too many to be listed.
    """

    repeats: Repeats
    pairs: Pairs | None

    def kept(self, best_first: Ints) -> Bools:
        """Return by position which of the frames, given best first, stand for themselves."""
        if self.pairs is not None:
            return kept(self.pairs, best_first)
        return np.asarray(self.repeats.cover(best_first).kind == KEPT)

    def cover(self, best_first: Ints) -> Groups:
        """Return the groups of the frames, given best first; see `Repeats.cover`."""
        if self.pairs is None:
            return self.repeats.cover(best_first)
        keeper = keepers(self.pairs, best_first)
        lost = np.flatnonzero(keeper != np.arange(len(keeper)))
        kind = np.zeros(len(keeper), np.int64)
        kind[lost] = self.repeats.kinds(lost, keeper[lost])
        return Groups(keeper, kind)


class Relation:
    """All pairs of n frames that repeat each other, or could among some of them.

    What counts as the same look is learned from all of them (see Likeness), so that it is the same
    whatever thresholds leave. One thing depends on which frames are asked about: how far apart in
    a long video frames are compared (see Within). It decides about the same subject again only;
    these pairs are asked each time.
    """

    def __init__(self, columns: Columns, params: DedupParams, matched: Ints) -> None:
        """Find the pairs.

        Args: as in `Repeats`, in order of video and time.
        """
        for name in LIMITS:
            getattr(params, name)  # whoever watches what is read: some are needed only later
        self.columns, self.params, self.matched = columns, params, matched
        self.whole = Repeats(columns, params, matched, WIDE)
        found = all_pairs(self.whole, MOST_PAIRS)
        self.always, self.again = found, found
        if found is not None:
            in_time, close = self.whole.close(
                found.one.astype(np.int64), found.other.astype(np.int64)
            )
            again = ~(in_time | close)
            self.always, self.again = found.where(~again), found.where(again)

    def among(self, rows: Ints) -> Among | None:
        """Return which of some frames repeat each other; None where it has to be found anew.

        Args:
            rows: positions, rising.
        """
        if self.always is None or self.again is None:
            return None
        alive = np.zeros(self.columns.n, np.bool_)
        alive[rows] = True
        pairs = self.always.where(self.always.inside(alive))
        asked = np.flatnonzero(self.again.inside(alive))
        place = self._places(rows)
        if place is None:
            return None
        if len(asked):
            one, other = self.again.one[asked], self.again.other[asked]
            near = np.abs(place[one] // within.CHUNK - place[other] // within.CHUNK)
            good = near <= within.REACH
            pairs = pairs.and_(one[good], other[good])
        return Among(self.whole, pairs)

    def anew(self, rows: Ints, matched: Ints) -> Among:
        """Return the same as `among`, by positions in `rows`, without knowing any pairs.

        Args:
            matched: (m, 2) as for `Repeats`, positions in `rows`.
        """
        least_look = self.whole.likeness.least_look[rows]
        return Among(
            Repeats(self.columns.take(rows), self.params, matched, None, least_look), None
        )

    def _places(self, rows: Ints) -> Ints | None:
        """Return (n,) the place of each of some frames among those of its video, 0 in short ones.

        None where two could be near each other by these places that are too far apart for this
        relation to know about them.
        """
        inside = self.whole.within
        place = np.zeros(self.columns.n, np.int64)
        longest = 0 if inside is None else int(np.diff(inside.starts).max(initial=0))
        if inside is None or longest <= (within.REACH + 1) * within.CHUNK:
            return place
        order = rows[np.lexsort((inside.place[rows], inside.number[rows]))]
        number = inside.number[order]
        start = np.searchsorted(number, number, "left")
        end = np.searchsorted(number, number, "right")
        place[order] = np.arange(len(order)) - start
        last = np.minimum(np.arange(len(order)) + (within.REACH + 1) * within.CHUNK, end) - 1
        spans = inside.place[order[last]] // within.CHUNK - inside.place[order] // within.CHUNK
        return None if (spans > inside.reach).any() else place
