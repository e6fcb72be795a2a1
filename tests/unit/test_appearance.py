"""What the subject looks like survives small edits, and the vectors are as they are promised."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from curation.errors import WeightsMissing
from curation.records import Boxes, Frame, Measured, Value
from curation.steps.appearance import PROJECTION, Appearance, subject_px
from curation.steps.base import Item
from curation.steps.projection import Projection, packed
from tests.unit.pictures import Rgb, crop, scenery


@pytest.fixture(scope="module")
def step(weights_dir: Path) -> Appearance:
    made = Appearance()
    made.setup()
    return made


def item(rgb: Rgb, subject: dict[str, Value] | None = None, poses: Boxes | None = None) -> Item:
    signals = {"pose_index": None} | (subject or {})
    given = {"subject": Measured(signals), "pose": Measured({}, poses or Boxes.empty())}
    return Item(Frame(1, "a", 1, 0, 0.0, Path("a.jpg"), rgb.shape[1], rgb.shape[0]), rgb, given)


def vector(measured: Measured, name: str = "scene") -> npt.NDArray[np.float32]:
    blob = measured.signals[name]
    assert isinstance(blob, bytes)
    return np.frombuffer(blob, "<f2").astype(np.float32)


def box(name: str, *corners: float) -> dict[str, Value]:
    return dict(zip((f"{name}_{c}" for c in ("x0", "y0", "x1", "y1")), corners, strict=True))


def test_an_edit_looks_more_alike_than_another_picture(step: Appearance) -> None:
    pictures = [scenery(seed) for seed in range(6)]
    edits = [cv2.convertScaleAbs(crop(rgb, 0.9), alpha=0.9, beta=20) for rgb in pictures]
    ones, others = (
        np.stack([vector(found) for found in step([item(rgb) for rgb in some])])
        for some in (pictures, edits)
    )
    assert np.allclose(np.linalg.norm(ones, axis=1), 1, atol=2e-3)
    alike = ones @ others.T
    assert np.diag(alike).min() > 0.75
    assert np.diag(alike).mean() > alike[~np.eye(6, dtype=bool)].mean() + 0.05


def test_nobody_leaves_the_whole_picture(step: Appearance) -> None:
    found = step([item(scenery(1))])[0]
    assert found.signals["appearance"] == found.signals["scene"]
    assert found.signals["joints_seen"] is None


def test_the_subject_is_looked_at_without_its_surroundings(step: Appearance) -> None:
    one, other = scenery(1), scenery(2)
    person = scenery(3, (120, 200))
    for rgb in (one, other):
        rgb[100:300, 200:320] = person
    subject = box("person", 200, 100, 320, 300)
    a, b = step([item(one, subject), item(other, subject)])
    assert vector(a, "appearance") @ vector(b, "appearance") > 0.8
    assert vector(a) @ vector(b) < vector(a, "appearance") @ vector(b, "appearance")


@pytest.mark.parametrize(
    ("subject", "shape"),
    [
        ({}, (100, 200)),
        (box("person", 50, 20, 150, 80), (68, 112)),
        (box("face", 80, 40, 100, 60), (60, 60)),
        (box("person", 199, 99, 200, 100) | box("face", 80, 40, 100, 60), (60, 60)),
        (box("person", -20, -20, 300, 300), (100, 200)),
    ],
)
def test_the_crop_is_person_then_face_then_picture(
    subject: dict[str, Value], shape: tuple[int, int]
) -> None:
    rgb = np.zeros((100, 200, 3), np.uint8)
    x0, y0, x1, y1 = subject_px(rgb, subject)
    found = rgb[y0:y1, x0:x1].shape[:2]
    assert np.abs(np.subtract(found, shape)).max() <= 1


def test_joints_count_where_they_are_visible_inside_the_picture(step: Appearance) -> None:
    points = np.zeros((1, 33, 4), np.float32)
    points[0, :, :2], points[0, :, 2] = 100, 0.95
    points[0, 5, 2] = 0.2
    points[0, 7, 0] = 700
    boxes = Boxes(np.array([[0, 0, 9, 9]], np.float32), np.ones(1, np.float32), ("pose",), points)
    seen = step([item(scenery(1), {"pose_index": 0}, boxes)])[0].signals["joints_seen"]
    assert seen == 2**33 - 1 - 2**5 - 2**7


def test_a_vector_does_not_depend_on_its_company(step: Appearance) -> None:
    alone = step([item(scenery(1))])[0]
    together = step([item(scenery(2)), item(scenery(1))])[1]
    assert (vector(alone) == vector(together)).all()


def test_the_shipped_projection_is_small_and_makes_unit_vectors() -> None:
    project = Projection(PROJECTION)
    assert PROJECTION.stat().st_size < 500_000
    assert project.basis.shape[1] == 96
    found = project(np.random.default_rng(0).normal(0, 1, (5, 1280)).astype(np.float32))
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    "content",
    [
        None,
        "not json",
        "{}",
        json.dumps({"mean": packed(np.zeros(4)), "basis": packed(np.zeros((5, 2)))}),
        json.dumps({"mean": packed(np.zeros(4)), "basis": {"shape": [4, 2], "float16": "!"}}),
    ],
)
def test_a_file_that_is_no_projection_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "head.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(WeightsMissing, match=r"head\.json"):
        Projection(path)
