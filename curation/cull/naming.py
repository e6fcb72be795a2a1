"""Names by capture time: a pattern, what it makes of a photo, and numbers where two are equal."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING

from curation.cull.home import DUPES, REPORTS
from curation.errors import InputError, ParamError
from curation.photos.companions import folded
from curation.photos.sidecar_names import NUMBERED
from curation.sources import natural

if TYPE_CHECKING:
    from curation.cull.library import Photo

PATTERN = "{taken:%Y/%m/%d}/{taken:%Y%m%d_%H%M%S}_{camera}{ext}"
FIELDS = {
    "taken": "capture time on the camera's clock, with strftime's letters",
    "ms": "its thousandths of a second",
    "camera": "make and model",
    "make": "maker of the camera",
    "model": "model of the camera",
    "lens": "lens",
    "name": "name before the ending, as it is",
    "number": "last number in the name",
    "folder": "name of the folder it is in",
    "ext": "ending; only at the end",
}
FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f]+')
NUMBER_AFTER = re.compile(r"-([0-9]+)")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Place = tuple[Path, str]
"""A folder and a stem in it."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that was understood: (literal, field, format) parts, without the ending."""

    parts: tuple[tuple[str, str | None, str], ...]

    @classmethod
    def of(cls, text: str) -> Pattern:
        """Read a pattern.

        Raises:
            ParamError: when it is none, or leads anywhere but below.
        """
        if not text.endswith("{ext}"):
            raise ParamError(f"--pattern {text!r} must end with {{ext}}", f"default: {PATTERN}")
        try:
            parts = [(a, b, c or "") for a, b, c, _ in Formatter().parse(text[: -len("{ext}")])]
        except ValueError as error:
            raise ParamError(f"--pattern {text!r}: {error}", f"default: {PATTERN}") from error
        for literal, name, form in parts:
            if name is not None and (name not in FIELDS or name == "ext"):
                known = ", ".join(FIELDS)
                raise ParamError(f"--pattern {text!r}: no field {name!r}", f"known: {known}")
            if name == "taken" and not form:
                raise ParamError(f"--pattern {text!r}: say how, as in {{taken:%Y%m%d_%H%M%S}}")
            if name not in ("taken", "number", "ms", None) and form:
                raise ParamError(f"--pattern {text!r}: {{{name}}} takes no format")
            if "\\" in literal or "\0" in literal:
                raise ParamError(f"--pattern {text!r}: folders are parted by /")
        words = text.split("/")
        if text.startswith("/") or any(w.startswith(".") or w in (DUPES, REPORTS) for w in words):
            raise ParamError(f"--pattern {text!r} must lead to folders below that are seen")
        return cls(tuple(parts))

    def place(self, photo: Photo, base: Path) -> Place:
        """Return where a photo is to be.

        Raises:
            InputError: it has no name by this pattern.
        """
        values = _values(photo)
        made = ""
        lacking = False
        for literal, name, form in self.parts:
            # Nothing is parted from nothing, at either side of a value that is not there.
            at_start = lacking and made[-1:] in ("", "/")
            made += literal.lstrip("_- ") if at_start else literal
            value = "" if name is None else _formed(values, name, form)
            lacking = name is not None and not value
            if lacking and made[-1:] in ("_", "-", " "):
                made = made[:-1]
            made += value
        words = [word.strip(" .") for word in made.split("/")]
        if not all(words):
            raise InputError(f"{photo.path} has no name by this pattern: {made!r}")
        return base.joinpath(*words[:-1]), words[-1]


def _values(photo: Photo) -> dict[str, object]:
    shot = photo.capture
    moment = None
    if shot.clock_s is not None:
        # By parts: a float cannot hold every microsecond since 1970.
        moment = EPOCH + timedelta(seconds=round(shot.clock_s, 3))
    alike = shot.make.split()[:1] == shot.model.split()[:1]
    return {
        "taken": moment,
        "ms": 0 if moment is None else moment.microsecond // 1000,
        "camera": shot.model if alike else f"{shot.make} {shot.model}".strip(),
        "make": shot.make,
        "model": shot.model,
        "lens": shot.lens,
        "name": photo.path.stem,
        "number": shot.number,
        "folder": photo.path.parent.name,
    }


def _formed(values: Mapping[str, object], name: str, form: str) -> str:
    value = values[name]
    if value is None:
        return ""
    try:
        text = format(value, form or ("03" if name == "ms" else ""))
    except ValueError as error:
        raise InputError(f"{{{name}:{form}}}: {error}") from error
    if name == "taken":
        return "/".join(FORBIDDEN.sub("-", part) for part in text.split("/"))
    clean = FORBIDDEN.sub("-", text)
    return clean if name in ("name", "folder") else re.sub(r"\s+", "-", clean.strip())


def places(wanted: Sequence[tuple[Photo, Place]], there: Collection[Place]) -> list[Place]:
    """Return a place for each photo that is no other's, by folder and stem whatever the case.

    A photo that has its wanted stem already, or that stem with a number, keeps it: typed again,
    nothing moves. Of others with one stem the earliest has it, the next gets `-2`, `-3`, ... A stem
    that darktable would take for a version of another picture (X_02 where X is) gets a dash.

    Args:
        wanted: photos with the places that the pattern gives.
        there: places that strangers have: stems folded.
    """
    taken: set[Place] = {(folder, folded(stem)) for folder, stem in there}
    given: dict[int, Place] = {}
    order = sorted(range(len(wanted)), key=lambda i: _key(wanted[i][0]))

    def give(i: int, folder: Path, stem: str) -> bool:
        if (folder, folded(stem)) in taken:
            return False
        taken.add((folder, folded(stem)))
        given[i] = folder, stem
        return True

    asked = [(folder, _dashed(photo, stem)) for photo, (folder, stem) in wanted]
    for i in order:
        photo, (folder, stem) = wanted[i][0], asked[i]
        own = photo.path.stem
        rest = own[len(stem) :] if own.startswith(stem) else None
        if photo.path.parent == folder and (rest == "" or (rest and NUMBER_AFTER.fullmatch(rest))):
            give(i, folder, own)
    for i in order:
        if i not in given:
            give(i, *asked[i])
    for i in order:
        folder, stem = asked[i]
        number = 2
        while i not in given and not give(i, folder, f"{stem}-{number}"):
            number += 1
    return [_apart(given[i], taken) for i in range(len(wanted))]


def _key(photo: Photo) -> tuple[object, ...]:
    clock_s = photo.capture.clock_s
    return (clock_s or 0.0, natural(Path(photo.path.stem)), photo.path.as_posix())


def _dashed(photo: Photo, stem: str) -> str:
    """Return a stem that is no version's, unless the camera gave it: 20240501-101500, IMG_0001."""
    if NUMBERED.match(stem) is None or stem == photo.path.stem:
        return stem
    head, _, tail = stem.rpartition("_")
    return f"{head}-{tail}"


def _apart(place: Place, taken: set[Place]) -> Place:
    """Return a place with a dash where its stem's beginning is another picture's."""
    folder, stem = place
    number = NUMBERED.match(stem)
    if number is None or (folder, folded(number["stem"])) not in taken:
        return place
    head, _, tail = stem.rpartition("_")
    new = f"{head}-{tail}"
    count = 1
    while (folder, folded(new)) in taken:
        count += 1
        new = f"{head}-{tail}-{count}"
    taken.add((folder, folded(new)))
    return folder, new
