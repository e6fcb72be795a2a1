"""Taking parts that other machines made into one datastore: one writer, idempotent, resumable."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation.engine.machine import pick_workers, require_space
from curation.engine.meter import Meter
from curation.engine.part_match import Matcher
from curation.engine.part_store import PartStore, PlaceTrouble
from curation.engine.parts import (
    FOLDER,
    LARGEST_NUMBER,
    ROWS,
    STILLS,
    THUMBS,
    VIDEO,
    Manifest,
    Settings,
    part_name,
    read_manifest,
    unpack,
)
from curation.engine.shards import listed
from curation.errors import CurationError, NoSpace, StoreError
from curation.records import FileSum, Progress
from curation.store import still_sums
from curation.store.catalogue import Catalogue
from curation.store.merge import Arrival, Merger
from curation.store.origins import Origin, OriginTable
from curation.store.packs import Packs
from curation.store.quarantine import QuarantineTable
from curation.store.sources import SourceFile, SourceTable, stat_of
from curation.store.videos import VideoTable, info_from_json

UNPACKED = ".gather"
ELSEWHERE = "elsewhere"
"""Where videos seem to lie whose files nobody named: they are on other machines."""
AHEAD = 2
BAD_VALUES = (ArithmeticError, AttributeError, KeyError, TypeError, ValueError)
"""What reading rows and facts raises that nobody's program wrote."""


@dataclass(frozen=True, slots=True)
class Task:
    """A part on its way in.

    Attributes:
        files: what it is about, as far as they are named here.
    """

    name: str
    id: str
    files: tuple[SourceFile, ...]


@dataclass
class Outcome:
    """What a gathering did.

    Attributes:
        there: parts that were in the datastore already.
        missing: files without a part so far.
        failed: file -> reason, of all parts that say so and of damaged ones.
    """

    parts: int = 0
    there: int = 0
    stills: int = 0
    elsewhere: int = 0
    others: int = 0
    missing: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def gather(
    catalogue: Catalogue, store: PartStore, settings: Settings, files: Sequence[SourceFile],
    others_too: bool, order: Callable[[str], Any], workers: int = 0,
) -> Iterator[Progress]:
    """Take in the parts of one set of settings; the summary is an Outcome's fields.

    Args:
        files: the videos as they lie here, numbered; each is matched with its part by name, size
            and time, or by content.
        others_too: also take parts of videos that are not among the files.
        order: key by which videos of a folder are numbered, from their place as text.

    Raises:
        NoSpace: the disk is nearly full; what came so far is gone on with the next time.
    """
    yield from _Gathering(catalogue, store, settings, order).run(files, others_too, workers)


