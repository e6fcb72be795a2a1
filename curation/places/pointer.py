"""Videos that stay where they are: a small file that names one, and its bytes by range.

    DATASTORE/remote/NAME.remote    {"remote": 1, "url", "size_bytes", "version", ...}

Only a file with this suffix is a pointer, whatever another holds, and nothing that is uploaded,
downloaded or found in a folder of videos is given that suffix: a stranger's file never makes this
machine ask for something. A pointer holds no key; who reads it has CURATION_GCS_KEY set, or the
settings that Amazon's own tools use.
"""

from __future__ import annotations

import io
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import IO, TypeVar

from curation.places import keys
from curation.places.place import Access, Changed, Place, PlaceError, RemoteFile, opened

SUFFIX = ".remote"
FOLDER = "remote"
KNOWN = "remote"
BLOCK, BLOCKS = 2 << 20, 12
TRIES, WAIT_S = 4, 0.5
LARGEST_BYTES = 1 << 16
T = TypeVar("T")


def is_pointer(path: Path) -> bool:
    """Return whether a file only names a video that lies elsewhere."""
    return path.suffix == SUFFIX


def write(path: Path, file: RemoteFile, endpoint: str = "", nobody: bool = False) -> None:
    """Write a pointer; `nobody` is as in Access."""
    told = {KNOWN: 1, **asdict(file), "endpoint": endpoint, **({"nobody": True} if nobody else {})}
    path.write_text(json.dumps(told, indent=1) + "\n")


def read(path: Path) -> tuple[RemoteFile, str, bool]:
    """Return the file that a pointer names, the endpoint, and whether it is asked without a key.

    Raises:
        PlaceError: it is no pointer.
    """
    try:
        with path.open("rb") as source:
            told = json.loads(source.read(LARGEST_BYTES))
        if told.pop(KNOWN) != 1:
            raise ValueError("of another version")
        endpoint, nobody = told.pop("endpoint", ""), told.pop("nobody", False)
        made = RemoteFile(**{field.name: told[field.name] for field in fields(RemoteFile)})
        sound = [type(getattr(made, f.name)).__name__ == f.type for f in fields(RemoteFile)]
        if not all(sound) or not isinstance(endpoint, str) or made.size_bytes < 0 or (
            not isinstance(nobody, bool)
        ):
            raise ValueError("a field is of another kind")
    except OSError as error:
        raise PlaceError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise PlaceError(f"{path}: does not name a video", "python -m curation add URL") from None
    return made, endpoint, nobody


def size_bytes(path: Path) -> int:
    """Return the size of a video, wherever it lies."""
    return read(path)[0].size_bytes if is_pointer(path) else path.stat().st_size


def stream(path: Path) -> IO[bytes]:
    """Open a video's bytes, wherever it lies.

    Raises:
        PlaceError: it lies elsewhere and cannot be asked for.
        OSError: it lies here and cannot be read.
    """
    if not is_pointer(path):
        return path.open("rb")
    file, endpoint, nobody = read(path)
    scheme = file.url.partition("://")[0]
    key = None if nobody else keys.found(None, path.absolute().parent.parent, scheme)
    place = opened(file.url, Access(key, endpoint, (), nobody))
    return io.BufferedReader(Ranged(place, file), 1 << 16)


def patiently(work: Callable[[], T]) -> T:
    """Do what asks a server, again after a while when it fails; a file that changed stays changed.

    Raises:
        PlaceError: of the last try.
    """
    for tries in range(1, TRIES + 1):
        try:
            return work()
        except Changed:
            raise
        except PlaceError:
            if tries == TRIES:
                raise
            time.sleep(WAIT_S * 2**tries)
    raise AssertionError("unreachable")


class Ranged(io.RawIOBase):
    """A file of a place that can be read and searched; the latest blocks are kept in memory.

    Attributes:
        asked_bytes: how much was asked for, for whoever pays for it.
    """

    def __init__(self, place: Place, file: RemoteFile) -> None:
        super().__init__()
        self.place, self.file = place, file
        self.asked_bytes = 0
        self._at = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that it can be searched."""
        return True

    def tell(self) -> int:
        """Return where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to another place."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.file.size_bytes}[whence]
        if start + offset < 0:
            raise ValueError("before the beginning of the file")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read up to the end of a block."""
        if self._at >= self.file.size_bytes:
            return 0
        number, offset = divmod(self._at, BLOCK)
        piece = self._block(number)[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _block(self, number: int) -> bytes:
        kept = self._blocks.get(number)
        if kept is not None:
            self._blocks.move_to_end(number)
            return kept
        start = number * BLOCK
        stop = min(start + BLOCK, self.file.size_bytes)
        data = patiently(lambda: self.place.read(self.file, start, stop))
        self.asked_bytes += len(data)
        self._blocks[number] = data
        while len(self._blocks) > BLOCKS:
            self._blocks.popitem(last=False)
        return data

    def close(self) -> None:
        """Let go of the place."""
        if not self.closed:
            self.place.close()
        super().close()
