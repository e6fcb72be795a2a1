"""Conditions that people type, against columns that are not all known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.decide.where import Tags, WhereError, Words, parse

NAN = np.nan
FIELDS = {
    "focus": np.array([0.9, 0.5, NAN, 0.95, 0.1]),
    "yaw_deg": np.array([0.0, 45.0, -10.0, NAN, -20.0]),
    "eye_left_px": np.array([1.0, 2, 3, 4, 5]),
    "eye_left_frac": np.array([0.1, 0.2, 0.3, 0.4, 0.5]),
    "stars": np.array([3, 0, 5, 4, 0], np.uint8),
    "time_s": np.array([1.0, 89.9, 90.0, 4000.0, 91.0]),
    "smiling": np.array([True, False, True, False, False]),
    "pool": Words(np.array([0, 0, 1, 2, 1]), ("face", "full_body", "none"), closed=True),
    "person": Words.of(np.array(["Anna", None, "Zoë", "Anna", ""], object)),
    "tags": Tags(5, {"beach": np.array([0, 2]), "Night sky": np.array([2, 3])}),
}


def rows(text: str) -> list[int]:
    return np.flatnonzero(parse(text).mask(FIELDS, 5)).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("focus > 0.8", [0, 3]),
        ("focus>.8 AND yaw between -20 and 20", [0]),
        ("yaw between -20 and 20", [0, 2, 4]),
        ("not yaw between -20 and 20", [1]),  # row 3: nobody knows
        ("yaw not between -20 and 20", [1]),
        ("not (focus > 0.8 or yaw > 20)", [4]),
        ("focus > 0.8 or yaw < 0", [0, 2, 3, 4]),
        ("not focus > 0.8", [1, 4]),
        ("focus is missing", [2]),
        ("focus is not missing and focus is known", [0, 1, 3, 4]),
        ("not focus is known", [2]),
        ("pool = 'face'", [0, 1]),
        ("pool == FACE", [0, 1]),
        ("pool in (face, none)", [0, 1, 3]),
        ("pool not in ('face')", [2, 3, 4]),
        ("person = 'anna'", [0, 3]),
        ("person != 'Anna'", [1, 2, 4]),
        ("person = 'zoe\u0308'", [2]),
        ("person is missing", [1, 4]),
        ("person = ''", [1, 4]),
        ("person", [0, 2, 3]),
        ("smiling", [0, 2]),
        ("smiling = true", [0, 2]),
        ("not smiling", [1, 3, 4]),
        ("stars >= 3", [0, 2, 3]),
        ("stars in (0, 5)", [1, 2, 4]),
        ("tags = beach", [0, 2]),
        ("tags contains 'night'", [2, 3]),
        ("tags != beach", [1, 3, 4]),
        ("tags = beach and tags = 'night sky'", [2]),
        ("tags is missing", [1, 4]),
        ("time >= 1:30 and time < 1:00:00", [2, 4]),
        ("stars = 3 or stars = 4 and focus > 0.92", [0, 3]),  # and binds closer
        ("(stars = 3 or stars = 4) and focus > 0.92", [3]),
        ("focus <> 0.9", [1, 3, 4]),
        ("yaw > -1e1", [0, 1]),
    ],
)  # fmt: skip
def test_which_rows_are_meant(text: str, expected: list[int]) -> None:
    assert rows(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the condition is empty"),
        ("   ", "the condition is empty"),
        ("fokus > 1", "no column 'fokus'; did you mean focus"),
        ("eye_left > 1", "'eye_left' may mean eye_left_frac or eye_left_px"),
        ("focus >", "ends too early; add a number"),
        ("focus > 'a'", "focus is a number, not 'a'"),
        ("pool > 'face'", "pool holds texts"),
        ("pool = 'fase'", "pool is never 'fase'; did you mean face"),
        ("focus contains 'a'", "focus is a number and contains nothing"),
        ("focus > 1 yaw < 2", "'yaw' at letter 11 is not understood; write 'and' or 'or' there"),
        ("focus > 1 and", "ends too early; add the name of a column"),
        ("(focus > 1", "ends too early; add ')'"),
        ("focus between 1", "ends too early; add 'and'"),
        ("pool = 'face", 'cannot read "\'face" at letter 8; close the quote'),
        ("focus > 1; drop", "cannot read '; drop' at letter 10"),
        ("__import__('os')", "'(' at letter 11 is not understood"),
        ("focus not 3", "'3' at letter 11 is not understood"),
        ("(" * 60 + "focus" + ")" * 60, "nested too deeply"),
        ("not " * 60 + "focus", "nested too deeply"),
        ("focus > 1 or " * 900 + "focus", "letters"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(text: str, says: str) -> None:
    with pytest.raises(WhereError) as told:
        rows(text)
    assert says in str(told.value)


def test_columns_are_taken_only_if_named_and_once_listed() -> None:
    where = parse("Focus > 1 and (yaw > 1 or Focus < 3)")
    assert where.names == ("Focus", "yaw")
    where.check(FIELDS)
    with pytest.raises(WhereError, match="no column 'yaw'"):
        where.check(["focus"])


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="focusyaw poland ()<>=!'\"0123.,-:not", max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        mask = parse(text).mask(FIELDS, 5)
    except WhereError as error:
        assert error.message and error.hint
    else:
        assert mask.shape == (5,) and mask.dtype == np.bool_


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.floats(-2, 2)), min_size=1, max_size=30),
    st.floats(-2, 2), st.sampled_from(["<", "<=", ">", ">=", "=", "!="]),
)
def test_a_comparison_and_its_opposite_share_no_row_and_leave_out_the_unknown(
    values: list[float | None], limit: float, sign: str
) -> None:
    column = {"x": np.array([NAN if v is None else v for v in values])}
    yes = parse(f"x {sign} {limit!r}").mask(column, len(values))
    no = parse(f"not x {sign} {limit!r}").mask(column, len(values))
    assert not (yes & no).any()
    assert ((yes | no) == ~np.isnan(column["x"])).all()


def test_no_rows_at_all() -> None:
    empty = {"x": np.zeros(0), "w": Words.of(np.zeros(0, object))}
    assert parse("x > 1 and w = a").mask(empty, 0).shape == (0,)
