"""Columns kept in files beside the catalogue, so that opening it does not read every row.

One file for the frames and one for each step, in cache/columns/. A file holds the clocks
(store/clock.py) of the tables that it was read from, and counts only while they still stand:
written in the same look at the catalogue that they were read in, it can be missing or old, but
never wrong. A damaged file costs one reading of its table.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[Any]
Packed = tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]

FORMAT = 1
MAGIC = b"FCSCOL\x00\x01"
LEAST_ROWS = 5_000
"""Rows from which files are written: fewer are read from the catalogue just as fast."""
FOLDER = Path("cache") / "columns"
STALE_S = 3600.0
_ALIGNED = 64


class Damaged(Exception):
    """A file does not hold what was written to it."""


class Stored(MutableMapping[str, Column]):
    """Columns by name; those in files are read when they are first asked for."""

    def __init__(self) -> None:
        """Hold no columns."""
        self._made: dict[str, Column] = {}
        self._files: dict[str, ColumnFile] = {}
        self._again: dict[str, Callable[[], Mapping[str, Column]]] = {}

    def add(self, file: ColumnFile, again: Callable[[], Mapping[str, Column]]) -> None:
        """Take in the columns of a file.

        Args:
            again: reads them from the catalogue, should a part of the file turn out damaged.
        """
        for name in file.names:
            self._made.pop(name, None)
            self._files[name], self._again[name] = file, again

    def packed(self, name: str) -> Packed | None:
        """Return a column of equally long bytes as (n, size) uint8 and (n,) where there are any.

        None where it is not kept so; ask for the column itself then.
        """
        file = self._files.get(name)
        try:
            return None if file is None else file.packed(name)
        except (Damaged, OSError):
            return None

    def kind(self, name: str) -> str | None:
        """Return how a column is kept in a file: plain, words, even or bytes; None if in none."""
        file = self._files.get(name)
        return None if file is None else file.kind(name)

    def __getitem__(self, name: str) -> Column:
        if name not in self._made:
            file = self._files[name]
            try:
                self._made[name] = file.column(name)
            except (Damaged, OSError):
                file.forget()
                for other, column in self._again[name]().items():
                    if self._files.get(other) is file:
                        self._made[other] = column
        return self._made[name]

    def __setitem__(self, name: str, column: Column) -> None:
        self._files.pop(name, None)
        self._made[name] = column

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self._files.pop(name, None)
        self._made.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._files or name in self._made

    def __iter__(self) -> Iterator[str]:
        yield from self._files
        yield from (name for name in self._made if name not in self._files)

    def __len__(self) -> int:
        return len(self._files.keys() | self._made.keys())


class ColumnFile:
    """One file of columns of one length.

    Attributes:
        names: of the columns, in the order they were given.
    """

    def __init__(self, path: Path, key: str) -> None:
        """Open a file.

        Raises:
            Damaged: it is not whole, or of another program.
            KeyError: it was read from another state of the catalogue.
            OSError: there is none, or it cannot be read.
        """
        self._path = path
        self._file: BinaryIO = path.open("rb")
        start = self._file.read(len(MAGIC) + 16)
        if len(start) < len(MAGIC) + 16 or not start.startswith(MAGIC):
            raise Damaged(str(path))
        size, said = struct.unpack("<QQ", start[len(MAGIC):])
        raw = self._file.read(min(size, 1 << 26))
        if len(raw) != size or zlib.crc32(raw) != said:
            raise Damaged(str(path))
        head = json.loads(raw)
        if head["key"] != key:
            raise KeyError(key)
        self._parts: dict[str, list[dict[str, Any]]] = head["columns"]
        self._begin = -(-(len(start) + size) // _ALIGNED) * _ALIGNED
        if os.fstat(self._file.fileno()).st_size != self._begin + head["bytes"]:
            raise Damaged(str(path))
        self.names = tuple(self._parts)

    def check(self, *names: str) -> None:
        """Read those of some columns that there are.

        Raises:
            Damaged: as `column`.
        """
        for name in names:
            if name in self._parts:
                self.column(name)

    def kind(self, name: str) -> str:
        """Return how a column is kept: plain, words, even or bytes."""
        return str(self._parts[name][0]["kind"])

    def column(self, name: str) -> Column:
        """Return a column as it was given.

        Raises:
            Damaged: the bytes are not those that were written.
        """
        parts = self._parts[name]
        kind = parts[0]["kind"]
        if kind == "plain":
            return self._array(parts[0])
        if kind == "words":
            words: Column = np.array([*parts[0]["words"], None], object)
            return np.asarray(words[self._array(parts[0])])
        size, there = parts[0]["size"], self._array(parts[1])
        found: Column = np.full(len(there), None, object)
        if kind == "even":
            rows = np.flatnonzero(there)
            raw = self._array(parts[0]).reshape(len(there), size)[rows].tobytes()
            found[rows] = [raw[at : at + size] for at in range(0, len(raw), size)]
            return found
        raw, at = self._array(parts[0]).tobytes(), 0
        for row, length in enumerate(there.tolist()):
            if length >= 0:
                found[row] = raw[at : at + length]
                at += length
        return found

    def packed(self, name: str) -> Packed | None:
        """Return bytes of one length as `Stored.packed` does."""
        parts = self._parts[name]
        if parts[0]["kind"] != "even":
            return None
        there = self._array(parts[1])
        return self._array(parts[0]).reshape(len(there), parts[0]["size"]), there

    def forget(self) -> None:
        """Remove the file: the next reader makes it anew."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _array(self, part: Mapping[str, Any]) -> Column:
        found: Column = np.empty(part["bytes"] // np.dtype(part["dtype"]).itemsize, part["dtype"])
        got = 0
        if found.nbytes:
            room = found.data.cast("B")
            while got < len(room):
                more = os.preadv(self._file.fileno(), [room[got:]], self._begin + part["at"] + got)
                if not more:
                    break
                got += more
        if got != part["bytes"] or _sums(found) != part["sums"]:
            raise Damaged(f"{self._path}: {part}")
        return found


def write(path: Path, key: str, columns: Mapping[str, Column]) -> None:
    """Write columns so that the file is there whole or not at all; a full disk leaves none."""
    head: dict[str, list[dict[str, Any]]] = {}
    arrays: list[Column] = []
    at = 0
    for name, column in columns.items():
        head[name] = []
        for kind, values in _parts(column):
            array = np.ascontiguousarray(values)
            head[name].append({
                **kind, "dtype": array.dtype.str, "at": at, "bytes": array.nbytes,
                "sums": _sums(array),
            })
            arrays.append(array)
            at += -(-array.nbytes // _ALIGNED) * _ALIGNED
    raw = json.dumps({"key": key, "bytes": at, "columns": head}).encode()
    start = MAGIC + struct.pack("<QQ", len(raw), zlib.crc32(raw)) + raw
    # Threads of one server write too: two with one name would write into each other's file.
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(_padded(start))
            for array in arrays:
                file.write(array.data.cast("B") if array.nbytes else b"")
                file.write(b"\0" * (-array.nbytes % _ALIGNED))
        part.replace(path)
        _sweep(path)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Remove what killed writers of a file left: nobody writes one for so long."""
    for left in path.parent.glob(f"{path.name}.*.part"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE_S:
                left.unlink()


def _parts(column: Column) -> Iterator[tuple[dict[str, Any], Column]]:
    """Yield how a column is kept, and the arrays that hold it."""
    if column.dtype != object:
        yield {"kind": "plain"}, column
        return
    listed = column.tolist()
    if any(isinstance(value, bytes) for value in listed):
        sizes = np.fromiter((-1 if v is None else len(v) for v in listed), np.int32, len(listed))
        known = sizes >= 0
        size = int(sizes.max(initial=0))
        raw = np.frombuffer(b"".join(v for v in listed if v is not None), np.uint8)
        if size and (sizes[known] == size).all():
            even = np.zeros((len(listed), size), np.uint8)
            even[known] = raw.reshape(-1, size)
            yield {"kind": "even", "size": size}, even.ravel()
            yield {}, known
        else:
            yield {"kind": "bytes", "size": 0}, raw
            yield {}, sizes
        return
    number: dict[Any, int] = {}
    for value in listed:
        if value is not None and value not in number:
            number[value] = len(number)
    words = list(number)
    number[None] = -1
    yield {"kind": "words", "words": words}, np.fromiter(
        (number[value] for value in listed), np.int32, len(listed)
    )


def _padded(raw: bytes) -> bytes:
    return raw + b"\0" * (-len(raw) % _ALIGNED)


def _sums(raw: bytes | Column) -> list[int]:
    """Return numbers that change when bytes are lost, zeroed, flipped or swapped.

    No signature: what is feared is a disk, and this reads ten times as fast as a checksum.
    """
    flat = np.frombuffer(raw, np.uint8) if isinstance(raw, bytes) else raw.view(np.uint8).ravel()
    whole = len(flat) // 8 * 8
    words = flat[:whole].view(np.uint64)
    rest = int.from_bytes(flat[whole:].tobytes(), "little")
    # Sums of each 4096 words, weighed by their place: a page in another's place counts too.
    blocks = np.add.reduceat(words, np.arange(0, len(words), 4096)) if len(words) else words
    weighed = blocks * (2 * np.arange(len(blocks), dtype=np.uint64) + np.uint64(1))
    return [int(weighed.sum(dtype=np.uint64)), int(np.bitwise_xor.reduce(words)), rest, len(flat)]
