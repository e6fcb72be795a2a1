"""A tab for each verb: its settings, one button, how the job is doing, the same as a command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from curation.errors import CurationError
from curation.recipes import VERB_PARAMS
from curation.store.jobs import Job
from curation.ui import commands, job_buttons, markup
from curation.ui.controls import Controls, lay_out
from curation.ui.desk import Desk


@dataclass(frozen=True, slots=True)
class Stage:
    """What is written on a tab."""

    verb: str
    tab: str
    title: str
    about: str
    button: str
    following: str
    following_id: str


STAGES = (
    Stage(
        "extract",
        "2 Extract",
        "Extract frames",
        "Stores the sharpest frame of each moment with its exact time. Black, blank and frozen "
        "frames are left out; each keeps its reason.",
        "Extract frames",
        "Continue to Sort",
        "sort",
    ),
    Stage(
        "sort",
        "3 Sort",
        "Sort into pools",
        "Measures faces, people and poses in every frame, then puts each frame into the face, "
        "upper body or full body pool. Measures are kept: changing a pool setting is quick.",
        "Sort frames",
        "Continue to Score & rank",
        "rank",
    ),
    Stage(
        "rank",
        "4 Score & rank",
        "Score and rank",
        "Decides about every frame from stored measures: small, soft, false or repeated ones go, "
        "the best spread-out ones of each pool are picked.",
        "Score and rank",
        "See the results",
        "results",
    ),
)


@dataclass(frozen=True)
class StageTab:
    """The components of one tab."""

    stage: Stage
    controls: Controls
    recipe: Any
    retry: Any
    start: Any
    cancel: Any
    resume: Any
    following: Any
    notice: Any
    panel: Any
    log: Any
    command: Any

    @property
    def inputs(self) -> list[Any]:
        """Return what a start reads: whether to retry, then the controls."""
        return [self.retry, *self.controls.components]

    @property
    def job_outputs(self) -> list[Any]:
        """Return what shows a job, in the order of `job_updates`."""
        return [self.panel, self.log, self.start, self.cancel, self.resume, self.following]


def build(desk: Desk, stage: Stage) -> StageTab:
    """Place one tab's components; call it inside its gr.Tab."""
    with gr.Row(elem_classes="stage"):
        with gr.Column(scale=5, min_width=420, elem_classes="card settings"):
            gr.HTML(f"<h2>{stage.title}</h2><p class='about'>{stage.about}</p>", js_on_load=None)
            recipe = gr.Dropdown(
                desk.recipes(stage.verb),
                value=desk.recipes(stage.verb)[0],
                label="Start from",
                info="Fills all settings below: those of the last run, the defaults, or a recipe.",
                elem_id=f"recipe-{stage.verb}",
                elem_classes="setting recipe",
            )
            controls = lay_out(VERB_PARAMS[stage.verb], stage.verb)
            retry = gr.Checkbox(
                False,
                label="Try quarantined videos again"
                if stage.verb == "extract"
                else "Measure again what failed",
                visible=stage.verb in ("extract", "sort"),
                info="Videos that ended their worker twice are left alone otherwise."
                if stage.verb == "extract"
                else "Asks once more about frames that ended with an error.",
                elem_classes="setting",
            )
        with gr.Column(scale=4, min_width=360, elem_classes="run"):
            with gr.Column(elem_classes="card"):
                start = gr.Button(stage.button, variant="primary", elem_id=f"start-{stage.verb}")
                notice = gr.HTML("", js_on_load=None, elem_classes="said")
                panel = gr.HTML(
                    markup.job_panel(None, ""),
                    js_on_load=None,
                    elem_id=f"job-{stage.verb}",
                )
                with gr.Row(elem_classes="actions"):
                    cancel = gr.Button("Cancel", variant="secondary", size="md", visible=False)
                    resume = gr.Button("Resume", variant="secondary", size="md", visible=False)
                    following = gr.Button(
                        stage.following, variant="secondary", size="md", visible=False
                    )
            with gr.Column(elem_classes="card"):
                command = gr.Textbox(
                    label="The same as a command",
                    lines=2,
                    max_lines=6,
                    interactive=False,
                    buttons=["copy"],
                    elem_classes="command",
                    elem_id=f"command-{stage.verb}",
                )
                with gr.Accordion("Log", open=False, elem_classes="advanced"):
                    log = gr.HTML(markup.log_view(""), js_on_load=None)
    return StageTab(
        stage,
        controls,
        recipe,
        retry,
        start,
        cancel,
        resume,
        following,
        notice,
        panel,
        log,
        command,
    )


def recipe_update(desk: Desk, stage: Stage, opened: bool = False) -> Any:
    """Return what settings may be taken from now; a page that opens stands on the first of it."""
    names = desk.recipes(stage.verb)
    return gr.update(choices=names, value=names[0]) if opened else gr.update(choices=names)


def job_updates(desk: Desk, stage: Stage) -> list[Any]:
    """Return what the latest job of a verb looks like now."""
    job: Job | None = desk.site.jobs.table.latest(stage.verb)
    log = desk.site.jobs.log_tail(job.id) if job else ""
    is_open = job is not None and job.is_open
    done = job is not None and job.state == "done"
    before = desk.before(stage.verb)
    return [
        markup.job_panel(job, desk.waiting(stage.verb), "" if is_open else before),
        markup.log_view(log),
        # Once it is done, the button that goes on is the one to see.
        gr.update(
            interactive=not is_open and not before, variant="secondary" if done else "primary"
        ),
        *job_buttons.standing(job),
        gr.update(visible=done, variant="primary" if done else "secondary"),
    ]


def words_of(desk: Desk, tab: StageTab, values: tuple[Any, ...]) -> list[str]:
    """Return the words of the command that a tab's settings make.

    Raises:
        ParamError: in one sentence, when a setting is out of its range.
    """
    retry, *settings = values
    words = commands.argv_of(desk.studio, tab.stage.verb, tab.controls.read(settings))
    flag = "--retry-quarantined" if tab.stage.verb == "extract" else "--retry-failed"
    return [*words, flag] if retry else words


def starter(desk: Desk, tab: StageTab, board: Callable[[], list[Any]]) -> Callable[..., list[Any]]:
    """Return what the primary button does: queue the job, then show the board."""

    def start(*values: Any) -> list[Any]:
        said = ""
        try:
            _require_input(desk, tab.stage.verb)
            words = words_of(desk, tab, values)
            latest = desk.site.jobs.table.latest(tab.stage.verb)
            if latest is None or not latest.is_open:
                desk.site.jobs.add(tab.stage.verb, words)
        except CurationError as error:
            said = markup.refused(error)
        return [said, *board()]

    return start


def teller(desk: Desk, tab: StageTab) -> Callable[..., str]:
    """Return what writes the command line whenever a setting moves."""

    def tell(*values: Any) -> str:
        try:
            words = words_of(desk, tab, values)
        except CurationError as error:
            return error.message
        return commands.shown(tab.stage.verb, words, desk.studio.root)

    return tell


def _require_input(desk: Desk, verb: str) -> None:
    if verb == "extract" and not desk.has_videos():
        raise CurationError("There is no video yet.", "Add one under Ingest.")
    if verb == "sort" and not desk.counts()["frames"]:
        raise CurationError("There are no frames yet.", "Extract them first.")
    if verb == "rank" and desk.stage() in ("empty", "extracted"):
        raise CurationError("No frame is measured yet.", "Sort them first.")
