"""A read-only view of measured columns: one length, one type each, missing is NaN."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Objects = npt.NDArray[np.object_]
AnyArray = npt.NDArray[Any]
Vectors = npt.NDArray[np.float32]

BLOCK_ROWS = 4096
"""Vectors that are worked on at a time: fresh memory for all at once costs more than the work."""
EXPONENT = 0x7C00
"""Bits of a half float that are all set in what is not finite; a maximum finds it at once."""


@runtime_checkable
class Packs(Protocol):
    """Columns of one length that are read when they are asked for, as the store keeps them."""

    def packed(self, name: str) -> tuple[npt.NDArray[np.uint8], Bools] | None:
        """Return a column of equally long bytes as (n, size) uint8, and (n,) where there are any;
        None where it is none."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Vectors of some rows, read from those of all: a copy of them would be as large again.

    Attributes:
        every: (m, d) float32 vectors.
        rows: (n,) positions in them.
    """

    every: Vectors
    rows: Ints

    def __getitem__(self, at: AnyArray | slice) -> Vectors:
        """Return (k, d) the vectors at some of the n positions."""
        return self.every[self.rows[at]]

    @property
    def width(self) -> int:
        """Return d."""
        return int(self.every.shape[1])


class _Taken(Mapping[str, AnyArray]):
    """Some rows of other columns, each taken when it is first asked for."""

    def __init__(self, data: Mapping[str, AnyArray], rows: Ints) -> None:
        self._data, self._rows = data, rows
        self._found: dict[str, AnyArray] = {}

    def __getitem__(self, name: str) -> AnyArray:
        if name not in self._found:
            self._found[name] = np.asarray(self._data[name])[self._rows]
        return self._found[name]

    def __contains__(self, name: object) -> bool:
        return name in self._data

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)


class Columns:
    """Typed access to the columns of n frames.

    A column that is absent answers as if no frame had it, so that a run without an optional
    step is decided like one in which that step failed everywhere.
    """

    def __init__(self, data: Mapping[str, AnyArray]) -> None:
        """Keep the columns.

        Raises:
            ValueError: frame_id is missing, or a column has another length.
        """
        if "frame_id" not in data:
            raise ValueError("columns must hold frame_id")
        self._data: Mapping[str, AnyArray] = data if isinstance(data, Packs) else {
            name: np.asarray(column) for name, column in data.items()
        }
        self.n = len(self._data["frame_id"])
        self._made: dict[str, AnyArray] = {}
        self._vectors: MutableMapping[str, tuple[Vectors, Bools]] = {}
        self._of: tuple[Columns, Ints | None] | None = None
        self._own: frozenset[str] = frozenset()
        for name, column in {} if isinstance(data, Packs) else self._data.items():
            if column.shape != (self.n,):
                raise ValueError(f"column {name} has shape {column.shape}, not ({self.n},)")

    def _view(self, data: Mapping[str, AnyArray], n: int) -> Columns:
        """Return a view of other columns that are known to be of one length."""
        made = Columns.__new__(Columns)
        made._data, made.n, made._made, made._vectors = data, n, {}, {}
        made._of, made._own = None, frozenset()
        return made

    @staticmethod
    def of(data: Mapping[str, AnyArray] | Columns) -> Columns:
        """Return the view itself, or make one."""
        return data if isinstance(data, Columns) else Columns(data)

    def once(self, name: str, make: Callable[[], AnyArray]) -> AnyArray:
        """Return what make() returned when it was first asked for by this name; do not change it.
        """
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    def __contains__(self, name: str) -> bool:
        """Tell whether a column was given."""
        return name in self._data

    def floats(self, name: str) -> Floats:
        """Return (n,) float64; NaN where the value is missing."""
        if name not in self._data:
            return np.full(self.n, np.nan)
        column = self._data[name]
        if column.dtype == object:
            column = np.array([np.nan if value is None else value for value in column])
        return column.astype(np.float64, copy=False)

    def ints(self, name: str, default: int = 0) -> Ints:
        """Return (n,) int64; default where the value is missing."""
        if name not in self._data:
            return np.full(self.n, default, np.int64)
        column = self._data[name]
        if column.dtype.kind in "iub":
            return column.astype(np.int64, copy=False)
        values = self.floats(name)
        return np.where(np.isfinite(values), values, default).astype(np.int64)

    def flags(self, name: str) -> Bools:
        """Return (n,) bool: true where the column says 1; a missing value is false."""
        if name not in self._data:
            return np.zeros(self.n, np.bool_)
        column = self._data[name]
        if column.dtype == np.bool_:
            return column
        return np.asarray(self.floats(name) > 0.5)

    def objects(self, name: str) -> Objects:
        """Return (n,) object; None where the value is missing."""
        if name not in self._data:
            return np.full(self.n, None, object)
        return self._data[name].astype(object, copy=False)

    def present(self, name: str) -> Bools:
        """Return (n,) bool: where the objects of a column are neither None nor NaN nor empty."""
        column = self.objects(name)
        if not len(column):
            return np.zeros(0, np.bool_)
        empty = (column == None) | (column == "") | (column != column)  # noqa: E711
        return ~np.asarray(empty, np.bool_)

    def vectors(self, name: str) -> tuple[Vectors, Bools]:
        """Return (n, d) float32 of a column of half floats, and (n,) which rows have one.

        Made once: do not change them. A vector that is not finite, or of another length than
        most (of the longer ones, where two lengths are as frequent), comes from another version
        and counts as missing; rows without one are zero.
        """
        if name not in self._vectors:
            if self._of is None or name in self._own:
                packed = self._data.packed(name) if isinstance(self._data, Packs) else None
                self._vectors[name] = (
                    unpacked(self.objects(name)) if packed is None else _halves(*packed)
                )
            else:
                parent, rows = self._of
                found, has = parent.vectors(name)
                self._vectors[name] = (found, has) if rows is None else (found[rows], has[rows])
        return self._vectors[name]

    def placed(self, name: str) -> tuple[Placed, Bools]:
        """Return what `vectors` returns, without copying those of taken rows."""
        rows: Ints | None = None
        view: Columns = self
        while view._of is not None and name not in view._own:
            view, taken = view._of
            if taken is not None:
                rows = taken if rows is None else taken[rows]
        every, has = view.vectors(name)
        if rows is None:
            return Placed(every, np.arange(view.n)), has
        return Placed(every, rows), has[rows]

    def having(self, **columns: AnyArray) -> Columns:
        """Return the view with these columns added or replaced.

        Raises:
            ValueError: a column has another length.
        """
        for name, column in columns.items():
            if column.shape != (self.n,):
                raise ValueError(f"column {name} has shape {column.shape}, not ({self.n},)")
        made = self._view(ChainMap(dict(columns), self._data), self.n)  # type: ignore[arg-type]
        made._of, made._own = (self, None), frozenset(columns)
        return made

    def take(self, rows: Ints) -> Columns:
        """Return the view of the rows with these positions, in their order."""
        made = self._view(_Taken(self._data, rows), len(rows))
        made._of = (self, rows)
        return made


def _halves(raw: npt.NDArray[np.uint8], has: Bools) -> tuple[Vectors, Bools]:
    """Return what `unpacked` returns, of bytes that lie side by side."""
    if raw.shape[1] % 2 or not has.any():
        return np.zeros((len(raw), 0), np.float32), np.zeros(len(raw), np.bool_)
    half = np.ascontiguousarray(raw).view("<f2")
    found = np.empty(half.shape, np.float32)
    good = has.copy()
    for start in range(0, len(half), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        good[block] &= _widened(half[block], found[block])
    if not good.all():
        found[~good] = 0.0
    return found, good


def _widened(half: npt.NDArray[np.float16], found: Vectors) -> Bools:
    """Write (k, d) half floats to `found`; return (k,) which vectors are finite, others are noise.

    Three times as fast as `astype`, to the bit: the bits of a half stand for 2^-112 of its value
    when they are put where those of a float32 are, subnormal ones too.
    """
    small = half.view("<u2")
    bits = found.view(np.uint32)
    np.copyto(bits, small)
    sign = (bits & 0x8000) << 16
    bits &= 0x7FFF
    bits <<= 13
    found *= np.float32(2.0**112)
    bits |= sign
    return np.asarray((small & EXPONENT).max(axis=1, initial=0) != EXPONENT)


def unpacked(blobs: Objects) -> tuple[Vectors, Bools]:
    """Return what `Columns.vectors` returns, of (n,) bytes or None."""
    listed = blobs.tolist()
    sizes = np.fromiter(
        (len(blob) if type(blob) is bytes else 0 for blob in listed), np.int64, len(listed)
    )
    sizes[sizes % 2 == 1] = 0
    if not sizes.any():
        return np.zeros((len(listed), 0), np.float32), np.zeros(len(listed), np.bool_)
    counts = np.bincount(sizes[sizes > 0])
    size = int(np.flatnonzero(counts == counts.max())[-1])
    has = sizes == size
    found = np.zeros((len(listed), size // 2), np.float32)
    rows = np.flatnonzero(has)
    for start in range(0, len(rows), BLOCK_ROWS):
        some = rows[start : start + BLOCK_ROWS]
        raw = b"".join([listed[row] for row in some.tolist()])
        values = np.frombuffer(raw, "<f2").reshape(len(some), -1)
        wide = np.empty(values.shape, np.float32)
        good = _widened(values, wide)
        wide[~good] = 0.0
        found[some] = wide
        has[some] = good
    return found, has
