"""All tabs on one page, and what happens when something is pressed.

Truth lives in the catalogue: the page holds which tab is open and where the sliders stand. Every
handler reads rows or queues a job and returns at once, so that reloading or closing the page loses
nothing. The timer ticks only while a job waits or runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from curation.ui import (
    api,
    buckets,
    cull,
    export,
    ingest,
    job_buttons,
    links,
    markup,
    results,
    review,
    stages,
    strip,
    toolkit,
)
from curation.ui.cull_wiring import CullWiring
from curation.ui.desk import Desk, View
from curation.ui.export_wiring import ExportWiring
from curation.ui.ingest import IngestTab
from curation.ui.no_files import Page
from curation.ui.pulse import QUICK, Pulse, Step, together
from curation.ui.results import ResultsTab
from curation.ui.stages import STAGES, StageTab
from curation.ui.toolkit_wiring import ToolkitWiring
from curation.web.site import Site

TICK_S = 1.0

TAB_OF = {**{stage.verb: stage.verb for stage in STAGES}, "apply": "review", "unapply": "review",
          "cull": "cull", "export": "export", "report": "export", links.VERB: "ingest",
          buckets.VERB: "ingest"}  # fmt: skip
"""Verb of a job -> the tab that shows it; all others belong to the toolkit."""

LATEST: dict[str, Any] = {**QUICK, "trigger_mode": "always_last"}


def build(site: Site) -> gr.Blocks:
    """Return the pages of a site; nothing is computed or loaded."""
    desk = Desk(site)
    with Page(title="Frame Curation Studio", fill_width=True, analytics_enabled=False) as demo:
        top = gr.HTML(markup.header(desk.studio.root, {}), js_on_load=None)
        timer = gr.Timer(TICK_S, active=False)
        # Not a gr.State: its changes are only told to the browser by handlers that queue.
        ended = gr.Textbox(visible="hidden")
        again = gr.Button(visible="hidden", elem_id="look-again")  # again.js presses it
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab("1 Ingest", id="ingest"):
                first = ingest.build(desk)
            rows = []
            for stage in STAGES:
                with gr.Tab(stage.tab, id=stage.verb):
                    rows.append(stages.build(desk, stage))
            with gr.Tab("5 Results", id="results") as last_tab:
                last = results.build()
            with gr.Tab("6 Review", id="review"):
                review.build()
            with gr.Tab("7 Export", id="export") as export_tab:
                handing = export.build(desk)
            with gr.Tab("Cull", id="cull"):
                culling = cull.build(desk)
            with gr.Tab("Toolkit", id="toolkit"):
                kit = toolkit.build(desk)
        wiring = Wiring(desk, top, timer, ended, tabs, first, rows, last)
        pulse = Pulse(demo, timer, ended)
        wiring.wire(demo, pulse)
        board = (wiring.board, wiring.board_outputs)
        links.wire(desk, first.links, pulse, *board)
        buckets.wire(desk, first.buckets, pulse, *board)
        again.click(wiring.board, None, wiring.board_outputs, **QUICK)
        ToolkitWiring(desk, kit, *board).wire(pulse)
        CullWiring(desk, culling, *board).wire(pulse)
        ExportWiring(desk, handing, *board).wire(pulse, export_tab)
        pulse.connect()
        last_tab.select(*together([wiring.shown, wiring.gauged]), **QUICK)
        api.build(site)
    return demo


class Wiring:
    """Connects components with what they do."""

    def __init__(
        self,
        desk: Desk,
        top: Any,
        timer: Any,
        ended: Any,
        tabs: Any,
        first: IngestTab,
        rows: list[StageTab],
        last: ResultsTab,
    ) -> None:
        self.desk, self.clerk = desk, strip.Clerk(desk.studio)
        self.top, self.timer, self.ended, self.tabs = top, timer, ended, tabs
        self.first, self.rows, self.last = first, rows, last
        self.board_outputs = [top, timer, ended, *(out for tab in rows for out in tab.job_outputs)]
        gauge_inputs = [last.pool, *last.sliders.components]
        self.shown: Step = (self.show, last.view_inputs, last.outputs)
        self.gauged: Step = (self.gauge, gauge_inputs, last.gauges)

    def wire(self, demo: gr.Blocks, pulse: Pulse) -> None:
        """Connect everything."""
        self._wire_ingest()
        for tab in self.rows:
            self._wire_stage(tab)
        self._wire_results()
        board = (self.board, None, self.board_outputs)
        listed = (self.listed, None, self._list_outputs())
        stored = (self._stored_sliders, None, list(self.last.sliders.components))
        pulse.ticked(board)
        # What a command did meanwhile shows when somebody looks.
        self.tabs.select(*board, **QUICK)
        pulse.ended(listed)
        pulse.ended((self.recipes, None, [tab.recipe for tab in self.rows]))
        # A ranking that ended may have been made elsewhere: its thresholds are the ones to show.
        pulse.ended(stored, together([self.shown, self.gauged]))
        demo.load(self.opened, None, [self.tabs, *self._setting_outputs()], **QUICK)
        pulse.loaded(board)
        pulse.loaded(listed)

    # -- what happens ------------------------------------------------------------------------

    def board(self) -> list[Any]:
        """Return how all jobs are doing."""
        table = self.desk.site.jobs.table
        recent = table.recent(10)
        is_open = [job for job in recent if job.is_open]
        now = next(
            (job for job in is_open if job.state == "running"), is_open[-1] if is_open else None
        )
        newest = next((job for job in recent if not job.is_open), None)
        # A ranking on the command line is no job of ours, and changes as much.
        stamp = f"{newest.id} {newest.state}" if newest else ""
        stamp = f"{stamp} {self.desk.studio.decisions.revision()}"
        status = strip.strip(self.clerk.status(recent))
        top = markup.header(self.desk.studio.root, self.desk.counts(), status)
        updates = [out for tab in self.rows for out in stages.job_updates(self.desk, tab.stage)]
        return [top, gr.Timer(TICK_S, active=now is not None), stamp, *updates]

    def opened(self, request: gr.Request) -> list[Any]:
        """Return the tab to open and where all settings stand, after a load of the page."""
        names = ["ingest", *(stage.verb for stage in STAGES), "results", "review", "export",
                 "cull", "toolkit"]  # fmt: skip
        wanted = str(request.query_params.get("tab", ""))
        running = [job for job in self.desk.site.jobs.table.recent(10) if job.is_open]
        if wanted not in names:
            wanted = TAB_OF.get(running[-1].verb, "toolkit") if running else ""
        tabs = gr.Tabs(selected=wanted) if wanted else gr.skip()
        settings, lines, recipes = [], [], []
        for tab in self.rows:
            recipes.append(stages.recipe_update(self.desk, tab.stage, opened=True))
            values = tab.controls.values(self.desk.remembered(tab.stage.verb))
            settings += values
            lines.append(stages.teller(self.desk, tab)(False, *values))
        return [tabs, *recipes, *lines, *settings, *self._stored_sliders()]

    def recipes(self) -> list[Any]:
        """Return what settings may be taken from, now that a job may have used some."""
        return [stages.recipe_update(self.desk, tab.stage) for tab in self.rows]

    def listed(self) -> list[Any]:
        """Return the table of videos."""
        return ingest.listed(self.desk)

    def show(self, pool: str, shown: str, reason: str, page: int, *values: Any) -> list[Any]:
        """Return the frames that the filters ask for."""
        view = View(pool, shown, reason or None, page)
        return results.shown(self.desk, self.last, view, values)

    def gauge(self, pool: str, *values: Any) -> list[Any]:
        """Return what the sliders would pick."""
        return results.gauged(self.desk, self.last, pool, values)

    # -- wiring ------------------------------------------------------------------------------

    def _wire_ingest(self) -> None:
        first = self.first
        first.uploader.upload(self.listed, None, self._list_outputs(), **QUICK).then(
            self.board, None, self.board_outputs, **QUICK
        )
        recipes = [tab.recipe for tab in self.rows]

        def samples() -> list[Any]:
            said, taken = ingest.take_samples(self.desk)
            small = "small" if taken and "small" in self.desk.recipes("extract") else gr.skip()
            return [said, *ingest.listed(self.desk), *([small] * len(recipes))]

        first.samples.click(
            samples,
            None,
            [first.notice, *self._list_outputs(), *recipes],
            show_progress="minimal",
            api_visibility="private",
        ).then(self.board, None, self.board_outputs, **QUICK)
        first.add.click(
            lambda name: [ingest.add_folder(self.desk, name), *ingest.listed(self.desk)],
            first.folder,
            [first.notice, *self._list_outputs()],
            **QUICK,
        ).then(self.board, None, self.board_outputs, **QUICK)
        self._leads_to(first.following, "extract")

    def _wire_stage(self, tab: StageTab) -> None:
        verb, jobs = tab.stage.verb, self.desk.site.jobs
        outputs = [tab.notice, *self.board_outputs]

        def cancel() -> list[Any]:
            job_buttons.cancel(jobs, jobs.table.latest(verb))
            return ["", *self.board()]

        def resume() -> list[Any]:
            return [job_buttons.resume(jobs, jobs.table.latest(verb)), *self.board()]

        def fill(name: str) -> list[Any]:
            return tab.controls.values(self.desk.recipe(name, verb))

        tab.start.click(stages.starter(self.desk, tab, self.board), tab.inputs, outputs, **QUICK)
        tab.cancel.click(cancel, None, outputs, **QUICK)
        tab.resume.click(resume, None, outputs, **QUICK)
        tab.recipe.change(fill, tab.recipe, list(tab.controls.components), **QUICK)
        gr.on(
            [part.change for part in tab.inputs],
            stages.teller(self.desk, tab),
            tab.inputs,
            tab.command,
            **LATEST,
        )
        self._leads_to(tab.following, tab.stage.following_id)

    def _wire_results(self) -> None:
        last = self.last

        def turned(step: int) -> Callable[..., list[Any]]:
            return lambda pool, shown, reason, page, *values: self.show(
                pool, shown, reason, page + step, *values
            )

        def first_page(pool: str, shown: str, reason: str, _: int, *values: Any) -> list[Any]:
            return self.show(pool, shown, reason, 0, *values)

        def applied(*values: Any) -> list[Any]:
            return [results.apply(self.desk, last, values), *self.board()]

        first: Step = (first_page, last.view_inputs, last.outputs)
        for part in (last.pool, last.show, last.reason):
            part.input(*together([first, self.gauged]), **QUICK)
        last.previous.click(turned(-1), last.view_inputs, last.outputs, **QUICK)
        last.following.click(turned(1), last.view_inputs, last.outputs, **QUICK)
        gr.on(
            [part.change for part in last.sliders.components], *self.gauged, **LATEST
        ).then(*first, **QUICK)
        last.apply.click(
            applied, list(last.sliders.components), [last.notice, *self.board_outputs], **QUICK
        )
        last.holds.expand(lambda: results.held(self.desk), None, last.holdings, **QUICK)
        last.reset.click(self._stored_sliders, None, list(last.sliders.components), **QUICK)

    def _leads_to(self, button: Any, tab: str) -> None:
        button.click(lambda: gr.Tabs(selected=tab), None, self.tabs, **QUICK)

    def _stored_sliders(self) -> list[Any]:
        return self.last.sliders.values(self.desk.remembered("rank"))

    def _list_outputs(self) -> list[Any]:
        return [self.first.table, self.first.following]

    def _setting_outputs(self) -> list[Any]:
        controls = [part for tab in self.rows for part in tab.controls.components]
        recipes, commands = zip(*((tab.recipe, tab.command) for tab in self.rows), strict=True)
        return [*recipes, *commands, *controls, *self.last.sliders.components]
