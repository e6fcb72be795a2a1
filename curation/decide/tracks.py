"""Who is who: the main subject followed through each shot, and people found again elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from curation.decide.columns import Bools, Columns, Floats, Ints, Objects

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
BLOCK = 1024

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tracks:
    """Who the main subject of each of n frames is.

    Attributes:
        track: (n,) int64, one number for one subject in one shot; -1 without a subject.
        person: (n,) int64, one number for one person in all videos; -1 where no face is known.
    """

    track: Ints
    person: Ints


def follow(columns: Columns, params: TrackParams) -> Tracks:
    """Follow main subjects through shots, and recognise them across shots and videos.

    A frame belongs to the track of the nearest of the last four frames of its shot that shows the
    same subject: the face (or body, without faces) overlaps with where it was or is within reach
    for the time that passed, and the identity is not a stranger's; or the identity is the same
    wherever the face is. Tracks are one person where their mean identities agree. Numbers follow
    video and time, so that the order of rows does not matter.
    """
    boxes, kind = _boxes(columns)
    order = np.lexsort((
        columns.ints("frame_id"), columns.floats("time_s"), columns.ints("shot", -1),
        columns.ints("video"),
    ))
    order = order[kind[order].any(axis=1)]
    track = np.full(columns.n, -1, np.int64)
    person = np.full(columns.n, -1, np.int64)
    if not len(order):
        return Tracks(track, person)
    chain = _Chain(columns, boxes, kind, order, params)
    track[order] = _numbered(chain.roots(), columns, order)
    identity, has_identity = vectors(columns.objects("identity"))
    rows = order[has_identity[order]]
    if len(rows):
        weight = np.clip(np.nan_to_num(columns.floats("identity_px")[rows], nan=FULL_WEIGHT_PX)
                         / FULL_WEIGHT_PX, 0.1, 1.0)
        means, known = _means(identity[rows], track[rows], weight)
        counts = np.bincount(track[rows], minlength=len(means))[known]
        who = np.full(int(track.max()) + 1, -1, np.int64)  # the last tracks may show no face
        who[known] = cluster(means[known], counts, params.same_person)
        person[order] = who[track[order]]
    return Tracks(track, person)


def vectors(blobs: Objects) -> tuple[Matrix, Bools]:
    """Return (n, d) float32 of a column of float16 vectors, and where there is one.

    Rows without a vector are zero; so is all where vectors differ in length.
    """
    present = np.array([isinstance(blob, bytes) and len(blob) > 0 for blob in blobs], np.bool_)
    rows = np.flatnonzero(present)
    sizes = {len(blobs[row]) for row in rows.tolist()}
    if len(sizes) != 1:
        return np.zeros((len(blobs), 0), np.float32), np.zeros(len(blobs), np.bool_)
    flat = np.frombuffer(b"".join(blobs[rows].tolist()), "<f2").astype(np.float32)
    found = np.zeros((len(blobs), sizes.pop() // 2), np.float32)
    found[rows] = flat.reshape(len(rows), -1)
    return found, present


def cluster(means: Matrix, counts: Ints, least: float) -> Ints:
    """Return (m,) group numbers of unit vectors: each is at least that near to its leader.

    The vector that stands for the most frames leads the first group; each other joins the nearest
    leader, or becomes one. Groups do not grow by chains: all members are near one face. Groups
    are numbered by their first member.

    Args:
        means: (m, d) unit vectors.
        counts: (m,) how many frames stand behind each.
        least: cosine.
    """
    order = np.lexsort((np.arange(len(means)), -counts))
    leaders = np.zeros((0, means.shape[1]), np.float32)
    group = np.full(len(means), -1, np.int64)
    for start in range(0, len(order), BLOCK):
        rows = order[start : start + BLOCK]
        if len(leaders):
            near = means[rows] @ leaders.T
            best = near.argmax(axis=1)
            taken = near[np.arange(len(rows)), best] >= least
            group[rows[taken]] = best[taken]
            rows = rows[~taken]
        alike = means[rows] @ means[rows].T
        first = len(leaders)
        led: list[int] = []
        for place, row in enumerate(rows.tolist()):
            own = alike[place, led]
            if len(led) and float(own.max()) >= least:
                group[row] = first + int(own.argmax())
            else:
                group[row] = first + len(led)
                led.append(place)
        leaders = np.concatenate([leaders, means[rows[led]]])
    _, number = np.unique(group, return_inverse=True)
    firsts = np.full(number.max(initial=-1) + 1, len(means))
    np.minimum.at(firsts, number, np.arange(len(means)))
    return np.argsort(np.argsort(firsts, kind="stable"), kind="stable")[number].astype(np.int64)


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
        self.identity, self.known = vectors(columns.objects("identity")[order])
        self.look, self.looked = vectors(columns.objects("appearance")[order])

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
        who = np.einsum("ij,ij->i", self.identity[one], self.identity[other])
        look = _cosine(self.look[one], self.look[other])
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


def _cosine(one: Matrix, other: Matrix) -> Floats:
    length = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    product = np.einsum("ij,ij->i", one, other)
    return np.asarray(product / np.maximum(length, 1e-9), np.float64)


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


def _means(vectors: Matrix, track: Ints, weight: Floats) -> tuple[Matrix, Ints]:
    """Return (tracks, d) weighted mean directions, and the tracks that have one."""
    order = np.argsort(track, kind="stable")
    known, start = np.unique(track[order], return_index=True)
    sums = np.add.reduceat(vectors[order] * weight[order, None], start, axis=0)
    length = np.linalg.norm(sums, axis=1)
    found = np.zeros((int(track.max()) + 1, vectors.shape[1]), np.float32)
    found[known] = sums / np.maximum(length, 1e-9)[:, None]
    return found, known[length > 0].astype(np.int64)
