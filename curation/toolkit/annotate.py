"""annotate: where pictures come from and what may be done with them, into their sidecars."""

from __future__ import annotations

from curation.errors import ParamError
from curation.params import tunable
from curation.toolkit.plan import Edit
from curation.toolkit.verbs import Beats, Context, FromParams, Verb


class AnnotateParams(FromParams):
    """What is written into sidecars."""

    source: str = tunable("", "where they are from, as in flickr", short="-s", basic=True)
    license: str = tunable("", "their licence, as in cc-by-4.0", short="-l", basic=True)
    origin: str = tunable("", "address they were taken from", short="-o", basic=True)
    overwrite: bool = tunable(
        False, "replace what is there; otherwise only what is missing is filled in", basic=True
    )


def run(ctx: Context, params: AnnotateParams) -> Beats:
    """Write keys into the sidecars of all pictures."""
    wanted = {
        key: value.strip()
        for key in ("source", "license", "origin")
        if (value := getattr(params, key)).strip()
    }
    if not wanted:
        raise ParamError("nothing to write", "give at least one of --source --license --origin")
    plan = ctx.plan()
    for pic, sidecar in ctx.sidecars(ctx.pictures(params.from_dirs), plan):
        # A value that is empty says no more than one that is missing.
        new = {k: v for k, v in wanted.items() if params.overwrite or not sidecar.get(k)}
        new = {k: v for k, v in new.items() if sidecar.get(k) != v}
        reason = ", ".join(f"{k} {sidecar.get(k) or 'missing'} -> {v}" for k, v in new.items())
        plan.add(Edit(pic.path, new, reason=reason))
    yield from ctx.carry_out(plan)


VERB = Verb(
    "annotate", AnnotateParams, run, "Write source, licence and origin into pictures' sidecars."
)
