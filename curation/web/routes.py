"""What the server answers besides the pages: jobs, pictures by number, uploads, results."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from pydantic import BaseModel

from curation.errors import CurationError
from curation.store.jobs import Job
from curation.store.pictures import frames_revision
from curation.web.audit import tell
from curation.web.crop_routes import make_crop_router
from curation.web.cull_routes import make_cull_router
from curation.web.export_routes import make_export_router
from curation.web.frames import make_frames, not_kept
from curation.web.helper import Cover, Explain
from curation.web.own_pictures import file_of
from curation.web.people_routes import make_people_router
from curation.web.review_data import make_clips, make_review_data
from curation.web.review_marks import make_review_router
from curation.web.search_routes import make_search_router
from curation.web.security import DOCUMENT_CSP
from curation.web.site import Site
from curation.web.taste_routes import make_taste_router
from curation.web.toolkit_routes import make_toolkit_router
from curation.web.upload_routes import make_upload_router
from curation.web.waiting import waited

FOREVER = "private, max-age=31536000, immutable"
ASK_AGAIN = "private, no-cache"
RESULTS = {
    "report.html": "text/html; charset=utf-8",
    "contact_sheet.jpg": "image/jpeg",
    "ranked.csv": "text/csv; charset=utf-8",
    "datastore.json": "application/json",
}


class FaceMark(BaseModel):
    """What a person says about a face; None takes an earlier mark back."""

    false: bool | None


def job_json(job: Job) -> dict[str, Any]:
    """Return what the page may know of a job."""
    hidden = {"pid", "pid_started", "heartbeat_s"}
    return {name: value for name, value in asdict(job).items() if name not in hidden}


def make_router(site: Site, uploads: bool = True) -> APIRouter:
    """Return the studio's own routes.

    Args:
        uploads: whether videos may be sent; the desk of a folder of photos takes none.
    """
    router = APIRouter()

    @router.get("/healthz")
    def healthz() -> dict[str, str]:
        site.jobs.table.any_open()  # the catalogue answers
        return {"status": "ok"}

    @router.get("/api/revision")
    def revision() -> dict[str, str]:
        frames = " ".join(map(str, frames_revision(site.studio.catalogue)))
        return {"revision": f"{site.studio.decisions.revision()} {frames}"}

    @router.get("/report")
    def report() -> Response:
        return result("report.html")

    @router.get("/results/{name}")
    def result(name: str) -> Response:
        path = site.studio.root / name
        if name not in RESULTS or path.is_symlink() or not path.is_file():
            raise HTTPException(404, "not there yet: run Score & rank")
        headers = {"cache-control": ASK_AGAIN, "content-security-policy": DOCUMENT_CSP}
        return FileResponse(path, media_type=RESULTS[name], headers=headers)

    _add_jobs(router, site)
    _add_pictures(router, site)
    _add_judgements(router, site)
    if uploads:
        router.include_router(make_upload_router(site))
    router.include_router(make_review_data(site))
    router.include_router(make_clips(site))
    router.include_router(make_frames(site))
    router.include_router(make_review_router(site))
    router.include_router(make_toolkit_router(site))
    router.include_router(make_cull_router(site))
    router.include_router(make_crop_router(site))
    router.include_router(make_export_router(site))
    router.include_router(make_taste_router(site))
    router.include_router(make_people_router(site))
    router.include_router(make_search_router(site))
    return router


def _add_jobs(router: APIRouter, site: Site) -> None:
    @router.get("/api/jobs")
    def jobs() -> list[dict[str, Any]]:
        return [job_json(job) for job in site.jobs.table.recent()]

    @router.get("/api/jobs/{job_id}")
    def job(job_id: int) -> dict[str, Any]:
        try:
            found = site.jobs.table.get(job_id)
        except KeyError as error:
            raise HTTPException(404, "no such job") from error
        return {**job_json(found), "log": site.jobs.log_tail(job_id)}

    @router.post("/api/jobs/{job_id}/cancel")
    def cancel(job_id: int) -> dict[str, Any]:
        try:
            return job_json(site.jobs.cancel(job_id))
        except KeyError as error:
            raise HTTPException(404, "no such job") from error

    @router.post("/api/jobs/{job_id}/resume")
    def resume(job_id: int) -> dict[str, Any]:
        try:
            return job_json(site.jobs.resume(job_id))
        except KeyError as error:
            raise HTTPException(404, "no such job") from error
        except CurationError as error:
            raise HTTPException(429, str(error)) from error


def _add_pictures(router: APIRouter, site: Site) -> None:
    @router.get("/thumb/{frame_id}")
    def thumb(request: Request, frame_id: int, v: str = "") -> Response:
        picture = site.pictures.find([frame_id]).get(frame_id)
        if picture is None:
            raise HTTPException(404, "no such frame")
        headers = _cache_headers(picture.revision, v)
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        jpeg = site.studio.packs.read(frame_id)
        if jpeg is None:
            raise HTTPException(404, "this frame has no picture")
        return Response(jpeg, media_type="image/jpeg", headers=headers)

    @router.get("/frame/{frame_id}")
    def frame(request: Request, frame_id: int, v: str = "") -> Response:
        picture = site.pictures.find([frame_id]).get(frame_id)
        if picture is None or picture.path is None:
            raise HTTPException(404, "no such frame")
        served = file_of(site.studio.catalogue, picture)
        if served is None:
            return not_kept(request, site, picture)
        path, media_type, as_read = served
        # A picture that changed since it was read must not be kept under its old revision.
        headers = _cache_headers(picture.revision, v) if as_read else _changed_headers(path)
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return FileResponse(path, media_type=media_type, headers=headers)


def _add_judgements(router: APIRouter, site: Site) -> None:
    @router.get("/api/explain/{frame_id}")
    async def explain(request: Request, frame_id: int) -> Any:
        if frame_id not in await run_in_threadpool(site.pictures.find, [frame_id]):
            raise HTTPException(404, "no such frame")
        try:
            told = await waited(request, site.trials.submit(Explain(frame_id)))
        except CurationError as error:
            raise HTTPException(409, error.message) from error
        return Response(status_code=204) if told is None else told

    @router.get("/api/coverage")
    def coverage() -> dict[str, Any]:
        try:
            covered: dict[str, Any] = site.trials.ask(Cover())
        except CurationError as error:
            raise HTTPException(409, error.message) from error
        return covered

    @router.put("/api/faces/{frame_id}", status_code=204)
    def mark_face(frame_id: int, mark: FaceMark) -> Response:
        try:
            site.studio.mark_faces([frame_id], mark.false)
        except CurationError as error:
            raise HTTPException(404, error.message) from error
        tell(false_face=mark.false)
        return Response(status_code=204)


def _cache_headers(revision: str, asked: str) -> dict[str, str]:
    """Return headers that let a browser keep a picture whose address names its revision."""
    return {
        "cache-control": FOREVER if asked == revision else ASK_AGAIN,
        "etag": f'"{revision}"',
        "content-security-policy": DOCUMENT_CSP,
    }


def _changed_headers(path: Path) -> dict[str, str]:
    return {**_cache_headers(f"changed-{path.stat().st_mtime_ns}", ""), "cache-control": ASK_AGAIN}
