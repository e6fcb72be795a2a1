"""Who is who: the main subject followed through each shot, and people found again elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from curation.decide import who
from curation.decide.columns import BLOCK_ROWS, AnyArray, Bools, Columns, Floats, Ints
from curation.decide.who_learn import Likeness, learn

if TYPE_CHECKING:
    from curation.params import TrackParams

LOOK_BACK = 4
"""Frames back in which a subject is looked for, past frames of somebody else."""
STRANGER = 0.2
"""SFace cosine under which two frames show two people, wherever their faces are: 95 % of
pairs of strangers and 0.4 % of pairs of one person (421 faces of 20 clips)."""
ALIKE = 0.5
"""Cosine of subject appearances that vouches for a faceless subject which has moved on."""
LEAST_OVERLAP = 0.3
REACH, SPEED_PER_S = 1.0, 1.5
"""How far a face may be from where it was, in its own sizes: at once, and a second more."""
MOST_GROWTH = 2.0
FULL_WEIGHT_PX = 112.0
"""Aligned size from which an identity counts fully: that of the network's input."""
LEAST_WEIGHT = 0.1
ENOUGH_PAIRS = 10
"""Pairs of one person, and of two, from which the footage moves the threshold."""
SHARP_FOCUS, SOFT_FOCUS = 0.4, -1.0
"""Focus S of a face that counts fully, and of one that hardly counts; see steps/focus.py."""

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tracks:
    """Who the main subject of each of n frames is.

    Attributes:
        track: (n,) int64, one number for one subject in one shot; -1 without a subject.
        person: (n,) int64, one number for one person in all videos; -1 where no face is known.
        names: number -> name, of persons whom somebody named.
        ids: number -> id, of persons whom somebody spoke of; see learn/people_said.py.
        least: cosine from which tracks were taken for one person.
        alike: what the footage says of likeness.
    """

    track: Ints
    person: Ints
    names: Mapping[int, str] = field(default_factory=dict)
    ids: Mapping[int, int] = field(default_factory=dict)
    least: float = 0.0
    alike: Likeness = field(default_factory=Likeness)


def follow(columns: Columns, params: TrackParams) -> Tracks:
    """Follow main subjects through shots, and recognise them across shots and videos.

    A frame belongs to the track of the nearest of the last four frames of its shot that shows the
    same subject: the face (or body, without faces) overlaps with where it was or is within reach
    for the time that passed, and the identity is not a stranger's; or the identity is the same
    wherever the face is. Tracks are one person where their mean identities agree, and where
    people said so (decide/who.py). Numbers follow video and time, so that the order of rows does
    not matter.
    """
    boxes, kind = _boxes(columns)
    order = np.lexsort((
        columns.ints("frame_id"), columns.floats("time_s"), columns.ints("shot", -1),
        columns.ints("video"),
    ))
    order = order[kind[order].any(axis=1)]
    track = np.full(columns.n, -1, np.int64)
    if len(order):
        chain = _Chain(columns, boxes, kind, order, params)
        track[order] = _numbered(chain.roots(), columns, order)
    return _who(columns, track, order, params)


def units_of(
    columns: Columns, track: Ints, order: Ints
) -> tuple[who.Words, Matrix, Ints, Ints]:
    """Return what people said, and the faces of units: (units, d) means, which units have one,
    and how many frames stand behind each of these.

    Args:
        track: (n,) of each frame, -1 for none.
        order: rows with a subject.
    """
    words = who.words_of(columns, track)
    identity, has_identity = columns.vectors("identity")
    rows = order[has_identity[order]]
    if not len(rows):
        none = np.zeros(0, np.int64)
        return words, np.zeros((len(words.said), 0), np.float32), none, none
    means, known = _means(identity[rows], words.unit[rows], weights(columns, rows))
    return words, means, known, np.bincount(words.unit[rows], minlength=len(means))[known]


def likeness(
    columns: Columns, words: who.Words, means: Matrix, known: Ints, order: Ints
) -> Likeness:
    """Return how like one person and two are in this footage; arguments as units_of gives them."""
    identity, has_identity = columns.vectors("identity")
    rows = order[has_identity[order]]
    if not len(rows):
        return Likeness()
    return learn(
        identity, weights(columns, rows), rows, words, means, known, columns.ints("video"),
        columns.ints("shot", -1), np.nan_to_num(columns.floats("time_s")),
    )


