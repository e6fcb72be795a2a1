"""Pictures inside larger files: how they are shared out, and which made file may stay."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from curation.engine.meter import Meter
from curation.errors import CurationError, NoSpace
from curation.export.formats.base import Format, Out, Placed, fp_of, picture, sides
from curation.export.log import Put
from curation.export.plan import Item, Plan
from curation.records import Progress

BYTES_PER_PX = 0.35
"""Of a JPEG at quality 95, about; for pictures that are not made yet."""


class Sharded(Format):
    """A format whose pictures lie in files of --shard-mb."""

    def path(self, item: Item, plan: Plan) -> str:
        """Return where a picture lies: name of the shard, then of the picture."""
        return f"{item.split or 'train'}/{item.name}"

    @abstractmethod
    def shard_name(self, split: str, number: int, of: int) -> str:
        """Return the path of a shard."""

    @abstractmethod
    def write_shard(
        self, file: BinaryIO, plan: Plan, pictures: Iterator[tuple[Item, bytes, str]]
    ) -> None:
        """Write (item, its bytes, their SHA-256) of one shard."""

    @abstractmethod
    def digests(self, file: BinaryIO) -> Mapping[str, tuple[str, int]]:
        """Return name -> (SHA-256, bytes) of the pictures in a shard that is there already."""

    def write(self, plan: Plan, out: Out) -> Iterator[Progress]:
        """Write every shard that is not there, one after the other, then the texts."""
        meter = Meter("export", len(plan.items), "pictures")
        for name, items in self.shared_out(plan):
            failed: list[tuple[str, str]] = []
            seen: dict[str, tuple[str, int]] = {}
            fp = shard_fp(items, plan)
            there = out.place.known.get(name)
            try:
                if there is not None and there.fp == fp and out.place.is_untouched(there):
                    with (out.place.folder / name).open("rb") as file:
                        seen = dict(self.digests(file))
                    out.place.written[name] = there
                    out.kept += len(seen)
                else:
                    put = self._put(name, fp, items, plan, out, seen, failed)
                    out.n_bytes += put.n_bytes
                    out.made += len(seen)
            except NoSpace:
                raise
            except (CurationError, OSError) as error:
                said = error if isinstance(error, CurationError) else CurationError(str(error))
                yield meter.beat(len(items), failed=out.failure(name, said))
                if there is not None:
                    out.place.written[name] = there
                continue
            for item in failed:
                out.failed[item[0]] = item[1]
                yield meter.beat(failed=item)
            out.done += [
                Placed(item, f"{name}/{item.name}", *seen[item.name])
                for item in items if item.name in seen
            ]
            yield meter.beat(len(items), note=name)
        for file_name, data in self.texts(plan, out.done):
            out.text(file_name, data)

    def _put(
        self, name: str, fp: str, items: Sequence[Item], plan: Plan, out: Out,
        seen: dict[str, tuple[str, int]], failed: list[tuple[str, str]],
    ) -> Put:
        """Write one shard; `seen` and `failed` get what became of its pictures."""

        def pictures() -> Iterator[tuple[Item, bytes, str]]:
            for item in items:
                try:
                    data = picture(item)
                except CurationError as error:
                    failed.append((item.name, str(error)))
                    continue
                digest = hashlib.sha256(data).hexdigest()
                seen[item.name] = (digest, len(data))
                yield item, data, digest

        put = out.place.stream(name, fp, lambda file: self.write_shard(file, plan, pictures()))
        if failed:  # so that the next run makes it again, whole if it can
            out.place.forget_fp(name)
        return put

    def shared_out(self, plan: Plan) -> Iterator[tuple[str, list[Item]]]:
        """Yield (name of a shard, its items), by split."""
        for split in sides(plan):
            most = plan.params.shard_mb * 1_000_000
            shards: list[list[Item]] = [[]]
            size = 0
            for item in plan.items:
                if item.split != split:
                    continue
                n_bytes = _size(item)
                if shards[-1] and size + n_bytes > most:
                    shards.append([])
                    size = 0
                shards[-1].append(item)
                size += n_bytes
            for number, items in enumerate(shards):
                if items:
                    yield self.shard_name(split or "train", number, len(shards)), items

    def preview(self, plan: Plan) -> tuple[list[str], list[tuple[str, bytes]]]:
        """Return shards with their pictures, and the texts."""
        files, done = [], []
        for name, items in self.shared_out(plan):
            files += [f"{name}/{item.name}" for item in items]
            done += [Placed(item, f"{name}/{item.name}") for item in items]
        return files, list(self.texts(plan, done))


def shard_fp(items: Sequence[Item], plan: Plan) -> str:
    """Return what a shard depends on."""
    digest = hashlib.blake2b(digest_size=12)
    for item in items:
        said: Any = (fp_of(item, plan), item.name, item.caption, item.person, item.mark,
                     item.verdict, item.score, item.rank, item.pool)  # fmt: skip
        digest.update(repr(said).encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def _size(item: Item) -> int:
    """Return about how many bytes a picture has."""
    if item.recipe.kind == "copy":
        try:
            return item.source.stat().st_size
        except OSError:
            pass
    wide, tall = item.cut.out_wh
    return int(wide * tall * BYTES_PER_PX)
