"""Reading files once: their content, and the print of contents that are new."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path

from curation.engine.meter import Meter
from curation.engine.prints import row_of
from curation.engine.reading import Reading, Task, file_rows, read_all, tasks_of
from curation.photos.prints import FP
from curation.photos.scan import PictureFile
from curation.records import Progress
from curation.store.catalogue import Catalogue
from curation.store.prints import PrintRow, PrintTable
from curation.store.toolkit_index import IndexTable
from curation.toolkit.index import sort_out
from curation.toolkit.workdir import WorkDir

CHUNK = 256
PRINT = "print"
"""What is asked of a file beside its content."""


def print_of(kind: str, data: bytes, asked: tuple[str, ...]) -> PrintRow:
    """Return what is stored of a picture's content.

    Raises:
        ImageUnreadable: what is wrong with it.
    """
    from curation.photos.picture import look

    return row_of(look(kind, data))


class Readings:
    """What is known of the files of folders, by the index of the work dir."""

    def __init__(self, workdir: WorkDir, catalogue: Catalogue) -> None:
        self.workdir = workdir
        self.table = IndexTable(catalogue)
        self.prints = PrintTable(catalogue, FP)
        self._waiting: list[Reading] = []

    def look(
        self,
        verb: str,
        files: Sequence[PictureFile],
        failed: dict[Path, str],
        workers: int = 0,
        *,
        force: bool = False,
    ) -> Generator[Progress, None, Mapping[Path, str]]:
        """Return the content of each file; all of them have a row in `prints` afterwards.

        Args:
            failed: takes the reason of files that could not be read.

        Raises:
            NoSpace: when the disk is full.
        """
        contents: dict[Path, str] = {}
        paths = [file.path for file in files]
        unknown, moved = sort_out(self.workdir, self.table, paths, contents, failed)
        meter = Meter(verb, len(unknown) + len(moved), "photos")
        tasks = [*tasks_of(moved), *tasks_of(unknown, PRINT)]
        yield from self._run(tasks, meter, contents, failed, workers)
        fresh = set(unknown)
        left = self._left(contents, fresh if force else None)
        meter.total += len(left)
        yield from self._run(tasks_of(left, PRINT), meter, contents, failed, workers)
        return contents

    def _key(self, path: Path) -> bytes:
        return os.fsencode(self.workdir.stored(path))

    def _left(self, contents: Mapping[Path, str], but: set[Path] | None) -> list[Path]:
        """Return one file for each content that has no print; with `but`, all but those."""
        have = {row.content for row in self.prints.rows(contents.values())}
        left: dict[str, Path] = {}
        for path, content in contents.items():
            if content not in have if but is None else path not in but:
                left.setdefault(content, path)
        return list(left.values())

    def _run(
        self,
        tasks: Sequence[Task],
        meter: Meter,
        contents: dict[Path, str],
        failed: dict[Path, str],
        workers: int,
    ) -> Iterator[Progress]:
        if not tasks:
            return
        yield meter.beat()
        for reading in read_all(print_of, tasks, workers, self.table.catalogue.root):
            if reading.content:
                contents[reading.path] = reading.content
                self._keep(reading)
            else:
                failed[reading.path] = reading.error
            yield meter.beat(1, note=reading.path.name)
        self._flush()

    def _keep(self, reading: Reading) -> None:
        self._waiting.append(reading)
        if len(self._waiting) >= CHUNK:
            self._flush()

    def _flush(self) -> None:
        files = file_rows(self._waiting, self._key)
        rows = [
            r.told or PrintRow(r.content, error=r.error)
            for r in self._waiting
            if r.told is not None or r.error
        ]
        self._waiting.clear()
        if files:
            self.table.put_files(files)
        if rows:
            self.prints.put(rows)
