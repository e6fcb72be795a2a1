"""Train, val and test so that no scene is on two sides, and nothing that looks alike either."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from curation.decide.near import pairs_within

NAMES = ("train", "val", "test")


class Sets:
    """Disjoint sets of 0..n-1 that can be joined (Tarjan 1975, with path halving)."""

    def __init__(self, n: int) -> None:
        self.parent = list(range(n))

    def find(self, one: int) -> int:
        """Return the smallest member of a member's set."""
        while self.parent[one] != one:
            self.parent[one] = self.parent[self.parent[one]]
            one = self.parent[one]
        return one

    def join(self, one: int, other: int) -> None:
        """Make the sets of two members one."""
        a, b = sorted((self.find(one), self.find(other)))
        self.parent[b] = a


def groups(
    scenes: Sequence[str],
    pairs: Iterable[tuple[int, int]] = (),
    hashes: npt.NDArray[np.uint64] | None = None,
    hashed: npt.NDArray[np.bool_] | None = None,
    bits: int = 8,
) -> list[int]:
    """Return for each of n frames the position of the first frame that it must stay with.

    Args:
        scenes: n names of videos or shots: frames of one stay together.
        pairs: positions of frames that were found to be one picture.
        hashes, hashed: (n,) pHash, and where there is one.
        bits: distance of hashes up to which two frames are one picture.
    """
    sets = Sets(len(scenes))
    first: dict[str, int] = {}
    for at, scene in enumerate(scenes):
        sets.join(first.setdefault(scene, at), at)
    for one, other in pairs:
        sets.join(one, other)
    if hashes is not None and hashed is not None and hashed.any():
        rows = np.flatnonzero(hashed)
        values, where = np.unique(hashes[rows], return_inverse=True)
        # Equal hashes are joined here: their pairs would be many.
        lead = np.full(len(values), -1, np.int64)
        for at, value in zip(rows.tolist(), where.tolist(), strict=True):
            if lead[value] < 0:
                lead[value] = at
            sets.join(int(lead[value]), at)
        near = pairs_within(values, bits)
        for one, other in zip(lead[near.one].tolist(), lead[near.other].tolist(), strict=True):
            sets.join(one, other)
    return [sets.find(at) for at in range(len(scenes))]


def assigned(
    group: Sequence[int],
    keys: Sequence[str],
    shares: Mapping[str, float],
    pinned: Mapping[str, str] | None = None,
) -> list[str]:
    """Return the split of each frame: whole groups, sizes near the shares, the same every time.

    The largest group goes first, to where most is lacking, so that a few groups fill all splits as
    well as they can. Nothing but content decides: not the order of the frames, nor their numbers.

    Args:
        group: n names of groups.
        keys: n frame keys.
        shares: of each split; they add up to 1.
        pinned: frame key -> split of an earlier export: a group with such a frame stays there.
    """
    members: dict[int, list[int]] = {}
    for at, which in enumerate(group):
        members.setdefault(which, []).append(at)
    order = sorted(members.values(), key=lambda those: (-len(those), _hash(min_key(keys, those))))
    filled = dict.fromkeys(shares, 0)
    chosen: dict[int, str] = {}
    for those in order:
        earlier = sorted({pinned[keys[at]] for at in those if keys[at] in (pinned or {})}
                         if pinned else ())
        if len(earlier) > 1:  # alike since: no side may keep a part, so train takes all
            earlier = ["train"]
        if earlier and earlier[0] in filled:
            filled[earlier[0]] += len(those)
            chosen |= dict.fromkeys(those, earlier[0])
    for those in order:
        if those[0] in chosen:
            continue
        best = max(
            (name for name in shares if shares[name] > 0),
            key=lambda name: (shares[name] * len(keys) - filled[name], -NAMES.index(name)),
        )
        filled[best] += len(those)
        chosen |= dict.fromkeys(those, best)
    return [chosen[at] for at in range(len(group))]


def min_key(keys: Sequence[str], those: Sequence[int]) -> str:
    """Return the least key of some frames: what a group is known by."""
    return min(keys[at] for at in those)


def _hash(key: str) -> bytes:
    return hashlib.blake2b(key.encode(), digest_size=8).digest()
