"""What the Export tab links to: exports as zips, their locks, and the report."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse, Response, StreamingResponse

from curation.errors import CurationError
from curation.export.lock import FILE as LOCK
from curation.web.export_shelf import Shelf, Shelved, files_of, zipped
from curation.web.security import DOCUMENT_CSP
from curation.web.site import Site

REPORT = "dataset_report.html"
HEADERS = {"cache-control": "private, no-store", "content-security-policy": DOCUMENT_CSP}


def shelf_of(site: Site) -> Shelf:
    """Return the exports of a server."""
    return Shelf(site.studio.root, site.jobs.table, site.places)


def shown(one: Shelved) -> dict[str, Any]:
    """Return what a page may know of an export."""
    return {
        "id": one.id, "name": one.name, "format": one.format, "pictures": one.pictures,
        "ended_s": one.ended_s, "zip": one.is_zip,
    }  # fmt: skip


def make_export_router(site: Site) -> APIRouter:
    """Return the routes of the Export tab."""
    router = APIRouter()
    shelf = shelf_of(site)

    def found(export_id: str) -> Shelved:
        one = shelf.find(export_id)
        if one is None:
            raise HTTPException(404, "no such export")
        return one

    @router.get("/api/exports")
    def exports() -> list[dict[str, Any]]:
        return [shown(one) for one in shelf.all()]

    @router.get("/api/exports/{export_id}/zip")
    def as_zip(export_id: str) -> Response:
        one = found(export_id)
        if one.is_zip:
            site.trail.note("export downloaded", export=one.name)
            return FileResponse(one.path, media_type="application/zip", filename=one.path.name,
                                headers=HEADERS)  # fmt: skip
        try:
            files = files_of(one.path)
        except CurationError as error:
            raise HTTPException(409, str(error)) from error
        site.trail.note("export downloaded", export=one.name)
        named = quote(f"{one.path.name}.zip")
        return StreamingResponse(
            zipped(one.path, files), media_type="application/zip",
            headers={**HEADERS, "content-disposition": f"attachment; filename*=utf-8''{named}"},
        )

    @router.get("/api/exports/{export_id}/lock")
    def lock(export_id: str) -> Response:
        path = found(export_id).path / LOCK
        if path.is_symlink() or not path.is_file():
            raise HTTPException(404, "this export's lock is inside it")
        return FileResponse(path, media_type="application/json", filename=LOCK, headers=HEADERS)

    @router.get("/dataset-report")
    def report() -> Response:
        path = site.studio.root / REPORT
        if path.is_symlink() or not path.is_file():
            raise HTTPException(404, "not there yet: make it under Export")
        return FileResponse(path, media_type="text/html; charset=utf-8", headers=HEADERS)

    return router
