"""extract-faces: the published square, what lies beyond the edge, gates, and four engines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from curation.errors import ParamError, WeightsMissing
from curation.steps.facefinders import DLIB_POINTS, open_finder
from curation.steps.facesquare import face_square, render
from tests.unit.toolkit.stills import still
from tests.unit.toolkit.test_plan import undo
from tests.unit.toolkit.trees import do, picture, sidecar_of, tree

UPRIGHT = np.array([[40.0, 50.0], [60.0, 50.0], [44.0, 74.0], [56.0, 74.0]])
ENGINES = ("mediapipe", "yunet", "centerface", "dlib")


def turned(points: Any, degrees: float, about: tuple[float, float] = (50, 60)) -> Any:
    a = np.radians(degrees)
    return (points - about) @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + about


def test_the_square_is_the_published_one() -> None:
    square = face_square(UPRIGHT)
    assert square is not None
    assert square.side_px == pytest.approx(max(4.0 * 20, 3.6 * 24))
    np.testing.assert_allclose(square.centre, (50, 50 + 0.1 * 24))
    np.testing.assert_allclose(square.right, (1, 0))
    half = square.side_px / 2
    np.testing.assert_allclose(square.corners()[0], square.centre - half)
    assert face_square(np.full((4, 2), 7.0)) is None


@pytest.mark.parametrize("degrees", [30, 90, 180, -120])
def test_a_leaning_face_comes_out_upright(degrees: float) -> None:
    picture_ = np.full((121, 101, 3), 90, np.uint8)
    points = turned(UPRIGHT, degrees)
    for (x, y), colour in zip(points, ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)),
                              strict=True):  # fmt: skip
        cv2.circle(picture_, (round(x - 0.5), round(y - 0.5)), 3, colour, -1)
    square = face_square(points)
    assert square is not None
    out = render(picture_, square, 86)
    there = square.to_crop(points, 86)
    np.testing.assert_allclose(there[0, 1], there[1, 1], atol=1e-6)  # eyes are level
    assert there[0, 0] < there[1, 0] and there[0, 1] < there[2, 1]
    seen = [out[int(y), int(x)] for x, y in there]
    assert [np.argmax(s) for s in seen[:3]] == [0, 1, 2]
    assert min(s.max() for s in seen) > 200


def test_at_natural_size_a_level_square_is_the_picture_itself() -> None:
    rgb = np.random.default_rng(1).integers(0, 255, (200, 200, 3), np.uint8)
    square = face_square(np.array([[75.0, 90.0], [125.0, 90.0], [85.0, 130.0], [115.0, 130.0]]))
    assert square is not None and square.side_px == 200
    centred = type(square)(np.array([100.0, 100.0]), square.right, 120.0)
    np.testing.assert_array_equal(render(rgb, centred, 120), rgb[40:160, 40:160])
    smooth = np.asarray(cv2.GaussianBlur(rgb, (0, 0), 6), np.uint8)
    half = render(smooth, centred, 60)
    small = cv2.resize(smooth[40:160, 40:160], (60, 60), interpolation=cv2.INTER_AREA)
    assert np.abs(half.astype(int) - small)[2:-2, 2:-2].max() <= 2


def test_beyond_the_edge_it_is_mirrored_and_blurred_or_black() -> None:
    rgb = np.random.default_rng(2).integers(0, 255, (100, 100, 3), np.uint8)
    square = face_square(UPRIGHT)
    assert square is not None
    off = type(square)(np.array([10.0, 50.0]), square.right, 80.0)
    assert off.outside_px((100, 100)) == 30
    out, black = render(rgb, off, 80), render(rgb, off, 80, pad=False)
    np.testing.assert_array_equal(out[:, 31:], rgb[10:90, 1:50])
    np.testing.assert_array_equal(black[:, 31:], rgb[10:90, 1:50])
    assert black[:, :29].max() == 0
    near, far = out[:, 24:29].astype(float), out[:, :10].astype(float)
    assert near.std() > 2 * far.std() and abs(far.mean() - 127) < 15
    corner = type(square)(np.array([2.0, 2.0]), np.array([0.6, 0.8]), 300.0)
    assert render(rgb, corner, 64).shape == (64, 64, 3)


@pytest.mark.usefixtures("weights_dir")
@pytest.mark.parametrize("engine", ENGINES)
def test_engines_agree_on_the_eyes_and_the_mouth(engine: Any, tmp_path: Path) -> None:
    if engine == "dlib":
        pytest.importorskip("dlib", reason="needs the extra dlib: dlib-bin")
    rgb = np.asarray(Image.open(still("zidane", tmp_path / "z.jpg")))
    finder = open_finder(engine)
    found = max(finder.find(rgb), key=lambda face: face.box[0])
    assert finder.find(np.full((60, 80, 3), 128, np.uint8)) == []
    finder.close()
    wanted = np.array([[966, 168], [1022, 171], [967, 231], [1013, 235]])
    assert np.abs(found.points - wanted).max() < 16
    assert 0.5 <= found.score <= 1
    assert found.box[0] < 970 < 1020 < found.box[2]


def test_dlib_points_from_a_file(tmp_path: Path) -> None:
    dlib = pytest.importorskip("dlib", reason="needs the extra dlib: dlib-bin")
    rgb = np.ascontiguousarray(Image.open(still("zidane", tmp_path / "z.jpg")))
    box = dlib.rectangle(924, 128, 1074, 277)

    def predictor(n: int) -> Path:
        options = dlib.shape_predictor_training_options()
        options.tree_depth, options.cascade_depth, options.num_trees_per_cascade_level = 1, 1, 1
        options.feature_pool_size, options.num_test_splits, options.oversampling_amount = 20, 2, 1
        spots = {f"{i:02d}": dlib.point(930 + 2 * i, 140 + i) for i in range(n)}
        shape = dlib.full_object_detection(box, [spots[k] for k in sorted(spots)])
        made = dlib.train_shape_predictor([rgb], [[shape]], options)
        path = tmp_path / f"{n}.dat"
        made.save(str(path))
        return path

    finder = open_finder("dlib", points_file=predictor(DLIB_POINTS))
    (face,) = finder.find(rgb)
    order = [np.mean(range(36, 42)), np.mean(range(42, 48)), 48, 54]
    np.testing.assert_allclose(face.points[:, 0], [930 + 2 * i for i in order], atol=2)
    with pytest.raises(WeightsMissing, match="5 points; 68 are needed"):
        open_finder("dlib", points_file=predictor(5)).find(rgb)
    (tmp_path / "no.dat").write_bytes(b"nothing")
    with pytest.raises(WeightsMissing, match="no shape predictor"):
        open_finder("dlib", points_file=tmp_path / "no.dat")


@pytest.mark.usefixtures("weights_dir")
def test_faces_of_folders_with_gates_and_a_second_run(tmp_path: Path) -> None:
    still("bus", tmp_path / "a" / "x.jpg")
    still("zidane", tmp_path / "b" / "x.jpg").with_name("x.jpg.json").write_text(
        '{"source": "match", "metrics": {"blur": 1}, "classes": {"tie": []}}'
    )
    picture(tmp_path / "b" / "noise.png", 1, (64, 64))
    (tmp_path / "b" / "cut.jpg").write_bytes((tmp_path / "b" / "x.jpg").read_bytes()[:9000])
    before = tree(tmp_path)
    common: dict[str, Any] = {"from_dirs": "a,b", "to": "faces", "engine": "yunet"}
    said = do(tmp_path, "extract-faces", dry_run=True, max_faces=2, max_size=128, **common)
    assert len(said["would"]) == 4 and tree(tmp_path) == before
    said = do(tmp_path, "extract-faces", max_faces=2, max_size=128, **common)
    assert (said["faces"], said["without"]) == (4, 1)
    assert [item["item"] for item in said["failed_items"]] == ["b/cut.jpg"]
    names = {path.name for path in (tmp_path / "faces").glob("*.jpg")}
    assert names == {"x_01.jpg", "x_02.jpg", "x_01_2.jpg", "x_02_2.jpg"}
    for path in (tmp_path / "faces").glob("*.jpg"):
        beside = sidecar_of(path)
        (face,) = beside["faces"]
        points = np.array(face["points"])
        with Image.open(path) as image:
            side = image.width
            assert image.height == side
        assert side == 128 or (side < 128 and beside["from_file"] == "a/x.jpg")
        assert points[0, 0] < points[1, 0] and (points > 0).all() and (points < side).all()
        assert not {"metrics", "classes"} & set(beside)
        assert len(beside["crop"]["square"]) == 4
    assert {sidecar_of(p).get("source") for p in (tmp_path / "faces").glob("*.jpg")} == {
        None, "match",
    }  # fmt: skip
    after = tree(tmp_path)
    assert do(tmp_path, "extract-faces", max_faces=2, max_size=128, **common)["done"] == 0
    assert tree(tmp_path) == after
    undo(tmp_path)
    assert tree(tmp_path) == before
    said = do(tmp_path, "extract-faces", dry_run=True, max_faces=9, min_size=80, **common)
    assert len(said["would"]) == 2 and said["left_out"] == {"small": 2}
    said = do(tmp_path, "extract-faces", dry_run=True, min_score=0.99, **common)
    assert said["left_out"] == {"weak": 4} and said["faces"] == 0
    said = do(tmp_path, "extract-faces", dry_run=True, min_sharpness=3.0, **common)
    assert said["left_out"] == {"soft": 4}


def test_settings_that_do_not_go_together(tmp_path: Path) -> None:
    picture(tmp_path / "a" / "x.jpg")
    common: dict[str, Any] = {"from_dirs": "a", "to": "f"}
    with pytest.raises(ParamError, match="for --engine dlib"):
        do(tmp_path, "extract-faces", points="x.dat", **common)
    with pytest.raises(ParamError, match="there is no file"):
        do(tmp_path, "extract-faces", points="x.dat", engine="dlib", **common)
