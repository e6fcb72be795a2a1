"""The catalogue file of a datastore: opening it, locking it, paths and settings."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from curation.errors import CurationError, InUse, NoSpace, StoreError
from curation.store.schema import migrate

FILE_NAME = "catalog.sqlite"
OUR_FOLDER = ".curation"
"""Name of a datastore that lies in the folder of pictures it is about."""


def is_full(error: sqlite3.OperationalError) -> bool:
    """Return whether a disk without room, or one that fails, was the cause."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def _plain(path: Path) -> Path:
    """Return an absolute path without "..": as text, x/../y would not seem to lie where y lies."""
    path = path.absolute()
    if ".." not in path.parts:
        return path
    return path.resolve() if path.name == ".." else path.parent.resolve() / path.name


def _make_private(path: Path) -> None:
    """Make a new catalogue that only its user reads; SQLite gives -wal and -shm the same mode."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


class Catalogue:
    """One datastore folder and its SQLite file; safe to use from several threads.

    Args:
        root: the datastore; created when absent.
    """

    def __init__(self, root: Path) -> None:
        self.root = _plain(root)
        self._root_text = str(self.root)
        self._local = threading.local()
        if self.root.name == OUR_FOLDER and self.root.is_symlink():
            raise StoreError(
                f"{self.root} is a link: what is ours would be written and deleted elsewhere",
                "remove the link; a folder of its own is made instead",
            )
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            _make_private(self.root / FILE_NAME)
            migrate(self.db)
        except sqlite3.OperationalError as error:  # full, locked or shut off: it may well be whole
            raise self._unwritten(error) from error
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"{self.root / FILE_NAME} is not a usable catalogue: {error}",
                "move it away; extraction will make a new one from the videos",
            ) from error
        except OSError as error:
            raise StoreError(
                f"cannot use {self.root} as a datastore: {error.strerror or error}"
            ) from error

    @property
    def db(self) -> sqlite3.Connection:
        """Return this thread's connection."""
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = sqlite3.connect(self.root / FILE_NAME, timeout=30, isolation_level=None)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA foreign_keys = ON")
            db.row_factory = sqlite3.Row
            self._local.db = db
        return db

    def command(self, words: str) -> str:
        """Return a command over this datastore as one types it."""
        return f"{words} --datastore {shlex.quote(str(self.root))}"

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a block as one transaction: all of it or none."""
        db = self.db
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        except BaseException as error:
            # SQLite itself takes back what a full disk stopped; a second ROLLBACK would hide why.
            if db.in_transaction:
                db.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError) and is_full(error):
                raise self._unwritten(error) from error
            raise

    @contextmanager
    def lasting(self) -> Iterator[sqlite3.Connection]:
        """Run a transaction that a power cut does not take back: for what people said.

        With NORMAL a commit in WAL mode survives a killed process, but may wait in the system's
        memory. Measures can be made again, a person's words cannot: they are worth the fsync.
        """
        db = self.db
        db.execute("PRAGMA synchronous = FULL")
        try:
            with self.transaction():
                yield db
        finally:
            db.execute("PRAGMA synchronous = NORMAL")

    def _unwritten(self, error: sqlite3.OperationalError) -> CurationError:
        """Return what to say of a catalogue that could not be written now."""
        path = self.root / FILE_NAME
        if is_full(error):
            return NoSpace(f"{path}: {error}", "make room, then do it again; nothing is half done")
        return StoreError(f"{path} cannot be used now: {error}", "is it in use, or not yours?")

    @contextmanager
    def writing(self, verb: str) -> Iterator[None]:
        """Hold the datastore for one verb; the lock dies with the process.

        Raises:
            StoreError: when another verb holds it.
        """
        lock = (self.root / ".lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            holder = lock.read().strip() or "another command"
            lock.close()
            raise InUse(
                f"{self.root} is in use by {holder}", "wait for it to end, then type this again"
            ) from error
        try:
            lock.truncate(0)
            lock.write(f"{verb} (process {os.getpid()})")
            lock.flush()
            yield
        finally:
            lock.truncate(0)
            lock.close()

    def quick_check(self) -> list[str]:
        """Return what SQLite finds wrong with the file; nothing when it is whole.

        Raises:
            StoreError: it cannot even be read.
        """
        try:
            rows = [str(row[0]) for row in self.db.execute("PRAGMA quick_check(20)")]
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"{self.root / FILE_NAME} cannot be read: {error}",
                "move it away; extraction will make a new one from the videos",
            ) from error
        return [] if rows == ["ok"] else rows

    def close(self) -> None:
        """Close this thread's connection."""
        db = getattr(self._local, "db", None)
        if db is not None:
            db.close()
            self._local.db = None

    def relative(self, path: Path) -> str:
        """Return a path as it is stored: relative when inside the datastore.

        A datastore that lies in a folder of pictures (FOLDER/.curation) belongs to it: paths of
        that folder are stored relative too, so that both may be moved together.
        """
        path = _plain(path)
        if path.is_relative_to(self.root):
            return path.relative_to(self.root).as_posix()
        if self.root.name == OUR_FOLDER and path.is_relative_to(self.root.parent):
            return (Path("..") / path.relative_to(self.root.parent)).as_posix()
        return path.as_posix()

    def contains(self, path: Path) -> bool:
        """Return whether a path lies inside the datastore."""
        return _plain(path).is_relative_to(self.root)

    def holds(self, path: Path) -> bool:
        """Return whether a path's folder lies inside the datastore, wherever links lead."""
        return path.parent.resolve().is_relative_to(self.root.resolve())

    def absolute(self, stored: str) -> Path:
        """Return the absolute path of a stored one."""
        return Path(self.absolute_text(stored))

    def absolute_text(self, stored: str) -> str:
        """Return the absolute path of a stored one as text, for whoever has very many."""
        # normpath: a path with ".." would seem to lie inside the datastore.
        whole = stored if stored.startswith("/") else f"{self._root_text}/{stored}"
        return os.path.normpath(whole)

    def remember(self, key: str, value: Any) -> None:
        """Store a small JSON value under a name."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO setting VALUES (?, ?)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (key, json.dumps(value, sort_keys=True)),
            )

    def recall(self, key: str, default: Any = None) -> Any:
        """Return a remembered value."""
        row = self.db.execute("SELECT value FROM setting WHERE key = ?", (key,)).fetchone()
        return default if row is None else json.loads(row[0])
