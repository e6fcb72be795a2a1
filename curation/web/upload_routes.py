"""The routes by which videos come in from a browser: see curation/web/uploads.py."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from curation.web.audit import tell
from curation.web.quick_body import WAY
from curation.web.site import Site
from curation.web.upload_facts import Announced, Upload, UploadError, aside


class Announcement(BaseModel):
    """A file that a browser wants to send."""

    name: str = Field(min_length=1, max_length=1000)
    size: int
    hint: str = Field("", max_length=32)
    modified: int = 0
    folder: str = Field("", max_length=1000)


class Content(BaseModel):
    """What all the bytes of a browser's file come to."""

    key: str = Field(pattern="^[0-9a-f]{32}$")


def make_upload_router(site: Site) -> APIRouter:
    """Return the routes of uploads."""
    router = APIRouter()
    uploads = site.uploads

    @router.get("/api/uploads")
    def under_way() -> list[dict[str, Any]]:
        return [_shown(upload) for upload in uploads.under_way()]

    @router.post("/api/uploads", status_code=201)
    def begin(said: Announcement) -> Response:
        about = Announced(said.name, said.size, said.hint, said.modified, said.folder)
        try:
            upload = uploads.begin(about)
        except UploadError as error:
            return _refusal(error)
        tell(upload=upload.id, name=upload.name, size_bytes=upload.size_bytes)
        return JSONResponse({**_shown(upload), "known": uploads.known(upload.about)}, 201)

    @router.get("/api/uploads/{upload_id}")
    def find(upload_id: str) -> Response:
        try:
            video = uploads.ended(upload_id)
            if video is None:
                try:
                    return JSONResponse({**_shown(uploads.find(upload_id)), "video": None})
                except UploadError:
                    video = uploads.ended(upload_id)  # it ended just now
                    if video is None:
                        raise
            return JSONResponse({"id": upload_id, "video": video})
        except UploadError as error:
            return _refusal(error)

    @router.put("/api/uploads/{upload_id}")
    async def append(request: Request, upload_id: str) -> Response:
        offset = request.headers.get("upload-offset", "")
        if not (offset.isascii() and offset.isdecimal() and len(offset) < 20):
            raise HTTPException(400, "Upload-Offset must be a number")
        try:
            way = request.scope.get("extensions", {}).get(WAY)
            upload, video = await uploads.append(upload_id, int(offset), request.stream(), way)
        except UploadError as error:
            return _refusal(error)
        except ClientDisconnect:  # nobody is there to read an answer; what came is kept
            return Response(status_code=400)
        if video is not None:
            tell("upload", name=video["name"], size_bytes=upload.size_bytes)
        return JSONResponse({"offset": upload.offset, "video": video})

    @router.post("/api/uploads/{upload_id}/same")
    def same(upload_id: str, content: Content) -> Response:
        try:
            video = uploads.same(upload_id, content.key)
        except UploadError as error:
            return _refusal(error)
        if video is not None:
            tell("upload", name=video["name"], known=True)
        return JSONResponse({"video": video})

    @router.delete("/api/uploads/{upload_id}", status_code=204)
    def abort(upload_id: str) -> Response:
        try:
            uploads.abort(upload_id)
        except UploadError as error:
            return _refusal(error)
        return Response(status_code=204)

    return router


def _shown(upload: Upload) -> dict[str, Any]:
    """Return what a page may know of an upload."""
    return {
        "id": upload.id,
        "name": upload.name,
        "size": upload.size_bytes,
        "offset": upload.offset,
        "modified": upload.about.modified_ms,
        "hint": upload.about.hint,
        "idle_s": round(upload.idle_s, 1),
        "aside": aside(upload),
    }


def _refusal(error: UploadError) -> Response:
    headers = {}
    if error.offset is not None:
        headers["upload-offset"] = str(error.offset)
    if error.wait_s is not None:
        headers["retry-after"] = str(error.wait_s)
    return JSONResponse({"detail": error.message}, error.status, headers)
