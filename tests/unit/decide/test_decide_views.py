"""Questions of the review workspace mean what its page says they mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from curation.decide.views import matching

COLUMNS: dict[str, Any] = {
    "score": np.array([0.1, 0.5, np.nan, 0.9], np.float32),
    "pool": np.array([0, 1, 2, 0], np.uint8),
    "flag": np.array([-1, 0, 1, 0], np.int8),
}
TAGS = {"beach": np.array([1, 3])}


def ask(*where: Any) -> list[int]:
    def tagged(tag: str) -> Any:
        return TAGS.get(tag, np.zeros(0, np.int64))

    mask = matching({"where": list(where)}, 4, COLUMNS.__getitem__, tagged)
    assert mask.dtype == np.bool_
    return [int(row) for row in np.flatnonzero(mask)]


def test_nothing_asked_is_everything() -> None:
    assert ask() == [0, 1, 2, 3]
    assert matching({}, 4, COLUMNS.__getitem__, TAGS.__getitem__).all()


def test_ranges_include_their_ends_and_leave_the_unknown_out() -> None:
    assert ask({"column": "score", "min": 0.5, "max": 1}) == [1, 3]
    assert ask({"column": "score", "min": 0}) == [0, 1, 3]
    assert ask({"column": "score", "max": 0.5}) == [0, 1]
    assert ask({"column": "flag", "min": 0, "max": 1}) == [1, 2, 3]
    assert ask({"column": "score", "min": None, "max": None}) == [0, 1, 3]


def test_a_float_is_compared_as_the_page_compares_it() -> None:
    """In JavaScript float32(0.9) is 0.899999976: over 0.9 it is not."""
    assert ask({"column": "score", "min": 0.9}) == []
    assert ask({"column": "score", "min": float(np.float32(0.9))}) == [3]


def test_values_and_tags() -> None:
    assert ask({"column": "pool", "in": [0, 2]}) == [0, 2, 3]
    assert ask({"column": "flag", "in": [-1, 1]}) == [0, 2]
    assert ask({"column": "pool", "in": []}) == []
    assert ask({"tag": "beach"}) == [1, 3]
    assert ask({"tag": "nobody knows it"}) == []
    assert ask({"tag": "beach"}, {"column": "score", "min": 0.6}) == [3]


@pytest.mark.parametrize(
    "clause",
    [
        "score",
        {},
        {"column": "score"},
        {"column": "nothing", "min": 1},
        {"column": "score", "min": "1"},
        {"column": "score", "min": float("nan")},
        {"column": "score", "min": True},
        {"column": "score", "in": 3},
        {"column": "score", "in": ["x"]},
        {"column": "score", "in": [1], "min": 0},
        {"column": 7, "min": 1},
        {"tag": 3},
        {"tag": "x", "column": "score"},
        {"sql": "DROP TABLE frame"},
    ],
)
def test_what_is_no_question_is_refused(clause: Any) -> None:
    with pytest.raises(ValueError, match=r"clause|column|number"):
        ask(clause)


def test_a_question_is_not_endless() -> None:
    with pytest.raises(ValueError, match="at most"):
        ask(*[{"tag": "x"}] * 65)
    with pytest.raises(ValueError, match="list"):
        matching({"where": {}}, 4, COLUMNS.__getitem__, TAGS.__getitem__)