def weights(columns: Columns, rows: Ints) -> Floats:
    """Return (k,) how much frames tell of a face: large, sharp and turned to the camera."""
    size = np.nan_to_num(columns.floats("identity_px")[rows], nan=FULL_WEIGHT_PX) / FULL_WEIGHT_PX
    front = np.cos(np.radians(np.nan_to_num(columns.floats("yaw_deg")[rows])))
    focus = np.nan_to_num(columns.floats("focus_s")[rows], nan=SHARP_FOCUS)
    sharp = (focus - SOFT_FOCUS) / (SHARP_FOCUS - SOFT_FOCUS)
    product = np.clip(size, LEAST_WEIGHT, 1) * np.clip(front, LEAST_WEIGHT, 1)
    return np.asarray(np.clip(product * np.clip(sharp, LEAST_WEIGHT, 1), LEAST_WEIGHT, 1.0))


def _who(columns: Columns, track: Ints, order: Ints, params: TrackParams) -> Tracks:
    words, means, known, counts = units_of(columns, track, order)
    alike = likeness(columns, words, means, known, order)
    least = params.same_person
    if params.own_threshold and min(alike.same, alike.other) >= ENOUGH_PAIRS:
        least = alike.threshold
    number, ids = who.persons(words, means, known, counts, least)
    person = np.full(columns.n, -1, np.int64)
    person[order] = number[words.unit[order]]
    back = {said: n for n, said in ids.items()}
    for row, said in words.frames.items():
        person[row] = back[said]
    if ids:
        person, ids = _by_appearance(columns, person, ids)
    names = {n: words.names[said] for n, said in ids.items() if said in words.names}
    return Tracks(track, person, names, ids, least, alike)


def _by_appearance(
    columns: Columns, person: Ints, ids: Mapping[int, int]
) -> tuple[Ints, dict[int, int]]:
    """Number persons by their first frames, as they are where nobody said anything."""
    order = np.lexsort((
        columns.ints("frame_id"), columns.floats("time_s"), columns.ints("video"),
    ))
    found = np.empty_like(person)
    found[order] = who.numbered(person[order])
    seen = np.flatnonzero(person >= 0)
    new = dict(zip(person[seen].tolist(), found[seen].tolist(), strict=True))
    return found, {new[number]: said for number, said in ids.items() if number in new}


def _boxes(columns: Columns) -> tuple[Floats, Bools]:
    """Return (n, 2, 4) face and person boxes in pixels, and (n, 2) which there are."""
    boxes = np.stack(
        [
            np.stack([columns.floats(f"{part}_{side}") for side in ("x0", "y0", "x1", "y1")], 1)
            for part in ("face", "person")
        ],
        axis=1,
    )
    wide = (boxes[..., 2:] - boxes[..., :2]).min(axis=2)
    return boxes, np.asarray(np.isfinite(boxes).all(axis=2) & (wide > 0))


class _Chain:
    """Frames with a subject in order of time, and which earlier frame each goes on from."""

    def __init__(
        self, columns: Columns, boxes: Floats, kind: Bools, order: Ints, params: TrackParams
    ) -> None:
        self.params = params
        self.video = columns.ints("video")[order]
        self.shot = columns.ints("shot", -1)[order]
        self.time_s = np.nan_to_num(columns.floats("time_s")[order])
        self.boxes, self.kind = boxes[order], kind[order]
        self.row = order
        self.identity, known = columns.vectors("identity")
        self.look, looked = columns.vectors("appearance")
        self.known, self.looked = known[order], looked[order]
        self.length = np.sqrt(np.einsum("ij,ij->i", self.look, self.look))[order]

    def roots(self) -> Ints:
        """Return (k,) the first frame of each frame's track."""
        n = len(self.video)
        parent = np.arange(n)
        has_child = np.zeros(n, np.bool_)
        for lag in range(1, min(LOOK_BACK, n - 1) + 1):
            later = np.arange(lag, n)
            # A frame is followed by one frame only: two that differ are two subjects.
            later = later[(parent[later] == later) & ~has_child[later - lag]]
            joined = later[self.same(later - lag, later)]
            parent[joined] = joined - lag
            has_child[joined - lag] = True
        while True:
            further = parent[parent]
            if np.array_equal(further, parent):
                return parent
            parent = further

    def same(self, one: Ints, other: Ints) -> Bools:
        """Return which pairs of an earlier and a later frame show one subject."""
        apart_s = self.time_s[other] - self.time_s[one]
        here = (self.video[one] == self.video[other]) & (self.shot[one] == self.shot[other])
        soon = apart_s <= self.params.track_gap_s
        both = self.kind[one] & self.kind[other]
        part = np.where(both[:, 0], 0, 1)
        comparable = both.any(axis=1)
        at = np.arange(len(one))
        a, b = self.boxes[one][at, part], self.boxes[other][at, part]
        with np.errstate(invalid="ignore"):
            overlap, reached = _near(a, b, apart_s)
        known = self.known[one] & self.known[other]
        looked = self.looked[one] & self.looked[other]
        row, after = self.row[one], self.row[other]
        who = _products(self.identity, row, after, known & here)
        look = _products(self.look, row, after, looked & here)
        look /= np.maximum(self.length[one] * self.length[other], 1e-9)
        stranger = known & (who < STRANGER)
        by_look = looked & (look >= ALIKE)
        stands = comparable & soon & (overlap >= LEAST_OVERLAP)
        moved = comparable & soon & reached & (known | by_look | ~looked)
        # Without shots, only time says where another scene may have begun.
        found = known & (who >= self.params.same_person) & (soon | (self.shot[one] >= 0))
        return np.asarray(here & ~stranger & (stands | moved | found))


