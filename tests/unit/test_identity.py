"""Who a face is: the same person near, another far."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from curation.records import Frame
from curation.registry import step_class
from curation.steps.base import Item, RgbImage, Step, check
from curation.steps.identity import DIMENSIONS

pytestmark = pytest.mark.usefixtures("weights_dir")

SAME, OTHER = 0.5, 0.4
CLIPS = ("LivePortrait_d10.mp4", "LivePortrait_d18.mp4", "SadTalker_1.mp4", "LivePortrait_s32.mp4")


@pytest.fixture(scope="module")
def steps() -> Iterator[list[Step]]:
    made = [step_class(name)() for name in ("faces", "identity")]
    for step in made:
        step.setup()
    yield made
    for step in made:
        step.close()


def measured(steps: list[Step], rgb: RgbImage) -> tuple[bytes | None, float | None]:
    """Return identity and identity_px of a picture's main face."""
    frame = Frame(1, "k:0", 0, 0, 0.0, Path("x.jpg"), rgb.shape[1], rgb.shape[0])
    item = Item(frame, rgb)
    for step in steps:
        item.given[step.name] = check(step, step([item])[0])
    signals = item.given["identity"].signals
    identity, size_px = signals["identity"], signals["identity_px"]
    assert identity is None or isinstance(identity, bytes)
    assert size_px is None or isinstance(size_px, float)
    return identity, size_px


def vector(blob: bytes | None) -> npt.NDArray[np.float64]:
    assert blob is not None
    return np.frombuffer(blob, "<f2").astype(np.float64)


def frame_of(path: Path, number: int) -> RgbImage:
    clip = cv2.VideoCapture(str(path))
    clip.set(cv2.CAP_PROP_POS_FRAMES, number)
    sound, bgr = clip.read()
    clip.release()
    assert sound, path
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def test_one_person_is_near_and_others_are_far(steps: list[Step], shared_bench: Path) -> None:
    faces = np.stack([
        vector(measured(steps, frame_of(shared_bench / "videos" / "clips" / name, number))[0])
        for name in CLIPS
        for number in (10, 70, 130)
    ])
    who = np.repeat(np.arange(len(CLIPS)), 3)
    near = faces @ faces.T
    same = who[:, None] == who[None]
    assert near[same].min() > SAME
    assert near[~same].max() < OTHER


def test_portraits_of_strangers_are_told_apart(steps: list[Step], shared_bench: Path) -> None:
    pictures = sorted((shared_bench / "focus" / "sharp").iterdir())[:3]
    for path in pictures:
        rgb = np.asarray(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), np.uint8)
        blob, size_px = measured(steps, rgb)
        face = vector(blob)
        assert face.shape == (DIMENSIONS,)
        assert np.linalg.norm(face) == pytest.approx(1, abs=1e-3)
        half = cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        again, half_px = measured(steps, np.asarray(half, np.uint8))
        assert float(face @ vector(again)) > 0.8
        assert size_px is not None
        assert half_px is not None
        assert half_px == pytest.approx(size_px / 2, rel=0.1)


def test_no_face_and_a_tiny_face_have_no_identity(
    steps: list[Step], shared_bench: Path
) -> None:
    assert measured(steps, np.full((240, 320, 3), 120, np.uint8)) == (None, None)
    with (shared_bench / "focus" / "LABELS.csv").open(newline="") as file:
        row = next(csv.DictReader(file))
    rgb = cv2.cvtColor(
        cv2.imread(str(shared_bench / "focus" / "sharp" / row["file"])), cv2.COLOR_BGR2RGB
    )
    scale = 22 / float(row["face_box_xywh"].split()[3])
    tiny = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((200, 200, 3), 127, np.uint8)
    height, width = min(tiny.shape[0], 200), min(tiny.shape[1], 200)
    canvas[:height, :width] = tiny[:height, :width]
    assert measured(steps, canvas) == (None, None)
