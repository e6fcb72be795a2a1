"""What programs may ask of a studio: every verb and read as a typed endpoint; see docs/api.md.

The same guard, token and limits stand before these as before every route. A verb is queued as the
job that its button starts; its endpoint tells how the job is doing until it ends. Whoever hangs up
loses nothing: the job goes on, and `/job_state` tells of it. Everything else is answered by the
helper process. No endpoint takes a path of the server.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from curation.cli.options import to_argv
from curation.errors import CurationError
from curation.export.settings import ExportParams
from curation.ingest.link_errand import LinkParams
from curation.params import ExtractParams, Params, RankParams, SortParams, extra_of
from curation.recipes import build as checked
from curation.store.jobs import DONE, Job
from curation.web.helper import Ask, Cover, Explain
from curation.web.site import Site

LOOK_S = 0.25
MOST_STREAMS = 32
"""Of one verb, watched at once; each is a coroutine, no thread."""
MOST_SHOWN = 200
LISTED = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb that runs as a job.

    Attributes:
        about: one or two sentences.
        params: its settings; each becomes a parameter of the endpoint.
        words: names of further parameters -> (type, default, flag; "" stands by its place).
    """

    name: str
    about: str
    params: type[Params] | None = None
    words: tuple[tuple[str, type, Any, str], ...] = ()


VERBS = (
    Verb("extract", "Store frames of the videos in the datastore, with exact time identity.",
         ExtractParams),
    Verb("sort", "Measure frames that are new, then put them into pools.", SortParams),
    Verb("rank", "Decide about every frame and write the picks into ranked/.", RankParams),
    Verb("apply", "Write people's marks into ranked/."),
    Verb("unapply", "Put back what stood in ranked/ before the latest apply."),
    Verb("remake", "Make full-size pictures that are not there from their videos.", None,
         (("all", bool, False, "--all"),)),
    Verb("download", "Fetch the videos of links.", LinkParams, (("urls", list[str], None, ""),)),
    Verb("train", "Learn a scorer from ratings; it changes no ranking until it is promoted.", None,
         (("name", str, "", "--name"), ("fine_tune", bool, False, "--fine-tune"))),
    Verb("evaluate", "Judge a scorer on videos that it has not seen; none: the ratings of now.",
         None, (("scorer", str, "", ""),)),
    Verb("promote", "Put a scorer to use where it beats the one in use.", None,
         (("scorer", str, None, ""), ("force", bool, False, "--force"))),
    Verb("export", "Write a data set into the datastore's exports/; see /export_formats.",
         ExportParams, (("format", str, None, ""),)),
    Verb("report", "Write dataset_report.html: what a set covers and lacks, and what was refused.",
         None, (("where", str, "", "--where"),)),
)  # fmt: skip


def build(site: Site) -> None:
    """Declare all endpoints; inside gr.Blocks."""
    for verb in VERBS:
        run, parameters = _runner(site, verb), _parameters(verb)
        gr.api(
            _typed(run, verb.name, parameters), api_name=verb.name, api_description=_told(verb),
            concurrency_limit=MOST_STREAMS,
        )  # fmt: skip
    for read in (*_reads(site), *_jobs(site), *_words(site)):
        gr.api(
            _plain(read), api_name=read.__name__, api_description=inspect.getdoc(read),
            concurrency_limit=4,
        )  # fmt: skip


# -- verbs ----------------------------------------------------------------------------------------


def _open_fields(model: type[Params] | None) -> dict[str, Any]:
    """Return the settings that others than this machine may choose: none that names a file."""
    found = {}
    for name, info in (model.model_fields if model else {}).items():
        if not extra_of(info).get("local"):
            found[name] = info
    return found


def _parameters(verb: Verb) -> list[inspect.Parameter]:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    empty = inspect.Parameter.empty
    own = [
        inspect.Parameter(name, kind, annotation=type_, default=empty if value is None else value)
        for name, type_, value, _ in verb.words
    ]
    settings = [
        inspect.Parameter(name, kind, annotation=info.annotation, default=info.default)
        for name, info in _open_fields(verb.params).items()
    ]
    return sorted(own, key=lambda one: one.default is not empty) + settings


def _told(verb: Verb) -> str:
    lines = [verb.about, "Tells how the job is doing until it ends; its summary comes last."]
    for name, info in _open_fields(verb.params).items():
        lines.append(f"{name}: {info.description}")
    return "\n".join(lines)


