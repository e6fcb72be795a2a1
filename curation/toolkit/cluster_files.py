"""Where cluster puts copies: new ones, those of an earlier run that move, those that go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation.toolkit import sidecar as sc
from curation.toolkit.index import Index
from curation.toolkit.plan import Copy, Move, Plan, Remove
from curation.toolkit.verbs import Beats, Context
from curation.toolkit.workdir import Pic

NOISE = "noise"


@dataclass(slots=True)
class Place:
    """Where one picture goes."""

    pic: Pic
    content: str
    folder: str
    likeness: float | None
    reason: str


@dataclass(slots=True)
class There:
    """What an earlier run put into --to."""

    by_source: dict[str, list[Pic]] = field(default_factory=dict)
    sidecars: dict[Path, sc.Sidecar] = field(default_factory=dict)


def earlier_copies(ctx: Context, to: Path, plan: Plan) -> There:
    """Return the copies that lie in folders of --to and say that cluster made them."""
    found = There()
    folders = [path for path in sorted(to.iterdir()) if path.is_dir()] if to.is_dir() else []
    folders = [path for path in folders if not path.is_symlink() and path.name[:1] != "."]
    for pic, sidecar in ctx.sidecars(ctx.workdir.pictures(folders), plan):
        source = sidecar.get("from_file")
        if isinstance(source, str) and _decided(sidecar):
            found.by_source.setdefault(source, []).append(pic)
            found.sidecars[pic.path] = sidecar
    return found


def _decided(sidecar: Mapping[str, Any]) -> dict[str, Any]:
    said = (sidecar.get("decisions") or {}).get("cluster")
    return said if isinstance(said, dict) else {}


def copies(
    ctx: Context,
    model: str,
    to: Path,
    places: Sequence[Place],
    there: There,
    plan: Plan,
) -> Beats:
    """Plan a copy of each picture; a copy that lies in another folder is moved."""
    by_folder: dict[str, list[Place]] = {}
    for place in places:
        by_folder.setdefault(place.folder, []).append(place)
    index = Index(ctx.workdir, ctx.catalogue)
    old = [pic for found in there.by_source.values() for pic in found]
    now = (yield from index.look(ctx.verb, old, (), ctx.workers)).content
    for folder, members in by_folder.items():
        wanted = [(place.pic.path.name, place.pic.path) for place in members]
        for place, name in zip(members, ctx.workdir.names(to / folder, wanted), strict=True):
            dst = to / folder / name
            said: dict[str, Any] = {"folder": folder, "model": model, "reason": place.reason}
            said |= {} if place.likeness is None else {"likeness": place.likeness}
            said |= {"content": place.content}
            changes = {"cluster": folder, "decisions": {"cluster": said}}
            mine = there.by_source.get(ctx.workdir.stored(place.pic.path), [])
            mine = [pic for pic in mine if now.get(pic.path) is not None]
            if any(now[pic.path] != place.content for pic in mine):
                stale = [pic for pic in mine if now[pic.path] != place.content]
                if kept := [pic for pic in stale if not _untouched(pic, there, now)]:
                    plan.fail(kept[0].path, "it was changed by hand, and its picture too; it stays")
                    continue
                plan.add(*(Remove(pic.path, "its picture has changed") for pic in stale))
                mine = [pic for pic in mine if pic not in stale]
            if mine and dst not in [pic.path for pic in mine]:
                plan.add(Move(mine[0].path, dst, f"now {place.reason}", changes))
            else:
                plan.add(Copy(place.pic.path, dst, place.reason, changes))


def _untouched(pic: Pic, there: There, now: Mapping[Path, str]) -> bool:
    return _decided(there.sidecars[pic.path]).get("content") == now.get(pic.path)


def clean(
    ctx: Context, to: Path, places: Sequence[Place], there: There, plan: Plan
) -> None:
    """Plan to take away copies of pictures that are no longer among --from, and empty folders."""
    current = {ctx.workdir.stored(place.pic.path) for place in places}
    failed = {item for item, _ in plan.failed}
    for source, pics in there.by_source.items():
        if source not in current and source not in failed:
            plan.add(*(Remove(pic.path, f"{source} is not among the pictures") for pic in pics))
    if to.is_dir():
        used = {place.folder for place in places}
        for folder in sorted(to.iterdir()):
            if folder.is_dir() and folder.name not in used and folder.name.isdecimal():
                plan.add(Remove(folder, "empty"))
