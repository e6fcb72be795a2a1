"""The Cull tab: a folder of photos, how its groups are found, and the desk over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from curation.store.catalogue import OUR_FOLDER
from curation.toolkit.verbs import find
from curation.ui import markup, toolkit_fields
from curation.ui.desk import Desk
from curation.ui.toolkit_fields import VerbControls

INTRO = (
    "<h2>Cull</h2><p class='about'>Like pictures and bursts become groups; one key decides about "
    "each. Nothing moves before Apply, and all of it can be put back.</p>"
)
OWN_FRAMES = "Frames of this datastore"
ADVICE = "Choose a folder of photos, then find its groups."


@dataclass(frozen=True)
class CullTab:
    """The components of the tab.

    Attributes:
        shown: JSON {base, of}: where the desk's routes are; "" shows none.
    """

    place: Any
    controls: VerbControls
    find: Any
    cancel: Any
    notice: Any
    panel: Any
    command: Any
    log: Any
    shown: Any

    @property
    def inputs(self) -> list[Any]:
        """Return the folder and the settings."""
        return [self.place, *self.controls.components]


def own_name(desk: Desk) -> str:
    """Return what the server's own datastore is called among the folders."""
    root = desk.studio.root
    return root.parent.name if root.name == OUR_FOLDER else OWN_FRAMES


def build(desk: Desk) -> CullTab:
    """Place the tab's components; call it inside its gr.Tab."""
    own = own_name(desk)
    with gr.Row(elem_classes="stage"):
        with gr.Column(scale=5, min_width=420, elem_classes="card settings"):
            gr.HTML(INTRO, js_on_load=None)
            with gr.Column(elem_classes="fields"):
                place = gr.Dropdown(
                    [own], value=own, label="Folder of photos", allow_custom_value=True,
                    info="Those below the server's input folders, with all in them.",
                    elem_classes="setting", elem_id="cull-folder",
                )  # fmt: skip
            with gr.Accordion("How groups are found", open=False, elem_classes="advanced"):
                controls = toolkit_fields.lay_out(find("group"))
        with gr.Column(scale=4, min_width=360, elem_classes="card run"):
            start = gr.Button("Find groups", variant="primary", elem_id="cull-find")
            notice = gr.HTML("", js_on_load=None, elem_classes="said")
            panel = gr.HTML("", js_on_load=None, elem_id="job-cull")
            with gr.Row(elem_classes="actions"):
                cancel = gr.Button("Cancel", variant="secondary", size="md", visible=False)
            with gr.Accordion("The same as a command, and the log", open=False,
                              elem_classes="advanced"):
                command = gr.Textbox(
                    label="The same as a command", lines=2, max_lines=6, interactive=False,
                    buttons=["copy"], elem_classes="command", elem_id="command-cull",
                )  # fmt: skip
                log = gr.HTML(markup.log_view(""), js_on_load=None)
    shown = gr.Textbox("", visible="hidden", elem_id="cull-shown")
    gr.HTML(
        f"<div id='cull-place' data-advice='{ADVICE}'></div>", js_on_load=None,
        elem_id="cull-desk", apply_default_css=False,
    )  # fmt: skip
    return CullTab(place, controls, start, cancel, notice, panel, command, log, shown)
