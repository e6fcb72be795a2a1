"""Routes of crops in the review workspace: seen, proposed, accepted, refused, placed by hand.

Frames are named by number, places are shares of the picture. No file is touched: what a person
says is kept in the catalogue until `python -m curation crops FOLDER --apply DIR` makes copies.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from curation.cull import crop_frames
from curation.errors import CurationError, InputError
from curation.store.cull_view import CullView
from curation.web.helper import Crops
from curation.web.site import Site

Share = Annotated[float, Field(ge=-1, le=2, allow_inf_nan=False)]
"""A hand may draw over the edge; the crop stays inside."""
VERB = "crops"
MOST_ID = 2**63 - 1


class AskedCrop(BaseModel):
    """What a person says of one crop of a frame."""

    model_config = ConfigDict(extra="forbid")

    ratio: str = Field(min_length=3, max_length=16)
    verdict: Literal["accepted", "refused", "proposed", "review"] | None = None
    box: tuple[Share, Share, Share, Share] | None = None
    forget: bool = False


def make_crop_router(site: Site) -> APIRouter:
    """Return the routes below /api/crops."""
    router = APIRouter(prefix="/api/crops")
    catalogue = site.studio.catalogue

    def told(frame_id: int) -> dict[str, Any]:
        found = crop_frames.shown(catalogue, frame_id) if frame_id <= MOST_ID else None
        if found is None:
            raise HTTPException(404, "there is no such frame")
        return found

    @router.get("/{frame_id}")
    def crops(frame_id: int) -> dict[str, Any]:
        return told(frame_id)

    @router.post("/{frame_id}/propose")
    def propose(frame_id: int) -> dict[str, Any]:
        """Propose the shapes that the frame has no crop of, by what was measured of it."""
        told(frame_id)
        try:
            site.trials.ask(Crops(frame_id))
        except InputError as error:
            raise HTTPException(409, error.message) from error
        except CurationError as error:
            raise HTTPException(503, error.message) from error
        return told(frame_id)

    @router.post("/{frame_id}")
    def say(frame_id: int, asked: AskedCrop) -> dict[str, Any]:
        told(frame_id)
        try:
            if asked.forget:
                crop_frames.forget(catalogue, frame_id, asked.ratio)
            else:
                crop_frames.say(catalogue, frame_id, asked.ratio, asked.verdict, asked.box)
        except InputError as error:
            raise HTTPException(409, error.message) from error
        return told(frame_id)

    @router.post("")
    def all_of_them() -> Response:
        """Queue a look at all pictures of the folder."""
        folder = CullView(catalogue).folder
        if folder is None:
            raise HTTPException(409, "crops of a video frame are proposed when it is shown")
        running = next((job for job in site.jobs.table.recent(20) if job.is_open), None)
        if running is not None:
            said = f"{running.verb} is running already; wait for its end"
            return JSONResponse({"detail": said, "job": running.id}, 409)
        place = str(folder)
        return JSONResponse({"job": site.jobs.add(VERB, ["-d", place, place])}, 202)

    return router
