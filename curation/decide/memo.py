"""Results that are kept together with the parameters they were made from, found by watching."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

Made = TypeVar("Made")
P = TypeVar("P")

KEPT = 2
"""Results of one name that are kept: a slider that goes back and forth finds both."""


class Watched:
    """Parameters that write down which of them were read, and what they said."""

    def __init__(self, params: Any, read: dict[str, Any]) -> None:
        self._params, self._read, self._closed = params, read, False

    def close(self) -> None:
        """Allow no more parameters: the result is made."""
        self._closed = True

    def __getattr__(self, name: str) -> Any:
        """Return a parameter.

        Raises:
            RuntimeError: it is read for the first time after the result was made.
        """
        if name not in self._read:
            if self._closed:
                raise RuntimeError(f"{name} was read too late for what depends on it to be kept")
            self._read[name] = getattr(self._params, name)
        return self._read[name]


@dataclass(frozen=True, slots=True)
class _Entry:
    read: dict[str, Any]
    value: Any


class Memo:
    """Keeps what functions of fixed columns and of parameters returned.

    Nobody declares which parameters a result depends on, so nobody can forget one: a result is
    good for all parameters that agree in those that were read while it was made. Functions must
    depend on nothing else; they may ask the memo for other results, and then depend on what
    those read as well.
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._entries: dict[str, list[_Entry]] = {}

    def get(self, name: str, params: P, make: Callable[[P], Made]) -> Made:
        """Return make(params), or what it returned before.

        Args:
            name: of the result.
            params: the parameters.
            make: is handed parameters that are watched.
        """
        entries = self._entries.setdefault(name, [])
        for at, entry in enumerate(entries):
            if all(getattr(params, key) == value for key, value in entry.read.items()):
                entries.insert(0, entries.pop(at))
                return cast(Made, entry.value)
        read: dict[str, Any] = {}
        watched = Watched(params, read)
        value = make(cast(P, watched))
        watched.close()
        entries.insert(0, _Entry(read, value))
        del entries[KEPT:]
        return value
