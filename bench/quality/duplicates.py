"""Are repeats found, and different moments kept? Edits of pictures, same-shot video, a freeze.

`rows(sets)` for python -m bench.quality duplicates. All answers come from the product's functions:
hashes, candidates, the SIFT matcher, and decide.dedup.Repeats.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from bench.quality.edits import KINDS, edits
from bench.quality.measured import columns, kept
from bench.quality.moved import STILL_LEVELS, Moved, Watcher
from bench.report import Row, bootstrap
from bench.sets import SETS
from curation.decide.columns import Columns
from curation.decide.dedup import KEPT, Repeats
from curation.decide.likeness import verified
from curation.engine.candidates import candidates
from curation.params import DedupParams, VerifyParams
from curation.records import Boxes, Measured
from curation.steps.base import RgbImage
from curation.steps.matching import SiftMatcher

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
NOBODY = {"subject": Measured({"pose_index": None}), "pose": Measured({}, Boxes.empty())}
PEOPLE = ("hashes", "landmarks", "subject", "appearance")
STEP_S = 0.2
GAPS = (1, 9, 13, 21, 34)
"""Pairs of video frames are this many fifths of a second apart: .2 s, and 1.8 to 6.8 s."""
LIMITS_FROM = (
    "LivePortrait_d10", "LivePortrait_d13", "LivePortrait_d18", "LivePortrait_d3",
    "LivePortrait_d9", "SadTalker_1", "Thin_driving",
)
"""Every second still-camera clip by name: near_expression and near_head were chosen for these, with
the figures of the other clips in view. The labels' limits were set by eye on all of them."""
ONE_PICTURE = {("195.jpg", "217.jpg"), ("072.jpg", "120.jpg"), ("059.jpg", "233.jpg"),
               ("063.jpg", "233.jpg")}
"""Pictures of pose_pools that are one, crops of one another, or parts of a collage, seen by eye."""
FREEZE, FREEZES = 50, ("LivePortrait_d3.mp4", "LivePortrait_s13.mp4", "facenet_video.mp4")


def rows(sets: Path = SETS) -> list[Row]:
    """Return the metrics of edits, video and freezes."""
    return [*edit_rows(sets), *video_rows(sets), *freeze_rows(sets)]


# -- edits of a picture ---------------------------------------------------------------------------


