"""Many small answers of the page go out as few."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.web.site import Settings, Site

gr = pytest.importorskip("gradio")

from curation.ui import page  # noqa: E402
from curation.ui.pulse import Pulse, together  # noqa: E402


def test_each_step_gets_its_own_values_and_gives_its_own_answers() -> None:
    with gr.Blocks():
        a, b, c, d = (gr.Textbox() for _ in range(4))
    run, inputs, outputs = together(
        [
            (lambda: ["no input", "two answers"], None, [c, d]),
            (lambda x, y: x + y, [a, b], a),
            (lambda y: [y, y], b, [b]),
        ]
    )
    assert inputs == [a, b, b]
    assert outputs == [c, d, a, b]
    assert run("x", "y", "z") == ["no input", "two answers", "xy", ["z", "z"]]
    one, _, _ = together([(lambda: "alone", None, a)])
    assert one() == "alone"


def test_one_that_fails_costs_no_other_anything(caplog: pytest.LogCaptureFixture) -> None:
    with gr.Blocks():
        a, b, c = (gr.Textbox() for _ in range(3))

    def broken() -> list[str]:
        raise OSError("the disk is gone")

    run, _, _ = together([(broken, None, [a, b]), (lambda: "told", None, c)])
    assert run() == [gr.skip(), gr.skip(), "told"]
    assert "the disk is gone" in caplog.text


def test_two_may_not_write_the_same() -> None:
    with gr.Blocks():
        a = gr.Textbox()
    with pytest.raises(ValueError, match="same component"):
        together([(lambda: 1, None, a), (lambda: 2, None, [a])])


def test_chains_run_in_waves() -> None:
    with gr.Blocks() as demo:
        a, b, ended = gr.Textbox(), gr.Textbox(), gr.Textbox()
        pulse = Pulse(demo, gr.Timer(), ended)
        pulse.ended((lambda: 1, None, a), (lambda: 2, None, b), (lambda: 3, None, a))
        pulse.ended((lambda: 4, None, b))
        pulse.connect()
    outputs = [[part._id for part in fn.outputs] for fn in demo.fns.values()]
    assert outputs == [[a._id, b._id], [b._id], [a._id]]
    assert [fn.trigger_after for fn in demo.fns.values()] == [None, 0, 1]


def test_the_page_asks_once_for_all_tabs(tmp_path: Path) -> None:
    demo = page.build(Site(Settings(tmp_path / "datastore")))
    heard = [event for fn in demo.fns.values() for _, event in fn.targets]
    assert heard.count("tick") == 1
    hidden = next(b._id for b in demo.blocks.values() if getattr(b, "visible", 1) == "hidden")
    targets = [target for fn in demo.fns.values() for target in fn.targets]
    assert targets.count((hidden, "change")) == 1
    assert heard.count("load") <= 2
