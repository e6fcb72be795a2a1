"""Where parts lie: a folder that several machines see, or a bucket; written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from curation.errors import CurationError, NoSpace, StoreError, lacks_room

TEMPORARY = ".tmp-"
OBJECTS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "r2"})
"""Kinds of place where what is put is there whole or not at all, and nothing can be renamed."""
INSTALL = 'pip install ".[buckets]" in the clone, or the fsspec package of that place'
TRIES, WAIT_S = 4, 0.5
T = TypeVar("T")


class PlaceTrouble(StoreError):
    """A place, or this machine, cannot give or take a part now; nothing is wrong with the part."""


class PartStore(ABC):
    """A place for files with names like "a/b.zip".

    Attributes:
        place: as the user typed it; what another machine opens the same place with.
    """

    place: str

    @abstractmethod
    def names(self) -> set[str]:
        """Return the names of all files, without those that are still being written."""

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Return whether there is a file of that name."""

    @abstractmethod
    def put(self, file: Path, name: str) -> None:
        """Store a file under a name, in place of what had it: all of it, or nothing."""

    @abstractmethod
    @contextmanager
    def local(self, name: str, scratch: Path) -> Iterator[Path]:
        """Yield a file of this machine with the bytes of a name; `scratch` takes a copy if need be.

        Raises:
            StoreError: there is none of that name.
        """

    @abstractmethod
    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading some of it."""

    @abstractmethod
    def rename(self, name: str, other: str) -> None:
        """Give a file another name."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Take a file away; one that is not there is away already."""

    def put_bytes(self, data: bytes, name: str, scratch: Path) -> None:
        """Store some bytes under a name."""
        file = scratch / f"{TEMPORARY}{uuid.uuid4().hex}"
        try:
            file.write_bytes(data)
            self.put(file, name)
        finally:
            file.unlink(missing_ok=True)

    def json(self, name: str, scratch: Path) -> Any:
        """Return the value of a JSON file.

        Raises:
            StoreError: there is none, or it is none.
        """
        with self.local(name, scratch) as file:
            try:
                return json.loads(file.read_bytes())
            except ValueError as error:
                raise StoreError(f"{self.place}/{name} is damaged: {error}") from error


def open_store(place: str) -> PartStore:
    """Return the store of a folder or of an address with "://".

    Raises:
        CurationError: the address is of a kind that cannot be opened here.
    """
    if "://" in place and not place.startswith("file://"):
        return RemoteStore(place)
    return FolderStore(Path(place.removeprefix("file://")))


