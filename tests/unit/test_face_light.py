"""Light on the face: measured inside its ellipse, halves compared along its own line."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bench.focus_set import item_of
from curation.records import Boxes, Measured
from curation.steps.base import check
from curation.steps.face_light import FaceLight, evenness
from curation.steps.focus_features import face_mask

Image = npt.NDArray[np.uint8]
BOX = (60, 60, 160, 160)
CLEAN = np.random.default_rng(0).normal(0, 6, (280, 280, 1))


def lit(left: float, right: float, around: float = 128) -> Image:
    """Return a grey picture whose face is lit by two levels."""
    picture = np.full((280, 280, 3), around)
    picture[60:220, 60:140], picture[60:220, 140:220] = left, right
    return np.asarray(np.clip(picture + CLEAN, 0, 255), np.uint8)


def signals(picture: Image) -> dict[str, float]:
    step = FaceLight()
    step.setup()
    found = check(step, step([item_of(picture, BOX)])[0]).signals
    return {name: float(value) for name, value in found.items() if isinstance(value, float)}


def test_only_the_face_counts() -> None:
    found = signals(lit(70, 70, around=250))
    assert found["face_luma"] == pytest.approx(70, abs=2)
    assert found["face_clip_high"] == 0
    assert found["face_contrast"] < 8
    assert found["face_evenness"] > 0.97


def test_light_from_one_side_is_uneven() -> None:
    soft, hard = signals(lit(115, 135)), signals(lit(40, 200))
    assert soft["face_evenness"] < 0.95
    assert hard["face_evenness"] < 0.5 * soft["face_evenness"]
    assert hard["face_contrast"] == pytest.approx(80, abs=5)


@pytest.mark.parametrize(("level", "name"), [(-30, "face_clip_low"), (290, "face_clip_high")])
def test_what_is_lost_is_counted(level: float, name: str) -> None:
    assert signals(lit(level, 128))[name] == pytest.approx(0.5, abs=0.03)


def test_the_halves_meet_on_the_faces_own_line() -> None:
    inside = face_mask((128, 128)) > 0
    y, x = np.mgrid[:128, :128]
    luma = np.where(x - 64 > y - 64, 200, 60).astype(np.uint8)  # lit along a diagonal
    leaning = np.array([[0.2, 0.2], [0.8, 0.8]])
    across = evenness(luma, inside, np.array([[0.8, 0.2], [0.2, 0.8]]))
    assert evenness(luma, inside, leaning) == pytest.approx(0.0, abs=0.35)
    assert across == pytest.approx(1.0, abs=0.05)


def test_a_face_of_one_half_has_no_evenness() -> None:
    inside = face_mask((128, 128)) > 0
    luma = np.full((128, 128), 99, np.uint8)
    assert evenness(luma, inside, np.array([[0.02, 0.0], [0.02, 1.0]])) is None


def test_keypoints_say_where_the_line_runs() -> None:
    item = item_of(lit(60, 190), BOX)
    points = np.array([[[80, 110], [200, 110], [140, 140], [100, 180], [180, 180]]], np.float32)
    boxes = item.given["faces"].boxes
    assert boxes is not None
    item.given["faces"] = Measured({}, Boxes(boxes.xyxy_px, boxes.score, boxes.label, points))
    step = FaceLight()
    assert float(step([item])[0].signals["face_evenness"] or 0) < 0.2
    turned = points.copy()
    turned[..., 0] -= 40  # a line further left leaves both lights to the right half
    item.given["faces"] = Measured({}, Boxes(boxes.xyxy_px, boxes.score, boxes.label, turned))
    assert float(step([item])[0].signals["face_evenness"] or 0) > 0.5


def test_without_a_face_nothing_is_said() -> None:
    item = item_of(lit(60, 190), BOX)
    item.given["subject"] = Measured({})
    found = FaceLight()([item])[0].signals
    assert set(found) == set(FaceLight.produces)
    assert all(value is None for value in found.values())
