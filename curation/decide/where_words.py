"""Columns of text and tags, as conditions compare them, and how columns and words are called."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from curation.decide.columns import AnyArray, Bools, Ints

UNITS = ("_deg", "_px", "_frac", "_s", "_luma", "_p")


class WhereError(ValueError):
    """A condition that cannot be understood.

    Attributes:
        message: what is wrong with which part of it.
        hint: what to type instead.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message}; {hint}")
        self.message, self.hint = message, hint


class NoColumn(WhereError):
    """A condition that names a column that there is not."""


def same(text: str) -> str:
    """Return what two texts share that people would call the same word."""
    return unicodedata.normalize("NFC", text).casefold()


@dataclass(frozen=True, slots=True)
class Words:
    """A column of text.

    Attributes:
        codes: (n,) integers, positions in `words`; below 0 where there is no text.
        words: the texts.
        closed: no other text can ever stand here, so that another one in a condition is a slip.
    """

    codes: AnyArray
    words: Sequence[str]
    closed: bool = False

    @staticmethod
    def of(texts: AnyArray, closed: bool = False) -> Words:
        """Return a column of (n,) objects; None, NaN and "" are missing."""
        number: dict[str, int] = {}
        codes = np.fromiter(
            (
                number.setdefault(text, len(number)) if isinstance(text, str) and text else -1
                for text in texts.tolist()
            ),
            np.int64, len(texts),
        )
        return Words(codes, tuple(number), closed)

    def known(self) -> Bools:
        """Return (n,) bool: where there is a text."""
        return np.asarray(self.codes >= 0, np.bool_)

    def where(self, holds: Callable[[str], bool]) -> Bools:
        """Return (n,) bool: rows whose text passes; none does without a text."""
        passed = np.array([*(holds(word) for word in self.words), False], np.bool_)
        codes = np.where(self.codes >= 0, self.codes, len(self.words))
        return np.asarray(passed[codes], np.bool_)


@dataclass(frozen=True, slots=True)
class Tags:
    """A column in which a row may hold several texts.

    Attributes:
        n: number of rows.
        rows: by text, the positions of the rows that hold it.
    """

    n: int
    rows: Mapping[str, Ints]

    @property
    def words(self) -> tuple[str, ...]:
        """Return the texts."""
        return tuple(self.rows)

    @property
    def closed(self) -> bool:
        """Tell whether another text is a slip: never, people make up tags."""
        return False

    def known(self) -> Bools:
        """Return (n,) bool: where there is any text."""
        return self.where(lambda _: True)

    def where(self, holds: Callable[[str], bool]) -> Bools:
        """Return (n,) bool: rows with a text that passes."""
        found = np.zeros(self.n, np.bool_)
        for word, rows in self.rows.items():
            if holds(word):
                found[rows] = True
        return found


def resolve(name: str, names: Iterable[str]) -> str:
    """Return the column that a typed name means: itself, or with the unit that was left out.

    Raises:
        NoColumn: there is none; names those that are near.
        WhereError: several are meant.
    """
    known = list(names)
    if name in known:
        return name
    folded = same(name)
    by_case = [one for one in known if same(one) == folded]
    if len(by_case) == 1:
        return by_case[0]
    with_unit = [one for one in known if same(one) in {folded + unit for unit in UNITS}]
    if len(with_unit) == 1:
        return with_unit[0]
    if with_unit:
        raise WhereError(f"{name!r} may mean {' or '.join(sorted(with_unit))}", "write one of them")
    raise NoColumn(f"there is no column {name!r}", near(name, known))


def near(word: str, known: Iterable[str]) -> str:
    """Return a hint with the known words that are most like one."""
    some = sorted(set(known))
    asked = same(word)
    forms = {_bare(same(one)): one for one in some} | {same(one): one for one in some}
    close = difflib.get_close_matches(asked, list(forms), 6, 0.6)
    close += [one for one in forms if asked in one]
    if close:
        best = list(dict.fromkeys(forms[one] for one in close))[:4]
        return f"did you mean {' or '.join(best)}?"
    more = f" and {len(some) - 12} more" if len(some) > 12 else ""
    return f"there is {', '.join(some[:12])}{more}" if some else "nothing is measured yet"


def _bare(name: str) -> str:
    """Return a name without its unit."""
    return next((name[: -len(unit)] for unit in UNITS if name.endswith(unit)), name)
