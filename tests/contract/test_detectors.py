"""Every detector step on real pictures with its real model: one contract for all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from curation.params import FaceParams, PoseParams
from curation.records import Boxes, Frame, Measured
from curation.registry import step_class
from curation.steps.base import Item, RgbImage, Step, check
from curation.steps.geometry import iou

NAMES = ("faces", "people", "pose", "landmarks", "subject")
KEYPOINTS = {"faces": (5, 2), "pose": (33, 4)}
SHOULDERS = [11, 12]
SHOULDERS_HIPS_ANKLES = (11, 12, 23, 24, 27, 28)

pytestmark = pytest.mark.usefixtures("weights_dir")


@pytest.fixture(scope="module")
def steps() -> Iterator[list[Step]]:
    made = [step_class(name)() for name in NAMES]
    for step in made:
        step.setup()
    yield made
    for step in made:
        step.close()


@pytest.fixture(scope="module")
def pictures(sample_clips: list[Path]) -> dict[str, RgbImage]:
    """Real stills and frames, and a picture of nothing."""
    found = {"blank": np.full((360, 640, 3), 128, np.uint8)}
    for name in ("bus", "zidane"):
        found[name] = still(name)
    clips = {path.name.split("_")[0].split(".")[0]: path for path in sample_clips}
    found["carphone"] = frame_at(clips["carphone"], 60)
    found["nodding"] = frame_at(clips["carphone"], 118)
    found["cyclist"] = frame_at(clips["bikes"], 121)
    found["street"] = frame_at(clips["bikes"], 160)
    return found


def still(name: str) -> RgbImage:
    spec = find_spec("ultralytics")
    if spec is None or spec.origin is None:
        pytest.skip("needs the stills of the ultralytics package: make install")
    picture = cv2.imread(str(Path(spec.origin).parent / "assets" / f"{name}.jpg"))
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def frame_at(path: Path, number: int) -> RgbImage:
    import av

    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index == number:
                return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    raise AssertionError(f"{path} has no frame {number}")


def item(rgb: RgbImage, number: int = 1) -> Item:
    h, w = rgb.shape[:2]
    frame = Frame(number, f"k:{number}", 1, number, 0.0, Path("f.jpg"), w, h)
    return Item(frame, np.ascontiguousarray(rgb))


def measure(steps: Sequence[Step], *rgb: RgbImage) -> list[Mapping[str, Measured]]:
    """Run all steps over the pictures as one batch; check every promise."""
    items = [item(picture, number) for number, picture in enumerate(rgb)]
    for step in steps:
        answers = step(items)
        assert len(answers) == len(items)
        for one, answer in zip(items, answers, strict=True):
            one.given[step.name] = check(step, answer)
    return [one.given for one in items]


def assert_equal(one: Mapping[str, Measured], other: Mapping[str, Measured]) -> None:
    for name in NAMES:
        assert one[name].signals == other[name].signals, name
        a, b = one[name].boxes, other[name].boxes
        if a is None or b is None:
            assert a is b
            continue
        assert a.label == b.label
        assert a.extra == b.extra
        np.testing.assert_array_equal(a.xyxy_px, b.xyxy_px)
        np.testing.assert_array_equal(a.score, b.score)
        if a.keypoints is not None and b.keypoints is not None:
            np.testing.assert_array_equal(a.keypoints, b.keypoints)


def signals_of(given: Mapping[str, Measured], name: str) -> dict[str, Any]:
    return dict(given[name].signals)


def boxes_of(given: Mapping[str, Measured], name: str) -> Boxes:
    boxes = given[name].boxes
    assert boxes is not None
    return boxes


def test_batch_equals_singles_and_again(steps: list[Step], pictures: dict[str, RgbImage]) -> None:
    batch = measure(steps, *pictures.values())
    for rgb, together in zip(reversed(pictures.values()), reversed(batch), strict=True):
        (alone,) = measure(steps, rgb)
        assert_equal(together, alone)


def test_fresh_models_give_the_same_numbers(
    steps: list[Step], pictures: dict[str, RgbImage]
) -> None:
    fresh = [step_class(name)() for name in NAMES]
    for step in fresh:
        step.setup()
    try:
        for one, other in zip(
            measure(steps, pictures["zidane"]), measure(fresh, pictures["zidane"]), strict=True
        ):
            assert_equal(one, other)
    finally:
        for step in fresh:
            step.close()


@pytest.mark.parametrize(
    ("name", "faces", "people", "poses"),
    [
        ("bus", (2, 4), (3, 5), (3, 5)),
        ("zidane", (2, 2), (2, 3), (2, 3)),
        ("carphone", (1, 1), (1, 2), (1, 2)),
        ("cyclist", (1, 1), (1, 2), (1, 2)),
        ("street", (0, 0), (0, 1), (0, 0)),
        ("blank", (0, 0), (0, 0), (0, 0)),
    ],
)
def test_counts_are_right(
    steps: list[Step],
    pictures: dict[str, RgbImage],
    name: str,
    faces: tuple[int, int],
    people: tuple[int, int],
    poses: tuple[int, int],
) -> None:
    (given,) = measure(steps, pictures[name])
    for step, column, (least, most) in (
        ("faces", "n_faces", faces), ("people", "n_people", people), ("pose", "n_poses", poses),
    ):  # fmt: skip
        count = signals_of(given, step)[column]
        assert least <= count <= most, (step, count)
        assert count == len(boxes_of(given, step))


def test_boxes_lie_in_the_picture_and_keypoints_in_their_layout(
    steps: list[Step], pictures: dict[str, RgbImage]
) -> None:
    for rgb in pictures.values():
        h, w = rgb.shape[:2]
        (given,) = measure(steps, rgb)
        for name in ("faces", "people", "pose"):
            boxes = boxes_of(given, name)
            assert np.all(boxes.xyxy_px >= 0)
            assert np.all(boxes.xyxy_px <= [w, h, w, h])
            assert np.all(boxes.xyxy_px[:, 2:] > boxes.xyxy_px[:, :2])
            assert np.all((boxes.score > 0) & (boxes.score <= 1))
            layout = None if boxes.keypoints is None else boxes.keypoints.shape[1:]
            assert layout == KEYPOINTS.get(name)
            if boxes.keypoints is not None:
                assert np.isfinite(boxes.keypoints).all()


def test_face_keypoints_are_the_persons_right_eye_first(
    steps: list[Step], pictures: dict[str, RgbImage]
) -> None:
    (given,) = measure(steps, pictures["carphone"])
    points = boxes_of(given, "faces").keypoints
    assert points is not None
    right_eye, left_eye, nose, right_mouth, left_mouth = points[0]
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_mouth[0] < left_mouth[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])


def test_second_opinion_confirms_real_faces_and_can_be_left_out(
    steps: list[Step], pictures: dict[str, RgbImage]
) -> None:
    (given,) = measure(steps, pictures["zidane"])
    extra = boxes_of(given, "faces").extra
    assert extra is not None
    assert all(one["second"] > 0.5 for one in extra)
    alone = step_class("faces")(FaceParams(second_opinion=False))
    assert alone.weight_names() == ("yunet",)
    alone.setup()
    boxes = alone([item(pictures["zidane"])])[0].boxes
    alone.close()
    assert boxes is not None
    assert boxes.extra is not None
    assert [one["second"] for one in boxes.extra] == [None, None]


def test_subject_of_the_cyclist_is_the_cyclist(
    steps: list[Step], pictures: dict[str, RgbImage]
) -> None:
    (given,) = measure(steps, pictures["cyclist"])
    got = signals_of(given, "subject")
    assert got["vis_ankle"] > 0.5
    assert got["pose_agreement"] > 0.3
    assert got["other_height_ratio"] < 0.25, "a parked motorcycle is nobody"
    assert 350 < got["person_x0"] < got["face_x0"] < got["face_x1"] < got["person_x1"] < 500


def test_subject_of_a_close_up_has_shoulders_and_no_ankles(
    steps: list[Step], pictures: dict[str, RgbImage]
) -> None:
    (given,) = measure(steps, pictures["carphone"])
    got = signals_of(given, "subject")
    assert got["vis_shoulder"] > 0.5
    assert got["vis_ankle"] == got["vis_hip"] == 0
    assert got["face_height_frac"] > 0.3
    assert signals_of(given, "landmarks")["mesh"] == 1


def test_mirror_image_turns_the_head_the_other_way(
    steps: list[Step], pictures: dict[str, RgbImage]
) -> None:
    for name in ("carphone", "nodding"):
        here, there = measure(steps, pictures[name], pictures[name][:, ::-1])
        one, other = signals_of(here, "landmarks"), signals_of(there, "landmarks")
        assert one["mesh"] == other["mesh"] == 1
        assert one["yaw_deg"] == pytest.approx(-other["yaw_deg"], abs=4)
        assert one["roll_deg"] == pytest.approx(-other["roll_deg"], abs=3)
        assert one["pitch_deg"] == pytest.approx(other["pitch_deg"], abs=4)
        assert one["eye_open"] == pytest.approx(other["eye_open"], abs=0.15)


@pytest.mark.parametrize("lean_deg", [-50, 50])
def test_leaning_head_is_measured_all_the_same(
    steps: list[Step], pictures: dict[str, RgbImage], lean_deg: int
) -> None:
    rgb = pictures["carphone"]
    (upright,) = measure(steps, rgb)
    x, y = boxes_of(upright, "faces").xyxy_px[0].reshape(2, 2).mean(axis=0)
    turn = cv2.getRotationMatrix2D((float(x), float(y)), -lean_deg, 1)
    (leaning,) = measure(steps, cv2.warpAffine(rgb, turn, rgb.shape[1::-1]))
    assert signals_of(leaning, "landmarks")["mesh"] == 1
    roll = signals_of(upright, "landmarks")["roll_deg"] + lean_deg
    assert signals_of(leaning, "landmarks")["roll_deg"] == pytest.approx(roll, abs=6)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_keypoints_follow_the_size_of_the_picture(
    steps: list[Step], pictures: dict[str, RgbImage], scale: float
) -> None:
    rgb = pictures["zidane"]
    size = (round(rgb.shape[1] * scale), round(rgb.shape[0] * scale))
    here, there = measure(steps, rgb, cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
    for name in ("faces", "people"):
        a, b = boxes_of(here, name), boxes_of(there, name)
        assert len(a) == len(b)
        assert iou(a.xyxy_px * scale, b.xyxy_px).max(axis=1).min() > 0.75, name
    ours, theirs = boxes_of(here, "pose").keypoints, boxes_of(there, "pose").keypoints
    assert ours is not None
    assert theirs is not None
    for points in ours[:, SHOULDERS, :2]:
        away = np.linalg.norm(theirs[:, SHOULDERS, :2] - points * scale, axis=2).mean(axis=1)
        assert away.min() < 0.15 * scale * np.linalg.norm(points[0] - points[1])


def test_sizes_that_change_from_call_to_call_leave_no_trace(pictures: dict[str, RgbImage]) -> None:
    rng = np.random.default_rng(1)
    used = step_class("faces")()
    used.setup()
    for turn in range(60):
        w, h = (int(v) for v in rng.integers(16, 120 if turn % 2 else 400, 2))
        rgb = cv2.resize(pictures["bus" if turn % 3 else "blank"], (w, h))
        fresh = step_class("faces")()
        fresh.setup()
        one, other = (step([item(rgb)])[0].boxes for step in (used, fresh))
        fresh.close()
        assert one is not None
        assert other is not None
        np.testing.assert_array_equal(one.xyxy_px, other.xyxy_px, err_msg=f"{w} x {h}")
        assert one.extra == other.extra
    used.close()


@pytest.mark.parametrize(
    "size_wh", [(16, 16), (17, 401), (640, 16), (33, 31), (1921, 1081)], ids=str
)
def test_any_size_is_answered(steps: list[Step], size_wh: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8)
    grey = np.repeat(noise[:, :, :1], 3, axis=2)
    black = np.zeros_like(noise)
    for given in measure(steps, noise, grey, black):
        assert signals_of(given, "subject")["face_index"] is None


def test_grey_picture_still_has_its_people(
    steps: list[Step], pictures: dict[str, RgbImage]
) -> None:
    grey = cv2.cvtColor(pictures["zidane"], cv2.COLOR_RGB2GRAY)
    (given,) = measure(steps, np.repeat(grey[:, :, None], 3, axis=2))
    assert signals_of(given, "faces")["n_faces"] == 2
    assert signals_of(given, "pose")["n_poses"] >= 2


QUIET_RUN = """
import sys
from pathlib import Path
import cv2
import numpy as np
from curation.params import PoseParams
from curation.records import Frame
from curation.registry import step_class
from curation.steps.base import Item
engine, picture = sys.argv[1:]
rgb = np.ascontiguousarray(cv2.imread(picture)[:, :, ::-1])
one = Item(Frame(1, "k:1", 1, 0, 0.0, Path("f"), rgb.shape[1], rgb.shape[0]), rgb)
for name in ("faces", "people", "pose", "landmarks", "subject"):
    params = PoseParams(pose_engine=engine) if name == "pose" else None
    step = step_class(name)(params)
    step.setup()
    one.given[name] = step([one])[0]
