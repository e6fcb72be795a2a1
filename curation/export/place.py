"""The folder that an export goes to: what is ours there, what is a person's, and what is new.

A hidden log in it knows each file that an export wrote. A file that is not in the log, or was
changed since, is a person's: it is never overwritten and never removed. A file takes its name
when it is whole, and is logged after that; one that a killed run did not log is known by its bytes.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from curation.errors import CurationError, InputError, NoSpace

LOG = ".curation-export.jsonl"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
THREADS = 4
"""Files on their way at once: reading, hashing and writing wait for each other otherwise."""


class NotOurs(CurationError):
    """A file stands where ours should go, and is a person's."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Task:
    """A file to be put: its bytes from `make`, or those of `source`."""

    file: str
    fp: str
    make: Callable[[], bytes] | None = None
    source: Path | None = None
    link: bool = False


class Place:
    """A folder that an export goes to; use it in `with`, by one process at a time.

    Raises:
        InputError: it is no folder, or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Never through a link: what it leads to is somebody's.
            how = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            self._log = os.fdopen(os.open(self.folder / LOG, how, 0o666), "a", encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"{folder} cannot be written: {error.strerror or error}", "name another --out"
            ) from error
        try:
            # Exports of two datastores to one place would take each other's files for stale.
            fcntl.flock(self._log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                self._log.close()
                raise InputError(
                    f"another export writes to {folder} now",
                    "wait for it to end, or name another --out",
                ) from error  # else: a file system without locks
        self.known = _read_log(self.folder / LOG)
        self._folders: dict[str, Path] = {}
        self.written: dict[str, Put] = {}

    def __enter__(self) -> Place:
        """Return the place."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the log."""
        self._log.close()

    # -- one file ---------------------------------------------------------------------------------

    def kept(self, task: Task) -> Put | None:
        """Return a file of ours that is there already, made from the same and untouched."""
        known = self.known.get(task.file)
        if known is None or known.fp != task.fp or not self.is_untouched(known):
            return None
        return known

    def put(self, task: Task) -> Put:
        """Put one file; it is there whole or not at all.

        Raises:
            NotOurs: a person's file stands there.
            NoSpace: the disk is full.
            CurationError: it could not be made or written.
        """
        made = self._put(task)
        self._note(made)
        return made

    def _put(self, task: Task) -> Put:
        target = self._target(task.file)
        known = self.known.get(task.file)
        is_there = os.path.lexists(target)
        ours = is_there and known is not None and self.is_untouched(known)
        data = task.make() if task.make else None
        part = target.with_name(f".{target.name}.part")
        try:
            linked = False
            # One that a killed run left may be a hard link to the datastore's picture, or a
            # stranger's link: it is never written into.
            part.unlink(missing_ok=True)
            if task.source is not None and task.link:
                with suppress(OSError):
                    os.link(task.source, part)
                    linked = True
            if data is None:
                assert task.source is not None
                data = task.source.read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            if is_there and not ours:
                part.unlink(missing_ok=True)
                self._only_ours(target, known is not None, digest)
            else:
                if not linked:
                    part.write_bytes(data)
                part.replace(target)
                # Of two links to one file, renaming keeps both.
                part.unlink(missing_ok=True)
            told = target.stat()
        except OSError as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise unwritten(target, error) from error
        return Put(task.file, task.fp, digest, len(data), told.st_mtime_ns, True)

    def stream(self, file: str, fp: str, write: Callable[[BinaryIO], None]) -> Put:
        """Put a large file that is written piece by piece; see `put`.

        Args:
            write: gets a file to write to, which it may also seek in.
        """
        target = self._target(file)
        part = target.with_name(f".{target.name}.part")
        known = self.known.get(file)
        ours = known is not None and self.is_untouched(known)
        try:
            part.unlink(missing_ok=True)
            with part.open("x+b") as out:
                write(out)
            with part.open("rb") as made:
                digest = hashlib.file_digest(made, "sha256").hexdigest()
            if os.path.lexists(target) and not ours:
                self._only_ours(target, known is not None, digest)
                part.unlink()
            else:
                part.replace(target)
            told = target.stat()
        except BaseException as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise unwritten(target, error) from error
            raise
        put = Put(file, fp, digest, told.st_size, told.st_mtime_ns, True)
        self._note(put)
        return put

    @staticmethod
    def _only_ours(target: Path, was_ours: bool, digest: str) -> None:
        """Raise NotOurs unless a file holds the very bytes that we would write: those of a run
        that was killed."""
        if target.is_symlink() or not target.is_file() or (
            hashlib.sha256(target.read_bytes()).hexdigest() != digest
        ):
            said = "was changed since it was exported" if was_ours else "is not ours"
            raise NotOurs(
                f"{target} {said}; it is left as it is", "move it away, or name another --out"
            )

    def _target(self, file: str) -> Path:
        """Return where a file goes, its folder made; never outside of ours through a link."""
        below = PurePosixPath(file)
        if below.is_absolute() or ".." in below.parts:
            raise CurationError(f"{file} would lie outside of {self.folder}")
        parent = below.parent.as_posix()
        folder = self._folders.get(parent)
        if folder is None:
            folder = self.folder / parent
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CurationError(f"{folder}: {error.strerror or error}") from error
            if not folder.resolve().is_relative_to(self.folder.resolve()):
                raise NotOurs(f"{folder} leads elsewhere by a link; nothing is put there")
            self._folders[parent] = folder
        return folder / below.name

    def is_untouched(self, known: Put) -> bool:
        """Return whether a file of ours is as we wrote it, by size and time."""
        try:
            told = os.lstat(self.folder / known.file)
        except OSError:
            return False
        return told.st_size == known.n_bytes and told.st_mtime_ns == known.mtime_ns

    def forget_fp(self, file: str) -> None:
        """Have the next run make a file again: something that belongs into it was missing."""
        self._note(replace(self.known[file], fp="unfinished"))

    def _note(self, made: Put) -> None:
        """Write a file into the log."""
        self._append({
            "file": made.file, "fp": made.fp, "sha256": made.sha256, "n_bytes": made.n_bytes,
            "mtime_ns": made.mtime_ns,
        })  # fmt: skip
        self.known[made.file] = made
        self.written[made.file] = made

    def _append(self, row: dict[str, object]) -> None:
        try:
            self._log.write(json.dumps(row) + "\n")
            self._log.flush()
        except OSError as error:
            raise NoSpace(
                f"{self.folder / LOG}: {error.strerror or error}",
                "make room, then type the same command again: it goes on where it stopped",
            ) from error

    # -- many files -------------------------------------------------------------------------------

    def put_all(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Put | CurationError]]:
        """Put files, several at once; yield (place in `tasks`, what became of it) as they end.

        Raises:
            NoSpace: the disk is full; what was put stays.
        """
        todo = iter(enumerate(tasks))
        with ThreadPoolExecutor(THREADS) as pool:
            running: dict[Future[list[Put | CurationError]], list[tuple[int, Task]]] = {}
            try:
                while True:
                    while len(running) < 2 * THREADS and (some := list(islice(todo, 16))):
                        running[pool.submit(self._some, [task for _, task in some])] = some
                    if not running:
                        return
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        some = running.pop(future)
                        answers = future.result()
                        for made in answers:
                            if isinstance(made, Put):
                                if made.is_new:
                                    self._note(made)
                                self.written[made.file] = made
                        for (at, _), made in zip(some, answers, strict=True):
                            if isinstance(made, NoSpace):
                                raise made
                            yield at, made
            finally:
                for future in running:
                    future.cancel()
                wait(running)  # what is on its way is put whole, and must be known as ours
                for future in running:
                    for made in () if future.cancelled() else future.result():
                        if isinstance(made, Put) and made.is_new:
                            self._note(made)

    def _some(self, tasks: Sequence[Task]) -> list[Put | CurationError]:
        """Put some files; an error is an answer, so that one bad item stops no other."""
        made: list[Put | CurationError] = []
        for task in tasks:
            try:
                made.append(self.kept(task) or self._put(task))
            except CurationError as error:
                made.append(error)
        return made

    def tidy(self, later: Collection[str] = ()) -> tuple[int, list[str]]:
        """Remove files of ours that this run did not ask for; those a person changed stay.

        Args:
            later: files that this run still writes.

        Returns:
            How many are gone, and those that stay.
        """
        gone, left = 0, []
        parents: set[Path] = set()
        for file, known in list(self.known.items()):
            if file in self.written or file in later:
                continue
            if self.is_untouched(known):
                with suppress(OSError):
                    (self.folder / file).unlink()
                    gone += 1
                    parents |= set((self.folder / file).parents)
            elif os.path.lexists(self.folder / file):
                left.append(file)
            self._append({"file": file, "gone": True})
            del self.known[file]
        for folder in sorted(parents, reverse=True):  # the deepest first
            if self.folder in folder.parents:
                with suppress(OSError):  # one that still holds something stays
                    folder.rmdir()
        return gone, sorted(left)


def unwritten(target: Path, error: OSError) -> CurationError:
    """Return what to say of a file that could not be written."""
    if error.errno in NO_ROOM:
        return NoSpace(
            f"{target}: no space left on the disk",
            "make room, then type the same command again: it goes on where it stopped",
        )
    named = f"{error.filename}: " if error.filename and error.filename != str(target) else ""
    return CurationError(f"{target}: {named}{error.strerror or error}")


def _read_log(path: Path) -> dict[str, Put]:
    """Return file -> what is known of it; a line that a killed run cut off counts as none."""
    known: dict[str, Put] = {}
    if not path.is_file():
        return known
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                row = json.loads(line)
                below = PurePosixPath(row["file"])
                if below.is_absolute() or ".." in below.parts:
                    continue  # no line of ours
                if row.get("gone"):
                    known.pop(row["file"], None)
                else:
                    known[str(row["file"])] = Put(
                        str(row["file"]), str(row["fp"]), str(row["sha256"]),
                        int(row["n_bytes"]), int(row["mtime_ns"]),
                    )  # fmt: skip
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
    return known
