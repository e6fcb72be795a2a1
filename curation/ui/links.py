"""Links in the first tab: look at what they hold, then fetch it.

Only what was looked at can be fetched: the job's list of links is made from addresses that this
server has checked, never from words that a browser sends at the moment of pressing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from curation.cli.options import to_argv
from curation.cli.terminal import link_facts
from curation.errors import CurationError
from curation.ingest.links import NOTICE, Errand, LinkParams, check, tidy
from curation.store.jobs import Job
from curation.ui import job_buttons, markup
from curation.ui.controls import Controls, lay_out
from curation.ui.desk import Desk
from curation.ui.pulse import QUICK, Pulse, together
from curation.ui.words import text
from curation.words import count

VERB = "download"
MOST_KEPT = 500
FORMATS_SHOWN = 6


@dataclass(frozen=True)
class LinksCard:
    """The components of the card."""

    box: Any
    controls: Controls
    look: Any
    start: Any
    cancel: Any
    resume: Any
    notice: Any
    found: Any
    panel: Any
    checked: Any

    @property
    def job_outputs(self) -> list[Any]:
        """Return what shows the job, in the order of `LinksWiring.job`."""
        return [self.panel, self.cancel, self.resume]


def build() -> LinksCard:
    """Place the card; call it inside the tab's column."""
    with gr.Column(elem_classes="card", elem_id="links"):
        gr.HTML(
            "<h2>Fetch from links</h2><p class='about'>Addresses of videos or of pages that show "
            "them, one on each line. They are looked at first; only public addresses are asked."
            "</p>",
            js_on_load=None,
        )
        box = gr.Textbox(
            label="Links", lines=3, max_lines=8, placeholder="https://...", elem_id="links-box",
            elem_classes="setting",
        )
        with gr.Accordion("Limits", open=False, elem_classes="advanced"):
            controls = lay_out(LinkParams, VERB)
        with gr.Row(elem_classes="actions"):
            look = gr.Button("Check", variant="secondary", size="md", elem_id="links-check")
            start = gr.Button(
                "Download", variant="primary", size="md", interactive=False, elem_id="links-start"
            )
            cancel = gr.Button("Cancel", variant="secondary", size="md", visible=False)
            resume = gr.Button("Resume", variant="secondary", size="md", visible=False)
        notice = gr.HTML("", js_on_load=None, elem_classes="said")
        found = gr.HTML("", js_on_load=None, elem_id="links-found")
        panel = gr.HTML("", js_on_load=None, elem_id=f"job-{VERB}")
        checked = gr.State([])
    return LinksCard(box, controls, look, start, cancel, resume, notice, found, panel, checked)


def errand_of(params: LinkParams) -> Errand:
    """Return how this server asks links."""
    return Errand(params)