print(one.given["pose"].signals["n_poses"])
"""


def run_apart(engine: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run all steps on a still in a new process with an empty home, and leave them open."""
    spec = find_spec("ultralytics")
    if spec is None or spec.origin is None:
        pytest.skip("needs the stills of the ultralytics package: make install")
    picture = Path(spec.origin).parent / "assets" / "bus.jpg"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("YOLO_", "XDG_"))}
    return subprocess.run(
        [sys.executable, "-c", QUIET_RUN, engine, str(picture)],
        env={**kept, "HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True, text=True, check=True,
    )  # fmt: skip


def test_models_are_silent_from_start_to_a_careless_end(tmp_path: Path) -> None:
    done = run_apart("mediapipe", tmp_path)
    assert int(done.stdout) >= 3
    assert done.stderr == ""


@pytest.mark.usefixtures("yolo_weights")
def test_ultralytics_runs_with_its_real_weights_and_leaves_home_alone(tmp_path: Path) -> None:
    done = run_apart("ultralytics", tmp_path)
    assert int(done.stdout.splitlines()[-1]) >= 3
    assert done.stderr == ""
    assert not [path for path in tmp_path.rglob("*") if "ltralytics" in path.name]


@pytest.mark.usefixtures("yolo_weights")
def test_both_engines_put_the_joints_in_the_same_places(
    steps: list[Step], pictures: dict[str, RgbImage]
) -> None:
    (given,) = measure(steps, pictures["bus"])
    other = step_class("pose")(PoseParams(pose_engine="ultralytics"))
    other.setup()
    one = item(pictures["bus"])
    one.given.update(given)
    found = check(other, other([one])[0]).boxes
    other.close()
    ours = boxes_of(given, "pose")
    assert found is not None and found.keypoints is not None and ours.keypoints is not None
    assert len(found) >= 3
    agreeing = 0
    for points in found.keypoints:
        joints = list(SHOULDERS_HIPS_ANKLES)
        tall = float(np.ptp(points[joints, 1]))
        apart = np.linalg.norm(ours.keypoints[:, joints, :2] - points[joints, :2], axis=2)
        agreeing += bool(apart.mean(axis=1).min() < 0.08 * tall)
    assert agreeing >= 2
