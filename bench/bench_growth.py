"""Does 16 times as much cost 16 times as much? `python -m bench.bench_growth` -> growth.json.

Three things grow fourfold, twice: videos that go through the three scripts, frames whose measures
lie in columns, and parts that are gathered. Growth is what one frame or part costs at the larger
size against the smaller one: 1 is a straight line, less is what a run pays once spread over more,
above 1.1 the gate is missed. Processor time with all children, the least of some rounds taken in
turns; one worker, because two that share a core's caches would be counted as growth. What a process
pays once and for all (compiling, imports) is paid before, in a small round that is not counted; the
scripts are processes of their own and pay it each time: "for one more" is their cost without it.

A first decision begins with fresh memory, as it does in a process that was just started: what the C
library kept of the round before is given back to the system. Otherwise 60,000 frames find all their
memory in place from the second round on, and 240,000, of which the library keeps little, never do;
what is then measured is the library's limit of 64 MB. The row "memory in place", without a gate,
is the same decision once more, at once, when all sizes find theirs.

The videos are one packaged clip, each time turned, tinted and cut in another way, so that all are
about equally much work. `--chain 4` takes four of them where one is the default; a part that is
left out (`--chain 0`) keeps what an earlier run found.
"""

from __future__ import annotations

import argparse
import ctypes
import ctypes.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bench.bench_chain import SCRIPTS, Through, through
from bench.ffmpeg import ffmpeg_path
from bench.footage import source
from bench.report import RESULTS, Row, write
from bench.rich_columns import rich
from curation.cluster import WorkPlan, gather, work
from curation.decide import Prepared, decide
from curation.engine.machine import single_threaded
from curation.engine.parts import MANIFEST, Manifest, part_name, read_manifest
from curation.params import RankParams, WorkParams
from curation.studio import Studio

TIMES = (1, 4, 16)
GATE, GOAL = 1.10, 1.0
CLIP, CLIP_S = "world.mp4", 30
PER_VIDEO = 800
COLUMN_FRAMES = 15_000
PARTS, PART_S = 60, 10
KEPT = "first decision, memory in place"
MOVED = (("min_focus", (-0.4, -0.3, 0.1)), ("pose_area", (0.25, 0.35, 0.45)))


def spent_s(whose: int) -> float:
    """Return the processor time so far of this process, or of its children that have ended."""
    used = resource.getrusage(whose)
    return used.ru_utime + used.ru_stime


def line(
    name: str, unit: str, counts: Sequence[int], rounds: Sequence[Sequence[float]],
    gated: bool = True,
) -> list[Row]:  # fmt: skip
    """Return rows about a cost at three sizes: seconds, of one more, and growth.

    Args:
        rounds: CPU seconds at each size, for each round.
    """
    columns = list(zip(*rounds, strict=True))
    costs = [min(column) for column in columns]
    rows = [
        Row(f"{name}: CPU s of {n:,} {unit}", cost, None, None, False, n,
            (cost, max(column)), f"least..most of {len(rounds)}")
        for n, cost, column in zip(counts, costs, columns, strict=True)
    ]  # fmt: skip
    more = (costs[2] - costs[0]) / (counts[2] - counts[0])
    rows.append(Row(f"{name}: ms for one more", 1e3 * more, None, None, False, counts[2]))
    gate, goal = (GATE, GOAL) if gated else (None, None)
    for i in range(2):
        growth = (costs[i + 1] / counts[i + 1]) / (costs[i] / counts[i])
        rows.append(
            Row(f"{name}: one of {counts[i + 1]:,} against one of {counts[i]:,}", growth, gate,
                goal, False, counts[i + 1])
        )  # fmt: skip
    return rows


# -- videos through the scripts ------------------------------------------------------------------


