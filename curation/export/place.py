"""The folder that an export goes to: what is ours there, what is a person's, and what is new.

A hidden log in it (log.py) knows each file that an export wrote. A file that is not in the log, or
was changed since, is a person's: it is never overwritten and never removed. A file takes its name
when it is whole, and is logged after that, with some others; one that a killed run did not log is
known by its bytes: it is read again, and ours if they are those that we would write.

No file is synced to the disk, as with `cp`: what a power cut leaves, SHA256SUMS tells.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from curation.engine.machine import cores
from curation.errors import CurationError, InputError, NoSpace, lacks_room
from curation.export import copying
from curation.export.log import AGAIN, Log, Put
from curation.records import FileSum

THREADS = max(2, min(4, cores()))
"""Files on their way at once: reading, hashing and writing wait for each other otherwise; more than
there are cores wait for the interpreter."""
COPIED, ENCODED = 64, 8
"""Files that a thread puts before they are logged, at most: fewer copies wake the others more often
than they work; more pictures that are encoded let a stop wait."""


def batch_of(tasks: Sequence[Task]) -> int:
    """Return how many files a thread puts at a time: there is work for every thread."""
    most = ENCODED if any(task.make for task in tasks) else COPIED
    return max(1, min(most, len(tasks) // (2 * THREADS)))


class NotOurs(CurationError):
    """A file stands where ours should go, and is a person's."""


@dataclass(slots=True)
class Task:
    """A file to be put: its bytes from `make`, or those of `source`.

    Attributes:
        known: what the source was when it was written.
    """

    file: str
    fp: str
    make: Callable[[], bytes] | None = None
    source: str = ""
    link: bool = False
    known: FileSum | None = None


