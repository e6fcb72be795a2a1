"""How like two faces of one person are in this footage, and two of different people.

Known without a question: both halves of a track show one person; two tracks that take turns in
one shot show two. And what people said, both ways. A few of these say little, so they are weighed
against what was measured once on 421 frames of 20 clips of different people: a threshold moves
only as far as the footage's own pairs carry it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np
import numpy.typing as npt

from curation.decide.columns import Floats, Ints
from curation.decide.who import Matrix, Words

STRANGERS, SPREAD = 0.05, 0.10
"""Cosine of two people in the middle, and its standard deviation, as shipped."""
LEAST_ALIKE, MIDDLE_ALIKE = 0.48, 0.83
"""Cosine of one person: 5 % are under the first, half under the second, as shipped."""
TRUST = 50.0
"""Pairs of the footage that weigh as much as what was shipped."""
FALSE_LINK = 3.7
"""Standard deviations over strangers from which one pair in ten thousand is taken for one
person."""
LOW, HIGH = 0.34, 0.55
MOST_UNITS, MOST_PAIRS = 4000, 20_000
HALF_FRAMES = 2


@dataclass(frozen=True, slots=True)
class Likeness:
    """What tells one person from two.

    Attributes:
        threshold: cosine from which two tracks are taken for one person.
        stranger, spread: cosine of two people, middle and standard deviation.
        least: cosine under which 5 % of one person's pairs are.
        middle: cosine under which half of them are.
        same, other: how many pairs of this footage stand behind it: halves of a track and tracks
            of one person, pairs of two people. A hundred faces of two people are one pair.
    """

    threshold: float = 0.42
    stranger: float = STRANGERS
    spread: float = SPREAD
    least: float = LEAST_ALIKE
    middle: float = MIDDLE_ALIKE
    same: int = 0
    other: int = 0

    def false_link(self, cosine: float) -> float:
        """Return the share of pairs of strangers that are at least this much alike."""
        return 0.5 * erfc((cosine - self.stranger) / (self.spread * sqrt(2)))

    def missed(self, cosine: float) -> float:
        """Return the share of pairs of one person that are less alike than this.

        A normal distribution through the 5 % and the middle; 1.645 is its 95 % quantile.
        """
        spread = max((self.middle - self.least) / 1.645, 1e-3)
        return 0.5 * erfc((self.middle - cosine) / (spread * sqrt(2)))


def learn(
    identity: Matrix, weight: Floats, rows: Ints, words: Words, means: Matrix, known: Ints,
    video: Ints, shot: Ints, time_s: Floats,
) -> Likeness:
    """Return what this footage says of likeness.

    Args:
        identity: (n, 128) unit vectors of frames.
        weight: (len(rows),) how much each tells.
        rows: frames with a face, in order of video and time.
        words: units, and what people said of them.
        means: (units, 128) unit vectors.
        known: units with a face.
        video, shot, time_s: (n,) of frames.
    """
    same = np.concatenate([
        _halves(identity, weight, rows, words.unit), _said(means, known, words, same=True)
    ])
    turns, apart = _in_turns(rows, words, means, video, shot, time_s), _told_apart(
        means, known, words
    )
    named = len(np.unique(words.said[known[words.said[known] >= 0]]))
    distinct = len(turns) + named * (named - 1) // 2 + sum(map(len, words.apart.values()))
    other = np.concatenate([turns, _said(means, known, words, same=False), apart])
    return of_pairs(same, other, distinct)


def of_pairs(same: Floats, other: Floats, distinct: int) -> Likeness:
    """Return likeness from cosines of pairs of one person, and of two.

    Args:
        same, other: cosines.
        distinct: how many pairs of two people stand behind `other`.

    Quantiles and spread are means of the shipped ones and the pairs' own, by TRUST. The threshold
    lies where strangers end, and halfway to where one person's pairs begin if that is lower.
    """
    stranger, spread, least, middle = STRANGERS, SPREAD, LEAST_ALIKE, MIDDLE_ALIKE
    if len(other):
        share = distinct / (distinct + TRUST)
        own = float(np.median(other))
        # By the median: tracks that take turns are now and then one person after all.
        wide = 1.4826 * float(np.median(np.abs(other - own)))
        stranger += share * (own - stranger)
        spread += share * (min(max(wide, 0.03), 0.3) - spread)
    if len(same):
        share = len(same) / (len(same) + TRUST)
        low, half = np.quantile(same, (0.05, 0.5))
        least += share * (float(low) - least)
        middle += share * (float(half) - middle)
    ends = stranger + FALSE_LINK * spread
    threshold = ends if ends <= least else (ends + least) / 2
    return Likeness(
        float(np.clip(threshold, LOW, HIGH)), stranger, spread, least, max(middle, least + 0.01),
        len(same), distinct if len(other) else 0,
    )


def _few(count: int, most: int) -> Ints:
    """Return positions spread evenly over count of them."""
    return np.linspace(0, count - 1, min(count, most)).astype(np.int64)


def _halves(identity: Matrix, weight: Floats, rows: Ints, unit: Ints) -> Floats:
    """Return cosines of the earlier and the later half of units with some frames."""
    order = np.argsort(unit[rows], kind="stable")
    edges = np.flatnonzero(np.diff(unit[rows][order])) + 1
    starts = np.concatenate([[0], edges])
    sizes = np.diff(np.append(starts, len(order)))
    good = np.flatnonzero(sizes >= 2 * HALF_FRAMES)
    good = good[_few(len(good), MOST_UNITS)] if len(good) else good
    found = []
    for at in good.tolist():
        mine = order[starts[at] : starts[at] + sizes[at]]
        halves = (mine[: len(mine) // 2], mine[len(mine) // 2 :])
        one, two = ((identity[rows[half]] * weight[half, None]).sum(axis=0) for half in halves)
        found.append(float(one @ two / max(np.linalg.norm(one) * np.linalg.norm(two), 1e-9)))
    return np.array(found)


def _in_turns(
    rows: Ints, words: Words, means: Matrix, video: Ints, shot: Ints, time_s: Floats
) -> Floats:
    """Return cosines of units that take turns in a shot: each begins before the other ends."""
    count = len(means)
    unit = words.unit[rows]
    begin, end = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(begin, unit, time_s[rows])
    np.maximum.at(end, unit, time_s[rows])
    seen, first = np.unique(unit, return_index=True)
    where = video[rows[first]], shot[rows[first]]
    order = np.lexsort((seen, begin[seen], where[1], where[0]))
    one, two = order[:-1], order[1:]
    together = (where[0][one] == where[0][two]) & (where[1][one] == where[1][two])
    together &= (where[1][one] >= 0) & (begin[seen[two]] < end[seen[one]])
    a, b = seen[one[together]], seen[two[together]]
    agreed = (words.said[a] >= 0) & (words.said[a] == words.said[b])
    return _cosines(means, a[~agreed], b[~agreed])


def _said(means: Matrix, known: Ints, words: Words, *, same: bool) -> Floats:
    """Return cosines of units that people named: of one person each, or of two."""
    mine = known[words.said[known] >= 0]
    if len(mine) < 2:
        return np.zeros(0)
    mine = mine[np.lexsort((mine, words.said[mine]))]
    mine = mine[_few(len(mine), int(sqrt(2 * MOST_PAIRS)))]
    one, two = np.triu_indices(len(mine), 1)
    equal = words.said[mine[one]] == words.said[mine[two]]
    chosen = equal if same else ~equal
    return _cosines(means, mine[one[chosen]], mine[two[chosen]])


def _told_apart(means: Matrix, known: Ints, words: Words) -> Floats:
    """Return cosines of units and those whom they were told apart from."""
    there = set(known.tolist())
    pairs = [
        (number, int(other))
        for number, persons in sorted(words.apart.items()) if number in there
        for other in known[np.isin(words.said[known], list(persons))][:100]
    ][:MOST_PAIRS]
    both = np.array(pairs, np.int64).reshape(-1, 2)
    return _cosines(means, both[:, 0], both[:, 1])


def _cosines(means: Matrix, one: Ints, two: Ints) -> Floats:
    at = _few(len(one), MOST_PAIRS) if len(one) else np.zeros(0, np.int64)
    found: npt.NDArray[np.float64] = np.einsum(
        "ij,ij->i", means[one[at]], means[two[at]]
    ).astype(np.float64)
    return found
