"""Crops: exact shapes, inside the picture, no face cut, in every orientation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.decide import crop_ratio, crops
from curation.decide.crop_ratio import Shape, bucket, fitted, shape, stored_box
from curation.decide.crop_scene import (
    Body,
    Face,
    Scene,
    Thing,
    flat_heat,
    pack_heat,
    scene_of,
    unpack_heat,
)
from curation.decide.crop_score import Scorer

RATIOS = ("1:1", "4:5", "2:3", "16:9", "1216x832", "640x1536", "3:7")


def face(x: float, y: float, tall: float, score: float = 0.95, look: float = 0.0) -> Face:
    wide = 0.8 * tall
    return Face((x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2), score, 0.9, looks=look)


def standing(x: float, top: float, tall: float) -> Body:
    """A person of eight heads, arms down, all joints seen."""
    at = {
        0: 0.07, 7: 0.06, 8: 0.06, 11: 0.18, 12: 0.18, 13: 0.33, 14: 0.33, 15: 0.46, 16: 0.46,
        19: 0.5, 20: 0.5, 23: 0.5, 24: 0.5, 25: 0.73, 26: 0.73, 27: 0.94, 28: 0.94,
        31: 1.0, 32: 1.0,
    }  # fmt: skip
    joints = np.zeros((33, 3))
    for joint, share in at.items():
        side = 0.06 * tall * (1 if joint % 2 else -1) * (joint > 8)
        joints[joint] = (x + side, top + share * tall, 1.0)
    return Body((x - 0.12 * tall, top, x + 0.12 * tall, top + tall), 0.9, joints)


faces = st.lists(
    st.tuples(
        st.floats(0, 1), st.floats(0, 1), st.floats(0.02, 0.6), st.sampled_from([0.65, 0.8, 0.97])
    ),
    max_size=6,
)
sizes = st.tuples(st.integers(20, 6000), st.integers(20, 6000))


def scene_with(size: tuple[int, int], where: list[tuple[float, float, float, float]]) -> Scene:
    tall = min(size)
    found = [face(x * size[0], y * size[1], t * tall, s) for x, y, t, s in where]
    rng = np.random.default_rng(len(where))
    heat = rng.random((12, 16))
    return Scene(size, heat / heat.sum(), tuple(found))


@settings(max_examples=60, deadline=None)
@given(sizes, faces, st.sampled_from(RATIOS), st.sampled_from([0.5, 0.7, 1.0]))
def test_a_crop_is_exact_inside_and_cuts_no_face(
    size: tuple[int, int],
    where: list[tuple[float, float, float, float]],
    ratio: str,
    tightest: float,
) -> None:
    scene, one = scene_with(size, where), shape(ratio)
    made = crops.propose(scene, one, tightest=tightest)
    if isinstance(made, crops.NoCrop):
        assert made.why
        return
    x, y, w, h = made.px
    assert w * one.h == h * one.w
    assert min(x, y) >= 0 and x + w <= size[0] and y + h <= size[1]
    assert w >= int(one.most(size) * tightest) * one.w
    assert not crops.cuts_a_face(np.array([[x, y, x + w, y + h]]), scene)[0]
    assert 0 <= made.confidence <= 1
    assert made.verdict == "proposed" or made.why


@settings(max_examples=20, deadline=None)
@given(sizes, faces, st.randoms(use_true_random=False))
def test_the_order_of_faces_changes_nothing(
    size: tuple[int, int], where: list[tuple[float, float, float, float]], random: object
) -> None:
    mixed = list(where)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    one = shape("4:5")
    first, second = scene_with(size, where), scene_with(size, mixed)
    assert crops.propose(first, one) == crops.propose(second, one)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_crop_in_the_stored_frame_is_the_same_pixels(orientation: int) -> None:
    from PIL import Image

    rng = np.random.default_rng(3)
    stored = Image.fromarray(rng.integers(0, 255, (37, 53, 3), np.uint8))
    way = Image.Transpose
    turns = {
        2: way.FLIP_LEFT_RIGHT, 3: way.ROTATE_180, 4: way.FLIP_TOP_BOTTOM, 5: way.TRANSPOSE,
        6: way.ROTATE_270, 7: way.TRANSVERSE, 8: way.ROTATE_90,
    }  # fmt: skip
    upright = stored if orientation == 1 else stored.transpose(turns[orientation])
    crop = (5, 9, 21, 14)
    x, y, w, h = stored_box(crop, upright.size, orientation)
    cut = stored.crop((x, y, x + w, y + h))
    same = cut if orientation == 1 else cut.transpose(turns[orientation])
    wanted = upright.crop((crop[0], crop[1], crop[0] + crop[2], crop[1] + crop[3]))
    assert np.array_equal(np.asarray(same), np.asarray(wanted))


def test_words_of_shapes() -> None:
    assert shape("16:9") == Shape("16:9", 16, 9)
    assert shape("1216x832") == Shape("1216x832", 19, 13, (1216, 832))
    assert shape(" 8:10 ") == Shape("8:10", 4, 5)
    assert bucket((4000, 3000)).name == "1152x896"
    assert bucket((3000, 4000)).name == "896x1152"
    assert bucket((500, 500)).name == "1024x1024"
    names = [one.name for one in crop_ratio.shapes(("1:1", "bucket", "1:1"), (6000, 4000))]
    assert names == ["1:1", "1216x832"]
    for wrong in ("", "4:0", "a:b", "1:21", "4-5", "1:1:1"):
        with pytest.raises(ValueError, match=r"ratio|shape"):
            shape(wrong)


@given(
    st.tuples(*[st.floats(-1, 2)] * 4), st.sampled_from(RATIOS), sizes,
)  # fmt: skip
def test_a_box_drawn_by_hand_becomes_an_exact_crop(
    box: tuple[float, float, float, float], ratio: str, size: tuple[int, int]
) -> None:
    one = shape(ratio)
    drawn = (box[0] * size[0], box[1] * size[1], box[2] * size[0], box[3] * size[1])
    made = fitted(drawn, one, size)
    if made is None:
        assert one.most(size) < 1
        return
    x, y, w, h = made
    assert w * one.h == h * one.w and w > 0
    assert min(x, y) >= 0 and x + w <= size[0] and y + h <= size[1]
    assert fitted((x, y, x + w, y + h), one, size) == made


def test_a_face_too_large_for_a_shape_has_no_crop() -> None:
    scene = Scene((600, 800), flat_heat(), (face(300, 300, 500),))
    made = crops.propose(scene, shape("16:9"))
    assert isinstance(made, crops.NoCrop)
    assert "16:9" in made.why


def test_people_who_do_not_fit_are_left_for_a_person_to_see() -> None:
    scene = Scene((3000, 1000), flat_heat(), (face(200, 400, 200), face(2800, 400, 190)))
    made = crops.propose(scene, shape("1:1"))
    assert isinstance(made, crops.Crop)
    assert made.verdict == "review" and made.why == "1 of 2 faces do not fit"
    assert made.px[0] < 200, "the larger face stays"
    wide = crops.propose(scene, shape("3:1"))
    assert isinstance(wide, crops.Crop) and wide.verdict == "proposed"


def test_a_head_has_room_and_is_not_at_the_edge() -> None:
    scene = Scene((1000, 1500), flat_heat(), (face(500, 420, 160),), (standing(500, 330, 1150),))
    made = crops.propose(scene, shape("1:1"))
    assert isinstance(made, crops.Crop)
    _x, y, _w, h = made.px
    room = (scene.faces[0].head[1] - y) / h
    assert 0.02 < room < 0.2


def test_a_look_to_a_side_has_room_before_it() -> None:
    middles = []
    for look in (-1.0, 0.0, 1.0):
        scene = Scene((3000, 1200), flat_heat(), (face(1500, 400, 240, look=look),))
        made = crops.propose(scene, shape("4:3"))
        assert isinstance(made, crops.Crop)
        middles.append((1500 - made.px[0]) / made.px[2])
    left, ahead, right = middles
    assert left > ahead > right
    assert abs(ahead - 0.5) < 0.1


def test_a_whole_person_stays_whole_where_there_is_room() -> None:
    body = standing(1400, 100, 900)
    scene = Scene((3000, 1100), flat_heat(), (face(1400, 160, 100),), (body,))
    made = crops.propose(scene, shape("4:5"))
    assert isinstance(made, crops.Crop)
    x, y, w, h = made.px
    assert x <= body.box[0] and y <= body.box[1]
    assert x + w >= body.box[2] and y + h >= body.box[3]


def test_a_cut_goes_through_a_thigh_rather_than_a_knee_or_a_foot() -> None:
    body = standing(500, 100, 1600)
    scene = Scene((1000, 1800), flat_heat(), (face(500, 220, 170),), (body,))
    scorer = Scorer(scene, 1e6)
    knee, thigh, ankle, foot = (100 + share * 1600 for share in (0.73, 0.615, 0.94, 0.97))
    bad = scorer.limbs(np.array([[0, 0, 1000, y] for y in (knee, thigh, ankle, foot, 1790)]))
    assert bad[1] < min(bad[0], bad[2], bad[3])
    assert bad[4] == 0


def test_without_people_the_crop_goes_where_the_eye_goes() -> None:
    heat = np.full((40, 60), 1e-4)
    heat[10:20, 45:55] = 1
    scene = Scene((6000, 4000), heat / heat.sum())
    made = crops.propose(scene, shape("1:1"))
    assert isinstance(made, crops.Crop)
    x, y, w, h = made.px
    assert x < 4500 and x + w > 5500 and y < 1000 and y + h > 2000
    assert made.verdict == "proposed"
    even = crops.propose(Scene((6000, 4000), flat_heat()), shape("1:1"))
    assert isinstance(even, crops.Crop) and even.verdict == "review"


def test_an_animal_stays_whole() -> None:
    dog = Thing((4200, 1000, 5600, 3000), 0.9, "dog")
    made = crops.propose(Scene((6000, 4000), flat_heat(), things=(dog,)), shape("1:1"))
    assert isinstance(made, crops.Crop)
    assert made.px[0] <= 4200 and made.px[0] + made.px[2] >= 5600


def test_a_crowd_takes_no_time_without_end() -> None:
    rng = np.random.default_rng(1)
    many = [(float(x), float(y), 0.03, 0.97) for x, y in rng.random((300, 2))]
    scene = scene_with((4000, 3000), many)
    made = crops.propose(scene, shape("1:1"))
    if isinstance(made, crops.Crop):
        x, y, w, h = made.px
        assert not crops.cuts_a_face(np.array([[x, y, x + w, y + h]]), scene)[0]


def test_heat_and_scenes_go_through_json() -> None:
    heat = np.random.default_rng(0).random((7, 11))
    back = unpack_heat(pack_heat(heat))
    assert back.shape == (7, 11)
    assert np.allclose(back, heat / heat.sum(), atol=2e-3 / 7)
    assert np.allclose(unpack_heat(pack_heat(np.zeros((3, 3)))).sum(), 1)
    told = {
        "faces": [{"xyxy": [1, 2, 30, 40], "score": 0.9, "second": 0.8,
                   "points": [[8, 15], [22, 15], [15, 24], [9, 32], [21, 32]]}],
        "bodies": [{"xyxy": [0, 0, 60, 90], "score": 0.7, "joints": None}],
        "things": [{"xyxy": [5, 5, 9, 9], "score": 0.5, "name": "dog"}],
        "heat": pack_heat(heat),
    }  # fmt: skip
    scene = scene_of([64, 96], told)
    assert scene.main_faces[0].look == 0
    assert scene.main_bodies[0].joints is None
    assert scene.things[0].name == "dog"
