"""What tells a picture of a face from a face: geometry and pixels over time."""

from __future__ import annotations

import zlib
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from curation.decide import flatness
from curation.decide.alignment import overlay
from curation.decide.columns import Columns
from curation.steps import landmark_shapes

Floats = npt.NDArray[np.float64]
RNG = np.random.default_rng(2)
POINTS = np.concatenate([
    RNG.normal((-0.4, -0.2), 0.08, (16, 2)), RNG.normal((0.4, -0.2), 0.08, (16, 2)),
    RNG.uniform(-1, 1, (102, 2)),
])
"""A flat face of 134 points, eyes first, the eyes 0.8 apart."""
SIDE = 160
NONE = np.full(8, None, object)


def seen(points: Floats, turn: float, shift: float = 0.0) -> Floats:
    """Return points of a plane that is turned about its upright, from some distance."""
    x, y = points[:, 0], points[:, 1]
    depth = 4 + np.sin(turn) * x
    return np.stack([4 * np.cos(turn) * x / depth + shift, 4 * y / depth], axis=1)


def scenery() -> npt.NDArray[np.uint8]:
    """Return a smooth picture of blobs."""
    rough = np.random.default_rng(0).uniform(0, 255, (SIDE, SIDE)).astype(np.float32)
    soft = cv2.GaussianBlur(rough, (0, 0), 6)
    return np.asarray(cv2.normalize(soft, None, 20, 235, cv2.NORM_MINMAX), np.uint8)


