"""Pictures before and after a toolkit verb, by the numbers of a job and of one of its items."""

from __future__ import annotations

import hashlib
from typing import Literal

from fastapi import APIRouter, HTTPException, Request, Response

from curation.errors import CurationError
from curation.web.security import DOCUMENT_CSP
from curation.web.site import Site


def make_toolkit_router(site: Site) -> APIRouter:
    """Return the routes of the Toolkit tab."""
    router = APIRouter()

    @router.get("/toolkit/{job_id}/{n}/{side}")
    def picture(
        request: Request, job_id: int, n: int, side: Literal["before", "after"], large: bool = False
    ) -> Response:
        try:
            job = site.jobs.table.get(job_id)
        except (KeyError, OverflowError) as error:
            raise HTTPException(404, "no such job") from error
        path = site.changes.picture(job, n, side)
        if path is None:
            raise HTTPException(404, "there is no picture of this")
        stat = path.stat()
        known = f"{path}:{stat.st_ino}:{stat.st_size}:{stat.st_mtime_ns}:{large}"
        headers = {
            "cache-control": "private, no-cache",
            "etag": f'"{hashlib.sha256(known.encode(errors="surrogateescape")).hexdigest()[:32]}"',
            "content-security-policy": DOCUMENT_CSP,
        }
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        try:
            jpeg = site.shower.show(path, large)
        except CurationError as error:
            raise HTTPException(415, error.message) from error
        return Response(jpeg, media_type="image/jpeg", headers=headers)

    return router
