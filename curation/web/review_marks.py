"""Routes of people's marks: ops, undo, what others changed, saved views, applying.

An answer to ops means that they are on the disk. 422 means that none of them is done and that
sending them again will not help; whatever else fails may be sent again with the same ids, and
counts once.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Body, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool

from curation.errors import CurationError
from curation.store.journal import Journal
from curation.store.mark_ops import MarkOps, NothingThere
from curation.store.marks import MarkTable
from curation.store.saved_views import SavedViewTable
from curation.web import mark_work
from curation.web.audit import tell
from curation.web.mark_work import AskedClient, AskedOps, Back, Refused, Write
from curation.web.site import Site

MOST_BODY_BYTES = 8_000_000

M = TypeVar("M", bound=BaseModel)


def make_review_router(site: Site) -> APIRouter:
    """Return the routes below /api/review that people's marks go through."""
    router = APIRouter(prefix="/api/review")
    _add_marks(router, site)
    _add_views(router, site)
    _add_applying(router, site)
    return router


def _add_marks(router: APIRouter, site: Site) -> None:
    catalogue = site.studio.catalogue

    @router.post("/ops")
    async def ops(request: Request) -> dict[str, Any]:
        # Read by hand: a page that closes can only send plain text.
        asked = await _read(request, AskedOps)
        told = await run_in_threadpool(_done, asked)
        tell(**mark_work.in_words(asked))
        return told

    def _done(asked: AskedOps) -> dict[str, Any]:
        try:
            if asked.is_small():
                return mark_work.do(catalogue, asked)
            return _ask(Write(asked))  # type: ignore[no-any-return]
        except Refused as error:
            raise HTTPException(422, error.message) from error

    @router.get("/marks")
    def marks(since: int = Query(0, ge=0)) -> dict[str, Any]:
        changes = MarkTable(catalogue).since(since)
        if changes.reload:
            return {"revision": changes.revision, "reload": True}
        columns = dict(changes.columns)
        return {"revision": changes.revision, "frames": columns.pop("frame_id"), **columns}

    @router.get("/tags")
    def tags() -> dict[str, int]:
        return MarkTable(catalogue).tags()

    @router.get("/history")
    def history(client: str = Query(min_length=1, max_length=mark_work.MOST_WORD)) -> Any:
        ops = MarkOps(catalogue)
        return {
            "undo": ops.next_words(client, undone=False),
            "redo": ops.next_words(client, undone=True),
        }

    @router.post("/undo")
    async def undo(request: Request) -> dict[str, Any]:
        asked = await _read(request, AskedClient)
        return await run_in_threadpool(_back, Back(asked.client, False, asked.id))

    @router.post("/redo")
    async def redo(request: Request) -> dict[str, Any]:
        asked = await _read(request, AskedClient)
        return await run_in_threadpool(_back, Back(asked.client, True, asked.id))

    def _back(asked: Back) -> dict[str, Any]:
        try:
            if MarkOps(catalogue).next_size(asked.client, undone=asked.redo) <= mark_work.FEW:
                step = mark_work.back(catalogue, asked)
            else:
                step = _ask(asked)
        except NothingThere as error:
            raise HTTPException(409, error.message) from error
        tell(did=step.did, skipped=step.skipped)
        return asdict(step)

    def _ask(task: Write | Back) -> Any:
        try:
            return site.review.ask(task)
        except (NothingThere, Refused):
            raise
        except CurationError as error:  # the process died over it; the same ids may come again
            raise HTTPException(503, error.message) from error


def _add_views(router: APIRouter, site: Site) -> None:
    table = SavedViewTable(site.studio.catalogue)

    @router.get("/views")
    def views() -> dict[str, Any]:
        return table.all()

    @router.put("/views/{name}", status_code=204)
    def put_view(name: str, value: Annotated[Any, Body()]) -> Response:
        try:
            table.put(name, value)
        except CurationError as error:
            raise HTTPException(422, str(error)) from error
        return Response(status_code=204)

    @router.delete("/views/{name}", status_code=204)
    def delete_view(name: str) -> Response:
        if not table.delete(name):
            raise HTTPException(404, f"there is no view called {name}")
        return Response(status_code=204)


def _add_applying(router: APIRouter, site: Site) -> None:
    @router.post("/thresholds")
    def thresholds(asked: Annotated[dict[str, Any], Body()]) -> Response:
        from curation.params import RankParams
        from curation.recipes import build
        from curation.ui.commands import argv_of

        values = asked.get("params", asked)
        unknown = sorted(set(values) - set(RankParams.model_fields))
        if unknown:
            raise HTTPException(422, f"there is no threshold called {unknown[0]}")
        studio = site.studio
        try:
            earlier = studio.decisions.thresholds(RankParams.model_fields)
            params = build(RankParams, earlier, values)
        except CurationError as error:
            raise HTTPException(422, str(error)) from error
        return _queued("rank", argv_of(studio, "rank", params))

    @router.get("/apply")
    def applied() -> dict[str, Any]:
        journal = Journal(site.studio.catalogue)
        return {
            "waiting": journal.waiting(),
            "applied": len(journal.applied()),
            "can_undo": journal.can_undo(),
        }

    @router.post("/apply")
    def apply() -> Response:
        return _queued("apply", [])

    @router.post("/apply/undo")
    def unapply() -> Response:
        if not Journal(site.studio.catalogue).can_undo():
            raise HTTPException(409, "no marks are applied")
        return _queued("unapply", [])

    def _queued(verb: str, argv: list[str]) -> Response:
        """Queue a run of a verb, unless one is open; the page follows it by its number."""
        latest = site.jobs.table.latest(verb)
        if latest is not None and latest.is_open:
            return JSONResponse(
                {"detail": f"{verb} is running already; wait for its end", "job": latest.id}, 409
            )
        try:
            return JSONResponse({"job": site.jobs.add(verb, argv)}, 202)
        except CurationError as error:
            raise HTTPException(429, str(error)) from error


async def _read(request: Request, model: type[M]) -> M:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BODY_BYTES:
            raise HTTPException(413, f"more than {MOST_BODY_BYTES} bytes; send it in parts")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise HTTPException(422, f"{where or 'the body'}: {first['msg']}") from error
