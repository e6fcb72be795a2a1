"""Who is the main one of several people, and how much the others count."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from curation.steps.geometry import main_face
from curation.steps.subject import Subject
from tests.unit.test_subject import (
    SIZE_WH,
    boxes,
    columns,
    face_box,
    figure,
    item,
    person_box,
    pose_boxes,
)

ME = (400, 60, 700)


@pytest.mark.parametrize(
    ("faces", "people", "ratio", "faceless"),
    [
        ([], [], 0.0, 0.0),
        ([], [(person_box(850, 400, 210), 0.75)], 0.0, 0.3),
        ([], [(person_box(850, 400, 210), 0.5)], 0.0, 0.0),
        ([(face_box(850, 400, 350), 0.92, None)], [], 0.5, 0.0),
        ([(face_box(850, 400, 350), 0.72, None)], [], 0.0, 0.0),
        ([(face_box(850, 400, 350), 0.72, 0.6)], [], 0.5, 0.0),
        ([(face_box(850, 400, 140), 0.92, 0.9)], [(person_box(850, 400, 420), 0.9)], 0.2, 0.0),
        ([], [([330, 300, 470, 760], 0.75)], 0.0, 0.0),
        ([(face_box(982, 400, 350), 0.92, 0.9)], [], 0.25, 0.0),
    ],
    ids=[
        "alone", "strong box", "faint box", "strong face", "doubtful face", "seconded face",
        "face against face", "box inside the main one", "face cut by the edge",
    ],
)  # fmt: skip
def test_others_count_when_they_are_credible(
    faces: list[tuple[list[float], float, float | None]],
    people: list[tuple[list[float], float]],
    ratio: float,
    faceless: float,
) -> None:
    seconds = [0.9, *(second for _, _, second in faces)]
    got = columns(
        boxes(
            [face_box(*ME), *(box for box, _, _ in faces)],
            [0.95, *(score for _, score, _ in faces)],
            extra=tuple({"second": second} for second in seconds),
        ),
        boxes([person_box(*ME), *(b for b, _ in people)], [0.9, *(s for _, s in people)]),
        pose_boxes(figure(*ME)),
    )
    assert got["face_index"] == 0
    assert got["other_height_ratio"] == pytest.approx(ratio, abs=0.01)
    assert got["other_body_ratio"] == pytest.approx(faceless, abs=0.01)


@pytest.mark.parametrize(("sigma_px", "low", "high"), [(0.0, 0.8, 1.0), (2.0, 0.1, 0.5)])
def test_a_face_out_of_focus_counts_less(sigma_px: float, low: float, high: float) -> None:
    me, behind = (400, 60, 500), face_box(850, 60, 500)
    there = item(
        boxes([face_box(*me), behind], extra=({"second": 0.9}, {"second": 0.9})),
        boxes([person_box(*me)]),
        pose_boxes(figure(*me)),
    )
    noise = np.random.default_rng(5).integers(0, 256, there.rgb.shape, np.uint8)
    there.rgb[:] = cv2.GaussianBlur(noise, (0, 0), 1.0)
    if sigma_px:
        x0, y0, x1, y1 = (int(v) for v in behind)
        there.rgb[y0:y1, x0:x1] = cv2.GaussianBlur(there.rgb[y0:y1, x0:x1], (0, 0), sigma_px)
    signals = Subject()([there])[0].signals
    assert signals["face_index"] == 0
    assert low <= float(str(signals["other_height_ratio"])) <= high


def test_a_box_around_a_group_does_not_outrank_a_face() -> None:
    small = (500, 200, 300)
    got = columns(
        boxes([face_box(*small)]),
        boxes([[50, 20, 950, 790], person_box(*small)], [0.9, 0.8]),
        pose_boxes(figure(*small)),
    )
    assert (got["face_index"], got["pose_index"]) == (0, 0)


@pytest.mark.parametrize(
    ("extra", "main"),
    [
        (({}, {}), 0),
        (({"second": None}, {"second": 0.9}), 1),
        (({"second": None}, {"second": None}), 0),
        (({"sharp": -1.9}, {"sharp": 1.0}), 1),
        (({"sharp": 0.0}, {"sharp": 1.0}), 0),
    ],
    ids=["larger", "denied", "nobody asked", "far out of focus", "as sharp as people differ"],
)
def test_the_main_face_is_large_vouched_for_and_in_focus(extra: Any, main: int) -> None:
    faces = boxes([[300, 300, 420, 460], [550, 300, 650, 440]], extra=extra)
    assert main_face(faces, SIZE_WH) == main
