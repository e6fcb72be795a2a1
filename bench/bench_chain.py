"""What a sampled frame costs from video to ranking: `python -m bench.bench_chain` -> chain.json.

01, 02 and 03 go over footage as a user types them, with their default settings and one worker each.
Counted is the processor time of the scripts and all their children, less that of `ffmpeg -f null`
over the same files: what lies beyond bare decoding. What a run pays once (imports, reading models)
is told apart: costs are taken over the footage and over a fraction of it, and a frame costs the
difference, divided by the frames between the two.

The gate is 130 ms of one core, the goal 60. A millisecond of one processor is two to four of
another, as networks run by whatever vectors it has, so a ratio stands beside it, with no gate:
against detectors run naively over the very frames that 01 stored (bench.peers.naive_detectors).

The footage is that of bench_speed, never repeated: frames of a repetition are like each other, and
the chain compares them. Where the labelled clips are, they go through as well, as their cameras
made them. Nearly every frame of those shows somebody: the dearest footage there is.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.bench_speed import to_null
from bench.ffmpeg import ffmpeg_path
from bench.footage import footage
from bench.packaged_clips import ROOT
from bench.report import Row, write
from bench.sets import SETS
from curation.store.videos import VideoTable
from curation.studio import Studio

SCRIPTS = ("01_extract.py", "02_sort.py", "03_score_and_rank.py")
KINDS = ("h264_1080p_10", "h264_1080p_1.5")
FEW_S, FEW_CLIPS = 2, 6
"""What the smaller run takes of the footage, and of the labelled clips."""
ROUNDS = 3
GATED, GATE_MS, GOAL_MS = "01+02+03, ms a sampled frame beyond decoding", 130.0, 60.0


@dataclass(frozen=True)
class Through:
    """One run of the three scripts over videos.

    Attributes:
        frames: sampled ones, and how many of them the triage left out.
        scripts_s: processor time of each script.
        naive_ms: processor time of naive detectors a stored frame; 0 where it was not asked for.
    """

    frames: int
    left_out: int
    scripts_s: tuple[float, ...]
    naive_ms: float = 0.0


def spent_s(words: Sequence[str]) -> tuple[float, str]:
    """Return the processor time of a program with its children, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        words, check=True, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return spent, done.stdout


def through(
    videos: Sequence[Path], folder: Path | None = None, naive: bool = False
) -> Through:
    """Take videos through the scripts, into a fresh datastore in a folder.

    Args:
        naive: have naive detectors look at the stored frames as well.
    """
    told: dict[str, dict[str, Any]] = {}
    spent = []
    with tempfile.TemporaryDirectory(dir=folder) as place:
        for script in SCRIPTS:
            words = [sys.executable, str(ROOT / script), "--datastore", place, "--json"]
            words += ["--workers", "1"] if script != SCRIPTS[-1] else []
            words += map(str, videos) if script == SCRIPTS[0] else []
            cpu_s, said = spent_s(words)
            told[script] = json.loads(said)
            spent.append(cpu_s)
        naive_ms = _naive_ms(Path(place)) if naive else 0.0
    return Through(
        told["01_extract.py"]["frames"], told["02_sort.py"]["left_out"], tuple(spent), naive_ms
    )


def _naive_ms(datastore: Path) -> float:
    """Return what a frame that 01 stored costs naive detectors."""
    with tempfile.TemporaryDirectory() as folder, Studio(datastore) as studio:
        for frame in VideoTable(studio.catalogue).frames():
            (Path(folder) / f"{frame.id}.jpg").symlink_to(frame.path)
        _, said = spent_s([sys.executable, "-m", "bench.peers.naive_detectors", folder])
    told = json.loads(said)
    return 1e3 * float(told["cpu_s"]) / int(told["pictures"])


def decoding_s(videos: Sequence[Path]) -> float:
    """Return the processor time of bare decoding."""
    return sum(spent_s(to_null(path, path))[0] for path in videos)


def one_round(few: Sequence[Path], many: Sequence[Path]) -> dict[str, float]:
    """Return ms a frame by part, the ratio to naive detectors, and what a run pays once."""
    small, large = through(few), through(many, naive=True)
    bare = decoding_s(few), decoding_s(many)
    n = large.frames - small.frames

    def more(less: float, whole: float) -> float:
        return 1e3 * (whole - less) / n

    beyond = more(sum(small.scripts_s) - bare[0], sum(large.scripts_s) - bare[1])
    parts = {
        f"{script}, ms a frame": more(*both)
        for script, *both in zip(SCRIPTS, small.scripts_s, large.scripts_s, strict=True)
    }
    return {
        "01+02+03 beyond decoding / detectors run naively": beyond / large.naive_ms,
        GATED: beyond,
        "detectors run naively, ms a frame": large.naive_ms,
        **parts,
        "bare decoding, ms a frame": more(*bare),
        "what a run pays once, CPU s":
            sum(small.scripts_s) - bare[0] - small.frames * beyond / 1e3,
        "frames": large.frames, "left out by the triage": large.left_out,
    }  # fmt: skip


def rows(name: str, few: Sequence[Path], many: Sequence[Path], rounds: int) -> list[Row]:
    """Return what one more sampled frame of some footage costs: medians of rounds."""
    turns = []
    for turn in range(rounds):
        turns.append(one_round(few, many))
        print(f"{name}, round {turn + 1}: {turns[-1]}", file=sys.stderr)
    frames, left_out = (int(turns[0].pop(key)) for key in ("frames", "left out by the triage"))
    about = f"{frames} frames, {left_out} left out by the triage; one worker; least..most"
    found = []
    for metric in turns[0]:
        values = [turn[metric] for turn in turns]
        gate, goal = (GATE_MS, GOAL_MS) if metric == GATED else (None, None)
        found.append(
            Row(f"{name}: {metric}", statistics.median(values), gate, goal, False, frames,
                (min(values), max(values)), about)
        )  # fmt: skip
    return found


def begin_of(path: Path, folder: Path) -> Path:
    """Return the first seconds of a video, not coded again."""
    short = folder / f"begin_{path.name}"
    words = ["-loglevel", "error", "-nostdin", "-y", "-i", str(path), "-t", str(FEW_S)]
    subprocess.run([str(ffmpeg_path()), *words, "-c", "copy", str(short)], check=True)
    return short


def main() -> int:
    """Measure kinds of footage, and the labelled clips where they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="print these; write no result")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    found: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in options.kinds or KINDS:
            whole = footage(kind)
            found += rows(kind, [begin_of(whole, Path(folder))], [whole], options.rounds)
    labelled = sorted((SETS / "videos" / "clips").glob("*.*"))
    if labelled and not options.kinds:
        found += rows("labelled clips", labelled[:FEW_CLIPS], labelled, 1)
    return 0 if options.kinds else write("chain", found)


if __name__ == "__main__":
    sys.exit(main())
