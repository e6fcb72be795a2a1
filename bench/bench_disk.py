"""What a frame takes on disk in each mode of --full-frames, and what the modes cost to make.

    python -m bench.bench_disk             writes bench/results/disk.json
    python -m bench.bench_disk --dry KIND  prints only

On footage of `bench.footage`, with default settings, through the scripts. Sizes are of files,
seconds of the processor with all children.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.footage import footage
from bench.report import Row, write

KINDS = ("h264_1080p_1.5", "h264_1080p_10")
FRAMES = 240_000
GATE_GB, GOAL_GB = 15.0, 10.0
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Cost:
    """What one mode made of one video: bytes of each kind, frames, seconds of the processor."""

    frames: int
    full: int
    small: int
    faces: int
    thumbs: int
    catalogue: int
    cpu_s: float

    @property
    def total(self) -> int:
        """Return all bytes."""
        return self.full + self.small + self.faces + self.thumbs + self.catalogue


def make(path: Path, mode: str, datastore: Path) -> Cost:
    """Extract and measure a video; the picks are not made."""
    before = _cpu_s()
    for script, *words in (
        ("01_extract.py", str(path), "--full-frames", mode), ("02_sort.py",)
    ):  # fmt: skip
        command = [sys.executable, str(ROOT / script), *words, "--datastore", str(datastore)]
        subprocess.run([*command, "--workers", "1", "--json"], check=True, capture_output=True)
    cpu_s = _cpu_s() - before
    with sqlite3.connect(datastore / "catalog.sqlite") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        frames = db.execute("SELECT count(file) FROM frame WHERE sampled = 1").fetchone()[0]
        small, faces = (
            db.execute("SELECT coalesce(sum(bytes), 0) FROM proxy WHERE part = ?", (part,))
            .fetchone()[0] for part in (0, 1)
        )  # fmt: skip
    full = sum(p.stat().st_size for p in datastore.glob("videos_folder_*/output_images_*/*.jpg"))
    thumbs = sum(p.stat().st_size for p in (datastore / "thumbs").iterdir())
    catalogue = (datastore / "catalog.sqlite").stat().st_size
    return Cost(frames, full, small, faces, thumbs, catalogue, cpu_s)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def rows_of(kind: str, both: dict[str, Cost]) -> list[Row]:
    """Return the rows of one kind of footage."""
    rows = []
    for mode, cost in both.items():
        goal = (GATE_GB, GOAL_GB) if mode == "picks" else (None, None)
        for name in ("full", "small", "faces", "thumbs", "catalogue"):
            rows.append(
                Row(f"kB a frame: {name}, --full-frames {mode}, {kind}",
                    getattr(cost, name) / 1e3 / cost.frames, None, None, False, cost.frames)
            )  # fmt: skip
        rows.append(
            Row(f"GB of {FRAMES:,} frames, --full-frames {mode}, {kind}",
                cost.total / cost.frames * FRAMES / 1e9, *goal, False, cost.frames,
                split="by the bytes of a frame; a small catalogue has the most a frame")
        )  # fmt: skip
    ratio = both["picks"].cpu_s / both["all"].cpu_s
    rows.append(
        Row(f"CPU of 01 + 02 with picks, in those of all, {kind}", ratio, None, None, False, 1,
            split="models loaded once each; one run")
    )  # fmt: skip
    return rows


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND")
    parser.add_argument("--dry", action="store_true", help="print only, write no result")
    options = parser.parse_args()
    rows: list[Row] = []
    for kind in options.kinds or KINDS:
        path = footage(kind)
        with tempfile.TemporaryDirectory(prefix="curation-bench-") as folder:
            both = {mode: make(path, mode, Path(folder) / mode) for mode in ("all", "picks")}
        rows += rows_of(kind, both)
        print(json.dumps({mode: vars(cost) for mode, cost in both.items()}), file=sys.stderr)
    if options.dry:
        for row in rows:
            print(f"{row.metric:70} {row.value:10.3f}")
        return 0
    return write("disk", rows)


if __name__ == "__main__":
    raise SystemExit(main())
