"""Conditions that people type: `focus > 0.8 and yaw between -20 and 20 and pool = 'face'`.

    condition  := all ("or" all)*
    all        := one ("and" one)*
    one        := "not" one | "(" condition ")" | NAME compared | NAME
    compared   := ("=" | "!=" | "<" | "<=" | ">" | ">=") VALUE
                | ["not"] "between" VALUE "and" VALUE
                | ["not"] "in" "(" VALUE ("," VALUE)* ")"
                | ["not"] "contains" VALUE
                | "is" ["not"] ("missing" | "known")
    VALUE      := -12.5 | 1:30.5 | 'text' | "text" | word

A name is a column, without its unit if that leaves no doubt (`yaw` is `yaw_deg`). A time may be
written 1:30, for seconds. Quotes may be left out of a text that is one word. A name alone holds
where the number is not 0, or where there is a text.

A number that is missing makes neither a comparison nor its opposite true, as in SQL: `not (yaw >
20)` finds no frame whose yaw is unknown. A missing text is an empty text: `person != 'Anna'` finds
frames of nobody. Texts are compared without regard to case. Nothing typed is ever run as a program.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation.decide.columns import AnyArray, Bools, Floats
from curation.decide.where_words import NoColumn, Tags, WhereError, Words, near, resolve, same

__all__ = ["NoColumn", "Tags", "Where", "WhereError", "Words", "parse", "resolve"]

Field = AnyArray | Words | Tags
Masks = tuple[Bools, Bools]
"""Rows for which it is true, rows for which it is false; the others are unknown."""
Check = Callable[["_Asked"], Masks]

MOST_LETTERS, MOST_DEEP, MOST_VALUES = 8_000, 40, 2_000
EXAMPLE = "focus > 0.8 and yaw between -20 and 20 and pool = 'face'"
KEYWORDS = frozenset({
    "and", "or", "not", "between", "in", "contains", "is", "missing", "known",
})
TOKEN = re.compile(
    r"""\s*(?:
    (?P<time>\d+:[0-5]?\d(?::[0-5]?\d)?(?:\.\d+)?)(?![\w.])
    | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.])
    | (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<sign><=|>=|!=|<>|==|[=<>(),])
    | (?P<word>[^\W\d][\w.-]*)
    )""",
    re.VERBOSE,
)
SIGNS = {"==": "=", "<>": "!="}
TESTS: dict[str, Callable[[Floats, float], Any]] = {
    "=": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater,
    ">=": np.greater_equal,
}


@dataclass(frozen=True, slots=True)
class _Value:
    """A number (with how it was typed) or a text."""

    typed: str
    number: float | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """The columns that a condition is held against, of n rows."""

    fields: Mapping[str, Field]
    n: int

    def field(self, name: str) -> tuple[str, Field]:
        found = resolve(name, self.fields)
        return found, self.fields[found]


@dataclass(frozen=True, slots=True)
class Where:
    """A condition that was understood.

    Attributes:
        text: as it was typed.
        names: the columns that it speaks of, as typed, each once.
    """

    text: str
    names: tuple[str, ...]
    _check: Check

    def mask(self, fields: Mapping[str, Field], n: int) -> Bools:
        """Return (n,) bool: the rows for which it is true.

        Args:
            fields: columns by name, taken only if named: (n,) numbers or bools with NaN where
                unknown, `Words`, or `Tags`.
            n: number of rows.

        Raises:
            WhereError: it names a column that there is not, or compares what cannot be compared.
        """
        return self._check(_Asked(fields, n))[0]

    def check(self, names: Iterable[str]) -> None:
        """Raise WhereError when a column is none of these names."""
        known = dict.fromkeys(names)
        for name in self.names:
            resolve(name, known)


def parse(text: str) -> Where:
    """Return a condition that can be held against columns.

    Raises:
        WhereError: it is none; says at which word.
    """
    if len(text) > MOST_LETTERS:
        raise WhereError(f"the condition has {len(text)} letters", f"use at most {MOST_LETTERS}")
    reader = _Reader(text)
    if reader.kind == "end":
        raise WhereError("the condition is empty", f"write for example: {EXAMPLE}")
    check = reader.any_of(0)
    if reader.kind != "end":
        raise reader.wrong("'and' or 'or'")
    return Where(text, tuple(dict.fromkeys(reader.names)), check)


class _Reader:
    """Reads one token after the other; each method returns a check for what it has read."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.kind, self.word = "", ""
        self.names: list[str] = []
        self.next()

    def next(self) -> str:
        """Go to the next token; return the one before it."""
        before = self.word
        rest = self.text[self.at:]
        if not rest.strip():
            self.kind, self.word = "end", ""
            return before
        found = TOKEN.match(self.text, self.at)
        if found is None:
            odd, letter = rest.strip()[:20], len(self.text) - len(rest.lstrip()) + 1
            hint = "close the quote" if odd[0] in "'\"" else f"write for example: {EXAMPLE}"
            raise WhereError(f"cannot read {odd!r} at letter {letter}", hint)
        self.kind = str(found.lastgroup)
        self.word = found[self.kind]
        self.start, self.at = found.start(self.kind), found.end()
        if self.kind == "word" and self.word.lower() in KEYWORDS:
            self.kind, self.word = "keyword", self.word.lower()
        return before

    def wrong(self, wanted: str) -> WhereError:
        """Return what to raise when another token was wanted."""
        if self.kind == "end":
            return WhereError("the condition ends too early", f"add {wanted}")
        return WhereError(
            f"{self.word!r} at letter {self.start + 1} is not understood", f"write {wanted} there"
        )

    def take(self, word: str, kind: str = "keyword") -> bool:
        """Go on if the token is this one, and tell whether it was."""
        if self.kind != kind or self.word != word:
            return False
        self.next()
        return True

    def need(self, word: str, kind: str = "keyword") -> None:
        if not self.take(word, kind):
            raise self.wrong(repr(word))

    def any_of(self, deep: int) -> Check:
        checks = [self.all_of(deep)]
        while self.take("or"):
            checks.append(self.all_of(deep))
        return checks[0] if len(checks) == 1 else lambda asked: _any(checks, asked)

    def all_of(self, deep: int) -> Check:
        checks = [self.one(deep)]
        while self.take("and"):
            checks.append(self.one(deep))
        return checks[0] if len(checks) == 1 else lambda asked: _all(checks, asked)

    def one(self, deep: int) -> Check:
        if deep > MOST_DEEP:
            raise WhereError("the condition is nested too deeply", "write it flatter")
        if self.take("not"):
            return _opposite(self.one(deep + 1))
        if self.take("(", "sign"):
            inner = self.any_of(deep + 1)
            self.need(")", "sign")
            return inner
        if self.kind != "word":
            raise self.wrong("the name of a column")
        name = self.next()
        self.names.append(name)
        return self.compared(name)

    def compared(self, name: str) -> Check:
        if self.kind == "sign" and self.word not in "(),":
            sign = self.next()
            sign, value = SIGNS.get(sign, sign), self.value()
            return lambda asked: _compare(asked, name, sign, value)
        if self.take("is"):
            wanted = not self.take("not")
            if self.take("missing"):
                wanted = not wanted
            else:
                self.need("known")
            return lambda asked: _known(asked, name, wanted)
        denied = self.take("not")
        if self.take("between"):
            low = self.value()
            self.need("and")
            high = self.value()
            found: Check = lambda asked: _both(  # noqa: E731
                _compare(asked, name, ">=", low), _compare(asked, name, "<=", high)
            )
        elif self.take("in"):
            values = self.values()
            found = lambda asked: _among(asked, name, values)  # noqa: E731
        elif self.take("contains"):
            part = self.value()
            found = lambda asked: _contains(asked, name, part)  # noqa: E731
        elif denied:
            raise self.wrong("between, in or contains")
        else:
            return lambda asked: _set(asked, name)
        return _opposite(found) if denied else found

    def value(self) -> _Value:
        kind, typed = self.kind, self.word
        if kind == "text":
            quote = typed[0]
            made = _Value(typed[1:-1].replace(quote * 2, quote), None)
        elif kind == "number":
            made = _Value(typed, float(typed))
        elif kind == "time":
            seconds = 0.0
            for part in typed.split(":"):
                seconds = seconds * 60 + float(part)
            made = _Value(typed, seconds)
        elif kind == "word":
            made = _Value(typed, {"true": 1.0, "false": 0.0}.get(typed.lower()))
        else:
            raise self.wrong("a number or a 'text'")
        self.next()
        return made

    def values(self) -> list[_Value]:
        self.need("(", "sign")
        found = [self.value()]
        while self.take(",", "sign"):
            found.append(self.value())
        self.need(")", "sign")
        if len(found) > MOST_VALUES:
            raise WhereError(f"{len(found)} values in one list", f"use at most {MOST_VALUES}")
        return found


