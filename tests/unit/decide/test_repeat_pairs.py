"""All repeats at once are those that are found one after the other; both engines agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.decide import within
from curation.decide.dedup import Repeats
from curation.decide.near import TooManyPairs
from curation.decide.repeat_pairs import all_pairs
from curation.decide.within_pairs import kernels, pairs_of_videos
from curation.params import DedupParams
from tests.unit.decide.test_decide_likeness import wandering


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1), n=st.integers(1, 90), near=st.integers(0, 14),
    burst=st.integers(0, 14), burst_s=st.sampled_from([0.0, 0.5, 10.0]),
)
def test_pairs_are_those_that_are_alike(
    seed: int, n: int, near: int, burst: int, burst_s: float
) -> None:
    rng = np.random.default_rng(seed)
    columns = wandering(rng, n)
    params = DedupParams(near_hash=near, burst_hash=burst, burst_s=burst_s)
    matched = rng.integers(0, n, (5, 2))
    matched = matched[matched[:, 0] != matched[:, 1]]
    repeats = Repeats(columns, params, matched)
    found = all_pairs(repeats, 10**6)
    assert found is not None
    one, other = np.triu_indices(n, 1)
    alike = repeats.alike(one, other)
    assert list(zip(found.one.tolist(), found.other.tolist(), strict=True)) == list(
        zip(one[alike].tolist(), other[alike].tolist(), strict=True)
    )
    if len(found.one):
        assert all_pairs(repeats, len(found.one) - 1) is None


@pytest.mark.skipif(kernels() is None, reason="numba is not installed")
@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    # Not 0: matrices and sums round unlike, and whether a distance is 0 depends on the last bit.
    seed=st.integers(0, 2**32 - 1), n=st.integers(2, 120), pose=st.floats(0.01, 0.3),
    expression=st.floats(0.01, 0.3), head=st.floats(0, 30), wide=st.sampled_from([None, 1, 4]),
)
def test_compiled_code_finds_what_numpy_finds(
    seed: int, n: int, pose: float, expression: float, head: float, wide: int | None
) -> None:
    columns = wandering(np.random.default_rng(seed), n)
    params = DedupParams(near_pose=pose, near_expression=expression, near_head=head)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(within, "CHUNK", 8)
        patch.setattr("curation.decide.within_pairs.CHUNK", 8)
        inside = Repeats(columns, params, None, wide).within
        if inside is None:
            return
        pairs = {
            engine: {(min(a, b), max(a, b)) for a, b in zip(
                *(ends.tolist() for ends in pairs_of_videos(inside, 10**6, engine)), strict=True)}
            for engine in ("numba", "numpy")
        }
        assert pairs["numba"] == pairs["numpy"]
        if pairs["numba"]:
            for engine in ("numba", "numpy"):
                with pytest.raises(TooManyPairs):
                    pairs_of_videos(inside, len(pairs["numba"]) - 1, engine)
