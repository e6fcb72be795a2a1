"""What programs may ask a studio, answered in the helper: reads, and words of people."""

from __future__ import annotations

import functools
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curation.errors import CurationError, ParamError
from curation.studio import Studio

MOST_PAGE = 1000


@functools.lru_cache(1)
def _studio(root: Path) -> Studio:
    return Studio(root)


def answer(root: Path, name: str, values: Mapping[str, Any]) -> Any:
    """Return the answer to one question, as it can be told in JSON.

    Raises:
        CurationError: it cannot be answered; says what to ask instead.
    """
    told = getattr(_Answers(_studio(root)), name)(**values)
    return json.loads(json.dumps(told, allow_nan=False, default=str))


class _Answers:
    """One method for each endpoint of curation/ui/api.py that is no job."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def status(self) -> dict[str, Any]:
        tally = self.studio.decisions.tally()
        videos = self.studio.videos.listing()
        return {
            "videos": len(videos), "frames": sum(one["frames"] for one in videos),
            "pools": tally["pool"], "verdicts": tally["verdict"], "reasons": tally["reason"],
        }

    def frames(
        self, pool: str, verdict: str, reason: str, order: str, limit: int, offset: int
    ) -> list[dict[str, Any]]:
        if order not in ("rank", "score", "time"):
            raise CurationError(f"frames are not ordered by {order!r}", "by rank, score or time")
        if not (0 <= limit <= MOST_PAGE and offset >= 0):
            raise CurationError(f"limit is 0 to {MOST_PAGE}, offset 0 or more", "ask page by page")
        return self.studio.decisions.page(
            pool=pool or None, verdict=verdict or None, reason=reason or None, order=order,
            limit=limit, offset=offset,
        )

    def search(self, **asked: Any) -> dict[str, Any]:
        from curation.recipes import build
        from curation.search.find import SearchParams

        like = tuple(str(int(number)) for number in asked.pop("like"))
        if asked["pose"] and not asked["pose"].lstrip().startswith(("{", "[")):
            raise CurationError("the pose is no JSON", 'write {"left_wrist": [x, y], ...}')
        beats = list(self.studio.search(build(SearchParams, {**asked, "like": like})))
        return dict(beats[-1].summary or {})

    def columns(self) -> list[dict[str, Any]]:
        return self.studio.columns()

    def frames_where(self, where: str) -> list[int]:
        return self.studio.frames_where(where)

    def explain(self, frame_id: int) -> dict[str, Any]:
        return self.studio.explain(frame_id)

    def coverage(self) -> dict[str, Any]:
        return self.studio.coverage()

    def taste(self) -> dict[str, Any]:
        return self.studio.taste()

    def proposals(self, count: int) -> list[dict[str, Any]]:
        if not 1 <= count <= MOST_PAGE:
            raise CurationError(f"count is 1 to {MOST_PAGE}", "ask for fewer")
        return self.studio.proposals(count)

    def live_taste(self, on: bool) -> dict[str, Any]:
        self.studio.live_taste(on)
        return self.studio.taste()

    def people(self) -> dict[str, Any]:
        return self.studio.people()

    def say_of_people(
        self, verb: str, who: str, value: str, frames: list[int], client: str
    ) -> dict[str, Any]:
        speaker = self.studio.about_people(client)
        said = {
            "name": lambda: speaker.name(who, value),
            "name_frames": lambda: speaker.name_frames(frames, value),
            "merge": lambda: speaker.merge(who, value),
            "split": lambda: speaker.split(frames),
            "not": lambda: speaker.not_them(who, frames),
            "consent": lambda: speaker.consent(who, value),
            "undo": speaker.undo,
            "redo": speaker.redo,
        }
        if verb not in said:
            raise CurationError(f"nobody says {verb!r} of people", f"say {', '.join(said)}")
        return said[verb]()

    def export_formats(self) -> list[dict[str, str]]:
        return self.studio.export_formats()

    def export_preview(self, format: str, settings: dict[str, Any]) -> dict[str, Any]:
        from curation.export.settings import ExportParams
        from curation.recipes import build

        if settings.get("captions_from"):
            raise ParamError("captions_from names a file of the server", "leave it out")
        return self.studio.export_preview(format, build(ExportParams, settings))

    def export_outlook(self, format: str, settings: dict[str, Any]) -> dict[str, Any]:
        from curation.export.outlook import outlook
        from curation.export.settings import ExportParams
        from curation.recipes import build

        return outlook(self.studio.catalogue, format, build(ExportParams, settings))

    def mark(self, frames: list[int], kind: str, value: Any, client: str) -> dict[str, Any]:
        from pydantic import ValidationError

        from curation.web import mark_work

        op = {"id": uuid.uuid4().hex, "kind": kind, "value": value, "frames": frames}
        try:
            asked = mark_work.AskedOps.model_validate({"client": client, "ops": [op]})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"][2:])
            raise CurationError(
                f"{where or 'the mark'}: {first['msg']}",
                "kind is flag (-1..1), stars (0..5), label (0..5), tag, untag or note",
            ) from error
        return mark_work.do(self.studio.catalogue, asked)

    def undo_mark(self, client: str) -> dict[str, Any]:
        from dataclasses import asdict

        from curation.store.mark_ops import MarkOps

        return asdict(MarkOps(self.studio.catalogue).undo(client))