def _opposite(check: Check) -> Check:
    return lambda asked: check(asked)[::-1]


def _both(a: Masks, b: Masks) -> Masks:
    return a[0] & b[0], a[1] | b[1]


def _all(checks: list[Check], asked: _Asked) -> Masks:
    found = checks[0](asked)
    for check in checks[1:]:
        found = _both(found, check(asked))
    return found


def _any(checks: list[Check], asked: _Asked) -> Masks:
    yes, no = checks[0](asked)
    for check in checks[1:]:
        more, less = check(asked)
        yes, no = yes | more, no & less
    return yes, no


def _compare(asked: _Asked, name: str, sign: str, value: _Value) -> Masks:
    found, field = asked.field(name)
    if isinstance(field, Words | Tags):
        if sign not in ("=", "!="):
            raise WhereError(
                f"{found} holds texts, which are not more or less than {value.typed!r}",
                f"write {found} = '{value.typed}', or {found} contains '{value.typed}'",
            )
        equal = _equal_text(found, field, value)
        return (equal, ~equal) if sign == "=" else (~equal, equal)
    if value.number is None:
        raise WhereError(f"{found} is a number, not {value.typed!r}", f"write {found} {sign} 0.5")
    numbers = field.astype(np.float64, copy=False)
    known = ~np.isnan(numbers)
    yes = np.asarray(TESTS[sign](numbers, value.number), np.bool_) & known
    return yes, known & ~yes


