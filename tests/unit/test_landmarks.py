"""The landmark step on real portraits: new measures, and what turning and cutting does to them."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from curation.records import Frame, Value
from curation.registry import step_class
from curation.steps.base import Item, RgbImage, Step, check

pytestmark = pytest.mark.usefixtures("weights_dir")


@pytest.fixture(scope="module")
def steps() -> Iterator[list[Step]]:
    made = [step_class(name)() for name in ("faces", "landmarks")]
    for step in made:
        step.setup()
    yield made
    for step in made:
        step.close()


@pytest.fixture(scope="module")
def portrait(shared_bench: Path) -> tuple[RgbImage, list[float]]:
    """A sharp portrait, and its face as x, y, width, height."""
    with (shared_bench / "focus" / "LABELS.csv").open(newline="") as file:
        row = list(csv.DictReader(file))[1]
    bgr = cv2.imread(str(shared_bench / "focus" / "sharp" / row["file"]))
    assert bgr is not None
    box = [float(value) for value in row["face_box_xywh"].split()]
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8), box


def measured(steps: list[Step], rgb: RgbImage) -> dict[str, Value]:
    frame = Frame(1, "k:0", 0, 0, 0.0, Path("x.jpg"), rgb.shape[1], rgb.shape[0])
    item = Item(frame, np.ascontiguousarray(rgb))
    for step in steps:
        item.given[step.name] = check(step, step([item])[0])
    return dict(item.given["landmarks"].signals)


def number(signals: dict[str, Value], name: str) -> float:
    value = signals[name]
    assert isinstance(value, float), name
    return value


def test_all_measures_of_a_face_are_there(
    steps: list[Step], portrait: tuple[RgbImage, list[float]]
) -> None:
    found = measured(steps, portrait[0])
    assert None not in found.values()
    for name in ("eye_open", "mouth_open", "smile", "face_inside"):
        assert 0 <= number(found, name) <= 1, name
    assert 0.1 < number(found, "eye_aspect") < 0.6
    assert 0 <= number(found, "mouth_aspect") < 1
    for name, size in (("expression", 52 * 2), ("face_shape", 134 * 2 * 2)):
        blob = found[name]
        assert isinstance(blob, bytes)
        assert len(blob) == size
        assert np.isfinite(np.frombuffer(blob, "<f2")).all()
    patch = found["face_patch"]
    assert isinstance(patch, bytes)
    assert len(zlib.decompress(patch)) == 40 * 40


def test_a_face_cut_by_the_edge_is_not_wholly_inside(
    steps: list[Step], portrait: tuple[RgbImage, list[float]]
) -> None:
    rgb, (x, _, w, _) = portrait
    assert number(measured(steps, rgb), "face_inside") > 0.99
    cut = measured(steps, rgb[:, round(x + 0.2 * w) :])
    assert number(cut, "face_inside") < 0.95


def test_a_lying_face_has_the_same_eyes_and_mouth(
    steps: list[Step], portrait: tuple[RgbImage, list[float]]
) -> None:
    rgb, (x, y, w, h) = portrait
    upright = measured(steps, rgb)
    turn = cv2.getRotationMatrix2D((x + w / 2, y + h / 2), 50, 1.0)
    lying = measured(steps, np.asarray(cv2.warpAffine(rgb, turn, rgb.shape[1::-1]), np.uint8))
    assert lying["mesh"] == 1
    for name in ("eye_aspect", "mouth_aspect"):
        assert number(lying, name) == pytest.approx(number(upright, name), abs=0.06), name
    assert number(lying, "face_inside") > 0.95


def test_a_picture_of_nothing_has_nothing(steps: list[Step]) -> None:
    assert set(measured(steps, np.full((200, 300, 3), 90, np.uint8)).values()) == {None}
