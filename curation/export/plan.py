"""Which frames leave, under which names, cut how, on which side of a split: before a byte is
written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.decide.columns import AnyArray
from curation.errors import CurationError, ImageUnreadable, InputError, ParamError
from curation.export import captions, splits, who
from curation.export.crops import Cut, Cutter, NoCropHere
from curation.export.naming import FIELDS, filled, safe, unique
from curation.export.pictures import Recipe, recipe_of
from curation.export.settings import ExportParams
from curation.records import FileSum, StillSource
from curation.store import exported
from curation.store.catalogue import Catalogue
from curation.store.columns import load
from curation.store.exported import Box, Mark
from curation.store.pairs import PairTable
from curation.store.videos import VideoTable

MOST_SHOWN = 5000
"""Frames that a preview names; of more it shows the first."""
INLIERS = 30


@dataclass(slots=True)
class Item:
    """One picture that leaves; the plan gives it stem, split and caption one after the other.

    Attributes:
        row: its row in the plan's columns.
        video: name of its video without ending.
        path: of the stored picture, as text: a Path each is a fifth of a plan's time.
        is_own: it is a person's own file.
        scene: video or shot that it belongs to.
        stem: name that it leaves under, without folder and ending.
        split: train, val, test, or "" without a split.
    """

    row: int
    frame_id: int
    key: str
    video_key: str
    video: str
    pts: int
    time_s: float
    pool: str
    verdict: str
    score: float | None
    rank: int | None
    mark: Mark
    person: str
    path: str
    is_own: bool
    cut: Cut
    recipe: Recipe
    suffix: str
    scene: str
    stem: str = ""
    split: str = ""
    caption: str = ""

    @property
    def source(self) -> Path:
        """Return the stored picture."""
        return Path(self.path)

    @property
    def name(self) -> str:
        """Return the picture's file name."""
        return self.stem + self.suffix


@dataclass(slots=True)
class Plan:
    """What an export does.

    Attributes:
        items: in the order of video and time.
        left_out: frame key -> why it does not leave though it was asked for.
        of: frames that were asked for, more than the items where a preview shows the first.
        stills: video key -> what its pictures are made from.
        notes: what a person should know.
        said: frame key -> caption that a person wrote.
        asked: all frames that were asked for, shown or not.
        sums: frame id -> what its still was when it was written, where that is known.
    """

    catalogue: Catalogue
    params: ExportParams
    items: list[Item]
    columns: Mapping[str, AnyArray]
    left_out: dict[str, str] = field(default_factory=dict)
    of: int = 0
    stills: dict[str, StillSource] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    sums: dict[int, FileSum] = field(default_factory=dict)

    def boxes(self, items: Sequence[Item]) -> Iterator[tuple[Item, list[Box]]]:
        """Yield items with what was detected in them, in their order."""
        found = exported.boxes(self.catalogue, [item.frame_id for item in items])
        for item, (_, boxes) in zip(items, found, strict=True):
            yield item, boxes

    def signals(self, items: Sequence[Item]) -> Iterator[dict[str, Any]]:
        """Yield what was measured of items, in their order; what is missing is left out."""
        from curation.export.datastore_json import signals

        return signals(self.columns, np.array([item.row for item in items], np.int64))


def build(
    catalogue: Catalogue,
    params: ExportParams,
    pinned: Mapping[str, str] | None = None,
    most: int = 0,
    said: Mapping[str, str] | None = None,
) -> Plan:
    """Return the plan of an export; nothing is written.

    Args:
        pinned: frame key -> split of an earlier export to the same place.
        most: items at most; 0 is no limit.
        said: frame key -> caption, instead of those that lie in files.

    Raises:
        ParamError: a setting that cannot be followed, naming it.
        CurationError: there is nothing to export, or somebody gave no consent.
    """
    columns = load(catalogue)
    rows, marks, names = _asked(catalogue, params)
    plan = Plan(catalogue, params, [], columns, of=len(rows))
    if not rows:
        raise CurationError(
            f"no frame of {catalogue.root} is asked for", _nothing(catalogue, params)
        )
    plan.asked = [row["frame_id"] for row in rows]
    if len(rows) < params.most:
        plan.notes.append(
            f"{len(rows)} pictures, not {params.most}: python -m curation coverage says what lacks,"
            " explain VIDEO@SECONDS what a frame would have needed"
        )
    if params.require_consent:
        who.require_consent(catalogue, plan.asked)
    rows = rows[:most] if most else rows
    sources = VideoTable(catalogue).still_sources()
    plan.stills = {row["video_key"]: sources[row["video_id"]] for row in rows
                   if row["video_id"] in sources}  # fmt: skip
    plan.items = list(_items(plan, rows, marks, names, sources))
    if params.split != "none":
        _split(plan, {row["frame_id"]: row["keeper"] for row in rows}, pinned)
    _name(plan)
    _caption(plan, said)
    return plan