def _among(asked: _Asked, name: str, values: list[_Value]) -> Masks:
    yes, no = _compare(asked, name, "=", values[0])
    for value in values[1:]:
        more, less = _compare(asked, name, "=", value)
        yes, no = yes | more, no & less
    return yes, no


def _equal_text(name: str, field: Words | Tags, value: _Value) -> Bools:
    wanted = same(value.typed)
    if not wanted:
        return ~field.known()
    if field.closed and wanted not in {same(word) for word in field.words}:
        raise WhereError(f"{name} is never {value.typed!r}", near(value.typed, field.words))
    return field.where(lambda word: same(word) == wanted)


def _contains(asked: _Asked, name: str, part: _Value) -> Masks:
    found, field = asked.field(name)
    if not isinstance(field, Words | Tags):
        raise WhereError(f"{found} is a number and contains nothing", f"write {found} = 0.5")
    wanted = same(part.typed)
    yes = field.where(lambda word: wanted in same(word))
    return yes, ~yes


def _known(asked: _Asked, name: str, wanted: bool) -> Masks:
    _, field = asked.field(name)
    if isinstance(field, Words | Tags):
        known = field.known()
    else:
        known = np.asarray(~np.isnan(field.astype(np.float64, copy=False)), np.bool_)
    return (known, ~known) if wanted else (~known, known)


def _set(asked: _Asked, name: str) -> Masks:
    _, field = asked.field(name)
    if isinstance(field, Words | Tags):
        known = field.known()
        return known, ~known
    numbers = field.astype(np.float64, copy=False)
    return np.asarray(numbers != 0, np.bool_) & ~np.isnan(numbers), np.asarray(numbers == 0)
