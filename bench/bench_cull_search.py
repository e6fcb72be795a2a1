"""All pairs of hashes: how fast? `python -m bench.bench_cull_search` -> results/cull_search.json.

Times are processor time of one core. A core's speed is taken out by measuring, in the same run and
between the searches, what numpy needs to XOR 20,000 hashes with 20,000 and count the bits: the
"product". The research has 1.2 s for a million hashes at radius 6 and 5.1 s at radius 10, and no
product of its day. The product was 0.35 to 0.71 s of processor time here, by how busy the other
half of the core was; 0.41 is taken, which makes the research's ratios 2.9 and 12.4, and three times
that is the gate. With 0.71 it would be 5.1 and 21.5.

Where imagededup cannot be fetched, its rows are missing.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench import peers
from bench.peers.places import NoPeer
from bench.report import Row, write
from curation.cull.library import Library, Photo
from curation.cull.prints import Prints
from curation.cull.shelf import HashShelf
from curation.decide.near import HashIndex, pairs_within, star_groups
from curation.photos.capture import Capture
from curation.photos.prints import PRINT

RESEARCH = {6: 1.2 / 0.41, 10: 5.1 / 0.41}
"""Products that the research's search of a million hashes takes, at an assumed 0.41 s each."""
SIDE, BLOCK = 20_000, 500
PEER_N, PEER_RADIUS, PEER_GATE = 8_000, 10, 500.0

Hashes = npt.NDArray[np.uint64]


def hashes_of(n: int) -> Hashes:
    """Return n uniform hashes, a fifth of them 1 to 8 bits from another one."""
    rng = np.random.default_rng(0)
    made = rng.integers(0, 2**64, n, dtype=np.uint64)
    copies = n // 5
    flips = np.zeros(copies, np.uint64)
    bits = rng.integers(1, 9, copies)
    for bit in range(8):
        one = np.uint64(1) << rng.integers(0, 64, copies, dtype=np.uint64)
        flips ^= np.where(bit < bits, one, np.uint64(0))
    made[:copies] = made[copies : 2 * copies] ^ flips
    return np.asarray(rng.permutation(made), np.uint64)


def product(some: Hashes) -> None:
    """Do what everything is compared with: 4e8 XORs and counts in numpy, in blocks that fit."""
    for at in range(0, len(some), BLOCK):
        np.bitwise_count(some[at : at + BLOCK, None] ^ some[None, :])


def cpu_s(work: Callable[[], Any], rounds: int = 1) -> tuple[float, Any]:
    """Return the least processor time of a piece of work and its processes, and its result."""
    least, made = float("inf"), None
    for _ in range(rounds):
        start = _spent_s()
        made = work()
        least = min(least, _spent_s() - start)
    return least, made


def _spent_s() -> float:
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def search_rows(n: int) -> list[Row]:
    """Return the cost of all pairs of n hashes, and of grouping them."""
    hashes = hashes_of(n)
    some = hashes[:SIDE].copy()
    pairs_within(hashes[:40_000], 6, engine="numba")  # compiling is not measured
    rows = []
    products = [cpu_s(lambda: product(some))[0]]
    for radius in (6, 10):
        spent, near = cpu_s(partial(pairs_within, hashes, radius), 3)
        products.append(cpu_s(lambda: product(some))[0])
        unit = min(products[-2:])
        gate = 3 * RESEARCH[radius] if n == 1_000_000 else None
        name = f"{n:,} hashes, radius {radius}"
        rows += [
            Row(f"{name}: all pairs, s", spent, None, None, False, n),
            Row(f"{name}: all pairs / product of 20k x 20k", spent / unit, gate,
                RESEARCH[radius], False, n, split=f"product {unit:.2f} s"),
            Row(f"{name}: pairs found", len(near), None, None, True, n),
        ]  # fmt: skip
    stars_s, _ = cpu_s(lambda: star_groups(n, near, np.arange(n)))
    rows.append(Row(f"{n:,} hashes: star groups of the pairs, s", stars_s, None, None, False, n))
    return rows