def originals(sets: Path) -> list[Path]:
    """Return pictures of pose_pools, and the first of each group of neardup."""
    with (sets / "pose_pools" / "LABELS.csv").open(newline="") as file:
        found = [sets / "pose_pools" / "img" / row["file"] for row in csv.DictReader(file)]
    groups: dict[str, Path] = {}
    with (sets / "neardup" / "LABELS.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            groups.setdefault(row["duplicate_group"], sets / "neardup" / "copies" / row["file"])
    return [*found, *groups.values()]


def versions(paths: list[Path]) -> Iterator[RgbImage]:
    """Yield each picture and its nine edits."""
    for seed, path in enumerate(paths):
        rgb = _read(path)
        yield rgb
        for _, edited in edits(rgb, seed):
            yield np.ascontiguousarray(edited)


def edit_rows(sets: Path) -> list[Row]:
    """Return recall of edits and how often strangers are taken for one picture."""
    paths = originals(sets)
    n = len(paths)
    key = f"edits-1 {[path.name for path in paths]}"
    table = columns("edits", ("hashes", "appearance"), lambda: versions(paths), key, NOBODY)
    compared = _compared(paths, table)
    hit = np.zeros((len(KINDS), n), np.bool_)
    by_hash = np.zeros_like(hit)
    own = _own_pictures([path.name for path in paths])
    strangers = n_strangers = 0
    for k in range(len(KINDS)):
        both = _catalogue(table, n, k)
        pairs = verified(compared[k], both.ints("frame_id"), DedupParams())
        one, other = (axis.ravel() for axis in np.mgrid[0:n, n : 2 * n])
        alike = Repeats(both, DedupParams(), pairs).alike(one, other).reshape(n, n)
        hit[k] = np.diag(alike)
        by_hash[k] = np.diag(Repeats(both, DedupParams()).alike(one, other).reshape(n, n))
        strangers += int((alike & ~own).sum())
        n_strangers += int((~own).sum())
    split = "original against edit; the projection never saw these, the tile limits of SIFT did"
    source = np.array([f"{path.parents[1].name}" + path.name for path in paths])
    spread = bootstrap(lambda column: float(column.mean()), hit.mean(axis=0), groups=source)
    shares = {kind: float(hit[k].mean()) for k, kind in enumerate(KINDS)}
    crops = float(hit[[KINDS.index("crop 95 %"), KINDS.index("crop 85 %")]].mean())
    return [
        Row("edits: recall at FPR <= 1e-4, crops included", float(hit.mean()), 0.95, 0.985, True,
            hit.size, spread, split),
        Row("edits: strangers taken for one picture", strangers / n_strangers, 1e-4, 0.0, False,
            n_strangers, None, "all others' edits; 4 pairs seen to be one picture left out"),
        Row("edits: recall of crops", crops, None, 0.985, True, 2 * n, None, split),
        Row("edits: recall of the worst kind", min(shares.values()), None, None, True, n, None,
            min(shares, key=lambda kind: shares[kind])),
        Row("edits: recall by hash alone", float(by_hash.mean()), None, None, True, hit.size,
            None, "what the pHash finds without matching"),
    ]


def _compared(paths: list[Path], table: dict[str, Any]) -> list[dict[str, Any]]:
    """Return for each kind of edit the pairs that the product compares, and its answers."""
    n, per = len(paths), 1 + len(KINDS)
    asked: list[Ints] = []
    for k in range(len(KINDS)):
        part = _catalogue(table, n, k)
        asked.append(candidates({name: part.objects(name) if name in ("scene", "extract_reason")
                                 else part.ints(name) for name in
                                 ("video", "shot", "phash", "has_phash", "scene",
                                  "extract_reason")}, VerifyParams()))
    matcher = SiftMatcher()
    key = f"{matcher.fp} {[pairs.tolist() for pairs in asked]} {[path.name for path in paths]}"

    def match() -> list[list[tuple[int, float]]]:
        wanted = {int(at % n) * per + (k + 1 if at >= n else 0)
                  for k, pairs in enumerate(asked) for at in pairs.ravel().tolist()}
        points = {at: matcher.features(rgb) for at, rgb in enumerate(versions(paths))
                  if at in wanted}
        found = []
        for k, pairs in enumerate(asked):
            at = (pairs % n) * per + np.where(pairs >= n, k + 1, 0)
            answers = [matcher.match(points[a], points[b]) for a, b in at.tolist()]
            found.append([(answer.inliers, answer.cover) for answer in answers])
        return found

    answers: list[list[tuple[int, float]]] = kept("matches", key, match)
    return [
        {"a": pairs[:, 0], "b": pairs[:, 1],
         "inliers": np.array([row[0] for row in found], np.float64),
         "cover": np.array([row[1] for row in found], np.float64)}
        for pairs, found in zip(asked, answers, strict=True)
    ]


def _catalogue(table: dict[str, Any], n: int, k: int) -> Columns:
    """Return n pictures and after them their k-th edits, every one a video; ids are positions."""
    first = np.arange(n) * (1 + len(KINDS))
    picked = np.concatenate([first, first + k + 1])
    return Columns({name: column[picked] for name, column in table.items()} | {
        "frame_id": np.arange(2 * n), "video": np.arange(2 * n),
        "shot": np.zeros(2 * n, np.int64), "time_s": np.zeros(2 * n),
        "extract_reason": np.full(2 * n, None, object),
    })


def _own_pictures(names: list[str]) -> Bools:
    own = np.eye(len(names), dtype=np.bool_)
    at = {name: i for i, name in enumerate(names)}
    for one, other in ONE_PICTURE:
        if one in at and other in at:
            own[at[one], at[other]] = own[at[other], at[one]] = True
    return own


# -- same-shot video ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clip:
    """One labelled clip: where it lies, its rate, and the first frame of each shot."""

    path: Path
    fps: float
    cuts: tuple[int, ...]


def clips(sets: Path) -> list[Clip]:
    """Return the clips with people."""
    with (sets / "videos" / "LABELS.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    return [
        Clip(sets / "videos" / "clips" / row["file"], float(row["fps"]),
             tuple(int(cut) for cut in row["hard_cut_first_frames"].split()))
        for row in found if row["n_people(2=several)"] != "0"
    ]


def frames(clip: Clip) -> Iterator[tuple[int, RgbImage]]:
    """Yield (number, RGB) of five frames a second."""
    reader, number, wanted = cv2.VideoCapture(str(clip.path)), 0, 0
    while True:
        good, bgr = reader.read()
        if not good:
            return
        if number / clip.fps + 1e-6 >= wanted * STEP_S:
            wanted += 1
            yield number, np.ascontiguousarray(bgr[..., ::-1])
        number += 1


def video_rows(sets: Path) -> list[Row]:
    """Return how many near moments are found and how many different poses are kept."""
    results = [_clip_pairs(clip, video) for video, clip in enumerate(clips(sets))]
    merged = {name: np.concatenate([result[name] for result in results]) for name in results[0]}
    clip, gap, label = merged["clip"], merged["gap"], merged["label"]
    found, by_look, by_hash = merged["alike"], merged["by_look"], merged["by_hash"]
    near = gap == GAPS[0]
    steady = np.isin(clip, _steady(merged))
    apart = steady & (gap > GAPS[0])
    unseen = ~np.isin(clip, LIMITS_FROM)
    different, same = apart & (label == "different"), apart & (label == "same")

    def row(metric: str, right: Bools, of: Bools, gate: float | None, goal: float | None,
            split: str) -> Row:
        spread = bootstrap(lambda column: float(column.mean()), right[of], groups=clip[of])
        return Row(metric, float(right[of].mean()), gate, goal, True, int(of.sum()), spread, split)

    labels = "labels by optical flow and YuNet (bench/quality/moved.py); "
    held = labels + "clips near_expression and near_head were not chosen for"
    return [
        row("video: duplicates within .2 s found", found, near, 0.98, 0.995,
            "all clips with people, pairs within a shot; burst_s = .4 alone answers for these"),
        row("video: different poses > 1.6 s on a tripod kept", ~found, different & unseen, 0.80,
            0.92, held),
        row("video: the same, clips the limits come from", ~found, different & ~unseen, None, None,
            labels + "fitted"),
        row("video: the same, by the hash alone", ~by_hash, different & unseen, None, None, held),
        row("video: unchanged poses > 1.6 s found", found, same & unseen, None, None, held),
        row("video: unchanged, clips the limits come from", found, same & ~unseen, None, None,
            labels + "fitted"),
        row("video: within .2 s found without the rule of time", by_look, near & steady, None,
            None, "still cameras; the rest really moved"),
    ]


def _steady(merged: dict[str, Any]) -> list[str]:
    """Return names of clips whose camera stands still."""
    apart = (merged["gap"] > GAPS[0]) & np.isfinite(merged["corner"])
    return [
        name for name in np.unique(merged["clip"][apart]).tolist()
        if np.median(merged["corner"][apart & (merged["clip"] == name)]) < STILL_LEVELS
    ]


def _clip_pairs(clip: Clip, video: int) -> dict[str, Any]:
    """Return pairs of one clip: gap, label, and what the product says of them."""
    name = clip.path.name
    key = f"video-1 {name} {STEP_S}"
    table = columns(f"video-{name}", PEOPLE, lambda: (rgb for _, rgb in frames(clip)), key)
    numbers = np.array(kept(f"numbers-{name}", key, lambda: [at for at, _ in frames(clip)]))
    shot = np.searchsorted(clip.cuts, numbers, side="right")
    n = len(numbers)
    catalogue = Columns(table | {
        "frame_id": np.arange(n), "video": np.full(n, video), "shot": shot,
        "time_s": numbers / clip.fps,
    })
    pairs = np.array([(i, i + gap, gap) for gap in GAPS for i in range(n - gap)
                      if shot[i] == shot[i + gap]], np.int64).reshape(-1, 3)
    one, other, gap = pairs.T
    bare = Columns({name: table[name] for name in ("phash", "has_phash", "pixels")} | {
        name: catalogue.floats(name) if name == "time_s" else catalogue.ints(name)
        for name in ("frame_id", "video", "shot", "time_s")})
    labels: list[Moved | None] = kept(f"moved-{name}", f"{key} moved-1 {GAPS}",
                                      lambda: _watched(clip, pairs))
    return {
        "clip": np.full(len(pairs), clip.path.stem), "gap": gap,
        "alike": Repeats(catalogue, DedupParams()).alike(one, other),
        "by_look": Repeats(catalogue, DedupParams(burst_s=0)).alike(one, other),
        "by_hash": Repeats(bare, DedupParams()).alike(one, other),
        "label": np.array([moved.label() if moved else "" for moved in labels], object),
        "corner": np.array([moved.corner if moved else np.nan for moved in labels]),
    }


def _watched(clip: Clip, pairs: Ints) -> list[Moved | None]:
    watcher = Watcher()
    seen = [watcher.look(rgb) for _, rgb in frames(clip)]
    found: list[Moved | None] = []
    for one, other, _ in pairs.tolist():
        a, b = seen[one], seen[other]
        found.append(None if a is None or b is None else watcher.compare(a, b))
    return found


# -- freezes --------------------------------------------------------------------------------------


def freeze_rows(sets: Path) -> list[Row]:
    """Return how many of fifty copies of a frame, each compressed anew, are kept at the worst."""
    most = 0
    for number, name in enumerate(FREEZES):
        path = sets / "videos" / "clips" / name
        table = columns(f"freeze-{name}", PEOPLE, partial(_frozen, path, number),
                        f"freeze-1 {name}")
        catalogue = Columns(table | {
            "frame_id": np.arange(FREEZE), "video": np.zeros(FREEZE, np.int64),
            "shot": np.zeros(FREEZE, np.int64), "time_s": np.arange(FREEZE) * 0.5,
        })
        best_first = np.random.default_rng(number).permutation(FREEZE)
        kinds = Repeats(catalogue, DedupParams()).cover(best_first).kind
        most = max(most, int((kinds == KEPT).sum()))
    return [Row(f"freeze: kept of {FREEZE} copies, at most", float(most), 1.0, 1.0, False,
                FREEZE * len(FREEZES), None, "noise and compression of their own, .5 s apart")]


def _frozen(path: Path, seed: int) -> Iterator[RgbImage]:
    rng = np.random.default_rng(seed)
    reader = cv2.VideoCapture(str(path))
    for _ in range(30):
        bgr = reader.read()[1]
    for _ in range(FREEZE):
        grainy = np.clip(bgr + rng.normal(0, 2, bgr.shape), 0, 255).astype(np.uint8)
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 96))]
        _, data = cv2.imencode(".jpg", grainy, quality)
        decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
        yield np.ascontiguousarray(decoded[..., ::-1])


def _read(path: Path) -> RgbImage:
    bgr = np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(bgr[..., ::-1])
