"""Frames closed with a reason, each exactly once; the words are written when somebody reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation.decide.columns import AnyArray, Bools, Ints, Objects
from curation.decide.reasons import ORDER, REASONS

Texts = Callable[[Ints], Sequence[Any]]
"""Returns what a template wants to know of some rows; asked only when their words are."""

_NUMBER = {code: number for number, code in enumerate(ORDER)}
_OPEN = len(ORDER)
_CODES: Objects = np.array([*ORDER, ""], object)
_VERDICTS: Objects = np.array([*(REASONS[code].verdict for code in ORDER), None], object)


@dataclass(frozen=True, slots=True)
class Closing:
    """Rows that were closed together.

    Attributes:
        rows: (k,) positions, rising.
        code: their reason.
        fields: by name in the template, (k,) values, one value for all, or `Texts`.
    """

    rows: Ints
    code: str
    fields: dict[str, Any]

    def texts(self, at: Ints) -> list[str]:
        """Return the words of some of the rows, given by their places in `rows`."""
        template = REASONS[self.code].template
        if not self.fields:
            return [template] * len(at)
        values = [self._values(field, at) for field in self.fields.values()]
        return list(_filled(template, tuple(self.fields), values))

    def _values(self, field: Any, at: Ints) -> Sequence[Any]:
        if isinstance(field, np.ndarray):
            taken: list[Any] = field[at].tolist()
            return taken
        if callable(field):
            found: Sequence[Any] = field(self.rows[at])
            return found
        return [field] * len(at)


class Details:
    """(n,) texts that are written when they are asked for; reads like an array of them."""

    def __init__(self, closings: Sequence[Closing], of: Ints, order: Ints | None = None) -> None:
        """Keep what the texts are made of.

        Args:
            closings: what was closed together.
            of: (n,) which of them each row is in; -1 for none, which reads "".
            order: (n,) where in `of` each row of the texts is; its own place by default.
        """
        self._closings, self._of, self._order = closings, of, order

    def __len__(self) -> int:
        """Return n."""
        return len(self._of)

    @property
    def shape(self) -> tuple[int]:
        """Return (n,)."""
        return (len(self._of),)

    def __getitem__(self, key: Any) -> Any:
        """Return one text, or an array of those that a slice, a mask or positions mean."""
        order = np.arange(len(self)) if self._order is None else self._order
        rows = order[key]
        return self._written(np.array([rows]))[0] if np.ndim(rows) == 0 else self._written(rows)

    def __iter__(self) -> Iterator[str]:
        """Return every text in turn."""
        return iter(self.tolist())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> AnyArray:
        """Return all texts as an array of objects."""
        return np.asarray(self[:], dtype)

    def tolist(self) -> list[str]:
        """Return every text."""
        texts: list[str] = self[:].tolist()
        return texts

    def inner(self, rows: Ints) -> Details:
        """Return the texts in another order: row i of the answer is row rows[i] of this."""
        return Details(self._closings, self._of, rows)

    def _written(self, rows: Ints) -> Objects:
        texts: Objects = np.full(len(rows), "", object)
        of = self._of[rows]
        for number in np.unique(of[of >= 0]).tolist():
            mine, closing = np.flatnonzero(of == number), self._closings[number]
            texts[mine] = closing.texts(np.searchsorted(closing.rows, rows[mine]))
        return texts


class Ledger:
    """Close frames with a reason, each exactly once.

    Attributes:
        open: (n,) bool, frames without a reason.
        number: (n,) position of the reason in reasons.ORDER, their number while a frame is open.
    """

    def __init__(self, n: int) -> None:
        """Open n frames."""
        self.open: Bools = np.ones(n, np.bool_)
        self.number = np.full(n, _OPEN, np.int16)
        self._of = np.full(n, -1, np.int64)
        self._closings: list[Closing] = []

    @property
    def code(self) -> Objects:
        """(n,) object, "" while a frame is open."""
        return np.asarray(_CODES[self.number])

    @property
    def detail(self) -> Details:
        """(n,) texts, "" while a frame is open."""
        return Details(self._closings, self._of)

    def verdicts(self) -> Objects:
        """Return (n,) object verdicts of closed frames, None for open ones."""
        return np.asarray(_VERDICTS[self.number])

    def close(self, where: Bools, code: str, **fields: Any) -> None:
        """Give the open frames of a mask this reason.

        Args:
            where: (n,) bool.
            code: one of REASONS.
            fields: what the template names: arrays of length n, one value for all, or a function
                that returns the values of the rows it is given.

        Raises:
            KeyError: the code is not in the closed set.
        """
        number = _NUMBER[code]
        rows = np.flatnonzero(where & self.open)
        if len(rows):
            self._enter(rows, number, {
                name: field[rows] if isinstance(field, np.ndarray) else field
                for name, field in fields.items()
            })

    def close_rows(self, rows: Ints, code: str, **fields: Any) -> None:
        """Give some rows, all of them open, this reason; arrays are as long as `rows`.

        Raises:
            KeyError: the code is not in the closed set.
        """
        number = _NUMBER[code]
        order = np.argsort(rows)  # no row comes twice, so any way of sorting will do
        if len(rows):
            self._enter(rows[order], number, {
                name: field[order] if isinstance(field, np.ndarray) else field
                for name, field in fields.items()
            })

    def absorb(self, other: Ledger) -> None:
        """Take over reasons that were found elsewhere, for frames that are still open here."""
        rows = np.flatnonzero(~other.open & self.open)
        self._of[rows] = other._of[rows] + len(self._closings)
        self._closings += other._closings
        self.number[rows] = other.number[rows]
        self.open[rows] = False

    def _enter(self, rows: Ints, number: int, fields: dict[str, Any]) -> None:
        self._of[rows] = len(self._closings)
        self._closings.append(Closing(rows, ORDER[number], fields))
        self.number[rows] = number
        self.open[rows] = False


def _filled(
    template: str, names: tuple[str, ...], values: list[Sequence[Any]]
) -> Iterator[str]:
    """Yield the filled template per row; a number that reads like its limit gets more digits."""
    compares = "value" in names and "limit" in names and ".2f}" in template
    fine = template.replace("{value:.2f}", "{value:.6g}").replace("{limit:.2f}", "{limit:.6g}")
    for row in zip(*values, strict=True):
        fields = dict(zip(names, row, strict=True))
        if compares and abs(fields["value"] - fields["limit"]) < 0.0101:
            alike = f"{fields['value']:.2f}" == f"{fields['limit']:.2f}"
            yield (fine if alike else template).format(**fields)
        else:
            yield template.format(**fields)
