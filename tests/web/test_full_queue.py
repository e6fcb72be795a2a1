"""A hundred jobs wait: every button says so, in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr  # noqa: TID251 - a callback that raises gr.Error is what is under test
import pytest

from curation.ui import links, results
from curation.ui.desk import Desk
from curation.ui.page import build
from curation.web import jobs as jobs_module
from curation.web.site import Settings, Site

SAID = "2 jobs are waiting already"


@pytest.fixture
def full(datastore: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk whose queue is full; nothing takes jobs off it."""
    monkeypatch.setattr(jobs_module, "MOST_OPEN", 2)
    site = Site(Settings(datastore))
    done = site.jobs.add("download", [])
    site.jobs.cancel(done)
    extract = site.jobs.add("extract", [])
    site.jobs.cancel(extract)
    for _ in range(2):
        site.jobs.add("sort", [])
    yield Desk(site)
    for helper in (site.trials, site.prober, site.review):
        helper.close()


def test_the_thresholds_say_that_the_queue_is_full(full: Desk) -> None:
    with gr.Blocks():
        tab = results.build()
    said = results.apply(full, tab, tuple(part.value for part in tab.sliders.components))
    assert SAID in said and "let some end" in said


def test_links_say_that_the_queue_is_full(full: Desk) -> None:
    with gr.Blocks():
        card = links.build()
    desk = links.LinkDesk(full, card)
    desk._seen["https://example.org/a"] = None
    values = [part.value for part in card.controls.components]
    assert SAID in desk.start(["https://example.org/a"], *values)
    assert SAID in desk.resume()


def test_resuming_a_stage_says_that_the_queue_is_full(full: Desk) -> None:
    page: Any = build(full.site)
    said = [
        outcome
        for fn in page.fns.values()
        if fn.fn is not None and fn.fn.__qualname__.endswith("_wire_stage.<locals>.resume")
        for outcome in [fn.fn()]
        if SAID in str(outcome[0])
    ]
    assert len(said) == 1, "one of the stages was cancelled and can be resumed"
