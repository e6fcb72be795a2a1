"""Boxes, keypoints and angles that the detector steps share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.params import PoseParams
from curation.records import Boxes
from curation.steps import geometry
from curation.steps.keypoints import mean_visibility, same_person
from curation.steps.landmarks import head_angles_deg
from curation.steps.people import _one_each
from curation.steps.pose import Pose
from curation.steps.pose_ultralytics import COCO_TO_33, to_33
from curation.steps.tvshim import suppress

SPAN = st.tuples(st.floats(0, 500), st.floats(0, 500), st.floats(1, 300), st.floats(1, 300))


@given(one=SPAN, other=SPAN)
def test_overlap_is_symmetric_bounded_and_whole_with_itself(
    one: tuple[float, ...], other: tuple[float, ...]
) -> None:
    a, b = (np.array([[x, y, x + w, y + h]]) for x, y, w, h in (one, other))
    assert geometry.iou(a, a)[0, 0] == pytest.approx(1)
    assert geometry.iou(a, b)[0, 0] == pytest.approx(geometry.iou(b, a)[0, 0])
    assert 0 <= geometry.iou(a, b)[0, 0] <= geometry.inside_share(a, b)[0, 0] + 1e-9 <= 1 + 1e-6


def test_whole_pixels_cover_the_box_and_stay_in_the_picture() -> None:
    assert geometry.whole_pixels(np.array([-3.0, 1.2, 50.1, 99.0]), (40, 80)) == (0, 1, 40, 80)


def test_main_face_weighs_size_place_and_score() -> None:
    def main(*rows: tuple[float, float, float, float]) -> int | None:
        xyxy = np.array([[x, y, x + s, y + s] for x, y, s, _ in rows], np.float32).reshape(-1, 4)
        score = np.array([row[3] for row in rows], np.float32)
        return geometry.main_face(Boxes(xyxy, score, ("face",) * len(rows)), (640, 480))

    assert main() is None
    assert main((300, 200, 50, 0.9), (100, 200, 90, 0.9)) == 1
    assert main((0, 0, 60, 0.9), (290, 210, 55, 0.9)) == 1
    assert main((300, 200, 50, 0.7), (300, 200, 50, 0.95)) == 1


@pytest.mark.parametrize(
    ("boxes", "kept"),
    [
        ([[0, 0, 100, 300], [5, 5, 100, 290]], [0]),
        ([[20, 0, 80, 120], [0, 0, 100, 300]], [0]),
        ([[0, 0, 100, 300], [60, 0, 160, 300]], [0, 1]),
        ([[0, 0, 200, 300], [60, 150, 120, 290]], [0, 1]),
        ([], []),
    ],
    ids=["twice", "head and whole body", "side by side", "child in front", "nobody"],
)
def test_each_person_keeps_one_box(boxes: list[list[float]], kept: list[int]) -> None:
    assert _one_each(np.array(boxes, np.float64).reshape(-1, 4)) == kept


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"), [(0, 0, 0), (30, 0, 0), (0, 20, 0), (0, 0, 25), (-40, 15, -60)]
)
def test_head_angles_come_back_from_a_rotation(yaw: float, pitch: float, roll: float) -> None:
    # The camera's y points up, so up and clockwise are negative turns about x and z.
    a, b, c = np.radians([yaw, -pitch, -roll])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = 7.0 * about_z @ about_x @ about_y
    assert head_angles_deg(matrix) == pytest.approx((yaw, pitch, roll), abs=1e-6)
    nose = matrix[:3, :3] @ [0, 0, 1]
    if yaw and not pitch and not roll:
        assert nose[0] > 0, "positive yaw points the nose to the right of the picture"
    if pitch and not yaw and not roll:
        assert nose[1] > 0, "positive pitch points the nose up"


def test_coco_joints_land_on_their_namesakes() -> None:
    coco = np.stack([np.arange(17) * 10, np.arange(17) * 5, np.full(17, 0.9)], axis=1)
    points = to_33(coco.astype(np.float32))
    np.testing.assert_allclose(points[list(COCO_TO_33), :3], coco, rtol=1e-6)
    absent = [joint for joint in range(33) if joint not in COCO_TO_33]
    assert not points[absent, 2].any()
    np.testing.assert_allclose(points[32, :2], points[28, :2])
    assert mean_visibility(points, (1000, 1000)) == pytest.approx(0.9)


def test_poses_of_one_person_are_told_from_neighbours() -> None:
    points = np.zeros((33, 4), np.float32)
    points[:11, :2] = (100, 50)
    points[[11, 12], :2] = (120, 90), (80, 90)
    points[[23, 24], :2] = (112, 180), (88, 180)
    shaken = points + np.array([6, -4, 0, 0], np.float32)
    beside = points + np.array([70, 0, 0, 0], np.float32)
    assert same_person(points, shaken)
    assert not same_person(points, beside)


def test_pose_names_only_the_weights_of_its_engine() -> None:
    assert Pose().weight_names() == ("pose_landmarker",)
    assert Pose(PoseParams(pose_engine="ultralytics")).weight_names() == ("yolo11n_pose",)


def test_suppression_keeps_the_best_of_overlapping_boxes() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    corner, size = rng.uniform(0, 60, (40, 2)), rng.uniform(10, 50, (40, 2))
    boxes, scores = np.hstack([corner, corner + size]), rng.uniform(0, 1, 40)
    got = suppress(torch.tensor(boxes), torch.tensor(scores), 0.4).tolist()
    assert got[0] == scores.argmax()
    assert np.all(np.diff(scores[got]) <= 0)
    overlap = geometry.iou(boxes, boxes)
    assert all(overlap[i, j] <= 0.4 for i in got for j in got if i != j)
    for dropped in set(range(40)) - set(got):
        assert any(overlap[dropped, k] > 0.4 and scores[k] >= scores[dropped] for k in got)
    assert suppress(torch.zeros(0, 4), torch.zeros(0), 0.5).tolist() == []