def _nothing(catalogue: Catalogue, params: ExportParams) -> str:
    if params.where or params.person or params.pools or params.stars:
        return "ask for more: leave out --where, --person, --pools or --stars"
    if params.what == "marks":
        return "pick frames in Review, or ask for --what picks"
    return f"{catalogue.command('python 03_score_and_rank.py')} picks frames"


def _asked(
    catalogue: Catalogue, params: ExportParams
) -> tuple[list[dict[str, Any]], dict[int, Mark], dict[int, str]]:
    """Return the rows that are asked for, all marks, and who is on which frame."""
    pools = [word.strip() for word in params.pools.split(",") if word.strip()]
    if params.what == "pool" and not pools:
        raise ParamError("--what pool needs --pools", "as in --what pool --pools face,upper_body")
    known = exported.pools(catalogue)
    for pool in pools:
        if pool not in known:
            raise ParamError(f"there is no pool {pool!r}", f"pools are {', '.join(known)}")
    rows = exported.decided(catalogue, "picked" if params.what == "picks" else "", pools)
    marks = exported.marks(catalogue)
    refused = {frame_id for frame_id, mark in marks.items() if mark.flag < 0}
    rows = [row for row in rows if row["frame_id"] not in refused]
    if params.what == "marks":
        rows = [
            row for row in rows
            if (mark := marks.get(row["frame_id"], Mark())).flag > 0
            or (params.stars and mark.stars >= params.stars)
        ]  # fmt: skip
    elif params.stars:
        rows = [row for row in rows if marks.get(row["frame_id"], Mark()).stars >= params.stars]
    names = who.names(catalogue)
    if params.person:
        wanted = who.known(catalogue, params.person)
        rows = [row for row in rows if names.get(row["frame_id"]) in wanted]
    if params.where:
        held = who.holding(catalogue, params.where)
        rows = [row for row in rows if row["frame_id"] in held]
    return _best(rows, params.most, marks), marks, names


def _best(
    rows: list[dict[str, Any]], most: int, marks: Mapping[int, Mark]
) -> list[dict[str, Any]]:
    """Return so many rows at most, in their order: what people picked first, then the first rank
    of every pool, the second of every pool, and so on; without a rank the score counts."""
    if not most or len(rows) <= most:
        return rows
    unsaid = Mark()

    def turn(row: Mapping[str, Any]) -> tuple[Any, ...]:
        rank, key = row["rank"], f"{row['video_key']}:{row['pts']}"
        by_hand = marks.get(row["frame_id"], unsaid).flag > 0
        return not by_hand, rank is None, rank or 0, -(row["score"] or 0.0), key

    kept = {row["frame_id"] for row in sorted(rows, key=turn)[:most]}
    return [row for row in rows if row["frame_id"] in kept]


def _items(
    plan: Plan, rows: Sequence[Mapping[str, Any]], marks: Mapping[int, Mark],
    names: Mapping[int, str], sources: Mapping[int, StillSource],
) -> Iterator[Item]:
    catalogue, params = plan.catalogue, plan.params
    cutter = Cutter(catalogue, params)
    cutter.know([f"{row['video_key']}:{row['pts']}" for row in rows])
    ids = plan.columns["frame_id"]
    order = np.argsort(ids, kind="stable")
    at = order[np.searchsorted(ids, [row["frame_id"] for row in rows], sorter=order)]
    shots = plan.columns["shot"][at].tolist()
    unsaid = Mark()
    for row, place, shot in zip(rows, at.tolist(), shots, strict=True):
        key = f"{row['video_key']}:{row['pts']}"
        is_own = row["video_id"] not in sources
        path = catalogue.absolute_text(row["file"])
        try:
            cut = cutter.cut(row["frame_id"], key, (row["width"], row["height"]))
            recipe, suffix = recipe_of(path, cut, params, is_own)
        except (NoCropHere, ImageUnreadable) as why:
            plan.left_out[key] = str(why)
            continue
        scene = row["video_key"] if params.split != "shot" else f"{row['video_key']}:{shot}"
        yield Item(
            place, row["frame_id"], key, row["video_key"],
            _stem(row["file"] if is_own else row["video"]),  # a person's picture is named by itself
            row["pts"], row["time_s"], row["pool"], row["verdict"], row["score"], row["rank"],
            marks.get(row["frame_id"], unsaid), names.get(row["frame_id"], ""), path, is_own,
            cut, recipe, suffix, scene,
        )  # fmt: skip


