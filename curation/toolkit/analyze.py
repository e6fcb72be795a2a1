"""`analyze`: metrics of pictures into their sidecars.

Incremental by content: the sidecar says of which content its metrics are (`measured`), and a
picture that was changed since then loses what is no longer true of it. Metrics that a sidecar
holds without saying so, from an older tool, are left as they are unless --force.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from curation.errors import ParamError
from curation.params import tunable
from curation.records import Progress
from curation.toolkit import sidecar as sc
from curation.toolkit.index import Found, Index
from curation.toolkit.measures import MEASURES, Numbers, chosen
from curation.toolkit.plan import Edit, Plan
from curation.toolkit.verbs import Beats, Context, FromParams, Verb
from curation.toolkit.workdir import Pic

OLD_KEYS = ("phash", "blur")
"""What a sidecar without `measured` may hold that an older analyze wrote."""


class AnalyzeParams(FromParams):
    """What is measured."""

    metrics: tuple[str, ...] = tunable(
        (), f"metrics to measure: {', '.join(MEASURES)}", short="-m", basic=True
    )
    phash: bool = tunable(False, "the same as -m phash")
    blur: bool = tunable(False, "the same as -m blur")
    force: bool = tunable(False, "measure again what is known already", basic=True)
    clear: bool = tunable(
        False, "take away the metrics that analyze wrote (with -m: only those)", basic=True
    )

    def names(self) -> list[str]:
        """Return the measures asked for.

        Raises:
            ParamError: for one that is not known.
        """
        return chosen([*self.metrics, *["phash"] * self.phash, *["blur"] * self.blur])


def claim_of(sidecar: sc.Sidecar) -> tuple[str, Mapping[str, Numbers]] | None:
    """Return (content, numbers by measure) that a sidecar says analyze measured, None for none."""
    said = sidecar.get("measured")
    metrics = sidecar.get("metrics")
    if not isinstance(said, dict) or not isinstance(metrics, dict):
        return None
    by, content = said.get("by"), said.get("content")
    if not isinstance(content, str) or not isinstance(by, dict):
        return None
    return content, {
        name: {key: metrics[key] for key in measure.keys}
        for name, measure in MEASURES.items()
        if by.get(name) == measure.fp and all(key in metrics for key in measure.keys)
    }


def run(ctx: Context, params: AnalyzeParams) -> Beats:
    """Measure what is not known yet, and write it into the sidecars."""
    names = params.names()
    if params.clear:
        yield from _clear(ctx, params, names)
        return
    if not names:
        raise ParamError(
            "no metric is named", f"-m NAME[,NAME...]; known: {', '.join(MEASURES)}"
        )
    _check_weights(names)
    plan = ctx.plan()
    loaded = list(ctx.sidecars(ctx.pictures(params.from_dirs), plan))
    asked = [(pic, s) for pic, s in loaded if params.force or not _has_old(s, names)]
    if ctx.dry_run:
        n_read = yield from _foretell(ctx, plan, asked, names, params.force)
    else:
        found = yield from measured(ctx, asked, names, force=params.force)
        n_read = len(found.read)
        for pic, sidecar in asked:
            if pic.path in found.failed:
                plan.fail(pic.path, found.failed[pic.path])
            else:
                _edit(plan, pic, sidecar, found, names)
    yield from ctx.carry_out(plan, pictures=len(loaded), read=n_read)


def measured(
    ctx: Context,
    loaded: Sequence[tuple[Pic, sc.Sidecar]],
    names: Sequence[str],
    *,
    force: bool = False,
) -> Generator[Progress, None, Found]:
    """Return contents and numbers of pictures: stored, from sidecars, or measured now."""
    claims = {pic.path: claim for pic, sidecar in loaded if (claim := claim_of(sidecar))}
    index = Index(ctx.workdir, ctx.catalogue)
    pics = [pic for pic, _ in loaded]
    return (
        yield from index.look(ctx.verb, pics, names, ctx.workers, force=force, claims=claims)
    )


def _has_old(sidecar: sc.Sidecar, names: Sequence[str]) -> bool:
    """Return whether an older tool's sidecar holds all that is asked for."""
    metrics = sidecar.get("metrics") or {}
    return "measured" not in sidecar and all(
        key in metrics for name in names for key in MEASURES[name].keys
    )


