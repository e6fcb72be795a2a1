"""What extraction costs against bare decoding and against other programs: CPU seconds, in turns.

    python -m bench.bench_speed [--rounds 5] [--seconds 24] [KIND ...]

The limit is `ffmpeg -threads 1 -f null`: it decodes every picture and throws it away. A contender
is a program of its own (CONTENDERS and bench.peers: a name, and what to type for a file and a
folder); its cost is user and system time of all its threads and children. Ours is the worker of
01_extract.py with its default settings: shots, two stills a second with their measures, JPEG and
thumbnail, from the opening of the file on. Everybody's imports are left out, since one process
takes many videos. The look at a new file (content hash, packet times, bars: about the same for a
short and a long video) is left out too, and told in rows of its own, as is all of `01_extract.py`
on one short file.

A round gives each contender one turn on a file; the value is the median of the rounds' ratios, its
interval the least and the most of them. A run with KIND or --only prints, and writes no result.
bench.chart draws what was written.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from bench.contender import ROOT, Contender, Cost, run
from bench.ffmpeg import ffmpeg_path
from bench.footage import KINDS, footage
from bench.peers import hash_peers, versions, video_peers
from bench.report import RESULTS, Row, write
from curation.engine.machine import THREAD_SETTINGS

LIMIT = "ffmpeg to null"


def to_null(path: Path, _: Path) -> list[str]:
    """Return the limit's command line."""
    return [
        str(ffmpeg_path()), "-hide_banner", "-loglevel", "error", "-nostdin", "-threads", "1",
        "-i", str(path), "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "null", "-",
    ]  # fmt: skip


def worker(*words: str) -> Callable[[Path, Path], list[str]]:
    """Return our worker's command line maker."""
    return lambda path, out: [
        sys.executable, "-m", "bench.bench_speed", "--worker", str(path), str(out), *words
    ]  # fmt: skip


def script(path: Path, out: Path) -> list[str]:
    """Return the command line of the whole script, in a fresh datastore."""
    return [sys.executable, str(ROOT / "01_extract.py"), str(path), "--datastore", str(out)]


ALONE = dict.fromkeys(THREAD_SETTINGS, "1")
"""What engine.pool gives its workers."""
CONTENDERS = {
    LIMIT: Contender(to_null),
    "exact": Contender(worker("--exact"), own=True, ours=True, around=ALONE),
    "default": Contender(worker(), own=True, ours=True, around=ALONE),
}
"""The limit and ours; bench.peers has the others."""
GATES = {
    ("exact", "h264_1080p_10"): (1.35, 1.12),
    ("default", "h264_1080p_10"): (1.05, 0.80),
}
"""Gate and goal of a contender's ratio to the limit on a kind of footage."""
MEMORY = {"h264_1080p_10": (250.0, 150.0), "h264_2160p_27": (500.0, 300.0)}
"""Gate and goal of the worker's memory in MB."""


def as_worker(path: Path, out: Path, exact: bool) -> int:
    """Be a worker: look at a file, extract it, and tell what that took."""
    from time import process_time

    import scenedetect.detectors  # noqa: F401  # the first video of a worker imports it

    from curation.engine.extract import VideoTask, make_extractor
    from curation.engine.looking import make_prober
    from curation.params import ExtractParams
    from curation.store.sources import SourceFile
    from curation.video.extract import ExtractTask

    look, extractor = make_prober(), make_extractor()
    imports_s = process_time()
    file = SourceFile(path, 1, 1, None, None, None, None)
    (_, info), = look(file)
    probe_s = process_time() - imports_s
    named = {"exact": True} if exact else {}
    task = ExtractTask(path, out, info, ExtractParams(**named))
    frames = shots = 0
    before = process_time()
    for chunk in extractor(VideoTask(1, path.name, task)):
        frames += len(chunk.frames)
        shots = len(chunk.shots)
    cpu_s = process_time() - before
    told = {"cpu_s": cpu_s, "imports_s": imports_s, "probe_s": probe_s, "stills": frames,
            "shots": shots, "pictures": info.n_frames}  # fmt: skip
    print(json.dumps(told))
    return 0


def race(path: Path, rounds: int, contenders: Mapping[str, Contender]) -> dict[str, list[Cost]]:
    """Return the costs of each contender in each round; they take turns."""
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for number in range(rounds):
        # Each goes first as often as last: a busy minute must not be one's alone.
        for name in contenders if number % 2 == 0 else reversed(list(contenders)):
            costs[name].append(run(contenders[name], path))
    return costs


