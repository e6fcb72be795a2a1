"""The main subject's columns, from detections made by hand: no model, no picture file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.params import SubjectParams
from curation.records import Boxes, Frame, Measured
from curation.steps.base import Item, check
from curation.steps.subject import Subject

SIZE_WH = (1000, 800)
# A standing figure, one unit tall, its nose at (0, 0.1): x, y by BlazePose joint.
FIGURE: dict[int, tuple[float, float]] = {
    **dict.fromkeys(range(11), (0.0, 0.1)),
    11: (0.10, 0.22), 12: (-0.10, 0.22), 13: (0.14, 0.36), 14: (-0.14, 0.36),
    **dict.fromkeys((15, 17, 19, 21), (0.15, 0.50)),
    **dict.fromkeys((16, 18, 20, 22), (-0.15, 0.50)),
    23: (0.07, 0.52), 24: (-0.07, 0.52), 25: (0.07, 0.74), 26: (-0.07, 0.74),
    27: (0.07, 0.95), 28: (-0.07, 0.95),
    **dict.fromkeys((29, 31), (0.08, 1.0)), **dict.fromkeys((30, 32), (-0.08, 1.0)),
}  # fmt: skip


def figure(x: float, top: float, tall: float, *, seen: float = 1.0) -> np.ndarray:
    """Keypoints (33, 4) of someone `tall` pixels high whose head begins at `top`."""
    points = np.zeros((33, 4), np.float32)
    for joint, (dx, dy) in FIGURE.items():
        points[joint] = (x + dx * tall, top + dy * tall, seen, 0.0)
    return points


def person_box(x: float, top: float, tall: float) -> list[float]:
    return [x - 0.18 * tall, top, x + 0.18 * tall, top + 1.02 * tall]


def face_box(x: float, top: float, tall: float) -> list[float]:
    return [x - 0.05 * tall, top + 0.03 * tall, x + 0.05 * tall, top + 0.16 * tall]


def boxes(rows: list[list[float]], scores: list[float] | None = None, **more: Any) -> Boxes:
    scores = [0.9] * len(rows) if scores is None else scores
    xyxy = np.clip(np.array(rows, np.float32).reshape(-1, 4), 0, [*SIZE_WH, *SIZE_WH])
    return Boxes(xyxy.astype(np.float32), np.array(scores, np.float32), ("x",) * len(rows), **more)


def pose_boxes(*poses: np.ndarray) -> Boxes:
    rows = [[*p[:, :2].min(axis=0), *p[:, :2].max(axis=0)] for p in poses]
    keypoints = np.stack(poses).astype(np.float32) if poses else np.zeros((0, 33, 4), np.float32)
    return boxes(rows, keypoints=keypoints)


def item(
    faces: Boxes | None = None,
    people: Boxes | None = None,
    pose: Boxes | None = None,
    size_wh: tuple[int, int] = SIZE_WH,
) -> Item:
    w, h = size_wh
    frame = Frame(1, "k:0", 1, 0, 0.0, Path("f.jpg"), w, h)
    found = {"faces": faces, "people": people, "pose": pose}
    given_ = {name: Measured({}, Boxes.empty() if b is None else b) for name, b in found.items()}
    return Item(frame, np.zeros((h, w, 3), np.uint8), given_)


def columns(*args: Any, params: SubjectParams | None = None, **kwargs: Any) -> dict[str, Any]:
    step = Subject(params)
    return dict(check(step, step([item(*args, **kwargs)])[0]).signals)


def someone(x: float, top: float, tall: float, **kwargs: Any) -> dict[str, Any]:
    return columns(
        boxes([face_box(x, top, tall)]),
        boxes([person_box(x, top, tall)]),
        pose_boxes(figure(x, top, tall)),
        **kwargs,
    )


def test_empty_picture_has_no_values_at_all() -> None:
    assert set(columns().values()) == {None}


def test_whole_person_is_described_in_pixels_of_the_picture() -> None:
    got = someone(500, 100, 600)
    assert (got["face_index"], got["pose_index"]) == (0, 0)
    assert got["face_x0"] == pytest.approx(470)
    assert got["face_height_frac"] == pytest.approx(0.13 * 600 / 800, rel=1e-4)
    assert got["person_y1"] == pytest.approx(712)
    assert got["pose_y0"] == pytest.approx(160)
    assert got["pose_y1"] == pytest.approx(700)
    assert got["below_shoulder_faces"] == pytest.approx((800 - 232) / 78, rel=1e-4)
    assert got["shoulder_hip_ratio"] == pytest.approx(0.2 / 0.3, rel=1e-3)
    assert got["pose_agreement"] > 0.8
    assert got["other_height_ratio"] == 0
    assert (got["cut_head"], got["cut_feet"], got["cut_side"]) == (0, 0, 0)
    parts = ("head", "shoulder", "hip", "knee", "ankle")
    assert all(got[f"vis_{part}"] == pytest.approx(1) for part in parts)


@pytest.mark.parametrize(
    ("x", "top", "tall", "cut", "unseen"),
    [
        (500, 100, 600, set(), set()),
        (500, 300, 600, {"feet"}, {"ankle"}),
        (500, 300, 1200, {"feet"}, {"hip", "knee", "ankle"}),
        (500, -150, 900, {"head"}, {"head"}),
        (60, 100, 600, {"side"}, set()),
        (940, 100, 600, {"side"}, set()),
    ],
    ids=["whole", "ankles below", "bust", "head above", "left", "right"],
)
def test_borders_cut_the_subject(
    x: float, top: float, tall: float, cut: set[str], unseen: set[str]
) -> None:
    headless = "head" in cut
    got = columns(
        None if headless else boxes([face_box(x, top, tall)]),
        boxes([person_box(x, top, tall)]),
        pose_boxes(figure(x, top, tall)),
    )
    assert {side for side in ("head", "feet", "side") if got[f"cut_{side}"]} == cut
    parts = ("head", "shoulder", "hip", "knee", "ankle")
    assert {part for part in parts if got[f"vis_{part}"] < 0.5} == unseen


@pytest.mark.parametrize(("top", "cut"), [(-40.0, 0), (-180.0, 1)], ids=["hair", "forehead"])
def test_a_close_up_may_lose_its_hair(top: float, cut: int) -> None:
    x, y = np.array([420, 580, 500, 440, 560.0]), top + np.array([260, 260, 380, 480, 480.0])
    face = boxes(
        [[320, top, 680, top + 700]], keypoints=np.stack([x, y], axis=1)[None].astype(np.float32)
    )
    assert columns(face)["cut_head"] == cut


def test_face_that_touches_the_top_is_a_cut_head() -> None:
    assert columns(boxes([[400, 0, 600, 250]]))["cut_head"] == 1
    assert columns(boxes([[400, 1, 600, 250]]))["cut_head"] == 0


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 1.5])
def test_the_share_of_the_torso_is_read_off_two_rulers(share: float) -> None:
    tall = (800 - 100) / (0.22 + share * 0.30)
    got = someone(500, 100, tall)
    by_face = share * 0.30 / (2.4 * 0.13)
    assert got["torso_share"] == pytest.approx(np.sqrt(share * by_face), rel=0.02)


def test_a_foot_outside_the_picture_is_cut_although_the_other_is_seen() -> None:
    points = figure(500, 100, 600)
    assert columns(None, None, pose_boxes(points))["cut_feet"] == 0
    points[27, 1] = 840
    got = columns(None, boxes([person_box(500, 100, 600)]), pose_boxes(points))
    assert (got["vis_ankle"], got["cut_feet"]) == (pytest.approx(1), 1)


def test_where_the_head_is_in_its_box() -> None:
    got = someone(500, 100, 600)
    assert got["head_rise"] == pytest.approx(1 - 0.1 / 1.02, abs=0.01)
    assert got["head_torsos"] == pytest.approx(0.12 / 0.30, abs=0.01)


def test_keypoints_at_the_very_edge_do_not_count() -> None:
    ankle_y = 795.0
    tall = (ankle_y - 100) / 0.95
    inside = someone(500, 100, tall, params=SubjectParams(edge_margin=0.0))
    assert inside["vis_ankle"] == pytest.approx(1)
    assert someone(500, 100, tall)["vis_ankle"] == 0


def test_one_hidden_side_shows_only_in_the_both_columns() -> None:
    points = figure(500, 100, 600)
    points[[12, 24, 28], 2] = 0.2
    got = columns(None, boxes([person_box(500, 100, 600)]), pose_boxes(points))
    for part in ("shoulder", "hip", "ankle"):
        assert got[f"vis_{part}"] == pytest.approx(1)
        assert got[f"vis_{part}_both"] == pytest.approx(0.2)


def test_pose_box_counts_only_visible_keypoints() -> None:
    points = figure(500, 100, 600)
    points[23:, 2] = 0.3
    got = columns(None, None, pose_boxes(points))
    assert got["pose_y1"] == pytest.approx(100 + 0.5 * 600)
    lenient = columns(None, None, pose_boxes(points), params=SubjectParams(keypoint_visibility=0.2))
    assert lenient["pose_y1"] == pytest.approx(700)


def test_invented_pose_has_no_agreement() -> None:
    alone = columns(None, None, pose_boxes(figure(500, 100, 600)))
    assert alone["pose_agreement"] == 0
    assert alone["person_score"] is None
    assert alone["person_y0"] == pytest.approx(160 - 0.1 * 540, abs=1)
    elsewhere = columns(None, boxes([[10, 10, 90, 200]]), pose_boxes(figure(600, 100, 600)))
    assert elsewhere["pose_agreement"] == 0


def test_detections_of_one_person_find_each_other_in_any_order() -> None:
    near, far = (650, 60, 700), (200, 300, 420)
    got = columns(
        boxes([face_box(*far), face_box(*near)]),
        boxes([person_box(*near), person_box(*far)], [0.8, 0.95]),
        pose_boxes(figure(*far), figure(*near)),
    )
    assert (got["face_index"], got["pose_index"]) == (1, 1)
    assert got["person_score"] == pytest.approx(0.8)
    assert got["other_height_ratio"] == pytest.approx(420 / 700, rel=1e-3)


def test_overlapping_people_keep_their_own_pose() -> None:
    left, right = (450, 80, 700), (580, 90, 690)
    got = columns(
        boxes([face_box(*left), face_box(*right)], [0.95, 0.7]),
        boxes([person_box(*right), person_box(*left)]),
        pose_boxes(figure(*right), figure(*left)),
    )
    assert (got["face_index"], got["pose_index"]) == (0, 1)
    assert got["person_x0"] == pytest.approx(450 - 0.18 * 700)


def test_back_turned_giant_outranks_a_distant_face() -> None:
    giant, distant = (500, 50, 740), (900, 400, 150)
    got = columns(
        boxes([face_box(*distant)]),
        boxes([person_box(*giant), person_box(*distant)]),
        pose_boxes(figure(*giant), figure(*distant)),
    )
    assert got["face_index"] is None
    assert got["face_score"] is None
    assert got["pose_index"] == 0
    equal = (250, 50, 740)
    assert columns(
        boxes([face_box(*equal)]), boxes([person_box(*giant), person_box(*equal)])
    )["face_index"] == 0  # fmt: skip


def test_second_opinion_is_passed_on() -> None:
    for second in (0.83, None):
        got = columns(boxes([[300, 200, 500, 450]], extra=({"second": second},)))
        assert got["face_second"] == second


@pytest.mark.parametrize(
    ("left_z", "mirrored", "want"),
    [(-1.0, False, 1.0), (-70.0, False, 0.865), (-1.0, True, 0.0)],
    ids=["square on", "turned", "from behind"],
)
def test_frontal_follows_the_shoulders(left_z: float, mirrored: bool, want: float) -> None:
    points = figure(500, 100, 600)
    points[11, 3] = left_z
    if mirrored:
        points[[11, 12], 0] = points[[12, 11], 0]
    assert columns(pose=pose_boxes(points))["frontal"] == pytest.approx(want, abs=0.01)


def test_frontal_of_a_pose_without_depth_is_its_width() -> None:
    points = figure(500, 100, 600)
    points[[11, 12], 0] = (500 + 27, 500 - 27)
    assert columns(pose=pose_boxes(points))["frontal"] == pytest.approx(54 / 180 / 0.6, rel=1e-3)


@given(x=st.floats(300, 700), top=st.floats(20, 200), tall=st.floats(200, 550), k=st.integers(2, 4))
def test_shape_ignores_place_and_size(x: float, top: float, tall: float, k: int) -> None:
    def shape(points: np.ndarray) -> np.ndarray:
        raw = columns(pose=pose_boxes(points))["pose_shape"]
        return np.frombuffer(raw, "<f2").reshape(33, 2).astype(float)

    here, there = shape(figure(x, top, tall)), shape(figure(500, 10, tall / k))
    np.testing.assert_allclose(here, there, atol=0.01)
    torso = (here[11] + here[12] - here[23] - here[24]) / 2
    assert np.hypot(*torso) == pytest.approx(1, abs=0.01)


def test_larger_picture_changes_pixels_and_nothing_else() -> None:
    small = someone(500, 100, 600)
    big_item = item(size_wh=(2000, 1600))
    for name, b in (
        ("faces", boxes([face_box(500, 100, 600)])),
        ("people", boxes([person_box(500, 100, 600)])),
        ("pose", pose_boxes(figure(500, 100, 600))),
    ):
        keypoints = b.keypoints
        if keypoints is not None:
            keypoints = keypoints * np.array([2, 2, 1, 1], np.float32)
        scaled = Boxes(b.xyxy_px * 2, b.score, b.label, keypoints, b.extra)
        big_item.given[name] = Measured({}, scaled)
    big = Subject()([big_item])[0].signals
    pixels = {name for name in small if name[-3:] in ("_x0", "_y0", "_x1", "_y1")}
    for name, value in small.items():
        if isinstance(value, bytes) or value is None:
            assert big[name] == value
        else:
            factor = 2 if name in pixels else 1
            assert big[name] == pytest.approx(value * factor, rel=1e-3)


def test_face_between_two_people_belongs_to_the_one_whose_nose_is_there() -> None:
    me, other = (420, 80, 700), (560, 60, 700)
    got = columns(
        boxes([face_box(*me)]),
        boxes([person_box(*other), person_box(*me)]),
        pose_boxes(figure(*other), figure(*me)),
    )
    assert (got["face_index"], got["pose_index"]) == (0, 1)
