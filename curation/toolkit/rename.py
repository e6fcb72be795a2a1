"""rename: pictures get numbered names, in place, with their sidecars."""

from __future__ import annotations

from curation.errors import ParamError
from curation.params import tunable
from curation.toolkit.plan import Move
from curation.toolkit.verbs import Beats, Context, FromParams, Verb


class RenameParams(FromParams):
    """How pictures are called."""

    prefix: str = tunable("", "what stands before the number", short="-p", basic=True)
    digits: int | None = tunable(
        None, "digits of the number; as many as the last one has", ge=1, le=12, short="-n",
        basic=True,
    )  # fmt: skip


def run(ctx: Context, params: RenameParams) -> Beats:
    """Rename in natural order, counting on over all folders: merged later, no name clashes."""
    if {"/", "\\", "\0"} & set(params.prefix) or params.prefix.startswith("."):
        raise ParamError(
            f"--prefix {params.prefix!r} cannot begin a file name", "no slash, no dot in front"
        )
    pics, plan = ctx.pictures(params.from_dirs), ctx.plan()
    digits = max(params.digits or 0, len(str(len(pics))))
    for pic in pics:
        if pic.path.is_symlink():
            plan.fail(pic.path, "it is a link; it keeps its name")
    # A corrupt sidecar may be anybody's: such a picture keeps its name, and is told.
    sound = [pic for pic, _ in ctx.sidecars(pics, plan)]
    named = [pic for pic in sound if not pic.path.is_symlink()]
    for number, pic in enumerate(named, start=1):
        name = f"{params.prefix}{number:0{digits}}{pic.path.suffix.lower()}"
        if name != pic.path.name:
            plan.add(Move(pic.path, pic.path.with_name(name)))
    yield from ctx.carry_out(plan, pictures=len(pics))


VERB = Verb("rename", RenameParams, run, "Number pictures in place, with their sidecars.")
