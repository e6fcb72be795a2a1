"""The route of a drawn figure: frames in which somebody stands like it."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from curation.errors import CurationError
from curation.web.answers import in_words
from curation.web.helper import Ask
from curation.web.site import Site

MOST = 1000
MOST_JOINTS = 33

Number = Annotated[float, Field(ge=-1e5, le=1e5, allow_inf_nan=False)]
Name = Annotated[str, Field(max_length=40)]


class Figure(BaseModel):
    """Joints of a figure: x and y in one unit, y downwards."""

    model_config = ConfigDict(extra="forbid")

    joints: dict[Name, tuple[Number, Number]] = Field(max_length=MOST_JOINTS)
    count: int = Field(200, ge=1, le=MOST)


def make_search_router(site: Site) -> APIRouter:
    """Return the routes of searching that the workspace's table does not answer."""
    router = APIRouter(prefix="/api/review")

    @router.post("/pose")
    def pose(figure: Figure) -> dict[str, Any]:
        values = {"like": [], "pose": json.dumps(figure.joints), "count": figure.count}
        try:
            return site.prober.ask(Ask("search", values))  # type: ignore[no-any-return]
        except CurationError as error:
            raise HTTPException(409, in_words(error)) from error

    return router
