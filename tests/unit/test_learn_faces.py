"""What a user's marks teach the false-face filter, and whom they leave alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.sets import SETS
from curation.learn.faces import PRIOR_STRENGTH, apply, refit

Floats = npt.NDArray[np.float64]
SIZE = 64


def unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def people(count: int, frames: int, spread: float, seed: int = 0) -> tuple[Floats, Floats]:
    """Codes (count * frames, SIZE) of so many people, and who each one is."""
    rng = np.random.default_rng(seed)
    middles = unit(rng.normal(size=(count, SIZE)))
    noise = unit(rng.normal(size=(count * frames, SIZE))) * spread
    return unit(np.repeat(middles, frames, axis=0) + noise), np.repeat(np.arange(count), frames)


def test_without_marks_the_filter_keeps_its_word() -> None:
    codes, _ = people(3, 4, 0.3)
    logits = np.linspace(-9, 9, 12)
    head = refit(codes[:0], logits[:0], np.zeros(0, bool))
    assert head.marks == 0
    assert np.array_equal(apply(head, codes, logits), logits)


@pytest.mark.parametrize(("shipped", "false"), [(-4.0, True), (4.0, False), (-12.0, True)])
def test_a_few_marks_turn_one_statue_and_nobody_else(shipped: float, false: bool) -> None:
    codes, who = people(30, 10, 0.4)
    logits = np.full(len(codes), shipped)
    mine = who == 0
    head = refit(codes[mine][:3], logits[:3], np.full(3, false))
    after = apply(head, codes, logits)
    assert ((after[mine] > 0) == false).all()
    assert ((after[~mine] > 0) != false).all()
    # A filter that is surer than a mark may answer is brought down to what a mark can answer.
    assert np.abs(np.median(after[~mine]) - np.clip(shipped, -6, 6)) < 0.3


def test_one_mark_turns_the_marked_face() -> None:
    codes, _ = people(1, 1, 0.0)
    assert apply(refit(codes, [-4.0], [True]), codes, [-4.0])[0] > 0


def test_marks_that_agree_with_the_filter_hardly_move_it() -> None:
    codes, _ = people(10, 1, 0.0)
    logits = np.where(np.arange(10) < 5, -5.0, 5.0)
    after = apply(refit(codes, logits, logits > 0), codes, logits)
    assert np.abs(after - logits).max() < 1.0


def test_marks_that_contradict_each_other_leave_the_face_in_doubt() -> None:
    codes = np.repeat(people(1, 1, 0.0)[0], 40, axis=0)
    after = apply(refit(codes, np.full(40, -4.0), np.arange(40) % 2 == 0), codes, np.full(40, -4.0))
    assert np.abs(after).max() < 0.3


@given(seed=st.integers(0, 1000), count=st.integers(2, 30))
@settings(deadline=None, max_examples=25)
def test_the_order_of_marks_does_not_matter_and_the_answer_is_the_most_probable(
    seed: int, count: int
) -> None:
    rng = np.random.default_rng(seed)
    codes, logits = unit(rng.normal(size=(count, SIZE))), rng.normal(size=count) * 3
    false = rng.random(count) < 0.5
    head = refit(codes, logits, false)
    order = rng.permutation(count)
    again = refit(codes[order], logits[order], false[order])
    assert apply(again, codes, logits) == pytest.approx(apply(head, codes, logits), abs=0.02)
    # At the maximum each weight is the variance times what is left to explain.
    p = 1 / (1 + np.exp(-apply(head, codes, logits)))
    assert head.weights * PRIOR_STRENGTH == pytest.approx(false - p, abs=0.01)


def test_a_stronger_prior_trusts_the_filter_more() -> None:
    codes, _ = people(1, 1, 0.0)
    moved = [
        apply(refit(codes, [-3.0], [True], strength), codes, [-3.0])[0]
        for strength in (1 / 256, 1 / 64, 1 / 8, 1.0)
    ]
    assert moved == sorted(moved, reverse=True)
    assert moved[-1] < 0 < moved[0]


@pytest.mark.parametrize(
    ("codes", "logits", "false", "strength", "about"),
    [
        (np.ones((2, 3)), [0.0], [True, True], 1.0, "disagree"),
        (np.ones(3), [0.0], [True], 1.0, "disagree"),
        (np.ones((1, 3)), [np.nan], [True], 1.0, "finite"),
        (np.full((1, 3), np.inf), [0.0], [True], 1.0, "finite"),
        (np.ones((1, 3)), [0.0], [True, False], 1.0, "marks of shape"),
        (np.ones((1, 3)), [0.0], [True], 0.0, "above 0"),
    ],
)
def test_bad_marks_are_refused(
    codes: Floats, logits: list[float], false: list[bool], strength: float, about: str
) -> None:
    with pytest.raises(ValueError, match=about):
        refit(codes, logits, false, strength)


def test_a_head_refuses_codes_of_another_length() -> None:
    head = refit(np.ones((1, 3)), [0.0], [True])
    with pytest.raises(ValueError, match="3"):
        apply(head, np.ones((1, 4)), [0.0])


@pytest.fixture(scope="module")
def described(weights_dir: object) -> tuple[Floats, npt.NDArray[np.bool_], npt.NDArray[np.str_]]:
    """Face codes of labelled faces and two poor copies of each, false or not, and their sources."""
    if not (SETS / "falseface").is_dir():
        pytest.skip("needs ../shared/bench for faces that were labelled by eye")
    from curation import weights
    from curation.steps.efficientnet import LiteEmbedder
    from curation.steps.falseface import HEAD
    from curation.steps.projection import Projection
    from train.falseface_samples import degrade
    from train.falseface_views import labelled

    faces = labelled(SETS)[::5]
    shown = []
    for number, face in enumerate(faces):
        rngs = [np.random.default_rng([number, copy]) for copy in (1, 2)]
        shown += [face.views()[0], *(degrade(face.views(rng)[0], rng) for rng in rngs)]
    codes = Projection(HEAD)(LiteEmbedder(weights.path_of("efficientnet_lite0")).describe(shown)[0])
    owner = np.repeat(np.arange(len(faces)), 3)
    false = np.array([face.false for face in faces])
    group = np.array([face.group for face in faces])
    return codes.astype(np.float64), false[owner], group[owner]


def test_marks_on_real_faces_teach_about_faces_of_other_sources(
    described: tuple[Floats, npt.NDArray[np.bool_], npt.NDArray[np.str_]],
) -> None:
    """From a filter that knows nothing, so that what is learned is all there is."""
    from sklearn.metrics import roc_auc_score

    codes, false, group = (column[::3] for column in described)
    curve = []
    for marks in (5, 20, 60):
        rng = np.random.default_rng(0)
        scores = []
        for _ in range(12):
            taught = np.isin(group, rng.permutation(np.unique(group))[::2])
            there = ~taught
            here = rng.permutation(np.flatnonzero(taught))[:marks]
            if len(np.unique(false[there])) < 2:
                continue
            head = refit(codes[here], np.zeros(len(here)), false[here])
            scores.append(
                roc_auc_score(false[there], apply(head, codes[there], np.zeros(there.sum())))
            )
        curve.append(float(np.mean(scores)))
    assert curve == sorted(curve)
    assert curve[-1] > 0.68, curve


def test_two_marks_on_a_real_face_turn_its_other_pictures_and_few_others(
    described: tuple[Floats, npt.NDArray[np.bool_], npt.NDArray[np.str_]],
) -> None:
    codes, false, group = described
    logits = np.full(len(codes), -4.0)
    turned, others = [], []
    for face in np.flatnonzero(~false[::3])[::3] * 3:
        pair = [face, face + 1]
        after = apply(refit(codes[pair], logits[pair], [True, True]), codes, logits)
        turned.append(after[face + 2] > 0)
        others.append((after[group != group[face]] > 0).mean())
    assert np.mean(turned) > 0.6
    assert np.mean(others) < 0.02
