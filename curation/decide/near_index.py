"""An index of hashes that grows: one more picture costs one look, not a new search."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]

MAGIC = b"FCSHASH1"
HEAD_BYTES = 16
"""The magic, and the words of a hash as a little-endian number; then the hashes, little-endian."""
_STEP = 1 << 18


class HashIndex:
    """Hashes by position, kept in memory or in a file that only ever grows.

    A query looks at every hash. A million are 8 MB, read in a few milliseconds; buckets would
    have to be kept right on disk with every picture that comes, for a query that is no shorter.

    In a file, a hash that was cut off while it was written (a killed run, a full disk) is not
    there, and the next one takes its place. One process may write at a time.

    Args:
        words: 64-bit words of a hash: 1, or 4 for 256 bits.
    """

    def __init__(self, words: int = 1) -> None:
        if words < 1:
            raise ValueError(f"a hash has a word and more, not {words}")
        self.words = words
        self.path: Path | None = None
        self._stored: Hashes = np.zeros((0, words), np.uint64)
        self._held = np.zeros((0, words), np.uint64)
        self._count = 0

    def __len__(self) -> int:
        """Return the number of hashes."""
        return len(self._stored) + self._count

    @property
    def hashes(self) -> Hashes:
        """Return a copy of all: (n,), or (n, words)."""
        every = np.concatenate([self._stored, self._held[: self._count]])
        return every[:, 0] if self.words == 1 else every

    def add(self, hashes: Any) -> int:
        """Add one hash or (k,) or (k, words) of them at the end; return the first one's position.

        An index that lies in a file is longer on disk before this returns.

        Raises:
            ValueError: when they do not have as many words.
            OSError: when the file cannot be written; nothing is added then.
        """
        fresh = self._shaped(hashes)
        first = len(self)
        if self.path is not None and len(fresh):
            self._append(fresh)
        if self._count + len(fresh) > len(self._held):
            grown = np.zeros((max(1024, 2 * (self._count + len(fresh))), self.words), np.uint64)
            grown[: self._count] = self._held[: self._count]
            self._held = grown
        self._held[self._count : self._count + len(fresh)] = fresh
        self._count += len(fresh)
        return first

    def cut(self, count: int) -> None:
        """Forget all but the first `count` hashes, in the file too.

        Raises:
            OSError: when the file cannot be written.
        """
        if count >= len(self):
            return
        self._held = self.hashes.reshape(-1, self.words)[:count].copy()
        self._stored = self._held[:0]
        self._count = count
        if self.path is not None:
            os.truncate(self.path, HEAD_BYTES + 8 * self.words * count)

    def query(self, one: Any, radius: int) -> tuple[Ints, npt.NDArray[np.uint16]]:
        """Return (positions, distances) within the radius of a hash, nearest first, then oldest.

        Args:
            one: a hash: a number, or as many as it has words.
            radius: bits.
        """
        wanted = self._shaped(one)
        if len(wanted) != 1:
            raise ValueError(f"a query is one hash, not {len(wanted)}")
        positions, distances = [np.zeros(0, np.int64)], [np.zeros(0, np.uint16)]
        begin = 0
        for held in (self._stored, self._held[: self._count]):
            for at in range(0, len(held), _STEP):
                some = held[at : at + _STEP]
                apart = np.bitwise_count(some ^ wanted)
                bits = apart[:, 0] if self.words == 1 else apart.sum(axis=1, dtype=np.uint16)
                near = np.flatnonzero(bits <= radius)
                positions.append(near + (begin + at))
                distances.append(bits[near].astype(np.uint16))
            begin += len(held)
        where, far = np.concatenate(positions), np.concatenate(distances)
        order = np.argsort(far, kind="stable")
        return where[order], far[order]

    def save(self, path: Path) -> None:
        """Write all hashes to a file, whole or not at all, and go on in it.

        Raises:
            OSError: when it cannot be written.
        """
        head = MAGIC + self.words.to_bytes(HEAD_BYTES - len(MAGIC), "little")
        handle, name = tempfile.mkstemp(prefix=path.name, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(head)
                for held in (self._stored, self._held[: self._count]):
                    file.write(np.ascontiguousarray(held, "<u8").tobytes())
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        self.path = path

    @classmethod
    def open(cls, path: Path) -> HashIndex:
        """Read an index from a file, which is mapped, not copied; additions go to the file.

        Raises:
            OSError: when it cannot be read.
            ValueError: when it is something else.
        """
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            size = os.fstat(file.fileno()).st_size
        words = int.from_bytes(head[len(MAGIC) :], "little")
        if len(head) < HEAD_BYTES or head[: len(MAGIC)] != MAGIC or not 1 <= words <= 1 << 16:
            raise ValueError(f"{path} is no index of hashes; delete it, and it is made again")
        index = cls(words)
        index.path = path
        whole = (size - HEAD_BYTES) // (8 * words)
        if whole:
            index._stored = np.memmap(path, "<u8", "r", HEAD_BYTES, (whole, words))
        return index

    def _append(self, fresh: Hashes) -> None:
        assert self.path is not None
        at = HEAD_BYTES + 8 * self.words * len(self)
        with self.path.open("r+b") as file:
            file.seek(at)
            try:
                file.write(np.ascontiguousarray(fresh, "<u8").tobytes())
                file.flush()
                # What a killed run left behind the last whole hash goes.
                file.truncate()
                os.fsync(file.fileno())
            except OSError:
                file.truncate(at)
                raise

    def _shaped(self, hashes: Any) -> Hashes:
        found = np.asarray(hashes)
        if found.dtype != np.uint64:
            found = found.astype(np.uint64)
        if found.ndim == 0 or (found.ndim == 1 and self.words > 1):
            found = found[None]
        if found.ndim == 1:
            found = found[:, None]
        if found.ndim != 2 or found.shape[1] != self.words:
            raise ValueError(f"hashes of {self.words} words were expected, not {found.shape}")
        return found
