"""CSV: pictures in a folder and one table of all that is known of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import ClassVar

from curation.export.formats.base import Format, Placed, Text, below, facts
from curation.export.formats.parquet import measure_names
from curation.export.plan import Item, Plan
from curation.export.tables import safe_cell


class Csv(Format):
    """images/SPLIT/NAME.jpg and data.csv."""

    name: ClassVar[str] = "csv"
    about: ClassVar[str] = "pictures and one CSV of facts and measures"
    reader: ClassVar[str] = "pandas.read_csv, spreadsheets"

    def path(self, item: Item, plan: Plan) -> str:
        """Return images/SPLIT/NAME."""
        return below("images", item.split, item.name)

    def texts(self, plan: Plan, done: Sequence[Placed]) -> Iterator[Text]:
        """Yield the table; no cell is a formula to a spreadsheet."""
        names = measure_names(plan)
        sink = io.StringIO(newline="")
        writer = csv.writer(sink, lineterminator="\n")
        head = ["file", "sha256", *(facts(plan.items[0]) if plan.items else ()), *names]
        writer.writerow(head)
        for one, signals in zip(done, plan.signals([one.item for one in done]), strict=True):
            told = facts(one.item)
            told["tags"] = ";".join(told["tags"])
            row = [one.file, one.sha256, *told.values(), *(signals.get(name) for name in names)]
            writer.writerow([safe_cell(cell) for cell in row])
        yield "data.csv", sink.getvalue().encode("utf-8", "replace")
