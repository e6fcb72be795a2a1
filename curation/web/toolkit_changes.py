"""What a toolkit job would do, or did, as items to show; which file is the picture of each.

A picture is asked for by the number of a job and of an item. Its path comes from the job's own
record or from the work dir's journal, and must lie in the job's work dir.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation.cli.toolkit_job import previews
from curation.errors import CurationError
from curation.store.catalogue import FILE_NAME, OUR_FOLDER, Catalogue
from curation.store.file_views import Done, FileViews
from curation.store.jobs import Job
from curation.toolkit import sidecar as sc
from curation.toolkit.preview import differences
from curation.toolkit.verbs import VERBS
from curation.toolkit.workdir import WorkDir, is_picture_name
from curation.web.toolkit_places import Places

UNDO = "undo"
MOST_JSON_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class Item:
    """One change: of a picture with its sidecar, or of a sidecar alone.

    Attributes:
        n: its number within the job.
        do: copy, move, write, replace, remove or edit.
        src, dst: names within the work dir, "" where there is none.
        edits: what changes in the sidecar.
        before, after: pictures; the same one twice is given as `after` alone.
        fails: why it would not come out well.
    """

    n: int
    do: str
    src: str
    dst: str
    reason: str = ""
    edits: Sequence[str] = ()
    before: Path | None = None
    after: Path | None = None
    fails: str = ""
    facts: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Some items of a job, and how many there are.

    Attributes:
        first: number of the first one; pages are told apart by it.
        total: all changes, shown or not.
        showable: those that pages can show.
    """

    items: list[Item] = field(default_factory=list)
    first: int = 0
    total: int = 0
    showable: int = 0


def place_of(job: Job) -> Path | None:
    """Return the work dir of a toolkit job, None for another job."""
    if job.verb not in VERBS and job.verb != UNDO:
        return None
    words = list(job.argv)
    return Path(words[1]) if len(words) > 1 and words[0] == "-d" else None


def is_dry(job: Job) -> bool:
    """Return whether a job only said what would happen."""
    return "--dry-run" in job.argv


class Changes:
    """Reads what jobs say and did.

    Args:
        root: the studio's datastore.
    """

    def __init__(self, places: Places, root: Path) -> None:
        self._places, self._root = places, root

    def page(self, job: Job, first: int, count: int) -> Page:
        """Return up to `count` items of a job, from number `first` (counted from 0)."""
        place, summary = place_of(job), job.summary or {}
        if place is None or not self._places.holds(place):
            return Page()
        workdir, first = WorkDir(place), max(0, first)
        if is_dry(job):
            steps = list(summary.get("steps") or ())
            known = (summary.get("totals") or {}).get("would", len(steps))
            items = [
                self._step(workdir, job, n, step)
                for n, step in enumerate(steps[first : first + count], first)
            ]
            return Page(items, first, int(known), len(steps))
        run = summary.get("run")
        if not isinstance(run, int) or not (place / OUR_FOLDER / FILE_NAME).is_file():
            return Page()
        catalogue = Catalogue(place / OUR_FOLDER)
        try:
            views = FileViews(catalogue)
            total = views.count(run)
            groups = views.groups(run, first + 1, count)
            did = [_did(workdir, views, n - 1, ops) for n, ops in groups.items()]
        finally:
            catalogue.close()
        return Page([item for item in did if item is not None], first, total, total)

    def picture(self, job: Job, n: int, side: str) -> Path | None:
        """Return the file that shows one side of an item; None when there is none to show."""
        place = place_of(job)
        items = self.page(job, n, 1).items
        if place is None or not items or items[0].n != n:
            return None
        path = items[0].before if side == "before" else items[0].after
        fine = path is not None and path.is_file() and self._inside(place, path)
        return path if fine else None

    def runs(self, place: Path) -> list[dict[str, Any]]:
        """Return the latest runs that changed files of a work dir, newest first."""
        if not (place / OUR_FOLDER / FILE_NAME).is_file():
            return []
        catalogue = Catalogue(place / OUR_FOLDER)
        try:
            return FileViews(catalogue).latest()
        finally:
            catalogue.close()

    def _inside(self, place: Path, path: Path) -> bool:
        real = path.resolve()
        return any(real.is_relative_to(top.resolve()) for top in (place, self._root / "previews"))

    def _step(self, workdir: WorkDir, job: Job, n: int, step: Mapping[str, Any]) -> Item:
        src, dst = str(step.get("src", "")), str(step.get("dst", ""))
        do = "replace" if step.get("replaces") else str(step.get("do", ""))
        before, after, facts = _shown(workdir, src), None, ""
        if do in ("copy", "move", "edit"):
            before, after = None, before
        elif do in ("remove", "replace"):
            before = _shown(workdir, dst)
        if step.get("preview"):
            after = previews(self._root, job.id) / f"{n}.jpg"
            w, h = step.get("wh", (0, 0))
            facts = f"{w} x {h}, {int(step.get('bytes', 0)) / 1e3:,.0f} kB"
        edits = [str(line) for line in step.get("edits", ())]
        reason, fails = str(step.get("reason", "")), str(step.get("fails", ""))
        return Item(n, do, src, dst, reason, edits, before, after, fails, facts)