def _runner(site: Site, verb: Verb) -> Callable[..., AsyncIterator[LISTED]]:
    names = [one.name for one in _parameters(verb)]
    flags = {name: flag for name, _, _, flag in verb.words}

    async def run(*given: Any) -> AsyncIterator[LISTED]:
        values = dict(zip(names, given, strict=True))
        try:
            argv = _argv(verb, values, flags)
            links = [str(url) for url in values["urls"] or ()] if "urls" in values else []
            if "urls" in values and not links:
                raise CurationError("there is no link", "name urls")
            number = site.jobs.add(verb.name, argv, links)
        except CurationError as error:
            raise _refused(error) from error
        while True:
            job = site.jobs.table.get(number)
            yield _shown(job)
            if not job.is_open:
                break
            await asyncio.sleep(LOOK_S)
        if job.state != DONE:
            raise gr.Error(f"{verb.name} ended {job.state}: {job.error or 'see /job_log'}")

    return run


def _argv(verb: Verb, values: dict[str, Any], flags: dict[str, str]) -> list[str]:
    """Return the words that are typed for these values; each of them is checked first."""
    argv: list[str] = []
    for name, kind, _, flag in verb.words:
        value = values[name]
        if name == "urls":
            continue
        if kind is bool:
            argv += [flag] if value is True else []
            continue
        if not isinstance(value, str) or len(value) > 8000 or "\0" in value:
            raise CurationError(f"{name} is a text, not {str(value)[:40]!r}")
        if not flag and (value.startswith("-") or "/" in value or "\\" in value):
            raise CurationError(f"{name} is a name, not {value[:40]!r}", "no path is taken here")
        if flag and value:
            argv.append(f"{flag}={value}")
        elif value or not flag:
            argv += [value] if value else []
    if verb.params is not None:
        own = {key: value for key, value in values.items() if key not in flags}
        argv += to_argv(checked(verb.params, own))
    return argv


def _shown(job: Job) -> LISTED:
    return {
        "job": job.id, "verb": job.verb, "state": job.state, "stage": job.stage, "done": job.done,
        "total": job.total, "unit": job.unit, "rate_per_s": job.rate_per_s, "eta_s": job.eta_s,
        "note": job.note, "failed": [list(one) for one in job.failed],
        "summary": None if job.summary is None else dict(job.summary), "error": job.error,
    }


def _typed(
    run: Callable[..., Any], name: str, parameters: list[inspect.Parameter]
) -> Callable[..., Any]:
    run.__name__ = run.__qualname__ = name
    run.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": LISTED}
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        parameters, return_annotation=LISTED
    )
    return run


def _refused(error: CurationError) -> gr.Error:
    return gr.Error(f"{error.message}. {error.hint}" if error.hint else error.message)


def _plain(read: Callable[..., Any]) -> Callable[..., Any]:
    """Return a read whose refusals are told to whoever asks."""
    # What Gradio is told about a type must be the type, not its name.
    hints = inspect.get_annotations(read, eval_str=True)
    signature = inspect.signature(read)

    def asked(*given: Any) -> Any:
        try:
            return read(*given)
        except CurationError as error:
            raise _refused(error) from error
        except KeyError as error:
            raise gr.Error(f"there is no {error}") from error

    parameters = [
        one.replace(annotation=hints[one.name]) for one in signature.parameters.values()
    ]
    made = _typed(asked, read.__name__, parameters)
    made.__annotations__["return"] = hints["return"]
    made.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        parameters, return_annotation=hints["return"]
    )
    return made


# -- reads ----------------------------------------------------------------------------------------


