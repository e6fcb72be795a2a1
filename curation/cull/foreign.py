"""Groups from files: our own report, czkawka's results, imagededup's dictionary of neighbours.

Another program's file says what is alike; who stays is decided here, by the same rules as in
`group`, and every loser is one that the file sets beside its keeper.

czkawka (core 12, from its source): similar images are a list of lists of {path, size, width,
height, modified_date, hashes, difference}; with reference folders each entry is [reference, [...]].
Duplicates are objects {path, modified_date, size, hash}: {size: [[...], ...]} by hash,
{size: [[reference, [...]], ...]} with references; by name or size alone {name: [...]}, which says
nothing about pictures and is refused. imagededup 0.3: {name: [name, ...]} or, with scores,
{name: [[name, score], ...]}: bits for hashes, cosine similarity for CNN.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curation.cull.report import SCHEMA
from curation.errors import InputError
from curation.store.cull import Group, Member

if TYPE_CHECKING:
    from curation.cull.library import Library
    from curation.decide.near import Near

MOST_BYTES = 1 << 30
VERDICTS = ("keep", "reject", "tie")


@dataclass(frozen=True, slots=True)
class Listed:
    """One picture as a file names it.

    Attributes:
        size_bytes, modified_s: as it was then; None where nothing is said.
    """

    path: Path
    size_bytes: int | None = None
    modified_s: int | None = None


@dataclass(slots=True)
class Foreign:
    """What another program found.

    Attributes:
        groups: pictures that are alike, each with each.
        pairs: pictures that are alike, with the distance where it is said.
        exact: alike means the same bytes.
        reference: pictures that were in its reference folders.
    """

    program: str
    groups: list[list[Listed]] = field(default_factory=list)
    pairs: list[tuple[Path, Path, float | None]] = field(default_factory=list)
    exact: bool = False
    reference: set[Path] = field(default_factory=set)


def read(path: Path, root: Path) -> list[Group] | Foreign:
    """Return the groups of our own report, or what another program found.

    Args:
        root: what relative paths of another program's file are relative to.

    Raises:
        InputError: for a file that cannot be read or says nothing that is known here.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} is too large for a list of groups")
        found = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", "check --groups") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {str(error)[:100]}", "check --groups") from error
    try:
        if isinstance(found, dict) and "schema" in found:
            return _own(found, root)
        if isinstance(found, list):
            return _similar(found, root)
        if isinstance(found, dict) and all(isinstance(v, list) for v in found.values()):
            return _by_key(found, root)
    except (TypeError, KeyError, ValueError, IndexError, AttributeError) as error:
        raise InputError(f"{path} has no shape that is known here: {error}", KNOWN) from error
    raise InputError(f"{path} has no shape that is known here", KNOWN)


KNOWN = "known: our groups.json, czkawka's JSON (similar images; duplicates by hash), imagededup's"


def _own(found: Mapping[str, Any], root: Path) -> list[Group]:
    family, _, version = str(found["schema"]).partition("/")
    ours, _, known = SCHEMA.partition("/")
    if family != ours:
        raise ValueError(f"schema {found['schema']!r}")
    if version != known:
        raise InputError(f"the report is of version {version}, {known} is known here")
    base = Path(found["root"])
    base = base if base.is_dir() else root
    groups = []
    for group in found["groups"]:
        members = [
            Member(
                base / m["path"], str(m["content"]), str(m["key"]), m["distance"], m["verdict"],
                str(m["reason"]), dict(m["facts"]),
            )
            for m in group["members"]
        ]
        if not members or any(m.verdict not in VERDICTS for m in members):
            raise ValueError("a group without members, or with a verdict that is none")
        groups.append(
            Group(str(group["kind"]), members, group["diameter"], group["chained"], group["dense"])
        )
    return groups


def _similar(found: Sequence[Any], root: Path) -> Foreign:
    told = Foreign("czkawka")
    for group in found:
        _add(told, group, root)
    if any("hash" in entry for group in found for entry in _entries(group)):
        _refuse_names()  # duplicates by size and name come as a plain list
    return told


def _by_key(found: Mapping[str, Any], root: Path) -> Foreign:
    firsts = [first for value in found.values() for first in value[:1]]
    if all(isinstance(first, str) for first in firsts) or all(_scored(f) for f in firsts):
        return _neighbours(found, root)
    told = Foreign("czkawka", exact=True)
    for groups in found.values():
        for group in groups:
            if isinstance(group, dict):
                _refuse_names()
            if not all(str(entry.get("hash") or "") for entry in _entries(group)):
                _refuse_names()
            _add(told, group, root)
    return told


def _refuse_names() -> None:
    raise InputError(
        "these groups were found by name or size alone, which need not be the same pictures",
        "let czkawka search by hash, or type: python -m curation group FOLDER",
    )


