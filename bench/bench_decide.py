"""How fast is a moved threshold? `python -m bench.bench_decide` -> results/decide.json.

`--datastore FOLDER` opens and writes out a datastore that is there (see bench_open) instead of
filling one of 240,000 frames.

Synthetic catalogues of 800 frames a video with all pools and rejects, hashes that drift within
shots and jump between them. Gates are on ratios to a floor that any decision over these columns
must pay (sorting every measured column once), so that they hold on slow and on busy machines.
The worst cases are for the de-duplication alone. "Again" is what a moved slider costs: the same
prepared columns, each time with a threshold that was not asked about before. "Rich" columns
hold looks, poses, expressions and identities as real ones do: those are most of the work.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import numpy as np

from bench.bench_open import options
from bench.bench_open import rows as open_rows
from bench.report import Row, write
from bench.rich_columns import rich
from curation.decide import Prepared, decide
from curation.decide.columns import Columns
from curation.decide.dedup import group
from curation.engine.machine import single_threaded
from curation.params import DedupParams, RankParams
from tests.unit.decide.columns import catalogue

PER_VIDEO = 800
SIZES = {"10,000 frames": (20, 500, 9.0, 3.0), "240,000 frames": (300, PER_VIDEO, 6.0, 2.0)}
"""Videos, frames a video, gate and goal of the ratio. Tracks, likeness and spread take their share
since people are followed: before that the gates were 6 and 4."""
WORST_GATE = 8.0
AGAIN = {"10,000 frames": (1.5, 0.5), "240,000 frames": (0.6, 0.1)}
"""Gate and goal of the ratio of a decision about prepared columns."""
MOVED: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("min_focus", (-0.5, -0.4, -0.3, -0.1, 0.1, 0.2)),
    ("pose_area", (0.2, 0.25, 0.35, 0.4, 0.45, 0.5)),
    ("second_person", (0.1, 0.3, 0.4, 0.5, 0.7, 0.8)),
)
"""Thresholds of a gate, of the export crop and of the pools, and where they are moved to."""


def cpu_ms(work: Callable[[], object], rounds: int) -> float:
    """Return the least processor time of a few rounds."""
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        spent.append(1e3 * (time.process_time() - start))
    return min(spent)


def floor_ms(columns: dict[str, np.ndarray], rounds: int) -> float:
    """Return the time to sort every float column once."""
    measured = [values for values in columns.values() if values.dtype == np.float64]
    return cpu_ms(lambda: [np.argsort(values, kind="stable") for values in measured], rounds)


def decide_rows(size: str) -> list[Row]:
    """Return the cost of deciding a catalogue, in ms and in floors."""
    n_videos, per_video, gate, goal = SIZES[size]
    columns = catalogue(n_videos, per_video)
    n = n_videos * per_video
    rounds = 5 if n < 50_000 else 2
    floor = floor_ms(columns, rounds)
    spent = cpu_ms(lambda: decide(columns, RankParams()), rounds)
    return [
        Row(f"{size}: floor ms (argsort of columns)", floor, None, None, False, n),
        Row(f"{size}: decide ms", spent, None, None, False, n),
        Row(f"{size}: decide / floor", spent / floor, gate, goal, False, n),
    ]


RICH = {
    "a weight or threshold moved": (500.0, 100.0),
    "duplicates and quota": (5000.0, 1000.0),
}
"""Gates and goals in ms of processor time, of 240,000 frames."""
RICH_MOVED: tuple[tuple[str, tuple[float, ...]], ...] = (
    *MOVED,
    ("weight_focus", (0.3, 0.5, 0.6, 0.7, 0.8, 0.9)),
    ("per_video", (2, 3, 4, 5, 7, 8)),
    ("max_yaw", (20.0, 30.0, 40.0, 50.0, 60.0, 70.0)),
)


def rich_rows(n_videos: int) -> list[Row]:
    """Return what decisions about columns cost that hold all that is measured of people."""
    columns = rich(n_videos, PER_VIDEO)
    n = n_videos * PER_VIDEO
    floor = floor_ms(columns, 2)
    ready = Prepared(columns)
    first = cpu_ms(lambda: decide(ready, RankParams()), 1)
    rows = [Row(f"rich, {n:,} frames: first decision ms", first, None, None, False, n),
            Row(f"rich, {n:,} frames: first decision / floor", first / floor, None, None, False, n)]
    for name, values in RICH_MOVED:
        params = [RankParams(**{name: value}) for value in values]  # type: ignore[arg-type]
        spent = sorted(cpu_ms(lambda p=one: decide(ready, p), 1) for one in params)  # type: ignore[misc]
        rows.append(Row(f"rich, {n:,} frames: {name} moved, median ms", spent[len(spent) // 2],
                        *RICH["a weight or threshold moved"], False, n))
        rows.append(Row(f"rich, {n:,} frames: {name} moved / floor", spent[0] / floor, None, None,
                        False, n))
    spent = [cpu_ms(lambda b=bits: decide(ready, RankParams(near_hash=b)), 1) for bits in (7, 6)]  # type: ignore[misc]
    rows.append(Row(f"rich, {n:,} frames: duplicates and quota (near_hash moved), ms", min(spent),
                    *RICH["duplicates and quota"], False, n))
    return rows


def again_rows(size: str) -> list[Row]:
    """Return the cost of deciding once more about prepared columns, in ms and in floors."""
    (n_videos, per_video, _, _), (gate, goal) = SIZES[size], AGAIN[size]
    columns = catalogue(n_videos, per_video)
    n = n_videos * per_video
    floor = floor_ms(columns, 2)
    made: list[Prepared] = []

    def first() -> None:
        made.append(Prepared(columns))
        decide(made[-1], RankParams())

    rows = [Row(f"{size}: prepared, first decision ms", cpu_ms(first, 1), None, None, False, n)]
    for name, values in MOVED:
        params = [RankParams(**{name: value}) for value in values]  # type: ignore[arg-type]
        spent = min(cpu_ms(lambda p=one: decide(made[-1], p), 1) for one in params)  # type: ignore[misc]
        rows.append(Row(f"{size}: again, {name} moved, ms", spent, None, None, False, n))
        rows.append(Row(f"{size}: again, {name} moved / floor", spent / floor, gate, goal,
                        False, n))
    return rows


def worst_rows(n: int, floor: float) -> list[Row]:
    """Return the cost of de-duplication where hashes are as unhelpful as they get."""
    rng = np.random.default_rng(0)
    different = rng.integers(0, 2**64, n, dtype=np.uint64)
    flips = np.packbits(rng.random((n, 64)) < 0.16, axis=1).view(np.uint64).ravel()
    cases = {
        "all frames equal": np.zeros(n, np.uint64),
        "all frames different": different,
        "all frames around one picture": different[:1] ^ flips,
        "300 pictures, each with 800 variants": np.repeat(different[:300], n // 300) ^ flips,
    }
    rows = []
    for name, hashes in cases.items():
        at = np.arange(n)
        columns = Columns({
            "frame_id": at, "video": at // PER_VIDEO, "shot": at // 20, "time_s": at % 800 * 0.5,
            "phash": hashes.view(np.int64), "has_phash": np.ones(n, np.bool_), "pixels": at,
        })
        best_first = rng.permutation(n)

        def cover(columns: Columns = columns, best_first: np.ndarray = best_first) -> object:
            return group(columns, best_first, DedupParams())

        spent = cpu_ms(cover, 1)
        rows.append(Row(f"dedup, {name}: ms", spent, None, None, False, n))
        rows.append(Row(f"dedup, {name}: / floor", spent / floor, WORST_GATE, 1.0, False, n))
    return rows


def main() -> int:
    """Measure both sizes, the worst cases, and a datastore."""
    typed = options()
    if "OPENBLAS_NUM_THREADS" not in os.environ:
        single_threaded()  # waiting threads of the algebra library would count as processor time
        os.execv(sys.executable, [sys.executable, "-m", "bench.bench_decide", *sys.argv[1:]])
    rows = [row for size in SIZES for row in decide_rows(size)]
    floor = next(row.value for row in reversed(rows) if "floor ms" in row.metric)
    rows += [row for size in SIZES for row in again_rows(size)]
    rows += rich_rows(300) + worst_rows(300 * PER_VIDEO, floor)
    return write("decide", rows + open_rows(typed.datastore, typed.frames))


if __name__ == "__main__":
    sys.exit(main())
