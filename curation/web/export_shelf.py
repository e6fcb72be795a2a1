"""What was exported, by ids: the browser names an id of this list, never a path.

An export lies below the datastore's exports/ or below an input folder of the server. What is
handed out of it are the files that its SHA256SUMS names, and none that a link leads to.
"""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from curation.errors import CurationError, InputError
from curation.export.formats.zipped import EPOCH, MARK
from curation.export.lock import FILE as LOCK
from curation.export.run import SUMS
from curation.store.catalogue import FILE_NAME
from curation.store.jobs import DONE, JobTable
from curation.web.cull_desks import id_of
from curation.web.toolkit_places import Places

FOLDER = "exports"
OWN = "This datastore"
RECENT = 200
MOST_SHOWN = 100
PIECE_BYTES = 1 << 20
MOST_SUMS_BYTES = 256 << 20
LARGE_BYTES = 1 << 30
TAIL_BYTES = 512
NOT_HERE = "NOT-IN-THIS-ZIP.txt"


@dataclass(frozen=True, slots=True)
class Shelved:
    """An export that is there.

    Attributes:
        name: what people know it by: a place and a folder in it.
        format, pictures, ended_s: None where a command made it and no job tells.
    """

    id: str
    name: str
    path: Path
    format: str | None = None
    pictures: int | None = None
    ended_s: float | None = None

    @property
    def is_zip(self) -> bool:
        """Return whether it is one file."""
        return self.path.suffix.lower() == ".zip"


class Shelf:
    """The exports of one server.

    Args:
        root: the datastore.
        places: the folders that the server offers.
    """

    def __init__(self, root: Path, table: JobTable, places: Places) -> None:
        self.root, self._table, self._places = root, table, places

    def places(self) -> list[str]:
        """Return the names of the places where exports may go."""
        return [OWN, *self._places.offered()]

    def out(self, place: str | None, name: str | None, kind: str) -> Path:
        """Return where an export goes.

        Args:
            place: a name of `places`.
            name: of a folder in it; "" for the format's own name.

        Raises:
            InputError: no such place, or a name that is none or leads elsewhere.
        """
        word = (name or "").strip() or kind
        if kind == "zip" and not word.lower().endswith(".zip"):
            word += ".zip"
        is_own = place in (None, "", OWN)
        base = self.root / FOLDER if is_own else self._places.find(place)
        out = base / self._places.target(base, word)
        if not self._is_allowed(out):
            raise InputError(f"{word!r} lies in another datastore.", "Choose another folder.")
        return out

    def all(self) -> list[Shelved]:
        """Return the exports, newest first; those that a command made come last."""
        found: dict[Path, Shelved] = {}
        for job in self._table.recent(RECENT):
            told = job.summary or {}
            out = told.get("out")
            if job.verb != "export" or job.state != DONE or not isinstance(out, str):
                continue
            path = Path(out)
            if path not in found and self._is_allowed(path) and _is_export(path):
                found[path] = Shelved(
                    id_of(path), self._name(path), path, str(told.get("format") or ""),
                    int(told.get("pictures") or 0), job.ended_s,
                )  # fmt: skip
        for path in self._lying():
            if path not in found:
                found[path] = Shelved(id_of(path), self._name(path), path)
        return list(found.values())[:MOST_SHOWN]

    def find(self, export_id: str) -> Shelved | None:
        """Return the export of an id."""
        return next((one for one in self.all() if one.id == export_id), None)

    def _lying(self) -> list[Path]:
        try:
            with os.scandir(self.root / FOLDER) as entries:
                paths = sorted(Path(entry.path) for entry in entries)
        except OSError:
            return []
        return [path for path in paths if self._is_allowed(path) and _is_export(path)]

    def _name(self, path: Path) -> str:
        own = self.root / FOLDER
        if path.is_relative_to(own):
            return path.relative_to(own).as_posix()
        for name, place in self._places.offered().items():
            if path.is_relative_to(place):
                return f"{name}/{path.relative_to(place).as_posix()}"
        return path.name

    def _is_allowed(self, path: Path) -> bool:
        """Return whether a path lies where exports may go, and leads nowhere else."""
        real, own = path.resolve(), (self.root / FOLDER).resolve()
        if real.is_relative_to(own):
            return real != own
        # A folder of another datastore is refused by the catalogue in it or above it.
        inside = self._places.holds(path)
        return inside and not any((one / FILE_NAME).exists() for one in (real, *real.parents))


def _is_export(path: Path) -> bool:
    """Return whether an export of ours lies at a path."""
    if path.is_symlink():
        return False
    if path.is_dir():
        return (path / LOCK).is_file()
    return path.suffix.lower() == ".zip" and path.is_file() and MARK.encode() in _tail(path)


def _tail(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            return file.read()
    except OSError:
        return b""


def files_of(folder: Path) -> list[str]:
    """Return the files of an export, by its SHA256SUMS, which comes last.

    Raises:
        CurationError: it has none, so it was not written to its end.
    """
    sums = folder / SUMS
    try:
        if sums.is_symlink() or sums.stat().st_size > MOST_SUMS_BYTES:
            raise CurationError(f"{sums.name} of this export is none of ours")
        lines = sums.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise CurationError(
            "This export was not written to its end.", "Export it again: it goes on."
        ) from error
    found = []
    for line in lines:
        file = line.partition("  ")[2]
        below = PurePosixPath(file)
        if file and not below.is_absolute() and ".." not in below.parts and "\0" not in file:
            found.append(file)
    return [*found, SUMS]


def zipped(folder: Path, files: list[str]) -> Iterator[bytes]:
    """Yield a zip of an export's files piece by piece; one that is gone is named in a text."""
    sink = _Sink()
    whole: Any = sink
    lacking = []
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as target:
        for file in files:
            try:
                source = _opened(folder, file)
            except OSError as error:
                lacking.append(f"{file}: {error.strerror or error}\n")
                continue
            with source:
                size = os.fstat(source.fileno()).st_size
                info = zipfile.ZipInfo(f"{folder.name}/{file}", EPOCH)
                info.external_attr = 0o644 << 16
                with target.open(info, "w", force_zip64=size >= LARGE_BYTES) as to:
                    while piece := source.read(PIECE_BYTES):
                        to.write(piece)
                        yield sink.take()
        if lacking:
            target.writestr(zipfile.ZipInfo(f"{folder.name}/{NOT_HERE}", EPOCH), "".join(lacking))
    yield sink.take()


def _opened(folder: Path, file: str) -> Any:
    """Open a plain file of an export; OSError where a link stands in its way."""
    path = folder / file
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        raise OSError(f"{file} leads elsewhere")
    opened = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
        opened.close()
        raise OSError(f"{file} is no file")
    return opened


class _Sink:
    """What zipfile writes to when nobody can seek."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, data: Any) -> int:
        self._held += data
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def take(self) -> bytes:
        data = bytes(self._held)
        self._held.clear()
        return data
