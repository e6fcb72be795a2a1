"""`arrange`: photos get names and folders by capture time, with all that belongs to them."""

from __future__ import annotations

from curation.cull import home, naming
from curation.cull.home import FolderParams
from curation.cull.moving import Going, Mover, outermost, safe
from curation.errors import InputError
from curation.params import tunable
from curation.toolkit.plan import Plan
from curation.toolkit.verbs import Beats, Context, Verb


class ArrangeParams(FolderParams):
    """What photos are called, and where they go."""

    pattern: str = tunable(
        naming.PATTERN,
        f"folders and name, with {', '.join('{' + name + '}' for name in naming.FIELDS)}",
        short="-p",
        basic=True,
    )
    to: str = tunable(
        "", "folder that the pattern begins in; default is the FOLDER that a photo is in",
        basic=True,
    )  # fmt: skip
    mtime: bool = tunable(
        False, "take the file's own time where neither EXIF nor name say one", basic=True
    )


def run(ctx: Context, params: ArrangeParams) -> Beats:
    """Rename and move; the summary counts photos, files, those in place and those without time."""
    from curation.cull.library import library

    pattern = naming.Pattern.of(params.pattern)
    folders = home.absolute(params.folders)
    to = ctx.workdir.folder(params.to) if params.to else None
    plan = Plan(ctx.workdir, lasting=True)
    shelf = yield from library(ctx, folders)
    for path, why in sorted(shelf.failed.items()):
        plan.fail(path, why)
    wanted = []
    undated = 0
    tops = outermost(folders)
    for photo in shelf.photos:
        base = to or next(top for top in tops if photo.path.is_relative_to(top))
        try:
            if photo.capture.source == "mtime" and not params.mtime:
                undated += 1
                raise InputError("says no capture time; --mtime takes the file's own")
            place = pattern.place(photo, base)
            safe(base, place[0])
            wanted.append((photo, place))
        except InputError as error:
            plan.fail(photo.path, error)
    going = {photo.path for photo, _ in wanted}
    strangers = [
        (photo.path.parent, photo.path.stem) for photo in shelf.photos if photo.path not in going
    ]
    strangers += [(path.parent, path.stem) for path in shelf.failed]
    places = naming.places(wanted, strangers)
    mover = Mover(plan)
    mover.move(
        [
            Going(photo, folder, stem=stem)
            for (photo, _), (folder, stem) in zip(wanted, places, strict=True)
        ]
    )
    yield from ctx.carry_out(
        plan, photos=mover.photos, files=mover.files, in_place=len(wanted) - mover.photos,
        undated=undated,
    )  # fmt: skip


VERB = Verb(
    "arrange", ArrangeParams, run, "Rename and move photos by capture time, sidecars and RAW too.",
    config=False, home=home.first,
)  # fmt: skip
