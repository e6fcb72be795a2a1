"""Which rows a question of the review workspace is about: the same words as in its page.

A question is {"where": [clause, ...]}; a row is meant when every clause holds of it:

    {"column": "score", "min": 0.2, "max": 0.9}   a number within a range, ends included
    {"column": "pool", "in": [0, 2]}              one of these values
    {"tag": "beach"}                              people gave it this tag

A number that is unknown (NaN) lies in no range and equals no value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from curation.decide.columns import AnyArray, Bools, Ints

MOST_CLAUSES = 64
MOST_VALUES = 20_000


def matching(
    query: Mapping[str, Any],
    n: int,
    column: Callable[[str], AnyArray],
    tagged: Callable[[str], Ints],
) -> Bools:
    """Return (n,) bool: the rows that a question is about.

    Args:
        n: number of rows.
        column: returns (n,) numbers by name; KeyError for a name that there is not.
        tagged: returns the rows that have a tag.

    Raises:
        ValueError: the question is none, or names a column that there is not; says which.
    """
    clauses = query.get("where", [])
    if not isinstance(clauses, list) or len(clauses) > MOST_CLAUSES:
        raise ValueError(f"where must be a list of at most {MOST_CLAUSES} clauses")
    found = np.ones(n, np.bool_)
    for clause in clauses:
        found &= _holds(clause, n, column, tagged)
    return found


def _holds(
    clause: Any, n: int, column: Callable[[str], AnyArray], tagged: Callable[[str], Ints]
) -> Bools:
    if not isinstance(clause, Mapping):
        raise ValueError(f"{clause!r} is no clause; write an object with column or tag")
    if set(clause) == {"tag"} and isinstance(clause["tag"], str):
        mask = np.zeros(n, np.bool_)
        mask[tagged(clause["tag"])] = True
        return mask
    name = clause.get("column")
    ranged = set(clause) <= {"column", "min", "max"} and len(clause) > 1
    if not isinstance(name, str) or not (ranged or set(clause) == {"column", "in"}):
        raise ValueError(f"{dict(clause)!r} is no clause; write column with min and max, or in")
    try:
        values = column(name)
    except KeyError as error:
        raise ValueError(f"there is no column {name!r} to filter by") from error
    if ranged:
        return _within(values, _number(clause, "min"), _number(clause, "max"))
    return np.asarray(np.isin(values, _numbers(clause["in"])), np.bool_)


def _within(values: AnyArray, low: float | None, high: float | None) -> Bools:
    """Return where values lie in a range; NaN lies in none."""
    inside = np.ones(len(values), np.bool_)
    if values.dtype.kind == "f":
        inside = ~np.isnan(values)
    # In double precision, as the page compares: float32(0.9) is a little less than 0.9.
    wide = values.astype(np.float64, copy=False)
    if low is not None:
        inside &= wide >= low
    if high is not None:
        inside &= wide <= high
    return np.asarray(inside, np.bool_)


def _number(clause: Mapping[str, Any], end: str) -> float | None:
    value = clause.get(end)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise ValueError(f"{end} of {clause['column']!r} must be a number, not {value!r}")
    return float(value)


def _numbers(values: Any) -> AnyArray:
    if not isinstance(values, list) or len(values) > MOST_VALUES:
        raise ValueError(f"in must be a list of at most {MOST_VALUES} numbers")
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        raise ValueError("in must be a list of numbers")
    return np.array(values, np.float64)
