"""A read-only view of measured columns: one length, one type each, missing is NaN."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Objects = npt.NDArray[np.object_]
AnyArray = npt.NDArray[Any]


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
        self._data = {name: np.asarray(column) for name, column in data.items()}
        self.n = len(self._data["frame_id"])
        self._made: dict[str, Floats] = {}
        for name, column in self._data.items():
            if column.shape != (self.n,):
                raise ValueError(f"column {name} has shape {column.shape}, not ({self.n},)")

    @staticmethod
    def of(data: Mapping[str, AnyArray] | Columns) -> Columns:
        """Return the view itself, or make one."""
        return data if isinstance(data, Columns) else Columns(data)

    def once(self, name: str, make: Callable[[], Floats]) -> Floats:
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

    def having(self, **columns: AnyArray) -> Columns:
        """Return the view with these columns added or replaced."""
        return Columns({**self._data, **columns})

    def take(self, rows: Ints) -> Columns:
        """Return the view of the rows with these positions, in their order."""
        return Columns({name: column[rows] for name, column in self._data.items()})
