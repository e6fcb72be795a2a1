"""Routes of the culling desk: groups, members, "no duplicates", reports, apply and undo as jobs.

The page names frames and jobs by number. Which folder is worked in follows from the catalogue that
the server holds, never from the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Query, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from curation.cull.home import REPORTS
from curation.store.cull_view import MOST_ASKED, CullView
from curation.store.file_views import FileViews
from curation.store.jobs import Job
from curation.web.site import Site

APPLY, UNDO = "apply", "undo"
DRY, DECIDED = "--dry-run", "--no-unmarked"
MOST_STEPS = 600
MEDIA_TYPES = {".csv": "text/csv; charset=utf-8", ".json": "application/json"}
MOST_REPORTS = 40


class AskedFrames(BaseModel):
    """Frames that something is asked or said about."""

    model_config = ConfigDict(extra="forbid")

    frames: list[int] = Field(min_length=1, max_length=MOST_ASKED)


class AskedApart(AskedFrames):
    """Whether some frames are no duplicates of each other."""

    apart: bool = True


class AskedApply(BaseModel):
    """Whether losers are moved, or it is only said which would be."""

    model_config = ConfigDict(extra="forbid")

    dry: bool = True


def make_cull_router(site: Site) -> APIRouter:
    """Return the routes below /api/cull."""
    router = APIRouter(prefix="/api/cull")
    view = CullView(site.studio.catalogue)
    _add_groups(router, view)
    _add_reports(router, view)
    _add_moving(router, site, view)
    return router


def _add_groups(router: APIRouter, view: CullView) -> None:
    @router.get("")
    def state() -> dict[str, Any]:
        return view.state()

    @router.get("/revision")
    def revision() -> dict[str, str]:
        return {"revision": view.revision()}

    @router.post("/members")
    def members(asked: AskedFrames) -> dict[str, Any]:
        return {str(frame): told for frame, told in view.members(asked.frames).items()}

    @router.post("/apart")
    def apart(asked: AskedApart) -> dict[str, int]:
        if len(view.keys(asked.frames)) < 2:
            raise HTTPException(409, "these are no members of a culling run; group the folder anew")
        return {"pairs": view.set_apart(asked.frames, asked.apart)}


def _add_reports(router: APIRouter, view: CullView) -> None:
    @router.get("/reports")
    def reports() -> list[dict[str, Any]]:
        return [
            {"name": path.name, "bytes": path.stat().st_size} for path in _reports(view.folder)
        ]

    @router.get("/reports/{name}")
    def report(name: str) -> Response:
        found = next((path for path in _reports(view.folder) if path.name == name), None)
        if found is None:
            raise HTTPException(404, "there is no such report; group the folder anew")
        return FileResponse(found, media_type=MEDIA_TYPES[found.suffix], filename=found.name)


def _reports(folder: Path | None) -> list[Path]:
    """Return the reports of a folder; links, which could lead anywhere, are left out."""
    place = None if folder is None else folder / REPORTS
    if place is None or not place.is_dir() or place.is_symlink():
        return []
    found = sorted(path for path in place.iterdir() if path.suffix in MEDIA_TYPES)
    return [path for path in found if path.is_file() and not path.is_symlink()][:MOST_REPORTS]


def _add_moving(router: APIRouter, site: Site, view: CullView) -> None:
    def folder() -> Path:
        found = view.folder
        if found is None:
            raise HTTPException(409, "these are frames of videos: marks are applied to ranked/")
        return found

    def queued(verb: str, argv: list[str]) -> Response:
        running = next((job for job in site.jobs.table.recent(20) if job.is_open), None)
        if running is not None:
            said = f"{running.verb} is running already; wait for its end"
            return JSONResponse({"detail": said, "job": running.id}, 409)
        return JSONResponse({"job": site.jobs.add(verb, argv)}, 202)

    @router.get("/moved")
    def moved() -> dict[str, Any]:
        """What was moved last and is not taken back yet."""
        if view.folder is None:
            return {"runs": []}
        return {"runs": list(FileViews(view.catalogue).latest())}

    @router.post("/apply")
    def apply(asked: AskedApply) -> Response:
        place = str(folder())
        # What nobody has decided about stays where it is.
        return queued(APPLY, ["-d", place, place, DECIDED, *([DRY] if asked.dry else [])])

    @router.post("/undo")
    def undo() -> Response:
        return queued(UNDO, ["-d", str(folder())])

    @router.get("/steps/{job_id}")
    def steps(job_id: int, first: int = Query(0, ge=0)) -> dict[str, Any]:
        """What a dry run would do, with the frame of each file that is shown here."""
        try:
            job = site.jobs.table.get(job_id)
        except (KeyError, OverflowError) as error:
            raise HTTPException(404, "no such job") from error
        if job.verb != APPLY:
            raise HTTPException(404, "this job moved nothing")
        return told_steps(view, folder(), job, first)


def told_steps(view: CullView, place: Path, job: Job, first: int) -> dict[str, Any]:
    """Return the steps of a dry run: {total, first, would, failed, steps: [...]}."""
    summary = job.summary or {}
    steps = list(summary.get("steps") or ())
    would = list(summary.get("would") or ())
    totals = summary.get("totals") or {}
    shown = steps[first : first + MOST_STEPS]
    frames = view.frames_of(place / str(step.get("src", "")) for step in shown)
    known = view.members(list(frames.values()))

    def told(step: Mapping[str, Any]) -> dict[str, Any]:
        src = str(step.get("src", ""))
        frame = frames.get(str(place / src))
        said = known.get(frame, {}) if frame is not None else {}
        words = {name: str(step.get(name, "")) for name in ("do", "dst", "reason")}
        return {**words, "src": src, "frame": frame, "proposed": str(said.get("reason", ""))}
    return {
        "state": job.state,
        "total": int(totals.get("would", len(would))),
        "first": first,
        "would": would[first : first + MOST_STEPS],
        "failed": list(summary.get("failed_items") or ())[:MOST_STEPS],
        "run": summary.get("run"),
        "steps": [told(step) for step in shown],
    }


__all__ = ["make_cull_router", "told_steps"]
