"""Vectors of columns: widened to the bit, read without a copy where rows were taken."""

import numpy as np
import pytest

from curation.decide import columns as read
from curation.decide.columns import Columns
from tests.unit.decide.columns import Columns as Given

HALVES = np.arange(1 << 16, dtype=np.uint16)


class Packed(Given):
    """Columns whose vectors lie side by side."""

    def packed(self, name: str) -> tuple[np.ndarray, np.ndarray] | None:
        """Return vectors as (n, size) uint8; all rows have one."""
        found = self.get("raw") if name == "look" else None
        return None if found is None else (found, np.ones(len(found), np.bool_))


def _same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.array_equal(one.view(np.uint32), other.view(np.uint32)))


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("block", [3, 4096])
def test_every_half_float_is_widened_to_the_bit(
    packed: bool, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "BLOCK_ROWS", block)
    finite = HALVES[(HALVES & 0x7C00) != 0x7C00]
    half = finite.reshape(-1, 1024)
    raw = half.view(np.uint8)
    if packed:
        data: Given = Packed({"frame_id": np.arange(len(raw)), "raw": raw})
        found, has = Columns(data).vectors("look")
    else:
        blobs = np.array([row.tobytes() for row in raw], object)
        found, has = Columns({"frame_id": np.arange(len(raw)), "look": blobs}).vectors("look")
    assert has.all()
    assert _same_bits(found, half.view(np.float16).astype(np.float32))


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("odd", [0x7C00, 0xFC00, 0x7E01, 0xFFFF])
def test_a_vector_that_is_not_finite_is_missing(odd: int, packed: bool) -> None:
    half = np.full((5, 8), 0x3C00, np.uint16)
    half[3, 7] = odd
    raw = half.view(np.uint8)
    blobs = np.array([row.tobytes() for row in raw], object)
    data: Given = Packed({"frame_id": np.arange(5), "raw": raw, "look": blobs})
    columns = Columns(data if packed else {"frame_id": np.arange(5), "look": blobs})
    found, has = columns.vectors("look")
    assert has.tolist() == [True, True, True, False, True]
    assert (found[has] == 1).all()
    assert (found[3] == 0).all()


def test_placed_vectors_are_those_of_the_rows_and_no_copy() -> None:
    rng = np.random.default_rng(0)
    blobs = np.array([row.tobytes() for row in rng.normal(size=(40, 6)).astype("<f2")], object)
    blobs[::7] = None
    whole = Columns({"frame_id": np.arange(40), "look": blobs})
    taken = whole.having(more=np.arange(40)).take(np.arange(39, 3, -1)).take(np.arange(0, 36, 2))
    found, has = taken.placed("look")
    wanted, there = taken.vectors("look")
    assert np.array_equal(has, there)
    assert np.array_equal(found[np.arange(taken.n)], wanted)
    assert np.array_equal(found[4:9], wanted[4:9])
    assert found.every is whole.vectors("look")[0]
    assert found.width == 6


def test_placed_vectors_of_replaced_columns_are_the_new_ones() -> None:
    one, two = (np.full((4, 6), value, "<f2") for value in (1, 2))
    old, new = (np.array([row.tobytes() for row in rows], object) for rows in (one, two))
    whole = Columns({"frame_id": np.arange(4), "look": old})
    replaced = whole.take(np.array([2, 1])).having(look=new[:2])
    found, has = replaced.take(np.array([1])).placed("look")
    assert has.tolist() == [True]
    assert (found[np.array([0])] == 2).all()
    nobody, none = whole.placed("identity")
    assert nobody.width == 0
    assert not none.any()
