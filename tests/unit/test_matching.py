"""One picture, cropped or zoomed, is found again; the same place at another moment is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from curation.errors import WeightsMissing
from curation.steps.matching import Match, SiftMatcher, make_matcher, small_grey
from tests.unit.pictures import Rgb, crop, scenery

PICTURE = scenery(1)


def moved_person(rgb: Rgb, left: int) -> Rgb:
    """Return the scenery with a striped figure that hides a quarter of it."""
    out = rgb.copy()
    figure = scenery(77, (160, 260))
    out[80:340, left : left + 160] = figure
    return out


def brighter(rgb: Rgb) -> Rgb:
    return np.asarray(cv2.convertScaleAbs(rgb, alpha=1.1, beta=15), np.uint8)


def noisy(rgb: Rgb) -> Rgb:
    noise = np.random.default_rng(0).normal(0, 8, rgb.shape)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8)


def compare(one: Rgb, other: Rgb) -> Match:
    matcher = SiftMatcher()
    return matcher.match(matcher.features(one), matcher.features(other))


@pytest.mark.parametrize(
    "edit",
    [
        lambda rgb: rgb,
        lambda rgb: crop(rgb, 0.95, 0.0, 1.0),
        lambda rgb: crop(rgb, 0.85, 0.2, 0.9),
        lambda rgb: crop(rgb, 0.5, 0.7, 0.3),
        lambda rgb: cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        lambda rgb: cv2.resize(crop(rgb, 0.6), (480, 360), interpolation=cv2.INTER_CUBIC),
        lambda rgb: brighter(crop(rgb, 0.9)),
        lambda rgb: noisy(crop(rgb, 0.9)),
    ],
    ids=["same", "crop 95", "crop 85", "crop 50", "half", "zoom", "bright crop", "noisy crop"],
)
def test_an_edit_of_a_picture_matches_either_way(edit: Callable[[Rgb], Rgb]) -> None:
    for one, other in ((PICTURE, edit(PICTURE)), (edit(PICTURE), PICTURE)):
        found = compare(one, other)
        assert found.inliers >= 30
        assert found.cover >= 0.9


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (PICTURE, scenery(2)),
        (moved_person(PICTURE, 20), moved_person(PICTURE, 280)),
        (PICTURE, np.ascontiguousarray(PICTURE[:, ::-1])),
        (PICTURE, np.full((360, 480, 3), 90, np.uint8)),
        (np.full((20, 30, 3), 90, np.uint8), np.full((1, 1, 3), 90, np.uint8)),
    ],
    ids=["another picture", "another moment", "mirrored", "blank", "tiny"],
)
def test_other_pictures_do_not_match(one: Rgb, other: Rgb) -> None:
    assert compare(one, other) == Match(0, 0.0)


def test_a_picture_that_shows_a_part_more_covers_less() -> None:
    wide = scenery(5, (900, 400))
    left, right = (np.ascontiguousarray(part) for part in (wide[:, :600], wide[:, 300:]))
    found = compare(left, right)
    assert found.inliers >= 30
    assert 0.3 < found.cover < 0.6


@pytest.mark.parametrize(
    ("size_wh", "longer"), [((1920, 1080), 640), ((100, 60), 320), ((500, 400), 500)]
)
def test_pictures_are_compared_at_a_middle_size(size_wh: tuple[int, int], longer: int) -> None:
    assert max(small_grey(np.zeros((size_wh[1], size_wh[0], 3), np.uint8)).shape) == longer


@pytest.fixture(scope="module")
def loftr_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all weights of kornia's LoFTR, as they are before any training."""
    import torch
    from kornia.feature import LoFTR

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("loftr") / "loftr.ckpt"
    torch.save({"state_dict": LoFTR(pretrained=None).state_dict()}, path)
    return path


def test_loftr_runs_with_the_weights_of_a_user(loftr_file: Path) -> None:
    matcher = make_matcher("loftr", loftr_file)
    features = [matcher.features(scenery(seed, (320, 240))) for seed in (1, 2)]
    assert matcher.match(features[0], features[1]).inliers >= 0
    assert matcher.match(features[0], features[0]).cover <= 1
    assert matcher.fp == make_matcher("loftr", loftr_file).fp
    assert matcher.fp != make_matcher("sift").fp


@pytest.mark.parametrize("content", [None, b"not weights"])
def test_loftr_without_its_weights_says_what_to_do(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "weights.ckpt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsMissing, match=r"weights\.ckpt"):
        make_matcher("loftr", path)
    with pytest.raises(WeightsMissing, match="needs a file"):
        make_matcher("loftr")
