"""An export made again from its videos: extract, measure, say what people said, rank, export.

All happens in a datastore of its own. What cannot be the same is told line by line: another version
of the program, other weights, a video that is missing, a file whose bytes are others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curation import recipes
from curation.errors import CurationError, InputError
from curation.export import lock, lock_shape, manifest, videos
from curation.export.run import export
from curation.export.settings import ExportParams
from curation.params import ExtractParams, RankParams, SortParams
from curation.records import Progress
from curation.store import exported, said_again
from curation.store.face_marks import FaceMarkTable
from curation.store.mark_ops import MarkOps, Op
from curation.store.ratings import LIVE, SCORER, STORE

CLIENT = "replay"
REPLAYED = "replay.lock"
Verbs = Any
"""A Studio; this room does not know its own roof."""


def replay(
    path: Path, folder: Path, out: Path, datastore: Path | None, opened: Callable[[Path], Verbs]
) -> Iterator[Progress]:
    """Make an export again; or, of a manifest.jsonl, only its pictures.

    The summary holds pictures, same, differ, notes, out, datastore, failed.

    Args:
        folder: where the videos lie, known by their content.
        datastore: a new one, or that of an earlier try, which goes on; None for one beside `out`.
        opened: opens a datastore as a studio.

    Raises:
        InputError: no lock, no such folder, or videos that are not there.
        CurationError: of any of the verbs.
    """
    if path.suffix == ".jsonl":
        yield from manifest.remake(path, folder, out)
        return
    told = lock.read(path)
    notes = _differences(told)
    rows = _videos(told)
    yield Progress("replay", note="looking for the videos by their content")
    there = videos.found(
        folder, {row["key"]: int(row["stream"]) for row in rows},
        {row["key"]: int(row["size_bytes"]) for row in rows},
    )  # fmt: skip
    lacking = [row["name"] for row in rows if row["key"] not in there]
    if lacking:
        raise InputError(
            f"{folder} lacks {len(lacking)} of {len(rows)} videos: " + ", ".join(lacking[:5]),
            "they are known by their content: put the same files there, under any name",
        )
    place = (datastore or out.absolute().with_name(out.name + ".replay")).absolute()
    told_by = _own(place, told)
    studio = opened(place)
    studio.catalogue.remember(REPLAYED, told_by)
    beside = (path if path.is_dir() else path.parent) / "taste"
    try:
        failed: dict[str, str] = {}
        for beat in _made_again(studio, told, rows, there, out, beside):
            failed.update([beat.failed] if beat.failed else [])
            if beat.summary is None:
                yield beat
        yield from _compared(studio, told, out, notes, failed)
    finally:
        studio.close()


def _own(place: Path, told: Mapping[str, Any]) -> str:
    """Return what a datastore of this replay is known by.

    Raises:
        InputError: the datastore is another: marks, names and a scorer would be told to it.
    """
    from curation.store.catalogue import FILE_NAME, Catalogue

    told_by = lock.digest(told)
    if (place / FILE_NAME).is_file():
        catalogue = Catalogue(place)
        try:
            known = catalogue.recall(REPLAYED)
        finally:
            catalogue.close()
        if known != told_by:
            raise InputError(
                f"{place} is a datastore already, and none of this replay",
                "name a new one with --datastore; what a lock holds is not mixed with your own",
            )
    return told_by


def _differences(told: Mapping[str, Any]) -> list[str]:
    """Return what runs here that is not what ran then."""
    notes = []
    here, then = lock.program(), told["program"]
    for name in ("curation", "python", "machine"):
        if then.get(name) != here[name]:
            notes.append(f"{name} was {then.get(name)}, here it is {here[name]}")
    packages = then.get("packages") or {}
    for name, version in sorted(packages.items()):
        if here["packages"].get(name) != version:
            notes.append(f"{name} was {version}, here it is {here['packages'].get(name, 'none')}")
    digests = lock.weights_digests()
    for name, digest in sorted(told["weights"].items()):
        if digests.get(name) != digest:
            notes.append(f"the weights of {name} are others than then")
    return notes


def _videos(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the videos of a lock, in their order.

    Raises:
        InputError: one is no video, or is named so that it would lie elsewhere.
    """
    rows = []
    for row in told["videos"]:
        try:
            name, number = str(row["name"]), int(row["folder_no"])
            if row["kind"] != "video":
                raise InputError(
                    f"{name} was a folder of pictures, which a lock does not make again",
                    "copy its pictures; manifest.jsonl names each",
                )
            if (
                not name or "\0" in name or Path(name).name != name or name.startswith(".")
                or not (row["extract"] is None or isinstance(row["extract"], dict))
            ) or not 0 < number < 1_000_000:
                raise InputError(f"the lock names a video {name!r} in folder {number}")
            rows.append({**row, "name": name, "folder_no": number, "stream": int(row["stream"]),
                         "size_bytes": int(row["size_bytes"]), "key": str(row["key"])})
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"the lock's list of videos is damaged: {error!r}") from error
    return rows