def variant(number: int, folder: Path) -> Path:
    """Return a video of its own, made of the packaged clip."""
    path = folder / f"film{number:03d}.mp4"
    if path.exists():
        return path
    zoom = 1 + 0.012 * (number % 8)
    tall = round(360 * zoom / 2) * 2
    wide = round(640 * zoom / 2) * 2
    graph = [f"scale={wide}:{tall}", "crop=640:360", f"hue=h={(number * 37) % 360}"]
    graph += ["hflip"] if number % 2 else []
    words = ["-i", str(source(CLIP)), "-t", str(CLIP_S), "-vf", ",".join(graph), "-an"]
    words += ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23"]
    part = path.with_name(f".{path.name}")
    subprocess.run(
        [str(ffmpeg_path()), "-loglevel", "error", "-nostdin", "-y", *words, str(part)], check=True
    )
    part.replace(path)
    return path


def chained(n: int, folder: Path) -> Through:
    """Return what n videos cost."""
    videos = folder / "videos"
    videos.mkdir(exist_ok=True)
    return through([variant(number, videos) for number in range(n)], folder)


def chain_rows(unit: int, folder: Path, rounds: int) -> list[Row]:
    """Return the growth of the three scripts, together and each."""
    counts: list[int] = []
    spent: list[list[list[float]]] = []
    for _ in range(rounds):
        runs = [chained(unit * times, folder) for times in TIMES]
        counts = [run.frames for run in runs]
        spent.append([list(run.scripts_s) for run in runs])
    rows = line("01+02+03", "frames", counts, [[sum(each) for each in turn] for turn in spent])
    for i, script in enumerate(SCRIPTS):
        rows += line(script, "frames", counts, [[each[i] for each in turn] for turn in spent],
                     gated=False)  # fmt: skip
    return rows


# -- columns -------------------------------------------------------------------------------------


def column_rows(frames: int, rounds: int) -> list[Row]:
    """Return the growth of decisions about columns that hold all that is measured of people."""
    sizes = [max(1, round(frames * times / PER_VIDEO)) for times in TIMES]
    catalogues = [rich(n_videos, PER_VIDEO) for n_videos in sizes]
    _decisions(rich(2, PER_VIDEO), 0)
    spent = [[_decisions(columns, turn) for columns in catalogues] for turn in range(rounds)]
    counts = [n_videos * PER_VIDEO for n_videos in sizes]
    return [
        row
        for name in spent[0][0]
        for row in line(f"columns, {name}", "frames", counts,
                        [[told[name] for told in turn] for turn in spent], name != KEPT)
    ]  # fmt: skip


def _decisions(columns: Any, turn: int) -> dict[str, float]:
    """Return CPU seconds of a first decision and of some more, each never asked before."""
    _give_memory_back()
    ready = Prepared(columns)
    told = {"first decision": timed(lambda: decide(ready, RankParams()))}
    del ready
    ready = Prepared(columns)
    told[KEPT] = timed(lambda: decide(ready, RankParams()))
    for name, values in MOVED:
        params = [RankParams(**{name: value + 0.001 * turn}) for value in values]  # type: ignore[arg-type]
        told[f"{name} moved"] = min(timed(lambda p=one: decide(ready, p)) for one in params)  # type: ignore[misc]
    near = [RankParams(near_hash=bits) for bits in (7, 6)]
    told["duplicates and quota"] = min(timed(lambda p=one: decide(ready, p)) for one in near)  # type: ignore[misc]
    return told


def _give_memory_back() -> None:
    """Give freed memory back to the system where the C library can."""
    trim = getattr(ctypes.CDLL(ctypes.util.find_library("c")), "malloc_trim", None)
    if trim is not None:
        trim(0)


def timed(work_: Callable[[], object]) -> float:
    """Return the processor seconds of something done once."""
    start = time.process_time()
    work_()
    return time.process_time() - start


# -- parts ---------------------------------------------------------------------------------------


def made_part(folder: Path) -> Path:
    """Return a part that this machine made of some seconds of the clip."""
    short = folder / "short.mp4"
    subprocess.run(
        [str(ffmpeg_path()), "-loglevel", "error", "-nostdin", "-y", "-i", str(source(CLIP)),
         "-t", str(PART_S), "-vf", "scale=320:180", "-an", str(short)], check=True,
    )  # fmt: skip
    for _ in work([short], WorkParams(workers=1), WorkPlan(str(folder / "one"), scratch=folder)):
        pass
    (part,) = (folder / "one").glob("*/*.zip")
    return part