def _check_weights(names: Sequence[str]) -> None:
    """Raise WeightsMissing before the first picture is read."""
    from curation import weights

    for name in names:
        for file in MEASURES[name].weights:
            weights.path_of(file)


def _edit(
    plan: Plan, pic: Pic, sidecar: sc.Sidecar, found: Found, names: Sequence[str]
) -> None:
    content, numbers = found.content[pic.path], found.numbers[pic.path]
    said = sidecar.get("measured")
    before: Mapping[str, Any] = said if isinstance(said, dict) else {}
    by = dict(before.get("by") or {}) if before.get("content") == content else {}
    # What an earlier content's metrics were is no longer true.
    stale = [name for name in (before.get("by") or {}) if name in MEASURES and name not in by]
    new: dict[str, Any] = {}
    for name in names:
        new |= numbers[name]
        by[name] = MEASURES[name].fp
    changes = {"metrics": new, "measured": {"content": content, "by": dict(sorted(by.items()))}}
    remove = [f"metrics.{key}" for name in stale for key in MEASURES[name].keys if key not in new]
    if sc.merged(sidecar, changes, remove) != sidecar:
        why = ", ".join(names) + (" (the picture has changed)" if stale else "")
        plan.add(Edit(pic.path, changes, remove, reason=why))


def _foretell(
    ctx: Context,
    plan: Plan,
    asked: Sequence[tuple[Pic, sc.Sidecar]],
    names: Sequence[str],
    force: bool,
) -> Generator[Progress, None, int]:
    """Plan edits as a dry run tells them: files are hashed, nothing is measured."""
    found = yield from measured(ctx, asked, [])
    for pic, sidecar in asked:
        claim = claim_of(sidecar)
        true = claim is not None and claim[0] == found.content.get(pic.path)
        have = claim[1] if claim is not None and true and not force else {}
        lacking = [name for name in names if name not in have]
        if pic.path in found.failed:
            plan.fail(pic.path, found.failed[pic.path])
        elif lacking:
            # The numbers are not known yet; nobody carries this plan out.
            unknown = {"measured": {"content": found.content[pic.path], "by": {}}}
            plan.add(Edit(pic.path, unknown, reason=", ".join(lacking)))
    return len(found.read)


def _clear(ctx: Context, params: AnalyzeParams, names: Sequence[str]) -> Beats:
    plan = ctx.plan()
    pics = ctx.pictures(params.from_dirs)
    for pic, sidecar in ctx.sidecars(pics, plan):
        said = sidecar.get("measured")
        by = dict(said.get("by") or {}) if isinstance(said, dict) else {}
        known = [n for n in by if n in MEASURES] if "measured" in sidecar else list(OLD_KEYS)
        gone = [name for name in known if not names or name in names]
        keys = [key for name in gone for key in MEASURES[name].keys]
        here = [key for key in keys if key in (sidecar.get("metrics") or {})]
        left = {name: fp for name, fp in by.items() if name not in gone}
        remove = [f"metrics.{key}" for key in here]
        changes: dict[str, Any] = {}
        if "measured" in sidecar and not left:
            remove.append("measured")
        elif left != by:
            changes = {"measured": {**said, "by": left}}  # type: ignore[dict-item]
        if remove or changes:
            plan.add(Edit(pic.path, changes, remove, reason=f"without {', '.join(here)}"))
    yield from ctx.carry_out(plan, pictures=len(pics))


VERB = Verb("analyze", AnalyzeParams, run, "Measure pictures, into their sidecars.")