def _shown(workdir: WorkDir, name: str) -> Path | None:
    """Return the picture of a name within the work dir."""
    path = workdir.root / name
    return path if name and is_picture_name(path.name) and path.is_file() else None


def _is_sidecar(path: Path) -> bool:
    return path.suffix == sc.ENDING and is_picture_name(path.stem)


def _did(workdir: WorkDir, views: FileViews, n: int, ops: Sequence[Done]) -> Item | None:
    """Return what a group of the journal did, None when it only made folders."""
    files = [op for op in ops if op.kind in ("put", "move", "remove")]
    beside = [op for op in files if _is_sidecar(op.dst)]
    main = next((op for op in files if not _is_sidecar(op.dst)), None)
    edits = _edits(views, beside)
    if main is None:
        if not beside:
            return None
        name = beside[-1].dst.with_suffix("")
        return Item(n, "edit", workdir.shown(name), "", "", edits, None, _real(name))
    dst = workdir.shown(main.dst)
    reason, source, was_made = _said(main.dst)
    if main.kind == "move" and main.src is not None:
        src = workdir.shown(main.src)
        return Item(n, "move", src, dst, reason, edits, None, _real(main.dst))
    kept = views.kept(main.before) if main.before else None
    if main.kind == "remove":
        return Item(n, "remove", "", dst, "", (), kept if is_picture_name(main.dst.name) else None)
    if not is_picture_name(main.dst.name):
        return Item(n, "replace" if kept else "write", "", dst)
    if kept is not None:
        return Item(n, "replace", source, dst, reason, edits, kept, _real(main.dst))
    if was_made:
        return Item(n, "write", source, dst, reason, (), _shown(workdir, source), _real(main.dst))
    return Item(n, "copy", source, dst, reason, (), None, _real(main.dst))


def _real(path: Path) -> Path | None:
    return path if path.is_file() else None


def _said(path: Path) -> tuple[str, str, bool]:
    """Return (reason of the last decision, source, whether a verb made it) by a sidecar."""
    try:
        found = sc.load(path)
    except CurationError:
        return "", "", False
    reasons = [str(one["reason"]) for one in _verdicts(found.get("decisions"))]
    return reasons[-1] if reasons else "", str(found.get("from_file") or ""), "made" in found


def _verdicts(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, Mapping):
        return []
    if isinstance(value.get("reason"), str):
        return [value]
    return [one for inner in value.values() for one in _verdicts(inner)]


def _edits(views: FileViews, beside: Sequence[Done]) -> list[str]:
    """Return what changed in a sidecar that was put or removed."""
    before = next((op.before for op in beside if op.before), None)
    last = next((op for op in reversed(beside) if op.kind == "put"), None)
    if before is None and last is None:
        return []
    now = _json(last.dst, views.kept(last.after)) if last is not None and last.after else {}
    return differences(_json(views.kept(before)) if before else {}, now)


def _json(*paths: Path) -> dict[str, Any]:
    """Return the object of the last of some files that is there."""
    for path in reversed(paths):
        try:
            if path.stat().st_size <= MOST_JSON_BYTES:
                found = json.loads(path.read_bytes())
                return found if isinstance(found, dict) else {}
        except (OSError, ValueError):
            continue
    return {}
