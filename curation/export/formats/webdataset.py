"""WebDataset: tar shards, each sample as NAME.jpg, NAME.json and NAME.txt one after the other.

Format: webdataset, "The WebDataset Format": files of one sample share the name up to the first
dot and stand together.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, ClassVar

from curation.export.formats.base import Placed, Text, facts, line, sides
from curation.export.formats.shards import Sharded
from curation.export.plan import Item, Plan

BLOCK = 10 * 512


class WebDataset(Sharded):
    """SPLIT-000000.tar of --shard-mb; index.jsonl says what is in each."""

    name: ClassVar[str] = "webdataset"
    about: ClassVar[str] = "tar shards of picture, JSON and caption, for streaming readers"
    reader: ClassVar[str] = "webdataset.WebDataset('train-{000000..N}.tar')"

    def shard_name(self, split: str, number: int, of: int) -> str:
        """Return SPLIT-NUMBER.tar."""
        return f"{split}-{number:06d}.tar"

    def write_shard(
        self, file: BinaryIO, plan: Plan, pictures: Iterator[tuple[Item, bytes, str]]
    ) -> None:
        """Write one tar; the same items give the same bytes."""
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for item, data, digest in pictures:
                stem = key_of(item)
                (signals,) = plan.signals([item])
                about = {"file": item.name, "sha256": digest, "n_bytes": len(data),
                         **facts(item, signals)}  # fmt: skip
                _add(tar, stem + item.suffix, data)
                _add(tar, f"{stem}.json", json.dumps(about, ensure_ascii=False).encode())
                if item.caption:
                    _add(tar, f"{stem}.txt", item.caption.encode())

    def digests(self, file: BinaryIO) -> Mapping[str, tuple[str, int]]:
        """Read them from the JSON of each sample."""
        found = {}
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                held = tar.extractfile(member) if member.name.endswith(".json") else None
                if held is not None:
                    about: dict[str, Any] = json.loads(held.read())
                    found[str(about["file"])] = (str(about["sha256"]), int(about["n_bytes"]))
        return found

    def texts(self, plan: Plan, done: Sequence[Placed]) -> Iterator[Text]:
        """Yield an index: shard and number of samples."""
        rows = []
        for split in sides(plan):
            side = [one.file.rpartition("/")[0] for one in done if one.item.split == split]
            for shard in dict.fromkeys(side):
                rows.append({"shard": shard, "split": split or "train", "n": side.count(shard)})
        yield "index.jsonl", b"".join(map(line, rows))


def key_of(item: Item) -> str:
    """Return a sample's key: without dots, at which readers cut a name."""
    return item.stem.replace(".", "-")


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o644
    tar.addfile(member, io.BytesIO(data))
