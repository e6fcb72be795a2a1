"""What a sampled frame costs from video to ranking: `python -m bench.bench_chain` -> chain.json.

01, 02 and 03 go over footage as a user types them, with their default settings and one worker each.
Counted is the processor time of the scripts and all their children, less that of `ffmpeg -f null`
over the same files: what lies beyond bare decoding. What a run pays once (imports, reading models)
is told apart: costs are taken over a few minutes and over a fraction of them, and a frame costs the
difference, divided by the frames between the two.

The footage is that of bench_speed; where the labelled clips are, they go through as well, as their
cameras made them. Nearly every frame of those shows somebody: the dearest footage there is.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.bench_speed import to_null
from bench.footage import footage
from bench.packaged_clips import ROOT
from bench.report import Row, write
from bench.sets import SETS

SCRIPTS = ("01_extract.py", "02_sort.py", "03_score_and_rank.py")
KINDS = ("h264_1080p_10", "h264_1080p_1.5")
SECONDS = (24, 120)
FEW = 6
"""Labelled clips in the smaller run."""
GATE_MS, GOAL_MS = 130.0, 60.0


@dataclass(frozen=True)
class Through:
    """One run of the three scripts over videos.

    Attributes:
        frames: sampled ones, and how many of them the triage left out.
        scripts_s: processor time of each script.
    """

    frames: int
    left_out: int
    scripts_s: tuple[float, ...]


def spent_s(words: Sequence[str]) -> tuple[float, str]:
    """Return the processor time of a program with its children, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        words, check=True, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return spent, done.stdout


def through(videos: Sequence[Path], folder: Path | None = None) -> Through:
    """Take videos through the scripts, into a fresh datastore in a folder."""
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
    return Through(
        told["01_extract.py"]["frames"], told["02_sort.py"]["left_out"], tuple(spent)
    )


def decoding_s(videos: Sequence[Path]) -> float:
    """Return the processor time of bare decoding."""
    return sum(spent_s(to_null(path, path))[0] for path in videos)


def rows(name: str, few: Sequence[Path], many: Sequence[Path]) -> list[Row]:
    """Return what one more sampled frame of some footage costs, by script, and what a run does."""
    small, large = through(few), through(many)
    bare = decoding_s(few), decoding_s(many)
    beyond = sum(small.scripts_s) - bare[0], sum(large.scripts_s) - bare[1]
    n = large.frames - small.frames
    about = (
        f"{small.frames} and {large.frames} frames, {large.left_out} of them left out by the "
        "triage; CPU of one worker"
    )

    def more(less: float, whole: float) -> float:
        return 1e3 * (whole - less) / n

    found = [
        Row(f"{name}: 01+02+03, ms a sampled frame beyond decoding",
            more(*beyond), GATE_MS, GOAL_MS, False, n, None, about)
    ]  # fmt: skip
    for i, script in enumerate(SCRIPTS):
        ms = more(small.scripts_s[i], large.scripts_s[i])
        found.append(Row(f"{name}: {script}, ms a frame", ms, None, None, False, n, None, about))
    decoding = more(*bare)
    found.append(
        Row(f"{name}: bare decoding, ms a frame", decoding, None, None, False, n, None, about)
    )
    once = beyond[0] - small.frames * found[0].value / 1e3
    found.append(
        Row(f"{name}: what a run pays once, CPU s", once, None, None, False, 1, None, about)
    )
    return found


def main() -> int:
    """Measure kinds of footage, and the labelled clips where they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"default {' '.join(KINDS)}")
    options = parser.parse_args()
    found: list[Row] = []
    for kind in options.kinds or KINDS:
        few, many = (footage(kind, seconds) for seconds in SECONDS)
        found += rows(kind, [few], [many])
    labelled = sorted((SETS / "videos" / "clips").glob("*.*"))
    if labelled:
        found += rows("labelled clips", labelled[:FEW], labelled)
    return write("chain", found)


if __name__ == "__main__":
    sys.exit(main())