class _Gathering:
    def __init__(
        self, catalogue: Catalogue, store: PartStore, settings: Settings,
        order: Callable[[str], Any],
    ) -> None:  # fmt: skip
        self.catalogue, self.store, self.settings, self.order = catalogue, store, settings, order
        self.parts, self.aliases = listed(store.names(), settings.digest)
        self.sources, self.videos = SourceTable(catalogue), VideoTable(catalogue)
        self.merger, self.packs = Merger(catalogue), Packs(catalogue)
        self.known, self.ids = self.merger.known(), self.merger.ids()
        self.folder = catalogue.root / UNPACKED
        self.outcome = Outcome()
        self.origins = OriginTable(catalogue)
        self.quarantine = QuarantineTable(catalogue)

    def run(
        self, files: Sequence[SourceFile], others_too: bool, workers: int
    ) -> Iterator[Progress]:
        """Match, unpack ahead in threads, take in one after another."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        try:
            keys = {number: key for key, number in self.ids.items()}
            matched, missing = Matcher(self.settings, self.parts, self.aliases, keys).match(files)
            self.outcome.missing += [str(file.path) for file in missing]
            others = [i for i in self.parts if i not in matched]
            tasks = [self._task(i, tuple(found)) for i, found in matched.items()]
            if others_too:
                tasks += [self._task(i, ()) for i in others]
            else:
                # What could not be opened is no video, and may be an earlier copy of one that is.
                self.outcome.others = sum(not i.startswith("file-") for i in others)
            todo = [task for task in tasks if self._is_new(task)]
            meter = Meter("gather", len(tasks), "parts", len(tasks) - len(todo))
            for item, reason in self.outcome.failed.items():
                yield meter.beat(failed=(item, reason))
            todo = [task for task in todo if task.files] + self._elsewhere(
                [task for task in todo if not task.files]
            )
            for task, unpacked in self._unpacked(todo, pick_workers(workers, len(todo))):
                yield self._one(task, unpacked, meter)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        yield meter.beat(summary=vars(self.outcome))

    # -- which part is whose ----------------------------------------------------------------------

    def _task(self, part_id: str, files: tuple[SourceFile, ...]) -> Task:
        name = part_name(part_id, self.settings.digest, self.parts[part_id])
        return Task(name, part_id, files)

    def _is_new(self, task: Task) -> bool:
        """Return whether a part is to be taken in; note what is known of it when not."""
        if task.name not in self.known:
            return True
        fresh = [file for file in task.files if file.size_bytes is None]
        if fresh and task.id not in self.ids:
            return True
        for file in fresh:  # another file of a video that is here
            info = self.videos.info(self.ids[task.id])
            self.sources.settle_file(file, stat_of(file.path) or (0, 0), info)
        self.outcome.there += 1
        failure = self.known[task.name]
        if failure is not None:
            item = str(task.files[0].path) if task.files else task.id
            self.outcome.failed[item] = failure
        return False

    def _elsewhere(self, tasks: Sequence[Task]) -> list[Task]:
        """Give numbers to videos that nobody named, in the order that a local run would."""
        told: list[tuple[Any, Task, Manifest]] = []
        found: list[Task] = []
        for task in tasks:
            try:
                with self.store.open(task.name) as file:
                    manifest = read_manifest(file)
            except StoreError:
                found.append(task)  # what is wrong is said when it is unpacked
            else:
                told.append((self.order(manifest.source), task, manifest))
        files = self.sources.files() if told else []
        keys = {number: key for key, number in self.ids.items()}
        mine = {keys.get(file.video_id or 0, ""): file for file in files}
        places = {file.path: keys.get(file.video_id or 0, "") for file in files}
        for _, task, manifest in sorted(told, key=lambda row: (row[0], row[1].id)):
            known = mine.get(task.id)
            if known is None:
                path = self._place(manifest, task.id, places)
                number = self.sources.add_folder(path.parent)
                (known,) = self.sources.add_files(number, [path])
                self.outcome.elsewhere += 1
            found.append(Task(task.name, task.id, (known,)))
        return found

    def _place(self, manifest: Manifest, part_id: str, places: dict[Path, str]) -> Path:
        """Return where a video seems to lie; two of one name lie in different folders."""
        inside = [p for p in manifest.source.split("/")[:-1] if p not in ("", ".", "..")]
        number = 1
        while True:
            root = self.catalogue.root / ELSEWHERE / ("" if number == 1 else str(number))
            path = root.joinpath(*inside, manifest.name)
            if places.setdefault(path, part_id) in (part_id, ""):
                return path
            number += 1

    # -- taking in --------------------------------------------------------------------------------

    def _unpacked(
        self, tasks: Sequence[Task], workers: int
    ) -> Iterator[tuple[Task, Future[Manifest]]]:
        """Yield parts in order, unpacked some ahead of who takes them in."""
        waiting: deque[tuple[Task, Future[Manifest]]] = deque()
        with ThreadPoolExecutor(workers) as threads:
            try:
                for task in tasks:
                    waiting.append((task, threads.submit(self._unpack, task)))
                    if len(waiting) > AHEAD * workers:
                        yield waiting.popleft()
                while waiting:
                    yield waiting.popleft()
            finally:
                for _, future in waiting:
                    future.cancel()

    def _unpack(self, task: Task) -> Manifest:
        folder = self.folder / task.id
        folder.mkdir()
        require_space(self.catalogue.root)
        with self.store.local(task.name, self.folder) as file:
            manifest = unpack(file, folder)
        if (manifest.id, manifest.settings) != (task.id, self.settings.digest):
            raise StoreError("it is not the part that its name says")
        return manifest

    def _one(self, task: Task, unpacked: Future[Manifest], meter: Meter) -> Progress:
        """Take one part in; one that is damaged costs itself."""
        item = str(task.files[0].path) if task.files else task.id
        folder = self.folder / task.id
        try:
            manifest = unpacked.result()
            failure = self._take(task, manifest, folder)
        except NoSpace:
            raise
        except PlaceTrouble as error:
            failure = f"its part {task.name} was not taken in: {error}"
        except (CurationError, *BAD_VALUES) as error:
            said = error.message if isinstance(error, CurationError) else str(error)
            failure = self._set_aside(task, said)
        else:
            self.outcome.parts += 1
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if failure is None:
            return meter.beat(1, note=manifest.name)
        self.outcome.failed[item] = failure
        return meter.beat(1, failed=(item, failure))

    def _set_aside(self, task: Task, said: str) -> str:
        """Give a damaged part another name, so that its video is worked on again."""
        told = f"its part {task.name} cannot be used: {said}"
        with suppress(CurationError):
            self.store.rename(task.name, f"{task.name}.damaged")
            return f"{told}; it was set aside, work on this video again"
        return f"{told}; delete it and work on this video again"

    def _take(self, task: Task, manifest: Manifest, folder: Path) -> str | None:
        """Make a part rows and files of the datastore; return why it is not whole, if so."""
        if not task.files:
            raise StoreError("its manifest could not be read")
        if manifest.info is None:
            return self._refused(task, manifest)
        rows = folder / ROWS
        told = self.merger.look(rows)
        stills = {path.name: path for path in (folder / FOLDER).glob("*")}
        pack = folder / THUMBS
        thumbs = pack.read_bytes() if pack.exists() else b""
        if set(told.stills) != set(stills) or told.thumb_bytes > len(thumbs):
            raise StoreError("its rows and its pictures do not belong together")
        if not all(name.startswith(manifest.stem) for name in stills):
            raise StoreError("its stills are not named like its video")
        video_id = self._settle(task, manifest)
        path = self.videos.info(video_id).path
        target = self.videos.output_dir(video_id)
        if target.is_symlink():
            said = f"{target}: is a link, so its frames would lie elsewhere"
            raise PlaceTrouble(said, "remove it, then gather again")
        words = {VIDEO: str(path), STILLS: str(target)}
        failure = _localised(manifest.failure, words)
        self.merger.begin(video_id, told)
        target.mkdir(parents=True, exist_ok=True)
        sums: dict[str, FileSum] = {}
        for name, still in stills.items():
            place = target / (path.stem + name.removeprefix(manifest.stem))
            sums[self.catalogue.relative(place)] = still_sums.of_file(still)
            still.replace(place)
        self.packs.cut(video_id)
        # A video that never gave a picture has no pack, not an empty one.
        at = self.packs.append(video_id, [thumbs])[0] if pack.exists() else 0
        if manifest.quarantine is not None:
            stage, reason = manifest.quarantine
            self.quarantine.put(path, stage, _localised(reason, words) or "")
        self.merger.take(
            Arrival(
                task.name, rows, video_id, words, (manifest.stem, path.stem), at or 0, failure
            )
        )
        still_sums.record_files(self.catalogue, video_id, sums)
        self._came_from(path, manifest)
        self.outcome.stills += len(stills)
        return failure

    def _settle(self, task: Task, manifest: Manifest) -> int:
        """Make the files of a part files of its video, and return its number."""
        video_id: int | None = None
        for file in task.files:
            info = info_from_json(manifest.info or "", file.path)
            numbers: list[object] = [
                info.width, info.height, info.n_frames, info.size_bytes, info.duration_s,
                *info.display_wh,
            ]
            if not all(isinstance(n, int | float) and abs(n) < LARGEST_NUMBER for n in numbers):
                raise StoreError("its facts about the video are none")
            if info.key != task.id:
                raise StoreError("it is about another video than its name says")
            stat = stat_of(file.path) or (manifest.size_bytes, manifest.mtime_ns)
            video_id = self.sources.settle_file(file, stat, info)
        if video_id is None:
            raise StoreError("it is about no video")
        self.ids[task.id] = video_id
        return video_id

    def _refused(self, task: Task, manifest: Manifest) -> str:
        """Take in that a file is no video."""
        said = ""
        for file in task.files:
            words = {VIDEO: str(file.path)}
            said = _localised(manifest.failure, words) or "it is no video"
            stat = stat_of(file.path) or (manifest.size_bytes, manifest.mtime_ns)
            self.sources.settle_file(file, stat, said)
            if manifest.quarantine is not None:
                stage, reason = manifest.quarantine
                self.quarantine.put(file.path, stage, _localised(reason, words) or "")
        self.merger.remember(task.name, said)
        return said

    def _came_from(self, path: Path, manifest: Manifest) -> None:
        """Remember where a video came from, unless that is known here."""
        if manifest.origin is None:
            return
        try:
            origin = Origin(**manifest.origin)
        except TypeError:
            return
        if self.origins.is_new(path, origin):
            self.origins.put(path, origin)


def _localised(text: str | None, words: Mapping[str, str]) -> str | None:
    """Return a sentence with the paths of this machine."""
    for token, said in words.items():
        text = text.replace(token, said) if text is not None else None
    return text
