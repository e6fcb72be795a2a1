"""Shot boundaries against labelled clips: F1 of cuts within one picture, outside ignored ranges."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.focus_set import labels
from bench.report import Row, bootstrap
from bench.sets import SETS
from curation.params import ExtractParams
from curation.video.probe import probe
from curation.video.readers import open_reader
from curation.video.shots import SMALL_PX, CutMeter, find_cuts

SLACK = 1
SPLIT = "every labelled clip, shipped parameters"

Counts = npt.NDArray[np.int64]


def rows(sets: Path = SETS) -> list[Row]:
    """Return the metrics with every picture decoded, and as extraction does by default."""
    return [*_rows(sets, ExtractParams(exact=True), ""), *_rows(sets, ExtractParams(), ", default")]


def _rows(sets: Path, params: ExtractParams, mode: str) -> list[Row]:
    """Return F1 over all clips, over those with cuts, and the false alarms in the others."""
    folder = sets / "videos"
    names, counts, labelled = [], [], []
    for row in labels(folder):
        skip = ranges(row["ignore_ranges"])
        found = [cut for cut in cuts_of(folder / "clips" / row["file"], params)
                 if not any(first <= cut <= last for first, last in skip)]  # fmt: skip
        true = [int(cut) for cut in row["hard_cut_first_frames"].split()]
        names.append(row["file"])
        counts.append(count(found, true))
        labelled.append(len(true))
        if counts[-1][1:] != (0, 0):
            print(f"{row['file']}{mode}: found {found}, labelled {true}", file=sys.stderr)
    hits, alarms, misses = np.array(counts, np.int64).T
    cut_clips = np.array(labelled) > 0
    columns = tuple(column[cut_clips] for column in (hits, alarms, misses))
    groups = np.array(names)
    return [
        Row(f"F1 of cuts, +-1 picture{mode}", f1(hits, alarms, misses), 0.95, 1.0, True,
            int(sum(labelled)), bootstrap(f1, hits, alarms, misses, groups=groups), SPLIT),
        Row(f"F1 in clips with cuts{mode}", f1(*columns), 0.95, 1.0, True, int(sum(labelled)),
            bootstrap(f1, *columns, groups=groups[cut_clips]), SPLIT),
        Row(f"false alarms in clips without{mode}", float(alarms[~cut_clips].sum()), 1.0, 0.0,
            False, int((~cut_clips).sum()), None, SPLIT),
    ]  # fmt: skip


def cuts_of(path: Path, params: ExtractParams) -> list[int]:
    """Return the ordinals of the first pictures of shots, the first shot left out."""
    info = probe(path, key="bench")
    numbers: list[tuple[int, float]] = []
    meter = CutMeter()
    with open_reader(path, info) as reader:
        for decoded in reader.frames(leave=reader.leaves(params)):
            if not decoded.corrupt:
                numbers += meter.push(decoded.pts, decoded.small_planes(SMALL_PX))
        numbers += meter.flush()
        pts = np.array([at for at, _ in numbers], np.int64)
        scores = np.array([number for _, number in numbers], np.float32)
        return [reader.index.ordinal(p) for p in find_cuts(pts, scores, info, params)]


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


def f1(hits: Counts, alarms: Counts, misses: Counts) -> float:
    """Return F1 over all clips together."""
    total = 2 * hits.sum() + alarms.sum() + misses.sum()
    return float(2 * hits.sum() / total) if total else float("nan")
