"""review-apply: what people rejected in the review workspace goes to rejected/, and comes back.

`python -m curation review FOLDER` shows pictures and keeps marks; nothing moves there. This verb
lets the files follow the marks. Typed again after more marks, it brings back what is no longer
rejected.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from curation.errors import InputError, ParamError
from curation.params import tunable
from curation.store.catalogue import FILE_NAME, OUR_FOLDER, Catalogue
from curation.store.reviewed import Reviewed, reviewed
from curation.toolkit import sidecar as sc
from curation.toolkit.plan import Edit, Move, Plan
from curation.toolkit.verbs import Beats, Context, FromParams, Verb
from curation.toolkit.workdir import Pic

REJECTED, KEPT = "rejected", "kept"
FLAGS = {-1: "rejected", 0: "not marked", 1: "picked"}


class ReviewParams(FromParams):
    """Which marks count."""

    to: str = tunable(
        "rejected", "sub-folder of each folder that rejected pictures go to", basic=True
    )
    only_picked: bool = tunable(
        False, "what is not picked goes too, marked or not", basic=True
    )
    min_stars: int = tunable(0, "pictures with fewer stars go too", ge=0, le=5, basic=True)
    clear: bool = tunable(False, "bring everything back, whatever the marks say", basic=True)
    marks: str | None = tunable(
        None, "folder whose review holds the marks, or its datastore; found by itself where the "
        "folder or one above it was reviewed", local=True,
    )  # fmt: skip


def why_out(params: ReviewParams, mark: Reviewed) -> str:
    """Return why a picture goes to rejected/, "" when it stays."""
    if mark.flag < 0:
        return "rejected in the review"
    if params.only_picked and mark.flag < 1:
        return "not picked in the review"
    if mark.stars < params.min_stars:
        return f"{mark.stars} stars, at least {params.min_stars} stay"
    return ""


def run(ctx: Context, params: ReviewParams) -> Beats:
    """Move pictures as their marks say; the summary counts rejected, brought back and kept."""
    name = params.to.strip()
    if not name or Path(name).name != name or name.startswith("."):
        raise ParamError(f"--to {params.to!r} is no folder name", "one word, as in rejected")
    folders, plan = ctx.workdir.folders(params.from_dirs), ctx.plan()
    counts = {"rejected": 0, "restored": 0, "kept": 0, "not_reviewed": 0}
    for folder in folders:
        pics = [
            pic
            for pic in ctx.workdir.pictures([folder], ctx.recursive)
            if not pic.path.is_relative_to(folder / name)
        ]
        away = ctx.workdir.pictures([folder / name]) if (folder / name).is_dir() else []
        away = [pic for pic, sidecar in ctx.sidecars(away, plan) if _ours(sidecar)]
        if params.clear:
            counts["restored"] += _restore(ctx, folder, away, "brought back by --clear", plan)
            counts["kept"] += len(pics)
            continue
        if not pics and not away:
            raise InputError(f"there is no picture in {ctx.workdir.shown(folder)}")
        marks = {_key(mark.path): mark for mark in _marks(ctx, params, folder)}
        out: list[tuple[Pic, str, Reviewed]] = []
        for pic, sidecar in ctx.sidecars(pics, plan):
            mark = _mark_of(pic, marks, plan)
            if mark is None:
                counts["not_reviewed"] += 1
            elif why := why_out(params, mark):
                out.append((pic, why, mark))
            else:
                counts["kept"] += 1
                _say(pic, sidecar, mark, plan)
        to = folder / name
        free = ctx.workdir.names(to, [(pic.path.name, pic.path) for pic, _, _ in out])
        for (pic, why, mark), new in zip(out, free, strict=True):
            home = pic.path.parent.relative_to(folder).as_posix()
            said = _said(mark, REJECTED, why) | {"from": f"{home}/{pic.path.name}"}
            plan.add(Move(pic.path, to / new, why, {"decisions": {"review": said}}))
        counts["rejected"] += len(out)
        back = []
        for pic in away:
            known = marks.get(_key(pic.path))
            if known is not None and not why_out(params, known):
                back.append(pic)
        counts["restored"] += _restore(ctx, folder, back, "no longer rejected", plan)
    yield from ctx.carry_out(plan, **counts)


def _mark_of(pic: Pic, marks: dict[Path, Reviewed], plan: Plan) -> Reviewed | None:
    mark = marks.get(_key(pic.path))
    if mark is not None and (mark.size_bytes, mark.mtime_ns) != (pic.size_bytes, pic.mtime_ns):
        if mark.flag or mark.stars:
            plan.fail(pic.path, "it has changed since it was marked; review it again")
        return None
    return mark


def _say(pic: Pic, sidecar: sc.Sidecar, mark: Reviewed, plan: Plan) -> None:
    """Plan to write a mark of a picture that stays; one without mark has nothing to say."""
    if mark.flag or mark.stars or mark.note:
        said = _said(mark, KEPT, f"{FLAGS[mark.flag]}, {mark.stars} stars")
        plan.add(Edit(pic.path, {"decisions": {"review": said}}, reason=str(said["reason"])))
    elif "review" in (sidecar.get("decisions") or {}):
        plan.add(Edit(pic.path, remove=["decisions.review"], reason="no longer marked"))


def _said(mark: Reviewed, verdict: str, reason: str) -> dict[str, object]:
    said: dict[str, object] = {
        "verdict": verdict, "reason": reason, "flag": mark.flag, "stars": mark.stars,
    }  # fmt: skip
    return said | ({"note": mark.note} if mark.note else {})


def _ours(sidecar: sc.Sidecar) -> bool:
    said = (sidecar.get("decisions") or {}).get("review")
    return isinstance(said, dict) and said.get("verdict") == REJECTED


def _restore(ctx: Context, folder: Path, pics: Sequence[Pic], reason: str, plan: Plan) -> int:
    """Plan to bring pictures back to where they were; return how many."""
    restored = 0
    taken: set[Path] = set()
    for pic, sidecar in ctx.sidecars(pics, plan):
        said = sidecar["decisions"]["review"]
        place = ctx.workdir.folder(str(folder / str(said.get("from") or pic.path.name)))
        if not place.is_relative_to(folder) or place.is_relative_to(pic.path.parent):
            place = folder / pic.path.name
        if place in taken or place.exists() or sc.path_of(place).exists():
            plan.fail(pic.path, f"{ctx.workdir.shown(place)} is there again; it stays")
            continue
        taken.add(place)
        restored += 1
        plan.add(Move(pic.path, place, reason, remove=["decisions.review"]))
    return restored


# -- marks ----------------------------------------------------------------------------------------


def _marks(ctx: Context, params: ReviewParams, folder: Path) -> Iterator[Reviewed]:
    """Yield the marks of what is shown of a folder, from the nearest review that shows it.

    Raises:
        InputError: when nobody has reviewed the folder.
    """
    shown = ctx.workdir.shown(folder)
    inside = _key(folder)
    with ExitStack() as stack:
        for place in _places(ctx, params, folder):
            if place == ctx.catalogue.root:
                catalogue = ctx.catalogue
            else:
                catalogue = Catalogue(place)
                stack.callback(catalogue.close)
            found = [mark for mark in reviewed(catalogue) if _below(mark.path, inside)]
            if found:
                yield from found
                return
    raise InputError(
        f"nobody has reviewed {shown} yet", f"python -m curation review {folder}"
    )


def _places(ctx: Context, params: ReviewParams, folder: Path) -> Iterator[Path]:
    """Yield the datastores in which marks of a folder may be, nearest first."""
    if params.marks is not None:
        given = Path(params.marks).expanduser().absolute()
        for place in (given / OUR_FOLDER, given):
            if (place / FILE_NAME).is_file():
                yield place
                return
        raise InputError(f"{given} holds no review", "check --marks")
    above = [folder, *folder.parents]
    if ctx.workdir.root in above:  # no farther up than the work dir
        above = above[: above.index(ctx.workdir.root) + 1]
    for place in (path / OUR_FOLDER for path in above):
        if (place / FILE_NAME).is_file():
            yield place


def _key(path: Path) -> Path:
    """Return what tells whether two paths are one file, its own name unresolved."""
    return path.parent.resolve() / path.name


def _below(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder) or _key(path).is_relative_to(folder.resolve())


VERB = Verb(
    "review-apply",
    ReviewParams,
    run,
    "Move pictures that were rejected in the review workspace to rejected/, and back.",
)
