"""The false-face step: what it says, when it says nothing, and what its head is made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.sets import SETS
from curation.errors import WeightsMissing
from curation.records import Frame, Measured
from curation.steps.base import Item, check
from curation.steps.falseface import (
    HEAD,
    LARGEST_LOGIT,
    LEAST_FACE_PX,
    WORDS,
    FalseFace,
    judge,
    read_head,
    terms,
)
from curation.steps.falseface_cues import PARTS, parts, square
from curation.steps.projection import Projection
from train.falseface_head import FOLDS, folds, kind_of, learns
from train.falseface_made import KINDS, made
from train.falseface_samples import MADE_WEIGHT, Samples, degrade
from train.falseface_views import box_in_crop

CORNERS = ("face_x0", "face_y0", "face_x1", "face_y1")
NOTHING = dict.fromkeys(("false_logit", "false_p", "false_cue", "face_code"))


def picture(seed: int = 0, size_wh: tuple[int, int] = (320, 240)) -> np.ndarray:
    """A smooth coloured picture: no face, but something to look at."""
    import cv2

    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (6, 8, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, size_wh, interpolation=cv2.INTER_CUBIC))


def item(rgb: np.ndarray, box: list[float] | None) -> Item:
    frame = Frame(1, "k:0", 1, 0, 0.0, Path("f.jpg"), rgb.shape[1], rgb.shape[0])
    corners = dict(zip(CORNERS, box or [None] * 4, strict=True))
    return Item(frame, rgb, {"subject": Measured(corners)})


@pytest.fixture(scope="module")
def step(weights_dir: Path) -> FalseFace:
    made_step = FalseFace()
    made_step.setup()
    return made_step


def test_no_face_and_small_faces_get_no_verdict(step: FalseFace) -> None:
    rgb = picture()
    small = [100.0, 100.0, 100.0 + LEAST_FACE_PX - 1, 200.0]
    for measured in step([item(rgb, None), item(rgb, small)]):
        assert check(step, measured).signals == NOTHING


def test_a_face_gets_a_verdict_that_agrees_with_itself(step: FalseFace) -> None:
    rgb = picture(3)
    boxes = [
        [100.0, 60.0, 180.0, 160.0],
        None,
        [-20.0, -30.0, 60.0, 70.0],
        [10.0, 10.0, 300.0, 230.0],
    ]
    found = step([item(rgb, box) for box in boxes])
    assert found[1].signals == NOTHING
    for measured in (found[0], found[2], found[3]):
        signals = check(step, measured).signals
        logit, p, code = signals["false_logit"], signals["false_p"], signals["face_code"]
        assert isinstance(logit, float) and isinstance(p, float) and isinstance(code, bytes)
        assert p == pytest.approx(1 / (1 + np.exp(-logit)))
        numbers = np.frombuffer(code, np.float16).astype(float)
        assert numbers.shape == (64,)
        assert np.linalg.norm(numbers) == pytest.approx(1, abs=0.01)
        assert str(signals["false_cue"]).startswith(tuple(WORDS.values()))
    alone = step([item(rgb, boxes[0])])[0].signals
    assert alone["false_logit"] == pytest.approx(found[0].signals["false_logit"], abs=1e-3)


def test_labelled_faces_are_told_apart(step: FalseFace) -> None:
    """Not a measure of quality: the head was trained on them. Says that all parts fit together."""
    if not (SETS / "falseface").is_dir():
        pytest.skip("needs ../shared/bench for faces that were labelled by eye")
    from train.falseface_views import labelled

    faces = labelled(SETS)
    for false, kinds in ((True, ("painting", "anime")), (False, ("photo", "video"))):
        some = [face for face in faces if face.subtype in kinds and face.far is not face.near][::15]
        judged = step([item(face.far[0], face.far[1].tolist()) for face in some])
        p = [measured.signals["false_p"] for measured in judged]
        told = [float(value) for value in p if isinstance(value, float)]
        assert len(told) >= 5
        assert (np.median(told) > 0.9) if false else (np.median(told) < 0.1)


def test_the_head_is_small_and_whole() -> None:
    assert HEAD.stat().st_size < 1_000_000
    head, project = read_head(HEAD), Projection(HEAD)
    assert {name: len(weight) for name, weight in head.weight.items()} == {
        name: PARTS[name] for name in WORDS
    }
    assert project.basis.shape[1] == 64 and len(project.mean) == PARTS["face"]
    assert head.kind_weight.shape == (len(head.kinds), 64) and len(head.kind_bias) == len(
        head.kinds
    )
    assert head.calibration[0] > 0


@pytest.mark.parametrize("text", [None, "", "{}", '{"terms": {}, "calibration": [1, 0]}'])
def test_a_damaged_head_is_named_with_the_way_out(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "falseface.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(WeightsMissing, match=r"falseface\.json") as caught:
        read_head(path)
    assert "train.falseface_head" in caught.value.hint


@given(scale=st.floats(-1e4, 1e4), seed=st.integers(0, 100))
def test_no_term_decides_alone(scale: float, seed: int) -> None:
    head = read_head(HEAD)
    found = np.random.default_rng(seed).normal(size=sum(PARTS.values())) * scale
    named = terms(head, found)
    assert set(named) == set(WORDS)
    assert all(abs(value) <= LARGEST_LOGIT for value in named.values())
    logit, cue = judge(head, found, np.zeros(64))
    slope, offset = head.calibration
    assert abs(logit - offset) <= slope * LARGEST_LOGIT * len(WORDS) + 1e-6
    assert cue.startswith(WORDS[max(named, key=lambda name: float(named[name]))])


def test_parts_are_named_slices() -> None:
    whole = np.arange(sum(PARTS.values()), dtype=float)
    named = parts(whole)
    assert list(named) == list(PARTS)
    assert np.array_equal(np.concatenate(list(named.values())), whole)
    assert {k: v.shape for k, v in parts(np.zeros((5, len(whole)))).items()} == {
        k: (5, n) for k, n in PARTS.items()
    }


@given(
    x=st.floats(-50, 400), y=st.floats(-50, 300), wide=st.floats(0, 500), tall=st.floats(0, 500),
    side=st.floats(0.5, 4),
)  # fmt: skip
def test_squares_are_never_empty(x: float, y: float, wide: float, tall: float, side: float) -> None:
    rgb = np.zeros((240, 320, 3), np.uint8)
    centre_x, centre_y = min(max(x, 0), 319), min(max(y, 0), 239)
    box = np.array(
        [centre_x - wide / 2, centre_y - tall / 2, centre_x + wide / 2, centre_y + tall / 2]
    )
    cut = square(rgb, box, side)
    assert cut.shape[0] >= 1 and cut.shape[1] >= 1


@pytest.mark.parametrize("kind", KINDS)
def test_redrawn_photographs_are_other_pictures_of_the_same_size(kind: str) -> None:
    rgb = picture(5, (150, 190))
    once, again = (made(rgb, kind, np.random.default_rng(7)) for _ in range(2))
    other = made(rgb, kind, np.random.default_rng(8))
    assert once.shape == rgb.shape and once.dtype == np.uint8
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    assert np.abs(once.astype(int) - rgb).mean() > 1


def test_poor_copies_come_out_the_same_twice() -> None:
    rgb = picture(6)
    once, again = (degrade(rgb, np.random.default_rng(3)) for _ in range(2))
    assert once.shape == rgb.shape
    assert np.array_equal(once, again)


def samples() -> Samples:
    """Twelve faces of six sources, each plain, copied, and its real ones redrawn."""
    false = np.arange(12) % 2 == 0
    owner, kind = [], []
    for face in range(12):
        mine = ["plain", "copy"] + ([] if false[face] else ["digital", "statue"])
        owner += [face] * len(mine)
        kind += mine
    return Samples(
        np.zeros((len(owner), 3)),
        np.array(owner),
        np.array(kind),
        false,
        np.where(false, "painting", "photo"),
        np.array([f"source {face // 2}" for face in range(12)]),
        np.arange(12) >= 10,
    )


def test_nothing_of_a_tested_source_teaches_its_fold() -> None:
    made_samples = samples()
    fold = folds(made_samples)
    assert (fold[:10] >= 0).all() and (fold[10:] == -1).all()
    for number in range(FOLDS):
        taught = learns(made_samples, fold, number)
        held = set(made_samples.group[fold == number])
        assert held and taught.any()
        assert held.isdisjoint(made_samples.group[made_samples.face[taught]])


def test_redrawn_real_faces_are_false_and_count_little() -> None:
    made_samples = samples()
    redrawn = np.isin(made_samples.kind, list(MADE_WEIGHT))
    assert made_samples.sample_false[redrawn].all()
    assert not made_samples.sample_false[(made_samples.face == 1) & ~redrawn].any()
    assert (made_samples.sample_weight[redrawn] < 0.2).all()
    assert (made_samples.sample_weight[~redrawn] == 1).all()
    assert (kind_of(made_samples)[~made_samples.sample_false] == -1).all()
    assert (made_samples.kind[made_samples.plain] == "plain").all()
    assert made_samples.face[made_samples.plain].tolist() == list(range(12))


def test_the_face_is_found_again_in_a_crop_that_the_edge_cut() -> None:
    # A face of 100 px at the left edge: the crop of 180 px is cut to 140 and stored at half size.
    box = np.array([0.0, 200.0, 100.0, 300.0])
    inside = box_in_crop(box, np.array([600.0, 600.0]), (90, 70, 3))
    assert inside == pytest.approx([0, 20, 50, 70])