def _scored(entry: Any) -> bool:
    return (
        isinstance(entry, list)
        and len(entry) == 2
        and isinstance(entry[0], str)
        and isinstance(entry[1], int | float)
        and not isinstance(entry[1], bool)
    )


def _neighbours(found: Mapping[str, Any], root: Path) -> Foreign:
    told = Foreign("imagededup")
    for name, others in found.items():
        for other in others:
            if isinstance(other, str):
                told.pairs.append((root / name, root / other, None))
            elif _scored(other):
                score = other[1]
                # Whole numbers are bits; CNN writes cosine similarities, 1 for the same.
                apart = float(score) if isinstance(score, int) else max(0.0, 1 - float(score))
                told.pairs.append((root / name, root / other[0], apart))
            else:
                raise TypeError(f"a neighbour of {name} is no name")
    return told


def _entries(group: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the entries of one of czkawka's groups, the reference first."""
    for entry in group:
        if isinstance(entry, list):
            yield from entry
        else:
            yield entry


def _add(told: Foreign, group: Any, root: Path) -> None:
    entries = list(_entries(group))
    referenced = len(group) == 2 and isinstance(group[1], list)
    if any(isinstance(entry, list) for entry in group) and not referenced:
        raise ValueError("a group within a group")
    listed = [
        Listed(root / str(e["path"]), int(e["size"]), int(e["modified_date"])) for e in entries
    ]
    told.groups.append(listed)
    if referenced:
        told.reference.add(listed[0].path)


# -- what is alike, among photos ------------------------------------------------------------------

MOST_PAIRS = 300
"""Pictures of a group that are all set beside each other; in a larger one, beside the first."""


def protect(told: Foreign, library: Library) -> None:
    """Make what was a reference to the other program one here: it stays."""
    for i, photo in enumerate(library.photos):
        if told.reference.intersection(photo.files):
            library.photos[i] = replace(photo, reference=True)


def near(told: Foreign, library: Library) -> tuple[Near, dict[Path, str]]:
    """Return pairs of positions in a library, and why pictures of the file are left out.

    A picture that is not in the library is left out silently when it is gone. Distances that the
    file does not say are of the pHash, in bits.
    """
    from curation.decide.near import joined

    at = {file: i for i, photo in enumerate(library.photos) for file in photo.files}
    left: dict[Path, str] = {}
    found: dict[tuple[int, int], float | None] = {}

    def known(path: Path) -> int | None:
        if path not in at and path.exists() and path not in library.failed:
            left[path] = "is in none of the folders that were named"
        return at.get(path)

    def pair(a: int, b: int, apart: float | None) -> None:
        if a != b:
            found.setdefault((min(a, b), max(a, b)), apart)

    for a, b, apart in told.pairs:
        one, other = known(a), known(b)
        if one is not None and other is not None:
            pair(one, other, apart)
    for group in told.groups:
        there = [i for one in group if (i := known(one.path)) is not None and _same(one, left)]
        there = list(dict.fromkeys(there))
        if told.exact:
            there = _equal(there, library, left)
        if len(there) <= MOST_PAIRS:
            for i, j in combinations(there, 2):
                pair(i, j, None)
        else:
            for j in there[1:]:
                pair(there[0], j, None)
    return joined([_near(found, library)], len(library.photos), np.float64), left


def _near(found: Mapping[tuple[int, int], float | None], library: Library) -> Near:
    from curation.decide.near import Near

    places = np.array(list(found), np.int64).reshape(-1, 2)
    said = np.array([np.nan if d is None else d for d in found.values()], np.float64)
    phash = library.prints.phash
    bits = np.bitwise_count(phash[places[:, 0]] ^ phash[places[:, 1]]).astype(np.float64)
    return Near(places[:, 0], places[:, 1], np.where(np.isnan(said), bits, said))


def _same(one: Listed, left: dict[Path, str]) -> bool:
    """Return whether a file still has the size and time that was noted of it."""
    try:
        stat = one.path.stat()
    except OSError:
        return False
    if (stat.st_size, int(stat.st_mtime)) == (one.size_bytes, one.modified_s):
        return True
    left[one.path] = "has changed since the file was written; search again"
    return False


def _equal(there: Sequence[int], library: Library, left: dict[Path, str]) -> list[int]:
    """Return those that have the bytes that most of them have; the others are told of."""
    contents = [library.photos[i].content for i in there]
    if not contents:
        return []
    most = max(contents, key=lambda content: (contents.count(content), content))
    for i in there:
        if library.photos[i].content != most:
            left[library.photos[i].path] = "is not the same as the others of its group"
    return [i for i in there if library.photos[i].content == most]
