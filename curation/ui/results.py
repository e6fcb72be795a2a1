"""The last tab: what was picked and why, page by page, and what other thresholds would pick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from curation.decide.meters import METERS
from curation.errors import CurationError
from curation.params import RankParams
from curation.ui import commands, markup
from curation.ui.controls import Controls, component, pick
from curation.ui.desk import PAGE, PICKED, REST, REVIEW, Desk, View
from curation.web.trials import ALL, Trial

METERED = tuple(meter.param for meter in METERS)
COUNTED = ("per_video", "per_video_face", "per_person", "top", "diversity", "near_hash")
LINKS = (
    "<div class='links'><a href='report' target='_blank'>Report</a>"
    "<a href='results/contact_sheet.jpg' target='_blank'>Contact sheet</a>"
    "<a href='results/ranked.csv' download>ranked.csv</a>"
    "<a href='results/datastore.json' download>datastore.json</a></div>"
)


@dataclass(frozen=True)
class ResultsTab:
    """The components of the tab."""

    pool: Any
    show: Any
    reason: Any
    page: Any
    previous: Any
    following: Any
    place: Any
    grid: Any
    tally: Any
    notice: Any
    apply: Any
    reset: Any
    meters: tuple[Any, ...]
    sliders: Controls
    holds: Any
    holdings: Any

    @property
    def view_inputs(self) -> list[Any]:
        """Return what decides which frames are shown."""
        return [self.pool, self.show, self.reason, self.page, *self.sliders.components]

    @property
    def outputs(self) -> list[Any]:
        """Return what `shown` fills, in its order."""
        return [
            self.pool,
            self.show,
            self.reason,
            self.page,
            self.previous,
            self.following,
            self.place,
            self.grid,
        ]

    @property
    def gauges(self) -> list[Any]:
        """Return what `gauged` fills, in its order."""
        return [self.tally, self.notice, self.apply, self.reset, *self.meters]


def build() -> ResultsTab:
    """Place the tab's components; call it inside its gr.Tab."""
    page = gr.State(0)
    with gr.Row(elem_classes="stage results"):
        with gr.Column(scale=7, min_width=480, elem_classes="card"):
            with gr.Row(elem_classes="filters"):
                pool = gr.Radio(
                    [("All", ALL)], value=ALL, label="Pool", elem_id="pool", elem_classes="segments"
                )
                show = gr.Radio(
                    [PICKED, REVIEW, REST],
                    value=PICKED,
                    label="Show",
                    elem_id="show",
                    elem_classes="segments",
                )
            reason = gr.Dropdown(
                [("Every reason", "")],
                value="",
                label="Reason",
                visible=False,
                elem_id="reason",
                elem_classes="setting",
            )
            grid = gr.HTML("", js_on_load=None, elem_id="frames")
            with gr.Row(elem_classes="pager"):
                previous = gr.Button("Previous", size="sm", interactive=False)
                place = gr.HTML("", js_on_load=None, elem_classes="place")
                following = gr.Button("Next", size="sm", interactive=False)
            with gr.Accordion(
                "What the picks hold and lack", open=False, elem_id="coverage"
            ) as holds:
                holdings = gr.HTML("", js_on_load=None)
        with gr.Column(scale=3, min_width=340, elem_classes="card thresholds"):
            gr.HTML(
                "<h2>Thresholds</h2><p class='about'>Move one and see what would be picked. "
                "Nothing is written before you apply.</p>",
                js_on_load=None,
            )
            tally = gr.HTML("", js_on_load=None, elem_id="tally")
            notice = gr.HTML("", js_on_load=None, elem_classes="said")
            with gr.Row(elem_classes="actions"):
                apply = gr.Button(
                    "Apply", variant="primary", size="md", interactive=False, elem_id="apply"
                )
                reset = gr.Button("Reset", size="md", interactive=False)
            fields = pick(RankParams, METERED + COUNTED)
            meters, made = [], []
            for field in fields:
                with gr.Column(elem_classes="gauge"):
                    if field.name in METERED:
                        meters.append(gr.HTML("", js_on_load=None))
                    made.append(component(field, f"try-{field.name}"))
            gr.HTML(LINKS, js_on_load=None)
    sliders = Controls(RankParams, tuple(fields), tuple(made))
    return ResultsTab(
        pool,
        show,
        reason,
        page,
        previous,
        following,
        place,
        grid,
        tally,
        notice,
        apply,
        reset,
        tuple(meters),
        sliders,
        holds,
        holdings,
    )


def tried(desk: Desk, tab: ResultsTab, values: tuple[Any, ...]) -> tuple[RankParams, bool]:
    """Return the parameters that the sliders make, and whether they differ from the stored ones."""
    stored = desk.remembered("rank")
    params = tab.sliders.read(values, stored)
    return params, params != tab.sliders.read(tab.sliders.values(stored), stored)