def _reads(site: Site) -> list[Callable[..., Any]]:
    def ask(name: str, **values: Any) -> Any:
        return site.review.ask(Ask(name, values))

    def status() -> dict[str, Any]:
        """How many videos and frames there are, by pool, verdict and reason."""
        return dict(ask("status"))

    def frames(
        pool: str = "", verdict: str = "", reason: str = "", order: str = "rank",
        limit: int = 100, offset: int = 0,
    ) -> list[dict[str, Any]]:
        """Decided frames with their parts, best first; a page of at most 1000."""
        return list(ask(
            "frames", pool=pool, verdict=verdict, reason=reason, order=order, limit=limit,
            offset=offset,
        ))

    def search(
        like: list[int] = [], by: str = "appearance", pose: str = "", where: str = "",  # noqa: B006
        order: str = "", smallest: bool = False, count: int = 60,
    ) -> dict[str, Any]:
        """Frames like frames (by appearance, face, pose or scene), like a drawn pose (JSON of
        joints), or those for which a condition holds; found, and frames with their distance."""
        return dict(ask(
            "search", like=like, by=by, pose=pose, where=where, order=order, smallest=smallest,
            count=count,
        ))

    def frames_where(where: str) -> list[int]:
        """The frames for which a condition holds: focus > 0.8 and pool = 'face'."""
        return list(ask("frames_where", where=where))

    def columns() -> list[dict[str, Any]]:
        """What conditions may name: name, kind, about, words."""
        return list(ask("columns"))

    def explain(frame_id: int) -> dict[str, Any]:
        """Why a frame stands where it stands, and what it would have needed."""
        return dict(site.trials.ask(Explain(frame_id)))

    def coverage() -> dict[str, Any]:
        """What the picks hold and lack."""
        return dict(site.trials.ask(Cover()))

    def taste() -> dict[str, Any]:
        """How many ratings there are, and what scores by them."""
        return dict(ask("taste"))

    def proposals(count: int = 12) -> list[dict[str, Any]]:
        """Which frames to rate next, and why each."""
        return list(ask("proposals", count=count))

    def people() -> dict[str, Any]:
        """Everybody who was seen or named."""
        return dict(ask("people"))

    def export_formats() -> list[dict[str, Any]]:
        """Name, about and reader of every export format."""
        return list(ask("export_formats"))

    def export_preview(format: str, settings: dict[str, Any] = {}) -> dict[str, Any]:  # noqa: B006
        """The tree and the first rows of an export; settings as of /export."""
        return dict(ask("export_preview", format=format, settings=settings))

    return [status, frames, search, frames_where, columns, explain, coverage, taste, proposals,
            people, export_formats, export_preview]


def _jobs(site: Site) -> list[Callable[..., Any]]:
    table = site.jobs.table

    def jobs(count: int = 20) -> list[dict[str, Any]]:
        """The latest jobs, newest last."""
        return [_shown(job) for job in table.recent(max(1, min(int(count), MOST_SHOWN)))]

    def job_state(number: int) -> dict[str, Any]:
        """How a job is doing."""
        return _shown(table.get(int(number)))

    def job_log(number: int) -> str:
        """The last lines that a job printed."""
        return site.jobs.log_tail(table.get(int(number)).id)

    def job_cancel(number: int) -> dict[str, Any]:
        """Ask a job to stop; what it finished stays."""
        return _shown(site.jobs.cancel(int(number)))

    def job_resume(number: int) -> dict[str, Any]:
        """Queue the same command again; finished work is not done again."""
        return _shown(site.jobs.resume(int(number)))

    return [jobs, job_state, job_log, job_cancel, job_resume]


def _words(site: Site) -> list[Callable[..., Any]]:
    def mark(
        frames: list[int], kind: str, value: int | str, client: str = "api"
    ) -> dict[str, Any]:
        """Mark frames: flag (-1..1), stars (0..5), label (0..5), tag, untag or note; undo is one
        history for each client."""
        told = site.review.ask(Ask("mark", {
            "frames": frames, "kind": kind, "value": value, "client": client,
        }))
        site.trail.note("mark", kinds=[kind], values=[str(value)[:60]], frames=len(frames))
        return dict(told)

    def undo_mark(client: str = "api") -> dict[str, Any]:
        """Take back what a client marked last."""
        told = site.review.ask(Ask("undo_mark", {"client": client}))
        site.trail.note("mark undone")
        return dict(told)

    def say_of_people(
        verb: str, who: str = "", value: str = "", frames: list[int] = [],  # noqa: B006
        client: str = "api",
    ) -> dict[str, Any]:
        """Say who is who: name WHO value, name_frames value, merge WHO value, split, not WHO,
        consent WHO value, undo, redo."""
        told = site.review.ask(Ask("say_of_people", {
            "verb": verb, "who": who, "value": value, "frames": frames, "client": client,
        }))
        site.trail.note("people", said=str(verb)[:20], frames=len(frames))
        return dict(told)

    return [mark, undo_mark, say_of_people]
