"""The search finds what looking at every pair finds, whichever engine; stars do not chain."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.decide import near_cover, near_engine
from curation.decide.near import (
    Engine,
    HashIndex,
    Near,
    TooManyPairs,
    joined,
    pairs_within,
    star_groups,
    stars_within,
    stream_pairs,
    turned_pairs,
)  # fmt: skip
from curation.decide.near_bands import PLAIN, plan_of

Hashes = npt.NDArray[np.uint64]
ENGINES: tuple[Engine, ...] = ("numba", "numpy")
KINDS = ("uniform", "skewed", "planted", "copies", "equal")


def made(kind: str, n: int, words: int = 1, seed: int = 0) -> Hashes:
    """Return (n,) or (n, words) hashes of a kind of collection."""
    rng = np.random.default_rng(seed)
    found = rng.integers(0, 2**64, (n, words), dtype=np.uint64)
    if kind == "skewed":  # most bits are hardly ever set
        for _ in range(3):
            found &= rng.integers(0, 2**64, found.shape, dtype=np.uint64)
    elif kind == "planted" and n > 3:
        near = n // 3
        for _ in range(6):
            bit = np.uint64(1) << rng.integers(0, 64, (near, words), dtype=np.uint64)
            found[near : 2 * near] = found[:near] ^ bit
            found[:near] = found[near : 2 * near]
        found[near : 2 * near, 0] ^= np.uint64(1) << rng.integers(0, 64, near, dtype=np.uint64)
    elif kind == "copies" and n:
        found = found[rng.integers(0, max(1, n // 20), n)]
    elif kind == "equal" and n:
        found[:] = found[:1]
    found = found[rng.permutation(n)]
    return found[:, 0].copy() if words == 1 else found


def brute(hashes: Hashes, radius: int) -> set[tuple[int, int, int]]:
    """Return (one, other, distance) by looking at every pair in plain Python."""
    words = [tuple(int(w) for w in np.atleast_1d(row)) for row in hashes]
    found = set()
    for (i, a), (j, b) in combinations(enumerate(words), 2):
        bits = sum((x ^ y).bit_count() for x, y in zip(a, b, strict=True))
        if bits <= radius:
            found.add((i, j, bits))
    return found


def told(near: Near) -> list[tuple[int, int, int]]:
    return list(zip(near.one.tolist(), near.other.tolist(), near.distance.tolist(), strict=True))


def wide_scan(hashes: Hashes, radius: int) -> Near:
    """Return all pairs by numpy, row by row."""
    words = hashes[:, None] if hashes.ndim == 1 else hashes
    parts = []
    for at in range(len(words)):
        bits = np.bitwise_count(words[at + 1 :] ^ words[at]).sum(axis=1)
        good = np.flatnonzero(bits <= radius)
        parts.append(Near(np.full(len(good), at), good + at + 1, bits[good]))
    return joined(parts, len(words), np.uint8 if hashes.ndim == 1 else np.uint16)


def same(a: Near, b: Near) -> bool:
    return (
        np.array_equal(a.one, b.one)
        and np.array_equal(a.other, b.other)
        and np.array_equal(a.distance, b.distance)
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("words", [1, 4])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [0, 1, 2, 90])
def test_small_sets_are_those_of_brute_force(n: int, kind: str, words: int, engine: Engine) -> None:
    hashes = made(kind, n, words)
    for radius in (*range(13), 20 * words, 64 * words):
        found = pairs_within(hashes, radius, engine=engine)
        assert told(found) == sorted(brute(hashes, radius)), (radius,)
        assert found.distance.dtype == (np.uint8 if words == 1 else np.uint16)


@pytest.mark.parametrize("kind", KINDS[:4])
@pytest.mark.parametrize(("words", "radii"), [(1, (0, 3, 6, 10)), (4, (4, 20, 33))])
def test_bands_find_what_a_scan_finds_with_both_engines(
    kind: str, words: int, radii: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    # By its own costs, compiled code scans sets of this size.
    monkeypatch.setattr(near_engine, "COMPILED", PLAIN)
    n = 10_500 if kind != "skewed" and words == 1 else 4_000
    hashes = made(kind, n, words)
    for radius in radii[: 2 if kind == "skewed" else None]:
        by_scan = wide_scan(hashes, radius)
        for engine in ENGINES:
            assert same(pairs_within(hashes, radius, engine=engine), by_scan), (radius, engine)


def test_bands_are_used_where_they_are_cheaper() -> None:
    few, many = made("uniform", 10_500)[:, None], made("uniform", 60_000)[:, None]
    assert plan_of(few, 10, PLAIN).reaches == plan_of(many, 10).reaches == (2, 2, 2, 1)
    assert plan_of(few, 10).reaches == plan_of(few[:300], 10, PLAIN).reaches == ()
    assert plan_of(made("uniform", 4_000, 4), 20, PLAIN).reaches == (1,) * 5 + (0,) * 11
    # All in few buckets: bands would compare as much as a scan does.
    assert plan_of(few & np.uint64(0xFFF), 3, PLAIN).reaches == ()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_hashes_in_any_order(data: st.DataObject) -> None:
    seeds = data.draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4))
    flips = st.lists(st.integers(0, 63), max_size=9)
    hashes = np.array([
        data.draw(st.sampled_from(seeds)) ^ sum({1 << bit for bit in data.draw(flips)})
        for _ in range(data.draw(st.integers(0, 30)))
    ], np.uint64)  # fmt: skip
    radius = data.draw(st.integers(0, 64))
    engine = data.draw(st.sampled_from(ENGINES))
    expected = brute(hashes, radius)
    assert told(pairs_within(hashes, radius, engine=engine)) == sorted(expected)
    order = np.array(data.draw(st.permutations(range(len(hashes)))), np.int64)
    shuffled = pairs_within(hashes[order], radius, engine=engine)
    back = {
        (min(a, b), max(a, b), d)
        for a, b, d in zip(order[shuffled.one].tolist(), order[shuffled.other].tolist(),
                           shuffled.distance.tolist(), strict=True)
    }  # fmt: skip
    assert back == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stream_gives_each_pair_once_in_small_parts(engine: Engine) -> None:
    hashes = np.concatenate([made("copies", 400), made("skewed", 400, seed=1)])
    parts = list(stream_pairs(hashes, 9, engine=engine, chunk=1000))
    assert max(len(part) for part in parts) <= 2000
    assert same(joined(parts, len(hashes)), wide_scan(hashes, 9))


def test_more_pairs_than_asked_for_are_refused() -> None:
    with pytest.raises(TooManyPairs, match="within 3 bits"):
        pairs_within(made("equal", 3000), 3, most=1_000_000)


@pytest.mark.parametrize(
    "wrong", [np.zeros(3, np.int64), np.zeros((2, 2, 2), np.uint64), np.zeros((3, 0), np.uint64)]
)
def test_wrong_hashes_are_told(wrong: npt.NDArray[np.uint64]) -> None:
    with pytest.raises(ValueError, match="must be"):
        pairs_within(wrong, 3)
    with pytest.raises(ValueError, match="reaches nothing"):
        pairs_within(np.zeros(3, np.uint64), -1)
    with pytest.raises(ValueError, match="no engine"):
        pairs_within(made("uniform", 3), 3, engine="fast")  # type: ignore[arg-type]


def test_turned_pictures_are_found_at_their_least_distance() -> None:
    turned = made("uniform", 8 * 300).reshape(300, 8)
    turned[7] = np.roll(turned[3], 2) ^ np.uint64(5)  # 3, turned, with two bits of noise
    turned[9] = turned[3]
    turned[9, 1:] ^= np.uint64(1)
    found = told(turned_pairs(turned, 4))
    assert (3, 7, 2) in found and (3, 9, 0) in found
    least: dict[tuple[int, int], int] = {}
    for i, j in combinations(range(len(turned)), 2):
        bits = min(
            min((int(turned[i, 0]) ^ int(t)).bit_count() for t in turned[j]),
            min((int(turned[j, 0]) ^ int(t)).bit_count() for t in turned[i]),
        )
        if bits <= 4:
            least[i, j] = bits
    assert found == [(i, j, bits) for (i, j), bits in sorted(least.items())]


def test_a_read_only_installation_searches_too(tmp_path: Path) -> None:
    """Neither __pycache__ nor a home can be written: numba compiles without keeping it."""
    package = tmp_path / "curation"
    (package / "decide").mkdir(parents=True)
    source = Path(near_engine.__file__).parent
    (package / "decide" / "__init__.py").write_text("")
    ours = ("near*.py", "hamming.py", "columns.py")
    for file in (source.parent / "__init__.py", *(f for name in ours for f in source.glob(name))):
        (package / file.relative_to(source.parent)).write_text(file.read_text())
    (package / "decide" / "__pycache__").write_text("in the way: no folder can be made here")
    (tmp_path / "no_home").write_text("")
    code = (
        "import numpy as np\nfrom curation.decide.near import pairs_within\n"
        "h = np.arange(20_000, dtype=np.uint64) << np.uint64(20)\n"
        "print(len(pairs_within(h, 1, engine='numba')), len(pairs_within(h, 1, engine='numpy')))\n"
        "from curation.decide import near_kernels as k\n"
        "print(type(k.band_pairs._cache).__name__)\n"
    )
    nowhere = str(tmp_path / "no_home")
    env = {"PATH": os.environ["PATH"], "HOME": nowhere, "XDG_CACHE_HOME": nowhere,
           "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True,
                          check=False, cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    a, b, cache = done.stdout.split()
    assert a == b != "0" and cache == "NullCache"


def test_without_numba_numpy_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_engine, "kernels", lambda: None)
    hashes = made("planted", 11_000)
    assert same(pairs_within(hashes, 6), wide_scan(hashes, 6))


# -- stars ----------------------------------------------------------------------------------------


def pan(views: int = 520, seed: int = 0) -> Hashes:
    """Return hashes that drift: each a few bits from the one before, ends far apart."""
    rng = np.random.default_rng(seed)
    made_, now = [], int(rng.integers(0, 2**63))
    for _ in range(views):
        for bit in rng.integers(0, 64, 2).tolist():
            now ^= 1 << bit
        made_.append(now)
    return np.array(made_, np.uint64)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_loser_is_near_its_keeper_and_no_two_keepers_are(data: st.DataObject) -> None:
    n = data.draw(st.integers(0, 40))
    radius = data.draw(st.integers(0, 24))
    hashes = pan(n, data.draw(st.integers(0, 99)))
    near = pairs_within(hashes, radius)
    best = np.array(data.draw(st.permutations(range(n))), np.int64)
    safe = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), np.bool_)
    stars = star_groups(n, near, best, safe)
    place = {int(at): k for k, at in enumerate(best)}
    known = {(a, b): d for a, b, d in told(near)}
    keepers = set(stars.keeper.tolist())
    for at, keeper in enumerate(stars.keeper.tolist()):
        assert stars.keeper[keeper] == keeper
        if at == keeper:
            assert stars.distance[at] == 0
            continue
        assert not safe[at]
        assert stars.distance[at] == known[min(at, keeper), max(at, keeper)] <= radius
        # Of all keepers near it, it has the best: the protected ones first, then by order.
        options = [k for k in keepers if (min(at, k), max(at, k)) in known and k != at]
        assert keeper == min(options, key=lambda k: (not safe[k], place[k]))
        assert safe[keeper] or place[keeper] < place[at]
    for a, b in known:
        if a in keepers and b in keepers:
            assert safe[a] and safe[b]
    for keeper in keepers:
        group = np.flatnonzero(stars.keeper == keeper)
        bits = np.bitwise_count(hashes[group, None] ^ hashes[group]).max()
        assert bits <= stars.diameter[keeper] <= 2 * radius
        outside = any((a in group) != (b in group) for a, b in known)
        assert (stars.chained[group] == outside).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 50), st.permutations(range(60)))
def test_groups_do_not_depend_on_the_order_of_files(seed: int, order: list[int]) -> None:
    hashes = pan(60, seed)
    score = np.random.default_rng(seed).permutation(60)
    straight = star_groups(60, pairs_within(hashes, 10), np.argsort(-score))
    moved = np.array(order)
    shuffled = star_groups(60, pairs_within(hashes[moved], 10), np.argsort(-score[moved]))
    assert np.array_equal(straight.keeper[moved], moved[shuffled.keeper])
    for name in ("distance", "diameter", "chained", "dense"):
        assert np.array_equal(getattr(straight, name)[moved], getattr(shuffled, name))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_stars_without_pairs_are_those_of_pairs(data: st.DataObject) -> None:
    n, words = data.draw(st.integers(0, 60)), data.draw(st.sampled_from([1, 4]))
    kind = data.draw(st.sampled_from([*KINDS, "pan"]))
    seed = data.draw(st.integers(0, 9))
    hashes = pan(n, seed) if kind == "pan" else made(kind, n, words, seed)
    radius = data.draw(st.integers(0, 30 * words))
    best = np.random.default_rng(seed).permutation(n)
    safe = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), np.bool_)
    stars = star_groups(n, pairs_within(hashes, radius), best, safe)
    block, most = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 60))
    for engine in ENGINES:
        keeper, far = near_cover.covered(
            hashes, radius, best, safe, engine=engine, block=block, most=most
        )
        assert keeper.tolist() == stars.keeper.tolist() and far.tolist() == stars.distance.tolist()


def test_stars_of_large_sets_are_the_same_without_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_cover, "COMPILED", PLAIN)
    ball = made("skewed", 3000, seed=3)
    hashes = np.concatenate([made("planted", 9000), ball])
    best = np.random.default_rng(1).permutation(len(hashes))
    stars = star_groups(len(hashes), pairs_within(hashes, 6), best)
    for engine in ENGINES:
        keeper, far = stars_within(hashes, 6, best, engine=engine, most=1000)
        assert np.array_equal(keeper, stars.keeper) and np.array_equal(far, stars.distance)
    with_pairs = stars_within(hashes, 6, best)
    assert np.array_equal(with_pairs, (keeper, far))


def test_a_pan_is_no_group() -> None:
    hashes = pan()
    near = pairs_within(hashes, 10)
    stars = star_groups(len(hashes), near, np.arange(len(hashes)))
    sizes = np.bincount(stars.keeper)
    assert sizes.max() <= 25 and np.count_nonzero(sizes) >= 60
    assert stars.diameter.max() <= 20 and stars.chained.all()


def test_dense_pictures_are_flagged() -> None:
    hashes = np.concatenate([made("equal", 300), made("uniform", 50, seed=5)])
    stars = star_groups(350, pairs_within(hashes, 4), np.arange(350))
    assert stars.dense[:300].all() and not stars.dense[300:].any()
    assert stars.keeper[:300].tolist() == [0] * 300 and not stars.chained.any()


def test_an_order_of_another_length_is_told() -> None:
    with pytest.raises(ValueError, match="3 pictures"):
        star_groups(3, joined([], 3), [0, 1])


# -- the index that grows -------------------------------------------------------------------------


@pytest.mark.parametrize("words", [1, 4])
def test_adding_is_rebuilding(words: int, tmp_path: Path) -> None:
    hashes = made("planted", 400, words)
    whole = HashIndex(words)
    whole.add(hashes)
    path = tmp_path / "phash.index"
    HashIndex(words).save(path)
    for at in range(0, 400, 57):
        HashIndex.open(path).add(hashes[at : at + 57])  # another run each time
    grown = HashIndex.open(path)
    assert np.array_equal(grown.hashes, hashes) and len(grown) == 400
    again = tmp_path / "again.index"
    whole.save(again)
    assert again.read_bytes() == path.read_bytes()
    found = {
        (min(at, int(i)), max(at, int(i)), int(d))
        for at, one in enumerate(hashes)
        for i, d in zip(*grown.query(one, 8 * words), strict=True)
        if i != at
    }
    assert found == set(told(pairs_within(hashes, 8 * words)))


def test_a_query_gives_the_nearest_first_then_the_oldest() -> None:
    index = HashIndex()
    index.add(np.array([7, 1, 0, 3, 1, 2**63], np.uint64))
    positions, distances = index.query(0, 2)
    assert positions.tolist() == [2, 1, 4, 5, 3] and distances.tolist() == [0, 1, 1, 1, 2]
    assert index.query(np.uint64(2**63 + 7), 0)[0].tolist() == []


def test_a_hash_cut_off_by_a_kill_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "phash.index"
    HashIndex().save(path)
    HashIndex.open(path).add(made("uniform", 5))
    path.write_bytes(path.read_bytes()[:-3])
    index = HashIndex.open(path)
    assert len(index) == 4
    index.add(np.array([9], np.uint64))
    assert np.array_equal(HashIndex.open(path).hashes, [*made("uniform", 5)[:4], 9])
    assert path.stat().st_size == 16 + 5 * 8


def test_something_else_is_no_index(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for content in (b"", b"FCSHASH1", b"not an index of any kind"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="no index"):
            HashIndex.open(path)
    index = HashIndex(4)
    with pytest.raises(ValueError, match="4 words"):
        index.add(np.zeros((2, 3), np.uint64))
