"""`query PICTURE FOLDER...`: which photos are like one picture, nearest first."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curation.cull import home, pairs
from curation.cull.group import Hash
from curation.cull.shelf import HashShelf
from curation.cull.single import named, seen
from curation.errors import InputError, ParamError
from curation.params import Params, tunable
from curation.photos.prints import FP
from curation.records import Progress
from curation.store.prints import PrintTable
from curation.store.toolkit_index import IndexTable
from curation.toolkit.verbs import Beats, Context, Verb

if TYPE_CHECKING:
    from curation.cull.library import Library


class QueryParams(Params):
    """Which picture is looked for, and where."""

    picture: str = tunable(
        "", "the picture; it need not lie in a FOLDER", positional=True, required=True,
        shown="PICTURE", cached=False, basic=True,
    )  # fmt: skip
    folders: tuple[str, ...] = tunable(
        (), "folders of photos, with those below them", positional=True, required=True,
        shown="FOLDER", cached=False, basic=True,
    )  # fmt: skip
    hash: Hash = tunable("phash", "which hash is compared")
    bits: int = tunable(64, "bits of the hash: 64 or 256", ge=64, le=256)
    threshold: int | None = tunable(
        None, "bits within which a photo is shown; by default twice what `group` takes",
        ge=0, le=256, short="-t", basic=True,
    )  # fmt: skip
    invariant: bool = tunable(False, "turned or mirrored photos too", basic=True)
    most: int = tunable(20, "most photos that are shown", ge=1, short="-n", basic=True)
    known: bool = tunable(
        False, "ask what earlier runs saw, without looking at the folders: at once, for a million"
        " photos too", basic=True,
    )  # fmt: skip


def run(ctx: Context, params: QueryParams) -> Beats:
    """Say which photos are near a picture; nothing is changed but the index."""
    from curation.cull.library import library

    if params.bits not in pairs.RADIUS:
        raise ParamError(f"--bits {params.bits}: hashes have 64 or 256")
    if params.invariant and (params.hash != "phash" or params.bits != 64):
        raise ParamError("--invariant compares pHashes of 64 bits", "leave --hash and --bits out")
    folders = home.absolute(params.folders)
    asked = seen(named([params.picture]))
    radius = params.threshold
    radius = 2 * pairs.RADIUS[params.bits][params.hash] if radius is None else radius
    if params.known:
        yield _known(ctx, params, folders, asked, radius)
        return
    shelf = yield from library(ctx, folders)
    mine, prints = asked.prints, shelf.prints
    if params.invariant:
        # One of the two is turned against the other as it stands: see near.turned_pairs.
        apart = np.minimum(
            np.bitwise_count(prints.turned ^ mine.turned[0, 0]).min(axis=1, initial=64),
            np.bitwise_count(mine.turned[0] ^ prints.turned[:, :1]).min(axis=1, initial=64),
        )
    else:
        one = mine.bits(params.hash, params.bits).reshape(1, -1)
        many = prints.bits(params.hash, params.bits).reshape(len(prints), -1)
        apart = np.bitwise_count(many ^ one).sum(axis=1)
    photos = shelf.photos
    same = np.array([photo.key == asked.photos[0].key for photo in photos], np.bool_)
    usable = ~(prints.flat | mine.flat[0])
    apart = np.where(same, 0, apart)
    near = np.flatnonzero(same | (usable & (apart <= radius)))
    near = near[[photos[at].path != asked.photos[0].path for at in near.tolist()]]
    mine_too = [photo.content == asked.photos[0].content for photo in photos]
    order = sorted(
        near.tolist(),
        key=lambda at: (int(apart[at]), not mine_too[at], not same[at], photos[at].path.as_posix()),
    )
    found: list[dict[str, Any]] = []
    for at in order[: params.most]:
        photo = photos[at]
        found.append({
            "path": ctx.workdir.shown(photo.path),
            "distance": int(apart[at]),
            "same": "bytes" if mine_too[at] else "picture" if same[at] else "",
            "width": photo.width,
            "height": photo.height,
            "size_bytes": photo.size_bytes,
        })  # fmt: skip
    yield _ended(
        ctx, params, found, radius, photos=len(photos), near=len(order), flat=bool(mine.flat[0]),
        failed_items=[{"item": ctx.workdir.shown(path), "reason": why}
                      for path, why in sorted(shelf.failed.items())],
    )  # fmt: skip


def _ended(
    ctx: Context, params: QueryParams, found: list[dict[str, Any]], radius: int, **more: Any
) -> Progress:
    return ctx.ended(
        lines=[
            f"{hit['distance']:3} bits  {hit['path']}"
            + (f"  the same {hit['same']}" if hit["same"] else "")
            for hit in found
        ],
        within=f"{radius} bits ({params.hash} of {params.bits} bits)",
        found=found,
        **more,
    )


def _known(
    ctx: Context, params: QueryParams, folders: Sequence[Path], asked: Library, radius: int
) -> Progress:
    """Ask the shelf; photos that came since the last run are not on it."""
    if params.invariant:
        raise ParamError("--known compares photos as they stand", "leave --invariant out")
    mine = asked.prints.bits(params.hash, params.bits)
    try:
        hits = HashShelf(ctx.catalogue.root).query(params.hash, params.bits, mine, radius)
    except FileNotFoundError:
        raise InputError(
            f"no run has looked at {ctx.workdir.root} yet", "leave --known out this once"
        ) from None
    table, prints = IndexTable(ctx.catalogue), PrintTable(ctx.catalogue, FP)
    found: list[dict[str, Any]] = []
    for content, bits in hits if not asked.prints.flat[0] else []:
        if len(found) >= params.most and bits > found[-1]["distance"]:
            break
        for stored in table.paths_of(content):
            path = ctx.workdir.root / os.fsdecode(stored)
            inside = any(path.is_relative_to(folder) for folder in folders)
            if not inside or path == asked.photos[0].path:
                continue
            row = next(prints.rows([content]), None)
            if row is None or not path.is_file():
                continue
            same = (content == asked.photos[0].content, row.key == asked.photos[0].key)
            found.append({
                "path": ctx.workdir.shown(path),
                "distance": 0 if same[1] else bits,
                "same": "bytes" if same[0] else "picture" if same[1] else "",
                "width": row.width,
                "height": row.height,
                "size_bytes": path.stat().st_size,
            })  # fmt: skip
    order = ("bytes", "picture", "")
    found.sort(key=lambda hit: (hit["distance"], order.index(hit["same"]), hit["path"]))
    found = found[: params.most]
    return _ended(ctx, params, found, radius, near=len(hits), flat=bool(asked.prints.flat[0]))


def _home(params: QueryParams) -> Any:
    return home.absolute(params.folders[:1])[0]


VERB = Verb(
    "query", QueryParams, run, "Show the photos that are like one picture, nearest first.",
    config=False, home=_home,
)  # fmt: skip