def shown(desk: Desk, tab: ResultsTab, asked: View, values: tuple[Any, ...]) -> list[Any]:
    """Return one page of frames with its filters; the picks that sliders would make, if moved."""
    stage = desk.stage()
    if stage in ("empty", "extracted") or (stage == "sorted" and asked.show == PICKED):
        return _listing(desk, View(ALL, asked.show, None, 0), 0, _nothing(desk))
    view = _existing(desk, asked)
    try:
        params, moved = tried(desk, tab, values)
        trial = desk.trial(params, view.pool) if moved and view.show == PICKED else None
    except CurationError as error:
        return _listing(desk, view, 0, markup.refused(error))
    if trial is not None:
        gone = [row | {"rank": None, "reason": "would go"} for row in trial.dropped]
        return _listing(desk, view, 0, _grid(desk, [*trial.rows, *gone]))
    rows = desk.page(view)
    body = (
        _grid(desk, rows)
        if rows
        else markup.empty(
            "No frame here", "Look at another pool, or loosen a threshold on the right."
        )
    )
    total = desk.count(view)
    if view.show != PICKED and view.reason is None and view.page == 0:
        body = markup.reason_table(desk.reasons(view.show), total) + body
    return _listing(desk, view, total, body)


def held(desk: Desk) -> str:
    """Return what the stored picks hold and lack."""
    if desk.stage() != "ranked":
        return _nothing(desk)
    try:
        return markup.coverage(desk.coverage())
    except CurationError as error:
        return markup.refused(error)


def _existing(desk: Desk, asked: View) -> View:
    """Return a view whose pool, reason and page exist."""
    pool = asked.pool if asked.pool in (ALL, *desk.by_pool(asked.show)) else ALL
    codes = [code for code, _, _ in desk.reasons(asked.show)] if asked.show != PICKED else []
    reason = asked.reason if asked.reason in codes else None
    view = View(pool, asked.show, reason, asked.page)
    last = max(0, (desk.count(view) - 1) // PAGE)
    return View(pool, asked.show, reason, max(0, min(asked.page, last)))


def _grid(desk: Desk, rows: list[dict[str, Any]]) -> str:
    return markup.grid(rows, desk.revisions(rows))


def _nothing(desk: Desk) -> str:
    return markup.empty(*desk.nothing())


def _listing(desk: Desk, view: View, total: int, body: str) -> list[Any]:
    by_pool = desk.by_pool(view.show)
    pools = [("All", ALL)]
    pools += [(f"{markup.POOL_NAMES[pool]} ({count:,})", pool) for pool, count in by_pool.items()]
    reasons = [("Every reason", "")]
    if view.show != PICKED:
        reasons += [
            (f"{code.replace('_', ' ')} ({count:,})", code)
            for code, count, _ in desk.reasons(view.show)
        ]
    last = min(total, (view.page + 1) * PAGE)
    where = f"{view.page * PAGE + 1:,} to {last:,} of {total:,}" if total else ""
    return [
        gr.update(choices=pools, value=view.pool),
        view.show,
        gr.update(choices=reasons, value=view.reason or "", visible=view.show != PICKED),
        view.page,
        gr.update(interactive=view.page > 0, visible=total > PAGE),
        gr.update(interactive=last < total, visible=total > PAGE),
        where,
        body,
    ]


def gauged(desk: Desk, tab: ResultsTab, pool: str, values: tuple[Any, ...]) -> list[Any]:
    """Return counts, histograms and whether there is something to apply."""
    hidden = [""] * len(tab.meters)
    if desk.stage() in ("empty", "extracted"):
        said = markup.notice("Thresholds can be tried as soon as frames are sorted.", "soft")
        return ["", said, gr.update(interactive=False), gr.update(interactive=False), *hidden]
    try:
        params, moved = tried(desk, tab, values)
        trial: Trial = desk.trial(params, pool)
    except CurationError as error:
        said = markup.refused(error)
        return ["", said, gr.update(interactive=False), gr.update(interactive=True), *hidden]
    drawn = {h.param: markup.histogram(h) for h in trial.histograms}
    return [
        markup.tally(trial.picked, trial.before, moved),
        _difference(trial) if moved else "",
        gr.update(interactive=moved),
        gr.update(interactive=moved),
        *(drawn.get(name, "") for name in METERED),
    ]


def _difference(trial: Trial) -> str:
    new = sum(1 for row in trial.rows if row["new"])
    said = f"Not applied yet: {new} new, {len(trial.dropped)} would go."
    return markup.notice(said, "soft")


def apply(desk: Desk, tab: ResultsTab, values: tuple[Any, ...]) -> str:
    """Queue a ranking with the sliders' thresholds; return what to say."""
    try:
        params, _ = tried(desk, tab, values)
    except CurationError as error:
        return markup.refused(error)
    latest = desk.site.jobs.table.latest("rank")
    if latest is not None and latest.is_open:
        return markup.notice("A ranking is running already; wait for its end.", "soft")
    try:
        desk.site.jobs.add("rank", commands.argv_of(desk.studio, "rank", params))
    except CurationError as error:  # so many wait already
        return markup.refused(error)
    return markup.notice("Ranking with these thresholds.", "good")