def _near(one: Floats, other: Floats, apart_s: Floats) -> tuple[Floats, Bools]:
    """Return the overlap (IoU) of pairs of boxes, and which are in reach after a time."""
    low, high = np.maximum(one[:, :2], other[:, :2]), np.minimum(one[:, 2:], other[:, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=1)
    area = [np.prod(box[:, 2:] - box[:, :2], axis=1) for box in (one, other)]
    overlap = common / np.maximum(area[0] + area[1] - common, 1e-9)
    size = np.sqrt(np.sqrt(np.maximum(area[0] * area[1], 1e-9)))
    way = np.linalg.norm((one[:, :2] + one[:, 2:] - other[:, :2] - other[:, 2:]) / 2, axis=1)
    growth = np.sqrt(np.maximum(area[0], 1e-9) / np.maximum(area[1], 1e-9))
    steady = (growth <= MOST_GROWTH) & (growth >= 1 / MOST_GROWTH)
    return overlap, np.asarray(steady & (way <= size * (REACH + SPEED_PER_S * apart_s)))


def _products(vectors: Matrix, one: Ints, other: Ints, where: Bools) -> Matrix:
    """Return (k,) dot products of pairs of rows; 0 where they are not asked for."""
    found = np.zeros(len(one), np.float32)
    wanted = np.flatnonzero(where)
    for first in range(0, len(wanted), BLOCK_ROWS):
        at = wanted[first : first + BLOCK_ROWS]
        found[at] = np.einsum("ij,ij->i", vectors[one[at]], vectors[other[at]])
    return found


def _numbered(roots: Ints, columns: Columns, order: Ints) -> Ints:
    """Return (k,) track numbers 0, 1, ... in order of video and first moment."""
    first, inverse = np.unique(roots, return_inverse=True)
    rows = order[first]
    place = np.lexsort((
        columns.ints("frame_id")[rows], columns.floats("time_s")[rows], columns.ints("video")[rows],
    ))
    rank = np.empty(len(first), np.int64)
    rank[place] = np.arange(len(first))
    return rank[inverse]


def _sums(vectors: Matrix, weight: Floats, rows: Ints, start: Ints) -> AnyArray:
    """Return weighted sums over runs of rows, each from its start to the next one's.

    As np.add.reduceat, to the bit and ten times as fast: most runs are short.
    """
    sizes = np.diff(start, append=len(rows))
    found = np.empty((len(start), vectors.shape[1]))
    for first in range(0, len(start), BLOCK_ROWS):
        begin, size = start[first : first + BLOCK_ROWS], sizes[first : first + BLOCK_ROWS]
        sums = vectors[rows[begin]] * weight[rows[begin], None]
        longest = np.argsort(-size, kind="stable")
        for place in range(1, int(size.max(initial=0))):
            longest = longest[: int(np.searchsorted(-size[longest], -place))]
            at = rows[begin[longest] + place]
            sums[longest] += vectors[at] * weight[at, None]
        found[first : first + BLOCK_ROWS] = sums
    return found


def _means(vectors: Matrix, track: Ints, weight: Floats) -> tuple[Matrix, Ints]:
    """Return (tracks, d) weighted mean directions, and the tracks that have one."""
    order = np.argsort(track, kind="stable")
    known, start = np.unique(track[order], return_index=True)
    sums = _sums(vectors, weight, order, start)
    length = np.linalg.norm(sums, axis=1)
    found = np.zeros((int(track.max()) + 1, vectors.shape[1]), np.float32)
    found[known] = sums / np.maximum(length, 1e-9)[:, None]
    return found, known[length > 0].astype(np.int64)
