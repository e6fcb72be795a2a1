"""Focus: level, kind and direction of blur, the torso's ladder, faces too small to judge."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from bench.focus_set import HEADS, item_of
from curation.decide.focus import blur_of_s, combine
from curation.records import Boxes, Measured
from curation.steps.focus import Focus, blur_kind
from curation.steps.focus_around import background
from curation.steps.focus_body import torso_box
from curation.steps.focus_features import FEATURES, features, weak_axis_deg
from curation.steps.focus_net import HEAD, BlurNet
from train.degrade import kernel, smear, spread_px
from train.focus_regressor import FOLDS

Image = npt.NDArray[np.uint8]
FACE = (914, 97, 139, 186)
"""x y w h in zidane.jpg."""
UNIT = float(np.sqrt(139 * 186)) / 128


@pytest.fixture(scope="module")
def picture() -> Image:
    spec = find_spec("ultralytics")
    if spec is None or spec.origin is None:
        pytest.skip("needs the stills of the ultralytics package")
    path = Path(spec.origin).parent / "assets" / "zidane.jpg"
    return np.asarray(cv2.imread(str(path)), np.uint8)


@pytest.fixture(scope="module")
def step() -> Focus:
    made = Focus()
    made.setup()
    return made


def along(picture: Image, sigma_px: float, degrees: float) -> Image:
    """Return the picture moved along a line."""
    steps = np.linspace(-1, 1, 61) * sigma_px * 3**0.5
    size = 2 * int(np.ceil(3 * sigma_px)) + 1
    weight = np.zeros((size, size), np.float32)
    x = np.round(size // 2 + steps * np.cos(np.radians(degrees))).astype(int)
    y = np.round(size // 2 + steps * np.sin(np.radians(degrees))).astype(int)
    np.add.at(weight, (y, x), 1 / len(steps))
    return smear(picture, weight)


def test_blur_is_read_in_pixels_of_the_face(picture: Image, step: Focus) -> None:
    found = []
    for sigma in (0.0, 1.0, 2.0, 3.0, 4.0):
        blurred = cv2.GaussianBlur(picture, (0, 0), sigma * UNIT) if sigma else picture
        found.append(step([item_of(np.asarray(blurred, np.uint8), FACE)])[0].signals)
    blur_px = [float(one["focus_blur_px"] or 0) for one in found]
    assert blur_px == sorted(blur_px)
    assert blur_px[0] < 0.5
    assert blur_px[2:] == pytest.approx([2, 3, 4], abs=0.5)
    focus = combine([one["focus_s"] for one in found], blur_px, [np.nan] * 5)
    assert (np.diff(focus) < 0).all()


@pytest.mark.parametrize("degrees", [0, 40, 90, 135])
def test_motion_is_told_from_defocus_with_its_direction(
    picture: Image, step: Focus, degrees: float
) -> None:
    moved = step([item_of(along(picture, 3 * UNIT, degrees), FACE)])[0].signals
    assert moved["focus_kind"] == "motion"
    said = float(moved["focus_motion_deg"] or 0)
    assert abs((said - degrees + 90) % 180 - 90) < 12


def test_defocus_and_sharpness_have_no_direction(picture: Image, step: Focus) -> None:
    disc = smear(picture, kernel("disc", 2.5 * UNIT, np.random.default_rng(0)))
    for bgr, kind in ((picture, "sharp"), (disc, "defocus")):
        signals = step([item_of(bgr, FACE)])[0].signals
        assert signals["focus_kind"] == kind
        assert signals["focus_motion_deg"] is None


def test_a_face_too_small_to_judge_is_called_nothing(picture: Image, step: Focus) -> None:
    small = cv2.resize(picture, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    box = (366, 39, 56, 74)
    signals = step([item_of(np.asarray(small, np.uint8), box)])[0].signals
    assert signals["focus_px"] == 56
    assert signals["focus_kind"] is None


def test_company_in_the_batch_changes_nothing(picture: Image, step: Focus) -> None:
    soft = np.asarray(cv2.GaussianBlur(picture, (0, 0), 3), np.uint8)
    both = step([item_of(picture, FACE), item_of(soft, FACE)])
    assert [step([item_of(p, FACE)])[0].signals for p in (picture, soft)] == [
        one.signals for one in both
    ]


@pytest.mark.parametrize(
    ("along_px", "across_px", "kind"),
    [(0.2, 0.0, "sharp"), (0.74, 0.74, "sharp"), (2.0, 1.9, "defocus"), (2.0, 0.3, "motion"),
     (2.0, 1.01, "defocus"), (2.0, 0.99, "motion")],
)  # fmt: skip
def test_kinds_follow_from_both_axes(along_px: float, across_px: float, kind: str) -> None:
    assert blur_kind(along_px, across_px) == kind


def test_direction_is_that_of_the_smear_and_not_of_the_texture() -> None:
    rng = np.random.default_rng(3)
    # Detail of every size, all of it twice as long up and down as sideways.
    sizes = (0.5, 1, 2, 4, 8)
    layers = [cv2.GaussianBlur(rng.normal(0, 30, (128, 128)), (0, 0), size, sigmaY=2 * size) * size
              for size in sizes]  # fmt: skip
    texture = np.clip(128 + np.sum(layers, axis=0), 0, 255)
    for degrees in (0, 60, 120):
        moved = along(np.asarray(texture, np.uint8), 3, degrees).astype(np.float32)
        assert abs((weak_axis_deg(moved) - degrees + 90) % 180 - 90) < 15


def test_a_sharper_background_shows_as_gap(picture: Image) -> None:
    x, y, w, h = FACE
    box = np.array([x, y, x + w, y + h], np.float64)
    soft = np.asarray(cv2.GaussianBlur(picture, (0, 0), 4), np.uint8)
    # Grain in the surroundings, so that there is texture to compare with.
    grain = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 99, picture.shape), (0, 0), 1.2)
    mixed = np.clip(picture + grain, 0, 255).astype(np.uint8)
    near = (slice(y - 60, y + h + 60), slice(x - 60, x + w + 60))
    gaps = []
    for face in (picture, soft):
        mixed[near] = face[near]
        gaps.append(background(np.ascontiguousarray(mixed[..., ::-1]), box, [])[1])
    assert None not in gaps
    assert float(gaps[1] or 0) > float(gaps[0] or 0) + 1


def pose(**seen: tuple[float, float]) -> npt.NDArray[np.float64]:
    """Return (33, 4) keypoints of which only the named are visible."""
    at = {"left": 11, "right": 12, "left_hip": 23, "right_hip": 24}
    points = np.zeros((33, 4))
    for name, (x, y) in seen.items():
        points[at[name]] = x, y, 1.0, 1.0
    return points


def test_the_ladder_of_the_torso() -> None:
    front = torso_box(pose(left=(100, 50), right=(200, 50), left_hip=(110, 220),
                           right_hip=(190, 220)))  # fmt: skip
    assert front is not None
    np.testing.assert_allclose(front[0], [99, 50, 201, 220])
    assert front[1] == pytest.approx(102)
    bust = torso_box(pose(left=(100, 50), right=(200, 50)))
    assert bust is not None
    np.testing.assert_allclose(bust[0], [100, 50, 200, 150])
    side = torso_box(pose(left=(100, 50), left_hip=(100, 250)))
    assert side is not None
    assert side[1] == pytest.approx(0.6 * 200)


@pytest.mark.parametrize(
    "seen", [{}, {"left": (100, 50)}, {"left_hip": (9, 9), "right_hip": (90, 9)},
             {"left": (100, 50), "right": (110, 50)}],
)  # fmt: skip
def test_no_torso_without_enough_of_it(seen: dict[str, tuple[float, float]]) -> None:
    assert torso_box(pose(**seen)) is None


def test_a_body_seen_from_behind_is_measured(picture: Image, step: Focus) -> None:
    item = item_of(picture, FACE)
    points = pose(left=(640, 330), right=(1000, 330), left_hip=(660, 700), right_hip=(990, 700))
    box = np.array([[600, 100, 1040, 720]], np.float32)
    item.given["pose"] = Measured(
        {}, Boxes(box, np.ones(1, np.float32), ("pose",), points[None].astype(np.float32))
    )
    item.given["subject"] = Measured({"pose_index": 0})
    signals = step([item])[0].signals
    assert signals["focus_s"] is None
    assert signals["focus_kind"] is None
    sharp = float(signals["focus_body"] or -9)
    item.rgb = np.asarray(cv2.GaussianBlur(item.rgb, (0, 0), 12), np.uint8)
    assert float(step([item])[0].signals["focus_body"] or 9) < sharp - 1


def test_features_hold_contrast_apart_from_blur(picture: Image) -> None:
    x, y, w, _ = FACE
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)[y + 36 : y + 36 + w, x : x + w]
    crop = np.asarray(cv2.resize(grey, (128, 128)), np.float32)
    row = features(crop, crop)
    assert row.shape == (len(FEATURES),)
    assert np.isfinite(row).all()
    flat = features(crop * 0.5 + 60, crop * 0.5 + 60)
    ratios = [i for i, name in enumerate(FEATURES) if name.startswith("ring_high")][:5]
    np.testing.assert_allclose(flat[ratios], row[ratios], atol=0.02)
    assert np.isfinite(features(np.full((128, 128), 7, np.float32), crop)).all()


def test_the_net_stays_sane_far_from_what_it_learnt() -> None:
    net = BlurNet.load(HEAD, FEATURES)
    wild = np.array([np.full(len(FEATURES), 1e30), np.full(len(FEATURES), -1e30)])
    found = net.predict(wild)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert (found[:, 1] <= found[:, 0]).all()


def test_a_head_for_other_features_is_refused() -> None:
    with pytest.raises(ValueError, match="train it again"):
        BlurNet.load(HEAD, (*FEATURES, "one_more"))


def test_no_fold_was_trained_on_what_it_judges() -> None:
    for name, sources in FOLDS.items():
        about = json.loads((HEADS / f"focus_{name}.json").read_text())
        assert set(about["left_out"]) == sources
        assert not sources & set(about["trained_on"])


def test_combine_knows_order_and_what_is_missing() -> None:
    nan = np.nan
    assert combine([0.7], [0.0], [nan]) > combine([0.7], [1.0], [nan])
    assert combine([0.7], [0.5], [nan]) > combine([0.0], [0.5], [nan])
    assert combine([0.7], [0.5], [0.0]) > combine([0.7], [0.5], [1.0])
    assert combine([nan], [1.5], [nan]) == pytest.approx([-1.5])
    assert combine([-1.2], [nan], [nan]) == pytest.approx([-2.0])
    assert np.isnan(combine([nan], [nan], [0.5])).all()
    # S is a guard: it is believed, less a pixel, where it tells of much more blur.
    assert combine([-2.5], [0.0], [nan]) == pytest.approx(-(blur_of_s([-2.5]) - 1.0))


@pytest.mark.parametrize("kind", ["gauss", "disc", "motion", "ghost", "curve"])
def test_kernels_are_as_wide_as_they_say(kind: str) -> None:
    wide, narrow = spread_px(kernel(kind, 6.0, np.random.default_rng(1)))
    assert wide == pytest.approx(6.0, rel=0.06)
    if kind in ("gauss", "disc"):
        assert narrow == pytest.approx(wide, rel=0.02)
    else:
        assert narrow < 0.6 * wide