class Place:
    """A folder that an export goes to; use it in `with`, by one process at a time.

    Raises:
        InputError: it is no folder, or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._log = Log(self.folder)
        except OSError as error:
            raise InputError(
                f"{folder} cannot be written: {error.strerror or error}", "name another --out"
            ) from error
        self.known = self._log.read()
        self._nameless = copying.can_be_nameless(self.folder)
        self._folders: dict[str, str] = {}
        self._left: set[str] = set()
        self.written: dict[str, Put] = {}
        self._fresh: list[Put] = []

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
        self._note([made])
        return made

    def _put(self, task: Task) -> Put:
        target, part = self._target(task.file)
        known = self.known.get(task.file)
        data = task.make() if task.make else None
        try:
            if part in self._left:  # of a run that was killed, or laid there by a stranger
                self._left.discard(part)
                _gone(part)
            made = None
            if known is None and self._nameless and not task.link:
                made = _named_last(task, data, target)
            if made is None and os.path.lexists(target) and (
                known is None or not self.is_untouched(known)
            ):
                digest, size = _sum(task, data)
                self._only_ours(target, known is not None, digest)
                made = digest, size, os.lstat(target).st_mtime_ns
            if made is None:
                made = _renamed(task, data, part, target)
        except OSError as error:
            _gone(part)
            raise unwritten(target, error) from error
        return Put(task.file, task.fp, *made, True)

    def stream(self, file: str, fp: str, write: Callable[[BinaryIO], None]) -> Put:
        """Put a large file that is written piece by piece; see `put`.

        Args:
            write: gets a file to write to, which it may also seek in.
        """
        target, part = self._target(file)
        known = self.known.get(file)
        ours = known is not None and self.is_untouched(known)
        try:
            _gone(part)
            with Path(part).open("x+b") as out:
                write(out)
            digest, size = copying.sum_of(part)
            if os.path.lexists(target) and not ours:
                self._only_ours(target, known is not None, digest)
                _gone(part)
            else:
                Path(part).replace(target)
            told = os.lstat(target)
        except BaseException as error:
            _gone(part)
            if isinstance(error, OSError):
                raise unwritten(target, error) from error
            raise
        put = Put(file, fp, digest, size, told.st_mtime_ns, True)
        self._note([put])
        return put

    @staticmethod
    def _only_ours(target: str, was_ours: bool, digest: str) -> None:
        """Raise NotOurs unless a file holds the very bytes that we would write: those of a run
        that was killed."""
        there = Path(target)
        if there.is_symlink() or not there.is_file() or copying.sum_of(target)[0] != digest:
            said = "was changed since it was exported" if was_ours else "is not ours"
            raise NotOurs(
                f"{target} {said}; it is left as it is", "move it away, or name another --out"
            )

    def _target(self, file: str) -> tuple[str, str]:
        """Return where a file goes, and where it is written until it is whole; its folder made;
        never outside of ours through a link."""
        parent, _, name = file.rpartition("/")
        folder = self._folders.get(parent)
        if folder is None:
            folder = self._folders[parent] = self._made(file, parent)
        if name in ("", ".", ".."):
            raise CurationError(f"{file} is no name of a file below {self.folder}")
        return f"{folder}/{name}", f"{folder}/.{name}.part"

    def _made(self, file: str, parent: str) -> str:
        """Return a folder of ours, made where it is not there."""
        if file.startswith("/") or ".." in parent.split("/"):
            raise CurationError(f"{file} would lie outside of {self.folder}")
        folder = self.folder / parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CurationError(f"{folder}: {error.strerror or error}") from error
        if not folder.resolve().is_relative_to(self.folder.resolve()):
            raise NotOurs(f"{folder} leads elsewhere by a link; nothing is put there")
        with os.scandir(folder) as there:
            self._left |= {f"{folder}/{one.name}" for one in there if one.name.endswith(".part")}
        return str(folder)

    def _is_below(self, file: str) -> bool:
        """Return whether a file of the log lies below our folder, wherever links lead."""
        return (self.folder / file).parent.resolve().is_relative_to(self.folder.resolve())

    def is_untouched(self, known: Put) -> bool:
        """Return whether a file of ours is as we wrote it, by size and time."""
        try:
            told = os.lstat(f"{self.folder}/{known.file}")
        except OSError:
            return False
        return told.st_size == known.n_bytes and told.st_mtime_ns == known.mtime_ns

    def forget_fp(self, file: str) -> None:
        """Have the next run make a file again: something that belongs into it was missing."""
        self._note([replace(self.known[file], fp="unfinished")])

    def follow(self, moved: Mapping[str, str]) -> None:
        """Have files of ours that a person changed go along where they are asked for elsewhere.

        Args:
            moved: file -> where it goes now. Those nobody changed, those in whose new place a
                person's file stands, and those that cannot be moved stay: `tidy` tells of them.
        """
        for old, new in moved.items():
            source, known, there = self.folder / old, self.known[old], self.known.get(new)
            if self.is_untouched(known) or not self._is_below(old):
                continue
            if not source.is_file() or source.is_symlink():
                continue
            target, _ = self._target(new)
            if os.path.lexists(target) and not (there and self.is_untouched(there)):
                continue
            try:
                if copying.sum_of(source) == (known.sha256, known.n_bytes):
                    continue  # copied without its time: nobody changed it
                source.replace(target)
            except OSError:
                continue
            # Known as it was before it was changed, so that it is left as it is there too.
            self._log.add([put := replace(self.known.pop(old), file=new)])
            self._log.gone([old])
            self.known[new] = put

    def _note(self, made: Sequence[Put]) -> None:
        """Write files that lie there whole into the log."""
        self._log.add(made)
        self.known |= {put.file: put for put in made}
        self.written |= {put.file: put for put in made}

    # -- many files -------------------------------------------------------------------------------

    def put_all(self, tasks: Sequence[Task]) -> Iterator[list[Put | CurationError]]:
        """Put files, several at once; yield what became of them, some at a time, in their order.

        Raises:
            NoSpace: the disk is full; what was put stays.
        """
        running: deque[Future[list[Put | CurationError]]] = deque()
        with ThreadPoolExecutor(THREADS) as pool:
            try:
                size = batch_of(tasks)
                for at in range(0, len(tasks), size):
                    running.append(pool.submit(self._some, tasks[at : at + size]))
                    if len(running) == 2 * THREADS:
                        yield self._ended(running.popleft())
                while running:
                    yield self._ended(running.popleft())
            finally:
                # What is on its way is put whole, and must be known as ours, whenever we are
                # stopped: also where no variable holds its future.
                pool.shutdown(cancel_futures=True)
                self._note_fresh()

    def _ended(self, future: Future[list[Put | CurationError]]) -> list[Put | CurationError]:
        """Return what became of some files, logged; a full disk ends it all."""
        answers = future.result()
        self._note_fresh()
        for made in answers:
            if isinstance(made, NoSpace):
                raise made
        return answers

    def _note_fresh(self) -> None:
        """Write into the log what threads have put since."""
        there = self._fresh[:]
        self._note([made for made in there if made.is_new])
        self.written |= {made.file: made for made in there}
        del self._fresh[: len(there)]

    def _some(self, tasks: Sequence[Task]) -> list[Put | CurationError]:
        """Put some files; an error is an answer, so that one bad item stops no other."""
        answers: list[Put | CurationError] = []
        for task in tasks:
            try:
                made = self.kept(task) or self._put(task)
                self._fresh.append(made)
                answers.append(made)
            except CurationError as error:
                answers.append(error)
        return answers

    def tidy(self, later: Collection[str] = ()) -> tuple[int, list[str]]:
        """Remove files of ours that this run did not ask for; those a person changed stay.

        Args:
            later: files that this run still writes.

        Returns:
            How many are gone, and those that stay.
        """
        stale = [file for file in self.known if file not in self.written and file not in later]
        gone, left = 0, []
        parents: set[Path] = set()
        for file in stale:
            if self.is_untouched(self.known[file]) and self._is_below(file):
                with suppress(OSError):
                    (self.folder / file).unlink()
                    gone += 1
                    parents |= set((self.folder / file).parents)
            elif os.path.lexists(self.folder / file):
                left.append(file)
            del self.known[file]
        self._log.gone(stale)
        for folder in sorted(parents, reverse=True):  # the deepest first
            if self.folder in folder.parents:
                with suppress(OSError):  # one that still holds something stays
                    folder.rmdir()
        return gone, sorted(left)


def _sum(task: Task, data: bytes | None) -> copying.Sum:
    """Return the sum of what a task would write."""
    if data is not None:
        return hashlib.sha256(data).hexdigest(), len(data)
    return copying.sum_of(task.source, task.known)


def _named_last(task: Task, data: bytes | None, target: str) -> tuple[str, int, int] | None:
    """Write what a task is about into a file that gets its name when it is whole; return its sum
    and its time, or None where something has that name."""
    try:
        with copying.nameless(target.rpartition("/")[0], target) as out:
            digest, size = _filled(task, data, out)
            return digest, size, os.fstat(out).st_mtime_ns
    except FileExistsError:
        return None


def _filled(task: Task, data: bytes | None, out: int) -> copying.Sum:
    """Write what a task is about into an open file, and return its sum."""
    if data is not None:
        return copying.write(data, out)
    return copying.copy(task.source, out, task.known)


def _renamed(task: Task, data: bytes | None, part: str, target: str) -> tuple[str, int, int]:
    """Write what a task is about under another name, or link it, and rename that in the place of
    what is there; return its sum and its time."""
    found: copying.Sum | None = None
    if task.link:
        _gone(part)
        with suppress(OSError):
            os.link(task.source, part)
            found = copying.sum_of(task.source, task.known)
    if found is None:
        with copying.named(part) as out:
            found = _filled(task, data, out)
    os.replace(part, target)  # noqa: PTH105 - see copying
    if task.link:  # of two links to one file, renaming keeps both
        _gone(part)
    return *found, os.lstat(target).st_mtime_ns


def _gone(part: str) -> None:
    """Remove what was not written to its end, if it is there."""
    with suppress(OSError):
        os.unlink(part)  # noqa: PTH108 - see copying


def unwritten(target: Path | str, error: OSError) -> CurationError:
    """Return what to say of a file that could not be written."""
    if lacks_room(error):
        return NoSpace(f"{target}: no space left on the disk", AGAIN)
    named = f"{error.filename}: " if error.filename and error.filename != str(target) else ""
    return CurationError(f"{target}: {named}{error.strerror or error}")
