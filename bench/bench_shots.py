"""Shot boundaries against labelled clips: F1 of cuts within one picture, outside ranges to ignore.

    python -m bench.bench_shots [FOLDER]      FOLDER holds LABELS.csv and clips/
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.report import Row, bootstrap, write
from curation.params import ExtractParams
from curation.video.probe import probe
from curation.video.readers import open_reader
from curation.video.shots import SMALL_PX, CutMeter, find_cuts

LABELS = Path(__file__).parent.parent.parent / "shared" / "bench" / "videos"
SLACK = 1


def cuts_of(path: Path) -> list[int]:
    """Return the ordinals of the first pictures of shots, the first shot left out."""
    info = probe(path, key="bench")
    numbers: list[tuple[int, float]] = []
    meter = CutMeter()
    with open_reader(path, info) as reader:
        for decoded in reader.frames():
            if not decoded.corrupt:
                numbers += meter.push(decoded.pts, decoded.small_bgr(SMALL_PX))
        numbers += meter.flush()
        pts = np.array([at for at, _ in numbers], np.int64)
        scores = np.array([number for _, number in numbers], np.float32)
        return [reader.index.ordinal(p) for p in find_cuts(pts, scores, info, ExtractParams())]


def count(found: Sequence[int], true: Sequence[int]) -> tuple[int, int, int]:
    """Return (hits, false alarms, misses); a label is hit once, by a cut at most SLACK away."""
    left = list(true)
    for cut in found:
        near = [label for label in left if abs(label - cut) <= SLACK]
        if near:
            left.remove(min(near, key=lambda label: abs(label - cut)))
    hits = len(true) - len(left)
    return hits, len(found) - hits, len(left)


def ranges(text: str) -> list[tuple[int, int]]:
    """Return the (first, last) pictures named by a label such as "186-270 (whip pan)"."""
    pairs = (part.split("-") for part in text.split("(")[0].split())
    return [(int(first), int(last)) for first, last in pairs]


def f1(hits: npt.NDArray[np.int64], alarms: npt.NDArray[np.int64], misses: npt.NDArray[np.int64]
       ) -> float:
    """Return F1 over all clips together."""
    total = 2 * hits.sum() + alarms.sum() + misses.sum()
    return float(2 * hits.sum() / total) if total else float("nan")


def main() -> int:
    """Measure, write bench/results/shots.json, return 1 when a gate is missed."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else LABELS
    if not (folder / "LABELS.csv").exists():
        print(f"needs {folder}/LABELS.csv and clips/")
        return 1
    names, counts, labelled = [], [], []
    with (folder / "LABELS.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            skip = ranges(row["ignore_ranges"])
            found = [
                cut
                for cut in cuts_of(folder / "clips" / row["file"])
                if not any(first <= cut <= last for first, last in skip)
            ]
            true = [int(cut) for cut in row["hard_cut_first_frames"].split()]
            names.append(row["file"])
            counts.append(count(found, true))
            labelled.append(len(true))
            if counts[-1][1:] != (0, 0):
                print(f"{row['file']}: found {found}, labelled {true}")
    hits, alarms, misses = np.array(counts, np.int64).T
    cut_clips = np.array(labelled) > 0
    columns = tuple(column[cut_clips] for column in (hits, alarms, misses))
    groups = np.array(names)
    rows = [
        Row("shot_f1", f1(hits, alarms, misses), 0.95, 1.0, True, int(sum(labelled)),
            bootstrap(f1, hits, alarms, misses, groups=groups)),
        Row("shot_f1_clips_with_cuts", f1(*columns), 0.95, 1.0, True, int(sum(labelled)),
            bootstrap(f1, *columns, groups=groups[cut_clips])),
        Row("shot_false_alarms_in_uncut_clips", float(alarms[~cut_clips].sum()), 1.0, 0.0, False,
            int((~cut_clips).sum())),
    ]
    return write("shots", rows)


if __name__ == "__main__":
    sys.exit(main())
