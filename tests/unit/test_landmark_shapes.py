"""What is read off a face mesh."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from curation.steps import landmark_shapes as shapes


def mesh() -> shapes.Points:
    """Return 478 points about a face in a picture of 200 x 200."""
    points = np.random.default_rng(0).uniform(60, 140, (478, 2))
    for lids, left in ((shapes.RIGHT_LIDS, 70.0), (shapes.LEFT_LIDS, 110.0)):
        corners = [(0, 0), (7, -3), (13, -3), (20, 0), (13, 3), (7, 3)]
        points[list(lids)] = np.add(corners, (left, 90))
    points[list(shapes.INNER_MOUTH)] = [(100, 120), (100, 130), (90, 125), (110, 125)]
    return points


def test_aspects_are_height_over_width() -> None:
    points = mesh()
    points[list(shapes.RIGHT_LIDS)] = np.array(
        [(0, 0), (7, -3), (13, -3), (20, 0), (13, 3), (7, 3)], float
    )
    points[list(shapes.LEFT_LIDS)] = np.array(
        [(0, 0), (7, -1), (13, -1), (20, 0), (13, 1), (7, 1)], float
    )
    assert shapes.eye_aspect(points) == pytest.approx((0.3 + 0.1) / 2)
    assert shapes.mouth_aspect(mesh()) == pytest.approx(0.5)


def test_aspects_do_not_depend_on_size_or_lean() -> None:
    c, s = np.cos(0.7), np.sin(0.7)
    turned = mesh() @ np.array([[c, s], [-s, c]]) * 3 + 40
    assert shapes.eye_aspect(turned) == pytest.approx(shapes.eye_aspect(mesh()))
    assert shapes.mouth_aspect(turned) == pytest.approx(shapes.mouth_aspect(mesh()))


def test_the_share_inside_the_picture_is_counted() -> None:
    points = mesh()
    assert shapes.inside_share(points, (200, 200)) == 1.0
    points[:117, 0] -= 500
    assert shapes.inside_share(points, (200, 200)) == pytest.approx(0.75)
    assert shapes.inside_share(points - 1000, (200, 200)) == 0.0


def test_a_shape_keeps_proportions_but_not_place_and_size() -> None:
    points = mesh()
    one = np.frombuffer(shapes.face_shape(points), "<f2").reshape(-1, 2)
    other = np.frombuffer(shapes.face_shape(points * 2.5 + 77), "<f2").reshape(-1, 2)
    assert one.shape == (134, 2)
    assert np.abs(one).max() <= 1
    assert np.abs(one.astype(float) - other).max() <= 2**-11
    span = np.ptp(points[list(shapes.SHAPE_POINTS)], axis=0)
    assert np.ptp(one.astype(float), axis=0)[0] / np.ptp(one.astype(float), axis=0)[1] == (
        pytest.approx(span[0] / span[1], rel=0.01)
    )


def test_the_similarity_that_was_applied_is_found() -> None:
    points = np.random.default_rng(1).normal(size=(5, 2))
    c, s = 2 * np.cos(0.4), 2 * np.sin(0.4)
    known = np.array([[c, -s, 3], [s, c, -5]])
    moved = points @ known[:, :2].T + known[:, 2]
    assert np.allclose(shapes.similarity(points, moved), known)
    flat = shapes.similarity(np.ones((5, 2)), points)
    assert np.isfinite(flat).all()


def test_a_patch_is_the_face_upright_with_the_outside_marked() -> None:
    picture = np.full((200, 200, 3), 120, np.uint8)
    points = shapes.PATCH_AT * 160 + 20

    def patch(at: shapes.Points) -> shapes.Points:
        flat = np.frombuffer(zlib.decompress(shapes.face_patch(picture, at)), np.uint8)
        return np.asarray(flat.reshape(shapes.PATCH_PX, shapes.PATCH_PX), float)

    assert set(np.unique(patch(points))) == {30.0}
    leaving = points - (80, 0)
    assert (patch(leaving)[:, 0] == 0).all()
    assert (patch(leaving)[:, -1] == 30).all()