def _made_again(
    studio: Verbs, told: Mapping[str, Any], rows: Sequence[Mapping[str, Any]],
    there: Mapping[str, Path], out: Path, beside: Path,
) -> Generator[Progress, None, None]:
    """Run every verb again, with what people said."""
    recipe = told["recipe"]
    for number, group in enumerate(_same_params(rows)):
        paths = [_linked(studio.root, row, there[row["key"]]) for row in group]
        params = recipes.build(ExtractParams, group[0]["extract"] or {},
                               {"stream": group[0]["stream"]})  # fmt: skip
        yield Progress("replay", note=f"extracting, part {number + 1}")
        yield from studio.extract(paths, params)
    yield from studio.sort(recipes.build(SortParams, recipe["sort"]))
    catalogue = studio.catalogue
    ids = {key: i for i, key in exported.keys(catalogue).items()}
    marks = told["marks"]
    for false in (True, False):
        found = [ids[row["frame"]] for row in marks["faces"]
                 if bool(row["false"]) is false and row["frame"] in ids]  # fmt: skip
        FaceMarkTable(catalogue).put(found, false)
    exported.put_crops(catalogue, marks["crops"])
    _people(catalogue, told["people"], ids)
    # With some applied and others said since, ranked/ followed the former.
    if marks["applied"] and not marks["applied_all"]:
        _mark(catalogue, marks["applied"], ids)
    else:
        said_again.tell(catalogue, marks["said"], ids)
    _taste(catalogue, told["taste"], beside)
    if recipe.get("ranked"):
        yield from studio.rank(recipes.build(RankParams, recipe["rank"]))
        if marks["applied"]:
            yield from studio.apply()
    said_again.tell(catalogue, marks["said"], ids)
    wanted = recipes.build(ExportParams, recipe["export"], {"captions_from": ""})
    pinned = {str(key): str(side) for key, side in told["splits"].items()}
    said = {str(key): str(text) for key, text in told["captions"].items()}
    with catalogue.writing("export"):
        yield from export(catalogue, str(told["format"]), wanted, out, pinned, said)