def copied(part: Path, number: int, place: Path) -> None:
    """Write the part of a video with the same frames but another content and name."""
    with part.open("rb") as file:
        told = read_manifest(file)
    key = f"{number:08x}{told.id[8:]}"
    info = json.loads(told.info or "{}") | {"key": key}
    new: Manifest = replace(told, id=key, name=f"film{number:05d}.mp4", info=json.dumps(info),
                            source=f"film{number:05d}.mp4")  # fmt: skip
    target = place / part_name(key, told.settings, told.state)
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(part) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as packed:
        packed.writestr(MANIFEST, json.dumps(asdict(new), sort_keys=True))
        for entry in old.infolist():
            if entry.filename != MANIFEST:
                packed.writestr(entry.filename, old.read(entry))


def gather_rows(unit: int, folder: Path, rounds: int) -> list[Row]:
    """Return the growth of gathering parts that one machine made, and of gathering them again."""
    part = made_part(folder)
    counts = [unit * times for times in TIMES]
    for n in counts:
        place = folder / f"parts{n}"
        for number in range(n):
            copied(part, number, place)
        (place / part.parent.name / "settings.json").write_bytes(
            (part.parent / "settings.json").read_bytes()
        )
    _gathered(folder, counts[0])
    spent = [[_gathered(folder, n) for n in counts] for _ in range(rounds)]
    rows: list[Row] = []
    for i, name in enumerate(("gather", "gather again")):
        costs = [[both[i] for both in turn] for turn in spent]
        rows += line(name, "parts", counts, costs, gated=not i)
    return rows


def _gathered(folder: Path, n: int) -> tuple[float, float]:
    """Return CPU seconds of taking n parts into a new datastore, and of doing it again."""
    costs = []
    with tempfile.TemporaryDirectory(dir=folder) as datastore:
        studio = Studio(Path(datastore) / "store")
        try:
            for wanted in (n, 0):
                begun = spent_s(resource.RUSAGE_SELF)
                *_, last = gather(studio, str(folder / f"parts{n}"), workers=1)
                costs.append(spent_s(resource.RUSAGE_SELF) - begun)
                got = dict(last.summary or {})
                if got["parts"] != wanted or got["failed_items"]:
                    raise RuntimeError(f"gathered {got['parts']} of {n}: {got['failed_items'][:1]}")
        finally:
            studio.close()
    return costs[0], costs[1]


def kept(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of an earlier run about what this one left out."""
    path = RESULTS / "growth.json"
    kinds = {row.metric.split(",")[0].split(":")[0] for row in rows}
    old = [Row(**row) for row in json.loads(path.read_text())] if path.exists() else []
    return [row for row in old if row.metric.split(",")[0].split(":")[0] not in kinds]


def main() -> int:
    """Measure all three, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chain", type=int, default=1, help="videos at 1x; 0 leaves them out")
    parser.add_argument("--columns", type=int, default=COLUMN_FRAMES, help="frames at 1x; 0: none")
    parser.add_argument("--parts", type=int, default=PARTS, help="parts at 1x; 0: none")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chain-rounds", type=int, default=1, help="of the scripts")
    typed = parser.parse_args()
    if "OPENBLAS_NUM_THREADS" not in os.environ:
        single_threaded()  # waiting threads of the algebra library would count as processor time
        os.execv(sys.executable, [sys.executable, "-m", "bench.bench_growth", *sys.argv[1:]])
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="growth-") as scratch:
        folder = Path(scratch)
        if typed.parts:
            rows += gather_rows(typed.parts, folder, typed.rounds)
        if typed.columns:
            rows += column_rows(typed.columns, typed.rounds)
        if typed.chain:
            rows += chain_rows(typed.chain, folder, typed.chain_rounds)
    return write("growth", kept(rows) + rows)


if __name__ == "__main__":
    sys.exit(main())
