"""The hashes that earlier runs saw, in files that only grow: asked without looking at any folder.

Below .curation/index lies a file for each kind of hash, and one of the contents they are of, in the
same order. A photo that comes later is put at the end of all; nothing is sorted or written anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from curation.decide.near import HashIndex
from curation.photos.hashes import NAMES
from curation.photos.prints import FP

if TYPE_CHECKING:
    from curation.cull.library import Library

CONTENT = np.dtype("V16")
"""A content as toolkit.index names it, in bytes."""
FEW = 64


class HashShelf:
    """Hashes by content; what is lost here is found again by the next run over the folders.

    Args:
        folder: the catalogue's: .curation.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "index"
        self.contents = self.folder / f"{FP}.contents"

    def keep(self, library: Library) -> int:
        """Add the photos that are new, with all their hashes; return how many they are.

        Flat pictures have none: their bits are noise.

        Raises:
            OSError: when the files cannot be written; what they hold stays.
        """
        usable = np.flatnonzero(~library.prints.flat)
        if not len(usable):
            return 0
        digits = "".join(library.photos[at].content for at in usable.tolist())
        given = np.frombuffer(bytes.fromhex(digits), CONTENT)
        with self._alone():
            indexes, known = self._opened()
            fresh = _unknown(given, known)
            if not len(fresh):
                return 0
            for (name, bits), index in indexes.items():
                index.add(library.prints.bits(name, bits)[usable[fresh]])
            # Contents last: a run that was killed before has added nothing.
            with self.contents.open("ab") as file:
                file.write(given[fresh].tobytes())
                file.flush()
                os.fsync(file.fileno())
        return len(fresh)

    def query(
        self, name: str, bits: int, one: npt.NDArray[np.uint64], radius: int
    ) -> list[tuple[str, int]]:
        """Return (content, distance) within a radius of a hash, nearest first, then oldest.

        Args:
            one: (1,) or (4,) uint64.

        Raises:
            FileNotFoundError: when no run has been here.
        """
        index = HashIndex.open(self._hashes(name, bits))
        where, far = index.query(np.asarray(one, np.uint64).reshape(1, -1), radius)
        count = self.contents.stat().st_size // CONTENT.itemsize
        good = where < count
        if not good.any():
            return []
        known = np.memmap(self.contents, CONTENT, "r", shape=(count,))
        return [
            (known[at].tobytes().hex(), bit)
            for at, bit in zip(where[good].tolist(), far[good].tolist(), strict=True)
        ]

    def _opened(self) -> tuple[dict[tuple[str, int], HashIndex], npt.NDArray[np.void]]:
        """Return all indexes and their contents, of one length; all new where one is unreadable."""
        kinds = [(name, bits) for bits in (64, 256) for name in NAMES]
        try:
            indexes = {kind: HashIndex.open(self._hashes(*kind)) for kind in kinds}
            size = self.contents.stat().st_size // CONTENT.itemsize
            count = min(size, *(len(index) for index in indexes.values()))
            if all(index.words == bits // 64 for (_, bits), index in indexes.items()):
                for index in indexes.values():
                    index.cut(count)
                os.truncate(self.contents, CONTENT.itemsize * count)
                return indexes, np.fromfile(self.contents, CONTENT)
        except (OSError, ValueError):
            pass  # the first time, or somebody's broken file: both begin anew
        self.contents.write_bytes(b"")
        indexes = {(name, bits): HashIndex(bits // 64) for name, bits in kinds}
        for (name, bits), index in indexes.items():
            index.save(self._hashes(name, bits))
        return indexes, np.zeros(0, CONTENT)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one process write at a time, where the system can tell processes apart."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("ab") as file:
            try:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX)
            except (ImportError, OSError):
                pass  # not on Windows, nor on some network drives
            yield

    def _hashes(self, name: str, bits: int) -> Path:
        return self.folder / f"{FP}.{name}-{bits}.hashes"


def _unknown(given: npt.NDArray[np.void], known: npt.NDArray[np.void]) -> npt.NDArray[np.int64]:
    """Return the places of contents that are not known, of equal ones the first, rising."""
    _, first = np.unique(given, return_index=True)
    if len(first) > FEW:
        return np.sort(first[~np.isin(given[first], known)]).astype(np.int64)
    # For a few, looking through what is known is faster than sorting it.
    start = known.view("<u8").reshape(-1, 2)[:, 0]
    fresh = [
        at for at in sorted(first.tolist())
        if given[at] not in known[start == given[at : at + 1].view("<u8")[0]]
    ]  # fmt: skip
    return np.array(fresh, np.int64)
