"""What the review workspace reads: the table, measures, decisions tried, one frame's facts.

Large answers are files that a helper process made ready (web/review_pack.py); a request looks at
the revision, asks the helper when its file is not there yet, and sends the bytes.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse

from curation.errors import CurationError
from curation.store.marks import MarkTable
from curation.store.review_table import changes
from curation.web.helper import Measure, Table
from curation.web.review_pack import folder_of, measure_file, revision_of, table_name
from curation.web.site import Site

ASK_AGAIN = "private, no-cache"
BINARY = "application/octet-stream"


class ReadyFile(FileResponse):
    """A file of megabytes in few pieces: each costs a turn of a thread."""

    chunk_size = 1 << 20


class Revisions:
    """The revision of the table, looked up anew only when somebody wrote to the catalogue."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._known = threading.local()

    def table(self) -> str:
        """Return the revision of rows and decisions."""
        catalogue = self.site.studio.catalogue
        written = changes(catalogue)
        if getattr(self._known, "written", None) != written:
            self._known.revision = revision_of(catalogue)
            self._known.written = written
        return str(self._known.revision)

    def marks(self) -> int:
        """Return the clock of people's marks."""
        return MarkTable(self.site.studio.catalogue).revision()


def make_review_data(site: Site) -> APIRouter:
    """Return the routes that the workspace reads."""
    router = APIRouter(prefix="/api/review")
    revisions = Revisions(site)
    folder = folder_of(site.studio.root)

    @router.get("/revision")
    def revision() -> dict[str, Any]:
        return {"revision": revisions.table(), "marks_revision": revisions.marks()}

    @router.get("/table")
    def table(request: Request) -> Response:
        name = table_name(revisions.table(), revisions.marks())
        if not (folder / name).is_file():
            name = asked(site, Table())
        return ready(request, folder / name)

    @router.get("/measures/{name}")
    def measure(request: Request, name: str) -> Response:
        file = measure_file(revisions.table(), name)
        if not (folder / file).is_file():
            file = asked(site, Measure(name))
        return ready(request, folder / file)

    return router


def asked(site: Site, task: Any, status: int = 404) -> Any:
    """Return the review helper's answer; what went wrong becomes an answer of this status."""
    try:
        return site.review.ask(task)
    except CurationError as error:
        raise HTTPException(status, error.message) from error


def ready(request: Request, path: Path, media_type: str = BINARY) -> Response:
    """Answer with a ready file, or that the browser's copy of it is still right."""
    headers = {"etag": f'"{path.stem}"', "cache-control": ASK_AGAIN}
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    return ReadyFile(path, media_type=media_type, headers=headers)
