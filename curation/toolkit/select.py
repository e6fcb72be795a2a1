"""select: pictures that meet limits are copied or moved; every decision is stored with its reason.

Limits come first, then --where, then percentiles, then the cap of each group, then the top: each
looks only at what the ones before left.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.errors import ImageUnreadable, InputError, ParamError
from curation.params import tunable
from curation.records import Progress
from curation.toolkit import where as conditions
from curation.toolkit.facts import SIZES, facts, look_up, size_wh
from curation.toolkit.plan import Copy, Edit, Move, Plan
from curation.toolkit.verbs import Beats, Context, FromToParams, Verb
from curation.toolkit.workdir import Pic

Pairs = tuple[tuple[str, float], ...]


class SelectParams(FromToParams):
    """Which pictures are taken."""

    move: bool = tunable(False, "move the pictures instead of copying them", basic=True)
    min_side: int | None = tunable(
        None, "least longer side", ge=1, unit="px", basic=True, short="-s"
    )
    max_side: int | None = tunable(None, "largest longer side", ge=1, unit="px", basic=True)
    min_width: int | None = tunable(None, "least width", ge=1, unit="px")
    max_width: int | None = tunable(None, "largest width", ge=1, unit="px")
    min_height: int | None = tunable(None, "least height", ge=1, unit="px")
    max_height: int | None = tunable(None, "largest height", ge=1, unit="px")
    min_blur: float | None = tunable(None, "least metric blur (high is sharp)", basic=True)
    max_blur: float | None = tunable(None, "largest metric blur")
    min_metric: Pairs = tunable((), "least value of a metric; again and again", basic=True)
    max_metric: Pairs = tunable((), "largest value of a metric; again and again", basic=True)
    min_detect: Pairs = tunable(
        (), "least best score of a class that detect looked for", basic=True
    )
    max_detect: Pairs = tunable(
        (), "score of a class from which a picture is out; one not found passes", basic=True
    )
    source: tuple[str, ...] = tunable((), "only these sources")
    license: tuple[str, ...] = tunable((), "only these licences")
    where: str = tunable(
        "",
        "condition over sidecar keys, metrics, width, height, side, bytes, name, folder, "
        "detect('chair'), as in \"blur > 50 and (source == 'a' or width >= 2 * height)\"",
        basic=True,
    )
    by: str = tunable(
        "blur", "what is best: a metric or fact, highest first; -NAME is lowest first", basic=True
    )
    min_percentile: Pairs = tunable(
        (), "leave out what is below this percentile (0-100) of a metric among those left"
    )
    max_percentile: Pairs = tunable(
        (), "leave out what is above this percentile (0-100) of a metric among those left"
    )
    group_by: str = tunable(
        "", "fact that makes groups: folder, source, video, cluster, a class ..."
    )
    per_group: int | None = tunable(None, "best pictures of each group, by --by", ge=1)
    top: int | None = tunable(None, "best pictures of all, by --by", ge=1, short="-n", basic=True)


@dataclass(slots=True)
class _Candidate:
    pic: Pic
    sidecar: Mapping[str, Any]
    facts: Mapping[str, Any]
    code: str = ""
    """Limit that it failed, "" while it is in."""
    reason: str = ""

    def out(self, code: str, reason: str) -> None:
        self.code, self.reason = code, reason


def run(ctx: Context, params: SelectParams) -> Beats:
    """Select pictures; the summary has `kept`, `rejected` and how many by each limit."""
    condition = conditions.parse(params.where) if params.where else None
    if (params.per_group is None) != (not params.group_by):
        raise ParamError("--group-by and --per-group go together")
    to, plan = ctx.target(params.to), ctx.plan()
    if to in ctx.workdir.folders(params.from_dirs):
        raise InputError(f"{to} is among --from", "name another folder with --to")
    try:
        pics = [p for p in ctx.pictures(params.from_dirs) if not p.path.is_relative_to(to)]
    except InputError:
        if not (params.move and to.is_dir() and ctx.workdir.folders(params.from_dirs)):
            raise
        pics = []  # an earlier run has moved them all
    found: list[_Candidate] = []
    sized = _asks_size(params, condition)
    for i, (pic, sidecar) in enumerate(ctx.sidecars(pics, plan), start=1):
        try:
            wh = size_wh(pic.path) if sized else None
        except ImageUnreadable as error:
            plan.fail(pic.path, error)
            continue
        found.append(_Candidate(pic, sidecar, facts(ctx.workdir, pic, sidecar, wh)))
        if i % 100 == 0:
            yield Progress(ctx.verb, i, len(pics), "pictures", note="reading")
    if condition is not None:
        _known(condition, found)
    for one in found:
        _judge(one, params, condition)
    _by_rank(found, params)
    quiet = _fill(ctx, params, to, plan, found)
    rejected = Counter(one.code for one in found if one.code)
    told: dict[str, Any] = {"kept": sum(not one.code for one in found)}
    told |= {"rejected": sum(rejected.values()), "by_limit": dict(rejected.most_common())}
    if quiet:
        told["reasons_not_stored"] = f"{quiet} (their folder cannot be written to)"
    yield from ctx.carry_out(plan, **told)


def _fill(
    ctx: Context, params: SelectParams, to: Path, plan: Plan, found: Sequence[_Candidate]
) -> int:
    kept = [one for one in found if not one.code]
    names = ctx.workdir.names(to, [(one.pic.path.name, one.pic.path) for one in kept])
    name_of = {one.pic.path: name for one, name in zip(kept, names, strict=True)}
    action = Move if params.move else Copy
    where, quiet = ctx.workdir.stored(to), 0
    for one in found:
        path = one.pic.path
        verdict = {"verdict": "rejected" if one.code else "kept", "reason": one.reason}
        # By target: a second select into another folder says nothing about the first.
        earlier = (one.sidecar.get("decisions") or {}).get("select") or {}
        changes = {"decisions": {"select": {**earlier, where: verdict}}}
        if not one.code:
            plan.add(action(path, to / name_of[path], one.reason, changes))
        elif os.access(path.parent, os.W_OK):
            plan.add(Edit(path, changes, reason=f"rejected, {one.reason}"))
        else:
            quiet += 1
    return quiet


# -- limits ---------------------------------------------------------------------------------------


def _asks_size(params: SelectParams, condition: conditions.Where | None) -> bool:
    limits = ("side", "width", "height")
    if any(getattr(params, f"{end}_{name}") for end in ("min", "max") for name in limits):
        return True
    named = {params.by.lstrip("-"), params.group_by, *(condition.names if condition else ())}
    named |= {name for name, _ in (*params.min_percentile, *params.max_percentile)}
    return bool(named & set(SIZES))


def _known(condition: conditions.Where, found: Sequence[_Candidate]) -> None:
    """Refuse a name that no picture has: most likely it is misspelt, and would reject all."""
    for name in sorted(condition.names):
        first = name.partition(".")[0]
        if found and not any(first in one.facts for one in found):
            known = {str(key) for one in found[:1000] for key in one.facts} | set(SIZES)
            raise ParamError(f"--where: no picture has {first!r}", f"they have: {_listed(known)}")


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names - {"schema"}))


def _judge(
    one: _Candidate, params: SelectParams, condition: conditions.Where | None
) -> None:
    for code, reason in _failures(one, params):
        one.out(code, reason)
        return
    if condition is not None and not condition(one.facts):
        values = (f"{name} {_short(look_up(one.facts, name))}" for name in sorted(condition.names))
        one.out("where", f"not ({condition.text}): {', '.join(values)}")
    else:
        one.reason = "all limits are met"


def _failures(one: _Candidate, params: SelectParams) -> Iterator[tuple[str, str]]:
    known = one.facts
    for name in ("side", "width", "height"):
        low, high = getattr(params, f"min_{name}"), getattr(params, f"max_{name}")
        if low is not None and known[name] < low:
            yield f"min-{name}", f"{name} {known[name]} < {low}"
        if high is not None and known[name] > high:
            yield f"max-{name}", f"{name} {known[name]} > {high}"
    metrics = known.get("metrics") or {}
    blur = [("blur", v) for v in [params.min_blur] if v is not None]
    for name, low in (*blur, *params.min_metric):
        value = _metric(one, metrics, name)
        if value is None or value < low:
            yield f"min-metric {name}", _less(name, value, low, "<")
    blur = [("blur", v) for v in [params.max_blur] if v is not None]
    for name, high in (*blur, *params.max_metric):
        value = _metric(one, metrics, name)
        if value is None or value > high:
            yield f"max-metric {name}", _less(name, value, high, ">")
    for name, low in params.min_detect:
        score = conditions.best_score(known, name)
        if not score or score < low:
            yield f"min-detect {name}", _less(name, score, low, "<")
    for name, high in params.max_detect:
        score = conditions.best_score(known, name)
        if "classes" not in known:
            yield f"max-detect {name}", "nothing was looked for: type detect first"
        elif score is not None and score >= high:
            yield f"max-detect {name}", _less(name, score, high, ">=")
    for key in ("source", "license"):
        allowed = [text.casefold() for text in getattr(params, key)]
        if allowed and str(known.get(key, "")).casefold() not in allowed:
            yield key, f"{key} {_short(known.get(key))} is not among {', '.join(allowed)}"


def _metric(one: _Candidate, metrics: Mapping[str, Any], name: str) -> float | None:
    value = metrics.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ParamError(
            f"metric {name} of {one.pic.path.name} is {_short(value)}, not a number",
            "only numbers have a least and a largest value",
        )
    return float(value)


def _less(name: str, value: float | None, limit: float, sign: str) -> str:
    return f"{name} is not measured" if value is None else f"{name} {value:g} {sign} {limit:g}"


def _short(value: Any) -> str:
    return "missing" if value is None else str(value)[:60]


# -- ranks ----------------------------------------------------------------------------------------


def _by_rank(found: Sequence[_Candidate], params: SelectParams) -> None:
    # Both percentiles of what the limits left: the second is not taken of what the first left.
    left = [one for one in found if not one.code]
    for pairs, word, beyond in (
        (params.min_percentile, "min", lambda value, edge: value < edge),
        (params.max_percentile, "max", lambda value, edge: value > edge),
    ):
        for name, share in pairs:
            _percentile(left, name, share, f"{word}-percentile {name}", beyond)
    if params.per_group is None and params.top is None:
        return
    name = params.by.lstrip("-")
    falling = -1.0 if params.by.startswith("-") else 1.0
    left = [one for one in left if not one.code]
    ranked: list[tuple[float, _Candidate]] = []
    for one in left:
        value = look_up(one.facts, name)
        if isinstance(value, int | float) and not math.isnan(value):
            ranked.append((falling * value, one))
        else:
            one.out(f"by {name}", f"{name} {_short(value)}: it cannot be ranked")
    if left and not ranked:
        raise InputError(f"no picture has a number {name!r} to rank by", "choose with --by NAME")
    ranked.sort(key=lambda pair: -pair[0])
    if params.per_group is not None:
        _cap(ranked, params.group_by, params.per_group, name)
    kept = [one for _, one in ranked if not one.code]
    for place, one in enumerate(kept, start=1):
        if params.top is not None and place > params.top:
            one.out("top", f"{place}. of {len(kept)} by {params.by}, {params.top} are taken")
        else:
            one.reason = f"{place}. of {len(kept)} by {params.by}"


def _percentile(
    left: Sequence[_Candidate],
    name: str,
    share: float,
    code: str,
    beyond: Callable[[float, float], bool],
) -> None:
    import numpy as np

    if not 0 <= share <= 100:
        raise ParamError(f"--{code} {share:g}: a percentile is 0 to 100")
    values = [(one, look_up(one.facts, name)) for one in left]
    numbers = [float(v) for _, v in values if isinstance(v, int | float)]
    if left and not numbers:
        raise InputError(f"no picture has a number {name!r}", f"analyze -m {name} measures it")
    edge = float(np.percentile(numbers, share)) if numbers else 0.0
    for one, value in values:
        if one.code:
            continue
        if not isinstance(value, int | float):
            one.out(code, f"{name} is not measured")
        elif beyond(float(value), edge):
            one.out(code, f"{name} {value:g} is beyond {edge:g}, percentile {share:g}")


def _cap(
    ranked: Sequence[tuple[float, _Candidate]], key: str, most: int, name: str
) -> None:
    taken: Counter[str] = Counter()
    for _, one in ranked:
        value = look_up(one.facts, key)
        # Of an object, e.g. {"name": ..., "key": ...} of a video, all of it is the group.
        group = _short(value) if not isinstance(value, Mapping) else str(sorted(value.items()))
        taken[group] += 1
        if taken[group] > most:
            told = f"{taken[group]}. of {key} {group[:60]} by {name}, {most} are taken"
            one.out(f"per-group {key}", told)


VERB = Verb(
    "select",
    SelectParams,
    run,
    "Copy or move the pictures that meet limits; the reason of each decision is kept in its "
    "sidecar.",
)
