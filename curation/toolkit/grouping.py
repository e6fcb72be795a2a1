"""Unit vectors into groups, names for groups that stay from run to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from curation.toolkit.embedders import Likeness

Vectors = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
NOISE = -1
NEAREST = 3
"""Pictures of a named folder that a likeness to it is the mean of."""
LEAD = 0.05
"""How much liker the first named folder must be than the second."""


def grouped(
    vectors: Vectors, min_cluster_size: int, min_samples: int, likeness: Likeness
) -> Labels:
    """Return the group of each vector, -1 for none; groups by size, the largest is 0.

    HDBSCAN (Campello et al. 2013) by euclidean distance, which ranks unit vectors as the cosine
    does. It knows near only against far, so strangers in a row are groups to it; where cosines mean
    something, pictures leave a group that they are not like, groups whose middles are one person's
    become one, and pictures that were left out join a group that they are like. A lone group, which
    it cannot tell from noise, is one too where all of it is alike.

    Args:
        vectors: (n, d) of unit length. Their order does not change who is with whom.
    """
    n = len(vectors)
    if n < max(min_cluster_size, min_samples, 2):
        return np.full(n, NOISE, np.int64)
    from sklearn.cluster import HDBSCAN

    # The order decides how ties are broken: sorted by what they are, it is always the same.
    order = np.lexsort(vectors.T[::-1])
    model = HDBSCAN(min_cluster_size=min_cluster_size, min_samples=min_samples, copy=True)
    labels = np.full(n, NOISE, np.int64)
    labels[order] = model.fit_predict(vectors[order].astype(np.float64))
    if likeness.stay > 0:
        labels = _cleared(vectors, labels, min_cluster_size, likeness.stay)
    if (labels == NOISE).all():
        labels = _lone(vectors, min_cluster_size, likeness.alone)
    if likeness.merge > 0:
        labels = _merged(vectors, labels, likeness.merge)
    if likeness.join > 0:
        labels = _joined(vectors, labels, likeness.join)
    return by_size(labels)


def _lone(vectors: Vectors, least: int, alone: float) -> Labels:
    centre = middle(vectors)
    near = vectors @ centre >= alone
    return np.where(near & (near.sum() >= least), 0, NOISE).astype(np.int64)


def _cleared(vectors: Vectors, labels: Labels, least: int, stay: float) -> Labels:
    """Send away whoever is not like the others of the group; a group too small then is none."""
    labels = labels.copy()
    for label in sorted(set(labels[labels >= 0].tolist())):
        while True:
            mine = np.flatnonzero(labels == label)
            whole = vectors[mine].sum(axis=0)
            others = whole - vectors[mine]
            length = np.maximum(np.linalg.norm(others, axis=1), 1e-9)
            gone = (vectors[mine] * others).sum(axis=1) / length < stay
            if len(mine) - int(gone.sum()) < least:
                gone[:] = True
            labels[mine[gone]] = NOISE
            if gone.all() or not gone.any():
                break
    return labels


def _merged(vectors: Vectors, labels: Labels, merge: float) -> Labels:
    """Make one of the two groups whose middles are nearest, until none are near enough."""
    labels = labels.copy()
    names = sorted(set(labels[labels >= 0].tolist()))
    middles = {name: middle(vectors[labels == name]) for name in names}
    while len(names) > 1:
        table = np.stack([middles[name] for name in names])
        likes = table @ table.T
        np.fill_diagonal(likes, -1)
        a, b = np.unravel_index(int(likes.argmax()), likes.shape)
        if likes[a, b] < merge:
            break
        keep, gone = names[min(a, b)], names[max(a, b)]
        labels[labels == gone] = keep
        names.remove(gone)
        middles[keep] = middle(vectors[labels == keep])
    return labels


def _joined(vectors: Vectors, labels: Labels, join: float) -> Labels:
    names = sorted(set(labels[labels >= 0].tolist()))
    if not names:
        return labels
    middles = np.stack([middle(vectors[labels == name]) for name in names])
    likes = vectors @ middles.T
    best = likes.argmax(axis=1)
    near = likes[np.arange(len(vectors)), best] >= join
    return np.where((labels == NOISE) & near, np.array(names)[best], labels)


def by_size(labels: Labels) -> Labels:
    """Return labels renumbered: the largest group is 0; of equal ones the first to appear."""
    names, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    real = names >= 0
    order = np.lexsort((first[real], -sizes[real]))
    new = {int(name): rank for rank, name in enumerate(names[real][order])}
    return np.array([new.get(int(label), NOISE) for label in labels], np.int64)


def middle(vectors: Vectors) -> Vectors:
    """Return the mean of unit vectors at unit length."""
    mean = vectors.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)


def named(
    vectors: Vectors, references: Mapping[str, Vectors], least: float
) -> tuple[list[str | None], npt.NDArray[np.float64]]:
    """Return for each vector the named folder that it is like, or None, and how like.

    The likeness to a folder is the mean cosine to its three nearest pictures; it must reach
    `least` and lead the second folder's by .05.
    """
    if not references or not len(vectors):
        return [None] * len(vectors), np.zeros(len(vectors))
    titles = list(references)
    columns = []
    for title in titles:
        likes = np.sort(vectors @ references[title].T, axis=1)[:, ::-1]
        columns.append(likes[:, :NEAREST].mean(axis=1))
    table = np.stack(columns, axis=1).astype(np.float64)
    best = table.argmax(axis=1)
    top = table[np.arange(len(table)), best]
    second = np.sort(table, axis=1)[:, -2] if len(titles) > 1 else np.full(len(table), -1.0)
    sure = (top >= least) & (top - second >= LEAD)
    return [titles[i] if ok else None for i, ok in zip(best, sure, strict=True)], top


def numbers(groups: Sequence[set[str]], earlier: Mapping[str, set[str]]) -> list[str]:
    """Return a three-digit name for each group, largest first.

    A group that shares most with one of an earlier run keeps that one's number, so that a picture
    more does not shuffle folders; the others get the lowest numbers that are free.

    Args:
        groups: members of each, by what identifies a picture from run to run.
        earlier: members of each numbered folder of the run before.
    """
    pairs = [
        (-len(group & members), name, i)
        for i, group in enumerate(groups)
        for name, members in earlier.items()
        if 2 * len(group & members) > min(len(group), len(members))
    ]
    found: dict[int, str] = {}
    for _, name, i in sorted(pairs):
        if i not in found and name not in found.values():
            found[i] = name
    free = (name for k in range(10**6) if (name := f"{k:03}") not in set(found.values()))
    return [found[i] if i in found else next(free) for i in range(len(groups))]
