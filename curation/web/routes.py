"""What the server answers besides the pages: jobs, pictures by number, uploads, results."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, Field

from curation.errors import CurationError
from curation.store.jobs import Job
from curation.web.helper import Cover, Explain
from curation.web.own_pictures import file_of
from curation.web.review_data import make_clips, make_review_data
from curation.web.review_marks import make_review_router
from curation.web.security import DOCUMENT_CSP
from curation.web.site import Site
from curation.web.toolkit_routes import make_toolkit_router
from curation.web.uploads import UploadError
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


class Announced(BaseModel):
    """A file that a browser wants to send."""

    name: str = Field(min_length=1, max_length=1000)
    size: int


def job_json(job: Job) -> dict[str, Any]:
    """Return what the page may know of a job."""
    hidden = {"pid", "pid_started", "heartbeat_s"}
    return {name: value for name, value in asdict(job).items() if name not in hidden}


def make_router(site: Site) -> APIRouter:
    """Return the studio's own routes."""
    router = APIRouter()

    @router.get("/healthz")
    def healthz() -> dict[str, str]:
        site.jobs.table.any_open()  # the catalogue answers
        return {"status": "ok"}

    @router.get("/report")
    def report() -> Response:
        return result("report.html")

    @router.get("/results/{name}")
    def result(name: str) -> Response:
        path = site.studio.root / name
        if name not in RESULTS or not path.is_file():
            raise HTTPException(404, "not there yet: run Score & rank")
        headers = {"cache-control": ASK_AGAIN, "content-security-policy": DOCUMENT_CSP}
        return FileResponse(path, media_type=RESULTS[name], headers=headers)

    _add_jobs(router, site)
    _add_pictures(router, site)
    _add_judgements(router, site)
    _add_uploads(router, site)
    router.include_router(make_review_data(site))
    router.include_router(make_clips(site))
    router.include_router(make_review_router(site))
    router.include_router(make_toolkit_router(site))
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
            what = "its file is gone; extract the video again, or review its folder again"
            raise HTTPException(404, what)
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


def _add_uploads(router: APIRouter, site: Site) -> None:
    @router.post("/api/uploads", status_code=201)
    def begin(announced: Announced) -> Response:
        try:
            upload = site.uploads.begin(announced.name, announced.size)
        except UploadError as error:
            return _refusal(error)
        return JSONResponse({"id": upload.id, "offset": 0, "size": upload.size_bytes}, 201)

    @router.get("/api/uploads/{upload_id}")
    def find(upload_id: str) -> Response:
        try:
            upload = site.uploads.find(upload_id)
        except UploadError as error:
            return _refusal(error)
        return JSONResponse(
            {
                "id": upload.id,
                "offset": upload.offset,
                "size": upload.size_bytes,
                "name": upload.name,
            }
        )

    @router.put("/api/uploads/{upload_id}")
    async def append(request: Request, upload_id: str) -> Response:
        offset = request.headers.get("upload-offset", "")
        if not offset.isdecimal():
            raise HTTPException(400, "Upload-Offset must be a number")
        try:
            upload, video = await site.uploads.append(upload_id, int(offset), request.stream())
        except UploadError as error:
            return _refusal(error)
        return JSONResponse({"offset": upload.offset, "video": video})

    @router.delete("/api/uploads/{upload_id}", status_code=204)
    def abort(upload_id: str) -> Response:
        try:
            site.uploads.abort(upload_id)
        except UploadError as error:
            return _refusal(error)
        return Response(status_code=204)


def _refusal(error: UploadError) -> Response:
    headers = {} if error.offset is None else {"upload-offset": str(error.offset)}
    return JSONResponse({"detail": error.message}, error.status, headers)
