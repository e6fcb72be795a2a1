"""The Export tab: what goes into a data set, how it looks before it is written, and what was made.

The tree and the first rows are made by the helper process; nothing is written before the button.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from curation.export.formats import described
from curation.export.settings import ExportParams
from curation.params import Params
from curation.ui import controls, markup
from curation.ui.controls import Controls, Field
from curation.ui.desk import Desk
from curation.web.export_shelf import OWN

INTRO = (
    "<h2>Export</h2><p class='about'>A data set for a trainer or a reader, with a lock that makes "
    "it again. Asked again, what is new is added; what you put there or changed is never touched."
    "</p>"
)
REPORT = (
    "<h2>Report</h2><p class='about'>One page about the picks, or about the frames of the "
    "condition on the left: what they cover and lack, what was refused and why, what to film or "
    "find next.</p>"
)
CHOSEN = ("what", "pools", "person", "stars", "where", "most", "require_consent")
"""Settings that say which frames go in; the others say how they look."""
LISTS = ("pools", "person")
"""Texts with commas that are chosen from a list here."""
ONLY_FOR: Mapping[str, tuple[str, ...]] = {
    "token": ("kohya",), "repeats": ("kohya",), "shard_mb": ("webdataset",),
    "embed": ("parquet",), "naming": ("xmp",),
}  # fmt: skip
"""Settings that only some formats follow."""


@dataclass(frozen=True)
class ExportControls:
    """The controls of the settings; lists are texts with commas in the parameters."""

    made: Controls

    @property
    def components(self) -> tuple[Any, ...]:
        """Return all controls in the order of their fields."""
        return self.made.components

    def part(self, name: str) -> Any:
        """Return the control of a setting."""
        return next(part for field, part in self._pairs() if field.name == name)

    def read(self, values: Sequence[Any]) -> ExportParams:
        """Return the parameters that the controls make.

        Raises:
            ParamError: in one sentence, naming the parameter and its range.
        """
        read = self.made.read([
            ",".join(map(str, value or ())) if field.name in LISTS else value or ""
            if field.kind is str and not field.choices else value
            for field, value in zip(self.made.fields, values, strict=True)
        ])  # fmt: skip
        assert isinstance(read, ExportParams)
        return read

    def values(self, layer: Mapping[str, Any]) -> list[Any]:
        """Return what the controls show for some settings."""
        values = self.made.values(layer)
        return [
            [word.strip() for word in str(value).split(",") if word.strip()]
            if field.name in LISTS else value
            for field, value in zip(self.made.fields, values, strict=True)
        ]  # fmt: skip

    def only_for(self, kind: str) -> list[Any]:
        """Return which controls show for a format, in the order of ONLY_FOR."""
        return [gr.update(visible=kind in kinds) for kinds in ONLY_FOR.values()]

    def _pairs(self) -> list[tuple[Field, Any]]:
        return list(zip(self.made.fields, self.made.components, strict=True))


@dataclass(frozen=True)
class ExportTab:
    """The components of the tab."""

    kind: Any
    place: Any
    folder: Any
    controls: ExportControls
    wrong: Any
    start: Any
    cancel: Any
    resume: Any
    notice: Any
    panel: Any
    command: Any
    log: Any
    look: Any
    shelf: Any
    report: Any
    report_cancel: Any
    report_notice: Any
    report_panel: Any

    @property
    def inputs(self) -> list[Any]:
        """Return format, place, folder, then the settings."""
        return [self.kind, self.place, self.folder, *self.controls.components]


def build(desk: Desk) -> ExportTab:
    """Place the tab's components; call it inside its gr.Tab."""
    formats = [(f"{one['name']}: {one['about']}", one["name"]) for one in described()]
    with gr.Row(elem_classes="stage"):
        with gr.Column(scale=5, min_width=420, elem_classes="card settings"):
            gr.HTML(INTRO, js_on_load=None)
            kind = gr.Dropdown(
                formats, value=formats[0][1], label="Format", elem_classes="setting",
                elem_id="export-format",
                info="How it is laid out; the word is its name on the command line.",
            )  # fmt: skip
            with gr.Column(elem_classes="fields"):
                place = gr.Dropdown(
                    [OWN], value=OWN, label="Place", allow_custom_value=True,
                    info="The datastore's exports/, or a folder below the server's input folders.",
                    elem_classes="setting", elem_id="export-place",
                )  # fmt: skip
                folder = gr.Textbox(
                    "", label="Folder", max_lines=1, placeholder="as the format",
                    info="Its name in that place; a new name makes one.",
                    elem_classes="setting", elem_id="export-folder",
                )  # fmt: skip
            made, wrong = _lay_out(ExportParams)
        with gr.Column(scale=4, min_width=360, elem_classes="run"):
            with gr.Column(elem_classes="card"):
                start = gr.Button("Export", variant="primary", elem_id="start-export")
                notice = gr.HTML("", js_on_load=None, elem_classes="said")
                panel = gr.HTML("", js_on_load=None, elem_id="job-export")
                with gr.Row(elem_classes="actions"):
                    cancel = gr.Button("Cancel", variant="secondary", size="md", visible=False)
                    resume = gr.Button("Resume", variant="secondary", size="md", visible=False)
                command = gr.Textbox(
                    label="The same as a command", lines=2, max_lines=6, interactive=False,
                    buttons=["copy"], elem_classes="command", elem_id="command-export",
                )  # fmt: skip
                with gr.Accordion("Log", open=False, elem_classes="advanced"):
                    log = gr.HTML(markup.log_view(""), js_on_load=None)
            with gr.Column(elem_classes="card"):
                gr.HTML("<h2>What would be written</h2>", js_on_load=None)
                look = gr.HTML("", js_on_load=None, elem_id="export-look")
            with gr.Column(elem_classes="card"):
                gr.HTML("<h2>Exports that are there</h2>", js_on_load=None)
                shelf = gr.HTML("", js_on_load=None, elem_id="export-shelf")
            with gr.Column(elem_classes="card"):
                gr.HTML(REPORT, js_on_load=None)
                report = gr.Button("Make the report", elem_id="start-report")
                report_notice = gr.HTML("", js_on_load=None, elem_classes="said")
                report_panel = gr.HTML("", js_on_load=None, elem_id="job-report")
                with gr.Row(elem_classes="actions"):
                    stop = gr.Button("Cancel", variant="secondary", size="md", visible=False)
    return ExportTab(
        kind, place, folder, made, wrong, start, cancel, resume, notice, panel, command, log,
        look, shelf, report, stop, report_notice, report_panel,
    )  # fmt: skip