def ratio_rows(
    kind: str, contenders: Mapping[str, Contender], costs: dict[str, list[Cost]]
) -> Iterator[Row]:
    """Yield what each contender costs against the limit, and its memory."""
    limit = [turn.cpu_s for turn in costs[LIMIT]]
    for name, turns in costs.items():
        if name == LIMIT:
            continue
        stills = f"{int(turns[0].told.get('stills', turns[0].stills))} stills"
        about = f"CPU, in turns; least..most; {contenders[name].about or stills}"
        about += f"; {stills}" if contenders[name].about else ""
        yield _ratio(f"{name} / {LIMIT}, {kind}", [turn.cpu_s for turn in turns], limit, about,
                     *GATES.get((name, kind), (None, None)))  # fmt: skip
        if contenders[name].ours:
            whole = [turn.cpu_s + turn.told["probe_s"] for turn in turns]
            yield _ratio(f"{name} and the look / {LIMIT}, {kind}", whole, limit,
                         "the same with the look at a new file")  # fmt: skip
    for name, turns in costs.items():
        rss = [turn.rss_mb for turn in turns]
        gate, goal = MEMORY.get(kind, (None, None)) if contenders[name].ours else (None, None)
        yield Row(f"MB at most: {name}, {kind}", max(rss), gate, goal, False, len(rss),
                  (min(rss), max(rss)), "one process; least..most")  # fmt: skip
    yield Row(f"s CPU: {LIMIT}, {kind}", float(np.median(limit)), None, None, False, len(limit))
    own = [turn.told for turns in costs.values() for turn in turns if "probe_s" in turn.told]
    for key, text in (("probe_s", "look at the file"), ("imports_s", "imports of a worker")):
        if own:
            yield Row(f"s CPU: {text}, {kind}", float(np.median([told[key] for told in own])),
                      None, None, False, len(own))  # fmt: skip


def _ratio(
    metric: str, turns: list[float], base: list[float], about: str,
    gate: float | None = None, goal: float | None = None, higher_is_better: bool = False,
) -> Row:  # fmt: skip
    """Return the median of the rounds' ratios, with the least and the most of them."""
    ratios = [turn / of for turn, of in zip(turns, base, strict=True)]
    return Row(metric, float(np.median(ratios)), gate, goal, higher_is_better, len(ratios),
               (min(ratios), max(ratios)), about)  # fmt: skip


def hash_rows(rounds: int, seconds: int) -> Iterator[Row]:
    """Yield what other programs take to hash the stills of a video, against us."""
    with tempfile.TemporaryDirectory() as scratch:
        command = CONTENDERS["default"].command(footage("h264_1080p_10", seconds), Path(scratch))
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        costs = race(Path(scratch), rounds, hash_peers())
    mine = [turn.cpu_s for turn in costs["ours"]]
    n = int(costs["ours"][0].told["pictures"])
    about = f"CPU, in turns; least..most; {n} stills of 1080p, from file to hash"
    for name, turns in costs.items():
        if name != "ours":
            yield _ratio(f"{name} phash / ours", [turn.cpu_s for turn in turns], mine, about,
                         higher_is_better=True)  # fmt: skip
    yield Row("ms a still: our phash", 1e3 * float(np.median(mine)) / n, None, None, False, n)


def load() -> str:
    """Return the machine's load over 1, 5 and 15 minutes."""
    return " ".join(f"{load:.1f}" for load in os.getloadavg())


def about() -> dict[str, str]:
    """Return what the numbers depend on: machine, load, versions."""
    import av
    import cv2

    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    version = subprocess.run([str(ffmpeg_path()), "-version"], capture_output=True, text=True,
                             check=True).stdout.split()[2]  # fmt: skip
    return {
        "machine": f"{os.cpu_count()} x {model}",
        "load": load(),
        "python": platform.python_version(),
        "ffmpeg": version,
        "av": av.__version__,
        "opencv": cv2.__version__,
        **versions(),
    }


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=24, help="of video")
    parser.add_argument("--dry", action="store_true", help="print only, write no result")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="parts of contenders' names")
    parser.add_argument("--hashes", action="store_true", help="also with KIND or --only")
    parser.add_argument("--no-peers", action="store_true", help="only the limit and ours")
    parser.add_argument("--worker", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--exact", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return as_worker(*options.worker, exact=options.exact)
    contenders = CONTENDERS | ({} if options.no_peers else video_peers())
    if options.only:
        contenders = {
            name: contender
            for name, contender in contenders.items()
            if name == LIMIT or any(part in name for part in options.only)
        }
    paths = {}
    for kind in options.kinds or KINDS:
        large = KINDS[kind].height > 1080  # four times the pixels: a third of the time will do
        paths[kind] = footage(kind, options.seconds // 3 if large else options.seconds)
    conditions = about()
    rows: list[Row] = []
    whole_run = not (options.kinds or options.only or options.no_peers)
    if whole_run or (options.hashes and not options.no_peers):
        rows += told(hash_rows(options.rounds, options.seconds))
    for kind, path in paths.items():
        costs = race(path, options.rounds, contenders)
        rows += told(ratio_rows(kind, contenders, costs))
    if not whole_run or options.dry:
        print("nothing is written: a result has every kind and every contender", file=sys.stderr)
        return 0
    whole = run(Contender(script), footage("h264_1080p_1.5", options.seconds))
    rows.append(Row("s CPU: all of 01_extract.py, h264_1080p_1.5", whole.cpu_s, None, None,
                    False, 1, split="starting Python three times included"))  # fmt: skip
    conditions |= {"load after": load(), "seconds of video": str(options.seconds)}
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "speed_machine.json").write_text(json.dumps(conditions, indent=1) + "\n")
    return write("speed", rows)


def told(rows: Iterator[Row]) -> list[Row]:
    """Show what is known so far, and return it."""
    found = list(rows)
    for row in found:
        print(f"  {row.metric:64} {row.value:8.3f} {row.interval or ''}", file=sys.stderr)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