class FolderStore(PartStore):
    """A folder, on this machine's disk or on one that all machines share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.place = str(self.folder)

    def names(self) -> set[str]:
        """Return the names of all files."""
        found = set()
        for folder, _, files in os.walk(self.folder):
            inside = Path(folder).relative_to(self.folder)
            found |= {(inside / f).as_posix() for f in files if not f.startswith(TEMPORARY)}
        return found

    def exists(self, name: str) -> bool:
        """Return whether there is a file of that name."""
        return (self.folder / name).is_file()

    def put(self, file: Path, name: str) -> None:
        """Copy a file beside its name, make it durable, then give it the name."""
        target = self.folder / name
        half = target.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with file.open("rb") as source, half.open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
                copy.flush()
                os.fsync(copy.fileno())
            half.replace(target)
        except OSError as error:
            with contextlib.suppress(OSError):
                half.unlink()
            said = f"{target} cannot be written: {error.strerror or error}"
            if lacks_room(error):
                raise NoSpace(said, "make room, then type the same command again") from error
            raise StoreError(said, "may this user write there?") from error

    @contextmanager
    def local(self, name: str, scratch: Path) -> Iterator[Path]:
        """Yield the file itself."""
        path = self.folder / name
        if not path.is_file():
            raise StoreError(f"{path}: there is no such file")
        yield path

    def open(self, name: str) -> IO[bytes]:
        """Open the file itself."""
        try:
            return (self.folder / name).open("rb")
        except OSError as error:
            raise PlaceTrouble(f"{self.folder / name}: {error.strerror or error}") from error

    def remove(self, name: str) -> None:
        """Take a file away."""
        with contextlib.suppress(OSError):
            (self.folder / name).unlink()

    def rename(self, name: str, other: str) -> None:
        """Give a file another name."""
        try:
            (self.folder / name).replace(self.folder / other)
        except OSError as error:
            raise StoreError(f"{self.folder / name}: {error.strerror or error}") from error


class RemoteStore(PartStore):
    """A bucket or another place that fsspec opens (s3://, gs://, hdfs://, sftp://, memory://).

    It asks with what the place's own tools use: AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL,
    GOOGLE_APPLICATION_CREDENTIALS, ...; for gs:// with CURATION_GCS_KEY where that is set.
    """

    def __init__(self, place: str) -> None:
        self.place = place.rstrip("/")
        self.kind = place.partition("://")[0].lower()
        options: dict[str, Any] = {"use_listings_cache": False} if self.kind in OBJECTS else {}
        try:
            if self.kind in ("gs", "gcs"):
                from curation.places.buckets import _import_gcsfs

                _import_gcsfs()  # it reads a pickle of the user's home otherwise
                if os.environ.get("CURATION_GCS_KEY"):
                    options["token"] = os.environ["CURATION_GCS_KEY"]
            from fsspec.core import url_to_fs

            self.fs, self.root = url_to_fs(self.place, **options)
        except ImportError as error:
            raise CurationError(f"{place}: {error.name} is not installed", INSTALL) from None
        except ValueError as error:
            hint = "type a folder, s3://... or gs://..."
            raise CurationError(f"{place}: {error}", hint) from None
        self.root = self.root.rstrip("/")

    def names(self) -> set[str]:
        """Return the names of all files."""
        self.fs.invalidate_cache()
        found = self._patiently("", lambda: list(self.fs.find(self.root)))
        inside = [str(path)[len(self.root) :].lstrip("/") for path in found or ()]
        return {name for name in inside if not Path(name).name.startswith(TEMPORARY)}

    def exists(self, name: str) -> bool:
        """Return whether there is a file of that name."""
        return bool(self._patiently("", lambda: self.fs.exists(f"{self.root}/{name}")))

    def put(self, file: Path, name: str) -> None:
        """Upload a file."""
        target = f"{self.root}/{name}"
        if self.kind in OBJECTS:
            self._patiently(name, lambda: self.fs.put_file(str(file), target))
            return
        folder = target.rpartition("/")[0]
        half = f"{folder}/{TEMPORARY}{uuid.uuid4().hex}"

        def move() -> None:
            self.fs.makedirs(folder, exist_ok=True)
            self.fs.put_file(str(file), half)
            self.fs.mv(half, target)

        self._patiently(name, move)

    @contextmanager
    def local(self, name: str, scratch: Path) -> Iterator[Path]:
        """Yield a copy."""
        copy = scratch / f"{TEMPORARY}{uuid.uuid4().hex}"
        try:
            self._patiently(name, lambda: self.fs.get_file(f"{self.root}/{name}", str(copy)))
            yield copy
        finally:
            copy.unlink(missing_ok=True)

    def open(self, name: str) -> IO[bytes]:
        """Open a file that is read by range."""
        made = self._patiently(
            name, partial(self.fs.open, f"{self.root}/{name}", "rb", block_size=1 << 16)
        )
        return cast("IO[bytes]", made)

    def remove(self, name: str) -> None:
        """Take a file away."""
        with contextlib.suppress(Exception):
            self.fs.rm_file(f"{self.root}/{name}")

    def rename(self, name: str, other: str) -> None:
        """Give a file another name."""
        one, two = f"{self.root}/{name}", f"{self.root}/{other}"
        self._patiently(name, lambda: self.fs.mv(one, two))

    def _patiently(self, name: str, work: Callable[[], T]) -> T | None:
        """Do what asks a server, again after a while when it fails; None for a place not there.

        Errors are told by their kind: those of libraries quote requests and tokens.
        """
        for tries in range(1, TRIES + 1):
            try:
                return work()
            except FileNotFoundError:
                if not name:
                    return None
                raise StoreError(f"{self.place}/{name}: there is no such file") from None
            except PermissionError:
                raise PlaceTrouble(
                    f"{self.place}: may not be used", "are the place's keys set on this machine?"
                ) from None
            except Exception as error:
                if isinstance(error, OSError) and error.errno == 28:
                    raise NoSpace(f"{self.place}: no room", "make room, then again") from None
                if tries == TRIES:
                    kind = type(error).__name__
                    raise PlaceTrouble(
                        f"{self.place}/{name}: {kind}", "try again later"
                    ) from None
                with contextlib.suppress(Exception):
                    self.fs.invalidate_cache()
                time.sleep(WAIT_S * 2**tries)
        raise AssertionError("unreachable")
