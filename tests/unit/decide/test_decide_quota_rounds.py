"""All videos at once take what each would take by itself, and say why the rest was left."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.decide.quota import Quota, Rules, Taste, allot

NOBODY_BINDS = Rules(per_person=10_000)
"""Goes the way of turns, one group object each."""


class Table:
    """Likeness from a matrix."""

    def __init__(self, matrix: np.ndarray[Any, Any]) -> None:
        self.matrix = matrix

    def alike(self, rows: Any, others: Any) -> Any:
        return self.matrix[np.ix_(rows, others)]


def same(one: Quota, other: Quota) -> None:
    for name in ("picked", "kind", "rival", "nearest_s", "gap_s", "in_shot", "per_shot", "room"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist(), name
    assert one.taken.tolist() == other.taken.tolist()
    for name in ("value", "limit"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1), n=st.integers(0, 150), groups=st.integers(1, 8),
    shots=st.integers(1, 6), cap=st.integers(1, 9), whole=st.booleans(),
    budget=st.sampled_from([0, 5, 12]), weight=st.sampled_from([None, 0.0, 0.3, 0.9]),
)
def test_rounds_take_what_turns_take(
    seed: int, n: int, groups: int, shots: int, cap: int, whole: bool, budget: int,
    weight: float | None,
) -> None:
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, n)
    time_s = rng.uniform(0, 60, n)
    caps = rng.integers(1, cap + 1, groups)[group]
    share = rng.choice([0.5, 1.0], groups)[group]
    pool = group % 2
    taste = None
    if weight is not None:
        score = -np.sort(-np.round(rng.random(n), 2))
        taste = Taste(score, Table(np.round(rng.random((n, n)), 1)), weight)
    args = (group, np.round(time_s) if whole else time_s, rng.integers(-1, shots, n), caps, share,
            pool, np.full(n, -1))
    same(allot(*args, Rules(0, budget), taste),
         allot(*args, Rules(NOBODY_BINDS.per_person, budget), taste))