def _lay_out(model: type[Params]) -> tuple[ExportControls, Any]:
    """Place the settings; return them, and where a condition that cannot be read is told."""
    fields = controls.fields_of(model)
    parts: dict[str, Any] = {}
    gr.HTML("<h3 class='group'>What goes in</h3>", js_on_load=None)
    by_name = {field.name: field for field in fields}
    with gr.Column(elem_classes="fields"):
        for name in CHOSEN:
            if name != "where":
                parts[name] = _component(by_name[name])
    parts["where"] = _component(by_name["where"])
    wrong = gr.HTML("", js_on_load=None, elem_id="export-where-said", elem_classes="said")
    rest = [field for field in fields if field.name not in CHOSEN]
    gr.HTML("<h3 class='group'>How it looks</h3>", js_on_load=None)
    with gr.Column(elem_classes="fields"):
        for field in rest:
            if field.basic:
                parts[field.name] = _component(field)
    hidden = [field for field in rest if not field.basic]
    with (
        gr.Accordion(f"Advanced settings ({len(hidden)})", open=False, elem_classes="advanced"),
        gr.Column(elem_classes="fields"),
    ):
        for field in hidden:
            parts[field.name] = _component(field)
    made = Controls(model, tuple(fields), tuple(parts[field.name] for field in fields))
    return ExportControls(made), wrong


def _component(field: Field) -> Any:
    elem_id = f"export-{field.name}"
    if field.name in LISTS:
        # Which values are fine is checked when they are used: the list changes with the catalogue.
        return gr.Dropdown(
            [], value=[], multiselect=True, allow_custom_value=True, label=field.label,
            info=field.about, elem_id=elem_id, elem_classes="setting",
        )  # fmt: skip
    return controls.component(field, elem_id)