@lru_cache(maxsize=1024)
def _stem(video: str) -> str:
    return PurePosixPath(video).stem


def _split(
    plan: Plan, keepers: Mapping[int, int | None], pinned: Mapping[str, str] | None
) -> None:
    items, params = plan.items, plan.params
    if params.val + params.test >= 1:
        raise ParamError(
            f"--val {params.val} and --test {params.test} leave nothing to train on",
            "their sum must be under 1",
        )
    place = {item.frame_id: at for at, item in enumerate(items)}
    lead: dict[int, int] = {}
    pairs = []
    for item in items:
        keeper = keepers.get(item.frame_id) or item.frame_id
        # Two frames that repeat a third one are alike too, though that one may stay at home.
        pairs.append((lead.setdefault(keeper, place[item.frame_id]), place[item.frame_id]))
    matched = PairTable(plan.catalogue).load()
    for one, other, inliers in zip(
        matched["a"].tolist(), matched["b"].tolist(), matched["inliers"].tolist(), strict=True
    ):
        if inliers >= INLIERS and one in place and other in place:
            pairs.append((place[one], place[other]))
    rows = np.array([item.row for item in items], np.int64)
    hashes: npt.NDArray[np.uint64] | None = None
    hashed: npt.NDArray[np.bool_] | None = None
    if "phash" in plan.columns:
        hashes = np.ascontiguousarray(plan.columns["phash"][rows]).view(np.uint64)
        hashed = plan.columns["has_phash"][rows]
    group = splits.groups(
        [item.scene for item in items], pairs, hashes, hashed, params.alike_bits
    )
    shares = {"train": 1 - params.val - params.test, "val": params.val, "test": params.test}
    sides = splits.assigned(group, [item.key for item in items], shares, pinned)
    for item, side in zip(items, sides, strict=True):
        item.split = side
    for side, share in shares.items():
        if share > 0 and side not in sides:
            plan.notes.append(
                f"nothing is left for {side}: all frames are {len(set(group))} group(s) of "
                f"{params.split}s that belong together; --split shot makes smaller ones"
            )


def _name(plan: Plan) -> None:
    """Give every item its name."""
    stems = []
    for n, item in enumerate(plan.items, 1):
        values = {
            "video": item.video, "time_s": item.time_s, "pts": item.pts, "pool": item.pool,
            "rank": item.rank or 0, "score": item.score or 0.0, "person": item.person,
            "stars": item.mark.stars, "shot": item.scene.rpartition(":")[2], "split": item.split,
            "n": n,
        }  # fmt: skip
        stems.append(safe(filled(plan.params.name, values, FIELDS)))
    names = unique(stems, [item.key for item in plan.items])
    for item, name in zip(plan.items, names, strict=True):
        item.stem = name


def _caption(plan: Plan, given: Mapping[str, str] | None) -> None:
    """Give every item its caption: what a person wrote, else the template."""
    params = plan.params
    texts = captions.Texts(params.captions_from if given is None else "")
    words = captions.Words(plan.columns)
    made = []
    for item in plan.items:
        try:
            if given is None:
                said = texts.of(item.path, item.video, item.is_own)
            else:
                said = given.get(item.key)
        except InputError as error:
            plan.left_out[item.key] = str(error)
            continue
        if said is not None:
            plan.said[item.key] = said
        else:
            said = _worded(params.caption, item, words) if params.caption else ""
        item.caption = said
        made.append(item)
    plan.items = made


def _worded(template: str, item: Item, words: captions.Words) -> str:
    return captions.caption(template, {
        "person": item.person,
        "shot": captions.SHOTS.get(item.pool, ""),
        "view": words.view(item.row, item.pool),
        "expression": words.expression(item.row),
        "tags": ", ".join(item.mark.tags),
        "note": item.mark.note,
        "pool": item.pool,
        "video": item.video,
        "time_s": item.time_s,
    })  # fmt: skip
