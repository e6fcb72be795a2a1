"""`not-duplicate`: pictures that are none of each other, remembered whatever their files do."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

from curation.cull.groups import CullTable
from curation.cull.single import named, seen
from curation.errors import InputError
from curation.params import Params, tunable
from curation.store.catalogue import FILE_NAME, OUR_FOLDER
from curation.toolkit.verbs import Beats, Context, Verb


class IgnoreParams(Params):
    """Which pictures are no duplicates of each other."""

    pictures: tuple[str, ...] = tunable(
        (), "two pictures or more", positional=True, required=True, shown="PICTURE",
        cached=False, basic=True,
    )  # fmt: skip
    forget: bool = tunable(False, "take it back: they may be duplicates again", basic=True)


def run(ctx: Context, params: IgnoreParams) -> Beats:
    """Remember, or forget, that no two of the pictures are duplicates.

    A picture is known by what makes it: moved, renamed or rated it is still the same. A picture
    that is new and like both brings them together again, and the group says so.
    """
    paths = named(params.pictures)
    if len(paths) < 2:
        raise InputError("one picture is no pair", "not-duplicate PICTURE PICTURE")
    pairs = list(combinations((photo.key for photo in seen(paths).photos), 2))
    if any(a == b for a, b in pairs):
        raise InputError(
            "two of these are one picture: only their metadata differ, if anything",
            "pick both in the review to keep both",
        )
    table = CullTable(ctx.catalogue)
    known = {(min(pair), max(pair)) for pair in pairs}
    done = len(known & table.refused()) if params.forget else len(known - table.refused())
    if not ctx.dry_run:
        done = table.forget(pairs) if params.forget else table.refuse(pairs)
    yield ctx.ended(
        pairs=len(pairs),
        **({"forgotten": done} if params.forget else {"remembered": done}),
        lines=["type group again to see what is left"] if done else [],
    )


def home(params: IgnoreParams) -> Path:
    """Return the work dir: the nearest folder above the first picture that was grouped before."""
    paths = named(params.pictures)
    for folder in paths[0].parents:
        if (folder / OUR_FOLDER / FILE_NAME).is_file():
            return folder
    raise InputError(
        f"no folder above {paths[0]} was grouped yet", "type group FOLDER first, or name it with -d"
    )


VERB = Verb(
    "not-duplicate", IgnoreParams, run, "Remember that pictures are no duplicates of each other.",
    config=False, home=home,
)  # fmt: skip