def memory_row(n: int) -> Row:
    """Return the most memory that a process searching n hashes had, in GB, Python included."""
    code = (
        "from bench.bench_cull_search import hashes_of, peak_gb\n"
        "from curation.decide.near import pairs_within\n"
        f"pairs_within(hashes_of({n}), 10)\nprint(peak_gb())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    peak = float(done.stdout.split()[-1])
    return Row(f"{n:,} hashes, radius 10: memory, GB", peak, 1.0, 0.7, False, n)


def peak_gb() -> float:
    """Return the most memory that this process ever had, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def index_rows(n: int) -> list[Row]:
    """Return the cost of one more picture: open the index, ask it, add to it on disk."""
    hashes = hashes_of(n)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "phash.index"
        index = HashIndex()
        index.add(hashes)
        index.save(path)
        del index

        def one_more() -> None:
            grown = HashIndex.open(path)
            grown.query(hashes[7] ^ np.uint64(5), 10)
            grown.add(hashes[7:8])

        walls = []
        for _ in range(9):
            start = time.perf_counter()
            one_more()
            walls.append(1e3 * (time.perf_counter() - start))
        ram = HashIndex.open(path)
        query_s, _ = cpu_s(lambda: ram.query(hashes[7], 10), 9)
    return [
        Row(f"one more picture to {n:,}: open, query, add, ms of wall clock",
            float(np.median(walls)), 50.0, 20.0, False, n),
        Row(f"query of {n:,}: ms", 1e3 * query_s, None, None, False, n),
    ]  # fmt: skip


def shelf_rows(n: int) -> list[Row]:
    """Return what `group` and `query --known` do for one more picture: eight hashes, on disk."""
    rows = np.zeros(n, PRINT)
    hashes = hashes_of(n)
    rows["hashes"], rows["wide"][..., 0] = hashes[:, None], hashes[:, None]
    prints = Prints.of([rows.tobytes()])
    capture = Capture(None)
    photos = [
        Photo(Path("p"), Path(), (), f"{at:032x}", "", "JPEG", 0, 0, 1, 1, capture)
        for at in range(n)
    ]
    with tempfile.TemporaryDirectory() as folder:
        shelf = HashShelf(Path(folder))
        first_s, _ = cpu_s(lambda: shelf.keep(Library(photos, prints)))
        walls = []
        for at in range(9):
            one = replace(photos[0], content=f"{n + at:032x}")
            start = time.perf_counter()
            shelf.keep(Library([one], prints.take([at])))
            shelf.query("phash", 64, hashes[at : at + 1], 10)
            walls.append(1e3 * (time.perf_counter() - start))
    return [
        Row(f"one more photo on a shelf of {n:,}: 8 hashes, query, ms of wall clock",
            float(np.median(walls)), None, 50.0, False, n),
        Row(f"{n:,} photos on a shelf, s", first_s, None, None, False, n),
    ]  # fmt: skip


def peer_rows() -> list[Row]:
    """Return the cost of the same pairs with imagededup, where it can be had."""
    try:
        methods = peers.imagededup()
    except NoPeer as why:
        print(why)
        return []
    hashes = hashes_of(PEER_N)
    texts = {f"{at:05}": f"{int(value):016x}" for at, value in enumerate(hashes)}
    hasher = methods.PHash(verbose=False)

    def theirs() -> Any:
        return hasher.find_duplicates(
            encoding_map=texts, max_distance_threshold=PEER_RADIUS, scores=True,
            search_method="brute_force_cython", num_dist_workers=0,
        )  # fmt: skip

    spent, said = cpu_s(theirs)
    pairs_within(hashes_of(40_000), PEER_RADIUS, engine="numba")
    mine, near = cpu_s(lambda: pairs_within(hashes, PEER_RADIUS, engine="numba"), 5)
    ours = {
        (a, b, d)
        for a, b, d in zip(near.one.tolist(), near.other.tolist(), near.distance.tolist(),
                           strict=True)
    }  # fmt: skip
    found = {
        (min(int(a), int(b)), max(int(a), int(b)), int(d))
        for a, others in said.items()
        for b, d in others
    }
    return [
        Row("imagededup / ours: all pairs, radius 10", spent / mine, PEER_GATE, 1000.0, True,
            PEER_N, split=f"{spent:.1f} s and {1e3 * mine:.1f} ms"),
        Row("pairs or distances that only one of them finds", len(ours ^ found), 0.0, 0.0, False,
            PEER_N, split=f"{len(ours)} pairs"),
    ]  # fmt: skip


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hashes", type=int, default=1_000_000)
    n = parser.parse_args().hashes
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    rows = [*search_rows(n), memory_row(n), *index_rows(n), *shelf_rows(n), *peer_rows()]
    return write("cull_search", rows)


if __name__ == "__main__":
    raise SystemExit(main())
