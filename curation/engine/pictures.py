"""Driving the reading of picture folders: many files, worker processes, a transaction a chunk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curation.engine import limits
from curation.engine.machine import pick_workers, require_space
from curation.engine.meter import Meter
from curation.engine.pool import Pool, is_poison
from curation.engine.prints import Seen, Stat, keep, stat_of
from curation.errors import NoSpace
from curation.photos import order
from curation.photos.formats import missing_library
from curation.photos.scan import NAMELESS, PictureFile, named, pictures_below
from curation.records import Progress
from curation.store.album_views import AlbumViews
from curation.store.albums import AlbumTable, PictureRow
from curation.store.catalogue import Catalogue

BATCH, CHUNK = 8, 64
RENDITIONS = "renditions"


@dataclass(frozen=True, slots=True)
class Batch:
    """Files of one folder on their way to a worker; `deaths`: how often one ended over this file.
    """

    video_id: int
    files: tuple[PictureFile, ...]
    deaths: int = 0


def reading_s(task: Batch) -> float:
    """Return the seconds that reading a batch may take."""
    return limits.files_s(file.size_bytes for file in task.files)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reading of a file gave.

    Attributes:
        photo: a photos.picture.Photo.
        stat: of the file that was read, None when it changed meanwhile.
    """

    photo: Any
    stat: Stat | None


def make_reader() -> Any:
    """Return the worker's side: each file becomes a Reading or a reason."""
    from curation.engine.machine import single_threaded

    single_threaded()
    from curation.errors import ImageUnreadable
    from curation.photos.picture import read

    def handler(task: Batch) -> Iterator[tuple[PictureFile, Any]]:
        for file in task.files:
            try:
                before = stat_of(file.path)
                photo = read(file.path)
                same = stat_of(file.path) == before
                yield file, Reading(photo, before if same else None)
            except OSError as error:
                yield file, f"cannot be read: {error.strerror or error}"
            except ImageUnreadable as error:
                yield file, error.message
            except MemoryError:
                yield file, "needs more memory than there is"
            except Exception as error:  # one file must not cost the others of its batch
                yield file, f"cannot be read: {type(error).__name__}: {error}"

    return handler


def add_pictures(catalogue: Catalogue, folder: Path, workers: int = 0) -> Iterator[Progress]:
    """Bring the catalogue in line with a folder of pictures and the folders below it.

    Raises:
        CurationError: when there is no such folder.
        NoSpace: when the disk is full.
    """
    yield from _Driver(catalogue, folder.absolute()).run(workers)


