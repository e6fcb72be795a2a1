"""The index of a work dir: which content a file has, and what was measured of that content.

A file is read when its size, time or inode differ from what is stored, and never twice for one
question: 200,000 known files cost a stat and a look-up each. Numbers belong to contents, so that
renamed, moved and copied files keep theirs, and a file changed behind our back loses them.

    index = Index(ctx.workdir, ctx.catalogue)
    found = yield from index.look(ctx.verb, pics, ["phash"], ctx.workers)
    found.content[path], found.numbers[path]["phash"], found.failed[path]

Other verbs keep what they compute beside it, by content: `recall` and `remember`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Container, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from curation.engine.meter import Meter
from curation.engine.prints import stat_of
from curation.engine.reading import Reading, Task, file_rows, read_all, tasks_of
from curation.records import Progress, Value
from curation.store.catalogue import Catalogue
from curation.store.toolkit_index import Answer, IndexTable
from curation.toolkit import measures
from curation.toolkit.measures import Numbers
from curation.toolkit.workdir import Pic, WorkDir

CHUNK = 256


@dataclass(slots=True)
class Found:
    """What a look at pictures gave.

    Attributes:
        content: hex digest of each file's bytes.
        numbers: by path, then by measure; what failed is not in it.
        failed: reason by path, of files that could not be read or measured.
        read: files that had to be read.
    """

    content: dict[Path, str] = field(default_factory=dict)
    numbers: dict[Path, dict[str, Numbers]] = field(default_factory=dict)
    failed: dict[Path, str] = field(default_factory=dict)
    read: set[Path] = field(default_factory=set)


def measured(kind: str, data: bytes, names: tuple[str, ...]) -> Mapping[str, Numbers]:
    """Return the numbers of measures of a picture, by name.

    Raises:
        ImageUnreadable: what is wrong with it.
    """
    from curation.toolkit.views import Views

    return measures.run(names, Views(kind, data))


def sort_out(
    workdir: WorkDir,
    table: IndexTable,
    paths: Sequence[Path],
    contents: dict[Path, str],
    failed: dict[Path, str],
    claims: Container[Path] = (),
) -> tuple[list[Path], list[Path]]:
    """Return (files never seen, files that may be known ones under a new name).

    Args:
        contents: takes the contents of files that are as they were.
        failed: takes the reasons of files that are not there or may not be looked at.
        claims: files of which something else says what they are.
    """
    unknown: list[Path] = []
    moved: list[Path] = []
    looks: set[tuple[int, int]] | None = None
    known = table.files(os.fsencode(workdir.stored(path)) for path in paths)
    for path, row in zip(paths, known, strict=True):
        try:
            stat = stat_of(path)
        except OSError as error:
            failed[path] = f"cannot be read: {error.strerror or error}"
            continue
        if row is not None and (row.size_bytes, row.mtime_ns, row.inode) == stat:
            contents[path] = row.content
            continue
        looks = table.looks() if looks is None else looks
        same = row is not None and row.size_bytes == stat[0]
        (moved if same or path in claims or stat[:2] in looks else unknown).append(path)
    return unknown, moved


class Index:
    """What is known of the files of a work dir."""

    def __init__(self, workdir: WorkDir, catalogue: Catalogue) -> None:
        self.workdir = workdir
        self.table = IndexTable(catalogue)
        self._waiting: list[Reading] = []

    def look(
        self,
        verb: str,
        pics: Sequence[Pic],
        names: Sequence[str] = (),
        workers: int = 0,
        *,
        force: bool = False,
        claims: Mapping[Path, tuple[str, Mapping[str, Numbers]]] | None = None,
    ) -> Generator[Progress, None, Found]:
        """Find out contents, and the numbers of measures; read only what must be read.

        Args:
            verb: stage of the beats.
            names: measures; `size` is kept along with any that is measured.
            force: measure again whatever is stored.
            claims: what sidecars say was measured, and of which content; believed of that
                content, where nothing is stored.

        Raises:
            NoSpace: when the disk is full.
        """
        asked = tuple(dict.fromkeys([*names, "size"])) if names else ()
        fps = {name: measures.measure_of(name).fp for name in asked}
        wanted = tuple(names)
        claims = claims or {}
        self._believe(claims, fps)
        found = Found()
        unknown, moved = sort_out(
            self.workdir,
            self.table,
            [pic.path for pic in pics],
            found.content,
            found.failed,
            claims,
        )
        meter = Meter(verb, len(unknown) + len(moved), "pictures")
        fresh: set[str] = set()
        tasks = [*tasks_of(moved), *tasks_of(unknown, *asked)]
        yield from self._run(tasks, meter, found, fps, workers, fresh)
        self._recall(found, fps, fresh if force else None)
        again = self._left(pics, found, wanted)
        meter.total += sum(len(files) for files in again.values())
        more = [task for lacking, files in again.items() for task in tasks_of(files, *lacking)]
        yield from self._run(more, meter, found, fps, workers, fresh)
        if more:
            self._recall(found, fps, None)
        return found

    def recall(self, name: str, fp: str, contents: Iterable[str]) -> dict[str, Value]:
        """Return what was remembered of contents under a name; errors are left out."""
        return {
            content: answers[name].value
            for content, answers in self.table.answers(contents, [(name, fp)])
            if name in answers and answers[name].error is None
        }

    def remember(self, name: str, fp: str, values: Mapping[str, Value]) -> None:
        """Keep what was computed of contents: numbers, text or bytes."""
        self.table.put_answers({(c, name, fp): Answer(value) for c, value in values.items()})

    # -- inside ---------------------------------------------------------------------------------

    def _key(self, path: Path) -> bytes:
        return os.fsencode(self.workdir.stored(path))

    def _believe(
        self, claims: Mapping[Path, tuple[str, Mapping[str, Numbers]]], fps: Mapping[str, str]
    ) -> None:
        rows = {
            (content, name, fps[name]): Answer(json.dumps(numbers))
            for content, by_name in claims.values()
            for name, numbers in by_name.items()
            if name in fps
        }
        if rows:
            self.table.put_answers(rows, keep=True)

    def _run(
        self,
        tasks: Sequence[Task],
        meter: Meter,
        found: Found,
        fps: Mapping[str, str],
        workers: int,
        fresh: set[str],
    ) -> Iterator[Progress]:
        if not tasks:
            return
        yield meter.beat()
        for reading in read_all(measured, tasks, workers, self.table.catalogue.root):
            self._keep(reading, found, fps, fresh)
            found.read.add(reading.path)
            yield meter.beat(1, note=reading.path.name)
        self._flush(fps)

    def _keep(
        self, reading: Reading, found: Found, fps: Mapping[str, str], fresh: set[str]
    ) -> None:
        path = reading.path
        if not reading.content:
            found.failed[path] = reading.error
            return
        found.content[path] = reading.content
        if reading.told or reading.error:
            fresh.add(reading.content)
        self._waiting.append(reading)
        if len(self._waiting) >= CHUNK:
            self._flush(fps)

    def _flush(self, fps: Mapping[str, str]) -> None:
        rows = file_rows(self._waiting, self._key)
        answers = {}
        for r in self._waiting:
            for name, numbers in (r.told or {}).items():
                answers[r.content, name, fps[name]] = Answer(json.dumps(numbers))
            if r.error:
                answers |= {(r.content, n, fp): Answer(error=r.error) for n, fp in fps.items()}
        self._waiting.clear()
        if rows:
            self.table.put_files(rows)
        if answers:
            self.table.put_answers(answers)

    def _recall(self, found: Found, fps: Mapping[str, str], only: set[str] | None) -> None:
        """Fill in stored numbers; of `only` these contents when that is given."""
        if not fps:
            return
        paths: dict[str, list[Path]] = {}
        for path, content in found.content.items():
            if only is None or content in only:
                paths.setdefault(content, []).append(path)
        for content, answers in self.table.answers(paths, fps.items()):
            for path in paths[content]:
                errors = [a.error for a in answers.values() if a.error is not None]
                if errors:
                    found.failed[path] = errors[0]
                found.numbers[path] = {
                    name: json.loads(str(answer.value))
                    for name, answer in answers.items()
                    if answer.error is None
                }

    def _left(
        self, pics: Sequence[Pic], found: Found, names: Sequence[str]
    ) -> dict[tuple[str, ...], list[Path]]:
        """Return files by what is still to measure of them, one file for each content."""
        left: dict[tuple[str, ...], list[Path]] = {}
        seen: set[str] = set()
        for pic in pics:
            content = found.content.get(pic.path)
            if content is None or content in seen or pic.path in found.failed:
                continue
            seen.add(content)
            have = found.numbers.get(pic.path, {})
            lacking = tuple(name for name in names if name not in have)
            if lacking:
                left.setdefault((*lacking, "size"), []).append(pic.path)
        return left