class LinkDesk:
    """What this server has looked at, and the job that fetches it."""

    def __init__(self, desk: Desk, card: LinksCard) -> None:
        self.desk, self.card = desk, card
        self._seen: dict[str, None] = {}
        self._looking = threading.Lock()

    def look(self, typed: str, *values: Any) -> list[Any]:
        """Return what links hold: notice, table, the button, and the links that can be fetched."""
        nothing = gr.update(interactive=False, value="Download")
        if not self._looking.acquire(blocking=False):
            said = "Links are being looked at; try again when that has ended."
            return [markup.notice(said, "soft"), "", nothing, []]
        try:
            links = tidy((typed or "").split())
            summary: Mapping[str, Any] = {}
            for beat in check(links, errand_of(self._params(values))):
                summary = beat.summary or summary
        except CurationError as error:
            return [markup.notice(error.message), "", nothing, []]
        finally:
            self._looking.release()
        good = list(dict.fromkeys(row["link"] for row in summary["found"]))
        for url in good:
            self._seen[url] = None
        for url in list(self._seen)[:-MOST_KEPT]:
            del self._seen[url]
        label = f"Download {count(len(summary['found']), 'video')}" if good else "Download"
        return ["", found_table(summary), gr.update(interactive=bool(good), value=label), good]

    def start(self, good: Sequence[str], *values: Any) -> str:
        """Queue the job that fetches checked links; return what to say."""
        links = [url for url in good if url in self._seen]
        if not links:
            return markup.notice("Check the links first.", "soft")
        try:
            words = to_argv(self._params(values))
            self.desk.site.jobs.add(VERB, words, links)
        except CurationError as error:
            return markup.refused(error)
        return ""

    def latest(self) -> Job | None:
        """Return the latest job of this card."""
        return self.desk.site.jobs.table.latest(VERB)

    def job(self) -> list[Any]:
        """Return how the latest job is doing, and what can be done about it."""
        job = self.latest()
        return [markup.job_panel(job, "") if job is not None else "", *job_buttons.standing(job)]

    def cancel(self) -> None:
        """Ask the running job to stop."""
        job_buttons.cancel(self.desk.site.jobs, self.latest())

    def resume(self) -> str:
        """Queue the latest job again, to go on where it stopped; return what to say."""
        return job_buttons.resume(self.desk.site.jobs, self.latest())

    def _params(self, values: Sequence[Any]) -> LinkParams:
        params = self.card.controls.read(values)
        assert isinstance(params, LinkParams)
        return params


def wire(
    desk: Desk, card: LinksCard, pulse: Pulse,
    board: Callable[[], list[Any]], board_outputs: list[Any],
) -> LinkDesk:  # fmt: skip
    """Connect the card.

    Args:
        board: the page's own, which wakes the timer when a job was queued.
    """
    links = LinkDesk(desk, card)
    limits = list(card.controls.components)
    looked = [card.notice, card.found, card.start, card.checked]
    shown: tuple[Any, ...] = (links.job, None, card.job_outputs)
    card.look.click(
        links.look, [card.box, *limits], looked, show_progress="minimal",
        show_progress_on=card.found, api_visibility="private",
    ).then(
        lambda good: gr.update(interactive=bool(good)), card.checked, card.start, **QUICK
    )  # fmt: skip
    # Other words need another look. What was typed before one may be answered after it, so a look
    # says it again.
    card.box.input(lambda: gr.update(interactive=False), None, card.start, **QUICK)
    told = together([shown, (board, None, board_outputs)])
    start = card.start.click(links.start, [card.checked, *limits], card.notice, **QUICK)
    start.then(*told, **QUICK)
    for button, act, said in (
        (card.cancel, links.cancel, None), (card.resume, links.resume, card.notice)
    ):  # fmt: skip
        button.click(act, None, said, **QUICK).then(*told, **QUICK)
    for when in (pulse.loaded, pulse.ticked, pulse.ended):
        when(shown)
    return links


def found_table(summary: Mapping[str, Any]) -> str:
    """Return what links hold: title, facts, formats, licence; then those that cannot be fetched."""
    rows = "".join(
        f"<tr><td><b>{text(row['title'])}</b><span class='dim'>{text(row['url'])}</span></td>"
        f"<td>{text(link_facts(row))}{_formats(row)}</td></tr>"
        for row in summary["found"]
    )
    bad = "".join(
        f"<tr><td><b>{text(url)}</b></td><td><span class='badge bad'>Cannot be fetched</span>"
        f"<span class='dim'>{text(why)}</span></td></tr>"
        for url, why in summary["failed"].items()
    )
    note = f"<p class='about'>{text(NOTICE)}</p>" if rows else ""
    return f"<table class='videos links'><tbody>{rows}{bad}</tbody></table>{note}"


def _formats(row: Mapping[str, Any]) -> str:
    names = [
        f"{one['height']:.0f}p {one['codec']} {one['ext']}".strip()
        for one in row["formats"]
        if one["height"]
    ]
    told = ", ".join(list(dict.fromkeys(names))[-FORMATS_SHOWN:])
    return f"<span class='dim'>{text(told)}</span>" if told else ""
