"""`doctor`: sidecars that an editor would misread, and names that it would take for others."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from curation.cull import home
from curation.cull.home import FolderParams
from curation.errors import InputError, SidecarError
from curation.photos import formats, twins, xmp
from curation.photos.head import clock_s
from curation.photos.sidecar_names import ENDING, Folder, sidecar_of
from curation.records import Progress
from curation.toolkit.verbs import Beats, Context, Verb

SHOWN = 200


class DoctorParams(FolderParams):
    """Which folders are looked at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing an editor would misread.

    Attributes:
        code: key of xmp_faults.FAULTS, or letters, version, shared, differ, unreadable.
    """

    path: str
    code: str
    said: str


def run(ctx: Context, params: DoctorParams) -> Beats:
    """Read every sidecar and every name; change nothing."""
    found: list[Finding] = []
    count = 0
    for folder, names in walked(home.absolute(params.folders)):
        sidecars = [name for name in names if name.lower().endswith(ENDING)]
        count += len(sidecars)
        found += [
            Finding(ctx.workdir.shown(path), code, said)
            for path, code, said in (
                *_contents(folder, sidecars),
                *_names(Folder(folder, names)),
            )
        ]
        yield Progress(ctx.verb, count, 0, "sidecars")
    lines = [f"{one.path}: {one.said}" for one in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f"... and {len(found) - SHOWN} more (all with --json)")
    yield ctx.ended(
        sidecars=count,
        found=len(found),
        findings=[asdict(one) for one in found],
        lines=lines or ["every sidecar is sound"],
    )


def walked(folders: Sequence[Path]) -> Iterator[tuple[Path, list[str]]]:
    """Yield folders with the names of their files, in order; hidden ones and ours left out.

    Raises:
        InputError: for a folder that cannot be read.
    """

    def told(error: OSError) -> None:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}") from error

    seen: set[Path] = set()
    for folder in folders:
        for place, below, names in os.walk(folder, onerror=told):
            below[:] = sorted(
                b for b in below if not b.startswith(".") and b not in (home.DUPES, home.REPORTS)
            )
            path = Path(place)
            if path not in seen:
                seen.add(path)
                yield path, sorted(name for name in names if not name.startswith("."))


def _contents(folder: Path, names: Sequence[str]) -> Iterator[tuple[Path, str, str]]:
    for name in names:
        path = folder / name
        try:
            packet = xmp.read(path)
        except SidecarError as error:
            yield path, "unreadable", error.message.removeprefix(f"{path} ")
            continue
        for fault in packet.faults:
            yield path, fault.code, fault.said


def _names(folder: Folder) -> Iterator[tuple[Path, str, str]]:
    pictures = [
        folder.path / name
        for name in sorted(folder.names)
        if formats.promised(Path(name).suffix)
    ]
    own: dict[Path, tuple[Path, ...]] = {}
    for photo in twins.one_photo(pictures, [], clock_s):
        own |= dict.fromkeys(photo, photo)
    told: set[Path] = set()
    for picture in pictures:
        beside = folder.of(picture)
        for odd in beside.unread:
            if odd not in told:
                told.add(odd)
                yield odd, "letters", f"editors look for {picture.name}{ENDING}, in these letters"
        if beside.full and beside.version_of:
            yield (
                beside.full,
                "version",
                f"darktable takes it for a version of {beside.version_of} as well",
            )
        stem = beside.stem
        if stem is None:
            continue
        strangers = [n for n in beside.shared if folder.path / n not in own[picture]]
        if strangers and stem not in told:
            told.add(stem)
            yield (
                stem,
                "shared",
                f"{picture.name} and {strangers[0]} share it: both get the same rating",
            )
        elif beside.full:
            yield from _differing(picture, beside.full, stem)


def _differing(picture: Path, full: Path, stem: Path) -> Iterator[tuple[Path, str, str]]:
    try:
        one, other = xmp.read(full).rating, xmp.read(stem).rating
    except SidecarError:
        return  # told of already
    if one != other:
        said = f"it says a rating of {_said(one)}, {stem.name} of {_said(other)}"
        yield sidecar_of(picture), "differ", f"{said}: editors read one or the other"


def _said(rating: int | None) -> str:
    return "none" if rating is None else str(rating)


def _code(summary: Mapping[str, Any]) -> int:
    return 1 if summary.get("found") else 0


VERB = Verb(
    "doctor", DoctorParams, run,
    "Say which XMP sidecars photo editors would misread, and why; change nothing. Exit code 1 "
    "when there are any.",
    config=False, home=home.first, exit_code=_code,
)  # fmt: skip
