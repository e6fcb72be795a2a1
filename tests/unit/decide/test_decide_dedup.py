"""Stars, never chains: the fast cover gives what comparing every pair gives."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.decide.columns import Columns
from curation.decide.dedup import BURST, EXACT, KEPT, NEAR, Groups, group
from curation.decide.hamming import HammingIndex
from curation.params import DedupParams

Ints = npt.NDArray[np.int64]


def brute_neighbours(hashes: npt.NDArray[np.uint64], row: int, radius: int) -> set[int]:
    near = np.bitwise_count(hashes ^ hashes[row]) <= radius
    return set(np.flatnonzero(near).tolist()) - {row}


def brute_cover(columns: Columns, best_first: Ints, params: DedupParams) -> Ints:
    """Compare every frame with every other, best first."""
    video, shot = columns.ints("video"), columns.ints("shot")
    time_us = np.rint(columns.floats("time_s") * 1e6).astype(np.int64)
    phash, hashed = columns.ints("phash").view(np.uint64), columns.flags("has_phash")
    keeper = np.full(columns.n, -1, np.int64)
    for row in best_first.tolist():
        if keeper[row] >= 0:
            continue
        bits = np.where(hashed & hashed[row], np.bitwise_count(phash ^ phash[row]), 65)
        close = np.abs(time_us - time_us[row]) <= round(params.burst_s * 1e6)
        burst = (video == video[row]) & (shot == shot[row]) & (close | (bits <= params.burst_hash))
        alike = (burst | (bits <= params.near_hash)) & (keeper < 0)
        alike[row] = True
        keeper[alike] = row
    return keeper


def balls(rng: np.random.Generator, n: int, n_balls: int, flips: int) -> npt.NDArray[np.uint64]:
    """Return hashes in clusters: random flips of a few centres."""
    hashes = rng.integers(0, 2**64, n_balls, dtype=np.uint64)[rng.integers(0, n_balls, n)]
    for _ in range(flips):
        bit = np.uint64(1) << rng.integers(0, 64, n).astype(np.uint64)
        hashes = np.where(rng.random(n) < 0.5, hashes ^ bit, hashes)
    return hashes


def some_columns(rng: np.random.Generator, hashes: npt.NDArray[np.uint64]) -> Columns:
    n = len(hashes)
    return Columns({
        "frame_id": np.arange(n), "video": rng.integers(0, 4, n), "shot": rng.integers(0, 3, n),
        "time_s": np.round(rng.uniform(0, 20, n), 1), "phash": hashes.view(np.int64),
        "has_phash": rng.random(n) < 0.9, "pixels": hashes.view(np.int64),
    })


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1), n=st.integers(0, 250), n_balls=st.integers(1, 30),
    flips=st.integers(0, 30), near=st.integers(0, 32), burst=st.integers(0, 32),
    burst_s=st.sampled_from([0.0, 0.1, 0.4, 3.0]),
)
def test_the_cover_is_that_of_brute_force(
    seed: int, n: int, n_balls: int, flips: int, near: int, burst: int, burst_s: float
) -> None:
    rng = np.random.default_rng(seed)
    columns = some_columns(rng, balls(rng, n, n_balls, flips))
    params = DedupParams(near_hash=near, burst_hash=burst, burst_s=burst_s)
    best_first = rng.permutation(n)
    found = group(columns, best_first, params)
    assert found.keeper.tolist() == brute_cover(columns, best_first, params).tolist()
    check_stars(columns, found)


def check_stars(columns: Columns, found: Groups) -> None:
    """Check that every keeper stands itself, and that kinds agree with what happened."""
    own = found.keeper == np.arange(columns.n)
    assert own[found.keeper].all()
    assert ((found.kind == KEPT) == own).all()
    exact = np.flatnonzero(found.kind == EXACT)
    pixels = columns.ints("pixels")
    assert (pixels[exact] == pixels[found.keeper[exact]]).all()
    burst = np.flatnonzero(found.kind == BURST)
    for name in ("video", "shot"):
        values = columns.ints(name)
        assert (values[burst] == values[found.keeper[burst]]).all()


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 16, 24])
@pytest.mark.parametrize("flips", [0, 6, 20, 64])
def test_the_index_finds_every_neighbour_and_nothing_else(radius: int, flips: int) -> None:
    rng = np.random.default_rng(radius * 100 + flips)
    hashes = np.unique(balls(rng, 4000, 40, flips))
    index = HammingIndex(hashes, radius)
    rows = rng.choice(len(hashes), min(50, len(hashes)), replace=False)
    pairs = index.neighbours(rows)
    assert pairs is not None
    for at, row in enumerate(rows.tolist()):
        found = set(pairs[1][pairs[0] == at].tolist())
        assert found == brute_neighbours(hashes, row, radius)


def test_the_index_says_when_there_are_too_many() -> None:
    hashes = np.arange(2000, dtype=np.uint64)
    index = HammingIndex(hashes, 11)
    assert index.neighbours(np.arange(100), limit=1000) is None
    assert index.neighbours(np.zeros(0, np.int64)) is not None


@pytest.mark.parametrize("columns_alike", ["all equal", "all different", "one ball", "one moment"])
def test_large_catalogues_agree_with_brute_force(columns_alike: str) -> None:
    rng = np.random.default_rng(1)
    n = 3000
    hashes = {
        "all equal": np.zeros(n, np.uint64),
        "all different": rng.integers(0, 2**64, n, dtype=np.uint64),
        "one ball": balls(rng, n, 1, 24),
        "one moment": rng.integers(0, 2**64, n, dtype=np.uint64),
    }[columns_alike]
    columns = some_columns(rng, hashes)
    if columns_alike == "one moment":
        columns = Columns({name: columns.ints(name) for name in ("frame_id", "phash", "pixels")}
                          | {"video": np.zeros(n, int), "shot": np.zeros(n, int),
                             "time_s": np.zeros(n), "has_phash": np.ones(n, bool)})
    best_first = rng.permutation(n)
    found = group(columns, best_first, DedupParams())
    assert found.keeper.tolist() == brute_cover(columns, best_first, DedupParams()).tolist()


def pan(n: int) -> Columns:
    """Return a slow pan: each frame differs from the one before by three bits."""
    rng = np.random.default_rng(5)
    bits = np.zeros((n, 64), np.uint8)
    for i in range(1, n):
        bits[i] = bits[i - 1]
        bits[i, rng.choice(64, 3, replace=False)] ^= 1
    phash = np.packbits(bits, axis=1).view(np.int64).ravel()
    return Columns({
        "frame_id": np.arange(n), "video": np.arange(n), "shot": np.zeros(n, int),
        "time_s": np.arange(n) * 1.0, "phash": phash, "has_phash": np.ones(n, bool),
        "pixels": np.arange(n),
    })


def test_a_slow_pan_does_not_fall_to_one_frame() -> None:
    columns = pan(200)
    found = group(columns, np.arange(200), DedupParams())
    phash = columns.ints("phash").view(np.uint64)
    assert len(np.unique(found.keeper)) > 30
    assert (np.bitwise_count(phash ^ phash[found.keeper]) <= 8).all()
    assert set(found.kind.tolist()) == {KEPT, NEAR}


def test_no_two_keepers_are_alike() -> None:
    rng = np.random.default_rng(2)
    columns = some_columns(rng, balls(rng, 400, 10, 16))
    kept = np.flatnonzero(group(columns, np.arange(400), DedupParams()).kind == KEPT)
    phash, hashed = columns.ints("phash").view(np.uint64)[kept], columns.flags("has_phash")[kept]
    bits = np.bitwise_count(phash[:, None] ^ phash[None, :])
    pairs = hashed[:, None] & hashed[None, :] & ~np.eye(len(kept), dtype=bool)
    assert (bits[pairs] > DedupParams().near_hash).all()


def test_frames_without_time_or_hash_stand_alone() -> None:
    columns = Columns({
        "frame_id": np.arange(3), "video": np.zeros(3, int), "shot": np.zeros(3, int),
        "time_s": np.full(3, np.nan), "phash": np.zeros(3, int), "has_phash": np.zeros(3, bool),
        "pixels": np.zeros(3, int),
    })
    assert group(columns, np.arange(3), DedupParams()).kind.tolist() == [KEPT] * 3
