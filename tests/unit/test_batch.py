"""Steps meet pixels: isolation of a bad frame, order, promises that are checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from curation.engine.batch import load_rgb, run_batch, run_frames
from curation.errors import ImageUnreadable, StepUnavailable
from curation.params import MeasureParams
from curation.records import Boxes, Frame, Measured
from curation.registry import BUILTIN, make_steps, step_class
from curation.steps.base import Item, Step, check, fingerprint


class Mean(Step):
    name, version = "mean", "1"
    produces = {"mean": float}

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        if any(item.rgb.max() == 13 for item in items):
            raise ValueError("unlucky picture\nsecond line")
        return [Measured({"mean": float(item.rgb.mean())}) for item in items]


class Twice(Step):
    name, version, needs = "twice", "1", ("mean",)
    produces = {"twice": float}

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        return [
            Measured({"twice": 2.0 * float(str(item.given["mean"].signals["mean"]))})
            for item in items
        ]


def frame(number: int, path: Path = Path("x.jpg")) -> Frame:
    return Frame(number, f"k:{number}", 1, number, 0.0, path, 4, 4)


def item(number: int, value: int) -> Item:
    return Item(frame(number), np.full((4, 4, 3), value, np.uint8))


def test_one_bad_frame_costs_one_row_and_its_followers() -> None:
    results = run_batch([Mean(), Twice()], [item(1, 7), item(2, 13), item(3, 9)])
    found = {(r.frame_id, r.step): r.measured.signals if r.measured else r.error for r in results}
    assert found == {
        (1, "mean"): {"mean": 7.0},
        (2, "mean"): "ValueError: unlucky picture",
        (3, "mean"): {"mean": 9.0},
        (1, "twice"): {"twice": 14.0},
        (2, "twice"): "needs mean",
        (3, "twice"): {"twice": 18.0},
    }


def test_only_what_is_wanted_is_run_and_known_answers_are_used() -> None:
    known = item(1, 7)
    known.given["mean"] = Measured({"mean": 100.0})
    results = run_batch([Mean(), Twice()], [known], {1: ["twice"]})
    assert [(r.step, r.measured and r.measured.signals) for r in results] == [
        ("twice", {"twice": 200.0})
    ]


def test_an_unreadable_file_is_an_error_of_every_wanted_step(tmp_path: Path) -> None:
    broken, good = tmp_path / "broken.jpg", tmp_path / "good.jpg"
    broken.write_bytes(b"\xff\xd8 no more")
    good.write_bytes(simplejpeg.encode_jpeg(np.full((16, 16, 3), 50, np.uint8), 95))
    with pytest.raises(ImageUnreadable, match=r"broken\.jpg"):
        load_rgb(broken)
    frames = [frame(1, broken), frame(2, good), frame(3, tmp_path / "gone.jpg")]
    results = run_frames([Mean()], frames, {}, {i: ["mean"] for i in (1, 2, 3)})
    assert {r.frame_id: r.error is None for r in results} == {1: False, 2: True, 3: False}


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        (Measured({"men": 1.0}), "promised"),
        (Measured({"mean": "1"}), "is str, not float"),
        (Measured({"mean": 1.0}, Boxes.empty()), "must not return boxes"),
    ],
)
def test_a_step_that_breaks_its_promise_is_told(measured: Measured, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        check(Mean(), measured)


def test_a_step_must_say_who_it_is() -> None:
    with pytest.raises(TypeError, match="must set 'version'"):
        type("Nameless", (Mean,), {"name": "x"})
        type("Bad", (Step,), {"name": "bad", "__call__": lambda self, items: []})


def test_steps_come_after_those_they_need() -> None:
    names = [step.name for step in make_steps(MeasureParams(), ["focus"])]
    assert names[-1] == "focus"
    order = [step.name for step in make_steps(MeasureParams())]
    assert set(order) >= set(BUILTIN)
    for step in make_steps(MeasureParams()):
        assert all(order.index(needed) < order.index(step.name) for needed in step.needs)


def test_an_unknown_step_lists_the_known_ones() -> None:
    with pytest.raises(StepUnavailable, match="exposure"):
        step_class("beauty")


def test_fingerprints_follow_parameters_weights_and_upstream() -> None:
    base = fingerprint(Twice(), {"mean": "a"}, {})
    assert base == fingerprint(Twice(), {"mean": "a", "other": "b"}, {"unused": "c"})
    assert base != fingerprint(Twice(), {"mean": "changed"}, {})
