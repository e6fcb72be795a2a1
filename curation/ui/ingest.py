"""The first tab: videos come in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from curation import samples
from curation.errors import CurationError
from curation.ui import buckets, commands, links, markup
from curation.ui.buckets import BucketsCard
from curation.ui.desk import Desk
from curation.ui.links import LinksCard
from curation.words import count

MOUNT = """
import(new URL('ui/uploader.js', document.baseURI).href)
  .then((module) => module.mount(element, () => trigger('upload')));
"""
DROP = """
<div class='uploader'>
  <label class='drop'>
    <input type='file' multiple aria-label='Choose videos'
           accept='video/*,.mp4,.mov,.mkv,.webm,.avi,.m4v,.flv,.wmv,.ts,.mpg,.mpeg,.mts,.m2ts,.3gp'>
    <b>Drop videos or folders here, or click to choose</b>
    <span>They go straight to disk; after a broken connection, a reload or a restart they go on
    where they stopped.</span>
  </label>
  <p class='bar'><button type='button' class='folder'>Choose a folder</button>
    <span class='total' role='status'></span><span class='all' hidden></span></p>
  <ul class='transfers'></ul>
</div>
"""


@dataclass(frozen=True)
class IngestTab:
    """The components of the tab."""

    uploader: Any
    samples: Any
    folder: Any
    add: Any
    notice: Any
    table: Any
    following: Any
    links: LinksCard
    buckets: BucketsCard


def build(desk: Desk) -> IngestTab:
    """Place the tab's components; call it inside its gr.Tab."""
    folders = list(desk.site.offered_folders())
    with gr.Row(elem_classes="stage"):
        with gr.Column(scale=4, min_width=360, elem_classes="run"):
            with gr.Column(elem_classes="card"):
                gr.HTML("<h2>Add videos</h2>", js_on_load=None)
                uploader = gr.HTML(html_template=DROP, js_on_load=MOUNT, elem_id="uploader")
                trial = gr.Button(
                    "Try the sample clips", variant="secondary", size="md", elem_id="samples"
                )
                notice = gr.HTML("", js_on_load=None, elem_classes="said")
            card = links.build()
            places = buckets.build(desk)
            with gr.Column(elem_classes="card"):
                gr.HTML("<h2>Add a folder of this machine</h2>", js_on_load=None)
                if not desk.site.settings.input_dirs:
                    gr.HTML(
                        markup.empty(
                            "No folder is offered",
                            "Start with --input-dir FOLDER to use videos where they lie.",
                        ),
                        js_on_load=None,
                    )
                folder = gr.Dropdown(
                    folders,
                    value=None,
                    label="Folder",
                    visible=bool(folders),
                    info="Below the folders that the studio was started with; nothing is copied.",
                    elem_classes="setting",
                    elem_id="folder",
                )
                add = gr.Button("Add folder", size="md", visible=bool(folders))
        with gr.Column(scale=6, min_width=460, elem_classes="card"):
            gr.HTML("<h2>Videos</h2>", js_on_load=None)
            table = gr.HTML(
                "<p class='dim loading'>Looking at the folders</p>",
                js_on_load=None,
                elem_id="videos",
            )
            following = gr.Button("Continue to Extract", variant="primary", visible=False)
    return IngestTab(uploader, trial, folder, add, notice, table, following, card, places)


def listed(desk: Desk) -> list[Any]:
    """Return the table of videos, and whether there is something to go on with."""
    videos = desk.videos()
    return [markup.video_table(videos), gr.update(visible=bool(videos))]


def take_samples(desk: Desk) -> tuple[str, bool]:
    """Copy the sample clips into the datastore; return what to say and whether it worked."""
    try:
        notes = [desk.site.uploads.copy_in(path) for path in samples.paths()]
        desk.site.trail.note("upload", names=[note["name"] for note in notes])
    except CurationError as error:
        return markup.notice(error.message, hint=error.hint and f"Type: {error.hint}"), False
    names = " and ".join(str(note["name"]) for note in notes)
    return markup.notice(
        f"{names} are in the datastore.",
        "good",
        "They are small, so the recipe small is set on every tab.",
    ), True


def add_folder(desk: Desk, name: str | None) -> str:
    """Add one of the offered folders; return what to say."""
    folder = desk.site.offered_folders().get(name or "")
    if folder is None:
        return markup.notice("Choose a folder first.", "soft")
    videos = commands.add_folder(desk.studio, folder)
    desk.site.trail.note("folder added", name=name)
    return markup.notice(
        f"{folder.name}: {count(videos, 'video')} will be extracted, left in this folder.", "good"
    )
