"""The hidden log of an export's folder: a JSON line for each file that is ours, or is no longer.

A line is written after its file lies there whole, for some files at once. A file that a killed run
did not log is known by its bytes (`Place`), so a line may come late, but never early.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from curation.errors import InputError, NoSpace
from curation.export.copying import write_all

NAME = ".curation-export.jsonl"
AGAIN = "make room, then type the same command again: it goes on where it stopped"


@dataclass(slots=True)
class Put:
    """A file of ours.

    Attributes:
        file: path below the folder, with slashes.
        fp: what it was made from; the same fp makes the same file.
        is_new: written by this run.
    """

    file: str
    fp: str
    sha256: str
    n_bytes: int
    mtime_ns: int
    is_new: bool = False


class Log:
    """The log of a folder that is there, held by one process at a time.

    Raises:
        InputError: another export holds it.
        OSError: it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        # Never through a link: what it leads to is somebody's.
        how = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(self.path, how, 0o666)
        try:
            # Exports of two datastores to one place would take each other's files for stale.
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                os.close(self._file)
                raise InputError(
                    f"another export writes to {folder} now",
                    "wait for it to end, or name another --out",
                ) from error  # else: a file system without locks

    def close(self) -> None:
        """Let it go."""
        os.close(self._file)

    def add(self, files: Iterable[Put]) -> None:
        """Write down files that lie there whole, in one go."""
        self._write(b"".join(map(_told, files)))

    def gone(self, files: Iterable[str]) -> None:
        """Write down files that are not ours any more."""
        self._write(b"".join(_line({"file": file, "gone": True}) for file in files))

    def _write(self, data: bytes) -> None:
        try:
            write_all(self._file, memoryview(data))
        except OSError as error:
            raise NoSpace(f"{self.path}: {error.strerror or error}", AGAIN) from error

    def read(self) -> dict[str, Put]:
        """Return file -> what is known of it; a line that a killed run cut off counts as none."""
        known: dict[str, Put] = {}
        line = ""
        with self.path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    row = json.loads(line)
                    row["file"].encode()  # half a letter of UTF-16, as JSON may name, is no text
                    below = PurePosixPath(row["file"])
                    if below.is_absolute() or ".." in below.parts or "\0" in row["file"]:
                        continue  # no line of ours
                    if row.get("gone"):
                        known.pop(row["file"], None)
                    else:
                        put = Put(
                            str(row["file"]), str(row["fp"]), str(row["sha256"]),
                            int(row["n_bytes"]), int(row["mtime_ns"]),
                        )  # fmt: skip
                        _told(put)  # what could not be written again is no line of ours
                        known[put.file] = put
                except (ValueError, KeyError, TypeError, AttributeError, OverflowError,
                        RecursionError):
                    continue
        if line and not line.endswith("\n"):
            self._write(b"\n")  # or the next one would be lost with it
        return known


def _told(put: Put) -> bytes:
    return _line({
        "file": put.file, "fp": put.fp, "sha256": put.sha256, "n_bytes": put.n_bytes,
        "mtime_ns": put.mtime_ns,
    })  # fmt: skip


def _line(row: Mapping[str, Any]) -> bytes:
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
