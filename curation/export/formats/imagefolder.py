"""Hugging Face imagefolder: metadata.jsonl beside the pictures of each split, and a dataset card.

Layout: datasets, "Create an image dataset", ImageFolder (file_name column).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from curation.export.formats.base import Format, Placed, Text, below, facts, line, sides
from curation.export.formats.card import card
from curation.export.plan import Item, Plan

FOLDERS = {"val": "validation", "": "train"}
"""How datasets calls the splits."""


class ImageFolder(Format):
    """data/SPLIT/NAME.jpg, metadata.jsonl in each, README.md with the card."""

    name: ClassVar[str] = "imagefolder"
    about: ClassVar[str] = "Hugging Face imagefolder: metadata.jsonl and a dataset card"
    reader: ClassVar[str] = "datasets.load_dataset('imagefolder', data_dir=...)"

    def path(self, item: Item, plan: Plan) -> str:
        """Return data/SPLIT/NAME."""
        return below("data", folder(item.split), item.name)

    def texts(self, plan: Plan, done: Sequence[Placed]) -> Iterator[Text]:
        """Yield metadata.jsonl of each split, and the card."""
        found = {split: [one for one in done if one.item.split == split] for split in sides(plan)}
        made = {split: list(rows(side)) for split, side in found.items() if side}
        # datasets takes a column of nothing but nulls for one of another kind in that split.
        empty = {name for side in made.values() for name in side[0]
                 if all(row[name] is None for row in side)}  # fmt: skip
        for split, side in made.items():
            lines = (line({k: v for k, v in row.items() if k not in empty}) for row in side)
            yield f"data/{folder(split)}/metadata.jsonl", b"".join(lines)
        yield "README.md", card(plan, done).encode()


def rows(done: Sequence[Placed]) -> Iterator[dict[str, Any]]:
    """Yield a row for each picture; the caption is the column `text`, as trainers look for it."""
    for one in done:
        told = facts(one.item)
        told["tags"] = ", ".join(told["tags"])  # an empty list has no kind
        yield {"file_name": one.item.name, "text": told.pop("caption"), **told}


def folder(split: str) -> str:
    """Return the folder of a split."""
    return FOLDERS.get(split, split)
