"""Routes of the taste panel: what is known, what to rate next, scorers learned and put to use.

Reads and proposals are answered in the helper; learning, judging and promoting are jobs.
"""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from curation.errors import CurationError
from curation.web.answers import in_words
from curation.web.audit import tell
from curation.web.helper import Ask
from curation.web.site import Site

MOST_ASKED = 60
NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
CARD = ("curve", "metrics", "declared", "reliability", "gain", "gain_se", "data", "ratings",
        "forced", "validation", "asked_by_chance")  # fmt: skip
"""What of a card, and of a judgement, a page draws."""


class AskedCount(BaseModel):
    """How many frames to propose."""

    model_config = ConfigDict(extra="forbid")

    count: int = Field(12, ge=1, le=MOST_ASKED)


class AskedLive(BaseModel):
    """Whether ratings count at once."""

    model_config = ConfigDict(extra="forbid")

    on: bool


class AskedRun(BaseModel):
    """What to do with ratings and scorers; promoting needs a name."""

    model_config = ConfigDict(extra="forbid")

    verb: Literal["train", "evaluate", "promote"]
    name: str = Field("", pattern=f"{NAME}|^$")
    force: bool = False


def make_taste_router(site: Site) -> APIRouter:
    """Return the routes below /api/taste."""
    router = APIRouter(prefix="/api/taste")

    def asked(name: str, **values: Any) -> Any:
        try:
            return site.review.ask(Ask(name, values))
        except CurationError as error:
            raise HTTPException(409, in_words(error)) from error

    def told(state: dict[str, Any]) -> dict[str, Any]:
        for scorer in state["scorers"]:
            scorer["card"] = {key: scorer["card"][key] for key in CARD if key in scorer["card"]}
        return {**state, "judged": _judged(site)}

    @router.get("")
    def state() -> dict[str, Any]:
        return told(asked("taste"))

    @router.post("/proposals")
    def proposals(wanted: AskedCount) -> list[dict[str, Any]]:
        return asked("proposals", count=wanted.count)  # type: ignore[no-any-return]

    @router.post("/live")
    def live(wanted: AskedLive) -> dict[str, Any]:
        found = told(asked("live_taste", on=wanted.on))
        tell(live_taste=wanted.on)
        return found

    @router.post("/run")
    def run(wanted: AskedRun) -> Response:
        """Queue a verb of taste, unless one is open; the page follows it by its number."""
        if wanted.verb == "promote" and not wanted.name:
            raise HTTPException(422, "say which scorer to promote")
        named = ["--name", wanted.name] if wanted.verb == "train" else [wanted.name]
        argv = named if wanted.name else []
        if wanted.force and wanted.verb == "promote":
            argv = [*argv, "--force"]
        latest = site.jobs.table.latest(wanted.verb)
        if latest is not None and latest.is_open:
            said = f"{wanted.verb} is running already; wait for its end"
            return JSONResponse({"detail": said, "job": latest.id}, 409)
        try:
            return JSONResponse({"job": site.jobs.add(wanted.verb, argv)}, 202)
        except CurationError as error:
            raise HTTPException(429, str(error)) from error

    return router


def _judged(site: Site) -> dict[str, Any] | None:
    """Return the latest judgement of learning from ratings: by evaluate, or with a scorer."""
    runs = [site.jobs.table.latest(verb) for verb in ("evaluate", "train")]
    ended = [run for run in runs if run is not None and "curve" in (run.summary or {})]
    if not ended:
        return None
    newest = max(ended, key=lambda run: run.ended_s or 0.0)
    summary = dict(newest.summary or {})
    return {key: summary[key] for key in CARD if key in summary}
