"""An export from beginning to end: plan, missing pictures, format, manifest, lock, checksums."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from curation.engine.machine import require_space
from curation.engine.remake import remake
from curation.errors import CurationError, InputError
from curation.export import lock, manifest
from curation.export.formats import make
from curation.export.formats.base import Format, Out, Placed, Text
from curation.export.formats.zipped import Zip
from curation.export.place import Place
from curation.export.plan import MOST_SHOWN, Item, Plan, build
from curation.export.settings import ExportParams
from curation.records import FileSum, Progress
from curation.store import still_sums
from curation.store.catalogue import Catalogue
from curation.store.integrity import state_of

SUMS = "SHA256SUMS"
SHOWN = 200
TEXT_SHOWN = 2000
"""Paths, and letters of a text, that a preview shows."""
LOOKS = 4
"""Pictures that are looked at at once."""


def export(
    catalogue: Catalogue,
    kind: str,
    params: ExportParams,
    out: Path,
    pinned: Mapping[str, str] | None = None,
    said: Mapping[str, str] | None = None,
) -> Iterator[Progress]:
    """Write an export; asked again, it writes what is new and leaves the rest as it is.

    The summary holds format, out, pictures, made, kept, gone, bytes, left_out, notes, failed.

    Args:
        pinned: frame key -> split, instead of what an earlier export to the same place says.
        said: frame key -> caption that a person wrote, instead of --captions-from.

    Raises:
        CurationError: nothing can be written at all; NoSpace when the disk is full, what was
            written stays.
    """
    writer = make(kind)
    out = _checked(catalogue, writer, out)
    yield Progress("export", note="choosing frames")
    if pinned is None and params.split != "none":
        pinned = _earlier(out)
    plan = build(catalogue, params, pinned, said=said)
    writer.check(plan)
    yield from _missing(plan)
    if isinstance(writer, Zip):
        told = Out.nowhere()
        yield from writer.file(plan, out, lambda done: closing(plan, kind, done), told)
        yield _summary(kind, out, plan, told, 0)
        return
    with Place(out) as place:
        require_space(place.folder)
        told = Out(place)
        yield from writer.write(plan, told)
        for file, data in closing(plan, kind, told.done):
            told.text(file, data)
        gone, left = place.tidy([SUMS])
        sums = sorted((file, put.sha256) for file, put in place.written.items() if file != SUMS)
        told.text(SUMS, "".join(f"{digest}  {file}\n" for file, digest in sums).encode())
        if left:
            plan.notes.append(
                f"{len(left)} files that are exported no longer were changed by hand and stay: "
                + ", ".join(left[:3])
            )
        yield _summary(kind, out, plan, told, gone)


def closing(plan: Plan, kind: str, done: Sequence[Placed]) -> Iterator[Text]:
    """Yield what every format ends with."""
    yield manifest.FILE, manifest.data(plan, done)
    yield lock.FILE, lock.data(plan, kind, done)
    for name, data in lock.scorer_files(plan.catalogue):
        yield f"taste/{name}", data


def _checked(catalogue: Catalogue, writer: Format, out: Path) -> Path:
    """Return where it goes.

    Raises:
        InputError: it would lie among the datastore's own files, or is none.
    """
    out = out.absolute()
    # "exports/../frames", or a link, leads among the datastore's files just the same.
    root, real = catalogue.root.resolve(), out.resolve()
    if real == root or root.is_relative_to(real):
        raise InputError(f"{out} holds the datastore", "name another --out")
    if real.is_relative_to(root) and real.relative_to(root).parts[0] != "exports":
        raise InputError(
            f"{out} lies among the datastore's own files",
            f"name another --out, or one below {root / 'exports'}",
        )
    if isinstance(writer, Zip) and out.suffix.lower() != ".zip":
        raise InputError(f"{out} is no name of a zip file", f"--out {out.name}.zip")
    if not isinstance(writer, Zip) and out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file", "name a folder with --out")
    return out


def _earlier(out: Path) -> dict[str, str]:
    """Return the splits of an earlier export to the same place: what was in val stays in val."""
    path = out / lock.FILE
    if not path.is_file():
        return {}
    try:
        told = lock.read(path)
    except InputError:
        return {}
    return {str(key): str(side) for key, side in told["splits"].items()}


def _missing(plan: Plan) -> Iterator[Progress]:
    """Make full pictures that are not there; one that cannot be made is left out and told."""
    stills = [item for item in plan.items if not item.is_own]
    plan.sums = still_sums.known(plan.catalogue, [item.frame_id for item in stills])
    ids = _lacking([item for item in stills if not _is_as_written(item, plan.sums)])
    not_made: Mapping[int, str] = {}
    for beat in remake(plan.catalogue, ids):
        if beat.summary is None:
            yield beat
        else:
            not_made = beat.summary["not_made"]
    if not_made:
        for item in plan.items:
            if item.frame_id in not_made:
                plan.left_out[item.key] = not_made[item.frame_id]
        plan.items = [item for item in plan.items if item.frame_id not in not_made]
    if not plan.items:
        raise CurationError(
            "none of the pictures can be exported: " + next(iter(plan.left_out.values()), "")
        )


def _is_as_written(item: Item, sums: Mapping[int, FileSum]) -> bool:
    """Return whether a still is known to be there whole."""
    known = sums.get(item.frame_id)
    try:
        return known is not None and known.is_of(os.stat(item.path))  # noqa: PTH116 - of very many
    except OSError:
        return False


def _lacking(items: Sequence[Item]) -> list[int]:
    """Return the frames whose picture is not there, or is cut off; several are looked at at once,
    as a disk answers late for files that were not read lately."""
    size = max(1, min(512, len(items) // (2 * LOOKS)))
    with ThreadPoolExecutor(LOOKS) as pool:
        states = [
            pool.submit(lambda some: [state_of(item.path) for item in some], items[at : at + size])
            for at in range(0, len(items), size)
        ]
        found = [state for some in states for state in some.result()]
    return [item.frame_id for item, state in zip(items, found, strict=True) if state]


def _summary(kind: str, out: Path, plan: Plan, told: Out, gone: int) -> Progress:
    failed = dict(plan.left_out) | told.failed
    return Progress(
        "export",
        summary={
            "format": kind, "out": str(out), "pictures": len(told.done) or told.kept,
            "made": told.made, "kept": told.kept, "gone": gone, "bytes": told.n_bytes,
            "splits": _counted(plan), "notes": list(plan.notes), "failed": failed,
        },
    )  # fmt: skip


def _counted(plan: Plan) -> dict[str, int]:
    sides = [item.split for item in plan.items if item.split]
    return {side: sides.count(side) for side in ("train", "val", "test") if side in sides}


def preview(catalogue: Catalogue, kind: str, params: ExportParams) -> dict[str, Any]:
    """Return what an export would look like; nothing is written.

    Returns:
        pictures (how many), named (how many of them this looked at), tree (paths, the first 200
        pictures and all texts of the set), rows (the first lines of the texts, by path), splits,
        left_out (key -> why) and notes.

    Raises:
        CurationError: it cannot be made; says why.
    """
    writer = make(kind)
    plan = build(catalogue, params, most=MOST_SHOWN)
    writer.check(plan)
    return look(writer, plan)


def look(writer: Format, plan: Plan) -> dict[str, Any]:
    """Return what `preview` tells of a plan; the plan keeps only the items that are shown."""
    counts, total = _counted(plan), len(plan.items)
    named = [writer.path(item, plan) for item in plan.items]
    shown = plan.items[:SHOWN]
    plan.items = shown
    files, texts = writer.preview(plan)
    of_set = [file for file, _ in texts if not file.endswith(".txt")]
    return {
        "pictures": plan.of - len(plan.left_out),
        "named": total,
        "tree": [*files, *of_set, manifest.FILE, lock.FILE, SUMS],
        "folders": _folders(named),
        "rows": {file: data[:TEXT_SHOWN].decode("utf-8", "replace") for file, data in texts[:40]},
        "captions": [item.caption for item in shown[:10]],
        "splits": counts,
        "left_out": dict(list(plan.left_out.items())[:SHOWN]),
        "notes": list(plan.notes),
    }


def _folders(files: Sequence[str]) -> dict[str, int]:
    """Return folder -> pictures in it."""
    found: dict[str, int] = {}
    for file in files:
        parent = file.rpartition("/")[0]
        found[parent] = found.get(parent, 0) + 1
    return dict(sorted(found.items()))


def stream(catalogue: Catalogue, params: ExportParams) -> Iterator[bytes]:
    """Yield a zip piece by piece, for a download; pictures that are not there are made first."""
    plan = build(catalogue, params)
    for _ in _missing(plan):
        pass
    told = Out.nowhere()
    yield from Zip().stream(plan, lambda done: closing(plan, "zip", done), told)
