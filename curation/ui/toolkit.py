"""The Toolkit tab: verbs over folders of pictures, each said before it is done, and taken back.

A verb is first run dry: its steps, with reasons and pictures, are what the button "Do it" then
does. Settings that were changed since ask for another look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from curation.ui import markup, toolkit_fields
from curation.ui.desk import Desk
from curation.ui.toolkit_fields import VerbControls
from curation.ui.toolkit_words import called

PAGE = 24
INTRO = (
    "<h2>Toolkit</h2><p class='about'>For folders of pictures: every step is shown before it is "
    "done, and can be taken back to the byte.</p>"
)


@dataclass(frozen=True)
class ToolkitTab:
    """The components of the tab."""

    place: Any
    verb: Any
    about: Any
    sources: Any
    target: Any
    recursive: Any
    groups: dict[str, Any]
    controls: dict[str, VerbControls]
    check: Any
    do: Any
    cancel: Any
    notice: Any
    panel: Any
    command: Any
    log: Any
    history: Any
    undo: Any
    title: Any
    changes: Any
    pager: Any
    back: Any
    where: Any
    on: Any
    page: Any

    @property
    def inputs(self) -> list[Any]:
        """Return every setting: the shared ones, then each verb's."""
        shared = [self.place, self.verb, self.sources, self.target, self.recursive]
        return [*shared, *(part for one in self.controls.values() for part in one.components)]

    @property
    def offering(self) -> list[tuple[str, int, Any]]:
        """Return (verb, number, control) of those that offer files or folders of the work dir."""
        kinds = (toolkit_fields.FILE, toolkit_fields.FOLDER)
        return [
            (word, i, one.components[i])
            for word, one in self.controls.items()
            for i, shown in enumerate(one.shown)
            if shown.kind in kinds
        ]


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the controls stand.

    Attributes:
        values: of the chosen verb's own controls.
    """

    place: str
    verb: str
    sources: Sequence[str]
    target: str
    recursive: bool
    values: Sequence[Any]


def settings_of(tab: ToolkitTab, sent: Sequence[Any]) -> Settings:
    """Return the settings from the values of `tab.inputs`."""
    place, verb, sources, target, recursive, *rest = sent
    at = 0
    values: Sequence[Any] = ()
    for word, one in tab.controls.items():
        if word == verb:
            values = rest[at : at + len(one.components)]
        at += len(one.components)
    return Settings(place, verb, sources or [], target or "", bool(recursive), values)


def build(desk: Desk) -> ToolkitTab:
    """Place the tab's components; call it inside its gr.Tab."""
    verbs = toolkit_fields.verbs()
    choices = [(called(word), word) for word in verbs]
    first = next(iter(verbs))
    named = list(desk.site.places.offered())
    with gr.Row(elem_classes="stage"):
        with gr.Column(scale=5, min_width=420, elem_classes="card settings"):
            gr.HTML(INTRO, js_on_load=None)
            if not named:
                gr.HTML(
                    markup.empty(
                        "No folder is offered",
                        "Start with --input-dir FOLDER to work in the folders below it.",
                    ),
                    js_on_load=None,
                )
            with gr.Column(elem_classes="fields"):
                place = gr.Dropdown(
                    named, value=None, label="Work folder", allow_custom_value=True,
                    info="All other names are relative to it.", visible=bool(named),
                    elem_classes="setting", elem_id="toolkit-place",
                )  # fmt: skip
                verb = gr.Dropdown(
                    choices, value=first, label="What to do", info="The word is its command.",
                    elem_classes="setting", elem_id="toolkit-verb",
                )  # fmt: skip
            about = gr.HTML("", js_on_load=None, elem_classes="verb-about")
            with gr.Column(elem_classes="fields"):
                sources = gr.Dropdown(
                    [], value=[], multiselect=True, allow_custom_value=True, label="From",
                    info="Folders that pictures are taken from, in this order.",
                    elem_classes="setting", elem_id="toolkit-from",
                )  # fmt: skip
                target = gr.Dropdown(
                    [], value="", allow_custom_value=True, label="To", elem_classes="setting",
                    info="Folder that results go to; a new name makes one.", elem_id="toolkit-to",
                )  # fmt: skip
                recursive = gr.Checkbox(
                    False, label="Sub-folders too", info="Take the pictures of sub-folders.",
                    elem_classes="setting", elem_id="toolkit-recursive",
                )  # fmt: skip
            groups, controls = {}, {}
            for word, one in verbs.items():
                with gr.Column(visible=word == first, elem_classes="verb") as group:
                    controls[word] = toolkit_fields.lay_out(one)
                groups[word] = group
        with gr.Column(scale=4, min_width=360, elem_classes="run"):
            with gr.Column(elem_classes="card"):
                check = gr.Button(
                    "See what would happen", variant="primary", elem_id="toolkit-check"
                )
                do = gr.Button("Do it", interactive=False, elem_id="toolkit-do")
                notice = gr.HTML("", js_on_load=None, elem_classes="said")
                panel = gr.HTML("", js_on_load=None, elem_id="job-toolkit")
                with gr.Row(elem_classes="actions"):
                    cancel = gr.Button("Cancel", variant="secondary", size="md", visible=False)
            with gr.Column(elem_classes="card"):
                gr.HTML("<h2>Done in this folder</h2>", js_on_load=None)
                history = gr.HTML("", js_on_load=None, elem_id="toolkit-history")
                undo = gr.Button(
                    "Take back the latest", size="md", visible=False, elem_id="toolkit-undo"
                )
            with gr.Column(elem_classes="card"):
                command = gr.Textbox(
                    label="The same as a command", lines=2, max_lines=6, interactive=False,
                    buttons=["copy"], elem_classes="command", elem_id="command-toolkit",
                )  # fmt: skip
                with gr.Accordion("Log", open=False, elem_classes="advanced"):
                    log = gr.HTML(markup.log_view(""), js_on_load=None)
    with gr.Column(elem_classes="card", elem_id="toolkit-result"):
        title = gr.HTML("<h2>Before and after</h2>", js_on_load=None, elem_id="toolkit-title")
        changes = gr.HTML("", js_on_load=None, elem_id="toolkit-changes")
        page = gr.Number(0, visible="hidden")
        with gr.Row(elem_classes="pager", visible=False) as pager:
            back = gr.Button("Previous", variant="secondary", size="md")
            where = gr.HTML("", js_on_load=None, elem_classes="place")
            on = gr.Button("Next", variant="secondary", size="md")
    return ToolkitTab(
        place, verb, about, sources, target, recursive, groups, controls, check, do, cancel,
        notice, panel, command, log, history, undo, title, changes, pager, back, where, on, page,
    )  # fmt: skip
