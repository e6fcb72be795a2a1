"""Do frames land in the right pool? `python -m bench.bench_pools` -> results/pools.json.

The real steps and the real rule on labelled pictures.
Needs ../shared/bench (pose_pools, and for pictures without people neardup and falseface). The
thresholds of the rule were looked at on the sources in TUNED_ON; "held out" is the rest.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.report import Row, bootstrap, write
from curation.decide.gates import best_crop, image_share
from curation.decide.pools import PICK_POOLS, assign
from curation.engine.batch import load_rgb, run_batch
from curation.params import GateParams, MeasureParams, PoolParams
from curation.records import Frame
from curation.registry import make_steps
from curation.steps.base import Item, Step

SHARED = Path(__file__).resolve().parents[2] / "shared" / "bench"
STEPS = ("faces", "people", "pose", "subject")
BATCH = 8
TUNED_ON = (
    "vladmandic/human", "ageitgey/face_recognition",
    "Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB",
)
SHOWS_PEOPLE = "023_labelme_q0291_q0291.jpg"
NAMES = {"multi": "review_multi_person", "none": "no_person"}

Column = npt.NDArray[Any]


@dataclass(frozen=True)
class Labelled:
    """One picture with the pools that count as right."""

    path: Path
    accepted: frozenset[str]
    people: int
    flags: str
    source: str


def pose_pools() -> list[Labelled]:
    """Return the labelled pictures of people."""
    folder = SHARED / "pose_pools"
    with (folder / "LABELS.csv").open() as file:
        return [
            Labelled(
                folder / "img" / row["file"],
                frozenset(NAMES.get(pool, pool) for pool in row["accept_pools"].split("|")),
                int(row["n_people(2=two or more)"]), row["flags"], row["source_repo"],
            )
            for row in csv.DictReader(file)
        ]


def nobody() -> list[Labelled]:
    """Return pictures without people: things, landscapes, and animals a face detector fired on."""
    things = sorted((SHARED / "neardup" / "copies").glob("*.jpg"))
    paths = [path for path in things if path.name != SHOWS_PEOPLE]
    with (SHARED / "falseface" / "LABELS.csv").open() as file:
        animals = [row["file"] for row in csv.DictReader(file) if row["subtype"] == "animal"]
    paths += [path for name in animals if (path := SHARED / "falseface" / "frame" / name).exists()]
    return [
        Labelled(path, frozenset({"no_person"}), 0, "" if path in things else "animal", path.name)
        for path in paths
    ]


def measure(steps: Sequence[Step], pictures: Sequence[Labelled]) -> dict[str, Column]:
    """Return the steps' signals as columns, through the engine's own batch function."""
    rows: list[dict[str, Any]] = []
    for at in range(0, len(pictures), BATCH):
        items = list(_items(pictures[at : at + BATCH], at))
        failed = [result for result in run_batch(steps, items) if result.error is not None]
        if failed:
            raise RuntimeError(f"step {failed[0].step} failed: {failed[0].error}")
        for item in items:
            signals = {"frame_id": item.frame.id, "width": item.frame.width,
                       "height": item.frame.height}
            for measured in item.given.values():
                signals.update(measured.signals)
            rows.append(signals)
    texts = {name for row in rows for name, value in row.items() if isinstance(value, str | bytes)}
    return {
        name: np.array([row[name] for row in rows], object if name in texts else np.float64)
        for name in rows[0]
    }


def _items(pictures: Iterable[Labelled], first: int) -> Iterator[Item]:
    for number, picture in enumerate(pictures, start=first):
        rgb = load_rgb(picture.path)
        height, width = rgb.shape[:2]
        yield Item(Frame(number, picture.path.name, 0, number, 0.0, picture.path, width, height),
                   rgb)


def share(name: str, good: npt.NDArray[np.bool_], groups: Sequence[str],
          gate: float | None = None, goal: float | None = None, higher: bool = True) -> Row:
    """Return the row of a share, with its interval over whole sources."""
    values = good.astype(np.float64)
    interval = bootstrap(np.mean, values, groups=np.array(groups)) if len(values) else None
    mean = float(values.mean()) if len(values) else float("nan")
    return Row(name, mean, gate, goal, higher, len(values), interval)


def accuracy_rows(pictures: Sequence[Labelled], columns: dict[str, Column]) -> list[Row]:
    """Return pool accuracy of single people, all and held out, and the share of several found."""
    found = assign(columns, PoolParams())
    right = np.array([pool in p.accepted for pool, p in zip(found.pool, pictures, strict=True)])
    alone = np.array([p.people == 1 for p in pictures])
    held_out = np.array([p.source not in TUNED_ON for p in pictures])
    groups = np.array([p.source for p in pictures])
    rows = [
        share("singles in an accepted pool", right[alone], groups[alone], 0.95, 0.985),
        share("singles, held-out sources", right[alone & held_out], groups[alone & held_out]),
        share("several people sent to review", right[~alone], groups[~alone], 0.90, 0.97),
    ]
    for pool in PICK_POOLS:
        named = alone & np.array([p.accepted == {pool} for p in pictures])
        rows.append(share(f"singles that are only {pool}", right[named], groups[named]))
    for picture, pool, detail in zip(pictures, found.pool, found.detail, strict=True):
        if pool not in picture.accepted:
            print(f"  {picture.path.name}: {'|'.join(sorted(picture.accepted))} -> {pool} {detail}")
    return rows


def gate_rows(pictures: Sequence[Labelled], columns: dict[str, Column]) -> list[Row]:
    """Return what the pose-area gate lets through: full bodies by their size in the picture."""
    params = GateParams(min_px=16)
    body = np.array([p.people == 1 and p.accepted == {"full_body"} for p in pictures])
    size = np.array([next((f for f in ("tiny", "small", "lowres") if f in p.flags), "")
                     for p in pictures])
    groups = np.array([p.source for p in pictures])
    crop = best_crop(columns, params).margin >= 1
    image = np.nan_to_num(image_share(columns)) >= params.pose_area
    large, tiny = body & (size == ""), body & (size == "tiny")
    return [
        share("gate: full bodies that pass (crop)", crop[large], groups[large], None, 0.95),
        share("gate: full bodies that pass (image)", image[large], groups[large]),
        share("gate: tiny bodies that fail (crop)", ~crop[tiny], groups[tiny], None, 1.0),
    ]


def main() -> int:
    """Measure, compare, write."""
    if not SHARED.is_dir():
        print(f"needs {SHARED}", file=sys.stderr)
        return 2
    steps = make_steps(MeasureParams(), STEPS)
    for step in steps:
        step.setup()
    people, empty = pose_pools(), nobody()
    columns, without = measure(steps, people), measure(steps, empty)
    for step in steps:
        step.close()
    accepted = np.isin(assign(without, PoolParams()).pool.astype(str), PICK_POOLS)
    for picture, wrong in zip(empty, accepted, strict=True):
        if wrong:
            print(f"  {picture.path.name}: nobody, but accepted")
    rows = accuracy_rows(people, columns)
    # Animals were chosen because a face detector fires on them: the false-face filter's work.
    kinds = (("nobody there", False, 3 / 54), ("a face of an animal", True, None))
    for name, animal, gate in kinds:
        mine = np.array([(p.flags == "animal") == animal for p in empty])
        rows.append(share(f"{name}, yet accepted", accepted[mine],
                          [p.source for p, m in zip(empty, mine, strict=True) if m],
                          gate, None if animal else 1 / 54, higher=False))
    return write("pools", rows + gate_rows(people, columns))


if __name__ == "__main__":
    sys.exit(main())
