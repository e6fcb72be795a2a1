"""Cuts: found where a picture is another one, not where light flashes or a picture tears."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from curation.params import ExtractParams
from curation.records import VideoInfo
from curation.video.picture import planes_of
from curation.video.probe import probe
from curation.video.shots import WARM, CutMeter, find_cuts, finish_shots
from tests import videos

Film = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def info() -> VideoInfo:
    return replace(probe(videos.clip("cfr25").path), fps=Fraction(25), time_base=Fraction(1, 25))


def film(*scenes: int, length: int = 40, step: int = 1) -> Film:
    """Return pictures of scenes, each of which moves."""
    pictures = [
        videos.draw(i // step * step, (160, 90), scene=scene)
        for scene in scenes
        for i in range(length)
    ]
    return np.stack(pictures)[..., ::-1]


def numbers(pictures: Film) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    meter, found = CutMeter(), []
    for i, picture in enumerate(pictures):
        found += meter.push(i, planes_of(np.ascontiguousarray(picture)))
    found += meter.flush()
    return np.array([p for p, _ in found]), np.array([n for _, n in found], np.float32)


def flash(f: Film) -> Film:
    f[20:23] = f[20:23] // 4 + 190
    f[60] = 255
    return f


def torn(f: Film) -> Film:
    f[25] = np.roll(f[25], 60, axis=1)
    return f


def dark(f: Film) -> Film:
    return np.asarray(f // 6, np.uint8)


def gray(f: Film) -> Film:
    return np.repeat(f.mean(-1, keepdims=True), 3, -1).astype(np.uint8)


def dissolve(f: Film) -> Film:
    mix = np.linspace(0, 1, 16)[:, None, None, None]
    f[40:56] = (f[40:56] * mix + f[39] * (1 - mix)).astype(np.uint8)
    return f


def fade(f: Film) -> Film:
    ramp = np.ones(len(f))
    ramp[28:40], ramp[40:52] = np.linspace(1, 0, 12), np.linspace(0, 1, 12)
    return (f * ramp[:, None, None, None]).astype(np.uint8)


@pytest.mark.parametrize(
    ("change", "scenes", "cuts"),
    [
        (lambda f: f, (0, 1, 2), [40, 80]),
        (dark, (0, 1), [40]),
        (gray, (0, 1), [40]),
        (flash, (0, 1), [40]),
        (torn, (0, 1), [40]),
        (dissolve, (0, 1), []),
        (fade, (0, 1), []),
        (lambda f: f, (0,), []),
    ],
)
def test_cuts_are_where_the_scene_changes(
    change: Callable[[Film], Film], scenes: tuple[int, ...], cuts: list[int], info: VideoInfo
) -> None:
    pts, scores = numbers(change(film(*scenes)))
    assert find_cuts(pts, scores, info, ExtractParams()) == cuts


def test_doubled_pictures_are_no_still_neighbours(info: VideoInfo) -> None:
    """Animation on threes: most pictures repeat, and a move must not look like a cut."""
    pictures = film(0, 1, step=3)
    for i in range(len(pictures)):
        pictures[i] = np.roll(pictures[i], i // 3 * 4, axis=1)
    pts, scores = numbers(pictures)
    assert find_cuts(pts, scores, info, ExtractParams()) == [40]


def test_a_cut_between_still_slides_is_found(info: VideoInfo) -> None:
    slides = np.stack([np.full((90, 160, 3), c, np.uint8) for c in ((20, 90, 200), (60, 200, 40))])
    slides = np.repeat(slides, 20, axis=0)
    for i, slide in enumerate(slides):
        cv2.putText(slide, str(i), (60, 50), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 2)
    pts, scores = numbers(slides)
    assert find_cuts(pts, scores, info, ExtractParams()) == [20]


def test_numbers_come_out_the_same_from_any_place() -> None:
    pictures = flash(film(0, 1, 2))
    pts, scores = numbers(pictures)
    for place in (10, 39, 40, 41, 61, 100):
        begin = max(place - WARM, 0)
        later, again = numbers(pictures[begin:])
        # With WARM pictures seen again, all numbers not yet given out before `place` agree.
        keep = later + begin >= place - 3
        assert np.array_equal(again[keep], scores[pts >= place - 3])


def test_thresholds_move_without_measuring_again(info: VideoInfo) -> None:
    pts, scores = numbers(film(0, 1, 2))
    strict = ExtractParams(shot_min_content=255)
    assert find_cuts(pts, scores, info, strict) == []
    sparse = ExtractParams(shot_min_s=2.0)
    assert find_cuts(pts, scores, info, sparse) == [80]


def test_shots_cover_the_video_without_gaps(info: VideoInfo) -> None:
    pts, scores = numbers(film(0, 1, 2))
    shots = finish_shots(pts + 500, scores, info, ExtractParams())
    assert [(s.no, s.start_pts, s.end_pts) for s in shots] == [
        (0, 500, 540), (1, 540, 580), (2, 580, 620)
    ]
    assert shots[1].start_s == pytest.approx(21.6)
    assert finish_shots(pts[:0], scores[:0], info, ExtractParams()) == []
    assert len(finish_shots(pts[:1], scores[:1], info, ExtractParams())) == 1
