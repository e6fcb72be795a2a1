"""extract-classes: where crops lie, what their sidecars say, and names that do not clash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from curation.errors import InputError
from curation.toolkit.extract_classes import place
from tests.unit.toolkit.test_plan import undo
from tests.unit.toolkit.trees import do, picture, sidecar_of, tree


def box(score: float, *xyxy: int) -> dict[str, Any]:
    return {"score": score, "box": list(xyxy)}


@pytest.mark.parametrize(
    ("square", "margin", "raw", "crop", "inside"),
    [
        (False, 0, (10, 20, 30, 60), (10, 20, 30, 60), True),
        (True, 0, (10, 20, 30, 60), (0, 20, 40, 60), True),
        (False, 0.5, (20, 20, 40, 30), (10, 10, 50, 40), True),
        (False, 0.5, (0, 0, 20, 20), (0, 0, 30, 30), False),
        (True, 0, (0, 0, 10, 40), (0, 0, 40, 40), False),
        (True, 0, (0, 10, 100, 20), (0, 0, 50, 50), False),
        (True, 0, (90, 40, 100, 50), (90, 40, 100, 50), True),
        (True, 0.5, (90, 40, 100, 50), (80, 30, 100, 50), False),
    ],
)
def test_where_a_crop_lies(
    square: bool, margin: float, raw: tuple[int, ...], crop: tuple[int, ...], inside: bool
) -> None:
    size = (50, 50) if raw == (0, 10, 100, 20) else (100, 80 if raw[3] > 50 else 50)
    found, whole = place(raw, size, square, margin)
    assert (found, whole) == (crop, inside)


@given(
    st.tuples(*[st.integers(-20, 220)] * 4),
    st.tuples(st.integers(1, 200), st.integers(1, 200)),
    st.booleans(),
    st.floats(0, 2),
)
def test_squares_stay_square_and_all_stays_inside(
    raw: tuple[int, ...], size_wh: tuple[int, int], square: bool, margin: float
) -> None:
    xs, ys = sorted(raw[:2]), sorted(raw[2:])
    (x0, y0, x1, y1), _ = place((xs[0], ys[0], xs[1] + 1, ys[1] + 1), size_wh, square, margin)
    if square:
        assert x1 - x0 == y1 - y0
        assert 0 <= x0 <= x1 <= size_wh[0] and 0 <= y0 <= y1 <= size_wh[1]
    else:
        assert x0 >= 0 and y0 >= 0 and x1 <= size_wh[0] and y1 <= size_wh[1]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Two folders with equal names, and boxes in all of them."""
    dogs = [box(0.9, 10, 10, 50, 40), box(0.6, 60, 20, 100, 80), box(0.3, 0, 0, 8, 8)]
    for folder, seed in (("a", 1), ("b", 2)):
        picture(
            tmp_path / folder / "x [1].png", seed, (120, 90), source="me",
            metrics={"blur": 3}, classes={"dog": dogs, "hot dog/1": [box(0.5, 5, 5, 25, 25)],
                                          "cat": [box(0.7, 45, 35, 55, 45)], "cow": []},
        )  # fmt: skip
    picture(tmp_path / "b" / "none.png", 3, (20, 20), classes={"dog": []})
    return tmp_path


def test_crops_are_the_pixels_of_the_box_and_know_where_they_lay(work: Path) -> None:
    before = tree(work)
    wanted = {"from_dirs": "a,b", "to": "out", "classes": ("Dog",), "min_score": 0.5,
              "format": "png"}  # fmt: skip
    said = do(work, "extract-classes", dry_run=True, **wanted)
    assert len(said["would"]) == 4 and tree(work) == before
    said = do(work, "extract-classes", **wanted)
    assert said["crops"] == 4 and said["left_out"] == {"weak": 2}
    names = {path.name for path in (work / "out").glob("*.png")}
    assert names == {
        "x [1]_dog_01.png", "x [1]_dog_02.png", "x [1]_dog_01_2.png", "x [1]_dog_02_2.png",
    }  # fmt: skip
    for name in names:
        beside = sidecar_of(work / "out" / name)
        x0, y0, x1, y1 = beside["crop"]["box"]
        whole = np.asarray(Image.open(work / beside["from_file"]))
        made = np.asarray(Image.open(work / "out" / name))
        np.testing.assert_array_equal(made, whole[y0:y1, x0:x1])
        assert "metrics" not in beside and beside["source"] == "me"
        if "_01" in name:
            assert beside["classes"]["dog"][0]["box"] == [0, 0, 40, 30]
            assert beside["classes"]["cat"] == [{"score": 0.7, "box": [35, 25, 40, 30]}]
            assert beside["classes"]["cow"] == []
    after = tree(work)
    assert do(work, "extract-classes", **wanted)["done"] == 0
    assert tree(work) == after
    # The same again with all folders named by a star: crops are not cut out of crops.
    assert do(work, "extract-classes", **{**wanted, "from_dirs": "*"})["done"] == 0
    undo(work)
    assert tree(work) == before


def test_partial_small_and_odd_names(work: Path) -> None:
    said = do(
        work, "extract-classes", from_dirs="a", to="out", classes=("dog", "hot dog/1"),
        margin=0.1, skip_partial=True, min_size=30,
    )  # fmt: skip
    # Of three dogs one lies in a corner; the number says which finding of the picture it is.
    assert said["left_out"] == {"partial": 1, "small": 1}
    names = sorted(path.name for path in (work / "out").glob("*.jpg"))
    assert names == ["x [1]_dog_01.jpg", "x [1]_dog_02.jpg"] and said["crops"] == 2
    do(work, "extract-classes", from_dirs="a", to="odd", classes=("hot dog/1",))
    assert [path.name for path in (work / "odd").glob("*.jpg")] == ["x [1]_hot_dog_1.jpg"]


def test_bad_items_fail_alone_and_nothing_at_all_is_an_error(work: Path) -> None:
    (work / "a" / "x [1].png").write_bytes(b"no picture")
    (work / "b" / "none.png.json").write_text("{broken")
    said = do(work, "extract-classes", from_dirs="a,b", to="out", classes=("cat",))
    assert said["crops"] == 1
    assert sorted(item["item"] for item in said["failed_items"]) == ["a/x [1].png", "b/none.png"]
    with pytest.raises(InputError, match="none of 2 pictures has cow") as told:
        (work / "b" / "none.png.json").unlink()
        do(work, "extract-classes", from_dirs="b", to="more", classes=("cow",))
    assert "detect --from b" in told.value.hint
    with pytest.raises(InputError, match="among --from"):
        do(work, "extract-classes", from_dirs="a,b", to="b", classes=("dog",))
