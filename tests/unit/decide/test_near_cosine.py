"""Pairs by cosine are those of one big product, whatever the blocks."""

from __future__ import annotations

import numpy as np
import pytest

from curation.decide import near_cosine
from curation.decide.near import TooManyPairs
from curation.decide.near_cosine import likest, pairs_alike


@pytest.mark.parametrize("n", [0, 1, 2, 90])
def test_pairs_are_those_of_brute_force(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(n)
    vectors = rng.normal(size=(n, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    monkeypatch.setattr(near_cosine, "BLOCK", 32)
    found = pairs_alike(vectors, 0.5)
    alike = vectors @ vectors.T
    expected = [(i, j) for i in range(n) for j in range(i + 1, n) if alike[i, j] >= 0.5]
    assert list(zip(found.one.tolist(), found.other.tolist(), strict=True)) == expected
    assert np.allclose(found.distance, [1 - alike[i, j] for i, j in expected], atol=1e-6)
    if len(expected) > 3:
        with pytest.raises(TooManyPairs):
            pairs_alike(vectors, 0.5, most=3)


def test_the_likest_few_of_either_picture_stay() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(40, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    near = pairs_alike(vectors, 0.0)
    kept = likest(near, 40, 2)
    pairs = set(zip(kept.one.tolist(), kept.other.tolist(), strict=True))
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, -1)
    expected = {
        (min(i, int(j)), max(i, int(j)))
        for i in range(40)
        for j in np.argsort(-alike[i])[:2]
        if alike[i, j] >= 0
    }
    assert pairs == expected