def patch(picture: npt.NDArray[np.uint8]) -> bytes:
    small = cv2.resize(picture, (40, 40), interpolation=cv2.INTER_AREA)
    return zlib.compress(np.maximum(small // 4, 1).astype(np.uint8).tobytes())


def warped(picture: npt.NDArray[np.uint8], by: float) -> npt.NDArray[np.uint8]:
    """Return a picture turned, moved and seen from the side a little."""
    c, s = np.cos(0.1 * by), np.sin(0.1 * by)
    matrix = np.array([[c, -s, 6 * by], [s, c, -4 * by], [4e-4 * by, 2e-4 * by, 1]])
    border = cv2.BORDER_REFLECT
    return np.asarray(cv2.warpPerspective(picture, matrix, (SIDE, SIDE), borderMode=border))


def with_other_face(picture: npt.NDArray[np.uint8], level: int) -> npt.NDArray[np.uint8]:
    """Return a picture in which something in the middle changed."""
    changed = picture.copy()
    cv2.circle(changed, (70 + 3 * level, 90), 14, (40 + 30 * level) % 255, -1)
    return changed


def track(living: bool, n: int = 8, gap_s: float = 0.5, **other: Any) -> Columns:
    """Return frames of a face that lives, or of a picture of one, before a moving camera."""
    rng = np.random.default_rng(7)
    turns = np.sin(np.arange(n)) * 0.3
    shapes, patches, expressions = [], [], []
    for i, turn in enumerate(turns):
        points = POINTS.copy()
        picture = scenery()
        expression = 0.2 + rng.normal(0, 0.005, 52)
        if living:
            points[32:60] += rng.normal(0, 0.08, 2)
            picture = with_other_face(picture, i)
            expression[:10] += rng.uniform(-0.2, 0.6, 10)
        shapes.append(seen(points, turn).astype("<f2").tobytes())
        patches.append(patch(warped(picture, float(np.cos(i)))))
        expressions.append(expression.astype("<f2").tobytes())
    x = 100 + 40 * np.sin(np.arange(n))
    data: dict[str, Any] = {
        "frame_id": np.arange(n), "time_s": np.arange(n) * gap_s,
        "face_x0": x, "face_x1": x + 100, "face_y0": np.full(n, 50.0),
        "face_y1": np.full(n, 170.0), "yaw_deg": np.degrees(turns), "mesh": np.ones(n),
        "eye_aspect": 0.3 + rng.normal(0, 0.06 if living else 0.003, n),
    }
    for name, blobs in (("face_shape", shapes), ("face_patch", patches),
                        ("expression", expressions)):
        data[name] = np.array([*blobs, None], object)[:-1]
    return Columns(data | other)


def evidence(columns: Columns) -> flatness.Evidence:
    return flatness.evidence(columns, np.zeros(columns.n, np.int64))


def test_a_plane_is_a_homography_of_itself() -> None:
    views = np.stack([seen(POINTS, turn, 0.3) for turn in (-0.4, 0.1, 0.5)])
    assert np.abs(flatness.homography_misses(POINTS, views)).max() < 1e-9


def test_what_is_not_flat_misses_by_what_sticks_out() -> None:
    views = np.stack([seen(POINTS, turn) for turn in (-0.3, 0.3)])
    views[:, 50:60, 0] += 0.2
    missed = np.linalg.norm(flatness.homography_misses(POINTS, views), axis=2)
    assert missed[:, 50:60].mean() > 5 * missed[:, :50].mean()


def test_float16_is_fine_enough_for_a_plane() -> None:
    views = [seen(POINTS, turn).astype(np.float16) for turn in (0.0, 0.2, -0.2, 0.4)]
    assert flatness._plane(tuple(view.tobytes() for view in views)) < 0.002


@pytest.mark.parametrize("by", [-1.0, 0.4, 1.0])
def test_moved_pictures_are_laid_over_each_other(by: float) -> None:
    one = cv2.resize(scenery(), (40, 40), interpolation=cv2.INTER_AREA).astype(np.float64)[None]
    other = cv2.resize(warped(scenery(), by), (40, 40), interpolation=cv2.INTER_AREA)
    lit = other.astype(np.float64)[None] * 0.6 + 30
    whole = np.ones(one.shape, np.bool_)
    laid, known = overlay(one, lit, whole, whole)
    inside = np.zeros(one.shape, np.bool_)
    inside[:, 8:-8, 8:-8] = True
    before = np.corrcoef(one[inside], lit[inside])[0, 1]
    after = np.corrcoef(one[inside & known], laid[inside & known])[0, 1]
    assert after > 0.99
    assert after > before


def test_pictures_without_anything_in_them_stay_where_they_are() -> None:
    blank = np.full((2, 40, 40), 7.0)
    laid, known = overlay(blank, blank, blank > 0, blank > 0)
    assert known[:, :-1, :-1].all()
    assert np.allclose(laid[known], 7.0)


def test_a_poster_is_told_from_a_face() -> None:
    poster, person = evidence(track(living=False)), evidence(track(living=True))
    assert poster.logit[0] > 2
    assert person.logit[0] < -2
    for name in flatness.CUES:
        assert poster.cues[name][0] < person.cues[name][0], name


@pytest.mark.parametrize("living", [False, True])
def test_without_a_mesh_the_pixels_decide(living: bool) -> None:
    bare = track(living, face_shape=NONE, expression=NONE, eye_aspect=np.full(8, np.nan))
    assert (evidence(bare).logit[0] < -2) if living else (evidence(bare).logit[0] > 2)


@pytest.mark.parametrize("living", [False, True])
def test_without_anything_in_common_the_landmarks_decide(living: bool) -> None:
    empty = np.array([zlib.compress(bytes(1600)), *[None] * 8], object)
    empty[:8] = empty[0]
    unseen = track(living, face_patch=empty[:8])
    assert np.isnan(evidence(unseen).cues["pixels"][0])
    assert (evidence(unseen).logit[0] < -1) if living else (evidence(unseen).logit[0] > 1)


STILL_BOX: dict[str, Any] = {
    name: np.full(8, value)
    for name, value in (("face_x0", 10.0), ("face_x1", 110.0), ("face_y0", 5.0), ("face_y1", 120.0))
}


@pytest.mark.parametrize(
    "columns",
    [
        track(living=False, n=4),
        track(living=False, gap_s=0.05),
        track(living=False, **STILL_BOX),
        track(living=False, face_x1=np.linspace(110, 140, 8), face_x0=np.linspace(70, 100, 8)),
        track(living=False, face_patch=NONE),
        Columns({"frame_id": np.arange(8)}),
    ],
    ids=["few frames", "a moment", "nothing moved", "a small face", "no patch", "not measured"],
)
def test_time_has_no_vote(columns: Columns) -> None:
    assert np.isnan(evidence(columns).logit[0])


def test_in_a_long_time_even_the_unmoved_are_judged() -> None:
    assert evidence(track(living=False, gap_s=2.0, **STILL_BOX)).logit[0] > 2


def test_tracks_are_judged_apart_and_in_any_order() -> None:
    parts = [track(living=False), track(living=True)]
    both = Columns({
        name: np.concatenate([part._data[name] for part in parts]) for name in parts[0]._data
    } | {"frame_id": np.arange(16)})
    number = np.repeat([0, 1], 8)
    found = flatness.evidence(both, number)
    shuffled = np.random.default_rng(4).permutation(16)
    again = flatness.evidence(both.take(shuffled), number[shuffled])
    assert found.logit.tolist() == again.logit.tolist()
    assert found.logit[0] > 2 > -2 > found.logit[1]


def test_shapes_and_patches_are_read_as_the_step_writes_them() -> None:
    points = np.array(landmark_shapes.SHAPE_POINTS)
    assert points[flatness.RIGHT_EYE].tolist() == list(landmark_shapes.RIGHT_EYE)
    assert points[flatness.LEFT_EYE].tolist() == list(landmark_shapes.LEFT_EYE)
    assert landmark_shapes.PATCH_PX == flatness.PATCH_PX
    picture = np.repeat(scenery()[..., None], 3, axis=2)
    mesh = np.random.default_rng(1).uniform(40, 120, (478, 2))
    blob = zlib.decompress(landmark_shapes.face_patch(picture, mesh[:5]))
    assert len(blob) == flatness.PATCH_PX**2
    assert max(blob) <= 63
    assert len(landmark_shapes.face_shape(mesh)) == len(POINTS) * 4