def _same_params(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Yield videos of one folder and one setting, in their order."""
    group: list[Mapping[str, Any]] = []
    before = ""
    for row in rows:
        now = json.dumps([row["extract"], row["stream"], row["folder_no"]], sort_keys=True)
        if group and now != before:
            yield group
            group = []
        group.append(row)
        before = now
    if group:
        yield group


def _linked(root: Path, row: Mapping[str, Any], source: Path) -> Path:
    """Return a video under the name and in the folder that it had, as a link."""
    folder = root / f"videos_folder_{row['folder_no']}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / str(row["name"])
    if not path.exists():
        path.unlink(missing_ok=True)
        path.symlink_to(source.absolute())
    return path


def _mark(catalogue: Any, rows: Sequence[Mapping[str, Any]], ids: Mapping[str, int]) -> None:
    """Give frames the flags and stars that ranked/ followed; done twice it is done once."""
    groups: dict[tuple[str, int], list[int]] = {}
    for row in rows:
        for kind in ("flag", "stars"):
            if row[kind] and str(row["frame"]) in ids:
                groups.setdefault((kind, int(row[kind])), []).append(ids[str(row["frame"])])
    ops = [
        Op(f"{CLIENT}-applied-{n}", kind, value, np.array(sorted(frames), np.int64))
        for n, ((kind, value), frames) in enumerate(sorted(groups.items()))
    ]
    if ops:
        MarkOps(catalogue).apply(CLIENT, CLIENT, ops)


def _taste(catalogue: Any, told: Mapping[str, Any], beside: Path) -> None:
    """Put the scorer that was in use to use again, from the files beside the lock.

    Raises:
        InputError: it is not there, or is another one.
    """
    for file, digest in told["files"].items():
        if Path(file).name != file:
            raise InputError(f"the lock names a scorer {file!r}")
        try:
            data = (beside / file).read_bytes()
        except OSError as error:
            raise InputError(
                f"{beside / file} cannot be read: {error.strerror or error}",
                "keep the folder taste beside the lock: it holds the scorer that decided",
            ) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise InputError(f"{beside / file} is not the scorer that decided")
        target = catalogue.root / "scorers" / file
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data)
    for key, name in ((STORE, "store"), (SCORER, "scorer"), (LIVE, "live")):
        if told[name] is not None:
            catalogue.remember(key, told[name])


def _people(catalogue: Any, rows: Sequence[Mapping[str, Any]], ids: Mapping[str, int]) -> None:
    """Say again who is who; people are known by the number of the op that first spoke of them."""
    from curation.store.people import PeopleTable, Saying

    table = PeopleTable(catalogue)
    there = [one.id for one in table.all()]  # of an earlier try, which may have been cut off
    number: dict[int, int] = {}

    def know(row: Mapping[str, Any], made: int) -> None:
        number[int(row["id"])] = made
        # What first spoke of somebody may have been taken back since: this does it now.
        whom = row["value"].get("into" if row["kind"] == "merge" else "person")
        if whom is not None:
            number.setdefault(int(whom), made)

    for row, made in zip(rows, there, strict=False):
        know(row, made)
    for row in rows[len(there):]:
        value = {
            key: number.get(given) if key in lock_shape.REFERS and given is not None else given
            for key, given in row["value"].items()
        }  # fmt: skip
        frames = {
            side: np.array([ids[key] for key in row[side] if key in ids], np.int64)
            for side in ("shown", "apart")
        }
        made = table.say(
            Saying(str(row["kind"]), value, frames["shown"], frames["apart"]), CLIENT, CLIENT
        )
        know(row, made)


def _compared(
    studio: Verbs, told: Mapping[str, Any], out: Path, notes: list[str], failed: dict[str, str]
) -> Iterator[Progress]:
    """Tell what is the same, and each line that differs."""
    catalogue = studio.catalogue
    steps = exported.steps(catalogue)
    for name, then in told["steps"].items():
        if name in steps and steps[name] != then:
            notes.append(f"step {name} measures otherwise than then (weights, version or setting)")
    if lock.decided(catalogue) != told["decided"]:
        notes.append("some decisions are others than then")
    made = _files(out)
    differ = []
    for file, digest in told["files"].items():
        if made.get(file) != digest:
            why = "was not made" if file not in made else "has other bytes than then"
            failed[file] = why
            differ.append(file)
            yield Progress("replay", failed=(file, why))
    for file in sorted(set(made) - set(told["files"])):
        differ.append(file)
        failed[file] = "was not in the export then"
        yield Progress("replay", failed=(file, failed[file]))
    yield Progress(
        "replay",
        summary={
            "pictures": len(told["files"]), "same": len(set(told["files"]) - set(differ)),
            "differ": differ, "notes": notes, "out": str(out), "datastore": str(studio.root),
            "failed": failed,
        },
    )  # fmt: skip


def _files(out: Path) -> dict[str, str]:
    """Return the pictures of an export that was just made, with their SHA-256."""
    import zipfile

    try:
        if out.is_file():
            with zipfile.ZipFile(out) as held:
                told = json.loads(held.read(lock.FILE))
        else:
            told = json.loads((out / lock.FILE).read_bytes())
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise CurationError(f"{out} was not made: {error}") from error
    return {str(file): str(digest) for file, digest in told["files"].items()}