class _Driver:
    """Keeps rows and thumbnail packs in step with what is on disk."""

    def __init__(self, catalogue: Catalogue, folder: Path) -> None:
        self.catalogue, self.folder = catalogue, folder
        self.table = AlbumTable(catalogue)
        self.meter = Meter("pictures", 0, "pictures")
        self.counts = {"added": 0, "removed": 0, "unchanged": 0}
        self.waiting: dict[int, list[PictureRow]] = {}
        self.seen: list[Seen] = []

    def run(self, workers: int) -> Iterator[Progress]:
        """Yield beats; the last one has the summary."""
        found, nameless = named(pictures_below(self.folder, without=self.catalogue.root))
        require_space(self.catalogue.root)
        self.table.prepare()
        self.table.remember(self.folder)
        albums: dict[int, list[PictureFile]] = {}
        for folder, files in found:
            albums[self._album(folder, files)] = files
        for video_id in self.table.albums_below(self.folder):
            albums.setdefault(video_id, [])
        for video_id, files in albums.items():
            self.counts["removed"] += self.table.mark_gone(video_id, [f.path for f in files])
        fresh = {video_id: self._fresh(video_id, files) for video_id, files in albums.items()}
        yield from self._read(fresh, workers)
        for video_id in albums:
            self._settle(video_id)
        failed = [
            (str(path), reason)
            for path, reason in AlbumViews(self.catalogue).failures()
            if path.is_relative_to(self.folder)
        ]
        pictures = sum(len(files) for files in albums.values()) - len(failed)
        failed += [(path, NAMELESS) for path in nameless]
        for path, reason in failed:
            yield self.meter.beat(failed=(path, reason))
        yield self.meter.beat(
            summary={
                "folder": str(self.folder),
                "folders": len(found),
                "pictures": pictures,
                **self.counts,
                "failed": len(failed),
            }
        )

    def _album(self, folder: Path, files: Sequence[PictureFile]) -> int:
        name = folder.relative_to(self.folder.parent).as_posix()
        seed = hashlib.blake2b(
            "".join(f"{f.path.name}{f.size_bytes}{f.mtime_ns}" for f in files).encode()
        )
        return self.table.album(folder, name, seed.hexdigest())

    def _fresh(self, video_id: int, files: Sequence[PictureFile]) -> list[PictureFile]:
        """Return files that are new or changed, or that can be read by now."""
        known = self.table.known(video_id)
        fresh = []
        for file in files:
            before = known.get(file.path)
            if before is not None and (before.size_bytes, before.mtime_ns) == (
                file.size_bytes,
                file.mtime_ns,
            ):
                came = before.kind is not None and before.error and not missing_library(before.kind)
                if not came or file.error:
                    self.counts["unchanged"] += not before.error
                    continue
            fresh.append(file)
        return fresh

    def _read(
        self, fresh: dict[int, list[PictureFile]], workers: int
    ) -> Iterator[Progress]:
        for video_id, files in fresh.items():
            self.table.packs.cut(video_id)
            refused = [f for f in files if f.error]
            for file in refused:
                self._keep(video_id, file, file.error)
            fresh[video_id] = [f for f in files if not f.error]
        batches = list(_batches(fresh))
        self.meter.total = sum(len(batch.files) for batch in batches)
        if batches:
            yield self.meter.beat()
            size, most = pick_workers(workers, len(batches)), limits.decoding(reading_s)
            with Pool[Batch](make_reader, size, most) as pool:
                yield from self._hear(pool, batches)
        for video_id in list(self.waiting):
            self._flush(video_id)

    def _hear(self, pool: Pool[Batch], batches: Iterable[Batch]) -> Iterator[Progress]:
        answered: set[Path] = set()
        for event in pool.run(batches):
            video_id = event.task.video_id
            if event.kind == "item":
                file, outcome = event.message
                answered.add(file.path)
                self._keep(video_id, file, outcome)
                yield self.meter.beat(1, note=file.path.name)
            elif is_poison(event) and len(event.task.files) > 1:
                # One at a time, so that the file that ends its reader costs itself alone.
                for file in event.task.files:
                    if file.path not in answered:
                        pool.again(Batch(video_id, (file,)))
            elif is_poison(event) and not event.task.deaths:
                pool.alone(replace(event.task, deaths=1))
            elif event.kind in ("died", "failed"):
                if isinstance(event.error, NoSpace):
                    raise event.error
                for file in event.task.files:
                    if file.path not in answered:
                        reason = event.error.message if event.error else "unknown"
                        # Of an unknown time: the next run tries it again.
                        self._keep(
                            video_id, replace(file, mtime_ns=0), f"ended its reader: {reason}"
                        )
                        yield self.meter.beat(1, note=file.path.name)

    def _keep(self, video_id: int, file: PictureFile, outcome: Any) -> None:
        if isinstance(outcome, str):
            from curation.photos.formats import promised

            kind = promised(file.path.suffix)
            lacks = kind if kind is not None and missing_library(kind) else None
            row = PictureRow(
                file.path, file.size_bytes, file.mtime_ns, kind=lacks, error=outcome
            )
        else:
            self.counts["added"] += 1
            if outcome.stat is not None:
                self.seen.append(Seen(file.path, outcome.stat, outcome.photo.look))
            outcome = outcome.photo
            row = PictureRow(
                file.path,
                file.size_bytes,
                file.mtime_ns,
                outcome.kind,
                None,
                outcome.key,
                outcome.width,
                outcome.height,
                outcome.taken_s,
                outcome.thumb,
                self._rendition(outcome),
                outcome.sharpness,
                outcome.luma_mean,
                outcome.luma_std,
            )
        rows = self.waiting.setdefault(video_id, [])
        rows.append(row)
        if len(rows) >= CHUNK:
            self._flush(video_id)

    def _rendition(self, photo: Any) -> str | None:
        if photo.rendition is None:
            return None
        from curation.video.still import save

        folder = self.catalogue.root / RENDITIONS
        folder.mkdir(exist_ok=True)
        path = folder / f"{photo.key}.jpg"
        save(photo.rendition, path)
        return self.catalogue.relative(path)

    def _flush(self, video_id: int) -> None:
        rows = self.waiting.pop(video_id, [])
        if rows:
            require_space(self.catalogue.root)
            self.table.put(video_id, rows)
            keep(self.catalogue, self.seen)
            self.seen.clear()

    def _settle(self, video_id: int) -> None:
        members = self.table.members(video_id)
        members.sort(key=lambda member: order.sort_key(member.name, member.taken_s))
        taken = [member.taken_s for member in members]
        pts = order.places([member.pts for member in members])
        self.table.settle(video_id, members, pts, order.times_s(taken), order.scenes(taken))


def _batches(fresh: dict[int, list[PictureFile]]) -> Iterator[Batch]:
    for video_id, files in fresh.items():
        for at in range(0, len(files), BATCH):
            yield Batch(video_id, tuple(files[at : at + BATCH]))
