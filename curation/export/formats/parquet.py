"""Parquet as Hugging Face shows it: a column of pictures, one of each fact and measure.

Picture column: datasets.Image stores a struct of bytes and path; the schema's "huggingface" entry
names it, so that load_dataset gives pictures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, ClassVar

from curation.errors import StepUnavailable
from curation.export.formats.base import Format, Out, Placed, below, facts
from curation.export.formats.shards import Sharded
from curation.export.plan import Item, Plan
from curation.records import Progress

ROWS = 100
"""Rows of a group: what a viewer reads at once."""
KINDS = {"pts": "int64", "rank": "int64", "stars": "int64", "width": "int64", "height": "int64",
         "time_s": "float64", "score": "float64", "picked_by_hand": "bool_", "n_bytes": "int64"}


class Parquet(Sharded):
    """data/SPLIT-00000-of-00001.parquet; with --no-embed pictures lie in images/."""

    name: ClassVar[str] = "parquet"
    about: ClassVar[str] = "tables with the pictures inside, a column for each measure"
    reader: ClassVar[str] = "datasets.load_dataset('parquet', ...), pandas.read_parquet"

    def check(self, plan: Plan) -> None:
        """Raise StepUnavailable where pyarrow is not installed."""
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:
            raise StepUnavailable(
                "export parquet needs pyarrow, which is not installed",
                "pip install '.[parquet]' in the clone, or export csv",
            ) from error

    def shard_name(self, split: str, number: int, of: int) -> str:
        """Return data/SPLIT-NUMBER-of-ALL.parquet."""
        return f"data/{split}-{number:05d}-of-{of:05d}.parquet"

    def path(self, item: Item, plan: Plan) -> str:
        """Return images/SPLIT/NAME, where pictures are no part of the table."""
        return below("images", item.split, item.name)

    def write(self, plan: Plan, out: Out) -> Iterator[Progress]:
        """Write tables with their pictures, or pictures and then tables that name them."""
        if plan.params.embed:
            yield from super().write(plan, out)
            return
        yield from Format.pictures(self, plan, out)
        for file, data in self.texts(plan, out.done):
            out.text(file, data)

    def texts(self, plan: Plan, done: Sequence[Placed]) -> Iterator[tuple[str, bytes]]:
        """Yield the tables where the pictures are no part of them."""
        if plan.params.embed:
            return
        import io

        for split in dict.fromkeys(one.item.split for one in done):
            side = [one for one in done if one.item.split == split]
            sink = io.BytesIO()
            rows = (
                {"file": one.file, "sha256": one.sha256, **facts(one.item)} for one in side
            )
            _write(sink, plan, [one.item for one in side], rows)
            yield self.shard_name(split or "train", 0, 1), sink.getvalue()

    def preview(self, plan: Plan) -> tuple[list[str], list[tuple[str, bytes]]]:
        """Return tables, or pictures with their tables' names."""
        if plan.params.embed:
            return super().preview(plan)
        files = [self.path(item, plan) for item in plan.items]
        return files, [(self.shard_name(split or "train", 0, 1), b"") for split in
                       dict.fromkeys(item.split for item in plan.items)]  # fmt: skip

    def write_shard(
        self, file: BinaryIO, plan: Plan, pictures: Iterator[tuple[Item, bytes, str]]
    ) -> None:
        """Write one table, a hundred pictures in memory at a time."""
        items: list[Item] = []

        def rows() -> Iterator[dict[str, Any]]:
            for item, data, digest in pictures:
                items.append(item)
                yield {
                    "image": {"bytes": data, "path": item.name}, "sha256": digest,
                    "n_bytes": len(data), **facts(item),
                }  # fmt: skip

        _write(file, plan, items, rows())

    def digests(self, file: BinaryIO) -> Mapping[str, tuple[str, int]]:
        """Read them from the columns."""
        import pyarrow.parquet as pq

        table = pq.read_table(file, columns=["image.path", "sha256", "n_bytes"])
        found = {}
        for row in table.to_pylist():
            found[row["image"]["path"]] = (row["sha256"], row["n_bytes"])
        return found


def _write(file: Any, plan: Plan, items: list[Item], rows: Iterator[dict[str, Any]]) -> None:
    """Write rows as groups; `items` holds at least those that were drawn from `rows`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = measure_names(plan)
    writer: Any = None
    group: list[dict[str, Any]] = []
    n = 0

    def flush() -> None:
        nonlocal writer, group, n
        if not group and writer is not None:
            return
        signals = plan.signals(items[n : n + len(group)])
        whole = [row | {name: found.get(name) for name in names}
                 for row, found in zip(group, signals, strict=True)]  # fmt: skip
        schema = _schema(pa, plan, names, "image" in (group[0] if group else {}))
        table = pa.Table.from_pylist(whole, schema=schema)
        if writer is None:
            writer = pq.ParquetWriter(file, schema, compression="zstd")
        writer.write_table(table)
        n += len(group)
        group = []

    for row in rows:
        group.append(row)
        if len(group) == ROWS:
            flush()
    flush()
    writer.close()


def measure_names(plan: Plan) -> list[str]:
    """Return the measures that are numbers or words, in order; their names clash with no fact."""
    from curation.export.datastore_json import HIDDEN

    taken = {"image", "file", "sha256", "n_bytes", "frame", "video", "caption", *KINDS}
    return [
        name for name, values in plan.columns.items()
        if name not in HIDDEN and name not in taken and not name.startswith("has_")
        and values.dtype.kind in "fiu"
    ]  # fmt: skip


def _schema(pa: Any, plan: Plan, names: Sequence[str], embedded: bool) -> Any:
    fields = [pa.field("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
              ] if embedded else [pa.field("file", pa.string())]  # fmt: skip
    fields.append(pa.field("sha256", pa.string()))
    if embedded:
        fields.append(pa.field("n_bytes", pa.int64()))
    sample = facts(plan.items[0])
    for name in sample:
        if name == "tags":
            fields.append(pa.field(name, pa.list_(pa.string())))
        else:
            kind = getattr(pa, KINDS.get(name, "string"))
            fields.append(pa.field(name, kind()))
    whole = {"phash", "dhash", "pixels"}
    fields += [pa.field(name, pa.string() if name in whole else pa.float64()) for name in names]
    about = {"info": {"features": {"image": {"_type": "Image"}}}} if embedded else {}
    return pa.schema(fields, metadata={"huggingface": json.dumps(about)} if about else None)
