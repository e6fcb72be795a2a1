"""`apply`: losers go to `_review_dupes/`, with all that belongs to them; undo brings them back.

What is moved is what the groups reject and nobody picked, and what a person rejected by hand. See
`losers` for what speaks against it, and `moving` for what travels along.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.cull import foreign, home
from curation.cull.home import DUPES, FolderParams
from curation.cull.moving import Going, Mover, outermost, safe
from curation.errors import InputError
from curation.params import tunable
from curation.store.cull import CullTable, Group
from curation.toolkit.plan import Plan
from curation.toolkit.verbs import Beats, Context, Verb

if TYPE_CHECKING:
    from curation.cull.library import Library
    from curation.cull.ranking import Said


class ApplyParams(FolderParams):
    """Which losers go, and where."""

    groups: str = tunable(
        "",
        "file with groups: our groups.json, czkawka's or imagededup's JSON; default is what "
        "`group` found last",
        basic=True,
        cached=False,
    )
    to: str = tunable(
        "", f"folder that losers go to; default is {DUPES} in the FOLDER they are in", basic=True
    )
    reference: tuple[str, ...] = tunable(
        (), "folders that nothing is taken from, whatever the groups say", basic=True
    )
    rejected: bool = tunable(
        True, "what was rejected by hand in the review goes too, in a group or not", basic=True
    )
    reviewed: bool = tunable(
        False, "only groups of which somebody marked a picture in the review", basic=True
    )
    unmarked: bool = tunable(
        True, "what nobody marked goes too, as its group says; else only what a person rejected"
    )


def run(ctx: Context, params: ApplyParams) -> Beats:
    """Move losers; the summary counts photos, files, bytes, and what stays."""
    from curation.cull.library import library
    from curation.cull.losers import Losers
    from curation.cull.said import changed_since, refused, said

    folders = home.absolute(params.folders)
    table, plan = CullTable(ctx.catalogue), Plan(ctx.workdir, lasting=True)
    latest = table.latest()
    if latest is None and not params.groups:
        raise InputError(
            f"nothing was grouped in {ctx.workdir.root} yet",
            f"python -m curation group {ctx.workdir.root}",
        )
    reference = _references(params, {} if latest is None else latest[0].params, ctx.workdir.root)
    targets = Targets(folders, ctx.workdir.folder(params.to) if params.to else None)
    shelf = yield from library(ctx, folders, reference)
    heard = said(ctx.catalogue, shelf, folders)
    no_copies = refused(ctx.catalogue, shelf, folders)
    groups = [] if latest is None else latest[1]
    if params.groups:
        file = Path(params.groups).expanduser().absolute()
        groups = _from_file(file, folders[0], shelf, heard, no_copies, plan)
    for path, flag in changed_since(ctx.catalogue, shelf, folders).items():
        if flag < 0 and params.rejected:
            plan.fail(path, "it has changed since it was marked; review it again")
    losers = Losers(shelf, heard, no_copies, plan, params.rejected, params.unmarked)
    if params.reviewed:
        groups = [group for group in groups if losers.marked(group)]
    mover = Mover(plan)
    going = []
    for photo, why in losers.find(groups):
        try:
            going.append(Going(photo, targets.of(photo.path), why))
        except InputError as error:
            plan.fail(photo.path, error)
    mover.move(going)
    yield from ctx.carry_out(
        plan, photos=mover.photos, files=mover.files, bytes=mover.bytes, groups=len(groups),
        ties=losers.ties, picked=losers.picked, elsewhere=losers.elsewhere,
        **targets.count(losers.gone),
    )  # fmt: skip


class Targets:
    """Where losers go: below one folder, by the path that they have in theirs.

    Args:
        folders: that were named.
        to: folder that was named for losers; None is DUPES in each of `folders`.

    Raises:
        InputError: when losers would be looked at again there.
    """

    def __init__(self, folders: Sequence[Path], to: Path | None) -> None:
        self._tops = outermost(folders)
        self._to = to
        self._bases: dict[Path, Path] = {}
        names: set[str] = set()
        for top in self._tops:
            if to is None:
                self._bases[top] = top / DUPES
                continue
            below = to.relative_to(top).parts if to.is_relative_to(top) else (DUPES,)
            if not any(part == DUPES or part.startswith(".") for part in below):
                raise InputError(
                    f"{to} lies in {top}, where losers would be looked at again",
                    "name a folder outside with --to",
                )
            name, number = top.name, 1
            while name.casefold() in names:
                number += 1
                name = f"{top.name}-{number}"
            names.add(name.casefold())
            self._bases[top] = to if len(self._tops) == 1 else to / name

    def count(self, gone: Sequence[Path]) -> dict[str, int]:
        """Return how many of these losers lie where they would go: moved before; and the others."""
        before = 0
        for path in gone:
            with suppress(InputError, StopIteration):  # of a folder that is not named now
                before += os.path.lexists(self.of(path) / path.name)
        return {"moved_before": before, "gone": len(gone) - before}

    def of(self, path: Path) -> Path:
        """Return the folder that a photo goes to.

        Raises:
            InputError: when a link or a file is in the way.
        """
        top = next(top for top in self._tops if path.is_relative_to(top))
        base = self._bases[top]
        if self._to is None and base.is_symlink():
            raise InputError(f"{base} is a link; nothing is put there")
        return safe(base, base / path.parent.relative_to(top))


def _references(
    params: ApplyParams, grouped: Mapping[str, Any], root: Path
) -> list[Path]:
    """Return the reference folders that were named, now or when the groups were made."""
    found = home.absolute(params.reference)
    for text in grouped.get("reference") or ():
        typed = Path(str(text)).expanduser()
        found += [path for path in (typed.absolute(), root / typed) if path.is_dir()][:1]
    return list(dict.fromkeys(found))


def _from_file(
    file: Path, folder: Path, library: Library, heard: Said, no_copies: set[tuple[str, str]],
    plan: Plan,
) -> list[Group]:
    """Return the groups of a file; what it names and cannot be used is told."""
    from curation.cull import pairs, ranking
    from curation.cull.edits import add_edits
    from curation.cull.groups import formed

    found = foreign.read(file, folder)
    if isinstance(found, list):
        return found
    foreign.protect(found, library)
    near, left = foreign.near(found, library)
    for path, why in sorted(left.items()):
        plan.fail(path, why)
    add_edits(library, sorted({*near.one.tolist(), *near.other.tolist()}), heard)
    return formed(
        library, pairs.without(near, library, no_copies), ranking.Judge(library, heard),
        kind="exact" if found.exact else "near", refused=no_copies,
    )  # fmt: skip


VERB = Verb(
    "apply", ApplyParams, run, f"Move losers to {DUPES}/, with all that belongs to them.",
    config=False, home=home.first,
)  # fmt: skip
