"""`dedup`: near-equal pictures; the best of each group stays, the others are set aside."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Literal

import numpy as np

from curation.decide.near import stars_within
from curation.errors import InputError, ParamError, SidecarError
from curation.params import tunable
from curation.records import Progress
from curation.toolkit import keepers
from curation.toolkit import sidecar as sc
from curation.toolkit.analyze import measured
from curation.toolkit.index import Index
from curation.toolkit.keepers import Candidate, Judge
from curation.toolkit.plan import Edit, Move, Plan, Remove
from curation.toolkit.verbs import Beats, Context, FromParams, Verb
from curation.toolkit.workdir import Pic


class DedupParams(FromParams):
    """What is a duplicate, and which one stays."""

    to: str = tunable("duplicated", "sub-folder of each folder that the others go to", basic=True)
    threshold: int = tunable(
        8,
        "bits of 64 within which two pictures are one; 0 takes equal hashes only",
        ge=0,
        le=32,
        short="-t",
        basic=True,
    )
    hash: Literal["phash", "dhash", "ahash", "whash"] = tunable("phash", "which hash is compared")
    prefer: tuple[str, ...] = tunable(
        keepers.DEFAULT,
        f"rules for which one stays, the first that tells wins: {', '.join(keepers.WINS)}",
        basic=True,
    )
    prefer_upscaled: bool = tunable(False, "enlarged pictures win; the same as --prefer upscaled,"
                                           " then the others")  # fmt: skip
    find_upscales: bool = tunable(
        True, "compare sizes of one picture, to see which are only enlarged"
    )
    clear: bool = tunable(False, "bring everything back from the sub-folders", basic=True)

    def rules(self) -> tuple[str, ...]:
        """Return the keeper rules in force.

        Raises:
            ParamError: for a rule that is none.
        """
        rules = self.prefer
        if self.prefer_upscaled:
            rules = ("upscaled", *(rule for rule in rules if rule != "original"))
        return keepers.checked(rules)


def run(ctx: Context, params: DedupParams) -> Beats:
    """Find groups, keep the best of each, move the others with their sidecars."""
    rules = params.rules()
    _check_to(params.to)
    if params.clear:
        yield from _clear(ctx, params)
        return
    plan = ctx.plan()
    listed = ctx.pictures(params.from_dirs)
    folders = {pic.folder for pic in listed}
    pics = [pic for pic in listed if not _aside(pic, params.to, folders)]
    loaded = list(ctx.sidecars(pics, plan))
    found = yield from measured(ctx, loaded, [params.hash, "size"])
    known: list[Candidate] = []
    for pic, sidecar in loaded:
        if pic.path in found.failed:
            plan.fail(pic.path, found.failed[pic.path])
        elif not pic.path.is_symlink():  # a link is no copy: what it leads to would be lost
            numbers = found.numbers[pic.path]
            known.append(
                Candidate(pic, sidecar, found.content[pic.path], numbers[params.hash][params.hash],
                          numbers["size"]["width"], numbers["size"]["height"])
            )  # fmt: skip
    groups, sharp, enlarged = yield from _grouped(ctx, params, known, rules)
    _plan_moves(ctx, plan, params.to, groups, Judge(rules, sharp, enlarged))
    yield from ctx.carry_out(
        plan,
        pictures=len(known),
        groups=len(groups),
        duplicates=sum(len(others) for _, others in groups),
        groups_found=[_told(ctx, best, others) for best, others in groups],
    )


Groups = list[tuple[Candidate, list[Candidate]]]
NOTHING: Mapping[Path, Path] = MappingProxyType({})


def _grouped(
    ctx: Context, params: DedupParams, known: Sequence[Candidate], rules: Sequence[str]
) -> Generator[Progress, None, tuple[Groups, dict[Path, float], dict[Path, Path]]]:
    """Return groups, `blur` of their members, and which of them is enlarged of which."""
    index = Index(ctx.workdir, ctx.catalogue)
    sharp: dict[Path, float] = {}
    enlarged: dict[Path, Path] = {}
    groups = group(known, params.threshold, rules, sharp, enlarged)
    if "sharpness" in rules:
        members = [c for best, others in groups for c in (best, *others)]
        blur = yield from index.look(ctx.verb, [c.pic for c in members], ["blur"], ctx.workers)
        sharp = {path: n["blur"]["blur"] for path, n in blur.numbers.items() if "blur" in n}
        groups = group(known, params.threshold, rules, sharp, enlarged)
    # Marking one as enlarged can make another the best of its group: that one is asked next.
    while params.find_upscales and {"original", "upscaled"} & set(rules):
        fresh = yield from keepers.find_enlarged(ctx, index, groups, enlarged)
        if not fresh:
            break
        enlarged |= fresh
        groups = group(known, params.threshold, rules, sharp, enlarged)
    return groups, sharp, enlarged


def group(
    known: Sequence[Candidate],
    threshold: int,
    rules: Sequence[str],
    sharp: Mapping[Path, float],
    enlarged: Mapping[Path, Path] = NOTHING,
) -> Groups:
    """Return star groups of two pictures and more, in order of their keepers' places.

    Pictures of the same bytes are one whatever their hash; a flat picture has no hash and is
    compared by its bytes alone.

    Args:
        sharp: `blur` by path, where it is known.
        enlarged: pictures that were seen to be enlarged copies, and of which.
    """
    judge = Judge(rules, sharp, enlarged)
    order = sorted(range(len(known)), key=lambda i: (judge.key(known[i]), i))
    ranked = [known[i] for i in order]
    hashed = [k for k, c in enumerate(ranked) if c.hash is not None]
    hashes = np.array([int(str(ranked[k].hash), 16) for k in hashed], np.uint64)
    keeper = list(range(len(ranked)))
    for k, at in zip(hashed, stars_within(hashes, threshold)[0].tolist(), strict=True):
        keeper[k] = hashed[at]
    first: dict[str, int] = {}
    for k, candidate in enumerate(ranked):
        if candidate.hash is None:
            keeper[k] = first.setdefault(candidate.content, k)
    groups: dict[int, list[int]] = {}
    for k, at in enumerate(keeper):
        if at != k:
            groups.setdefault(at, []).append(k)
    by_place = sorted(groups, key=lambda at: order[at])
    return [(ranked[at], [ranked[k] for k in groups[at]]) for at in by_place]


def _plan_moves(
    ctx: Context, plan: Plan, to: str, groups: Groups, judge: Judge
) -> None:
    free = _Free(ctx)
    for best, others in groups:
        name = best.content[:12]
        keeps = {"group": name, "kept": True}
        if best.sidecar.get("duplicate") != keeps:
            plan.add(Edit(best.pic.path, {"duplicate": keeps}, reason="the best of its group"))
        for other in others:
            distance = best.distance(other)
            why = judge.reason(best, other)
            facts = {
                "group": name,
                "of": ctx.workdir.stored(best.pic.path),
                "distance": distance,
                "because": why,
                "name": other.pic.path.name,
            }
            near = "same bytes" if best.content == other.content else f"{distance} bits away"
            plan.add(
                Move(
                    other.pic.path,
                    free.path(other.pic.path.parent / to, other.pic.path.name),
                    f"duplicate of {ctx.workdir.shown(best.pic.path)} ({near}; {why})",
                    {
                        "duplicate": facts,
                        "decisions": {"dedup": {"verdict": "rejected", "reason": why}},
                    },
                )
            )


def _told(ctx: Context, best: Candidate, others: Sequence[Candidate]) -> dict[str, object]:
    show = ctx.workdir.shown
    return {
        "keeper": show(best.pic.path),
        "duplicates": [
            {"item": show(c.pic.path), "distance": best.distance(c)} for c in others
        ],
    }


class _Free:
    """Names that nothing has, picture or sidecar, and that this batch has not given away."""

    def __init__(self, ctx: Context) -> None:
        self.workdir = ctx.workdir
        self.taken: dict[Path, dict[str, Path]] = {}

    def path(self, folder: Path, name: str) -> Path:
        taken = self.taken.setdefault(folder, {})
        while True:
            free = self.workdir.free_name(folder, name, taken)
            taken[unicodedata.normalize("NFC", free).casefold()] = folder / free
            if not sc.path_of(folder / free).exists():
                return folder / free


def _check_to(to: str) -> None:
    parts = PurePath(to).parts
    if not to.strip() or PurePath(to).is_absolute() or ".." in parts or len(parts) != 1:
        raise ParamError(
            f"--to {to!r} must be the name of a sub-folder", "the others stay beside their keeper"
        )


def _aside(pic: Pic, to: str, folders: set[Path]) -> bool:
    """Return whether a picture was set aside before; --recursive and `*` come by there."""
    if pic.folder.name == to and pic.folder.parent in folders:
        return True
    return to in pic.path.relative_to(pic.folder).parts[:-1]


# -- clear ----------------------------------------------------------------------------------------


def _clear(ctx: Context, params: DedupParams) -> Beats:
    plan = ctx.plan()
    free: set[Path] = set()
    back = 0
    for folder in _places(ctx, params):
        for pic in ctx.workdir.pictures([folder / params.to]):
            try:
                said = sc.load(pic.path).get("duplicate")
            except SidecarError as error:
                plan.fail(pic.path, error)
                continue
            name = said.get("name") if isinstance(said, dict) else None
            name = name if isinstance(name, str) and name == PurePath(name).name else pic.path.name
            dst = folder / name
            if dst.exists() or sc.path_of(dst).exists() or dst in free:
                plan.fail(pic.path, f"{ctx.workdir.shown(dst)} exists; it stays where it is")
                continue
            free.add(dst)
            back += 1
            gone = ["duplicate", "decisions.dedup"]
            plan.add(Move(pic.path, dst, "brought back", remove=gone))
        plan.add(Remove(folder / params.to, "empty"))
        for pic, sidecar in ctx.sidecars(ctx.workdir.pictures([folder]), plan):
            if "duplicate" in sidecar:
                plan.add(Edit(pic.path, {}, ["duplicate"], reason="no group any more"))
    yield from ctx.carry_out(plan, brought_back=back)


def _places(ctx: Context, params: DedupParams) -> list[Path]:
    """Return the folders that have a sub-folder of duplicates."""
    folders = ctx.workdir.folders(params.from_dirs)
    if ctx.recursive:
        folders = [
            Path(at)
            for folder in folders
            for at, below, _ in os.walk(folder)
            if not any(part.startswith(".") for part in Path(at).relative_to(folder).parts)
            and params.to in below
        ]
    places = [f for f in dict.fromkeys(folders) if (f / params.to).is_dir()]
    if not places:
        shown = ", ".join(ctx.workdir.shown(folder) for folder in folders)
        raise InputError(f"there is no {params.to}/ in {shown or params.from_dirs}")
    return places


VERB = Verb("dedup", DedupParams, run, "Set near-equal pictures aside; the best of them stays.")
