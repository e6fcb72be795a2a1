"""Routes of the people panel: who there is, names, merging, telling apart, consent, a photo's face.

People are named by a frame of theirs: numbers change when something is said.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from curation.errors import CurationError
from curation.photos import formats
from curation.web.answers import in_words
from curation.web.audit import tell
from curation.web.helper import Helper
from curation.web.people_work import Everybody, Find, PeopleTask, Persons, Say
from curation.web.site import Site

BINARY = "application/octet-stream"
MOST_FRAMES = 20_000
MOST_PICTURE_BYTES = 1_000_000
MOST_ID = 2**53
NEEDS: dict[str, tuple[str, ...]] = {
    "name": ("whom", "value"), "name_frames": ("frames", "value"), "merge": ("whom", "other"),
    "split": ("frames",), "not": ("whom", "frames"), "consent": ("whom",), "undo": (), "redo": (),
}  # fmt: skip

FrameId = Annotated[int, Field(ge=1, le=MOST_ID)]
Whom = Annotated[FrameId | str, Field()]
Verb = Literal["name", "name_frames", "merge", "split", "not", "consent", "undo", "redo"]


class Said(BaseModel):
    """What somebody says about people; whom and other are a frame of theirs, or a name."""

    model_config = ConfigDict(extra="forbid")

    verb: Verb
    whom: Whom = Field("", union_mode="left_to_right")
    other: Whom = Field("", union_mode="left_to_right")
    value: str = Field("", max_length=2000)
    frames: list[FrameId] = Field([], max_length=MOST_FRAMES)
    client: str = Field("", max_length=80)


def make_people_router(site: Site) -> APIRouter:
    """Return the routes below /api/people."""
    router = APIRouter(prefix="/api/people")

    @router.get("")
    def people() -> dict[str, Any]:
        return _asked(site.prober, Everybody())  # type: ignore[no-any-return]

    @router.get("/rows")
    def rows() -> Response:
        """Who is on each row of the table, as int32; -1 is nobody."""
        headers = {"cache-control": "private, no-store"}
        return Response(_asked(site.prober, Persons()), media_type=BINARY, headers=headers)

    @router.post("/say")
    def say(said: Said) -> dict[str, Any]:
        lacking = [name for name in NEEDS[said.verb] if getattr(said, name) in ("", [])]
        if lacking:
            raise HTTPException(422, f"{said.verb} needs {' and '.join(lacking)}")
        task = Say(said.verb, said.whom, said.other, said.value, tuple(said.frames), said.client)
        told = _asked(site.prober, task)
        tell(said=said.verb, did=str(told.get("did", "")))
        return told  # type: ignore[no-any-return]

    @router.post("/find")
    async def find(request: Request) -> dict[str, Any]:
        """Who a photo shows, in all footage; its bytes are the body, and are not kept."""
        data = b""
        async for part in request.stream():
            data += part
            if len(data) > MOST_PICTURE_BYTES:
                raise HTTPException(413, f"a photo of {MOST_PICTURE_BYTES} bytes at most")
        if formats.found(data[:32]) is None:
            raise HTTPException(422, "this is no picture")
        return await run_in_threadpool(_found, site, data)

    return router


def _found(site: Site, data: bytes) -> dict[str, Any]:
    folder = site.studio.root / "cache" / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4().hex}.jpg"
    try:
        path.write_bytes(data)
        path.chmod(0o600)
        try:
            return site.prober.ask(Find(path))  # type: ignore[no-any-return]
        except CurationError as error:
            said = in_words(error).replace(str(path), "the photo")
            raise HTTPException(409, said) from error
    finally:
        path.unlink(missing_ok=True)


def _asked(helper: Helper, task: PeopleTask) -> Any:
    try:
        return helper.ask(task)
    except CurationError as error:
        raise HTTPException(409, in_words(error)) from error
