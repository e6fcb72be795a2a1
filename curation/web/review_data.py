"""What the review workspace reads: the table, measures, decisions tried, one frame's facts.

Large answers are files that a helper process made ready (web/review_pack.py); a request looks at
the revision, asks the helper when its file is not there yet, and sends the bytes.
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator

from curation.errors import CurationError
from curation.store.look import look
from curation.store.marks import MarkTable
from curation.store.review_table import changes
from curation.web.answers import in_words
from curation.web.clips import clip_file, clips_folder
from curation.web.forked import Superseded
from curation.web.helper import Clip, Helper, Judging, Match, Measure, Near, Places, Table, Task
from curation.web.places import places_file
from curation.web.review_pack import folder_of, measure_file, revision_of, table_name
from curation.web.site import Site

ASK_AGAIN = "private, no-cache"
BINARY = "application/octet-stream"
MAPS = ("appearance", "face")
MOST_NEAR = 2000
MOST_CLIENTS = 64
LOOK_AFTER_S = 0.05
"""How often to see whether a page still waits for its answer."""


class Question(BaseModel):
    """Thresholds to try: those that differ from the recipe, alone or beside the page's name.

    Attributes:
        client: of one page only the newest question is answered; "" answers all.
    """

    model_config = ConfigDict(extra="forbid")

    params: dict[str, Any] = Field(max_length=200)
    client: str = Field("", max_length=80)

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, given: Any) -> Any:
        bare = isinstance(given, dict) and not isinstance(given.get("params"), dict)
        return {"params": given} if bare else given


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
            name = asked(site.review, Table())
        return ready(request, folder / name)

    @router.get("/measures/{name}")
    def measure(request: Request, name: str) -> Response:
        file = measure_file(revisions.table(), name)
        if not (folder / file).is_file():
            file = asked(site.review, Measure(name))
        return ready(request, folder / file)

    @router.get("/look/{frame_id}")
    def look_at(frame_id: int) -> dict[str, Any]:
        told = look(site.studio.catalogue, frame_id)
        if told is None:
            raise HTTPException(404, "there is no such frame any more; reload the page")
        return told

    @router.get("/tags/{tag}")
    def tagged(tag: str) -> dict[str, list[int]]:
        return {"frames": MarkTable(site.studio.catalogue).tagged(tag).tolist()}

    @router.get("/where")
    def where(text: str = Query(max_length=8000)) -> dict[str, list[int]]:
        """The frames for which a typed condition is true: decide/where.py."""
        try:
            return {"frames": site.review.ask(Match({"typed": text})).tolist()}
        except CurationError as error:
            raise HTTPException(422, in_words(error)) from error

    @router.get("/near/{frame_id}")
    def near(
        frame_id: int, by: str = "appearance", count: int = Query(200, ge=1, le=MOST_NEAR)
    ) -> dict[str, Any]:
        return asked(site.review, Near(frame_id, by, count))  # type: ignore[no-any-return]

    @router.get("/map")
    def places(request: Request, by: str = "appearance") -> Response:
        if by not in MAPS:
            raise HTTPException(404, f"there are maps by {' and '.join(MAPS)}")
        file = places_file(revisions.table(), by)
        if not (folder / file).is_file():
            file = asked(site.review, Places(by))
        return ready(request, folder / file)

    _add_deciding(router, site)
    return router


def _add_deciding(router: APIRouter, site: Site) -> None:
    newest: dict[str, Judging] = {}

    @router.post("/decide")
    async def decide(request: Request, question: Question) -> Response:
        """The newest question wins: an older one of the same page is dropped, also when the page
        says so by hanging up."""
        if question.client in newest:
            newest[question.client].drop()
        judging = site.trials.judge(question.params)
        if question.client:
            newest.pop(question.client, None)
            newest[question.client] = judging
            while len(newest) > MOST_CLIENTS:
                newest.pop(next(iter(newest)))
        waiting = asyncio.wrap_future(judging.answer)
        # Nobody waits for a dropped one: how it ended is looked at, so that no log complains.
        waiting.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        try:
            while not waiting.done():
                await asyncio.wait({waiting}, timeout=LOOK_AFTER_S)
                if not waiting.done() and await request.is_disconnected():
                    judging.drop()
                    return Response(status_code=204)
            blob = waiting.result()
            if newest.get(question.client, judging) is not judging:
                raise Superseded("a newer question took its place")  # this one ended too soon
            return Response(blob, media_type=BINARY)
        except Superseded as error:
            raise HTTPException(409, error.message) from error
        except asyncio.CancelledError as error:
            if not judging.answer.cancelled():
                judging.drop()
                raise
            raise HTTPException(409, "a newer question took its place") from error
        except CurationError as error:
            raise HTTPException(422, error.message) from error


def make_clips(site: Site) -> APIRouter:
    """Return the route of the seconds around a frame."""
    router = APIRouter()
    folder = clips_folder(site.studio.root)

    @router.get("/clip/{frame_id}")
    def clip(request: Request, frame_id: int) -> Response:
        picture = site.pictures.find([frame_id]).get(frame_id)
        if picture is None:
            raise HTTPException(404, "no such frame")
        file = clip_file(frame_id, picture.revision)
        if not (folder / file).is_file():
            file = asked(site.prober, Clip(frame_id))
        return ready(request, folder / file, "video/mp4")

    return router


def asked(helper: Helper, task: Task) -> Any:
    """Return a helper's answer; what cannot be answered is not there."""
    try:
        return helper.ask(task)
    except CurationError as error:
        raise HTTPException(404, error.message) from error


def ready(request: Request, path: Path, media_type: str = BINARY) -> Response:
    """Answer with a ready file, or that the browser's copy of it is still right."""
    headers = {"etag": f'"{path.stem}"', "cache-control": ASK_AGAIN}
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    return ReadyFile(path, media_type=media_type, headers=headers)
